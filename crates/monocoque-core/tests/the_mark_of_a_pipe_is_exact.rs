//! A pipe takes as many messages or bytes as its mark says, not one less and not one more.

mod common;

use common::{batch, drain, numbered, plain, push_all, take};
use monocoque_core::Message;
use monocoque_core::pipe::{Mark, Refusal, pipe};
use monocoque_core::slab::Arena;

#[test]
fn of_messages() {
    for mark in [1, 2, 3, 1000] {
        let (mut writer, _reader) = plain(mark);
        for number in 0..mark as usize {
            assert!(writer.has_room());
            assert_eq!((writer.held(), writer.push(&numbered(number))), (number, Ok(())));
        }
        assert!(!writer.has_room());
        assert_eq!(writer.push(&numbered(0)), Err(Refusal::Full));
        assert_eq!((writer.held(), writer.queued()), (mark as usize, mark as usize), "a refusal changes nothing");
    }
}

#[test]
fn of_bytes() {
    let (mut writer, mut reader) = pipe(Mark { messages: 0, bytes: 100 }, false, &Arena::new());
    let bytes = |encoded: usize| Message::from(vec![0; encoded - 2]);
    assert_eq!(writer.push(&bytes(60)), Ok(()));
    assert!(!writer.has_room_for(&bytes(41)) && writer.has_room_for(&bytes(40)));
    assert_eq!(writer.push(&bytes(41)), Err(Refusal::Full));
    assert_eq!(writer.push(&bytes(40)), Ok(()));
    assert_eq!(writer.push(&bytes(2)), Err(Refusal::Full));
    take(reader.batches());
    assert_eq!(writer.push(&bytes(1000)), Ok(()), "a message larger than the mark passes an empty pipe");
    assert_eq!(writer.push(&bytes(2)), Err(Refusal::Full));
}

#[test]
fn of_both_the_first_that_is_reached() {
    let (mut writer, _reader) = pipe(Mark { messages: 2, bytes: 10 }, false, &Arena::new());
    assert_eq!(writer.push(&Message::from("1")), Ok(()));
    assert_eq!(writer.push(&Message::from("2")), Ok(()));
    assert_eq!(writer.push(&Message::from("3")), Err(Refusal::Full));
    let (mut writer, _reader) = pipe(Mark { messages: 2, bytes: 10 }, false, &Arena::new());
    assert_eq!(writer.push(&Message::from("12345678")), Ok(()));
    assert_eq!(writer.push(&Message::from("1")), Err(Refusal::Full));
}

#[test]
fn zero_is_no_limit() {
    let (mut writer, mut reader) = pipe(Mark { messages: 0, bytes: 0 }, false, &Arena::new());
    push_all(&mut writer, 0..100_000);
    assert!(writer.has_room());
    assert_eq!(drain(&mut reader).len(), 100_000);
    assert_eq!(writer.held(), 0);
}

#[test]
fn commands_and_whole_batches_pass_it_and_count() {
    let (mut writer, mut reader) = plain(1);
    writer.push_command("SUBSCRIBE", b"topic");
    writer.push_command("CANCEL", b"topic");
    writer.push_unmarked(&numbered(2));
    assert_eq!(writer.batches().append(&mut batch(&[numbered(3), numbered(4)])), 0);
    assert_eq!((writer.held(), writer.push(&numbered(5))), (5, Err(Refusal::Full)));
    assert_eq!(take(reader.batches()).messages, 5);
    assert_eq!((writer.held(), writer.push(&numbered(5))), (0, Ok(())));
}

#[test]
fn also_when_it_is_replaced_on_a_live_pipe() {
    let (mut writer, mut reader) = plain(2);
    push_all(&mut writer, 0..2);
    writer.set_mark(Mark::messages(3));
    assert_eq!(writer.push(&numbered(2)), Ok(()));
    assert_eq!(writer.push(&numbered(3)), Err(Refusal::Full));
    reader.set_mark(Mark::messages(1));
    assert_eq!(drain(&mut reader).len(), 3, "what is queued stays");
    assert_eq!(writer.push(&numbered(3)), Ok(()));
    assert_eq!(writer.push(&numbered(4)), Err(Refusal::Full));
    writer.set_mark(Mark::messages(0));
    push_all(&mut writer, 4..5000);
}

#[test]
fn the_mark_of_two_sides_is_their_sum_unless_one_has_none() {
    let joined = |a, b| Mark::messages(a).joined(Mark::messages(b)).messages;
    assert_eq!((joined(2, 3), joined(0, 3), joined(3, 0), joined(u32::MAX, 1)), (5, 0, 0, u32::MAX));
}
