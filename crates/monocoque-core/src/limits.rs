//! Every limit of the kernel, with the sum or the measurement that derives it.

use std::time::Duration;

/// Bodies up to this many bytes live inside the [`Frame`](crate::Frame) itself.
///
/// 64 is the field's customary small message, and a cache line; with length and tag the frame is then
/// 72 bytes, and a held message of that size pins no slab.
pub const INLINE_BYTES_MAX: usize = 64;

/// Bodies from this size on travel by reference instead of being copied into a slab.
///
/// Copying beats gathering up to 2–4 KiB, gathering wins from about 16 KiB (design.md §3).
pub const GATHER_BYTES_MIN: usize = 8 * 1024;

/// The same where no link is behind the pipe: handing a body over is two moves of
/// a few words there, and no segment. At 256 bytes 1.4 times as fast as copying.
pub const APART_BYTES_MIN: usize = 256;

/// Bytes of bodies that were read over which the reader of a pipe without a link keeps, at most until the end of its batch, to
/// let go of them together: 256 messages of 1 KiB.
pub const SPENT_BYTES_MAX: usize = SLAB_HUGE_BYTES;

/// From this size on a pipe keeps what it shares with others by reference: of each slab that it keeps for it an eighth is
/// its own.
pub const SHARED_BYTES_MIN: usize = SLAB_LARGE_BYTES / 8;

/// What a connection that was silent reads into first: enough for a command or a small request.
pub const SLAB_TINY_BYTES: usize = 512;

/// The first slab of a pipe that carries little.
pub const SLAB_SMALL_BYTES: usize = 4 * 1024;

/// The slab of a busy pipe or connection: 64 KiB is the knee of a write's cost.
pub const SLAB_LARGE_BYTES: usize = 64 * 1024;

/// The slab that a saturated connection reads into.
pub const SLAB_HUGE_BYTES: usize = 256 * 1024;

/// From this size on a frame is read to its end and [`SLAB_TINY_BYTES`] further, however much is there: what is read of a
/// frame that its slab cannot hold whole is copied to the next, which was an eighth of a stream of 64 KiB.
pub const READ_APART_BYTES_MIN: usize = SLAB_LARGE_BYTES / 2;

/// A publisher that has more bytes than this waiting for a subscriber is ahead of it: what is written later than that is read from
/// memory or another core's cache (docs/decisions/0042).
pub const AHEAD_BYTES: usize = 2 * SLAB_LARGE_BYTES;

/// Times in a row that a publisher gives up its core for the sake of one who takes nothing meanwhile: subscribers who read have read by
/// then, and others would only slow it down (docs/decisions/0042).
pub const GIVE_WAY_MAX: u32 = 64;

/// What each connection may hold of its peer's when the ceiling of its context is reached: a few commands, or messages that
/// are small. As much as an idle connection takes in all.
pub const RESERVE_BYTES: usize = SLAB_SMALL_BYTES;

/// The lowest ceiling for what peers send: the largest slab is a quarter of it.
pub const CEILING_BYTES_MIN: usize = 4 * SLAB_HUGE_BYTES;

/// Of a ceiling, one message may take this part at most, so that several are on their way at once: what is whole, what is
/// half there, and what both are copied into.
pub const CEILING_MESSAGE_PART: usize = 4;

/// Bytes that an arena keeps for reuse in each size class; what comes back above it is freed.
pub const ARENA_CLASS_BYTES_MAX: usize = 16 * SLAB_HUGE_BYTES;

/// The same of blocks larger than any class. A reader of a stream has a few in turn; from the allocator they would often be
/// new pages, a fault for every 4 KiB (docs/decisions/0041).
pub const ARENA_EXACT_BYTES_MAX: usize = 64 * SLAB_HUGE_BYTES;

/// Bytes that a connection reads before the other tasks of the thread get their turn: what the application does not take
/// meanwhile leaves the cache, and so does the memory that it would give back (docs/decisions/0041).
pub const READ_TURN_BYTES: usize = 4 * SLAB_HUGE_BYTES;

/// Bytes of a message that its sender may write itself while the connection's pump waits: beyond one write's worth, the
/// others that send on the socket should not wait for it.
pub const TURN_BYTES_MAX: usize = SLAB_LARGE_BYTES;

/// How long one of several answers waits for the others, to be written with them, where nobody but their sender writes before
/// it is done: what a write takes, so that of answers that take longer each is written by itself (docs/decisions/0052).
pub const LEAVE_MAX: Duration = Duration::from_micros(10);

/// Bytes of a stream that its sender writes itself if the connection's pump has not come to it: what waits until a pipe
/// is full leaves the cache before it is written (docs/decisions/0008).
pub const STREAM_TURN_BYTES: usize = 8 * SLAB_LARGE_BYTES;

/// Bytes that one call writes at most. The call keeps the socket's lock, so that what the peer acknowledges meanwhile waits
/// for the writer instead of being worked off on the peer's core: writes of 32 MiB carried a stream of 1 MiB messages at 0.6
/// of the rate, and 2 MiB at 0.9 (docs/decisions/0035). What a sender writes itself of a stream fits in.
pub const WRITE_BYTES_MAX: usize = 20 * SLAB_LARGE_BYTES;

/// What the kernel holds of a publisher's for one subscriber on the same machine; Linux doubles it. What waits in the pipes is
/// there once for all subscribers and stays in a cache, what waits in the kernel is a copy for each: PUB of 4 KiB to 8
/// over loopback 0.59 -> 1.78 M/s (docs/decisions/0038). With twice as much, half of that is lost again.
pub const NEAR_SEND_BUFFER_BYTES: usize = 2 * SLAB_LARGE_BYTES;

/// What the kernel holds of one ipc connection's that its peer has not read; Linux doubles it. It is full after four writes of 64 KiB
/// unless more is asked for, and its writer sleeps (docs/decisions/0053).
pub const UNIX_SEND_BUFFER_BYTES: usize = 4 * SLAB_LARGE_BYTES;

/// Messages a pipe holds by default in each direction, as libzmq's `ZMQ_SNDHWM` and `ZMQ_RCVHWM`.
pub const HIGH_WATER_MARK_DEFAULT: u32 = 1000;

/// Messages that nobody wants that one receive drops before it says that there are none. Peers may send them as fast as they are
/// dropped, and who receives keeps the lock that connections come and go by: some 0.2 ms.
pub const DISCARDS_MAX: usize = 10_000;

/// Connections that may break while one and the same message is being written, before it is given up.
///
/// A message that the peer will never accept (larger than its limit, say) must not keep all others from it;
/// one break may be chance, three in a row are not.
pub const CUTS_MAX: u32 = 3;

/// The longest routing id (RFC 28, `ZMQ_ROUTING_ID`).
pub const ROUTING_ID_BYTES_MAX: usize = 255;

/// The longest name of a group (RFC 48; libzmq's `ZMQ_GROUP_MAX_LENGTH`).
pub const GROUP_BYTES_MAX: usize = 255;

/// The longest short frame of ZMTP 2.0 and later: its size is one byte.
pub const SHORT_FRAME_BYTES_MAX: usize = u8::MAX as usize;

/// Flags and an eight-byte size: the longest frame header.
pub const FRAME_HEADER_BYTES_MAX: usize = 9;

// What a sender has encoded and not handed over, and what is queued, is each less than a turn's worth.
const _: () = assert!(2 * STREAM_TURN_BYTES + GATHER_BYTES_MIN + FRAME_HEADER_BYTES_MAX <= WRITE_BYTES_MAX);
const _: () = assert!(INLINE_BYTES_MAX <= SHORT_FRAME_BYTES_MAX);
const _: () = assert!(GATHER_BYTES_MIN + FRAME_HEADER_BYTES_MAX <= SLAB_LARGE_BYTES);
