//! Messages for many: each is encoded once, and every pipe that it goes into holds the same bytes.

use bytes::Bytes;

use crate::batch::encode_frame;
use crate::limits::{GATHER_BYTES_MIN, SLAB_LARGE_BYTES, SLAB_SMALL_BYTES};
use crate::message::encoded_len;
use crate::slab::{Arena, SlabClass, SlabMut, View};
use crate::wire::MORE;
use crate::{Frame, Message, Outgoing};

/// Encodes messages that go into several pipes.
///
/// What it encodes lies one behind the other, so that a pipe which gets one message after another holds a single range of a
/// slab, whatever their number. After a burst it keeps one slab.
///
/// ```
/// use monocoque_core::Message;
/// use monocoque_core::fanout::Fanout;
/// use monocoque_core::pipe::{Mark, pipe};
/// use monocoque_core::slab::Arena;
///
/// let (arena, mut fanout, message) = (Arena::new(), Fanout::default(), Message::from("to all"));
/// let mut ends = [(); 3].map(|()| pipe(Mark::messages(10), false, &arena));
/// let once = fanout.encode(&message, &arena).expect("it is small");
/// for (writer, _) in &mut ends {
///     writer.push(&once)?;
/// }
/// # Ok::<(), monocoque_core::pipe::Refusal>(())
/// ```
#[derive(Debug, Default)]
pub struct Fanout {
    slab: Option<SlabMut>,
}

/// A message that is encoded already, to be pushed into any number of pipes.
#[derive(Debug)]
pub struct Encoded<'m> {
    message: &'m Message,
    view: View,
}

impl Fanout {
    /// Encodes `message` into a slab of `arena`. `None` if a body of it travels by reference, which every pipe does as well
    /// by itself, or if it is larger than a slab.
    #[inline]
    pub fn encode<'m>(&mut self, message: &'m Message, arena: &Arena) -> Option<Encoded<'m>> {
        let frames = message.frames();
        let bytes = encoded_len(frames);
        if bytes > SLAB_LARGE_BYTES || frames.iter().any(|frame| frame.goes_by_reference(GATHER_BYTES_MIN)) {
            return None;
        }
        let slab = self.slab_with(bytes, arena);
        let (last, front) = frames.split_last().expect("a message has at least one frame");
        front.iter().for_each(|frame| encode_frame(MORE, frame, slab));
        encode_frame(0, last, slab);
        Some(Encoded { message, view: slab.split_view(bytes) })
    }

    #[inline]
    fn slab_with(&mut self, bytes: usize, arena: &Arena) -> &mut SlabMut {
        if self.slab.as_ref().is_none_or(|slab| slab.spare_len() < bytes) {
            self.renew(bytes, arena);
        }
        self.slab.as_mut().expect("renewed above")
    }

    /// The same slab again if all that it held is gone, else another: a small one is for those who send now and then.
    #[cold]
    fn renew(&mut self, bytes: usize, arena: &Arena) {
        if self.slab.as_mut().is_some_and(|slab| slab.reclaim() && slab.spare_len() >= bytes) {
            return;
        }
        let wanted = if self.slab.is_some() { SLAB_LARGE_BYTES } else { SLAB_SMALL_BYTES };
        let class = SlabClass::fitting(bytes.max(wanted)).expect("what is larger is not encoded here");
        self.slab = Some(arena.lease(class));
    }
}

impl Outgoing for &Encoded<'_> {
    #[inline]
    fn frames(&self) -> &[Frame] {
        self.message.frames()
    }

    fn body(&mut self, index: usize) -> Bytes {
        let mut message = self.message;
        message.body(index)
    }

    #[inline]
    fn encoded(&self) -> Option<&View> {
        Some(&self.view)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Batch, BatchReader, BatchWriter, Unit};
    use crate::limits::SHARED_BYTES_MIN;

    /// The messages of what `writer` holds, and the batch's segments before it was read.
    fn taken(writer: &mut BatchWriter) -> (Vec<Message>, Vec<Bytes>) {
        let (mut batch, mut reader) = (Batch::default(), BatchReader::default());
        writer.take(&mut batch);
        let segments = batch.segments.clone();
        reader.refill(&mut batch);
        let units = std::iter::from_fn(|| reader.next_unit());
        let message = |unit| match unit {
            Unit::Message(message) => message,
            Unit::Command(command) => panic!("{command:?}"),
        };
        (units.map(message).collect(), segments)
    }

    /// The bytes of `messages`, of which nobody else holds anything.
    fn wire(messages: &[Message], arena: &Arena) -> Vec<u8> {
        let (mut writer, mut batch) = (BatchWriter::default(), Batch::default());
        messages.iter().for_each(|message| writer.push_message(message, arena));
        writer.take(&mut batch);
        batch.segments.concat()
    }

    #[test]
    fn one_after_another_is_one_range_of_one_slab() {
        let (arena, mut fanout) = (Arena::new(), Fanout::default());
        let mut writers = [BatchWriter::default(), BatchWriter::default()];
        for number in 0..60_u8 {
            let message = Message::from(vec![number; 60]);
            let once = fanout.encode(&message, &arena).expect("it is small");
            writers.iter_mut().for_each(|writer| writer.push_message(&once, &arena));
        }
        let [(messages, one), (_, other)] = writers.each_mut().map(taken);
        assert_eq!((messages.len(), one.len()), (60, 1));
        assert_eq!(one[0].as_ptr(), other[0].as_ptr());
    }

    #[test]
    fn a_little_does_not_keep_what_others_wrote() {
        let (arena, mut fanout, mut writer) = (Arena::new(), Fanout::default(), BatchWriter::default());
        let message = Message::from(vec![1; 60]);
        for _ in 0..10 {
            let once = fanout.encode(&message, &arena).expect("it is small");
            // Others alone get this one.
            fanout.encode(&message, &arena).expect("it is small");
            writer.push_message(&once, &arena);
        }
        writer.push_message(&message, &arena);
        let (messages, segments) = taken(&mut writer);
        assert_eq!((messages.len(), segments.len()), (11, 1));
        drop(segments);
        drop(fanout);
        assert_eq!(arena.free_blocks(SlabClass::Small), 2);
    }

    #[test]
    fn what_is_gone_makes_room() {
        let (arena, mut fanout) = (Arena::new(), Fanout::default());
        let message = Message::from(vec![1; 1000]);
        (0..100).for_each(|_| drop(fanout.encode(&message, &arena)));
        drop(fanout);
        assert_eq!((arena.free_blocks(SlabClass::Small), arena.free_blocks(SlabClass::Large)), (1, 0));
    }

    #[test]
    fn large_bodies_and_very_many_are_left_to_the_pipes() {
        let (arena, mut fanout) = (Arena::new(), Fanout::default());
        assert!(fanout.encode(&Message::from(vec![0; GATHER_BYTES_MIN]), &arena).is_none());
        assert!(fanout.encode(&Message::multipart(vec![vec![0; GATHER_BYTES_MIN / 2]; 20]), &arena).is_none());
        assert!(fanout.encode(&Message::from(vec![0; GATHER_BYTES_MIN - 1]), &arena).is_some());
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// To both, or to the second alone while others share it too.
        Shared(Message, bool),
        Own(Message),
        Join,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let sizes = prop::sample::select(vec![0usize, 1, 64, 300, SHARED_BYTES_MIN - 20, GATHER_BYTES_MIN]);
        let frame = (sizes, any::<u8>()).prop_map(|(len, byte)| Frame::from(vec![byte; len]));
        let message = prop::collection::vec(frame, 1..3).prop_map(Message::from).boxed();
        let step = prop_oneof![
            6 => (message.clone(), prop::bool::weighted(0.9)).prop_map(|(message, to_us)| Step::Shared(message, to_us)),
            1 => message.prop_map(Step::Own),
            1 => Just(Step::Join),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn shared_and_own_messages_stay_in_order(steps in steps(), apart in any::<bool>()) {
            let (arena, mut fanout, mut expected) = (Arena::new(), Fanout::default(), Vec::new());
            let (mut queue, mut front) = (BatchWriter::new(apart), BatchWriter::new(apart));
            for step in steps {
                match step {
                    Step::Shared(message, to_us) => {
                        let once = fanout.encode(&message, &arena);
                        if to_us {
                            match &once {
                                Some(once) => front.push_message(once, &arena),
                                None => front.push_message(&message, &arena),
                            }
                            expected.push(message);
                        }
                    }
                    Step::Own(message) => {
                        front.push_message(&message, &arena);
                        expected.push(message);
                    }
                    Step::Join => queue.join(&mut front, &arena),
                }
            }
            queue.join(&mut front, &arena);
            let encoded = expected.iter().map(|message| encoded_len(message.frames())).sum::<usize>();
            let load = queue.load();
            prop_assert_eq!((load.messages, front.is_empty()), (expected.len(), true));
            prop_assert_eq!(load.bytes, encoded);
            if !apart {
                let (segments, last) = queue.encoded();
                prop_assert_eq!([&segments.concat(), last].concat(), wire(&expected, &arena));
            }
            prop_assert_eq!(taken(&mut queue).0, expected);
        }
    }
}
