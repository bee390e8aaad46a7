//! One direction of a proxy: take a message, copy it to the capture, hand it on.
//!
//! A lane has one message at most, and remembers how far it has come: whatever stops it, it goes on from there.

use monocoque_core::Message;
use monocoque_core::stats::DropCause;
use monocoque_pattern::{RecvRefused, SendReason};

use super::steering::{Counters, Traffic};
use super::{ProxyError, ProxySocket};
use crate::core::Core;

/// Messages that go one way before the other way, and then other tasks, get their turn.
const BATCH_MESSAGES: u32 = 256;

/// One side, as a lane sees it.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) core: &'a Core,
    pub(super) socket: ProxySocket,
    pub(super) counters: &'a Counters,
}

impl End<'_> {
    fn closed(self) -> ProxyError {
        ProxyError::Closed(self.socket)
    }
}

/// How far the message in a lane has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// There is none.
    #[default]
    Empty,
    /// It waits for the capture.
    Taken,
    /// It waits for the other side.
    Copied,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Lane {
    stage: Stage,
    /// Of value unless the stage is empty. Kept between messages, because receiving into it saves copies.
    message: Message,
    /// The bytes of its frames.
    bytes: u64,
}

/// What a turn has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing could be done.
    Idle,
    /// Something was done, and then there was nothing more.
    Moved,
    /// The turn is over, and there may be more.
    More,
}

/// What passes in one turn: counted at its end, because counters are shared.
#[derive(Default)]
struct Turn {
    /// What the one side received.
    taken: Traffic,
    /// What the other side sent.
    given: Traffic,
}

impl Lane {
    /// Whether it has a message that was received and not sent.
    pub(super) fn holds(&self) -> bool {
        self.stage != Stage::Empty
    }

    /// Forwards what is there and finds room, up to [a batch](BATCH_MESSAGES).
    pub(super) fn forward(
        &mut self,
        from: End<'_>,
        to: End<'_>,
        capture: Option<&Core>,
    ) -> Result<Progress, ProxyError> {
        let mut turn = Turn::default();
        let ended = self.run(&mut turn, from, to, capture);
        from.counters.add(&turn.taken);
        to.counters.add(&turn.given);
        ended
    }

    fn run(
        &mut self,
        turn: &mut Turn,
        from: End<'_>,
        to: End<'_>,
        capture: Option<&Core>,
    ) -> Result<Progress, ProxyError> {
        let mut progress = Progress::Idle;
        for _ in 0..BATCH_MESSAGES {
            if !self.holds() {
                if !self.take(turn, from, to, capture)? {
                    return Ok(progress);
                }
                progress = Progress::Moved;
            }
            if !(self.copy(capture)? && self.hand_on(turn, to)?) {
                return Ok(progress);
            }
            progress = Progress::Moved;
        }
        Ok(Progress::More)
    }

    /// Receives the next message; whether there was one. A message that could go no further stays in its pipe, where it
    /// counts against the high-water mark.
    fn take(
        &mut self,
        turn: &mut Turn,
        from: End<'_>,
        to: End<'_>,
        capture: Option<&Core>,
    ) -> Result<bool, ProxyError> {
        // One socket for both may send only what it has received.
        let is_one = std::ptr::eq(from.core, to.core);
        let has_room = (is_one || to.core.hub.can_send()) && capture.is_none_or(|capture| capture.hub.can_send());
        if !has_room && from.core.is_closing() {
            return Err(from.closed());
        }
        let received = if has_room { from.core.hub.try_recv_into(&mut self.message) } else { Err(RecvRefused::Empty) };
        match received {
            Ok(()) => {
                self.bytes = self.message.byte_len() as u64;
                turn.taken.messages_in += 1;
                turn.taken.bytes_in += self.bytes;
                self.stage = if capture.is_some() { Stage::Taken } else { Stage::Copied };
                Ok(true)
            }
            Err(RecvRefused::Closed) => Err(from.closed()),
            // Nothing may pass now, or it is not the turn of a REQ or REP: the other direction brings it.
            Err(_) => {
                // What was sent last may still hold memory of the socket that it came from.
                self.message = Message::new();
                match capture {
                    _ if to.core.is_closing() => Err(to.closed()),
                    Some(capture) if capture.is_closing() => Err(ProxyError::Closed(ProxySocket::Capture)),
                    _ => Ok(false),
                }
            }
        }
    }

    /// Sends the copy that is due; whether there is none any more.
    #[inline]
    fn copy(&mut self, capture: Option<&Core>) -> Result<bool, ProxyError> {
        if self.stage == Stage::Taken
            && let Some(capture) = capture
        {
            match capture.hub.try_send_from(&mut self.message.clone()) {
                Ok(()) => {}
                Err(SendReason::Full | SendReason::NoPeer) => return Ok(false),
                Err(SendReason::Closed) => return Err(ProxyError::Closed(ProxySocket::Capture)),
                Err(_) => capture.hub.drops().count(DropCause::NoRoute, 1),
            }
        }
        self.stage = Stage::Copied;
        Ok(true)
    }

    /// Sends the message; whether the lane is empty now.
    #[inline]
    fn hand_on(&mut self, turn: &mut Turn, to: End<'_>) -> Result<bool, ProxyError> {
        match to.core.hub.try_send_from(&mut self.message) {
            Ok(()) => {
                turn.given.messages_out += 1;
                turn.given.bytes_out += self.bytes;
            }
            Err(SendReason::Full | SendReason::NoPeer | SendReason::State) => return Ok(false),
            Err(SendReason::Closed) => return Err(to.closed()),
            // It leads nowhere: its client is gone, or whoever made it knows no envelopes.
            Err(_) => to.core.hub.drops().count(DropCause::NoRoute, 1),
        }
        self.stage = Stage::Empty;
        Ok(true)
    }
}
