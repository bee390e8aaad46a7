//! One peer from greeting to close: the stages, and nothing of what happens within one.

mod handshake;
mod sealed;
mod within;

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use monocoque_core::Protocol;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Need, Output, Side};
use monocoque_core::slab::SlabMut;

use self::handshake::Judgement;
pub use self::within::Beginning;
use crate::auth::Grant;
use crate::command::{Command, ERROR, PING, PONG, Wishes};
use crate::config::SessionConfig;
use crate::error::{Limit, PeerIncompatible, SessionError};
use crate::frames::{self, Rules, Scan, Stop};
use crate::greeting::{self, GREETING_BYTES, Opening, SIGNATURE_BYTES, Version};
use crate::heartbeat::{self, Pulse};
use crate::mechanism::Mechanism;
use crate::older::{
    self,
    framing::{self, Rewritten},
};
use crate::older::{Older, SUBSCRIBE_TO_ALL, Told};
use crate::peer::PeerInfo;
use crate::raw;

/// One ZMTP peer from greeting to close. Holds no socket, no timer and no clock.
///
/// Calls follow the order of [`Protocol`]. What was collected in [`Output`] before an error is still to be
/// handed on: `write` may hold the ERROR that tells the peer why, `deliver` the messages that came before.
///
/// ```
/// use std::time::Instant;
/// use monocoque_core::protocol::{Output, Protocol, Side};
/// use monocoque_core::{SocketType, slab::SlabMut};
/// use monocoque_zmtp::{PeerMisbehaved, Session, SessionConfig};
///
/// let (now, mut out) = (Instant::now(), Output::default());
/// let mut session = Session::new(SessionConfig::new(SocketType::Rep), Side::Listener);
/// session.connected(now, &mut out);
/// assert_eq!(out.write.concat(), b"\xff\0\0\0\0\0\0\0\x01\x7f");
///
/// let mut input = SlabMut::exact(64)?;
/// input.extend_from_slice(b"GET / HTTP/1.1");
/// let error = session.received(now, &mut input, &mut out).unwrap_err();
/// assert_eq!(error, PeerMisbehaved::Signature { at: 0, byte: b'G' }.into());
/// # Ok::<(), monocoque_core::slab::OutOfMemory>(())
/// ```
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    side: Side,
    mechanism: Mechanism,
    rules: Rules,
    stage: Stage,
    pulse: Pulse,
    /// Until the peer is ready.
    entry: Option<Box<Entry>>,
    /// Frames of a message whose last frame is still to come; none between messages.
    partial: Option<Box<Batch>>,
    /// Bytes of input that were left where they are by the last call.
    left: usize,
    /// Frames are written by a transport, in a form of its own.
    within: bool,
}

/// What only the handshake needs.
#[derive(Debug)]
struct Entry {
    deadline: Option<Instant>,
    /// Ours.
    greeting: Bytes,
    /// How much of it went out.
    greeted: usize,
    /// Where the peer is, for who judges it.
    address: Box<str>,
    /// As whom the peer was let in.
    grant: Option<Grant>,
}

#[derive(Debug)]
enum Stage {
    /// The transport has not agreed yet.
    Unagreed,
    /// Of the peer nothing is known but that its identity comes first.
    Identity,
    /// The peer's 64 bytes are not all there.
    Greeting,
    /// What the mechanism says first went out.
    Handshake { announced: Version },
    /// The peer showed what is to be judged.
    Judging(Box<Judgement>),
    /// The peer is of an older version and has our greeting; of its own, nothing is taken off the input yet.
    OlderGreeting(Older),
    /// The peer is ready.
    Traffic,
    /// The peer is ready, and has frames of its own form: ZMTP 1.0.
    OlderTraffic,
    /// The peer is ready, and its frames are in boxes: CURVE.
    SealedTraffic,
    /// Nothing is spoken: bytes.
    Raw,
}

impl Session {
    /// A session for a connection on which we are `side`.
    pub fn new(config: impl Into<Arc<SessionConfig>>, side: Side) -> Self {
        let config = config.into();
        let mechanism = Mechanism::of(&config.security);
        let greeting = greeting::encode(mechanism.name(), config.security.is_server(), config.told_identity().len());
        Self {
            side,
            mechanism,
            rules: Rules::new(config.max_message_bytes, Wishes::of(config.socket_type)),
            stage: Stage::Greeting,
            pulse: Pulse::new(config.heartbeat),
            entry: Some(Box::new(Entry { deadline: None, greeting, greeted: 0, address: Box::default(), grant: None })),
            partial: None,
            left: 0,
            within: false,
            config,
        }
    }

    /// With where the peer is, as an [`Authenticator`](crate::Authenticator) is to hear it.
    #[must_use]
    pub fn of_peer_at(mut self, address: impl Into<Box<str>>) -> Self {
        if let Some(entry) = &mut self.entry {
            entry.address = address.into();
        }
        self
    }

    /// Works through the stages until one needs more input. A stage that is done gives `None`.
    fn advance(&mut self, now: Instant, input: &mut SlabMut, out: &mut Output<PeerInfo>) -> Result<Need, SessionError> {
        loop {
            let need = match self.stage {
                Stage::Unagreed => return Ok(Need(0)),
                Stage::Greeting => self.greet(now, input, out)?,
                Stage::Identity => self.take_identity(now, input, out)?,
                Stage::Handshake { announced } => self.shake_hands(now, announced, input, out)?,
                Stage::Judging(_) => self.decide(now, out)?,
                Stage::OlderGreeting(older) => self.meet(older, input, out)?,
                Stage::Traffic => return self.exchange(now, input, out),
                Stage::SealedTraffic => return self.exchange_sealed(now, input, out),
                Stage::OlderTraffic => return self.exchange_rewritten(input, out),
                Stage::Raw => {
                    raw::deliver(input, &mut out.deliver);
                    return Ok(Need(0));
                }
            };
            if let Some(need) = need {
                return Ok(need);
            }
        }
    }

    fn greet(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Option<Need>, SessionError> {
        let bytes = input.filled();
        if greeting::opening(bytes)? == Opening::Identity {
            return self.step_back(Older::Zmtp1, out);
        }
        // Answered in the steps in which it came, so that an error below leaves the same bytes written.
        self.say_greeting(bytes.len().min(SIGNATURE_BYTES), out);
        if greeting::is_2_0(bytes)? {
            return self.step_back(Older::Zmtp2, out);
        }
        // spec: 37/ZMTP, authentication — whoever reads a full greeting must also send one, even if it refuses.
        self.say_greeting(bytes.len(), out);
        greeting::check_mechanism(bytes, self.mechanism.name())?;
        if bytes.len() < GREETING_BYTES {
            return Ok(Some(Need(GREETING_BYTES)));
        }
        let announced = greeting::version(bytes);
        input.skip(GREETING_BYTES);
        self.stage = Stage::Handshake { announced };
        match self.mechanism.open(&self.config)? {
            Some(step) => self.go_on(now, announced, step, out),
            None => Ok(None),
        }
    }

    /// Sends what of our greeting may go out after `received` bytes of the peer's.
    fn say_greeting(&mut self, received: usize, out: &mut Output<PeerInfo>) {
        let (Stage::Greeting, Some(entry)) = (&self.stage, &mut self.entry) else { return };
        let sendable = greeting::sendable(received);
        if sendable > entry.greeted {
            out.write.push(entry.greeting.slice(entry.greeted..sendable));
            entry.greeted = sendable;
        }
    }

    /// Goes on as the peer's older version does. What went out so far means the same in it.
    fn step_back(&mut self, older: Older, out: &mut Output<PeerInfo>) -> Result<Option<Need>, SessionError> {
        self.mechanism.admit_older(&self.config, older.version().major)?;
        if !older::is_told(self.config.socket_type) {
            return Err(PeerIncompatible::Version { major: older.version().major }.into());
        }
        let rest = older.answer(&self.config);
        if !rest.is_empty() {
            out.write.push(rest);
        }
        self.stage = Stage::OlderGreeting(older);
        Ok(None)
    }

    /// Takes the greeting of an older peer, which is ready with it.
    fn meet(
        &mut self,
        older: Older,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Option<Need>, SessionError> {
        let (len, introduction) = match older.judge(input.filled(), self.config.socket_type)? {
            Told::Whole { len, introduction } => (len, introduction),
            Told::Part { needed } => return Ok(Some(Need(needed))),
        };
        input.skip(len);
        out.ready = Some(introduction.into_peer(older.version(), self.mechanism.name(), self.side));
        self.entry = None;
        self.stage = match older {
            Older::Zmtp1 => Stage::OlderTraffic,
            Older::Zmtp2 => Stage::Traffic,
        };
        self.rules = self.rules.without_commands();
        // spec: 13/ZMTP, broadcast content — a subscriber sends nothing, and filters what it gets.
        if older == Older::Zmtp1 && self.config.socket_type.publishes() {
            out.deliver.push(Bytes::from_static(SUBSCRIBE_TO_ALL), 1);
        }
        Ok(None)
    }

    /// Takes the input of a ready peer: runs of message frames to deliver, and commands between them.
    fn exchange(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Need, SessionError> {
        // One write for all PONGs of this input, so that a flood of PINGs costs the peer more than us.
        let mut replies = Vec::new();
        let result = loop {
            let scan = frames::scan(input.filled(), self.partial.is_some(), &self.rules);
            if let Err(error) = self.take_run(&scan, input, &mut out.deliver) {
                break Err(error);
            }
            let (header_len, frame_len) = match scan.stop {
                Stop::Need(bytes) => break Ok(Need(bytes)),
                Stop::Fault(error) => break Err(error),
                Stop::Command { header_len, frame_len } => (header_len, frame_len),
            };
            let is_last = input.len() == frame_len;
            let body = &input.filled()[header_len..frame_len];
            if let Err(error) = self.obey(now, body, is_last, &mut replies) {
                break Err(error);
            }
            input.skip(frame_len);
        };
        if !replies.is_empty() {
            out.write.push(replies.into());
        }
        result
    }

    /// [`exchange`](Self::exchange) with a peer of ZMTP 1.0: its frames are made a pipe's, and there are no commands.
    fn exchange_rewritten(&mut self, input: &mut SlabMut, out: &mut Output<PeerInfo>) -> Result<Need, SessionError> {
        loop {
            let Rewritten { surplus, scan } = framing::rewrite(input.filled_mut(), self.rules.message());
            input.skip(surplus);
            self.take_run(&scan, input, &mut out.deliver)?;
            match scan.stop {
                framing::Stop::Surplus => {}
                framing::Stop::Need(bytes) => return Ok(Need(bytes)),
                framing::Stop::Fault(error) => return Err(error),
            }
        }
    }

    /// Cuts a run of frames off the input: whole messages to deliver, the rest to wait for its end.
    fn take_run<S>(&mut self, scan: &Scan<S>, input: &mut SlabMut, deliver: &mut Batch) -> Result<(), SessionError> {
        // spec: 37/ZMTP, messages — delivered atomically: all the frames of a message, or none of them.
        if scan.whole > 0 {
            self.end_partial(deliver);
            deliver.push(input.split_to(scan.whole), scan.messages);
        }
        if scan.taken > scan.whole {
            self.hold(input.split_to(scan.taken - scan.whole))?;
        }
        Ok(())
    }

    /// The message whose frames are kept has its end in what comes next.
    fn end_partial(&mut self, deliver: &mut Batch) {
        if let Some(mut partial) = self.partial.take() {
            deliver.append(&mut partial);
        }
    }

    /// Keeps frames of a message whose end is to come.
    fn hold(&mut self, frames: Bytes) -> Result<(), SessionError> {
        self.partial.get_or_insert_default().push(frames, 0);
        let asked = self.unfinished() as u64;
        match self.config.max_multipart_bytes {
            Some(allowed) if asked > allowed => {
                Err(SessionError::LimitExceeded { limit: Limit::Message, asked, allowed })
            }
            _ => Ok(()),
        }
    }

    /// Takes a command of a ready peer; `is_last` says that nothing came behind it yet.
    fn obey(&mut self, now: Instant, body: &[u8], is_last: bool, replies: &mut Vec<u8>) -> Result<(), SessionError> {
        let command = Command::parse(body)?;
        match command.name {
            PING => self.pulse.pinged(now, command, is_last, replies)?,
            PONG => heartbeat::check_pong(command)?,
            // The peer may refuse us after its own READY made it ready for us: both were sent at once.
            ERROR => return Err(SessionError::HandshakeRefused { reason: command.error_reason()? }),
            _ => return Err(command.unwelcome().into()),
        }
        Ok(())
    }
}

impl Protocol for Session {
    type Peer = PeerInfo;
    type Error = SessionError;

    fn connected(&mut self, now: Instant, out: &mut Output<PeerInfo>) {
        if self.config.is_raw() {
            (self.stage, self.entry) = (Stage::Raw, None);
            out.ready = Some(PeerInfo::raw(self.config.socket_type, self.side));
            return;
        }
        if let Some(entry) = &mut self.entry {
            entry.deadline = self.config.handshake_timeout.and_then(|timeout| now.checked_add(timeout));
        }
        // Nothing, if the transport is still to agree.
        self.say_greeting(0, out);
    }

    fn received(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Need, SessionError> {
        if input.len() > self.left {
            self.pulse.heard();
        }
        let result = self.advance(now, input, out);
        self.left = input.len();
        result
    }

    /// For NULL and PLAIN the batch *is* the wire's bytes, from ZMTP 2.0 on: its segments are handed on as they are.
    fn send(&mut self, _now: Instant, batch: &mut Batch, out: &mut Output<PeerInfo>) -> Result<(), SessionError> {
        if matches!(self.stage, Stage::OlderTraffic) {
            framing::encode(&batch.segments, &mut out.write);
        } else if matches!(self.stage, Stage::Raw) {
            raw::encode(&batch.segments, &mut out.write);
        } else if let Some((sending, _)) = self.mechanism.lanes() {
            sending.seal(&mut batch.segments, &mut out.write);
            if !batch.is_empty() {
                return Ok(());
            }
        } else {
            debug_assert!(matches!(self.stage, Stage::Traffic), "nothing is sent before the peer is ready");
            out.write.append(&mut batch.segments);
        }
        batch.clear();
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        let entry = self.entry.as_ref().and_then(|entry| entry.deadline);
        entry.into_iter().chain(self.pulse.deadline()).min()
    }

    fn timeout(&mut self, now: Instant, out: &mut Output<PeerInfo>) -> Result<(), SessionError> {
        if self.entry.as_ref().and_then(|entry| entry.deadline).is_some_and(|deadline| deadline <= now) {
            return Err(SessionError::HandshakeTimeout { allowed: self.config.handshake_timeout.unwrap_or_default() });
        }
        match self.pulse.poll(now)? {
            Some(ping) if self.within => out.write.push(ping),
            Some(ping) => self.say(ping, out),
            None => {}
        }
        Ok(())
    }

    fn judge(&mut self, now: Instant) -> Result<(), SessionError> {
        self.pulse.judge(now)
    }

    fn is_verbatim(&self) -> bool {
        !matches!(self.stage, Stage::OlderTraffic | Stage::SealedTraffic | Stage::Raw)
    }

    fn unfinished(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.bytes)
    }

    fn poll_unblocked(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Stage::Judging(judgement) = &mut self.stage else { return Poll::Ready(false) };
        if let Some(pending) = &mut judgement.pending {
            judgement.verdict = Some(ready!(pending.as_mut().poll(cx)));
            judgement.pending = None;
        }
        Poll::Ready(true)
    }

    fn left(&self) -> Option<SessionError> {
        self.mechanism.left()
    }

    fn forgive(&mut self, now: Instant) {
        self.pulse.forgive(now);
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::SocketType;

    use super::*;

    #[test]
    fn a_session_is_small_so_that_ten_thousand_idle_peers_are() {
        assert!(size_of::<Session>() <= 192, "{}", size_of::<Session>());
    }

    #[test]
    fn a_session_crosses_threads() {
        fn is_send<T: Send>(_: &T) {}
        is_send(&Session::new(SessionConfig::new(SocketType::Pair), Side::Dialer));
    }
}
