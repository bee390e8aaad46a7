//! A batch: encoded frames in order, as a pipe holds them and a link writes them.
//!
//! Invariant of every batch: a frame's header lies whole in one segment, and its body lies either
//! behind it in the same segment or is exactly the next segment. So a frame is found without
//! reassembly, and a large body is never copied.
//!
//! In a pipe with no link behind it a body may also lie *apart*, in a row of its own: nobody writes that batch, so its
//! segments need not be in order, and a body handed over costs no segment for its header.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::limits::{
    APART_BYTES_MIN, FRAME_HEADER_BYTES_MAX, GATHER_BYTES_MIN, SHARED_BYTES_MIN, SLAB_LARGE_BYTES, SLAB_SMALL_BYTES,
    SPENT_BYTES_MAX,
};
use crate::load::Load;
use crate::message::FRAMES_FEW;
use crate::slab::{Arena, SlabClass, SlabMut, View};
use crate::spare::Spares;
use crate::wire::{APART, COMMAND, EncodedHeader, Header, MORE, header_len};
use crate::{Frame, Message, Outgoing};

/// Encoded frames with a count of the messages they make.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bytes, in order; none is empty.
    pub segments: Vec<Bytes>,
    /// Bodies that lie apart, in the order of their headers; none in a batch that a link writes.
    bodies: Vec<Bytes>,
    /// Whole messages (and commands that a hub reads) in `segments`.
    pub messages: usize,
    /// Bytes of all segments and bodies.
    pub bytes: usize,
}

impl Batch {
    /// Whether the batch holds no byte.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Appends `segment`, which completes `messages` messages.
    pub fn push(&mut self, segment: Bytes, messages: usize) {
        self.messages += messages;
        self.bytes += segment.len();
        if !segment.is_empty() {
            self.segments.push(segment);
        }
    }

    /// Moves everything of `other` behind this.
    pub fn append(&mut self, other: &mut Batch) {
        self.messages += std::mem::take(&mut other.messages);
        self.bytes += std::mem::take(&mut other.bytes);
        self.segments.append(&mut other.segments);
        self.bodies.append(&mut other.bodies);
    }

    /// Whether its lists are worth keeping for others.
    pub(crate) fn is_small(&self) -> bool {
        self.segments.capacity() <= SEGMENTS_KEPT_MAX && self.bodies.capacity() <= SEGMENTS_KEPT_MAX
    }

    /// Empties the batch, keeping its allocation.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.bodies.clear();
        self.messages = 0;
        self.bytes = 0;
    }
}

/// Encodes messages into slabs: the writing end of a batch. What it needs for that it has only while it is in use.
#[derive(Debug, Default)]
pub(crate) struct BatchWriter {
    encoder: Option<Box<Encoder>>,
    /// No link will write this: bodies may lie apart.
    apart: bool,
}

thread_local! {
    static ENCODERS: Spares<Encoder> = const { Spares::new() };
}

/// Segments of which a list is kept for others.
const SEGMENTS_KEPT_MAX: usize = 256;

impl BatchWriter {
    /// A writer of batches, which no link writes if bodies may lie `apart`.
    pub(crate) fn new(apart: bool) -> Self {
        Self { encoder: None, apart }
    }

    pub(crate) fn is_apart(&self) -> bool {
        self.apart
    }

    pub(crate) fn messages(&self) -> usize {
        self.encoder.as_ref().map_or(0, |encoder| encoder.done.messages)
    }

    #[inline]
    pub(crate) fn load(&self) -> Load {
        self.encoder.as_ref().map_or(Load::default(), |encoder| encoder.load())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.encoder.as_ref().is_none_or(|encoder| encoder.is_empty())
    }

    #[inline]
    fn encoder(&mut self) -> &mut Encoder {
        let apart = self.apart;
        self.encoder.get_or_insert_with(|| Encoder::lent(apart))
    }

    /// Gives up what it has for encoding, unless something is encoded.
    pub(crate) fn rest(&mut self) {
        if let Some(mut encoder) = self.encoder.take_if(|encoder| encoder.is_empty()) {
            encoder.clear();
            if encoder.done.is_small() {
                Spares::take_back(&ENCODERS, encoder);
            }
        }
    }

    /// Encodes all frames of `message`.
    #[inline]
    pub(crate) fn push_message(&mut self, message: impl Outgoing, arena: &Arena) {
        self.encoder().push_message(message, arena);
    }

    /// Encodes one command: the name's size, the name, then `body` (RFC 37, "Commands").
    pub(crate) fn push_command(&mut self, name: &str, body: &[u8], arena: &Arena) {
        self.encoder().push_command(name, body, arena);
    }

    /// Encodes what was parsed before.
    pub(crate) fn push_unit(&mut self, unit: &Unit, arena: &Arena) {
        self.encoder().push_unit(unit, arena);
    }

    /// Appends frames that are encoded already.
    pub(crate) fn append(&mut self, batch: &mut Batch, arena: &Arena) {
        self.encoder().append(batch, arena);
    }

    /// Moves everything of `other` behind this; leaves `other` empty.
    pub(crate) fn join(&mut self, other: &mut BatchWriter, arena: &Arena) {
        if let Some(other) = other.encoder.as_mut().filter(|other| !other.is_empty()) {
            self.encoder().join(other, arena);
        }
    }

    /// Encodes `message` before all others.
    pub(crate) fn push_first(&mut self, message: &Message, arena: &Arena) {
        let (mut first, mut batch) = (Self::new(self.apart), Batch::default());
        first.push_message(message, arena);
        first.take(&mut batch);
        first.rest();
        self.prepend(batch);
    }

    /// Puts encoded frames before all others.
    pub(crate) fn prepend(&mut self, batch: Batch) {
        self.encoder().prepend(batch);
    }

    /// All that is encoded, where it lies: segments, and behind them the last bytes.
    pub(crate) fn encoded(&mut self) -> (&[Bytes], &[u8]) {
        self.encoder().encoded()
    }

    /// Lets go of everything, the open slab too.
    pub(crate) fn clear(&mut self) {
        self.encoder.iter_mut().for_each(|encoder| encoder.clear());
    }

    /// Moves everything into `into`, which must be empty, and gives the open slab up.
    pub(crate) fn take(&mut self, into: &mut Batch) {
        debug_assert!(into.is_empty());
        self.encoder.iter_mut().for_each(|encoder| encoder.take(into));
    }
}

/// What a writer of batches has while it is in use. Two threads work with those of one pipe, and each with its own: so none
/// lies in a cache line with anything else.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Encoder {
    done: Batch,
    open: Option<SlabMut>,
    /// Behind what is in `open`: messages that were encoded once for several pipes.
    shared: Option<View>,
    apart: bool,
}

impl Encoder {
    #[cold]
    fn lent(apart: bool) -> Box<Self> {
        let mut encoder = Spares::lend(&ENCODERS);
        encoder.apart = apart;
        encoder
    }

    fn load(&self) -> Load {
        Load {
            messages: self.done.messages,
            bytes: self.done.bytes + self.open_bytes() + self.shared.as_ref().map_or(0, View::len),
        }
    }

    fn open_bytes(&self) -> usize {
        self.open.as_ref().map_or(0, SlabMut::len)
    }

    fn is_empty(&self) -> bool {
        self.done.is_empty() && self.open_bytes() == 0 && self.shared.is_none()
    }

    /// Encodes all frames of `message`.
    #[inline]
    fn push_message(&mut self, mut message: impl Outgoing, arena: &Arena) {
        self.done.messages += 1;
        if let Some(view) = message.encoded()
            && !self.apart
        {
            return self.push_view(view, arena);
        }
        self.settle(arena);
        if message.frames().len() > 1 {
            self.push_front_frames(&mut message, arena);
        }
        let last = message.frames().len() - 1;
        self.push_frame(0, &mut message, last, arena);
    }

    /// Takes in what others hold too.
    #[inline]
    fn push_view(&mut self, view: &View, arena: &Arena) {
        if !self.shared.as_mut().is_some_and(|shared| shared.extend(view)) {
            self.settle(arena);
            self.shared = Some(view.clone());
        }
    }

    /// Puts what is shared where others can follow. A small part is copied: a message now and then must not keep the slab
    /// that all the others are in.
    #[inline]
    fn settle(&mut self, arena: &Arena) {
        if let Some(view) = self.shared.take() {
            self.put_view(view, arena);
        }
    }

    #[inline(never)]
    fn put_view(&mut self, view: View, arena: &Arena) {
        if view.len() < SHARED_BYTES_MIN {
            self.put(view.as_ref(), arena);
        } else {
            self.put_segment(view.into());
        }
    }

    #[inline(never)]
    fn push_front_frames(&mut self, message: &mut impl Outgoing, arena: &Arena) {
        (0..message.frames().len() - 1).for_each(|index| self.push_frame(MORE, message, index, arena));
    }

    /// Encodes one command: the name's size, the name, then `body` (RFC 37, "Commands").
    fn push_command(&mut self, name: &str, body: &[u8], arena: &Arena) {
        self.settle(arena);
        let len = 1 + name.len() + body.len();
        self.put(EncodedHeader::new(COMMAND, len).as_slice(), arena);
        // A command is small by limit, but its body stays contiguous with its header even when it is not.
        let mut bytes = Vec::with_capacity(len);
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(body);
        if self.room() >= len {
            self.put(&bytes, arena);
        } else {
            self.put_segment(bytes.into());
        }
        self.done.messages += 1;
    }

    /// Encodes what was parsed before.
    fn push_unit(&mut self, unit: &Unit, arena: &Arena) {
        match unit {
            Unit::Message(message) => self.push_message(message, arena),
            Unit::Command(body) => {
                self.settle(arena);
                self.push_frame(COMMAND, &mut std::slice::from_ref(body), 0, arena);
                self.done.messages += 1;
            }
        }
    }

    #[inline]
    fn push_frame(&mut self, flags: u8, message: &mut impl Outgoing, index: usize, arena: &Arena) {
        let frame = &message.frames()[index];
        if frame.goes_by_reference(if self.apart { APART_BYTES_MIN } else { GATHER_BYTES_MIN }) {
            return self.push_by_reference(flags, message.body(index), arena);
        }
        encode_frame(flags, frame, self.slab_with(header_len(frame.len()) + frame.len(), arena));
    }

    #[inline(never)]
    fn push_by_reference(&mut self, flags: u8, body: Bytes, arena: &Arena) {
        if !self.apart {
            self.put(EncodedHeader::new(flags, body.len()).as_slice(), arena);
            return self.put_segment(body);
        }
        let header = EncodedHeader::new(flags | APART, body.len());
        header.encode(self.slab_with(FRAME_HEADER_BYTES_MAX, arena));
        self.done.bytes += body.len();
        self.done.bodies.push(body);
    }

    fn put(&mut self, bytes: &[u8], arena: &Arena) {
        self.slab_with(bytes.len(), arena).extend_from_slice(bytes);
    }

    fn put_segment(&mut self, segment: Bytes) {
        self.seal();
        self.done.push(segment, 0);
    }

    fn room(&self) -> usize {
        self.open.as_ref().map_or(0, SlabMut::spare_len)
    }

    /// The open slab, or a new one, with at least `bytes` of room.
    #[inline]
    fn slab_with(&mut self, bytes: usize, arena: &Arena) -> &mut SlabMut {
        if self.room() < bytes {
            self.open_slab(bytes, arena);
        }
        self.open.as_mut().expect("opened above")
    }

    #[cold]
    fn open_slab(&mut self, bytes: usize, arena: &Arena) {
        let busy = self.open.is_some() || !self.done.is_empty();
        if let Some(slab) = self.open.take() {
            self.done.push(slab.freeze(), 0);
        }
        let wanted = if busy { SLAB_LARGE_BYTES } else { SLAB_SMALL_BYTES };
        let class = SlabClass::fitting(bytes.max(wanted)).expect("bodies above the gather threshold are not copied");
        self.open = Some(arena.lease(class));
    }

    /// Freezes what is encoded so far; the open slab keeps its spare room.
    fn seal(&mut self) {
        if let Some(slab) = &mut self.open
            && !slab.is_empty()
        {
            let bytes = slab.split_to(slab.len());
            self.done.push(bytes, 0);
        }
    }

    /// Appends frames that are encoded already.
    fn append(&mut self, batch: &mut Batch, arena: &Arena) {
        self.settle(arena);
        self.seal();
        self.done.append(batch);
    }

    /// Moves everything of `other` behind this; leaves `other` empty.
    fn join(&mut self, other: &mut Encoder, arena: &Arena) {
        if self.is_empty() {
            return std::mem::swap(self, other);
        }
        if other.done.segments.is_empty() && other.open_bytes() == 0 {
            // Nothing but what is shared, which may go on where ours ends.
            self.done.messages += std::mem::take(&mut other.done.messages);
            if let Some(view) = other.shared.take() {
                self.push_view(&view, arena);
            }
            return;
        }
        self.settle(arena);
        self.seal();
        if let Some(slab) = other.open.take() {
            other.done.push(slab.freeze(), 0);
        }
        self.done.append(&mut other.done);
        self.shared = other.shared.take();
    }

    /// Puts encoded frames before all others.
    fn prepend(&mut self, mut batch: Batch) {
        self.seal();
        batch.append(&mut self.done);
        self.done = batch;
    }

    /// All that is encoded, where it lies: segments, and behind them the last bytes.
    fn encoded(&mut self) -> (&[Bytes], &[u8]) {
        if let Some(view) = self.shared.take() {
            self.put_segment(view.into());
        }
        (&self.done.segments, self.open.as_ref().map_or(&[], SlabMut::filled))
    }

    /// Lets go of everything, the open slab too.
    fn clear(&mut self) {
        self.done.clear();
        (self.open, self.shared) = (None, None);
    }

    /// Moves everything into `into`, which must be empty, and gives the open slab up.
    fn take(&mut self, into: &mut Batch) {
        if let Some(slab) = self.open.take() {
            self.done.push(slab.freeze(), 0);
        }
        // However little: who takes it writes it, and lets go.
        if let Some(view) = self.shared.take() {
            self.done.push(view.into(), 0);
        }
        std::mem::swap(&mut self.done, into);
    }
}

/// Appends a frame to `slab`, which has room for it.
#[inline]
pub(crate) fn encode_frame(flags: u8, frame: &Frame, slab: &mut SlabMut) {
    EncodedHeader::new(flags, frame.len()).encode(slab);
    frame.encode(slab);
}

/// What stands next in a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Unit {
    /// A whole message.
    Message(Message),
    /// A command: its whole body, name included.
    Command(Frame),
}

/// What was read into a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A whole message.
    Message,
    /// A command: its whole body, name included, is the message's only frame.
    Command,
}

impl Found {
    pub(crate) fn unit(self, mut message: Message) -> Unit {
        match self {
            Found::Message => Unit::Message(message),
            Found::Command => Unit::Command(std::mem::take(message.only_frame())),
        }
    }
}

/// Parses messages out of batches: the reading end.
#[derive(Debug, Default)]
pub(crate) struct BatchReader {
    segments: VecDeque<Bytes>,
    bodies: VecDeque<Bytes>,
    current: Bytes,
    at: usize,
    /// Bodies that were read over, in a batch whose bodies lie apart. Their sender may hold them too, and works with their
    /// counts on another core: they are let go of together.
    spent: Vec<Bytes>,
    spent_bytes: usize,
}

impl BatchReader {
    /// Adds the segments of `batch` behind what is left.
    pub(crate) fn refill(&mut self, batch: &mut Batch) {
        self.segments.extend(batch.segments.drain(..));
        self.bodies.extend(batch.bodies.drain(..));
        batch.clear();
    }

    /// Whether its lists are worth keeping for others.
    pub(crate) fn is_small(&self) -> bool {
        let lists = [self.segments.capacity(), self.bodies.capacity(), self.spent.capacity()];
        lists.iter().all(|&capacity| capacity <= SEGMENTS_KEPT_MAX)
    }

    /// The reader is drained: nothing of what it read stays in memory because of it.
    pub(crate) fn let_go(&mut self) {
        debug_assert!(self.segments.is_empty() && self.at == self.current.len(), "there is more to read");
        (self.current, self.at) = (Bytes::new(), 0);
        self.forget();
    }

    /// Lets go of a body that was read over: at the end of the batch, or when so many were that it is worth it.
    #[inline]
    fn spend(&mut self, body: Bytes) {
        self.spent_bytes += body.len();
        self.spent.push(body);
        if self.spent_bytes >= SPENT_BYTES_MAX {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.spent.clear();
        self.spent_bytes = 0;
    }

    /// Reads the next message or command into `into`; `None` when the reader is drained.
    ///
    /// In place, because a message that is returned is copied by every hand it passes through.
    ///
    /// # Panics
    /// If the batch breaks its invariant: whoever fills a batch has validated it.
    #[inline]
    pub(crate) fn next_into(&mut self, into: &mut Message) -> Option<Found> {
        let header = self.next_frame(into.only_frame())?;
        if header.command() {
            return Some(Found::Command);
        }
        if header.more() {
            self.read_rest(into);
        }
        Some(Found::Message)
    }

    fn read_rest(&mut self, into: &mut Message) {
        let mut frames = Vec::with_capacity(FRAMES_FEW);
        frames.push(std::mem::take(into.only_frame()));
        loop {
            let mut frame = Frame::new();
            let header = self.next_frame(&mut frame).expect("a batch holds whole messages");
            frames.push(frame);
            if !header.more() {
                *into = frames.into();
                return;
            }
        }
    }

    /// The next message or command; `None` when the reader is drained.
    pub(crate) fn next_unit(&mut self) -> Option<Unit> {
        let mut message = Message::new();
        self.next_into(&mut message).map(|found| found.unit(message))
    }

    #[inline]
    fn next_frame(&mut self, into: &mut Frame) -> Option<Header> {
        if self.at == self.current.len() {
            self.current = self.segments.pop_front()?;
            self.at = 0;
        }
        let header = Header::parse(&self.current[self.at..]).expect("a header lies whole in its segment");
        self.at += header.header_len;
        let len = header.body_len as usize;
        let apart = header.apart();
        if apart || (self.at == self.current.len() && len > 0) {
            self.read_reference(into, apart, len);
        } else {
            into.assign(&self.current, self.at, len);
            self.at += len;
        }
        Some(header)
    }

    /// Reads a body of `len` bytes that is a segment of its own, or lies apart.
    #[inline(never)]
    fn read_reference(&mut self, into: &mut Frame, apart: bool, len: usize) {
        let row = if apart { &mut self.bodies } else { &mut self.segments };
        let body = row.pop_front().expect("a body follows its header");
        assert_eq!(body.len(), len, "a body of its own segment fills it");
        if let Some(before) = into.replace(body)
            && apart
        {
            self.spend(before);
        }
    }
}

/// Splits off the part of `segments` that a broken link did not get through whole.
///
/// `written` bytes of them went out. What comes back begins with the first message that was not
/// written to its end: the peer cannot have received it, so it may be sent again.
pub fn unsent(segments: &[Bytes], written: usize) -> Batch {
    let mut reader = Scan { segments, index: 0, at: 0, passed: 0 };
    let mut rest = Batch::default();
    let mut start = None;
    let mut message_start = (0, 0);
    while let Some(header) = reader.next_header() {
        if header.more() {
            continue;
        }
        if start.is_none() && reader.passed > written {
            start = Some(message_start);
        }
        rest.messages += usize::from(start.is_some());
        message_start = (reader.index, reader.at);
    }
    let Some((index, at)) = start else {
        return Batch::default();
    };
    for (i, segment) in segments.iter().enumerate().skip(index) {
        let mut segment = segment.clone();
        if i == index {
            segment.advance(at);
        }
        rest.push(segment, 0);
    }
    rest
}

/// `batch` without its first message.
pub(crate) fn without_first(batch: &Batch) -> Batch {
    let mut reader = Scan { segments: &batch.segments, index: 0, at: 0, passed: 0 };
    while reader.next_header().is_some_and(Header::more) {}
    unsent(&batch.segments, reader.passed)
}

struct Scan<'a> {
    segments: &'a [Bytes],
    index: usize,
    at: usize,
    passed: usize,
}

impl Scan<'_> {
    fn next_header(&mut self) -> Option<Header> {
        if self.at == self.segments.get(self.index)?.len() {
            self.index += 1;
            self.at = 0;
        }
        let header = Header::parse(&self.segments.get(self.index)?[self.at..])?;
        self.at += header.header_len;
        let len = header.body_len as usize;
        self.passed += header.header_len + len;
        if self.at == self.segments[self.index].len() && len > 0 {
            self.index += 1;
            self.at = 0;
        }
        self.at += len;
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::fanout::Fanout;
    use crate::message::encoded_len;

    fn encode(messages: &[Message]) -> Batch {
        let (arena, mut writer, mut batch) = (Arena::new(), BatchWriter::default(), Batch::default());
        messages.iter().for_each(|message| writer.push_message(message, &arena));
        writer.take(&mut batch);
        batch
    }

    fn decode(mut batch: Batch) -> Vec<Message> {
        let mut reader = BatchReader::default();
        reader.refill(&mut batch);
        std::iter::from_fn(|| reader.next_unit())
            .map(|unit| match unit {
                Unit::Message(message) => message,
                Unit::Command(command) => panic!("{command:?}"),
            })
            .collect()
    }

    fn messages() -> impl Strategy<Value = Vec<Message>> {
        let sizes = prop::sample::select(vec![0usize, 1, 64, 65, 255, 256, 8191, 8192, 70_000]);
        let frame = (sizes, any::<u8>(), any::<bool>()).prop_map(|(len, byte, lent)| {
            let body = Bytes::from(vec![byte; len]);
            if lent { Frame::lent(body) } else { body.into() }
        });
        let message = prop::collection::vec(frame, 1..4).prop_map(Message::from);
        prop::collection::vec(message, 0..20)
    }

    #[test]
    fn large_bodies_are_not_copied() {
        let body = Bytes::from(vec![1; GATHER_BYTES_MIN]);
        let batch = encode(&[Message::from(body.clone())]);
        assert_eq!(batch.segments[1].as_ptr(), body.as_ptr());
        assert_eq!(decode(batch)[0].first().shared().map(|bytes| bytes.as_ptr()), Some(body.as_ptr()));
    }

    #[test]
    fn lent_bodies_are_not_copied_however_small() {
        let (body, arena) = (Bytes::from(vec![1; 9]), Arena::new());
        let message = Message::from([Frame::lent(body.clone()), Frame::lent(Bytes::new()), Frame::lent(body.clone())]);
        for apart in [false, true] {
            let (mut writer, mut batch) = (BatchWriter::new(apart), Batch::default());
            writer.push_message(&message, &arena);
            writer.take(&mut batch);
            let of_body = batch.segments.iter().chain(&batch.bodies).filter(|bytes| bytes.as_ptr() == body.as_ptr());
            assert_eq!(of_body.count(), 2);
            assert_eq!(decode(batch), std::slice::from_ref(&message));
        }
        assert!(Fanout::default().encode(&message, &arena).is_none(), "each pipe holds them by itself");
    }

    #[test]
    fn bodies_apart_cost_no_segment() {
        let (arena, mut writer, mut batch) = (Arena::new(), BatchWriter::new(true), Batch::default());
        let body = Bytes::from(vec![1; APART_BYTES_MIN]);
        (0..3).for_each(|_| writer.push_message(&Message::from(body.clone()), &arena));
        writer.take(&mut batch);
        assert_eq!((batch.segments.len(), batch.bytes), (1, 3 * (FRAME_HEADER_BYTES_MAX + APART_BYTES_MIN)));
        let bodies = decode(batch);
        assert!(bodies.iter().all(|message| message.first().as_ptr() == body.as_ptr()));
    }

    #[test]
    fn bodies_that_were_read_over_are_let_go_of_together() {
        let (arena, mut writer, mut batch) = (Arena::new(), BatchWriter::new(true), Batch::default());
        let owner = Arc::new(vec![7; SPENT_BYTES_MAX / 2]);
        (0..6).for_each(|_| writer.push_message(&Message::from(Bytes::from_owner(Owned(Arc::clone(&owner)))), &arena));
        writer.take(&mut batch);
        let (mut reader, mut message) = (BatchReader::default(), Message::new());
        reader.refill(&mut batch);
        let mut read = || {
            reader.next_into(&mut message).expect("a message");
            Arc::strong_count(&owner) - 1
        };
        // One in the message; what was read over is held until there is enough of it.
        assert_eq!([read(), read(), read(), read(), read(), read()], [6, 6, 4, 4, 2, 2]);
        reader.let_go();
        assert_eq!(Arc::strong_count(&owner) - 1, 1, "all but what the message holds");
    }

    struct Owned(Arc<Vec<u8>>);

    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[test]
    fn commands_are_told_from_messages() {
        let (arena, mut writer, mut batch) = (Arena::new(), BatchWriter::default(), Batch::default());
        writer.push_command("SUBSCRIBE", b"topic", &arena);
        writer.push_command("CANCEL", &[7; 70_000], &arena);
        writer.take(&mut batch);
        assert_eq!(batch.messages, 2);
        let mut reader = BatchReader::default();
        reader.refill(&mut batch);
        assert_eq!(reader.next_unit(), Some(Unit::Command(Frame::from(b"\x09SUBSCRIBEtopic"))));
        assert!(matches!(reader.next_unit(), Some(Unit::Command(body)) if body.len() == 70_007));
        assert_eq!(reader.next_unit(), None);
    }

    #[test]
    fn an_open_slab_is_given_away_and_recycled() {
        let arena = Arena::new();
        let (mut writer, mut batch) = (BatchWriter::default(), Batch::default());
        writer.push_message(&Message::from("x"), &arena);
        writer.take(&mut batch);
        assert!(writer.is_empty());
        drop(batch);
        assert_eq!(arena.free_blocks(SlabClass::Small), 1);
    }

    proptest! {
        #[test]
        fn batches_round_trip(messages in messages()) {
            let batch = encode(&messages);
            prop_assert_eq!(batch.messages, messages.len());
            prop_assert_eq!(decode(batch), messages);
        }

        #[test]
        fn bodies_apart_stay_in_order(messages in messages(), joined in any::<prop::sample::Index>()) {
            let (arena, mut batch) = (Arena::new(), Batch::default());
            let mut writers = [BatchWriter::new(true), BatchWriter::new(true)];
            let (front, back) = messages.split_at(joined.index(messages.len() + 1));
            for (writer, messages) in writers.iter_mut().zip([front, back]) {
                messages.iter().for_each(|message| writer.push_message(message, &arena));
            }
            let [mut first, mut second] = writers;
            first.join(&mut second, &arena);
            let encoded = messages.iter().map(|message| encoded_len(message.frames())).sum::<usize>();
            prop_assert_eq!((first.load(), second.is_empty()), (Load { messages: messages.len(), bytes: encoded }, true));
            first.take(&mut batch);
            prop_assert_eq!(decode(batch), messages);
        }

        #[test]
        fn unsent_begins_with_the_first_message_that_is_not_through(messages in messages(), cut in any::<prop::sample::Index>()) {
            let batch = encode(&messages);
            let written = cut.index(batch.bytes + 1);
            let rest = unsent(&batch.segments, written);
            let mut passed = 0;
            let whole = messages.iter().take_while(|message| {
                passed += message.frames().iter().map(|f| EncodedHeader::new(0, f.len()).as_slice().len() + f.len()).sum::<usize>();
                passed <= written
            }).count();
            prop_assert_eq!(rest.messages, messages.len() - whole);
            if rest.messages > 0 {
                prop_assert_eq!(decode(without_first(&rest)), &messages[whole + 1..]);
            }
            prop_assert_eq!(decode(rest), &messages[whole..]);
        }
    }
}
