//! One peer over WebSocket, from the request to the close.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use monocoque_core::Protocol;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Blame, Need, Output, ProtocolError, Side};
use monocoque_core::slab::{Arena, SlabClass, SlabMut};
use monocoque_zmtp::{Beginning, Entropy, PeerInfo, Session, SessionConfig, SessionError};

use crate::error::{
    CLOSE_AWAY, CLOSE_NO_CODE, CLOSE_NORMAL, CLOSE_POLICY, CLOSE_PROTOCOL, CLOSE_TOO_BIG, FrameFault, WsError,
};
use crate::frame::{self, Header, Opcode, Parsed};
use crate::mask::{self, Keys};
use crate::receive::{self, Run};
use crate::send;
use crate::upgrade::{self, NONCE_BYTES, Spoken};

/// What the WebSocket sessions of an endpoint have in common.
#[derive(Debug, Clone)]
pub struct WsConfig {
    /// What the session within is told.
    pub session: Arc<SessionConfig>,
    /// The host, and the port if there is one, that a request names.
    pub host: String,
    /// The path that is asked for.
    pub path: String,
    /// Where a client's masks come from.
    pub entropy: Entropy,
    /// What frames are gathered in.
    pub arena: Arena,
}

/// One ZeroMQ peer over WebSocket, from the request to the close. Holds no socket, no timer and no clock.
///
/// Whoever dials is the client and masks. The heartbeat of the configuration goes by WebSocket's own pings, without
/// content, as with libzmq: what the peer may conclude from silence (a time to live) they do not tell.
#[derive(Debug)]
pub struct WsSession {
    config: Arc<WsConfig>,
    session: Session,
    side: Side,
    stage: Stage,
    /// A client's.
    keys: Option<Keys>,
    /// The handshake within is done.
    ready: bool,
}

#[derive(Debug)]
enum Stage {
    /// The client's request is awaited.
    Request,
    /// The server's response to this nonce is awaited.
    Response([u8; NONCE_BYTES]),
    Open,
    /// We have said that we close, or the peer has.
    Closed,
    /// There was no randomness for a request, at this time.
    Mute(Instant),
}

impl WsSession {
    /// A session for a connection on which we are `side`.
    pub fn new(config: impl Into<Arc<WsConfig>>, side: Side) -> Self {
        let config = config.into();
        Self {
            session: Session::within(Arc::clone(&config.session), side),
            side,
            stage: Stage::Request,
            keys: (side == Side::Dialer).then(|| Keys::new(config.entropy)),
            ready: false,
            config,
        }
    }

    /// With where the peer is, as an [`Authenticator`](monocoque_zmtp::Authenticator) is to hear it.
    #[must_use]
    pub fn of_peer_at(self, address: impl Into<Box<str>>) -> Self {
        Self { session: self.session.of_peer_at(address), ..self }
    }

    /// Sends the request, if there is randomness for it.
    fn ask(&mut self, now: Instant, out: &mut Output<PeerInfo>) {
        let mut nonce = [0; NONCE_BYTES];
        if !self.config.entropy.fill(&mut nonce) {
            self.stage = Stage::Mute(now);
            return;
        }
        let WsConfig { host, path, .. } = &*self.config;
        out.write.push(upgrade::request(host, path, nonce, self.spoken()));
        self.stage = Stage::Response(nonce);
    }

    /// Which sub-protocols are ours.
    fn spoken(&self) -> Spoken {
        Spoken { mechanism: self.session.mechanism(), bare: self.session.takes_identities() }
    }

    /// Takes the head that comes first; `true` once it is whole.
    fn upgrade(&mut self, now: Instant, input: &mut SlabMut, out: &mut Output<PeerInfo>) -> Result<bool, WsError> {
        let bytes = &input.filled()[..input.len().min(upgrade::HEAD_BYTES_MAX)];
        let spoken = self.spoken();
        let judged = match self.stage {
            Stage::Request => {
                let judged = upgrade::judge_request(bytes, spoken);
                judged.inspect_err(|fault| out.write.push(upgrade::refusal(fault)))?.map(
                    |(len, (answer, beginning))| {
                        out.write.push(answer);
                        (len, beginning)
                    },
                )
            }
            Stage::Response(nonce) => upgrade::judge_response(bytes, nonce, spoken)?,
            Stage::Open | Stage::Closed => return Ok(true),
            Stage::Mute(_) => return Err(SessionError::NoEntropy.into()),
        };
        let Some((len, beginning)) = judged else { return Ok(false) };
        input.skip(len);
        self.stage = Stage::Open;
        self.begin(now, beginning, out)?;
        Ok(true)
    }

    fn begin(&mut self, now: Instant, beginning: Beginning, out: &mut Output<PeerInfo>) -> Result<(), WsError> {
        let before = std::mem::take(&mut out.write);
        let begun = self.session.begin(now, beginning, out);
        self.say(before, out)?;
        Ok(begun?)
    }

    /// Puts what the session within wants written into messages of WebSocket, behind `before`.
    fn say(&mut self, before: Vec<Bytes>, out: &mut Output<PeerInfo>) -> Result<(), WsError> {
        let said = std::mem::replace(&mut out.write, before);
        Ok(send::encode(&said, self.keys.as_mut(), &mut out.write)?)
    }

    /// Takes frames until more input is needed.
    fn converse(&mut self, now: Instant, input: &mut SlabMut, out: &mut Output<PeerInfo>) -> Result<Need, WsError> {
        if self.session.is_judging() {
            // It may have been decided meanwhile.
            let nothing = self.config.arena.lease(SlabClass::Tiny);
            self.give(now, Some(nothing), out)?;
        }
        let (mut run, mut replies) = (Run::default(), Vec::new());
        let result = self.take_frames(now, input, &mut run, &mut replies, out);
        // What came before a fault is delivered, and what is wrong with it is told first.
        let given = self.give(now, run.take(), out);
        if !replies.is_empty() {
            out.write.push(replies.into());
        }
        given.and(result)
    }

    fn take_frames(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        run: &mut Run,
        replies: &mut Vec<u8>,
        out: &mut Output<PeerInfo>,
    ) -> Result<Need, WsError> {
        loop {
            let bytes = input.filled();
            let header = match frame::parse(bytes, self.side)? {
                Parsed::Header(header) => header,
                Parsed::Part { needed } => return Ok(Need(needed)),
            };
            if header.opcode.is_control() {
                let frame_len = header.header_len + header.payload_len as usize;
                if bytes.len() < frame_len {
                    return Ok(Need(frame_len));
                }
                self.obey(header, &mut input.filled_mut()[header.header_len..frame_len], replies)?;
                input.skip(frame_len);
                continue;
            }
            if self.session.is_judging() {
                return Ok(Need(0));
            }
            let Some(body_len) = header.payload_len.checked_sub(1) else { return Err(FrameFault::NoFlags.into()) };
            let Some(&first) = bytes.get(header.header_len) else { return Ok(Need(header.header_len + 1)) };
            let flags = receive::flags(header, first)?;
            self.session.check_frame(flags == monocoque_core::wire::COMMAND, body_len)?;
            // The check above has it that the length can be addressed.
            let frame_len = header.header_len.saturating_add(header.payload_len as usize);
            if bytes.len() < frame_len {
                return Ok(Need(frame_len));
            }
            if !Run::takes(header) {
                self.give(now, run.take(), out)?;
                let frame = receive::rewrite(flags, header, input);
                self.give(now, Some(frame), out)?;
                continue;
            }
            if !run.has_room(frame_len) {
                self.give(now, run.take(), out)?;
            }
            run.push(flags, header, input, &self.config.arena);
            input.skip(frame_len);
            if !self.ready {
                // What is allowed next depends on what this one says.
                self.give(now, run.take(), out)?;
            }
        }
    }

    /// Gives whole frames to the session within.
    fn give(&mut self, now: Instant, frames: Option<SlabMut>, out: &mut Output<PeerInfo>) -> Result<(), WsError> {
        let Some(mut frames) = frames else { return Ok(()) };
        let before = std::mem::take(&mut out.write);
        let received = self.session.received(now, &mut frames, out);
        self.ready |= out.ready.is_some();
        self.say(before, out)?;
        received?;
        debug_assert!(frames.is_empty(), "a session takes whole frames whole");
        Ok(())
    }

    /// Takes a control frame.
    fn obey(&mut self, header: Header, payload: &mut [u8], replies: &mut Vec<u8>) -> Result<(), WsError> {
        mask::apply(payload, header.key.unwrap_or_default(), 0);
        self.session.heard();
        match header.opcode {
            // spec: 6455, ping — an endpoint must send a pong in response, with the same application data.
            Opcode::Ping => send::put_control(replies, Opcode::Pong, payload, self.keys.as_mut())?,
            Opcode::Close => {
                let (code, reason) = match payload {
                    [] => (CLOSE_NO_CODE, String::new()),
                    [_] => return Err(FrameFault::CloseCode.into()),
                    [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason.escape_ascii().to_string()),
                };
                // spec: 6455, close — an endpoint that has not sent one must answer, typically with the same code.
                if !matches!(self.stage, Stage::Closed) {
                    self.stage = Stage::Closed;
                    send::put_control(replies, Opcode::Close, &payload[..payload.len().min(2)], self.keys.as_mut())?;
                }
                return Err(WsError::Closed { code, reason });
            }
            Opcode::Pong | Opcode::Binary => {}
        }
        Ok(())
    }

    /// Says that we close, if that was not said.
    fn close(&mut self, code: u16, out: &mut Output<PeerInfo>) {
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        self.stage = Stage::Closed;
        let mut buffer = Vec::new();
        // Without keys there is nothing that may be said.
        if send::put_control(&mut buffer, Opcode::Close, &code.to_be_bytes(), self.keys.as_mut()).is_ok() {
            out.write.push(buffer.into());
        }
    }
}

/// The code with which the peer is told of an error.
fn close_code(error: &WsError) -> u16 {
    match error.blame() {
        Blame::PeerMisbehaved => CLOSE_PROTOCOL,
        Blame::Limit => CLOSE_TOO_BIG,
        Blame::Silence => CLOSE_AWAY,
        _ => CLOSE_POLICY,
    }
}

impl Protocol for WsSession {
    type Peer = PeerInfo;
    type Error = WsError;

    fn connected(&mut self, now: Instant, out: &mut Output<PeerInfo>) {
        self.session.connected(now, out);
        if self.side == Side::Dialer {
            self.ask(now, out);
        }
    }

    fn received(&mut self, now: Instant, input: &mut SlabMut, out: &mut Output<PeerInfo>) -> Result<Need, WsError> {
        let result = match self.upgrade(now, input, out) {
            Ok(true) => self.converse(now, input, out),
            // A head does not tell its length: the next byte may be its last.
            Ok(false) => Ok(Need(input.len() + 1)),
            Err(error) => Err(error),
        };
        result.inspect_err(|error| self.close(close_code(error), out))
    }

    fn beside(&self, input: usize) -> usize {
        receive::beside(input)
    }

    fn unfinished(&self) -> usize {
        self.session.unfinished()
    }

    fn poll_unblocked(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.session.poll_unblocked(cx)
    }

    fn send(&mut self, now: Instant, batch: &mut Batch, out: &mut Output<PeerInfo>) -> Result<(), WsError> {
        let before = std::mem::take(&mut out.write);
        self.session.send(now, batch, out)?;
        self.say(before, out)
    }

    fn finish(&mut self, out: &mut Output<PeerInfo>) {
        self.close(CLOSE_NORMAL, out);
    }

    fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Mute(since) => Some(since),
            _ => self.session.deadline(),
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Output<PeerInfo>) -> Result<(), WsError> {
        if let Stage::Mute(_) = self.stage {
            return Err(SessionError::NoEntropy.into());
        }
        let before = std::mem::take(&mut out.write);
        let result = self.session.timeout(now, out);
        self.say(before, out)?;
        result.map_err(WsError::from).inspect_err(|error| self.close(close_code(error), out))
    }

    fn judge(&mut self, now: Instant) -> Result<(), WsError> {
        Ok(self.session.judge(now)?)
    }

    fn left(&self) -> Option<WsError> {
        self.session.left().map(WsError::from)
    }

    fn forgive(&mut self, now: Instant) {
        self.session.forgive(now);
    }
}
