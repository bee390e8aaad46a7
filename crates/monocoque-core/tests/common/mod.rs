//! What the tests of the pipe share.
#![allow(dead_code)] // each test file uses its part

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Wake, Waker};

use monocoque_core::Message;
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::pipe::{
    BatchSource, HandOver, Mark, PipeReader, PipeWriter, Taken, pipe, pipe_from_link, pipe_to_link,
};
use monocoque_core::slab::Arena;

/// A waker that counts.
#[derive(Debug, Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The owner of a writer that hands over what the reader asks for, as a hub does.
#[derive(Debug)]
pub struct Owner(Arc<Mutex<PipeWriter>>);

#[derive(Debug)]
struct Asked(Weak<Mutex<PipeWriter>>);

impl Owner {
    /// With `holds_back`, the writer keeps messages while the reader is busy.
    pub fn new(writer: PipeWriter, holds_back: bool) -> Self {
        let owner = Self(Arc::new(Mutex::new(writer)));
        if holds_back {
            let hand_over = Arc::new(Asked(Arc::downgrade(&owner.0)));
            owner.lock().set_hand_over(hand_over);
        }
        owner
    }

    pub fn lock(&self) -> MutexGuard<'_, PipeWriter> {
        self.0.lock().expect("no test panics with it")
    }
}

impl HandOver for Asked {
    fn try_hand_over(&self) -> bool {
        let Some(writer) = self.0.upgrade() else { return true };
        writer.try_lock().map(|mut writer| writer.hand_over()).is_ok()
    }

    fn hand_over(&self) {
        if let Some(writer) = self.0.upgrade() {
            writer.lock().expect("no test panics with it").hand_over();
        }
    }
}

pub fn plain(messages: u32) -> (PipeWriter, PipeReader) {
    pipe(Mark::messages(messages), false, &Arena::new())
}

pub fn conflating() -> (PipeWriter, PipeReader) {
    pipe(Mark::messages(0), true, &Arena::new())
}

/// A message that says its number.
pub fn numbered(number: usize) -> Message {
    Message::from(number.to_string())
}

pub fn push_all(writer: &mut PipeWriter, numbers: impl IntoIterator<Item = usize>) {
    numbers.into_iter().for_each(|number| writer.push(&numbered(number)).expect("room"));
}

/// Everything that the reader finds now.
pub fn drain(reader: &mut PipeReader) -> Vec<Message> {
    std::iter::from_fn(|| reader.next_unit()).map(message).collect()
}

pub fn message(unit: Unit) -> Message {
    match unit {
        Unit::Message(message) => message,
        Unit::Command(command) => panic!("a command: {command:?}"),
    }
}

/// `messages`, encoded.
pub fn batch(messages: &[Message]) -> Batch {
    let (mut writer, mut source) = pipe_to_link(Mark::messages(0), false, &Arena::new());
    messages.iter().for_each(|message| writer.push(message).expect("no mark"));
    take(&mut source)
}

pub fn take(source: &mut BatchSource) -> Batch {
    let mut batch = Batch::default();
    assert_eq!(source.take(&mut batch), Taken::Some);
    batch
}

/// The units of `batch`.
pub fn decode(mut batch: Batch) -> Vec<Unit> {
    let (mut sink, mut reader) = pipe_from_link(Mark::messages(0), false, &Arena::new());
    assert_eq!(sink.append(&mut batch), 0);
    std::iter::from_fn(|| reader.next_unit()).collect()
}
