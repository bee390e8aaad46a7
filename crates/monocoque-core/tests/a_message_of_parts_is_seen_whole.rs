//! The parts of a message stay together: at the mark, in a batch, across slabs, and when a link breaks within.

mod common;

use common::{decode, drain, message, plain, take};
use monocoque_core::batch::{Unit, unsent};
use monocoque_core::pipe::Refusal;
use monocoque_core::{Frame, Message};

fn parts() -> Message {
    let sizes = [0usize, 1, 70, 255, 256, 8191, 8192, 70_000, 3];
    sizes.into_iter().map(|len| Frame::from(vec![len as u8; len])).collect()
}

#[test]
fn many_parts_are_one_message_to_the_mark() {
    let (mut writer, mut reader) = plain(2);
    assert_eq!([(); 3].map(|()| writer.push(&parts())), [Ok(()), Ok(()), Err(Refusal::Full)]);
    assert_eq!(writer.held(), 2);
    assert_eq!(drain(&mut reader), [parts(), parts()]);
}

#[test]
fn a_link_that_breaks_within_a_message_gives_all_of_it_back() {
    let (mut writer, mut reader) = plain(0);
    writer.push(&Message::from("first")).expect("no mark");
    writer.push(&parts()).expect("no mark");
    let taken = take(reader.batches());
    let first = 2 + "first".len();
    for written in (first..taken.bytes).step_by(997).chain([taken.bytes - 1]) {
        let rest = unsent(&taken.segments, written);
        assert_eq!(rest.messages, 1);
        assert_eq!(decode(rest), [Unit::Message(parts())], "{written} bytes were written");
    }
    assert_eq!(unsent(&taken.segments, taken.bytes).messages, 0);
}

#[test]
fn a_reader_never_finds_a_part() {
    let (mut writer, mut reader) = plain(0);
    let pushing = std::thread::spawn(move || (0..2000).for_each(|_| writer.push(&parts()).expect("no mark")));
    let mut found = 0;
    while found < 2000 {
        match reader.next_unit() {
            Some(unit) => {
                assert_eq!(message(unit).len(), parts().len());
                found += 1;
            }
            None => std::thread::yield_now(),
        }
        assert!(found > 0 || !pushing.is_finished() || reader.queued() > 0, "the writer has ended early");
    }
    pushing.join().expect("the writer");
}
