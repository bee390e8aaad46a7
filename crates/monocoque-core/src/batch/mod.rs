//! A batch: encoded frames in order, as a pipe holds them and a link writes them.
//!
//! Invariant of every batch: a frame's header lies whole in one segment, and its body lies either
//! behind it in the same segment or is exactly the next segment. So a frame is found without
//! reassembly, and a large body is never copied.
//!
//! In a pipe with no link behind it a body may also lie *apart*, in a row of its own: nobody writes that batch, so its
//! segments need not be in order, and a body handed over costs no segment for its header.

mod reader;
mod writer;

use bytes::{Buf, Bytes};

pub(crate) use self::reader::BatchReader;
pub(crate) use self::writer::{BatchWriter, encode_frame};
use crate::wire::Header;
use crate::{Frame, Message};

/// Segments of which a list is kept for others.
const SEGMENTS_KEPT_MAX: usize = 256;

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
    pub fn is_small(&self) -> bool {
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

/// Takes the first message off `segments`, a batch's, which has one.
pub fn split_first(segments: &mut Vec<Bytes>) -> Batch {
    let mut reader = Scan { segments, index: 0, at: 0, passed: 0 };
    while reader.next_header().is_some_and(Header::more) {}
    let (index, at) = (reader.index, reader.at);
    let mut first = Batch { messages: 1, ..Batch::default() };
    segments.drain(..index).for_each(|segment| first.push(segment, 0));
    if let Some(segment) = segments.first_mut().filter(|_| at > 0) {
        first.push(segment.split_to(at), 0);
        if segment.is_empty() {
            segments.remove(0);
        }
    }
    first
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
    use crate::limits::{APART_BYTES_MIN, FRAME_HEADER_BYTES_MAX, GATHER_BYTES_MIN, SPENT_BYTES_MAX};
    use crate::load::Load;
    use crate::message::encoded_len;
    use crate::slab::{Arena, SlabClass};
    use crate::wire::EncodedHeader;

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
                let mut segments = rest.segments.clone();
                let first = split_first(&mut segments);
                let bytes: usize = segments.iter().map(Bytes::len).sum();
                prop_assert_eq!((first.messages, first.bytes + bytes), (1, rest.bytes));
                prop_assert_eq!(decode(first), &messages[whole..=whole]);
                prop_assert!(segments.iter().all(|segment| !segment.is_empty()));
                let behind = Batch { messages: rest.messages - 1, bytes, segments, ..Batch::default() };
                prop_assert_eq!(decode(behind), &messages[whole + 1..]);
            }
            prop_assert_eq!(decode(rest), &messages[whole..]);
        }
    }
}
