//! Why a connection is given up.

use std::io;

use monocoque_core::protocol::{Blame, ProtocolError};
use rustls::Error;

/// Why a TLS connection was given up: by TLS, or by the protocol within.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError<E> {
    /// TLS itself.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The protocol within.
    #[error("{0}")]
    Within(E),
}

/// What was wrong with TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The peer's certificate is not accepted.
    #[error("the peer's certificate is not accepted: {0}")]
    Certificate(String),
    /// The peer refused us: it does not accept our certificate, or nothing that we offer.
    #[error("the peer refused TLS: {0}")]
    Alert(String),
    /// The two sides have no version or cipher in common.
    #[error("no TLS in common: {0}")]
    Incompatible(String),
    /// The peer broke a rule of TLS, or does not speak it.
    #[error("bad TLS: {0}")]
    Misbehaved(String),
    /// The peer has said that nothing more comes (`close_notify`).
    #[error("the peer has closed")]
    Closed,
    /// Our side cannot.
    #[error("TLS cannot go on: {0}")]
    Ours(String),
}

impl From<Error> for TlsFault {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::InvalidCertificate(_) | Error::NoCertificatesPresented => Self::Certificate(text),
            Error::AlertReceived(_) => Self::Alert(text),
            Error::PeerIncompatible(_) => Self::Incompatible(text),
            Error::FailedToGetRandomBytes | Error::FailedToGetCurrentTime | Error::EncryptError => Self::Ours(text),
            Error::General(_) => Self::Ours(text),
            _ => Self::Misbehaved(text),
        }
    }
}

/// Of buffers in memory.
impl From<io::Error> for TlsFault {
    fn from(error: io::Error) -> Self {
        Self::Ours(error.to_string())
    }
}

impl ProtocolError for TlsFault {
    fn blame(&self) -> Blame {
        match self {
            Self::Certificate(_) | Self::Incompatible(_) => Blame::Incompatible,
            Self::Alert(_) => Blame::Refused,
            Self::Misbehaved(_) => Blame::PeerMisbehaved,
            Self::Closed => Blame::Silence,
            Self::Ours(_) => Blame::Limit,
        }
    }

    fn is_end(&self) -> bool {
        *self == Self::Closed
    }
}

impl<E: ProtocolError> ProtocolError for TlsError<E> {
    fn blame(&self) -> Blame {
        match self {
            Self::Within(error) => error.blame(),
            Self::Tls(fault) => fault.blame(),
        }
    }

    fn may_retry(&self) -> bool {
        match self {
            Self::Within(error) => error.may_retry(),
            Self::Tls(fault) => fault.may_retry(),
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Within(error) => error.is_end(),
            Self::Tls(fault) => fault.is_end(),
        }
    }
}
