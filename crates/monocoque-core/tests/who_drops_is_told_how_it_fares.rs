//! A writer that drops what is refused asks a full pipe no more than once, and is told when its reader is behind.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Owner, plain, take};
use monocoque_core::Message;
use monocoque_core::batch::Batch;
use monocoque_core::limits::{AHEAD_BYTES, FRAME_HEADER_BYTES_MAX, GATHER_BYTES_MIN};
use monocoque_core::pipe::{Mark, Pace, PipeWriter, Refusal, Taken, WriteThrough, pipe};
use monocoque_core::slab::Arena;

const BYTES: usize = 4096;

fn message() -> Message {
    Message::from(vec![7; BYTES])
}

#[test]
fn who_is_full_is_full_for_what_is_no_smaller() {
    let (mut writer, mut reader) = plain(2);
    assert!([(); 2].map(|()| writer.offer(&message())).iter().all(Result::is_ok));
    assert!(!writer.refuses(&message()), "it was not asked yet");
    assert_eq!(writer.offer(&message()), Err(Refusal::Full));
    assert!(writer.refuses(&message()) && !writer.refuses(&Message::from("smaller")));
    take(reader.batches());
    assert!(!writer.refuses(&message()));
    assert_eq!(writer.offer(&message()), Ok(Pace::Even));
}

#[test]
fn who_asked_for_room_and_was_given_it_is_not_refused() {
    let ways: [fn(&mut PipeWriter) -> bool; 2] = [|writer| writer.has_room_for(&message()), PipeWriter::has_room];
    for asks in ways {
        let (mut writer, mut reader) = plain(10);
        (0..11).for_each(|number| assert_eq!(writer.offer(&message()).is_ok(), number < 10));
        writer.set_mark(Mark::messages(7));
        // Credit comes in steps of four now: six are left, which is room for one, and not half of the mark.
        (0..4).for_each(|_| assert!(reader.next_unit().is_some()));
        assert!(writer.refuses(&message()));
        assert!(asks(&mut writer));
        assert_eq!(writer.offer(&message()), Ok(Pace::Even));
    }
}

#[test]
fn who_was_refused_is_not_let_in_by_what_no_mark_holds_back() {
    let (writer, mut reader) = pipe(Mark::messages(6), false, &Arena::new());
    let writer = Owner::new(writer, true);
    (0..6).for_each(|_| assert!(writer.lock().push(&message()).is_ok()));
    writer.lock().push_unmarked(&message());
    assert!(reader.next_unit().is_some());
    assert_eq!(writer.lock().push(&message()), Err(Refusal::Full));
    (0..2).for_each(|_| assert!(reader.next_unit().is_some()));
    writer.lock().push_unmarked(&message());
    let mut writer = writer.lock();
    assert_eq!((writer.refuses(&message()), writer.offer(&message())), (true, Err(Refusal::Full)));
}

#[test]
fn who_conflates_refuses_nothing() {
    let (mut writer, mut reader) = plain(4);
    (0..5).for_each(|number| assert_eq!(writer.offer(&message()).is_ok(), number < 4));
    assert!(reader.next_unit().is_some());
    writer.conflate();
    assert_eq!(writer.offer(&message()), Ok(Pace::Even));
}

/// A link that takes everything.
#[derive(Debug)]
struct Swallows;

impl WriteThrough for Swallows {
    fn is_due(&self) -> bool {
        true
    }

    fn leave(&self) {}

    fn left_for(&self) -> Duration {
        Duration::ZERO
    }

    fn write_through(&self, segments: &[Bytes], last: &[u8]) -> usize {
        segments.iter().map(Bytes::len).sum::<usize>() + last.len()
    }

    fn pumps_here(&self) -> bool {
        false
    }
}

#[test]
fn who_writes_all_itself_is_not_ahead() {
    let (mut writer, mut reader) = plain(0);
    reader.batches().lend_turn(Arc::new(Swallows));
    assert_eq!(reader.batches().take(&mut Batch::default()), Taken::Empty);
    // Too large for its sender to write at once: the reader is woken for it, and does not come.
    writer.offer(&Message::multipart(vec![vec![0; 4000]; 20])).expect("there is no mark");
    // So large that it writes before it has looked too often.
    let message = Message::from(vec![7; GATHER_BYTES_MIN - FRAME_HEADER_BYTES_MAX - 1]);
    let paces: Vec<_> = (0..1000).map(|_| (writer.offer(&message), writer.held() == 0)).collect();
    assert!(paces.contains(&(Ok(Pace::Even), true)), "it writes all at times");
    assert!(!paces.contains(&(Ok(Pace::Ahead), true)));
}

#[test]
fn a_reader_that_asked_is_behind_as_soon_as_before() {
    let (writer, mut reader) = pipe(Mark::messages(1000), false, &Arena::new());
    let writer = Owner::new(writer, true);
    let offer = || writer.lock().offer(&message());
    assert_eq!(offer(), Ok(Pace::Even));
    take(reader.batches());
    // The first of these asks and the second is held back, until the reader asks for it.
    assert_eq!([offer(), offer()], [Ok(Pace::Even); 2]);
    take(reader.batches());
    let even = (0..).take_while(|_| offer() == Ok(Pace::Even)).count();
    assert!(even <= 2 * AHEAD_BYTES / BYTES, "{even}");
}

#[test]
fn who_is_gone_is_not_full() {
    let (mut writer, reader) = plain(1);
    assert_eq!([(); 2].map(|()| writer.offer(&message())), [Ok(Pace::Even), Err(Refusal::Full)]);
    drop(reader);
    assert_eq!(writer.offer(&message()), Err(Refusal::Closed));
}

#[test]
fn a_reader_is_behind_when_so_much_waits_for_it() {
    let enough = AHEAD_BYTES / BYTES;
    let (mut writer, mut reader) = plain(0);
    let large = Message::from(vec![7; 2 * AHEAD_BYTES]);
    assert_eq!(writer.offer(&large), Ok(Pace::Even), "it waited, and is woken by this very message");
    assert_eq!(writer.offer(&large), Ok(Pace::Ahead));
    take(reader.batches());
    let paces: Vec<_> = (0..2 * enough).map(|_| writer.offer(&message())).collect();
    assert_eq!(paces.iter().take_while(|&&pace| pace == Ok(Pace::Even)).count(), enough - 1);
    assert_eq!(paces.last(), Some(&Ok(Pace::Ahead)));
    take(reader.batches());
    assert_eq!(writer.offer(&message()), Ok(Pace::Even));
}

#[test]
fn who_holds_back_asks_now_and_then() {
    let enough = AHEAD_BYTES / BYTES;
    for drops in [false, true] {
        let (writer, mut reader) = pipe(Mark::messages(0), false, &Arena::new());
        let writer = Owner::new(writer, true);
        let offer = || match drops {
            true => writer.lock().offer(&message()).expect("there is no mark"),
            false => writer.lock().push(&message()).map(|()| Pace::Even).expect("there is no mark"),
        };
        offer();
        take(reader.batches());
        // The first asks, and lets the writer hold back what follows.
        assert!((0..enough).all(|_| offer() == Pace::Even));
        let ahead = (0..3 * enough).filter(|_| offer() == Pace::Ahead).count();
        assert_eq!(ahead, if drops { 3 } else { 0 });
        let waits = take(reader.batches()).messages;
        assert_eq!(waits, 4 * enough);
    }
}
