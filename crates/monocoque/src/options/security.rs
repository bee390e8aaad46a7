//! Which mechanism connections have, and what it needs.

use std::fmt;
use std::sync::Arc;

use monocoque_zmtp::limits::CREDENTIAL_BYTES_MAX;
use monocoque_zmtp::{
    Authenticator, CurveClient, CurveKeys, CurveServer, PlainClient, PublicKey, Secret, SecretKey, Security,
};

use super::SocketOption;
use crate::auth::{ENTROPY, ZapRules};
use crate::error::OptionError;

/// The security options of a socket. The last of them that was set decides the mechanism, as in libzmq.
#[derive(Clone, Default)]
pub(crate) struct SecurityOptions {
    mechanism: Mechanism,
    username: Vec<u8>,
    password: Option<Secret>,
    curve: Curve,
    /// Who judges peers; without one ZAP does, if its rules say so.
    authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) zap_domain: String,
    pub(crate) zap_enforce_domain: bool,
}

/// The keys of CURVE, as they were set.
#[derive(Debug, Clone, Default)]
struct Curve {
    public: Option<PublicKey>,
    secret: Option<SecretKey>,
    server: Option<PublicKey>,
    /// Those of a server, when they were set as such.
    keys: Option<CurveKeys>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mechanism {
    #[default]
    Null,
    PlainClient,
    PlainServer,
    CurveClient,
    CurveServer,
}

impl Mechanism {
    fn only_if(self, on: bool) -> Self {
        if on { self } else { Self::Null }
    }
}

impl SecurityOptions {
    /// The number of the mechanism, as `ZMQ_MECHANISM` tells it.
    pub(crate) fn number(&self) -> i64 {
        match self.mechanism {
            Mechanism::Null => 0,
            Mechanism::PlainClient | Mechanism::PlainServer => 1,
            Mechanism::CurveClient | Mechanism::CurveServer => 2,
        }
    }

    /// The name of the mechanism, if it is one that protects.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self.mechanism {
            Mechanism::Null => None,
            Mechanism::PlainClient | Mechanism::PlainServer => Some("PLAIN"),
            Mechanism::CurveClient | Mechanism::CurveServer => Some("CURVE"),
        }
    }

    /// Judges that the mechanism has all that it needs. libzmq leaves it to the peer whether keys are a pair.
    pub(crate) fn check(&self, as_libzmq: bool) -> Result<(), OptionError> {
        let missing = |option, rule: &str| Err(OptionError::OutOfRange { option, rule: rule.to_owned() });
        let curve = &self.curve;
        match self.mechanism {
            Mechanism::CurveServer if curve.secret.is_none() && curve.keys.is_none() => {
                missing(SocketOption::CURVE_SECRETKEY, "is needed by a CURVE server")
            }
            Mechanism::CurveClient if curve.secret.is_none() => {
                missing(SocketOption::CURVE_SECRETKEY, "is needed by a CURVE client")
            }
            Mechanism::CurveClient if curve.server.is_none() => {
                missing(SocketOption::CURVE_SERVERKEY, "is needed by a CURVE client")
            }
            Mechanism::CurveClient | Mechanism::CurveServer if !as_libzmq && !curve.is_pair() => {
                missing(SocketOption::CURVE_PUBLICKEY, "does not belong to CURVE_SECRETKEY")
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn is_plain_server(&self) -> bool {
        self.mechanism == Mechanism::PlainServer
    }

    pub(crate) fn set_plain_server(&mut self, on: bool) {
        self.mechanism = Mechanism::PlainServer.only_if(on);
    }

    pub(crate) fn is_curve_server(&self) -> bool {
        self.mechanism == Mechanism::CurveServer
    }

    pub(crate) fn set_curve_server(&mut self, on: bool) {
        self.mechanism = Mechanism::CurveServer.only_if(on);
    }

    /// Lets `judge` decide who comes in.
    pub(crate) fn judge_by(&mut self, judge: impl Authenticator) {
        self.authenticator = Some(Arc::new(judge));
    }

    pub(crate) fn username(&self) -> Option<Vec<u8>> {
        self.as_plain_client(|| self.username.clone())
    }

    pub(crate) fn set_username(&mut self, username: Option<&[u8]>) {
        self.mechanism = Mechanism::PlainClient.only_if(username.is_some());
        self.username = username.unwrap_or_default().to_vec();
    }

    pub(crate) fn password(&self) -> Option<Vec<u8>> {
        self.as_plain_client(|| self.password.as_ref().map_or(&[][..], Secret::expose).to_vec())
    }

    pub(crate) fn set_password(&mut self, password: Option<&[u8]>) -> Result<(), String> {
        let password = password.map(Secret::new).transpose().map_err(|error| error.to_string())?;
        self.mechanism = Mechanism::PlainClient.only_if(password.is_some());
        self.password = password;
        Ok(())
    }

    /// Both at once.
    pub(crate) fn set_plain(&mut self, username: String, password: &[u8]) -> Result<(), OptionError> {
        let refused = |option, rule| Err(OptionError::OutOfRange { option, rule });
        if username.len() > CREDENTIAL_BYTES_MAX {
            let rule = format!("takes text of at most {CREDENTIAL_BYTES_MAX} bytes");
            return refused(SocketOption::PLAIN_USERNAME, rule);
        }
        if let Err(rule) = self.set_password(Some(password)) {
            return refused(SocketOption::PLAIN_PASSWORD, rule);
        }
        self.set_username(Some(username.as_bytes()));
        Ok(())
    }

    pub(crate) fn public_key(&self) -> Option<Vec<u8>> {
        self.curve.public.map(|key| key.as_bytes().to_vec())
    }

    pub(crate) fn set_public_key(&mut self, key: Option<&[u8]>) -> Result<(), String> {
        self.curve.public = key.map(public_key).transpose()?;
        self.speak_curve(key.is_some());
        Ok(())
    }

    pub(crate) fn secret_key(&self) -> Option<Vec<u8>> {
        self.curve.secret.as_ref().map(|key| key.expose().to_vec())
    }

    pub(crate) fn set_secret_key(&mut self, key: Option<&[u8]>) -> Result<(), String> {
        self.curve.secret = key.map(secret_key).transpose()?;
        self.curve.keys = None;
        self.speak_curve(key.is_some());
        Ok(())
    }

    pub(crate) fn server_key(&self) -> Option<Vec<u8>> {
        self.curve.server.map(|key| key.as_bytes().to_vec())
    }

    pub(crate) fn set_server_key(&mut self, key: Option<&[u8]>) -> Result<(), String> {
        self.curve.server = key.map(public_key).transpose()?;
        self.mechanism = Mechanism::CurveClient.only_if(key.is_some());
        Ok(())
    }

    pub(crate) fn be_curve_client(&mut self, server: PublicKey, secret: SecretKey) {
        self.curve = Curve { public: Some(secret.public()), secret: Some(secret), server: Some(server), keys: None };
        self.mechanism = Mechanism::CurveClient;
    }

    pub(crate) fn be_curve_server(&mut self, keys: CurveKeys) {
        self.curve = Curve { keys: Some(keys), ..Curve::default() };
        self.mechanism = Mechanism::CurveServer;
    }

    /// A key was set or cleared that either side may have.
    fn speak_curve(&mut self, on: bool) {
        let role = if self.is_curve_server() { Mechanism::CurveServer } else { Mechanism::CurveClient };
        self.mechanism = role.only_if(on);
    }

    /// What sessions are told.
    pub(crate) fn session(&self) -> Security {
        match self.mechanism {
            Mechanism::Null => Security::Null,
            Mechanism::PlainClient => Security::PlainClient(Arc::new(self.client())),
            Mechanism::PlainServer => Security::PlainServer,
            Mechanism::CurveClient => self.curve.client(),
            Mechanism::CurveServer => {
                let keys = self.curve.keys.clone().unwrap_or_else(|| CurveKeys::new(self.curve.secret.clone()));
                Security::CurveServer(Arc::new(CurveServer { keys, entropy: ENTROPY }))
            }
        }
    }

    /// Who judges peers, if that was said.
    pub(crate) fn authenticator(&self) -> Option<Arc<dyn Authenticator>> {
        self.authenticator.clone()
    }

    /// Whether ZAP is asked about peers, and what if nobody answers.
    pub(crate) fn zap(&self, patient: bool) -> Option<ZapRules> {
        let (named, enforced) = (!self.zap_domain.is_empty(), self.zap_enforce_domain);
        let needed = match self.mechanism {
            // Nobody is let in without having been judged.
            Mechanism::PlainServer => true,
            Mechanism::CurveServer if named || !enforced => enforced,
            Mechanism::Null if named => enforced,
            _ => return None,
        };
        Some(ZapRules { domain: self.zap_domain.clone(), needed, patient })
    }

    fn client(&self) -> PlainClient {
        let password = self.password.clone().unwrap_or_default();
        PlainClient::new(&self.username, password).expect("both were measured when they were set")
    }

    fn as_plain_client<T>(&self, told: impl FnOnce() -> T) -> Option<T> {
        (self.mechanism == Mechanism::PlainClient).then(told)
    }
}

impl Curve {
    /// Whether the public key that was set, if one was, is that of the secret one.
    fn is_pair(&self) -> bool {
        match (&self.public, &self.secret) {
            (Some(public), Some(secret)) => secret.public() == *public,
            _ => true,
        }
    }

    /// The client of these keys. [`SecurityOptions::check`] came before: without them no server would answer it.
    fn client(&self) -> Security {
        let nobody = || PublicKey::from_bytes([0; 32]);
        let secret = self.secret.clone().unwrap_or_else(|| SecretKey::from_bytes([0; 32]));
        let server = self.server.unwrap_or_else(nobody);
        let public = self.public.unwrap_or_else(|| secret.public());
        Security::CurveClient(Arc::new(CurveClient { server, secret, public, entropy: ENTROPY }))
    }
}

/// A key in 32 bytes, or in 40 characters of Z85, with which a C string has one more.
fn public_key(key: &[u8]) -> Result<PublicKey, String> {
    match key.try_into() {
        Ok(raw) => Ok(PublicKey::from_bytes(raw)),
        Err(_) => text(key)?.parse().map_err(told),
    }
}

fn secret_key(key: &[u8]) -> Result<SecretKey, String> {
    match key.try_into() {
        Ok(raw) => Ok(SecretKey::from_bytes(raw)),
        Err(_) => text(key)?.parse().map_err(told),
    }
}

fn text(key: &[u8]) -> Result<&str, String> {
    str::from_utf8(key.strip_suffix(b"\0").unwrap_or(key)).map_err(told)
}

fn told(error: impl fmt::Display) -> String {
    format!("takes a key in 32 bytes or 40 characters of Z85: {error}")
}

impl fmt::Debug for SecurityOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityOptions").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}
