//! A proxy: what one socket receives, the other sends, both ways (`zmq_proxy(3)`).

use std::future::{Future, poll_fn};
use std::task::Poll;

use monocoque_io::yield_now;

use crate::error::{RecvError, SendError};
use crate::kind::Any;
use crate::socket::Socket;

/// Messages forwarded in a row before the other tasks get their turn.
const TURN_MESSAGES: u32 = 256;

/// Why a proxy ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyEnd {
    /// One of the sockets was closed.
    #[error("a socket of the proxy was closed")]
    Closed,
    /// A message could not be forwarded.
    #[error("cannot forward: {0}")]
    Send(SendError),
}

/// Forwards between `frontend` and `backend` until one of them is closed; copies go to `capture` if there is one.
///
/// A message waits in its pipe while the other side is full, so that high-water marks hold through the proxy.
/// XSUB and XPUB, ROUTER and DEALER, PULL and PUSH are the usual pairs.
///
/// # Cancel safety
/// If the future is dropped, at most one message in each direction, received and not sent yet, is lost.
pub async fn proxy(frontend: &Socket<Any>, backend: &Socket<Any>, capture: Option<&Socket<Any>>) -> ProxyEnd {
    let mut there = std::pin::pin!(forward(frontend, backend, capture));
    let mut back = std::pin::pin!(forward(backend, frontend, capture));
    let (mut there_done, mut back_done) = (false, false);
    poll_fn(|cx| {
        if !there_done && let Poll::Ready(end) = there.as_mut().poll(cx) {
            there_done = true;
            if let Some(end) = end {
                return Poll::Ready(end);
            }
        }
        if !back_done && let Poll::Ready(end) = back.as_mut().poll(cx) {
            back_done = true;
            if let Some(end) = end {
                return Poll::Ready(end);
            }
        }
        if there_done && back_done { Poll::Ready(ProxyEnd::Closed) } else { Poll::Pending }
    })
    .await
}

/// Forwards one way; `None` when this direction does not exist.
async fn forward(from: &Socket<Any>, to: &Socket<Any>, capture: Option<&Socket<Any>>) -> Option<ProxyEnd> {
    if !from.socket_type().receives() || !to.socket_type().sends() {
        return None;
    }
    let mut turn: u32 = 0;
    loop {
        let message = match from.recv().await {
            Ok(message) => message,
            Err(RecvError::TimedOut) => continue,
            Err(_) => return Some(ProxyEnd::Closed),
        };
        if let Some(capture) = capture {
            // A capture that is full or has no peer misses copies; the proxy goes on.
            let _ = capture.try_send(message.clone());
        }
        match to.send(message).await {
            Ok(()) => {}
            Err(SendError::Closed(_)) => return Some(ProxyEnd::Closed),
            Err(error) => return Some(ProxyEnd::Send(error)),
        }
        turn += 1;
        if turn.is_multiple_of(TURN_MESSAGES) {
            yield_now().await;
        }
    }
}
