//! The writing end of a batch: messages are encoded into slabs.

use bytes::Bytes;

use super::{Batch, Unit};
use crate::limits::{
    APART_BYTES_MIN, FRAME_HEADER_BYTES_MAX, GATHER_BYTES_MIN, SHARED_BYTES_MIN, SLAB_LARGE_BYTES, SLAB_SMALL_BYTES,
};
use crate::load::Load;
use crate::slab::{Arena, EXPECTED_BYTES, SlabClass, SlabMut, View, expect_write};
use crate::spare::Spares;
use crate::wire::{APART, COMMAND, EncodedHeader, MORE, header_len};
use crate::{Frame, Message, Outgoing};
/// Encodes messages into slabs: the writing end of a batch. What it needs for that it has only while it is in use.
#[derive(Debug, Default)]
pub(crate) struct BatchWriter {
    encoder: Option<Box<Encoder>>,
    /// No link will write this: bodies may lie apart.
    apart: bool,
}

thread_local! {
    static ENCODERS: Spares<Box<Encoder>> = const { Spares::new() };
}

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
        let slab = self.slab_with(FRAME_HEADER_BYTES_MAX, arena);
        slab.expect_more(FRAME_HEADER_BYTES_MAX);
        header.encode(slab);
        self.done.bytes += body.len();
        let bodies = &mut self.done.bodies;
        bodies.push(body);
        if let Some(ahead) = bodies.spare_capacity_mut().get(EXPECTED_BYTES / size_of::<Bytes>()) {
            expect_write(ahead);
        }
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
    slab.expect_more(frame.len());
    EncodedHeader::new(flags, frame.len()).encode(slab);
    frame.encode(slab);
}
