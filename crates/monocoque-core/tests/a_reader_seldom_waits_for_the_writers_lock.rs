//! A reader that comes back for more takes what is there, or has a busy writer bring it, before it waits for the lock
//! that the writer stands under.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use common::{drain, numbered};
use monocoque_core::pipe::{HandOver, Mark, PipeReader, PipeWriter, pipe};
use monocoque_core::slab::Arena;

/// An owner that is always busy: whenever it is asked it is about to push `next`.
#[derive(Debug)]
struct Busy {
    writer: Weak<Mutex<PipeWriter>>,
    next: Mutex<Option<usize>>,
    waited: AtomicUsize,
}

impl HandOver for Busy {
    fn try_hand_over(&self) -> bool {
        let (writer, next) = (self.writer.upgrade(), self.next.lock().expect("no panic").take());
        if let (Some(writer), Some(next)) = (writer, next) {
            writer.lock().expect("no panic").push(&numbered(next)).expect("room");
        }
        false
    }

    fn hand_over(&self) {
        self.waited.fetch_add(1, Ordering::SeqCst);
        if let Some(writer) = self.writer.upgrade() {
            writer.lock().expect("no panic").hand_over();
        }
    }
}

fn busy() -> (Arc<Mutex<PipeWriter>>, PipeReader, Arc<Busy>) {
    let (writer, reader) = pipe(Mark::messages(0), false, &Arena::new());
    let writer = Arc::new(Mutex::new(writer));
    let owner = Arc::new(Busy { writer: Arc::downgrade(&writer), next: Mutex::new(None), waited: AtomicUsize::new(0) });
    writer.lock().expect("no panic").set_hand_over(Arc::<Busy>::clone(&owner));
    (writer, reader, owner)
}

fn push(writer: &Mutex<PipeWriter>, numbers: std::ops::Range<usize>) {
    let mut writer = writer.lock().expect("no panic");
    numbers.for_each(|number| writer.push(&numbered(number)).expect("room"));
}

#[test]
fn what_is_in_the_queue_is_read_without_waiting_for_more() {
    let (writer, mut reader, owner) = busy();
    push(&writer, 0..3);
    assert!(reader.next_unit().is_some());
    assert_eq!(owner.waited.load(Ordering::SeqCst), 0);
}

#[test]
fn a_busy_writer_brings_what_it_holds_back_with_its_next_push() {
    let (writer, mut reader, owner) = busy();
    push(&writer, 0..3);
    assert!(reader.next_unit().is_some());
    *owner.next.lock().expect("no panic") = Some(3);
    let brought = (0..3).filter_map(|_| reader.next_unit()).count();
    assert_eq!((brought, owner.waited.load(Ordering::SeqCst)), (3, 0));
}

#[test]
fn one_that_pushes_no_more_is_waited_for() {
    let (writer, mut reader, owner) = busy();
    push(&writer, 0..3);
    assert_eq!(drain(&mut reader).len(), 3);
    assert!(owner.waited.load(Ordering::SeqCst) > 0);
}

#[test]
fn whoever_counts_what_waits_counts_what_is_held_back_too() {
    let (writer, mut reader, _owner) = busy();
    push(&writer, 0..2);
    assert!(reader.next_unit().is_some());
    push(&writer, 2..5);
    // A message comes into the queue while others are held back.
    writer.lock().expect("no panic").hand_over();
    push(&writer, 5..9);
    assert_eq!(reader.queued(), 8);
}
