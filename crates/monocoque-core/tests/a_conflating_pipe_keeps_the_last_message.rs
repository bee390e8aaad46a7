//! A conflating pipe holds the newest message only; commands are no messages and stay.

mod common;

use common::{batch, conflating, decode, drain, numbered, plain, push_all, take};
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::{Frame, Message};

fn commands(names: &[&str]) -> Batch {
    let (mut writer, mut reader) = plain(0);
    names.iter().for_each(|name| writer.push_command(name, b""));
    take(reader.batches())
}

fn command(name: &str) -> Unit {
    Unit::Command(Frame::from(format!("{}{name}", char::from(name.len() as u8))))
}

#[test]
fn of_those_pushed() {
    let (mut writer, mut reader) = conflating();
    push_all(&mut writer, 0..5);
    assert_eq!((writer.queued(), writer.held(), writer.take_conflated(), writer.take_conflated()), (1, 1, 4, 0));
    assert_eq!(drain(&mut reader), [numbered(4)]);
    push_all(&mut writer, 5..7);
    assert_eq!(drain(&mut reader), [numbered(6)]);
    assert_eq!((writer.held(), writer.take_conflated()), (0, 1));
}

#[test]
fn of_a_batch_and_what_was_there() {
    let (mut writer, mut reader) = conflating();
    push_all(&mut writer, 0..1);
    let parts = Message::from(["3", "three"]);
    assert_eq!(writer.batches().append(&mut batch(&[numbered(1), numbered(2), parts.clone()])), 0);
    assert_eq!((writer.queued(), writer.held(), writer.take_conflated()), (1, 1, 3));
    assert_eq!(drain(&mut reader), [parts]);
    assert_eq!(writer.held(), 0);
}

#[test]
fn whatever_the_mark() {
    let (mut writer, _reader) =
        monocoque_core::pipe::pipe(monocoque_core::pipe::Mark::messages(1), true, &monocoque_core::slab::Arena::new());
    push_all(&mut writer, 0..100);
    assert!(writer.has_room());
}

#[test]
fn but_every_command_of_a_batch() {
    let (mut writer, mut reader) = conflating();
    assert_eq!(writer.batches().append(&mut commands(&["SUBSCRIBE", "CANCEL"])), 0);
    assert_eq!((writer.queued(), writer.held(), writer.take_conflated()), (2, 2, 0));
    let mut taken = batch(&[numbered(1), numbered(2)]);
    taken.append(&mut commands(&["JOIN"]));
    assert_eq!(writer.batches().append(&mut taken), 0);
    assert_eq!((writer.queued(), writer.held(), writer.take_conflated()), (4, 4, 1));
    let units = std::iter::from_fn(|| reader.next_unit()).collect::<Vec<_>>();
    let expected = [command("SUBSCRIBE"), command("CANCEL"), Unit::Message(numbered(2)), command("JOIN")];
    assert_eq!(units, expected);
    assert_eq!(writer.held(), 0);
}

#[test]
fn but_every_command_that_was_pushed() {
    let (mut writer, mut reader) = conflating();
    writer.push_command("SUBSCRIBE", b"");
    push_all(&mut writer, 0..3);
    writer.push_command("CANCEL", b"");
    push_all(&mut writer, 3..4);
    let expected = [command("SUBSCRIBE"), command("CANCEL"), Unit::Message(numbered(3))];
    assert_eq!(decode(take(reader.batches())), expected);
    assert_eq!((writer.held(), writer.take_conflated()), (0, 3));
}

#[test]
fn and_not_an_old_one_that_comes_back() {
    let (mut writer, mut reader) = conflating();
    push_all(&mut writer, 0..1);
    let old = take(reader.batches());
    push_all(&mut writer, 1..2);
    reader.batches().put_back(old);
    assert_eq!((writer.queued(), writer.held(), writer.take_conflated()), (1, 1, 1));
    assert_eq!(drain(&mut reader), [numbered(1)]);
    let last = {
        push_all(&mut writer, 2..3);
        take(reader.batches())
    };
    reader.batches().put_back(last);
    assert_eq!(drain(&mut reader), [numbered(2)], "the newest there is comes back");
}
