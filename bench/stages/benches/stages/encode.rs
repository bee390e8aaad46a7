//! Encode: header and body into a slab, or the body by reference. A pipe whose reader is busy costs a push nothing
//! else but the count of its room.

use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use criterion::Criterion;
use monocoque_core::Message;
use monocoque_core::batch::Batch;
use monocoque_core::pipe::{HandOver, Mark, PipeReader, PipeWriter, Taken, pipe};
use monocoque_core::slab::Arena;

use crate::{Group, nothing, stage};

const MESSAGES: usize = 900;

/// A pipe whose writer holds back until its reader asks for more, as those of a hub do.
pub struct HoldingPipe {
    pub writer: Arc<Mutex<PipeWriter>>,
    pub reader: PipeReader,
    pub batch: Batch,
}

#[derive(Debug)]
struct Owner(Weak<Mutex<PipeWriter>>);

impl HandOver for Owner {
    fn try_hand_over(&self) -> bool {
        let Some(writer) = self.0.upgrade() else { return true };
        writer.try_lock().map(|mut writer| writer.hand_over()).is_ok()
    }

    fn hand_over(&self) {
        if let Some(writer) = self.0.upgrade() {
            writer.lock().expect("nobody panics").hand_over();
        }
    }
}

impl HoldingPipe {
    /// Its reader has found something and is busy with it.
    pub fn new() -> Self {
        let (writer, reader) = pipe(Mark::messages(1000), false, &Arena::new());
        let writer = Arc::new(Mutex::new(writer));
        writer.lock().expect("nobody panics").set_hand_over(Arc::new(Owner(Arc::downgrade(&writer))));
        let mut pipe = Self { writer, reader, batch: Batch::default() };
        pipe.push(1, &crate::message());
        pipe.take();
        pipe
    }

    pub fn push(&mut self, count: usize, message: &Message) {
        let mut writer = self.writer.lock().expect("nobody panics");
        (0..count).for_each(|_| writer.push(message).expect("within the mark"));
    }

    pub fn take(&mut self) {
        assert_eq!(self.reader.batches().take(&mut self.batch), Taken::Some);
        self.batch.clear();
    }
}

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "2 encode");
    let copied = [16, 64, 256, 4096].map(|len| (format!("{len} B"), Message::from(vec![7; len])));
    let shared = [(format!("{} B, by reference", 16 * 1024), Message::from(Bytes::from(vec![7; 16 * 1024])))];
    let parts = [("64 B in two frames of 32".to_owned(), Message::from([&[7; 32], &[7; 32]]))];
    for (name, message) in copied.into_iter().chain(shared).chain(parts) {
        let mut pipe = HoldingPipe::new();
        let push = |pipe: &mut HoldingPipe| pipe.push(MESSAGES, &message);
        stage(&mut group, name, MESSAGES, &mut pipe, nothing, push, HoldingPipe::take);
    }
    group.finish();
}
