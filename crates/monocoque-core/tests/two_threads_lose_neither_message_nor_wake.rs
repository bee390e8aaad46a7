//! One thread pushes, another reads, both park when they must wait: every message arrives once, in order.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use common::{Owner, message};
use monocoque_core::Message;
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::pipe::{Mark, PipeReader, Refusal, Taken, pipe};
use monocoque_core::slab::Arena;

const MESSAGES: u64 = 100_000;
/// A wake that does not come for so long is lost.
const PATIENCE: Duration = Duration::from_secs(30);

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Parker {
    fn here() -> Arc<Self> {
        Arc::new(Self { thread: std::thread::current(), woken: AtomicBool::new(false) })
    }

    fn park(&self, why: &str) {
        let since = Instant::now();
        while !self.woken.swap(false, Ordering::SeqCst) {
            assert!(since.elapsed() < PATIENCE, "a lost wake: {why}");
            std::thread::park_timeout(PATIENCE);
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Mostly small, sometimes of parts, sometimes by reference; always with its number in the first frame.
fn numbered(number: u64) -> Message {
    let first = number.to_be_bytes();
    match number % 100 {
        7 => Message::from([&first[..], b"second", b""]),
        13 => Message::from([&first[..], &[5; 10_000]]),
        _ => Message::from(&first),
    }
}

fn number(message: &Message) -> u64 {
    u64::from_be_bytes(message.first().as_slice().try_into().expect("eight bytes"))
}

fn push(writer: &Owner, message: &Message) -> Result<(), Refusal> {
    writer.lock().push(message)
}

fn write(writer: Owner) {
    let parker = Parker::here();
    writer.lock().set_waker(&Waker::from(Arc::clone(&parker)));
    for next in 0..MESSAGES {
        while let Err(refusal) = push(&writer, &numbered(next)) {
            assert_eq!(refusal, Refusal::Full);
            parker.park("the writer's");
        }
    }
}

fn read_units(mut reader: PipeReader) -> u64 {
    let parker = Parker::here();
    reader.set_waker(&Waker::from(Arc::clone(&parker)));
    let mut expected = 0;
    loop {
        match reader.next_unit() {
            Some(unit) => {
                let message = message(unit);
                assert_eq!((number(&message), message.byte_len()), (expected, numbered(expected).byte_len()));
                expected += 1;
            }
            None if reader.is_finished() => return expected,
            None => parker.park("the reader's"),
        }
    }
}

fn read_batches(mut reader: PipeReader) -> u64 {
    let parker = Parker::here();
    reader.set_waker(&Waker::from(Arc::clone(&parker)));
    let (mut batch, mut count) = (Batch::default(), 0);
    let (mut again, mut parsed) = pipe(Mark::messages(0), false, &Arena::new());
    loop {
        match reader.batches().take(&mut batch) {
            Taken::Some => {
                again.batches().append(&mut batch);
                while let Some(Unit::Message(message)) = parsed.next_unit() {
                    assert_eq!(number(&message), count);
                    count += 1;
                }
            }
            Taken::Empty => parker.park("the reader's"),
            Taken::Finished => return count,
        }
    }
}

#[test]
fn with_marks_that_make_both_wait() {
    let marks = [Mark::messages(1), Mark::messages(2), Mark::messages(1000), Mark { messages: 100, bytes: 500 }];
    for mark in marks {
        for (read, holds_back) in
            [(read_units as fn(_) -> _, false), (read_batches, false), (read_units, true), (read_batches, true)]
        {
            let (writer, reader) = pipe(mark, false, &Arena::new());
            let writer = Owner::new(writer, holds_back);
            let writing = std::thread::spawn(move || write(writer));
            assert_eq!(read(reader), MESSAGES, "{mark:?}");
            writing.join().expect("the writer");
        }
    }
}
