//! Pipe: from push to take by a pump, and from push to parsed message, with the writer holding back for a busy reader
//! (docs/decisions/0007) and without.

use criterion::Criterion;
use monocoque_core::Message;
use monocoque_core::batch::Batch;
use monocoque_core::pipe::{Mark, PipeReader, PipeWriter, Taken, pipe};
use monocoque_core::slab::Arena;

use crate::encode::HoldingPipe;
use crate::{Group, message, nothing, stage};

/// Within half the mark of 1000, so that credit comes once a batch.
const BATCH: usize = 500;

struct PlainPipe {
    writer: PipeWriter,
    reader: PipeReader,
    batch: Batch,
    message: Message,
}

impl PlainPipe {
    fn new() -> Self {
        let (writer, reader) = pipe(Mark::messages(1000), false, &Arena::new());
        Self { writer, reader, batch: Batch::default(), message: message() }
    }

    fn push(&mut self, count: usize) {
        (0..count).for_each(|_| self.writer.push(&self.message).expect("within the mark"));
    }

    fn take(&mut self) {
        assert_eq!(self.reader.batches().take(&mut self.batch), Taken::Some);
        self.batch.clear();
    }

    fn read(&mut self, count: usize) {
        read(&mut self.reader, count);
    }
}

/// Reads `count` messages as an application does.
fn read(reader: &mut PipeReader, count: usize) {
    let mut message = Message::new();
    for _ in 0..count {
        assert!(reader.next_into(&mut message).is_some());
        std::hint::black_box(&message);
    }
}

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "3 pipe");
    let (mut plain, mut holding) = (PlainPipe::new(), HoldingPipe::new());
    let message = message();
    for count in [1, BATCH] {
        let through = |pipe: &mut PlainPipe| {
            for _ in 0..BATCH / count {
                pipe.push(count);
                pipe.take();
            }
        };
        stage(&mut group, format!("push and take by {count}, plain"), BATCH, &mut plain, nothing, through, nothing);
        let through = |pipe: &mut HoldingPipe| {
            for _ in 0..BATCH / count {
                pipe.push(count, &message);
                pipe.take();
            }
        };
        let name = format!("push and take by {count}, held back");
        stage(&mut group, name, BATCH, &mut holding, nothing, through, nothing);
    }
    let push = |pipe: &mut PlainPipe| pipe.push(BATCH);
    stage(&mut group, format!("push {BATCH}, plain"), BATCH, &mut plain, nothing, push, PlainPipe::take);
    let push = |pipe: &mut HoldingPipe| pipe.push(BATCH, &message);
    stage(&mut group, format!("push {BATCH}, held back"), BATCH, &mut holding, nothing, push, HoldingPipe::take);
    let push = |pipe: &mut PlainPipe| pipe.push(BATCH);
    let read_all = |pipe: &mut PlainPipe| pipe.read(BATCH);
    stage(&mut group, format!("read {BATCH}, plain"), BATCH, &mut plain, push, read_all, nothing);
    let push = |pipe: &mut HoldingPipe| pipe.push(BATCH, &message);
    let read_all = |pipe: &mut HoldingPipe| read(&mut pipe.reader, BATCH);
    stage(&mut group, format!("read {BATCH}, held back"), BATCH, &mut holding, push, read_all, nothing);
    group.finish();
}
