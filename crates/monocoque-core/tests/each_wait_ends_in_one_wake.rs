//! A reader is woken once when an empty pipe gets something, a writer once when a full one is half free.

mod common;

use std::task::{Context, Poll};

use common::{Wakes, batch, numbered, plain, push_all, take};
use monocoque_core::Message;
use monocoque_core::batch::Batch;
use monocoque_core::pipe::{Mark, Refusal, Taken, pipe};
use monocoque_core::slab::Arena;

#[test]
fn the_reader_once_for_each_time_that_it_found_the_pipe_empty() {
    let (wakes, (mut writer, mut reader)) = (Wakes::new(), plain(0));
    reader.set_waker(&wakes.waker());
    push_all(&mut writer, 0..10);
    assert_eq!(wakes.count(), 1, "a new pipe counts as found empty");
    take(reader.batches());
    push_all(&mut writer, 0..10);
    assert_eq!(wakes.count(), 1, "the reader took, and has not looked again");
    take(reader.batches());
    assert_eq!(reader.batches().take(&mut Batch::default()), Taken::Empty);
    assert_eq!(reader.next_unit(), None);
    writer.push_command("PING", b"");
    writer.push_unmarked(&numbered(1));
    writer.batches().append(&mut batch(&[numbered(2)]));
    assert_eq!(wakes.count(), 2);
}

#[test]
fn a_reader_that_polls_is_woken_through_its_latest_waker() {
    let (first, second, (mut writer, mut reader)) = (Wakes::new(), Wakes::new(), plain(0));
    for wakes in [&first, &second] {
        let waker = wakes.waker();
        assert!(reader.batches().poll_take(&mut Context::from_waker(&waker), &mut Batch::default()).is_pending());
    }
    push_all(&mut writer, 0..3);
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn the_writer_at_half_the_mark_and_only_if_it_was_refused() {
    for (mark, refused, woken_after) in [(10, true, Some(5)), (10, false, None), (1, true, Some(1)), (5, true, Some(3))]
    {
        let (wakes, (mut writer, mut reader)) = (Wakes::new(), plain(mark));
        writer.set_waker(&wakes.waker());
        push_all(&mut writer, 0..mark as usize);
        if refused {
            assert_eq!(writer.push(&numbered(0)), Err(Refusal::Full));
            assert_eq!(writer.push(&numbered(0)), Err(Refusal::Full));
        }
        for consumed in 1..=mark as usize {
            reader.next_unit().expect("pushed before");
            let expected = usize::from(woken_after.is_some_and(|after| consumed >= after));
            assert_eq!(wakes.count(), expected, "{consumed} of {mark} consumed");
        }
    }
}

#[test]
fn a_writer_that_asked_for_room_counts_as_refused() {
    let (wakes, (mut writer, mut reader)) = (Wakes::new(), plain(4));
    let waker = wakes.waker();
    push_all(&mut writer, 0..4);
    assert!(writer.poll_room(&mut Context::from_waker(&waker)).is_pending());
    take(reader.batches());
    assert_eq!(wakes.count(), 1);
    assert!(writer.poll_room(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_writer_that_was_refused_for_the_size_of_its_message_waits_until_that_fits() {
    let (wakes, waker) = (Wakes::new(), Wakes::new().waker());
    let (mut writer, mut reader) = pipe(Mark { messages: 0, bytes: 100 }, false, &Arena::new());
    writer.set_waker(&wakes.waker());
    writer.push(&Message::from(vec![1; 30])).expect("empty");
    writer.push(&Message::from(vec![2; 30])).expect("room");
    assert_eq!(writer.push(&Message::from(vec![3; 80])), Err(Refusal::Full));
    let mut cx = Context::from_waker(&waker);
    assert_eq!(writer.poll_room(&mut cx), Poll::Pending, "else `push` and `poll_room` would call each other for ever");
    writer.push(&Message::from(vec![4; 10])).expect("a smaller one fits");
    assert_eq!(writer.push(&Message::from(vec![3; 80])), Err(Refusal::Full));
    take(reader.batches());
    assert_eq!(writer.poll_room(&mut cx), Poll::Ready(()));
    writer.push(&Message::from(vec![3; 80])).expect("empty");
}

#[test]
fn a_higher_mark_and_a_discard_make_room_too() {
    let (wakes, (mut writer, _reader)) = (Wakes::new(), plain(4));
    writer.set_waker(&wakes.waker());
    push_all(&mut writer, 0..4);
    assert_eq!(writer.push(&numbered(4)), Err(Refusal::Full));
    writer.set_mark(Mark::messages(8));
    assert_eq!(wakes.count(), 1);
    push_all(&mut writer, 4..8);
    assert_eq!(writer.push(&numbered(8)), Err(Refusal::Full));
    assert_eq!(writer.discard(), 8);
    assert_eq!(wakes.count(), 2, "nobody else would tell the writer: an empty pipe gives no credit");
}

#[test]
fn both_sides_when_the_other_goes() {
    let (wakes, (mut writer, reader)) = (Wakes::new(), plain(1));
    writer.set_waker(&wakes.waker());
    push_all(&mut writer, 0..1);
    assert_eq!(writer.push(&numbered(1)), Err(Refusal::Full));
    drop(reader);
    assert_eq!(wakes.count(), 1);
    let (wakes, (writer, reader)) = (Wakes::new(), plain(1));
    reader.set_waker(&wakes.waker());
    drop(writer);
    assert_eq!(wakes.count(), 1);
}
