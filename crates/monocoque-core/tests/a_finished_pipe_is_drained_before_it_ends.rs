//! Finishing a pipe loses nothing that is in it; losing its reader closes it to the writer.

mod common;

use common::{batch, drain, numbered, plain, push_all, take};
use monocoque_core::batch::Batch;
use monocoque_core::pipe::{Refusal, Taken};

#[test]
fn whether_taken_whole_or_one_by_one() {
    for whole in [true, false] {
        let (mut writer, mut reader) = plain(0);
        push_all(&mut writer, 0..3);
        writer.finish();
        assert!(!reader.is_finished());
        assert_eq!(writer.push(&numbered(3)), Err(Refusal::Closed));
        let found = if whole { take(reader.batches()).messages } else { drain(&mut reader).len() };
        assert_eq!((found, reader.is_finished()), (3, true));
        assert_eq!(reader.batches().take(&mut Batch::default()), Taken::Finished);
        assert_eq!(reader.next_unit(), None);
    }
}

#[test]
fn dropping_the_writer_finishes() {
    let (mut writer, mut reader) = plain(0);
    push_all(&mut writer, 0..1);
    drop(writer);
    assert_eq!(drain(&mut reader), [numbered(0)]);
    assert!(reader.is_finished());
}

#[test]
fn without_a_reader_everything_is_refused() {
    let (mut writer, reader) = plain(1);
    push_all(&mut writer, 0..1);
    assert!(!writer.is_closed());
    drop(reader);
    assert!(writer.is_closed());
    assert!(writer.has_room(), "nobody is to wait for a reader that is gone");
    assert_eq!(writer.push(&numbered(1)), Err(Refusal::Closed));
    let mut lost = batch(&[numbered(1), numbered(2)]);
    assert_eq!((writer.batches().append(&mut lost), lost.is_empty()), (2, true));
    writer.push_command("PING", b"");
    writer.push_unmarked(&numbered(1));
    assert_eq!(writer.queued(), 1, "only what was there before");
}

#[test]
fn discarding_empties_what_is_queued_and_nothing_else() {
    let (mut writer, mut reader) = plain(4);
    push_all(&mut writer, 0..4);
    reader.next_unit().expect("four are there");
    writer.push_unmarked(&numbered(4));
    writer.push_unmarked(&numbered(5));
    assert_eq!((writer.discard(), writer.discard()), (2, 0));
    assert_eq!(drain(&mut reader), [numbered(1), numbered(2), numbered(3)], "what the reader has is the reader's");
    assert_eq!(writer.held(), 0);
    push_all(&mut writer, 0..4);
    assert_eq!(writer.push(&numbered(4)), Err(Refusal::Full));
}
