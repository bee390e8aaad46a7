//! Byte streams between two peers.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use bytes::Bytes;
use compio::driver::op::Interest;
use monocoque_core::limits::WRITE_BYTES_MAX;
use monocoque_core::pipe::WriteThrough;
use monocoque_core::slab::SlabMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendFlags};
use socket2::Socket;

use crate::buffer::recv_now;
use crate::outstanding::outstanding;
use crate::readiness::until;
use crate::traffic::LinkTraffic;

/// A wait for a link that has what it needs of it.
pub type Watch = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// A reliable byte stream that a connection runs over.
///
/// Bytes are read and written by calls that do not wait; what waits is for readiness, and holds no buffer. A wait
/// is dropped before its completion only when the connection is parked, lent or taken back; to end one early, [`shutdown`](Self::shutdown) the link and await it.
#[allow(async_fn_in_trait)] // what waits stays on the thread of its runtime, so the futures need not be `Send`
pub trait Link: Send + 'static {
    /// Writes what the kernel takes at once.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; else as `send(2)`.
    fn try_write(&self, segments: &[Bytes]) -> io::Result<usize>;

    /// Waits until [`try_write`](Self::try_write) is worth a try.
    async fn writable(&self) -> io::Result<()>;

    /// Reads what is there into the spare room of `slab`, `most` bytes of it and at least one; zero means the peer has closed.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; else as `recv(2)`.
    fn try_read(&self, slab: &mut SlabMut, most: usize) -> io::Result<usize>;

    /// Waits until [`try_read`](Self::try_read) is worth a try.
    async fn readable(&self) -> io::Result<()>;

    /// [`readable`](Self::readable), as a future that has what it needs of the link.
    fn watch(&self) -> Watch;

    /// The descriptor that is readable when this is, if there is one: then it may be waited for beside others.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether something was written since the last read that found something: an answer may be on its way.
    fn may_be_answered(&self) -> bool {
        false
    }

    /// The bytes that were not read of a peer that has closed; `None` while it has not. It is asked while nobody reads.
    fn left_unread(&self) -> Option<usize> {
        None
    }

    /// Ends operations in flight and refuses later ones, in the directions of `how`.
    fn shutdown(&self, how: Shutdown);

    /// Whether the peer's system has all that was written, for sure: nothing that happens here can take it back.
    fn is_acknowledged(&self) -> bool {
        false
    }

    /// What other threads may write to while no operation of this link is writing, if that is possible.
    fn write_through(&self) -> Option<Arc<dyn WriteThrough>> {
        None
    }
}

/// A connected TCP or Unix stream socket.
#[derive(Debug)]
pub struct StreamLink(Arc<Stream>);

/// What a link is, as operations under way and senders hold it too.
#[derive(Debug)]
struct Stream {
    socket: Socket,
    traffic: Arc<LinkTraffic>,
    /// Bytes that the peer had sent when it was asked last whether a sender's turn is due.
    heard: AtomicU64,
    /// When a message was left to be written with a later one, in [`micros`].
    left_at: AtomicU64,
    /// Where the connection runs.
    home: ThreadId,
}

impl StreamLink {
    /// Adopts a connected stream socket that was made or accepted for the runtime that the caller runs on.
    ///
    /// io_uring wants a blocking descriptor: else it returns EAGAIN instead of waiting. epoll wants the other.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        let (traffic, heard, home) = (Arc::default(), AtomicU64::default(), thread::current().id());
        Self(Arc::new(Stream { socket: socket.into(), traffic, heard, left_at: AtomicU64::default(), home }))
    }

    /// What crosses it.
    pub(crate) fn traffic(&self) -> Arc<LinkTraffic> {
        Arc::clone(&self.0.traffic)
    }

    /// The number of its descriptor.
    pub(crate) fn number(&self) -> i32 {
        self.0.socket.as_raw_fd()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The first bytes of `segments`, as many as one write takes, and of how many segments they are.
fn slices<'a, const N: usize>(segments: impl IntoIterator<Item = &'a [u8]>) -> ([IoSlice<'a>; N], usize) {
    let (mut left, mut count, mut segments) = (WRITE_BYTES_MAX, 0, segments.into_iter());
    let slices = std::array::from_fn(|_| {
        let Some(segment) = segments.next().filter(|_| left > 0) else { return IoSlice::new(&[]) };
        let segment = &segment[..segment.len().min(left)];
        left -= segment.len();
        count += 1;
        IoSlice::new(segment)
    });
    (slices, count)
}

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
/// Parts of a write.
const SLICES: usize = 64;
const FEW_SLICES: usize = 6;

/// Writes what the kernel takes at once of `segments` and of `last` behind them, of [`WRITE_BYTES_MAX`] bytes.
fn send_now(socket: &Socket, segments: &[Bytes], last: &[u8]) -> io::Result<usize> {
    let only = match segments {
        [] => Some(last),
        [segment] if last.is_empty() => Some(&segment[..]),
        _ => None,
    };
    if let Some(only) = only {
        return Ok(rustix::net::send(socket, &only[..only.len().min(WRITE_BYTES_MAX)], SEND_FLAGS)?);
    }
    let parts = segments.iter().map(|segment| &segment[..]).chain([last]);
    // What is said in a handshake, or before a message, is in few parts: not for each are so many slices to be made.
    if segments.len() < FEW_SLICES {
        send_slices::<FEW_SLICES>(socket, parts)
    } else {
        send_slices::<SLICES>(socket, parts)
    }
}

fn send_slices<'a, const N: usize>(socket: &Socket, parts: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
    let (slices, count) = slices::<N>(parts);
    let mut none = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(socket, &slices[..count], &mut none, SEND_FLAGS)?)
}

impl Link for StreamLink {
    fn try_write(&self, segments: &[Bytes]) -> io::Result<usize> {
        let sent = send_now(&self.0.socket, segments, &[]);
        self.0.traffic.wrote(&sent);
        // A sender on this thread that waited for this is in the middle of a stream.
        TURN_ENDED.set(Some(Instant::now()));
        sent
    }

    async fn writable(&self) -> io::Result<()> {
        until(Arc::clone(&self.0), Interest::Writable).await
    }

    fn try_read(&self, slab: &mut SlabMut, most: usize) -> io::Result<usize> {
        let received = recv_now(&self.0.socket, slab, most);
        self.0.traffic.read(&received);
        received
    }

    async fn readable(&self) -> io::Result<()> {
        until(Arc::clone(&self.0), Interest::Readable).await
    }

    fn watch(&self) -> Watch {
        Box::pin(until(Arc::clone(&self.0), Interest::Readable))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn may_be_answered(&self) -> bool {
        self.0.traffic.wrote_since_read()
    }

    fn left_unread(&self) -> Option<usize> {
        let mut asked = [PollFd::new(&self.0.socket, PollFlags::RDHUP)];
        let is_left = poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
        is_left.then(|| rustix::io::ioctl_fionread(&self.0.socket).unwrap_or_default() as usize)
    }

    fn shutdown(&self, how: Shutdown) {
        // The peer may be gone already: then there is nothing left to end.
        let _ = self.0.socket.shutdown(how);
    }

    fn is_acknowledged(&self) -> bool {
        outstanding(&self.0.socket).is_ok_and(|bytes| bytes == 0)
    }

    fn write_through(&self) -> Option<Arc<dyn WriteThrough>> {
        Some(Arc::clone(&self.0) as Arc<dyn WriteThrough>)
    }
}

/// A message that comes so soon after a write of the same thread, to whomever, is one of a burst, which pumps write with
/// fewer system calls; unless the peer has said something since, which it may answer.
const BURST: Duration = Duration::from_micros(10);

thread_local! {
    /// When this thread's last write ended: a sender's turn, or a pump's.
    static TURN_ENDED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Microseconds of a clock that all threads have.
fn micros() -> u64 {
    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGINNING.elapsed().as_micros() as u64
}

impl WriteThrough for Stream {
    fn is_due(&self) -> bool {
        let heard = self.traffic.bytes_read();
        // Under the pipe's lock: nobody else changes it.
        let answers = self.heard.load(Ordering::Relaxed) != heard;
        self.heard.store(heard, Ordering::Relaxed);
        answers || TURN_ENDED.get().is_none_or(|ended| ended.elapsed() >= BURST)
    }

    fn write_through(&self, segments: &[Bytes], last: &[u8]) -> usize {
        // The pump meets the same error, and tells of it.
        let sent = send_now(&self.socket, segments, last);
        self.traffic.wrote(&sent);
        TURN_ENDED.set(Some(Instant::now()));
        sent.unwrap_or(0)
    }

    fn leave(&self) {
        self.left_at.store(micros(), Ordering::Relaxed);
    }

    fn left_for(&self) -> Duration {
        Duration::from_micros(micros().saturating_sub(self.left_at.load(Ordering::Relaxed)))
    }

    fn pumps_here(&self) -> bool {
        thread::current().id() == self.home
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_ends_where_it_would_keep_the_socket_for_too_long() {
        let segments = [1, WRITE_BYTES_MAX, 7].map(|bytes| Bytes::from(vec![7; bytes]));
        let (slices, count) = slices::<4>(segments.iter().map(|segment| &segment[..]));
        assert_eq!(slices.map(|slice| slice.len()), [1, WRITE_BYTES_MAX - 1, 0, 0]);
        assert_eq!(count, 2);
    }

    #[test]
    fn segments_are_written_before_what_is_behind_them() {
        let (ours, mut theirs) = Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a pair");
        let segments = ["se", "gments "].map(Bytes::from);
        let sent = [(&segments[..0], ""), (&segments, ""), (&segments[..1], ""), (&segments, "last"), (&[], "alone")];
        let sent = sent.map(|(segments, last)| send_now(&ours, segments, last.as_bytes()).ok());
        assert_eq!(sent, [Some(0), Some(9), Some(2), Some(13), Some(5)]);
        drop(ours);
        let mut all = String::new();
        std::io::Read::read_to_string(&mut theirs, &mut all).expect("text");
        assert_eq!(all, "segments sesegments lastalone");
    }

    #[test]
    fn of_a_fan_out_only_the_first_is_due() {
        let pairs = [(); 8].map(|()| Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a pair"));
        let turns = pairs.each_ref().map(|(ours, _)| StreamLink::new(ours.try_clone().expect("a descriptor").into()).0);
        // In the future, so that a slow machine does not end the burst.
        let due = turns.each_ref().map(|turn| {
            let due = turn.is_due();
            assert_eq!(turn.write_through(&[], b"news"), 4);
            TURN_ENDED.set(TURN_ENDED.get().map(|_| Instant::now() + Duration::from_secs(3600)));
            due
        });
        assert_eq!(due, [true, false, false, false, false, false, false, false]);
        turns[3].traffic.read(&Ok(1));
        assert_eq!(turns.each_ref().map(|turn| turn.is_due()), [false, false, false, true, false, false, false, false]);
        assert!(!turns[3].is_due(), "what answers has its turn once");
        TURN_ENDED.set(Instant::now().checked_sub(BURST));
        assert!(turns[7].is_due(), "the burst is over");
    }
}
