//! Any order of operations gives what a queue without batches, slabs and swaps would give.

mod common;

use std::collections::VecDeque;
use std::sync::MutexGuard;

use common::{Owner, Wakes, batch, decode};
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::pipe::{Mark, PipeWriter, Refusal, Taken, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::{Frame, Message};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Operation {
    Push(Message),
    Offer(Message),
    PushUnmarked(Message),
    Command(u8),
    Append(Vec<Message>),
    Take,
    Next(usize),
    PutBack,
    Discard,
    SetMark(u32),
    AskFor(Message),
    Conflate,
    Finish,
}

/// What a pipe is said to do, written down plainly.
#[derive(Default)]
struct Oracle {
    conflate: bool,
    mark: usize,
    queue: VecDeque<Unit>,
    /// Taken by the reader, to be consumed one by one.
    parsing: VecDeque<Unit>,
    held: usize,
    owed: usize,
    step: usize,
    step_lacks: usize,
    conflated: usize,
    finished: bool,
    reader_waits: bool,
    writer_waits: bool,
    /// Bytes of the message that was refused last, until there is room again.
    refused: Option<usize>,
    reader_wakes: usize,
    writer_wakes: usize,
}

impl Oracle {
    fn admit(&mut self, units: impl IntoIterator<Item = Unit>) {
        let before = self.queue.len();
        self.queue.extend(units);
        self.held += self.queue.len() - before;
        if self.queue.len() > before && std::mem::take(&mut self.reader_waits) {
            self.reader_wakes += 1;
        }
    }

    fn keep_last(&mut self) {
        let last = self.queue.iter().rposition(|unit| matches!(unit, Unit::Message(_)));
        if !self.conflate || last.is_none() {
            return;
        }
        let before = self.queue.len();
        let mut index = 0;
        self.queue.retain(|unit| {
            index += 1;
            matches!(unit, Unit::Command(_)) || Some(index - 1) == last
        });
        self.conflated += before - self.queue.len();
        self.held -= before - self.queue.len();
    }

    fn push(&mut self, message: Message) -> Result<(), Refusal> {
        if self.finished {
            return Err(Refusal::Closed);
        }
        if !self.conflate && self.mark > 0 && self.held >= self.mark {
            (self.writer_waits, self.refused) = (true, Some(bytes(&message)));
            return Err(Refusal::Full);
        }
        self.refused = None;
        self.admit([Unit::Message(message)]);
        self.keep_last();
        Ok(())
    }

    /// Nobody asks for what was refused, before the pipe is half free.
    fn offer(&mut self, message: Message) -> Result<(), Refusal> {
        if self.refused.is_some_and(|refused| bytes(&message) >= refused) {
            return Err(Refusal::Full);
        }
        self.push(message)
    }

    /// Asks, and puts nothing in.
    fn has_room_for(&mut self, message: &Message) -> bool {
        let has_room = self.finished || self.conflate || self.mark == 0 || self.held < self.mark;
        self.writer_waits |= !has_room;
        self.refused = (!has_room).then(|| bytes(message));
        has_room
    }

    fn credit(&mut self, messages: usize) {
        self.held -= messages;
        if self.mark == 0 || self.held <= self.mark / 2 {
            self.wake_writer();
        }
    }

    fn wake_writer(&mut self) {
        if std::mem::take(&mut self.writer_waits) {
            self.refused = None;
            self.writer_wakes += 1;
        }
    }

    /// A writer that was refused is woken if it has room now, be it ever so little.
    fn remark(&mut self, mark: usize) {
        self.mark = mark;
        if self.conflate || mark == 0 || self.held < mark {
            self.wake_writer();
        }
    }

    fn look(&mut self) -> Taken {
        if !self.queue.is_empty() {
            return Taken::Some;
        }
        self.reader_waits |= !self.finished;
        if self.finished { Taken::Finished } else { Taken::Empty }
    }

    fn take(&mut self) -> (Taken, Vec<Unit>) {
        let taken = self.look();
        let units: Vec<_> = self.queue.drain(..).collect();
        if taken == Taken::Some {
            // It comes back, before there is anything to find.
            self.reader_waits = false;
            self.credit(units.len());
        }
        (taken, units)
    }

    fn next(&mut self) -> Option<Unit> {
        if self.parsing.is_empty() {
            if self.look() != Taken::Some {
                self.pay();
                return None;
            }
            self.parsing.append(&mut self.queue);
            self.step = if self.mark == 0 { usize::MAX } else { self.mark.div_ceil(2) };
            self.step_lacks = self.step_lacks.min(self.step);
        }
        let unit = self.parsing.pop_front();
        self.owed += 1;
        self.step_lacks -= 1;
        if self.step_lacks == 0 {
            self.step_lacks = self.step;
            self.pay();
        }
        // Without a mark there are no steps.
        if self.step == usize::MAX && self.parsing.is_empty() {
            self.pay();
        }
        unit
    }

    fn pay(&mut self) {
        let owed = std::mem::take(&mut self.owed);
        self.credit(owed);
    }

    fn put_back(&mut self, units: Vec<Unit>) {
        if units.is_empty() {
            return;
        }
        self.held += units.len();
        units.into_iter().rev().for_each(|unit| self.queue.push_front(unit));
        self.keep_last();
    }

    fn discard(&mut self) -> usize {
        let count = self.queue.drain(..).count();
        self.credit(count);
        count
    }
}

/// Of all frames, with their headers.
fn bytes(message: &Message) -> usize {
    message.frames().iter().map(|frame| frame.len() + if frame.len() > 255 { 9 } else { 2 }).sum()
}

fn message() -> impl Strategy<Value = Message> {
    let len = prop::sample::select(vec![0usize, 1, 70, 71, 300, 8192]);
    let frame = (len, any::<u8>()).prop_map(|(len, byte)| Frame::from(vec![byte; len]));
    prop::collection::vec(frame, 1..4).prop_map(Message::from)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => message().prop_map(Operation::Push),
        8 => message().prop_map(Operation::Offer),
        2 => message().prop_map(Operation::PushUnmarked),
        2 => any::<u8>().prop_map(Operation::Command),
        2 => prop::collection::vec(message(), 0..4).prop_map(Operation::Append),
        3 => Just(Operation::Take),
        6 => (1usize..6).prop_map(Operation::Next),
        2 => Just(Operation::PutBack),
        1 => Just(Operation::Discard),
        1 => (0u32..8).prop_map(Operation::SetMark),
        2 => message().prop_map(Operation::AskFor),
        1 => prop::sample::select(&[0, 0, 0, 0, 0, 0, 0, 1, 2][..]).prop_map(|rare| match rare {
            1 => Operation::Finish,
            2 => Operation::Conflate,
            _ => Operation::Take,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_done_to_it(
        mark in 0u32..8,
        conflate in prop::bool::weighted(0.25),
        holds_back in any::<bool>(),
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let (reads, writes) = (Wakes::new(), Wakes::new());
        let (writer, mut reader) = pipe(Mark::messages(mark), conflate, &Arena::new());
        let writer = Owner::new(writer, holds_back);
        writer.lock().set_waker(&writes.waker());
        reader.set_waker(&reads.waker());
        let mut oracle = Oracle {
            conflate,
            mark: mark as usize,
            step_lacks: usize::MAX,
            reader_waits: true,
            ..Oracle::default()
        };
        let mut in_hand = Vec::new();
        for operation in operations {
            match operation {
                Operation::Push(message) => prop_assert_eq!(writer.lock().push(&message), oracle.push(message)),
                Operation::Offer(message) => {
                    let offered = writer.lock().offer(&message).map(|_| ());
                    prop_assert_eq!(offered, oracle.offer(message));
                }
                Operation::PushUnmarked(message) => {
                    writer.lock().push_unmarked(&message);
                    oracle.admit([Unit::Message(message)]);
                }
                Operation::Command(byte) => {
                    writer.lock().push_command("NAME", &[byte]);
                    oracle.admit([Unit::Command(Frame::from(&[4, b'N', b'A', b'M', b'E', byte]))]);
                }
                Operation::Append(messages) => {
                    prop_assert_eq!(writer.lock().batches().append(&mut match messages.as_slice() {
                        [] => Batch::default(),
                        some => batch(some),
                    }), 0);
                    let any = !messages.is_empty();
                    oracle.admit(messages.into_iter().map(Unit::Message));
                    if any {
                        oracle.keep_last();
                    }
                }
                Operation::Take => {
                    let mut taken = Batch::default();
                    let found = reader.batches().take(&mut taken);
                    let (expected, units) = oracle.take();
                    prop_assert_eq!((found, taken.messages), (expected, units.len()));
                    prop_assert_eq!(taken.bytes, taken.segments.iter().map(|segment| segment.len()).sum::<usize>());
                    in_hand = taken.segments.clone();
                    prop_assert_eq!(decode(taken), units);
                }
                Operation::Next(times) => {
                    for _ in 0..times {
                        prop_assert_eq!(reader.next_unit(), oracle.next());
                    }
                }
                Operation::PutBack => {
                    let back = monocoque_core::batch::unsent(&std::mem::take(&mut in_hand), 0);
                    let mut copy = Batch::default();
                    back.segments.iter().for_each(|segment| copy.push(segment.clone(), 0));
                    copy.messages = back.messages;
                    reader.batches().put_back(back);
                    oracle.put_back(decode(std::mem::take(&mut copy)));
                }
                Operation::Discard => prop_assert_eq!(writer.lock().discard(), oracle.discard()),
                Operation::SetMark(mark) => {
                    writer.lock().set_mark(Mark::messages(mark));
                    oracle.remark(mark as usize);
                }
                Operation::AskFor(message) => {
                    prop_assert_eq!(writer.lock().has_room_for(&message), oracle.has_room_for(&message));
                }
                Operation::Conflate => {
                    writer.lock().conflate();
                    oracle.conflate = true;
                    oracle.keep_last();
                    oracle.wake_writer();
                }
                Operation::Finish => {
                    writer.lock().finish();
                    (oracle.finished, oracle.refused) = (true, None);
                    oracle.reader_wakes += 1;
                }
            }
            let sizes = |writer: MutexGuard<'_, PipeWriter>| (writer.queued(), writer.held());
            prop_assert_eq!(sizes(writer.lock()), (oracle.queue.len(), oracle.held));
            prop_assert_eq!(reader.queued(), oracle.queue.len() + oracle.parsing.len());
            prop_assert_eq!(reader.is_finished(), oracle.finished && reader.queued() == 0);
            prop_assert_eq!(writer.lock().take_conflated(), std::mem::take(&mut oracle.conflated));
            prop_assert_eq!((reads.count(), writes.count()), (oracle.reader_wakes, oracle.writer_wakes));
        }
    }
}
