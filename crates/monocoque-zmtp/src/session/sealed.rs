//! Traffic in boxes: CURVE.

use std::time::Instant;

use bytes::Bytes;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Need, Output};
use monocoque_core::slab::SlabMut;

use super::Session;
use crate::curve::traffic;
use crate::error::{PeerMisbehaved, SessionError};
use crate::frames::{self, Stop};
use crate::peer::PeerInfo;

impl Session {
    /// [`exchange`](Self::exchange) with a peer of CURVE: boxes are opened where they lie, and what is in them judged.
    pub(super) fn exchange_sealed(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Need, SessionError> {
        let mut replies = Vec::new();
        let result = loop {
            let cap = self.rules.largest();
            let Some((_, receiving)) = self.mechanism.lanes() else {
                break Err(PeerMisbehaved::NotSealed.into());
            };
            let opened = receiving.open(input.filled_mut(), cap);
            input.skip(opened.surplus);
            let plain = input.split_to(opened.plain);
            input.skip(opened.gap);
            let is_last = input.is_empty();
            if let Err(error) = self.take_opened(now, plain, is_last, &mut replies, &mut out.deliver) {
                break Err(error);
            }
            match opened.stop {
                traffic::Stop::More => {}
                traffic::Stop::Need(bytes) => break Ok(Need(bytes)),
                traffic::Stop::Fault(error) => break Err(error),
            }
        };
        self.say(replies.into(), out);
        result
    }

    /// Takes whole frames that were opened: messages to deliver, commands to obey.
    fn take_opened(
        &mut self,
        now: Instant,
        mut plain: Bytes,
        is_last: bool,
        replies: &mut Vec<u8>,
        deliver: &mut Batch,
    ) -> Result<(), SessionError> {
        while !plain.is_empty() {
            let scan = frames::scan(&plain, self.partial.is_some(), &self.rules);
            if scan.whole > 0 {
                self.end_partial(deliver);
                deliver.push(plain.split_to(scan.whole), scan.messages);
            }
            if scan.taken > scan.whole {
                self.hold(plain.split_to(scan.taken - scan.whole))?;
            }
            match scan.stop {
                Stop::Need(_) => debug_assert!(plain.is_empty(), "a box holds a whole frame"),
                Stop::Fault(error) => return Err(error),
                Stop::Command { header_len, frame_len } => {
                    let frame = plain.split_to(frame_len);
                    self.obey(now, &frame[header_len..], is_last && plain.is_empty(), replies)?;
                }
            }
        }
        Ok(())
    }

    /// Sends frames of our own, in boxes if the peer wants them so.
    pub(super) fn say(&mut self, frames: Bytes, out: &mut Output<PeerInfo>) {
        if frames.is_empty() {
            return;
        }
        match self.mechanism.lanes() {
            Some((sending, _)) => {
                let mut frames = vec![frames];
                while !frames.is_empty() {
                    sending.seal(&mut frames, &mut out.write);
                }
            }
            None => out.write.push(frames),
        }
    }
}
