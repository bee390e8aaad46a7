//! The security handshake: commands until the peer has been judged and is ready.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use monocoque_core::protocol::{Need, Output};
use monocoque_core::slab::SlabMut;
use monocoque_core::wire::COMMAND;

use super::{Session, Stage};
use crate::auth::{Applicant, Credentials, Grant, Judging, NoVerdict, PendingVerdict, Verdict};
use crate::command;
use crate::config::Security;
use crate::error::{PeerIncompatible, PeerMisbehaved, SessionError};
use crate::frames::{self, Judged};
use crate::greeting::Version;
use crate::mechanism::Step;
use crate::peer::{Introduction, PeerInfo};

/// A peer that is judged.
pub(super) struct Judgement {
    announced: Version,
    pub(super) pending: Option<PendingVerdict>,
    pub(super) verdict: Option<Verdict>,
}

impl fmt::Debug for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judgement").field("verdict", &self.verdict).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn shake_hands(
        &mut self,
        now: Instant,
        announced: Version,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Option<Need>, SessionError> {
        let bytes = input.filled();
        let Some(&flags) = bytes.first() else {
            return Ok(Some(Need(0)));
        };
        let cap = self.mechanism.cap();
        // spec: 37/ZMTP, formal grammar — handshake = 1*command.
        let judged = match frames::judge(&bytes[..1], cap) {
            Ok(_) if flags & COMMAND == 0 => return Err(PeerMisbehaved::MessageInHandshake.into()),
            Ok(_) => frames::judge(bytes, cap)?,
            Err(error) => return Err(error),
        };
        let (header, frame_len) = match judged {
            Judged::Whole { header, frame_len } => (header, frame_len),
            Judged::Part { needed } => return Ok(Some(Need(needed))),
        };
        let command = self.mechanism.parse(&bytes[header.header_len..frame_len])?;
        let step = self.mechanism.receive(command, &self.config)?;
        input.skip(frame_len);
        self.go_on(now, announced, step, out)
    }

    /// Does what a step of the handshake asks for.
    pub(super) fn go_on(
        &mut self,
        now: Instant,
        announced: Version,
        step: Step,
        out: &mut Output<PeerInfo>,
    ) -> Result<Option<Need>, SessionError> {
        match step {
            Step::Say(words) => {
                out.write.push(words);
                self.stage = Stage::Handshake { announced };
            }
            Step::Ask(credentials) => {
                let (pending, verdict) = match self.ask(credentials) {
                    Judging::Now(verdict) => (None, Some(verdict)),
                    Judging::Later(pending) => (Some(pending), None),
                };
                self.stage = Stage::Judging(Box::new(Judgement { announced, pending, verdict }));
            }
            Step::Done { metadata, answer } => {
                let introduction = Introduction::judge(&metadata, self.config.socket_type)
                    .inspect_err(|error| out.write.extend(refusal(error)))?;
                out.write.extend(answer);
                let mut peer = introduction.into_peer(announced, self.mechanism.name(), self.side);
                let grant = self.entry.take().and_then(|entry| entry.grant);
                // A server without anyone to ask grants too.
                let judged = grant.is_some() && self.config.authenticator.is_some();
                peer.grant(grant, judged);
                out.ready = Some(peer);
                self.stage = if self.mechanism.lanes().is_some() { Stage::SealedTraffic } else { Stage::Traffic };
                self.pulse.start(now);
            }
        }
        Ok(None)
    }

    /// Has the peer judged.
    fn ask(&self, credentials: Credentials) -> Judging {
        match (&self.config.authenticator, &self.config.security) {
            (Some(judge), _) => {
                let address = self.entry.as_ref().map_or_else(Box::default, |entry| entry.address.clone());
                judge.judge(Applicant::new(address, credentials))
            }
            // Whoever has the server's public key, which is no secret, is let in without a name.
            (None, Security::CurveServer(_)) => Verdict::Accepted(Grant::default()).into(),
            (None, _) => Verdict::deny().into(),
        }
    }

    /// Does what was decided about the peer, if anything was yet.
    pub(super) fn decide(&mut self, now: Instant, out: &mut Output<PeerInfo>) -> Result<Option<Need>, SessionError> {
        let Stage::Judging(judgement) = &mut self.stage else {
            return Ok(None);
        };
        let announced = judgement.announced;
        let error = match judgement.verdict.take() {
            None => return Ok(Some(Need(0))),
            Some(Verdict::Accepted(grant)) => match self.mechanism.admitted(&self.config) {
                Some(step) => {
                    if let Some(entry) = &mut self.entry {
                        entry.grant = Some(grant);
                    }
                    return self.go_on(now, announced, step, out);
                }
                None => SessionError::Unjudged(NoVerdict::HandlerGone),
            },
            Some(Verdict::Refused(refusal)) => SessionError::AuthenticationFailed { status: refusal.status() },
            Some(Verdict::Unjudged(why)) => SessionError::Unjudged(why),
        };
        out.write.extend(refusal(&error));
        Err(error)
    }
}

/// The ERROR that tells the peer why it is refused, if it is.
fn refusal(error: &SessionError) -> Option<Bytes> {
    const TEMPORARY: u16 = 300;
    Some(match error {
        // spec: 25/ZMTP-CURVE, ERROR — of a temporary failure the client is not told: it is to try again.
        SessionError::AuthenticationFailed { status: TEMPORARY } => return None,
        // spec: 27/ZAP, connecting to ZMTP mechanisms — the status code is the reason of an ERROR.
        SessionError::AuthenticationFailed { status } => command::encode_error(&status.to_string()),
        // spec: 37/ZMTP, Socket-Type — a peer that validates the type should answer ERROR, then disconnect.
        SessionError::PeerIncompatible(PeerIncompatible::SocketType { ours, theirs }) => {
            command::encode_error(&format!("{theirs}-does-not-talk-to-{ours}"))
        }
        SessionError::PeerIncompatible(_) => command::encode_error("unknown-socket-type"),
        _ => return None,
    })
}
