//! The contenders.

use std::future::Future;
use std::str::FromStr;

use monocoque::{Context, local_runtime};
use monocoque_interop::ffi::{ZMQ_RCVTIMEO, ZMQ_SNDTIMEO};
use monocoque_interop::zmq;

use crate::Outcome;

/// A library, and where its I/O runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// libzmq 4.3.5, by its C functions.
    Libzmq,
    /// Monocoque on the context's own I/O thread, called from a plain thread.
    Shared,
    /// Monocoque on the caller's compio runtime.
    Local,
}

impl Library {
    pub const ALL: [Self; 3] = [Self::Libzmq, Self::Shared, Self::Local];

    pub fn name(self) -> &'static str {
        match self {
            Self::Libzmq => "libzmq",
            Self::Shared => "shared",
            Self::Local => "local",
        }
    }

    /// The name for people.
    pub fn title(self) -> String {
        match self {
            Self::Libzmq => {
                let (major, minor, patch) = zmq::version();
                format!("libzmq {major}.{minor}.{patch}")
            }
            Self::Shared => "Monocoque, shared".to_owned(),
            Self::Local => "Monocoque, local".to_owned(),
        }
    }
}

impl FromStr for Library {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|library| library.name() == name);
        found.ok_or_else(|| format!("'{name}' is not libzmq, shared or local"))
    }
}

/// A socket of libzmq's with its own defaults: it waits for ever.
pub fn libzmq(kind: zmq::Kind) -> zmq::Result<zmq::Socket> {
    let socket = zmq::Context::new()?.socket(kind)?;
    socket.set_int(ZMQ_SNDTIMEO, -1)?;
    socket.set_int(ZMQ_RCVTIMEO, -1)?;
    Ok(socket)
}

/// Runs `program` on a compio runtime of this thread, with a context that runs there.
pub fn locally<F: Future<Output = Outcome>>(program: impl FnOnce(Context) -> F) -> Outcome {
    local_runtime()?.block_on(async { program(Context::local()?).await })
}
