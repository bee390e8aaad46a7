//! Who may come in: what a peer shows of itself, who judges it, and what is answered (RFC 27).

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::curve::keys::PublicKey;
use crate::secret::Secret;

/// What a peer showed of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// Nothing: the mechanism is NULL.
    Null,
    /// A user name and a password, of at most 255 bytes each.
    Plain {
        /// As whom the peer comes.
        username: Box<[u8]>,
        /// What is to prove it.
        password: Secret,
    },
    /// The long-term public key of a CURVE client, which has proved that it has the secret one.
    Curve {
        /// The key.
        key: PublicKey,
    },
}

impl Credentials {
    /// The name of the mechanism.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Plain { .. } => "PLAIN",
            Self::Curve { .. } => "CURVE",
        }
    }
}

/// A peer that wants in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applicant {
    /// Where it comes from: an IP address without its port; empty if there is none (ipc).
    pub address: Box<str>,
    /// What it showed.
    pub credentials: Credentials,
}

impl Applicant {
    /// A peer at `address` that showed `credentials`.
    pub fn new(address: impl Into<Box<str>>, credentials: Credentials) -> Self {
        Self { address: address.into(), credentials }
    }
}

/// As whom a peer was let in, and what is known of it: told with its messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Grant {
    /// The user; empty if it has no name.
    pub user_id: String,
    /// Names and values, beside those that the peer tells of itself.
    pub metadata: Vec<(String, Vec<u8>)>,
}

/// Why a peer is not let in, as far as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Not now: it may try again (300). It is not told anything.
    Temporary,
    /// Its credentials are not good (400).
    Denied,
    /// Who judges has failed (500).
    Internal,
}

impl Refusal {
    /// The status of RFC 27.
    pub fn status(self) -> u16 {
        match self {
            Self::Temporary => 300,
            Self::Denied => 400,
            Self::Internal => 500,
        }
    }
}

/// Why nobody judged a peer. It is not let in, told nothing, and may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NoVerdict {
    /// Nobody is there to judge.
    #[error("nobody is bound to inproc://zeromq.zap.01")]
    NoHandler,
    /// The handler went away, or the context ended, before it answered.
    #[error("the ZAP handler went away before it answered")]
    HandlerGone,
    /// The answer is not a message of RFC 27.
    #[error("the answer of the ZAP handler is malformed")]
    Malformed,
    /// The answer is of another version than 1.0.
    #[error("the ZAP handler answers in an unknown version")]
    Version,
    /// The answer is not to our request.
    #[error("the ZAP handler answers another request")]
    RequestId,
    /// The status is none of 200, 300, 400 and 500.
    #[error("the ZAP handler answers with an unknown status")]
    Status,
    /// The metadata in the answer are malformed.
    #[error("the ZAP handler answers with malformed metadata")]
    Metadata,
}

/// What was decided about a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is let in.
    Accepted(Grant),
    /// It is not.
    Refused(Refusal),
    /// Nobody decided, so it is not.
    Unjudged(NoVerdict),
}

impl Verdict {
    /// Lets the peer in as `user_id`, which may be empty.
    pub fn accept(user_id: impl Into<String>) -> Self {
        Self::Accepted(Grant { user_id: user_id.into(), metadata: Vec::new() })
    }

    /// The peer's credentials are not good.
    pub fn deny() -> Self {
        Self::Refused(Refusal::Denied)
    }
}

/// A decision that is made later.
pub type PendingVerdict = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// A decision, or what it is waited for with.
pub enum Judging {
    /// It is made.
    Now(Verdict),
    /// It is made when this is done. Dropped if the peer goes away, or the time for the handshake is over, before.
    Later(PendingVerdict),
}

impl Judging {
    /// The decision is what `verdict` ends with.
    pub fn later(verdict: impl Future<Output = Verdict> + Send + 'static) -> Self {
        Self::Later(Box::pin(verdict))
    }
}

impl From<Verdict> for Judging {
    fn from(verdict: Verdict) -> Self {
        Self::Now(verdict)
    }
}

impl fmt::Debug for Judging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(verdict) => f.debug_tuple("Now").field(verdict).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Decides who is let in. A closure from [`Applicant`] to [`Verdict`] or [`Judging`] is one, and so is a
/// [`PlainTable`](crate::PlainTable).
///
/// It is called on an I/O thread in the middle of a handshake and must not block; what takes its time is
/// [`Judging::later`]. Nothing more is read from the peer until it is judged.
pub trait Authenticator: Send + Sync + 'static {
    /// Judges one peer.
    fn judge(&self, applicant: Applicant) -> Judging;
}

impl<F, J> Authenticator for F
where
    F: Fn(Applicant) -> J + Send + Sync + 'static,
    J: Into<Judging>,
{
    fn judge(&self, applicant: Applicant) -> Judging {
        self(applicant).into()
    }
}

impl fmt::Debug for dyn Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}
