//! What a broken link left unsent goes before what was queued meanwhile, and counts against the mark again.

mod common;

use common::{drain, numbered, plain, push_all, take};
use monocoque_core::batch::{Batch, unsent};
use monocoque_core::pipe::Refusal;

#[test]
fn in_its_old_order() {
    let (mut writer, mut reader) = plain(10);
    push_all(&mut writer, 0..6);
    let taken = take(reader.batches());
    push_all(&mut writer, 6..8);
    let two_of_three_bytes_each = 2 * (taken.bytes / 6) + 1;
    let rest = unsent(&taken.segments, two_of_three_bytes_each);
    assert_eq!(rest.messages, 4);
    reader.batches().put_back(rest);
    assert_eq!((writer.held(), reader.queued()), (6, 6));
    push_all(&mut writer, 8..9);
    assert_eq!(drain(&mut reader), (2..9).map(numbered).collect::<Vec<_>>());
    assert_eq!(writer.held(), 0);
}

#[test]
fn beyond_the_mark_if_it_must_be() {
    let (mut writer, mut reader) = plain(2);
    push_all(&mut writer, 0..2);
    let taken = take(reader.batches());
    push_all(&mut writer, 2..4);
    reader.batches().put_back(taken);
    assert_eq!((writer.held(), writer.push(&numbered(4))), (4, Err(Refusal::Full)));
    assert_eq!(drain(&mut reader).len(), 4);
    assert_eq!(writer.push(&numbered(4)), Ok(()));
}

#[test]
fn also_after_the_writer_has_finished() {
    let (mut writer, mut reader) = plain(0);
    push_all(&mut writer, 0..3);
    let taken = take(reader.batches());
    drop(writer);
    assert!(reader.is_finished());
    reader.batches().put_back(taken);
    assert!(!reader.is_finished());
    assert_eq!(drain(&mut reader).len(), 3);
}

#[test]
fn nothing_changes_nothing() {
    let (writer, mut reader) = plain(1);
    reader.batches().put_back(Batch::default());
    assert_eq!((writer.held(), reader.queued()), (0, 0));
}
