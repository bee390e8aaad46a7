//! Where sockets run: on I/O threads of the context, or on the calling thread's own runtime.
//!
//! Commands that measure are written once, as futures; this module is what drives them in either placement.

use std::fmt;
use std::future::Future;

use futures_util::future::{join, join_all};
use monocoque::{Context, block_on};

use crate::exit::Failure;

/// Where sockets run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// On an I/O thread that the context starts; any thread may use the sockets.
    Shared,
    /// On the calling thread, which also does the I/O: no hop between threads.
    Local,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared",
            Self::Local => "local",
        })
    }
}

impl Placement {
    /// Runs `body` with a new context in this placement.
    pub fn run<T>(self, body: impl AsyncFnOnce(Context) -> Result<T, Failure>) -> Result<T, Failure> {
        match self {
            Self::Shared => block_on(body(Context::new())),
            Self::Local => monocoque::local_runtime()?.block_on(async { body(Context::local()?).await }),
        }
    }

    /// Runs `first` here and the others beside it: on threads of their own, or as tasks of this one. Ends when
    /// all have ended.
    pub async fn beside<A: Send, B>(
        self,
        first: impl Future<Output = B>,
        others: Vec<impl Future<Output = A> + Send>,
    ) -> (B, Vec<A>) {
        match self {
            Self::Local => join(first, join_all(others)).await,
            Self::Shared => std::thread::scope(|scope| {
                let others: Vec<_> = others.into_iter().map(|other| scope.spawn(|| block_on(other))).collect();
                let first = block_on(first);
                let joined = others.into_iter().map(|other| other.join());
                (first, joined.map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect())
            }),
        }
    }
}
