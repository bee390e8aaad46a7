//! A session on a transport that agrees on the mechanism by itself, and has a form of its own for frames: WebSocket.

use std::sync::Arc;
use std::time::Instant;

use monocoque_core::limits::FRAME_HEADER_BYTES_MAX;
use monocoque_core::protocol::{Need, Output, Side};
use monocoque_core::slab::SlabMut;
use monocoque_core::wire::{EncodedHeader, Header, LONG};

use super::{Session, Stage};
use crate::config::SessionConfig;
use crate::curve::traffic::SEALED_BYTES;
use crate::error::{PeerMisbehaved, SessionError};
use crate::frames::{self, Cap, HANDSHAKE_CAP, Judged};
use crate::greeting::Version;
use crate::older::Older;
use crate::peer::{Introduction, PeerInfo};

/// How two peers begin on a transport that has agreed on the mechanism before, and needs no greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// With the handshake of the mechanism.
    Mechanism,
    /// Each says its identity in a frame of its own and is ready, as in ZMTP 2.0 but without a socket type.
    Identity,
}

impl Session {
    /// A session within a transport that agrees on the mechanism by itself: it says nothing, and is given nothing, until
    /// [`begin`](Self::begin). What it says and is given then are whole frames of ZMTP, which the transport writes in
    /// a form of its own. Its PINGs are never in boxes: the transport may have a form of its own for them too.
    pub fn within(config: impl Into<Arc<SessionConfig>>, side: Side) -> Self {
        Self { stage: Stage::Unagreed, within: true, ..Self::new(config, side) }
    }

    /// The name of the mechanism that the transport is to agree on.
    pub fn mechanism(&self) -> &'static str {
        self.mechanism.name()
    }

    /// Whether peers may begin with their identity alone: nothing of them is judged.
    pub fn takes_identities(&self) -> bool {
        self.mechanism.admit_older(&self.config, Older::Zmtp1.version().major).is_ok()
    }

    /// The transport has agreed. The peer is taken for one of ZMTP 3.0, the highest that needs no number.
    ///
    /// # Errors
    /// Nothing random was to be had for what is said first, or an identity alone is not enough.
    pub fn begin(
        &mut self,
        now: Instant,
        beginning: Beginning,
        out: &mut Output<PeerInfo>,
    ) -> Result<(), SessionError> {
        debug_assert!(matches!(self.stage, Stage::Unagreed), "a session begins once");
        match beginning {
            Beginning::Mechanism => {
                let announced = Version { major: 3, minor: 0 };
                self.stage = Stage::Handshake { announced };
                if let Some(step) = self.mechanism.open(&self.config)? {
                    self.go_on(now, announced, step, out)?;
                }
            }
            Beginning::Identity => {
                self.mechanism.admit_older(&self.config, Older::Zmtp1.version().major)?;
                self.stage = Stage::Identity;
                let identity = self.config.told_identity();
                out.write.push([EncodedHeader::new(0, identity.len()).as_slice(), identity].concat().into());
            }
        }
        Ok(())
    }

    /// Whether somebody judges the peer, and nothing of it is taken meanwhile.
    pub fn is_judging(&self) -> bool {
        matches!(self.stage, Stage::Judging(_))
    }

    /// Something of the transport's own came: a sign of life.
    pub fn heard(&mut self) {
        self.pulse.heard();
    }

    /// Judges a frame by what its transport says of it, before its body is awaited.
    ///
    /// # Errors
    /// [`SessionError::LimitExceeded`], and what is said of a command where there are none.
    pub fn check_frame(&self, is_command: bool, body_bytes: u64) -> Result<(), SessionError> {
        let cap = match self.stage {
            Stage::Traffic => self.rules.cap(is_command)?,
            Stage::SealedTraffic => {
                let cap = self.rules.largest();
                Cap { bytes: cap.bytes.saturating_add(SEALED_BYTES as u64), ..cap }
            }
            _ => self.mechanism.cap(),
        };
        frames::check_size(Header { flags: 0, header_len: FRAME_HEADER_BYTES_MAX, body_len: body_bytes }, cap).map(drop)
    }

    /// Takes the identity with which a peer without a mechanism begins.
    // spec: 45/ZWS, no mechanism — the first message of each side of the connection must be the routing id.
    pub(super) fn take_identity(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Option<Need>, SessionError> {
        let bytes = input.filled();
        let Some(&flags) = bytes.first() else {
            return Ok(Some(Need(0)));
        };
        if flags & !LONG != 0 {
            return Err(PeerMisbehaved::IdentityFlags(flags).into());
        }
        let (header, frame_len) = match frames::judge(bytes, HANDSHAKE_CAP)? {
            Judged::Whole { header, frame_len } => (header, frame_len),
            Judged::Part { needed } => return Ok(Some(Need(needed))),
        };
        let introduction = Introduction::of_identity(&bytes[header.header_len..frame_len], self.config.socket_type)?;
        input.skip(frame_len);
        out.ready = Some(introduction.into_peer(Older::Zmtp1.version(), self.mechanism.name(), self.side));
        self.rules = self.rules.without_commands();
        self.stage = Stage::Traffic;
        self.entry = None;
        self.pulse.start(now);
        Ok(None)
    }
}
