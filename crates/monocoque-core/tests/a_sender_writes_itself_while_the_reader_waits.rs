//! A reader that waits lends its link: the sender writes, nobody is woken, and what the link does not take is left
//! to the reader from that byte on.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{Owner, Wakes, decode, message, numbered, push_all, take};
use monocoque_core::Message;
use monocoque_core::batch::Batch;
use monocoque_core::limits::{LEAVE_MAX, STREAM_TURN_BYTES, TURN_BYTES_MAX};
use monocoque_core::pipe::{BatchSource, InHand, Mark, PipeWriter, Refusal, Taken, WriteThrough, pipe_to_link};
use monocoque_core::slab::Arena;

/// Takes as many bytes as it has room for.
#[derive(Debug)]
struct Link {
    room: AtomicUsize,
    /// In the middle of a burst little is left to the pump.
    busy: AtomicBool,
    /// The pump would run on the sender's thread.
    here: AtomicBool,
    /// Microseconds since a message was left to a later one.
    left: AtomicU64,
    written: Mutex<Vec<u8>>,
}

impl WriteThrough for Link {
    fn is_due(&self) -> bool {
        !self.busy.load(Ordering::SeqCst)
    }

    fn leave(&self) {
        self.left.store(0, Ordering::SeqCst);
    }

    fn left_for(&self) -> Duration {
        Duration::from_micros(self.left.load(Ordering::SeqCst))
    }

    fn write_through(&self, segments: &[Bytes], last: &[u8]) -> usize {
        let all = [&segments.concat(), last].concat();
        let count = all.len().min(self.room.load(Ordering::SeqCst));
        self.room.fetch_sub(count, Ordering::SeqCst);
        self.written.lock().expect("no panic").extend_from_slice(&all[..count]);
        count
    }

    fn pumps_here(&self) -> bool {
        self.here.load(Ordering::SeqCst)
    }
}

struct Lent {
    link: Arc<Link>,
    wakes: Arc<Wakes>,
    writer: PipeWriter,
    reader: BatchSource,
}

impl Lent {
    fn new(room: usize, conflate: bool) -> Self {
        Self::with_mark(room, conflate, Mark::messages(1000))
    }

    fn with_mark(room: usize, conflate: bool, mark: Mark) -> Self {
        let (busy, here) = (AtomicBool::default(), AtomicBool::default());
        let link =
            Arc::new(Link { room: room.into(), busy, here, left: AtomicU64::default(), written: Mutex::default() });
        let wakes = Wakes::new();
        let (writer, mut reader) = pipe_to_link(mark, conflate, &Arena::new());
        reader.set_waker(&wakes.waker());
        reader.lend_turn(Arc::clone(&link) as _);
        Self { link, wakes, writer, reader }
    }

    /// One whose reader waits.
    fn waiting(room: usize) -> Self {
        let mut lent = Self::new(room, false);
        lent.wait();
        lent
    }

    fn wait(&mut self) {
        assert_eq!(take_nothing(&mut self.reader), Taken::Empty);
    }

    fn written(&self) -> Vec<u8> {
        self.link.written.lock().expect("no panic").clone()
    }
}

/// `numbers`, each of one digit, as a pipe holds them.
fn wire(numbers: std::ops::Range<u8>) -> Vec<u8> {
    numbers.flat_map(|number| [0, 1, b'0' + number]).collect()
}

#[test]
fn and_wakes_nobody() {
    let mut lent = Lent::waiting(usize::MAX);
    (0..5).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
    assert_eq!(lent.written(), wire(0..5));
    assert_eq!((lent.wakes.count(), lent.writer.held(), lent.reader.queued()), (0, 0, 0));
}

#[test]
fn but_not_before_the_reader_has_waited() {
    let mut lent = Lent::new(usize::MAX, false);
    lent.writer.push(&numbered(0)).expect("room");
    assert_eq!((lent.written().len(), take(&mut lent.reader).messages), (0, 1), "a handshake may be on its way");
}

#[test]
fn but_not_before_the_reader_that_has_the_turn_has_written_its_own() {
    let mut lent = Lent::waiting(usize::MAX);
    assert!(!lent.reader.claim_turn());
    assert!(!lent.reader.take_along(&mut Batch::default()), "nothing goes along, and the turn stays");
    lent.writer.push(&numbered(0)).expect("room");
    assert!(lent.written().is_empty());
    let mut along = Batch::default();
    assert!(lent.reader.take_along(&mut along));
    assert_eq!((along.messages, lent.writer.held()), (1, 0));
    lent.wait();
    lent.writer.push(&numbered(1)).expect("room");
    assert_eq!(lent.written(), wire(1..2));
}

#[test]
fn but_not_in_a_burst_which_stays_in_one_piece() {
    let mut lent = Lent::waiting(usize::MAX);
    lent.link.busy.store(true, Ordering::SeqCst);
    (0..2).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
    assert_eq!((lent.written().len(), lent.wakes.count()), (0, 1));
    let batch = take(&mut lent.reader);
    assert_eq!((batch.messages, batch.segments.len()), (2, 1));
}

#[test]
fn but_not_the_first_of_several_answers() {
    let mut lent = Lent::waiting(usize::MAX);
    let in_hand = said(true);
    lent.writer.set_in_hand(in_hand.clone());
    (0..2).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
    assert_eq!((lent.written().len(), lent.wakes.count()), (0, 1));
    assert!(lent.reader.is_growing(), "worth a moment's patience");
    in_hand.set(false);
    assert!(!lent.reader.is_growing());
    assert_eq!(take(&mut lent.reader).messages, 2);
    in_hand.set(true);
    assert!(!lent.reader.is_growing(), "nothing is there that could grow");
}

/// Messages that are a quarter of what is written at once.
const QUARTER: usize = STREAM_TURN_BYTES / 4 / 4096;

/// One whose reader is away, and whose writer has several messages in hand.
fn away(mark: Mark) -> (Lent, InHand) {
    let mut lent = Lent::with_mark(usize::MAX, false, mark);
    lent.wait();
    lent.reader.go_away();
    let in_hand = said(true);
    lent.writer.set_in_hand(in_hand.clone());
    (lent, in_hand)
}

#[test]
fn and_all_of_several_answers_with_the_last_where_the_reader_is_away() {
    let (mut lent, in_hand) = away(Mark::messages(1000));
    for round in 0..3 {
        in_hand.set(true);
        (0..3).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
        assert_eq!((lent.written().len(), lent.writer.held()), (12 * round, 3));
        in_hand.set(false);
        // Whether or not a turn is due.
        lent.link.busy.store(round % 2 == 0, Ordering::SeqCst);
        lent.writer.push(&numbered(3)).expect("room");
        assert_eq!(lent.written()[12 * round..], wire(0..4));
        assert_eq!((lent.wakes.count(), lent.writer.held()), (0, 0));
        lent.link.busy.store(false, Ordering::SeqCst);
    }
}

#[test]
fn and_where_it_runs_on_the_same_thread_and_is_called_for_what_may_stay() {
    let mut lent = Lent::waiting(usize::MAX);
    lent.link.here.store(true, Ordering::SeqCst);
    let in_hand = said(true);
    lent.writer.set_in_hand(in_hand.clone());
    for round in 0..3 {
        in_hand.set(true);
        (0..2).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
        assert_eq!((lent.written().len(), lent.wakes.count()), (12 * round, 2 * round + 1), "for the first alone");
        // The others take long.
        lent.link.left.store(LEAVE_MAX.as_micros() as u64, Ordering::SeqCst);
        lent.writer.push(&numbered(2)).expect("room");
        assert_eq!(lent.written()[12 * round..], wire(0..3));
        lent.writer.push(&numbered(3)).expect("room");
        assert_eq!((lent.written().len(), lent.wakes.count()), (12 * round + 9, 2 * round + 2));
        // None comes any more, and the reader does.
        assert_eq!(take(&mut lent.reader).messages, 1);
        lent.wait();
        in_hand.set(false);
        lent.writer.push(&numbered(4)).expect("room");
        assert_eq!(lent.written().len(), 12 * (round + 1));
        assert_eq!(lent.wakes.count(), 2 * round + 2);
    }
}

#[test]
fn and_does_not_go_silent_with_what_is_left() {
    let mut lent = Lent::waiting(usize::MAX);
    lent.link.here.store(true, Ordering::SeqCst);
    lent.writer.set_in_hand(said(true));
    let silent = Wakes::new();
    assert!(lent.reader.waits_for(&silent.waker()), "nothing is there");
    lent.writer.push(&numbered(0)).expect("room");
    assert_eq!((silent.count(), lent.written().len()), (1, 0));
    assert!(!lent.reader.waits() && !lent.reader.waits_for(&lent.wakes.waker()), "it is not called again");
    assert_eq!(take(&mut lent.reader).messages, 1);
}

#[test]
fn and_what_the_link_does_not_take_then_is_the_readers() {
    for room in [0, 4] {
        let mut lent = Lent::waiting(room);
        lent.link.here.store(true, Ordering::SeqCst);
        lent.writer.set_in_hand(said(true));
        lent.writer.push(&numbered(0)).expect("room");
        lent.link.left.store(LEAVE_MAX.as_micros() as u64, Ordering::SeqCst);
        lent.writer.push(&numbered(1)).expect("room");
        assert_eq!((lent.written().len(), lent.wakes.count()), (room, 2));
        lent.link.room.store(usize::MAX, Ordering::SeqCst);
        lent.link.left.store(LEAVE_MAX.as_micros() as u64, Ordering::SeqCst);
        lent.writer.push(&numbered(2)).expect("room");
        assert_eq!((lent.written().len(), lent.wakes.count()), (room, 2), "no later answer tries again");
        assert_eq!((take(&mut lent.reader).messages, lent.reader.take_sent()), (3, room));
    }
}

#[test]
fn and_what_the_reader_has_claimed_is_left_to_nobody() {
    let claims: [fn(&mut Lent); 3] = [
        |lent| assert!(!lent.reader.claim_turn(), "nothing is written in part"),
        |lent| assert!(!lent.reader.end_turn(), "nothing is written in part"),
        |lent| lent.reader.lend_turn(Arc::clone(&lent.link) as _),
    ];
    for claim in claims {
        let mut lent = Lent::with_mark(usize::MAX, false, Mark::messages(3));
        lent.wait();
        lent.link.here.store(true, Ordering::SeqCst);
        lent.writer.set_in_hand(said(true));
        (0..2).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
        claim(&mut lent);
        lent.writer.push(&numbered(2)).expect("room");
        assert!(lent.writer.push(&numbered(3)).is_err(), "what the reader writes may be under way");
        assert_eq!((lent.written().len(), take(&mut lent.reader).messages), (0, 3));
    }
}

#[test]
fn and_wakes_no_reader_that_has_taken_what_was_left_and_not_come_back() {
    let mut lent = Lent::waiting(usize::MAX);
    lent.link.here.store(true, Ordering::SeqCst);
    lent.writer.set_in_hand(said(true));
    lent.writer.push(&numbered(0)).expect("room");
    assert_eq!((take(&mut lent.reader).messages, lent.wakes.count()), (1, 1));
    lent.writer.push(&numbered(1)).expect("room");
    assert_eq!((lent.written().len(), lent.wakes.count()), (0, 1));
    assert_eq!(take(&mut lent.reader).messages, 1);
}

#[test]
fn and_those_that_took_long_before_the_last() {
    let (mut lent, _in_hand) = away(Mark::messages(1000));
    for round in 0..3 {
        lent.writer.push(&numbered(0)).expect("room");
        assert_eq!(lent.written().len(), 6 * round);
        lent.link.left.store(LEAVE_MAX.as_micros() as u64, Ordering::SeqCst);
        lent.writer.push(&numbered(1)).expect("room");
        assert_eq!(lent.written().len(), 6 * (round + 1));
    }
    assert_eq!(lent.wakes.count(), 0);
}

#[test]
fn and_whoever_stands_in_for_the_reader_writes_what_is_left() {
    let (mut lent, in_hand) = away(Mark::messages(1000));
    assert_eq!(lent.reader.write_left(Duration::ZERO), None);
    lent.writer.push(&numbered(0)).expect("room");
    lent.link.left.store(999, Ordering::SeqCst);
    assert_eq!(lent.reader.write_left(Duration::from_millis(1)), None, "not yet");
    lent.link.left.store(1000, Ordering::SeqCst);
    assert_eq!(lent.reader.write_left(Duration::from_millis(1)), Some(true));
    assert_eq!((lent.written(), lent.reader.write_left(Duration::ZERO)), (wire(0..1), None));
    // A part of what is left, and so nothing more.
    lent.link.room.store(4, Ordering::SeqCst);
    (1..3).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
    assert_eq!(lent.reader.write_left(Duration::ZERO), Some(false));
    lent.link.room.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(lent.reader.write_left(Duration::ZERO), None);
    in_hand.set(false);
    lent.writer.push(&numbered(3)).expect("room");
    assert_eq!((lent.written().len(), lent.wakes.count()), (7, 1), "the rest is the reader's");
    assert_eq!((take(&mut lent.reader).messages, lent.reader.take_sent()), (3, 4));
}

#[test]
fn and_what_is_left_before_there_is_no_room() {
    let fill = || {
        let (mut lent, in_hand) = away(Mark::messages(3));
        (0..3).for_each(|number| lent.writer.push(&numbered(number)).expect("room"));
        assert_eq!(lent.written().len(), 0);
        (lent, in_hand)
    };
    let asks: [fn(&mut PipeWriter) -> bool; 3] = [
        |writer| writer.push(&numbered(3)).is_ok(),
        |writer| writer.has_room(),
        |writer| writer.has_room_for(&numbered(3)),
    ];
    for ask in asks {
        let (mut lent, _in_hand) = fill();
        assert!(ask(&mut lent.writer));
        assert_eq!(lent.written(), wire(0..3));
    }
    // What the link does not take is for the reader, which waits until it does.
    for (ask, room) in asks.into_iter().flat_map(|ask| [0, 4].map(|room| (ask, room))) {
        let (mut lent, _in_hand) = fill();
        lent.link.room.store(room, Ordering::SeqCst);
        assert!(!ask(&mut lent.writer));
        assert_eq!((lent.written().len(), lent.wakes.count()), (room, 1));
        assert_eq!((take(&mut lent.reader).messages, lent.reader.take_sent()), (3, room));
        assert!(ask(&mut lent.writer));
    }
}

#[test]
fn what_the_link_does_not_take_is_left_to_no_later_answer() {
    for room in [0, 4] {
        let (mut lent, _in_hand) = away(Mark::messages(1000));
        lent.writer.push(&numbered(0)).expect("room");
        lent.link.room.store(room, Ordering::SeqCst);
        lent.link.left.store(LEAVE_MAX.as_micros() as u64, Ordering::SeqCst);
        lent.writer.push(&numbered(1)).expect("room");
        assert_eq!((lent.written().len(), lent.wakes.count()), (room, 1));
        assert_eq!((take(&mut lent.reader).messages, lent.reader.take_sent()), (2, room));
    }
}

#[test]
fn and_wakes_the_reader_again_when_that_is_back() {
    let (mut lent, _in_hand) = away(Mark::messages(1000));
    lent.writer.push(&numbered(0)).expect("room");
    lent.reader.come_back();
    lent.writer.push(&numbered(1)).expect("room");
    assert_eq!((lent.written().len(), lent.wakes.count(), take(&mut lent.reader).messages), (0, 1, 2));
}

fn push_quarters(lent: &mut Lent, count: usize) {
    let message = Message::from(vec![0; 4096]);
    (0..count * QUARTER).for_each(|_| lent.writer.push(&message).expect("room"));
}

#[test]
fn nor_until_a_stream_has_grown_long_unless_the_reader_waits() {
    let mut lent = Lent::waiting(usize::MAX);
    lent.writer.push(&Message::from(vec![0; TURN_BYTES_MAX])).expect("room");
    assert_eq!((take(&mut lent.reader).messages, take_nothing(&mut lent.reader)), (1, Taken::Empty));
    lent.writer.set_in_hand(said(true));
    push_quarters(&mut lent, 3);
    assert_eq!(lent.written().len(), 0, "the reader was woken, and has not come yet");
    push_quarters(&mut lent, 1);
    assert!(lent.written().len() > STREAM_TURN_BYTES, "what the cache holds is written before more is queued");
    assert_eq!((lent.writer.held(), take_nothing(&mut lent.reader)), (0, Taken::Empty));
}

#[test]
fn nor_a_long_stream_while_the_reader_writes() {
    let mut lent = Lent::waiting(usize::MAX);
    lent.writer.set_in_hand(said(true));
    push_quarters(&mut lent, 1);
    assert_eq!(take(&mut lent.reader).messages, QUARTER);
    push_quarters(&mut lent, 8);
    assert_eq!((lent.written().len(), take(&mut lent.reader).messages), (0, 8 * QUARTER));
    assert_eq!(take_nothing(&mut lent.reader), Taken::Empty);
}

#[test]
fn the_rest_of_a_long_stream_is_the_readers() {
    let mut lent = Lent::waiting(STREAM_TURN_BYTES / 2);
    lent.writer.set_in_hand(said(true));
    push_quarters(&mut lent, 8);
    assert_eq!(lent.written().len(), STREAM_TURN_BYTES / 2, "nobody writes behind the gap");
    assert_eq!((take(&mut lent.reader).messages, lent.reader.take_sent()), (8 * QUARTER, STREAM_TURN_BYTES / 2));
}

/// One of a full pipe of five, whose reader was woken for the first and has not come.
fn full(room: usize, here: bool) -> Lent {
    let mut lent = Lent::with_mark(room, false, Mark::messages(5));
    lent.wait();
    lent.link.busy.store(true, Ordering::SeqCst);
    lent.link.here.store(here, Ordering::SeqCst);
    (0..5).for_each(|number| assert!(lent.writer.offer(&numbered(number)).is_ok()));
    assert_eq!((lent.written().len(), lent.wakes.count()), (0, 1));
    lent
}

#[test]
fn who_drops_writes_what_no_pump_can_come_for() {
    let mut lent = full(usize::MAX, true);
    (5..9).for_each(|number| assert!(lent.writer.offer(&numbered(number)).is_ok()));
    assert_eq!((lent.written(), rest(&mut lent.reader).len()), (wire(0..5), 4));
    let mut lent = full(4, true);
    assert_eq!(lent.writer.offer(&numbered(5)).err(), Some(Refusal::Full), "the link takes no more");
    let left = take(&mut lent.reader).segments.concat();
    assert_eq!((lent.written(), lent.reader.take_sent()), (left[..4].to_vec(), 4));
    let mut lent = full(usize::MAX, false);
    assert_eq!(lent.writer.offer(&numbered(5)).err(), Some(Refusal::Full), "another thread makes room");
    let mut lent = full(usize::MAX, true);
    assert_eq!(lent.writer.push(&numbered(5)).err(), Some(Refusal::Full), "who waits is woken when the pump came");
    assert_eq!(lent.written().len(), 0);
}

#[test]
fn who_waits_for_room_is_woken_when_another_has_written() {
    let mut lent = Lent::with_mark(usize::MAX, false, Mark { messages: 0, bytes: 2 * STREAM_TURN_BYTES });
    lent.wait();
    let waiting = Wakes::new();
    lent.writer.set_waker(&waiting.waker());
    lent.writer.set_in_hand(said(true));
    push_quarters(&mut lent, 3);
    assert!(!lent.writer.has_room_for(&Message::from(vec![0; 2 * STREAM_TURN_BYTES])));
    push_quarters(&mut lent, 1);
    assert_eq!((lent.writer.held(), waiting.count()), (0, 1), "the pump finds nothing to give credit for");
}

/// A pipe of twenty whose writer holds back what a busy reader has not asked for, and writes when nothing else makes room.
fn streaming(room: usize) -> (Arc<Link>, Owner, BatchSource) {
    let Lent { link, writer, mut reader, .. } = Lent::with_mark(room, false, Mark::messages(20));
    link.busy.store(true, Ordering::SeqCst);
    link.here.store(true, Ordering::SeqCst);
    assert_eq!(take_nothing(&mut reader), Taken::Empty);
    (link, Owner::new(writer, true), reader)
}

#[test]
fn a_stream_that_may_grow_is_told_from_one_message_and_from_what_is_worth_a_write() {
    let (_link, writer, mut reader) = streaming(usize::MAX);
    let push = |numbers: std::ops::Range<usize>| push_all(&mut writer.lock(), numbers);
    assert_eq!(reader.leave_stream(), None);
    push(0..1);
    assert_eq!(reader.leave_stream(), None, "one message is none");
    push(1..4);
    assert_eq!(reader.leave_stream(), Some(4));
    push(4..7);
    assert_eq!((reader.leave_stream(), take(&mut reader).messages), (Some(7), 7));
    push(7..10);
    assert_eq!(reader.leave_stream(), Some(3));
    push(10..18);
    assert_eq!(reader.leave_stream(), None, "as many more have no room");
    take(&mut reader);
    assert_eq!((reader.leave_stream(), take_nothing(&mut reader)), (None, Taken::Empty), "nothing is there");
    let large = Message::from(vec![0; TURN_BYTES_MAX / 4]);
    (0..5).for_each(|_| writer.lock().push(&large).expect("room"));
    assert_eq!(reader.leave_stream(), None, "more than one write takes");
}

#[test]
fn what_is_left_to_grow_its_sender_may_write() {
    let (link, writer, mut reader) = streaming(usize::MAX);
    push_all(&mut writer.lock(), 0..4);
    assert!(!reader.claim_turn(), "the reader has something of its own to write before");
    assert_eq!(reader.leave_stream(), Some(4));
    (0..17).for_each(|_| assert!(writer.lock().offer(&numbered(0)).is_ok()));
    assert_eq!(link.written.lock().expect("no panic").len(), 20 * 3);
}

#[test]
fn what_its_sender_cannot_write_or_began_to_is_not_left() {
    let (_link, writer, mut reader) = streaming(usize::MAX);
    push_all(&mut writer.lock(), 0..4);
    reader.end_turn();
    assert_eq!(reader.leave_stream(), None, "there is no link");
    let (link, writer, mut reader) = streaming(4);
    link.busy.store(false, Ordering::SeqCst);
    push_all(&mut writer.lock(), 0..4);
    assert_eq!(reader.leave_stream(), None, "half a message is out");
    assert_eq!((take(&mut reader).messages, reader.take_sent()), (3, 1));
}

fn said(more: bool) -> InHand {
    let in_hand = InHand::default();
    in_hand.set(more);
    in_hand
}

/// The messages that are left; the reader waits for more then.
fn rest(reader: &mut BatchSource) -> Vec<Message> {
    let left = take(reader);
    assert_eq!(take_nothing(reader), Taken::Empty);
    decode(left).into_iter().map(message).collect()
}

fn take_nothing(reader: &mut BatchSource) -> Taken {
    reader.take(&mut Batch::default())
}

#[test]
fn what_did_not_go_out_is_left_to_the_byte() {
    for room in 0..3 {
        let mut lent = Lent::waiting(room);
        lent.writer.push(&numbered(0)).expect("room");
        lent.writer.push(&numbered(1)).expect("room");
        assert_eq!((lent.wakes.count(), lent.writer.held()), (1, 2));
        assert_eq!(lent.reader.claim_turn(), room > 0, "a command may not go between the halves");
        let batch = take(&mut lent.reader);
        assert_eq!((batch.messages, lent.reader.take_sent()), (2, room));
        let rest = batch.segments.concat();
        assert_eq!([lent.written(), rest[room..].to_vec()].concat(), wire(0..2));
        assert_eq!((lent.reader.take_sent(), lent.reader.claim_turn()), (0, false));
    }
}

#[test]
fn not_while_the_reader_has_the_turn() {
    let mut lent = Lent::waiting(usize::MAX);
    assert!(!lent.reader.claim_turn());
    lent.writer.push(&numbered(0)).expect("room");
    assert_eq!((lent.written().len(), rest(&mut lent.reader).len()), (0, 1));
    lent.writer.push(&numbered(1)).expect("room");
    assert_eq!(lent.written(), wire(1..2), "it waits again");
}

#[test]
fn not_when_the_link_is_lost() {
    let mut lent = Lent::waiting(1);
    lent.writer.push(&numbered(0)).expect("room");
    assert!(lent.reader.end_turn());
    let batch = take(&mut lent.reader);
    assert_eq!(lent.reader.take_sent(), 1);
    lent.reader.put_back(batch);
    assert_eq!(rest(&mut lent.reader), [numbered(0)], "whole, for the next link");
    lent.writer.push(&numbered(1)).expect("room");
    assert_eq!((lent.written().len(), lent.wakes.count()), (1, 2));
}

#[test]
fn nor_a_message_that_others_would_wait_long_for() {
    let mut lent = Lent::waiting(usize::MAX);
    lent.writer.push(&Message::from(vec![0; TURN_BYTES_MAX])).expect("room");
    assert_eq!((lent.written().len(), take(&mut lent.reader).messages), (0, 1));
}

#[test]
fn nor_where_a_newer_message_may_take_its_place() {
    let mut lent = Lent::new(1, true);
    lent.wait();
    lent.writer.push(&numbered(0)).expect("room");
    lent.writer.push(&numbered(1)).expect("room");
    assert_eq!((lent.written().len(), rest(&mut lent.reader)), (0, vec![numbered(1)]));
}

#[test]
fn nothing_follows_a_half_whose_rest_was_discarded() {
    let mut lent = Lent::waiting(1);
    lent.writer.push(&numbered(0)).expect("room");
    assert_eq!(lent.writer.discard(), 1);
    assert!(lent.reader.claim_turn() && lent.reader.end_turn());
}

#[test]
fn the_link_does_not_outlive_its_reader() {
    let lent = Lent::waiting(1);
    drop(lent.reader);
    assert_eq!(Arc::strong_count(&lent.link), 1);
}
