//! What a connection speaks: a sans-IO state machine over a byte stream.
//!
//! ZMTP implements [`Protocol`], and so can anyone: the connection actor of `monocoque-io` is generic over
//! it and has no private back door. A protocol holds no socket and no clock; time is an argument.
//!
//! # Calling order
//! [`connected`](Protocol::connected) once; then any order of [`received`](Protocol::received),
//! [`send`](Protocol::send) and [`timeout`](Protocol::timeout). After each call the caller drains
//! [`Output`]. After an error the connection is closed and the protocol dropped.

use std::fmt;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;

use crate::batch::Batch;
use crate::slab::SlabMut;
use crate::{Frame, Message};

/// How messages are datagrams, and back.
pub trait DatagramForm {
    /// Where a message goes (`None`: where the socket was told), what stands before its body, and the body. `None` for
    /// one that cannot be a datagram.
    fn encode(&self, message: &Message) -> Option<(Option<SocketAddr>, Vec<u8>, Frame)>;

    /// The message in a datagram; `None` if it holds none.
    fn decode(&self, from: SocketAddr, datagram: &[u8]) -> Option<Message>;
}

/// Which side opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// We connected.
    Dialer,
    /// We accepted.
    Listener,
}

/// Who is at fault when a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// The peer broke a rule of the protocol.
    PeerMisbehaved,
    /// Both sides are sound but do not suit each other.
    Incompatible,
    /// The peer refused us.
    Refused,
    /// A limit of ours was reached.
    Limit,
    /// Nothing came within the time allowed.
    Silence,
}

/// An error of a [`Protocol`] that says who is at fault.
pub trait ProtocolError: std::error::Error + Clone + Send + Sync + 'static {
    /// Who is at fault.
    fn blame(&self) -> Blame;

    /// Whether the connection may be tried again as it is.
    fn may_retry(&self) -> bool {
        true
    }

    /// Whether it is no fault: the peer has ended the connection in the protocol's words, as others do by closing the link.
    fn is_end(&self) -> bool {
        false
    }
}

/// How many bytes of input, counted from the first unconsumed one, the protocol needs to go on.
///
/// The reader may call earlier; it must have made room for this many before it does. Zero means any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Need(pub usize);

/// What a protocol wants done, collected in call order and drained by the caller.
#[must_use = "a dropped output is a lost byte or a lost message"]
#[derive(Debug)]
pub struct Output<P> {
    /// Bytes to write, before anything that is queued later.
    pub write: Vec<Bytes>,
    /// Whole messages to deliver, encoded as [`wire`](crate::wire) frames.
    pub deliver: Batch,
    /// The handshake succeeded: the peer may be routed to, and these are its facts. At most once.
    pub ready: Option<P>,
}

impl<P> Default for Output<P> {
    fn default() -> Self {
        Self { write: Vec::new(), deliver: Batch::default(), ready: None }
    }
}

/// One connection's protocol, from its first byte to its last.
pub trait Protocol: Send + 'static {
    /// What is known of a peer once the handshake is done.
    type Peer: fmt::Debug;
    /// Why the protocol gave a connection up.
    type Error: ProtocolError;

    /// The link is up. Emits what is to be said first.
    fn connected(&mut self, now: Instant, out: &mut Output<Self::Peer>);

    /// Takes input from the front of `input`; what it does not take stays there for the next call.
    ///
    /// Any split of the stream is legal, down to one byte, and gives the same output in sum.
    ///
    /// # Errors
    /// The rule that the peer broke; the connection is to be closed after `out.write` was tried.
    fn received(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<Self::Peer>,
    ) -> Result<Need, Self::Error>;

    /// How many bytes of slabs of its own the protocol may lease while it takes `input` bytes more: none, if what it delivers
    /// lies where it was read. They are counted where the input is ([`Arena::room_beside`](crate::slab::Arena::room_beside)).
    fn beside(&self, input: usize) -> usize {
        let _ = input;
        0
    }

    /// Bytes of what it took that the protocol keeps, because the message that they are of has not ended.
    fn unfinished(&self) -> usize {
        0
    }

    /// Waits for what the handshake stopped for and no peer sends, such as somebody's judgement of the peer. Whether
    /// there was something, so that [`received`](Self::received) is to be called again; nothing is read before.
    ///
    /// Called only before `out.ready` was given.
    fn poll_unblocked(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let _ = cx;
        Poll::Ready(false)
    }

    /// Turns `batch`, whole messages as [`wire`](crate::wire) frames, into bytes of the wire in `out.write`.
    ///
    /// Called only after `out.ready` was given. It may take whole messages from the front of `batch` and leave the rest,
    /// so that they are written before it is called again; it takes one at least.
    ///
    /// # Errors
    /// The batch cannot be sent on this connection.
    fn send(&mut self, now: Instant, batch: &mut Batch, out: &mut Output<Self::Peer>) -> Result<(), Self::Error>;

    /// Everything was sent, and nothing more will be: what is said before the link is shut for writing.
    fn finish(&mut self, out: &mut Output<Self::Peer>) {
        let _ = out;
    }

    /// When [`timeout`](Self::timeout) wants to be called, if at all.
    fn deadline(&self) -> Option<Instant>;

    /// Time has passed.
    ///
    /// # Errors
    /// The peer was silent too long.
    fn timeout(&mut self, now: Instant, out: &mut Output<Self::Peer>) -> Result<(), Self::Error>;

    /// Time has passed while nothing can be written: only judges the peer, and says nothing.
    ///
    /// # Errors
    /// The peer was silent too long.
    fn judge(&mut self, now: Instant) -> Result<(), Self::Error> {
        let _ = now;
        Ok(())
    }

    /// Whether [`send`](Self::send) passes batches on byte for byte, so that what a broken link left unsent can be
    /// told and sent again on the next one. If not, the whole batch in flight is sent again, message by message, and may arrive twice.
    fn is_verbatim(&self) -> bool {
        false
    }

    /// The peer has closed, or reset the link: why, if the protocol knows more of it than that.
    fn left(&self) -> Option<Self::Error> {
        None
    }

    /// Reading was paused by us until `now`: silence of the peer in that time is ours, not its.
    fn forgive(&mut self, now: Instant) {
        let _ = now;
    }
}
