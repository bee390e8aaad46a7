//! Error numbers: the C library's, and ZeroMQ's own; and which one an error of the `monocoque` crate is.

use std::io;

use libc::c_int;
use monocoque::raw::{RecvRefused, SendReason};
use monocoque::{BindError, ConnectError, ContextError, EndpointError, MonitorError, OptionError};

/// Where ZeroMQ's own numbers begin.
const OWN: c_int = 156_384_712;
pub(crate) const EFSM: Errno = Errno(OWN + 51);
pub(crate) const ENOCOMPATPROTO: Errno = Errno(OWN + 52);
pub(crate) const ETERM: Errno = Errno(OWN + 53);
pub(crate) const EMTHREAD: Errno = Errno(OWN + 54);

pub(crate) const EAGAIN: Errno = Errno(libc::EAGAIN);
pub(crate) const EADDRINUSE: Errno = Errno(libc::EADDRINUSE);
pub(crate) const EFAULT: Errno = Errno(libc::EFAULT);
pub(crate) const EHOSTUNREACH: Errno = Errno(libc::EHOSTUNREACH);
pub(crate) const EINTR: Errno = Errno(libc::EINTR);
pub(crate) const EINVAL: Errno = Errno(libc::EINVAL);
pub(crate) const EMFILE: Errno = Errno(libc::EMFILE);
pub(crate) const ENAMETOOLONG: Errno = Errno(libc::ENAMETOOLONG);
pub(crate) const ENOENT: Errno = Errno(libc::ENOENT);
pub(crate) const ENOMEM: Errno = Errno(libc::ENOMEM);
pub(crate) const ENOTSOCK: Errno = Errno(libc::ENOTSOCK);
pub(crate) const ENOTSUP: Errno = Errno(libc::ENOTSUP);
pub(crate) const EPROTONOSUPPORT: Errno = Errno(libc::EPROTONOSUPPORT);

/// Why a function failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

impl Errno {
    /// What the last call of the C library left.
    pub(crate) fn last() -> Self {
        // SAFETY: the C library gives each thread a place for its errno that is valid as long as the thread.
        Self(unsafe { *libc::__errno_location() })
    }

    /// Leaves it for the caller.
    pub(crate) fn leave(self) {
        // SAFETY: as in `last`.
        unsafe { *libc::__errno_location() = self.0 }
    }

    fn of_system(error: &io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(match error.kind() {
            io::ErrorKind::AddrInUse => libc::EADDRINUSE,
            io::ErrorKind::PermissionDenied => libc::EACCES,
            // A name that nobody knows, or an interface.
            _ => libc::ENODEV,
        }))
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self::of_system(&error)
    }
}

impl From<SendReason> for Errno {
    fn from(reason: SendReason) -> Self {
        match reason {
            SendReason::Full | SendReason::NoPeer => EAGAIN,
            SendReason::NoRoute(_) => EHOSTUNREACH,
            SendReason::State => EFSM,
            SendReason::Closed => ENOTSOCK,
            SendReason::Parts | SendReason::NoEnvelope => EINVAL,
            _ => ENOTSUP,
        }
    }
}

impl From<RecvRefused> for Errno {
    fn from(refused: RecvRefused) -> Self {
        match refused {
            RecvRefused::Empty => EAGAIN,
            RecvRefused::State => EFSM,
            RecvRefused::Closed => ENOTSOCK,
            _ => ENOTSUP,
        }
    }
}

impl From<EndpointError> for Errno {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::UnknownTransport(_) | EndpointError::TransportUnavailable(_) => EPROTONOSUPPORT,
            EndpointError::PathTooLong { .. } => ENAMETOOLONG,
            _ => EINVAL,
        }
    }
}

impl From<OptionError> for Errno {
    fn from(error: OptionError) -> Self {
        match error {
            OptionError::TooManySockets { .. } => EMFILE,
            OptionError::Closed => ETERM,
            _ => EINVAL,
        }
    }
}

impl From<ContextError> for Errno {
    fn from(_: ContextError) -> Self {
        EMTHREAD
    }
}

impl From<BindError> for Errno {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Endpoint(error) => error.into(),
            BindError::Option(error) => error.into(),
            BindError::Transport(_) => ENOCOMPATPROTO,
            BindError::InUse { .. } => EADDRINUSE,
            BindError::Io { source, .. } => Self::of_system(&source),
            BindError::Context(error) => error.into(),
            _ => ETERM,
        }
    }
}

impl From<ConnectError> for Errno {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Endpoint(error) => error.into(),
            ConnectError::Option(error) => error.into(),
            ConnectError::Transport(_) => ENOCOMPATPROTO,
            ConnectError::Context(error) => error.into(),
            ConnectError::Closed => ETERM,
            _ => EINVAL,
        }
    }
}

impl From<MonitorError> for Errno {
    fn from(error: MonitorError) -> Self {
        match error {
            MonitorError::Transport(_) => EPROTONOSUPPORT,
            MonitorError::NoConnection => EAGAIN,
            MonitorError::Bind(error) => error.into(),
            MonitorError::Context(error) => error.into(),
            _ => EINVAL,
        }
    }
}
