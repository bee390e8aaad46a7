//! What a reader parses out one by one is credited in steps of half the mark, and when it finds nothing more.

mod common;

use common::{drain, numbered, plain, push_all, take};
use monocoque_core::Message;
use monocoque_core::batch::Batch;
use monocoque_core::pipe::{Mark, Refusal, pipe};
use monocoque_core::slab::{Arena, SlabClass};
use monocoque_core::wire::EncodedHeader;

#[test]
fn the_writer_gets_half_the_mark_at_a_time() {
    let (mut writer, mut reader) = plain(10);
    push_all(&mut writer, 0..10);
    for consumed in 1..=10 {
        reader.next_unit().expect("ten are there");
        assert_eq!(writer.held(), 10 - consumed / 5 * 5);
    }
}

/// Whether or not the last message of it was a step.
#[test]
fn a_reader_that_has_read_all_keeps_nothing_of_it() {
    for (mark, messages) in [(10, 3), (10, 5), (0, 3)] {
        let (mut writer, mut reader) = plain(mark);
        let arena = Arena::new();
        let mut slab = arena.lease(SlabClass::Tiny);
        let mut batch = Batch::default();
        for _ in 0..messages {
            slab.extend_from_slice(EncodedHeader::new(0, 1).as_slice());
            slab.extend_from_slice(b"x");
        }
        batch.push(slab.freeze(), messages);
        assert_eq!(writer.batches().append(&mut batch), 0, "the reader has not gone");
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 0);
        for _ in 0..messages {
            reader.next_unit().expect("it is there");
        }
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 1, "{messages} messages below a mark of {mark}");
    }
}

#[test]
fn an_odd_mark_is_halved_upwards() {
    let (mut writer, mut reader) = plain(3);
    push_all(&mut writer, 0..3);
    let held = [(); 3].map(|()| {
        reader.next_unit().expect("three are there");
        writer.held()
    });
    assert_eq!((held, reader.next_unit(), writer.held()), ([3, 1, 1], None, 0));
}

/// Who forwards has one message in hand when it cannot send it: that one counts, however few were there at once.
#[test]
fn what_a_reader_has_in_hand_counts_until_it_comes_back() {
    let (mut writer, mut reader) = plain(20);
    for round in 0..8 {
        push_all(&mut writer, round..round + 1);
        reader.next_unit().expect("just pushed");
        assert_eq!((writer.held(), reader.flow().queued_messages), (1, 0), "for the reader none waits");
        assert_eq!((reader.next_unit(), writer.held()), (None, 0));
    }
    push_all(&mut writer, 8..9);
    reader.next_unit().expect("just pushed");
    push_all(&mut writer, 9..28);
    assert_eq!((writer.held(), writer.push(&numbered(28))), (20, Err(Refusal::Full)));
}

/// What was credited between does not move the steps.
#[test]
fn steps_are_counted_from_step_to_step() {
    let (mut writer, mut reader) = plain(10);
    push_all(&mut writer, 0..3);
    assert_eq!(drain(&mut reader).len(), 3);
    push_all(&mut writer, 3..13);
    let held = [(); 8].map(|()| {
        reader.next_unit().expect("ten are there");
        writer.held()
    });
    assert_eq!(held, [10, 8, 8, 8, 8, 8, 3, 3]);
}

/// A step counts messages: of large ones a few reach a mark of bytes.
#[test]
fn where_bytes_count_the_last_that_was_read_is_credited() {
    let (mut writer, mut reader) = pipe(Mark { messages: 10, bytes: 100 }, false, &Arena::new());
    writer.push(&Message::from(vec![0; 90])).expect("empty");
    assert_eq!(writer.push(&Message::from(vec![0; 90])), Err(Refusal::Full));
    reader.next_unit().expect("just pushed");
    writer.push(&Message::from(vec![0; 90])).expect("all was read");
}

#[test]
fn where_nothing_is_counted_the_writer_hears_that_all_was_read() {
    let (mut writer, mut reader) = plain(0);
    push_all(&mut writer, 0..3);
    let held = [(); 3].map(|()| {
        reader.next_unit().expect("three are there");
        writer.held()
    });
    assert_eq!(held, [3, 3, 0]);
}

#[test]
fn a_reader_that_goes_has_credited_what_it_read() {
    let (mut writer, mut reader) = plain(10);
    push_all(&mut writer, 0..5);
    (0..3).for_each(|_| drop(reader.next_unit().expect("five are there")));
    drop(reader);
    assert_eq!((writer.flow().messages, writer.flow().queued_messages), (3, 2));
}

#[test]
fn after_draining_one_more_push_succeeds_at_once() {
    for mark in 1..20 {
        for queued in 1..=mark {
            let (mut writer, mut reader) = plain(mark);
            push_all(&mut writer, 0..queued as usize);
            assert_eq!(drain(&mut reader).len(), queued as usize);
            assert_eq!((writer.held(), writer.push(&numbered(0))), (0, Ok(())));
        }
    }
}

#[test]
fn a_taken_batch_is_credited_at_once() {
    let (mut writer, mut reader) = plain(10);
    push_all(&mut writer, 0..10);
    assert_eq!(writer.push(&numbered(10)), Err(Refusal::Full));
    let on_its_way = take(reader.batches());
    assert_eq!((on_its_way.messages, writer.held()), (10, 0));
    push_all(&mut writer, 0..10);
}

#[test]
fn bytes_are_credited_to_the_last() {
    let (mut writer, mut reader) = pipe(Mark { messages: 4, bytes: 1000 }, false, &Arena::new());
    // Each takes a header of 2 bytes beside its body, or of 9 if it is longer than 255.
    for len in [1, 100, 7, 877] {
        writer.push(&Message::from(vec![0; len])).expect("below the mark");
    }
    assert_eq!(drain(&mut reader).len(), 4);
    writer.push(&Message::from(vec![0; 988])).expect("empty");
    writer.push(&Message::from("1")).expect("exactly at the mark, so every byte was credited");
    assert_eq!(writer.push(&Message::from("1")), Err(Refusal::Full));
}
