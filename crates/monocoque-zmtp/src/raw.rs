//! No protocol at all: a connection's bytes as messages of one frame, for STREAM and ROUTER_RAW sockets.
//!
//! What one read brings is one message, as in libzmq: a byte stream has no other bounds. A message is its body on the
//! wire, with no header.

use bytes::Bytes;
use monocoque_core::batch::Batch;
use monocoque_core::slab::SlabMut;
use monocoque_core::wire::{EncodedHeader, Header};

/// Takes all of `input` as one message.
pub(crate) fn deliver(input: &mut SlabMut, deliver: &mut Batch) {
    let len = input.len();
    if len > 0 {
        let header = EncodedHeader::new(0, len);
        deliver.push(Bytes::copy_from_slice(header.as_slice()), 0);
        deliver.push(input.split_to(len), 1);
    }
}

/// Appends to `write` the bodies of the frames in `segments`, a batch's. None is copied.
pub(crate) fn encode(segments: &[Bytes], write: &mut Vec<Bytes>) {
    let mut segments = segments.iter();
    while let Some(segment) = segments.next() {
        let mut at = 0;
        while at < segment.len() {
            let header = Header::parse(&segment[at..]).expect("a header lies whole in its segment");
            at += header.header_len;
            let len = header.body_len as usize;
            if at == segment.len() && len > 0 {
                write.extend(segments.next().cloned());
            } else if len > 0 {
                write.push(segment.slice(at..at + len));
                at += len;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::Message;
    use monocoque_core::batch::Unit;
    use monocoque_core::pipe::{Mark, pipe_from_link, pipe_to_link};
    use monocoque_core::slab::Arena;

    use super::*;

    #[test]
    fn bodies_go_out_and_nothing_else() {
        let (mut writer, mut source) = pipe_to_link(Mark::messages(0), false, &Arena::new());
        let bodies = [vec![1; 3], vec![2; 300], vec![3; 100_000], Vec::new(), vec![4]];
        for body in &bodies {
            writer.push(&Message::from(body.clone())).expect("room");
        }
        let (mut batch, mut write) = (Batch::default(), Vec::new());
        source.take(&mut batch);
        encode(&batch.segments, &mut write);
        assert_eq!(write.concat(), bodies.concat());
    }

    #[test]
    fn what_is_there_is_one_message() {
        let (mut sink, mut reader) = pipe_from_link(Mark::messages(0), false, &Arena::new());
        for len in [0, 1, 300, 20_000] {
            let (mut input, mut batch) = (SlabMut::exact(len.max(1)).expect("memory"), Batch::default());
            input.extend_from_slice(&vec![7; len]);
            deliver(&mut input, &mut batch);
            assert!(input.is_empty());
            sink.append(&mut batch);
        }
        for len in [1, 300, 20_000] {
            let Some(Unit::Message(message)) = reader.next_unit() else { panic!("a message of {len}") };
            assert_eq!(message, Message::from(vec![7; len]));
        }
        assert!(reader.next_unit().is_none());
    }
}
