//! Whole conversations as bytes, by RFC 6455 and RFC 45, on either side and in pieces of any size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use monocoque_core::SocketType;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Need, Output, Protocol, ProtocolError, Side};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_core::wire::EncodedHeader;
use monocoque_ws::{FrameFault, UpgradeFault, WsConfig, WsError, WsSession};
use monocoque_zmtp::{Entropy, Heartbeat, Limit, SessionConfig, SessionError};
use proptest::prelude::*;

/// What is drawn in these tests: keys and nonces of sevens.
const DRAWN: u8 = 7;

const REQUEST: &[u8] = b"GET /zeromq HTTP/1.1\r\nHost: localhost:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: BwcHBwcHBwcHBwcHBwcHBw==\r\nSec-WebSocket-Protocol: ZWS2.0/NULL,ZWS2.0\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: CdXSYUsvsaMthlEXWDNURGWA/1o=\r\nSec-WebSocket-Protocol: ZWS2.0/NULL\r\n\r\n";
/// READY of a DEALER: a message of WebSocket, flags and all.
const READY: &[u8] = b"\x02\x05READY\x0bSocket-Type\0\0\0\x06DEALER";

const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A frame of WebSocket as `from` writes it.
fn ws(from: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let (mask, key): (u8, &[u8]) = if from == Side::Dialer { (0x80, &[DRAWN; 4]) } else { (0, &[]) };
    let mut frame = match payload.len() {
        len @ ..126 => vec![first, mask | len as u8],
        len @ ..65536 => [&[first, mask | 126][..], &(len as u16).to_be_bytes()].concat(),
        len => [&[first, mask | 127][..], &(len as u64).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(key);
    frame.extend(payload.iter().map(|byte| byte ^ key.first().unwrap_or(&0)));
    frame
}

/// The same message in a pipe.
fn piped(payload: &[u8]) -> Vec<u8> {
    [EncodedHeader::new(payload[0], payload.len() - 1).as_slice(), &payload[1..]].concat()
}

fn message(flags: u8, len: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..=len).map(|at| (at % 251) as u8).collect();
    payload[0] = flags;
    payload
}

fn config() -> SessionConfig {
    SessionConfig::new(SocketType::Dealer)
}

struct End {
    session: WsSession,
    side: Side,
    input: Vec<u8>,
    ready: bool,
    said: Vec<u8>,
    got: Vec<u8>,
}

impl End {
    fn new(side: Side, session: SessionConfig) -> Self {
        let entropy = Entropy::new(|bytes| {
            bytes.fill(DRAWN);
            true
        });
        let (host, path) = ("localhost:80".to_owned(), "/zeromq".to_owned());
        let config = WsConfig { session: Arc::new(session), host, path, entropy, arena: Arena::new() };
        let session = WsSession::new(config, side);
        let mut end = Self { session, side, input: Vec::new(), ready: false, said: Vec::new(), got: Vec::new() };
        end.act(|session, out| session.connected(Instant::now(), out));
        end
    }

    /// One that has met its peer.
    fn met(side: Side, config: SessionConfig) -> Self {
        let mut end = Self::new(side, config);
        let theirs = end.theirs(&[]);
        end.take(&theirs, usize::MAX).expect("sound");
        assert!(end.ready);
        end.said.clear();
        end
    }

    /// What the peer says to become ready, and then.
    fn theirs(&self, then: &[u8]) -> Vec<u8> {
        let (head, from) = if self.side == Side::Dialer { (RESPONSE, Side::Listener) } else { (REQUEST, Side::Dialer) };
        [head, &ws(from, BINARY, READY), then].concat()
    }

    fn peer(&self) -> Side {
        if self.side == Side::Dialer { Side::Listener } else { Side::Dialer }
    }

    fn act<T>(&mut self, call: impl FnOnce(&mut WsSession, &mut Output<monocoque_zmtp::PeerInfo>) -> T) -> T {
        let mut out = Output::default();
        let result = call(&mut self.session, &mut out);
        self.said.extend(out.write.concat());
        self.ready |= out.ready.is_some();
        self.got.extend(out.deliver.segments.concat());
        result
    }

    /// Takes `bytes`, at most `piece` at once.
    fn take(&mut self, bytes: &[u8], piece: usize) -> Result<(), WsError> {
        for bytes in bytes.chunks(piece) {
            self.input.extend_from_slice(bytes);
            let mut slab = SlabMut::exact(self.input.len()).expect("memory");
            slab.extend_from_slice(&self.input);
            let result = self.act(|session, out| session.received(Instant::now(), &mut slab, out));
            self.input = slab.filled().to_vec();
            let Need(need) = result?;
            assert!(need > self.input.len() || self.input.is_empty(), "{need} of {}", self.input.len());
        }
        Ok(())
    }

    /// What comes of `bytes` from a peer that is ready: the error, and the code of our close.
    fn fails(side: Side, first: u8, payload: &[u8]) -> (WsError, Option<u16>) {
        let mut end = Self::met(side, config());
        let error = end.take(&ws(end.peer(), first, payload), usize::MAX).expect_err("a fault");
        let said = match (side, &end.said[..]) {
            (Side::Listener, [CLOSE, 2, high, low]) => Some([*high, *low]),
            (Side::Dialer, [CLOSE, 0x82, _, _, _, _, high, low]) => Some([high ^ DRAWN, low ^ DRAWN]),
            _ => None,
        };
        (error, said.map(u16::from_be_bytes))
    }
}

#[test]
fn no_more_of_a_head_is_waited_for_than_there_may_be() {
    for (side, head) in [(Side::Listener, REQUEST), (Side::Dialer, RESPONSE)] {
        for cut in 1..head.len() {
            let mut slab = SlabMut::exact(cut).expect("memory");
            slab.extend_from_slice(&head[..cut]);
            let need = End::new(side, config()).act(|session, out| session.received(Instant::now(), &mut slab, out));
            assert!(need.is_ok_and(|Need(need)| need <= head.len()), "{side:?} after {cut}");
        }
    }
}

#[test]
fn both_sides_say_what_the_rfcs_have_them_say() {
    let mut client = End::new(Side::Dialer, config());
    assert_eq!(client.said, REQUEST);
    client.said.clear();
    client.take(RESPONSE, usize::MAX).expect("sound");
    assert_eq!(client.said, ws(Side::Dialer, BINARY, &[READY, b"\x08Identity\0\0\0\0"].concat()));

    let mut server = End::new(Side::Listener, config());
    assert_eq!(server.said, b"");
    server.take(REQUEST, usize::MAX).expect("sound");
    let ready = ws(Side::Listener, BINARY, &[READY, b"\x08Identity\0\0\0\0"].concat());
    assert_eq!(server.said, [RESPONSE, &ready].concat());
}

#[test]
fn messages_of_every_size_come_through_in_both_directions() {
    for side in [Side::Dialer, Side::Listener] {
        let mut end = End::met(side, config());
        let sizes = [0, 1, 124, 125, 126, 254, 255, 256, 8191, 8192, 65_533, 65_534, 65_535, 65_536, 300_000];
        let messages: Vec<Vec<u8>> = sizes.iter().map(|&len| message(0, len)).collect();
        let wire = |from| messages.iter().flat_map(|message| ws(from, BINARY, message)).collect::<Vec<u8>>();
        end.take(&wire(end.peer()), usize::MAX).expect("sound");
        let piped: Vec<u8> = messages.iter().flat_map(|message| piped(message)).collect();
        assert!(end.got == piped, "what was received");
        let mut batch = Batch::default();
        batch.push(piped.into(), messages.len());
        end.act(|session, out| session.send(Instant::now(), &mut batch, out)).expect("ready");
        assert!(end.said == wire(side), "what was sent");
    }
}

#[test]
fn a_peer_without_a_mechanism_begins_with_its_identity() {
    let mut server = End::new(Side::Listener, config());
    let request = String::from_utf8(REQUEST.to_vec()).expect("text").replace("ZWS2.0/NULL,", "");
    let theirs =
        [request.as_bytes(), &ws(Side::Dialer, BINARY, b"\0me"), &ws(Side::Dialer, BINARY, b"\0hello")].concat();
    server.take(&theirs, 11).expect("sound");
    assert!(server.ready);
    assert_eq!(server.got, b"\0\x05hello");
    assert!(server.said.ends_with(b"\r\nSec-WebSocket-Protocol: ZWS2.0\r\n\r\n\x82\x01\0"));
}

#[test]
fn pings_are_answered_and_sent_as_heartbeats() {
    let mut server = End::met(Side::Listener, config());
    server.take(&[ws(Side::Dialer, PING, b"one"), ws(Side::Dialer, PING, b"")].concat(), 5).expect("sound");
    assert_eq!(server.said, [ws(Side::Listener, PONG, b"one"), ws(Side::Listener, PONG, b"")].concat());

    let interval = Duration::from_secs(1);
    let mut config = config();
    config.heartbeat = Heartbeat { interval: Some(interval), timeout: None, ttl: None };
    let mut client = End::met(Side::Dialer, config);
    let at = client.session.deadline().expect("a ping is due");
    client.act(|session, out| session.timeout(at, out)).expect("not yet");
    assert_eq!(client.said, ws(Side::Dialer, PING, b""));
    client.take(&ws(Side::Listener, PONG, b""), usize::MAX).expect("sound");
    client.act(|session, _| session.judge(at + interval)).expect("it is alive");
    client.act(|session, out| session.timeout(at + interval, out)).expect("it is alive");
    let error = client.act(|session, out| session.timeout(at + 2 * interval, out)).expect_err("silence");
    assert_eq!(error, SessionError::HeartbeatTimeout { allowed: interval }.into());
    assert!(client.said.ends_with(&ws(Side::Dialer, CLOSE, &1001_u16.to_be_bytes())));
}

#[test]
fn a_close_is_answered_once_and_tells_why() {
    for (payload, code, reason, answer) in [
        (&b""[..], 1005, "", &b""[..]),
        (b"\x03\xe8", 1000, "", b"\x03\xe8"),
        (b"\x03\xeabad\n", 1002, "bad\\n", b"\x03\xea"),
    ] {
        let mut end = End::met(Side::Listener, config());
        let wire = [ws(Side::Dialer, BINARY, b"\0last"), ws(Side::Dialer, CLOSE, payload)].concat();
        let error = end.take(&wire, usize::MAX).expect_err("closed");
        assert_eq!(error, WsError::Closed { code, reason: reason.into() });
        assert_eq!(error.is_end(), code != 1002);
        assert_eq!((&end.said[..], &end.got[..]), (&ws(Side::Listener, CLOSE, answer)[..], &b"\0\x04last"[..]));
    }
    let mut end = End::met(Side::Listener, config());
    end.act(|session, out| session.finish(out));
    let error = end.take(&ws(Side::Dialer, CLOSE, b"\x03\xe8"), usize::MAX).expect_err("closed");
    assert!(error.is_end());
    assert_eq!(end.said, ws(Side::Listener, CLOSE, &1000_u16.to_be_bytes()));
}

#[test]
fn each_fault_closes_with_its_code() {
    for side in [Side::Dialer, Side::Listener] {
        let frame = |fault: FrameFault| (fault.into(), Some(1002));
        assert_eq!(End::fails(side, 0x81, b"text"), frame(FrameFault::Opcode(1)));
        assert_eq!(End::fails(side, 0x02, b"\0part"), frame(FrameFault::Fragmented));
        assert_eq!(End::fails(side, 0xc2, b"\0deflated"), frame(FrameFault::ReservedBits(0xc2)));
        assert_eq!(End::fails(side, BINARY, b""), frame(FrameFault::NoFlags));
        assert_eq!(End::fails(side, BINARY, b"\x03"), frame(FrameFault::Flags(3)));
        assert_eq!(End::fails(side, BINARY, b"\x04"), frame(FrameFault::Flags(4)));
        assert_eq!(End::fails(side, PING, &[0; 126]), frame(FrameFault::ControlTooLong(126)));
        assert_eq!(End::fails(side, CLOSE, b"x"), frame(FrameFault::CloseCode));
    }
    let mut server = End::met(Side::Listener, config());
    let error = server.take(&ws(Side::Listener, BINARY, b"\0bare"), usize::MAX);
    assert_eq!(error, Err(FrameFault::NotMasked.into()));
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_length() {
    let mut limited = config();
    limited.max_message_bytes = Some(10);
    let mut end = End::met(Side::Listener, limited);
    let wire = ws(Side::Dialer, BINARY, &message(0, 11));
    let error = end.take(&wire[..7], usize::MAX).expect_err("too long");
    let limit = SessionError::LimitExceeded { limit: Limit::MessageFrame, asked: 11, allowed: 10 };
    assert_eq!((error, &end.said[..]), (limit.into(), &ws(Side::Listener, CLOSE, &1009_u16.to_be_bytes())[..]));

    let mut end = End::met(Side::Listener, config());
    let huge = [&[BINARY, 0xff][..], &(i64::MAX as u64).to_be_bytes(), &[0; 5]].concat();
    assert_eq!(end.take(&huge, 1), Ok(()), "nothing is taken but what is there");
}

#[test]
fn who_does_not_ask_for_an_upgrade_is_answered_and_refused() {
    let mut server = End::new(Side::Listener, config());
    let error = server.take(b"\xff\0\0\0\0\0\0\0\x01\x7f", usize::MAX).expect_err("no HTTP");
    assert!(matches!(error, WsError::Upgrade(UpgradeFault::NotHttp(_))), "{error}");
    assert!(server.said.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));

    let mut client = End::new(Side::Dialer, config());
    let error = client.take(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 9).expect_err("refused");
    assert_eq!(error, UpgradeFault::Status { status: 403 }.into());
}

#[test]
fn without_randomness_nothing_is_said() {
    let config = WsConfig {
        session: Arc::new(config()),
        host: "localhost".to_owned(),
        path: "/".to_owned(),
        entropy: Entropy::new(|_| false),
        arena: Arena::new(),
    };
    let (mut client, mut out, now) = (WsSession::new(config, Side::Dialer), Output::default(), Instant::now());
    client.connected(now, &mut out);
    assert_eq!(client.deadline(), Some(now));
    assert_eq!(client.timeout(now, &mut out), Err(SessionError::NoEntropy.into()));
    assert!(out.write.is_empty());
}

fn conversations() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    let sizes = prop::sample::select(vec![0usize, 1, 125, 126, 255, 256, 3000, 65_535, 70_000]);
    let data = (sizes, any::<bool>()).prop_map(|(len, more)| (true, message(more.into(), len)));
    let ping = prop::collection::vec(any::<u8>(), 0..10).prop_map(|payload| (false, payload));
    prop::collection::vec(prop_oneof![4 => data, 1 => ping], 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn in_any_pieces(units in conversations(), piece in prop::sample::select(vec![1usize, 2, 3, 100, 5000, 100_000]), server: bool) {
        let side = if server { Side::Listener } else { Side::Dialer };
        let total = units.iter().map(|(_, payload)| payload.len()).sum::<usize>();
        // Input that is left is copied by this harness for every piece.
        prop_assume!(piece >= 100 || total < 5000);
        let run = |piece: usize| {
            let mut end = End::new(side, config());
            let unit = |(data, payload): &(bool, Vec<u8>)| ws(end.peer(), if *data { BINARY } else { PING }, payload);
            let wire = end.theirs(&units.iter().flat_map(unit).collect::<Vec<u8>>());
            end.take(&wire, piece).expect("sound");
            (end.said, end.got, end.ready, end.input)
        };
        let whole = run(usize::MAX);
        prop_assert!(whole.2 && whole.3.is_empty());
        prop_assert_eq!(run(piece), whole);
    }
}
