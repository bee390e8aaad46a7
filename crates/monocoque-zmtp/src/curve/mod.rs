//! CURVE (RFC 25 and 26): two peers that know each other's keys, and boxes that nobody else can read or make.
//!
//! HELLO and WELCOME agree on short-term keys, INITIATE and READY carry the metadata under them, and INITIATE the
//! vouch: that the client's long-term key stands behind its short-term key. Random bytes come from the configuration.

pub(crate) mod boxes;
pub(crate) mod config;
pub(crate) mod keys;
pub(crate) mod traffic;

use std::fmt;

use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use self::boxes::BoxKey;
use self::config::{CurveClient, CurveServer, Entropy};
use self::keys::{KEY_BYTES, PublicKey, SecretKey};
use self::traffic::Lane;
use crate::auth::Credentials;
use crate::command::{self, Command, ERROR, HELLO, INITIATE, READY, WELCOME};
use crate::config::{Security, SessionConfig};
use crate::error::{PeerMisbehaved, SessionError};
use crate::mechanism::Step;
use crate::metadata;

const HELLO_BYTES: usize = 194;
const HELLO_KEY_AT: usize = 74;
const HELLO_NONCE_AT: usize = HELLO_KEY_AT + KEY_BYTES;
const HELLO_BOX_AT: usize = HELLO_NONCE_AT + 8;
const COOKIE_BYTES: usize = 96;
const WELCOME_BYTES: usize = 160;
const VOUCH_BYTES: usize = 96;
/// Cookie, nonce, and a box of the client's key, the vouch and no metadata.
const INITIATE_BYTES_MIN: usize = COOKIE_BYTES + 8 + 16 + KEY_BYTES + VOUCH_BYTES;

const FROM_CLIENT: &[u8; 16] = b"CurveZMQMESSAGEC";
const FROM_SERVER: &[u8; 16] = b"CurveZMQMESSAGES";

/// One connection's CURVE.
pub(crate) struct Curve {
    stage: Stage,
    /// Our nonce for the next box of the handshake, and the peer's last.
    nonce: u64,
    heard: Option<u64>,
    /// Sending and receiving, once the short-term keys agree.
    lanes: Option<(Lane, Lane)>,
}

enum Stage {
    /// The client before WELCOME.
    Hello { short: SecretKey, key: BoxKey },
    /// The client before READY.
    Initiate { key: BoxKey },
    /// The server before HELLO.
    Idle,
    /// The server before INITIATE.
    Welcome(Box<Welcomed>),
    /// The server while the client, which has proved its key, is judged.
    Judged { key: BoxKey, metadata: Vec<u8> },
    /// Both after the handshake.
    Done,
}

struct Welcomed {
    /// Which of our long-term keys the client knows.
    server: SecretKey,
    short: SecretKey,
    client_short: PublicKey,
    cookie_key: BoxKey,
}

impl fmt::Debug for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Curve(..)")
    }
}

fn forged(name: &'static str) -> SessionError {
    PeerMisbehaved::BoxForged(name).into()
}

fn misshapen(name: &'static str) -> SessionError {
    PeerMisbehaved::MalformedCommand(name).into()
}

/// The nonce of a box: what it is for, and a counter.
fn counted(purpose: &[u8; 16], counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(purpose);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// The nonce of a box: what it is for, and random bytes.
fn random(purpose: &[u8; 8], rest: &[u8]) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(purpose);
    nonce[8..].copy_from_slice(rest);
    nonce
}

fn key_at(bytes: &[u8], at: usize) -> PublicKey {
    PublicKey::from_bytes(bytes[at..at + KEY_BYTES].try_into().expect("a key's bytes"))
}

fn draw<const N: usize>(entropy: Entropy) -> Result<Zeroizing<[u8; N]>, SessionError> {
    let mut bytes = Zeroizing::new([0; N]);
    if entropy.fill(&mut *bytes) { Ok(bytes) } else { Err(SessionError::NoEntropy) }
}

fn draw_secret(entropy: Entropy) -> Result<SecretKey, SessionError> {
    Ok(SecretKey::from_bytes(*draw(entropy)?))
}

impl Curve {
    pub(crate) fn new() -> Self {
        Self { stage: Stage::Idle, nonce: 0, heard: None, lanes: None }
    }

    fn step(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }

    /// Judges the counter of a box of the handshake.
    fn hear(&mut self, counter: &[u8]) -> Result<u64, SessionError> {
        let nonce = u64::from_be_bytes(counter.try_into().expect("8 bytes"));
        // The first may be any: libzmq's own begins with 1, and its tests with 0.
        if let Some(last) = self.heard.filter(|&last| nonce <= last) {
            return Err(PeerMisbehaved::NonceReused { nonce, last }.into());
        }
        self.heard = Some(nonce);
        Ok(nonce)
    }

    fn last_heard(&self) -> u64 {
        self.heard.unwrap_or_default()
    }

    /// Whether HELLO went out, and nothing came back.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.stage, Stage::Hello { .. })
    }

    /// Whether this is a server that has heard nothing yet.
    pub(crate) fn knows_nobody(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// The client's HELLO.
    pub(crate) fn hello(&mut self, client: &CurveClient) -> Result<Bytes, SessionError> {
        let short = draw_secret(client.entropy)?;
        let nonce = self.step();
        let key = BoxKey::agree(&short, &client.server).ok_or(SessionError::UnusableKey)?;
        let mut hello = Vec::with_capacity(HELLO_BYTES);
        hello.extend_from_slice(&[1, 0]);
        hello.resize(HELLO_KEY_AT, 0);
        hello.extend_from_slice(short.public().as_bytes());
        hello.extend_from_slice(&nonce.to_be_bytes());
        hello.extend_from_slice(&key.seal(&counted(b"CurveZMQHELLO---", nonce), &[0; 64]));
        self.stage = Stage::Hello { short, key };
        Ok(command::encode(HELLO, &hello))
    }

    /// Takes a command of the handshake.
    pub(crate) fn receive(&mut self, command: Command<'_>, config: &SessionConfig) -> Result<Step, SessionError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        match (stage, command.name, &config.security) {
            (Stage::Hello { short, key }, WELCOME, Security::CurveClient(client)) => {
                self.welcomed(&short, &key, command.data, client, config)
            }
            (Stage::Initiate { key }, READY, _) => self.ready(&key, command.data),
            (Stage::Hello { .. } | Stage::Initiate { .. }, ERROR, _) => {
                Err(SessionError::HandshakeRefused { reason: command.error_reason()? })
            }
            (Stage::Idle, HELLO, Security::CurveServer(server)) => self.welcome(command.data, server),
            (Stage::Welcome(welcomed), INITIATE, _) => self.initiated(&welcomed, command.data),
            _ => Err(command.unwelcome().into()),
        }
    }

    /// The client takes WELCOME, and answers INITIATE.
    fn welcomed(
        &mut self,
        short: &SecretKey,
        key: &BoxKey,
        data: &[u8],
        client: &CurveClient,
        config: &SessionConfig,
    ) -> Result<Step, SessionError> {
        if data.len() != WELCOME_BYTES {
            return Err(misshapen(WELCOME));
        }
        let plain = key.open(&random(b"WELCOME-", &data[..16]), &data[16..]).ok_or_else(|| forged(WELCOME))?;
        let (server_short, cookie) = (key_at(&plain, 0), &plain[KEY_BYTES..]);

        let vouch_nonce: Zeroizing<[u8; 16]> = draw(client.entropy)?;
        let vouched = [&short.public().as_bytes()[..], client.server.as_bytes()].concat();
        let vouch_key = BoxKey::agree(&client.secret, &server_short).ok_or_else(|| forged(WELCOME))?;
        let vouch = vouch_key.seal(&random(b"VOUCH---", &*vouch_nonce), &vouched);
        let mut contents = client.public.as_bytes().to_vec();
        contents.extend_from_slice(&*vouch_nonce);
        contents.extend_from_slice(&vouch);
        contents.extend_from_slice(&metadata::encode(config));

        let key = BoxKey::agree(short, &server_short).ok_or_else(|| forged(WELCOME))?;
        let nonce = self.step();
        let sealed = key.seal(&counted(b"CurveZMQINITIATE", nonce), &contents);
        let initiate = [cookie, &nonce.to_be_bytes(), &sealed].concat();
        self.stage = Stage::Initiate { key };
        Ok(Step::Say(command::encode(INITIATE, &initiate)))
    }

    /// The client takes READY.
    fn ready(&mut self, key: &BoxKey, data: &[u8]) -> Result<Step, SessionError> {
        let (counter, sealed) = data.split_at_checked(8).ok_or_else(|| misshapen(READY))?;
        let nonce = self.hear(counter)?;
        let plain = key.open(&counted(b"CurveZMQREADY---", nonce), sealed).ok_or_else(|| forged(READY))?;
        self.lanes =
            Some((Lane::new(key.lane(FROM_CLIENT), self.nonce), Lane::new(key.lane(FROM_SERVER), self.last_heard())));
        Ok(Step::Done { metadata: plain.to_vec(), answer: None })
    }

    /// The server takes HELLO, and answers WELCOME, which is shorter.
    fn welcome(&mut self, data: &[u8], server: &CurveServer) -> Result<Step, SessionError> {
        if data.len() != HELLO_BYTES || data[..2] != [1, 0] {
            return Err(misshapen(HELLO));
        }
        let client_short = key_at(data, HELLO_KEY_AT);
        let nonce = counted(b"CurveZMQHELLO---", self.hear(&data[HELLO_NONCE_AT..HELLO_BOX_AT])?);
        let known = server.keys.find(|secret| {
            let key = BoxKey::agree(secret, &client_short)?;
            let plain = key.open(&nonce, &data[HELLO_BOX_AT..])?;
            (plain[..] == [0; 64]).then_some(key)
        });
        let (secret, key) = known.ok_or_else(|| forged(HELLO))?;

        let short = draw_secret(server.entropy)?;
        let cookie_key = BoxKey::from_bytes(*draw(server.entropy)?);
        let cookie_nonce: Zeroizing<[u8; 16]> = draw(server.entropy)?;
        let kept = Zeroizing::new([&client_short.as_bytes()[..], short.expose()].concat());
        let cookie = cookie_key.seal(&random(b"COOKIE--", &*cookie_nonce), &kept);
        let contents = [&short.public().as_bytes()[..], &*cookie_nonce, &cookie].concat();
        let welcome_nonce: Zeroizing<[u8; 16]> = draw(server.entropy)?;
        let sealed = key.seal(&random(b"WELCOME-", &*welcome_nonce), &contents);
        let welcome = [&welcome_nonce[..], &sealed].concat();
        self.stage = Stage::Welcome(Box::new(Welcomed { server: secret, short, client_short, cookie_key }));
        Ok(Step::Say(command::encode(WELCOME, &welcome)))
    }

    /// The server takes INITIATE, which proves who the client is.
    fn initiated(&mut self, welcomed: &Welcomed, data: &[u8]) -> Result<Step, SessionError> {
        if data.len() < INITIATE_BYTES_MIN {
            return Err(misshapen(INITIATE));
        }
        let (cookie, rest) = data.split_at(COOKIE_BYTES);
        let kept = welcomed.cookie_key.open(&random(b"COOKIE--", &cookie[..16]), &cookie[16..]);
        let ours = Zeroizing::new([&welcomed.client_short.as_bytes()[..], welcomed.short.expose()].concat());
        if !kept.is_some_and(|kept| bool::from(kept.ct_eq(&ours))) {
            return Err(PeerMisbehaved::Cookie.into());
        }
        let (counter, sealed) = rest.split_at(8);
        let nonce = self.hear(counter)?;
        let key = BoxKey::agree(&welcomed.short, &welcomed.client_short).ok_or_else(|| forged(INITIATE))?;
        let plain = key.open(&counted(b"CurveZMQINITIATE", nonce), sealed).ok_or_else(|| forged(INITIATE))?;

        let client = key_at(&plain, 0);
        let (vouch, metadata) = plain[KEY_BYTES..].split_at(VOUCH_BYTES);
        let vouch_key = BoxKey::agree(&welcomed.short, &client).ok_or_else(|| forged("vouch"))?;
        let vouched = vouch_key.open(&random(b"VOUCH---", &vouch[..16]), &vouch[16..]);
        let wanted = [&welcomed.client_short.as_bytes()[..], welcomed.server.public().as_bytes()].concat();
        if !vouched.is_some_and(|vouched| bool::from(vouched.ct_eq(&wanted))) {
            return Err(forged("vouch"));
        }
        self.stage = Stage::Judged { key, metadata: metadata.to_vec() };
        Ok(Step::Ask(Credentials::Curve { key: client }))
    }

    /// The server lets the client in, and says READY.
    pub(crate) fn admitted(&mut self, config: &SessionConfig) -> Option<Step> {
        let Stage::Judged { key, metadata } = std::mem::replace(&mut self.stage, Stage::Done) else {
            return None;
        };
        let nonce = self.step();
        let sealed = key.seal(&counted(b"CurveZMQREADY---", nonce), &metadata::encode(config));
        let ready = command::encode(READY, &[&nonce.to_be_bytes()[..], &sealed].concat());
        self.lanes =
            Some((Lane::new(key.lane(FROM_SERVER), self.nonce), Lane::new(key.lane(FROM_CLIENT), self.last_heard())));
        Some(Step::Done { metadata, answer: Some(ready) })
    }

    /// The lanes to and from a ready peer.
    pub(crate) fn lanes(&mut self) -> Option<&mut (Lane, Lane)> {
        self.lanes.as_mut()
    }
}
