//! While the reader is busy the writer keeps what it encodes; the reader asks for it when it comes back.

mod common;

use std::sync::MutexGuard;

use common::{Owner, Wakes, drain, numbered, push_all, take};
use monocoque_core::Message;
use monocoque_core::pipe::{Mark, PipeReader, PipeWriter, Refusal, pipe};
use monocoque_core::slab::Arena;

fn holding(messages: u32) -> (Owner, PipeReader) {
    let (writer, reader) = pipe(Mark::messages(messages), false, &Arena::new());
    (Owner::new(writer, true), reader)
}

fn push(mut writer: MutexGuard<'_, PipeWriter>, numbers: impl IntoIterator<Item = usize>) {
    push_all(&mut writer, numbers);
}

#[test]
fn only_the_first_message_wakes_it() {
    let (wakes, (writer, mut reader)) = (Wakes::new(), holding(1000));
    reader.set_waker(&wakes.waker());
    push(writer.lock(), 0..10);
    assert_eq!((wakes.count(), take(reader.batches()).messages), (1, 10));
    push(writer.lock(), 10..20);
    assert_eq!((wakes.count(), drain(&mut reader).len()), (1, 10));
    push(writer.lock(), 20..21);
    assert_eq!(wakes.count(), 2, "it was found empty");
}

#[test]
fn the_mark_counts_it() {
    let (writer, mut reader) = holding(10);
    push(writer.lock(), 0..10);
    assert_eq!(writer.lock().push(&numbered(10)), Err(Refusal::Full));
    assert_eq!(writer.lock().held(), 10);
    assert_eq!(drain(&mut reader).len(), 10);
    push(writer.lock(), 0..10);
    assert!(!writer.lock().has_room());
}

#[test]
fn asking_for_room_does_not_break_it_up() {
    let (writer, mut reader) = holding(100);
    for number in 0..100 {
        assert!(writer.lock().has_room_for(&numbered(number)));
        push(writer.lock(), [number]);
    }
    assert!(!writer.lock().has_room_for(&numbered(100)));
    let batch = take(reader.batches());
    assert_eq!((batch.messages, batch.segments.len()), (100, 2), "the first message, and all that was held back");
    assert!(writer.lock().has_room_for(&numbered(100)));
}

#[test]
fn what_was_refused_once_is_asked_for_again() {
    let (writer, reader) = pipe(Mark { messages: 0, bytes: 50 }, false, &Arena::new());
    let (owner, large) = (Owner::new(writer, true), Message::from(&[7; 40]));
    push(owner.lock(), 0..4);
    assert!(!owner.lock().has_room_for(&large));
    assert!(!owner.lock().has_room(), "for the large one");
    assert!(owner.lock().has_room_for(&numbered(4)));
    drop(reader);
    assert!(owner.lock().has_room_for(&large), "a pipe that nobody reads holds nobody up");
}

#[test]
fn also_when_the_writer_is_finished_or_gone() {
    for finish in [|writer: Owner| writer.lock().finish(), |writer: Owner| drop(writer)] {
        let (writer, mut reader) = holding(0);
        push(writer.lock(), 0..5);
        finish(writer);
        assert_eq!(drain(&mut reader).len(), 5);
        assert!(reader.is_finished());
    }
}

#[test]
fn it_is_counted_and_discarded_like_the_rest() {
    let (writer, mut reader) = holding(0);
    push(writer.lock(), 0..5);
    assert_eq!((reader.queued(), writer.lock().queued()), (5, 5));
    assert_eq!(take(reader.batches()).messages, 5);
    push(writer.lock(), 5..9);
    let discarded = writer.lock().discard();
    assert_eq!((discarded, drain(&mut reader).len()), (4, 0));
}

#[test]
fn what_is_put_back_goes_before_it() {
    let (writer, mut reader) = holding(0);
    push(writer.lock(), 0..2);
    let first = take(reader.batches());
    push(writer.lock(), 2..4);
    reader.batches().put_back(first);
    push(writer.lock(), 4..6);
    let numbers: Vec<_> = drain(&mut reader).into_iter().map(|message| message.first().to_vec()).collect();
    assert_eq!(numbers.concat(), b"012345");
}

#[test]
fn a_reader_that_goes_away_is_noticed() {
    let (writer, reader) = holding(0);
    push(writer.lock(), 0..3);
    drop(reader);
    assert_eq!(writer.lock().push(&numbered(3)), Err(Refusal::Closed));
    assert_eq!(writer.lock().discard(), 3);
}
