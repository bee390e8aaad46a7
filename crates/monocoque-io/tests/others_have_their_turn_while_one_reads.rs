//! A connection whose bytes never end lets others run in between, however large its reads are.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::{Fed, Feed, Garbled, drivers};
use monocoque_core::Protocol;
use monocoque_core::batch::Batch;
use monocoque_core::limits::{READ_TURN_BYTES, SLAB_TINY_BYTES};
use monocoque_core::pipe::{Mark, PipeReader, PipeWriter, pipe};
use monocoque_core::protocol::{Need, Output};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_io::{Connection, DriverChoice, Host, Pipes, Placement, Stopper, yield_now};

const HUGE_BYTES: usize = 1 << 20;

/// Passes over frames of [`HUGE_BYTES`].
struct Swallow;

impl Protocol for Swallow {
    type Peer = ();
    type Error = Garbled;

    fn connected(&mut self, _now: Instant, out: &mut Output<()>) {
        out.ready = Some(());
    }

    fn received(&mut self, _now: Instant, input: &mut SlabMut, _out: &mut Output<()>) -> Result<Need, Garbled> {
        input.split_to(input.len() - input.len() % HUGE_BYTES);
        Ok(Need(HUGE_BYTES))
    }

    fn send(&mut self, _now: Instant, batch: &mut Batch, _out: &mut Output<()>) -> Result<(), Garbled> {
        batch.clear();
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn timeout(&mut self, _now: Instant, _out: &mut Output<()>) -> Result<(), Garbled> {
        Ok(())
    }
}

/// Holds the application's ends, and uses neither.
struct Quiet {
    arena: Arena,
    ends: Option<(PipeWriter, PipeReader)>,
}

impl Host<Swallow> for Quiet {
    fn ready(&mut self, (): ()) -> Option<Pipes> {
        let (writer, outgoing) = pipe(Mark::messages(0), false, &self.arena);
        let (incoming, reader) = pipe(Mark::messages(0), false, &self.arena);
        self.ends = Some((writer, reader));
        Some(Pipes { outgoing, incoming })
    }
}

#[test]
fn others_have_their_turn_while_one_reads() {
    for driver in drivers() {
        DriverChoice::Only(driver).runtime().expect("available").block_on(async {
            let (placement, stopper) = (Placement::local().expect("on a runtime"), Stopper::new());
            let (feed, stop) = (Arc::<Feed>::default(), stopper.listen());
            feed.there.store(usize::MAX, Ordering::Relaxed);
            let link = Fed(Arc::clone(&feed));
            let connection = |home| async move {
                let arena = Arena::new();
                let quiet = Quiet { arena: arena.clone(), ends: None };
                Connection::new(Swallow, link, arena).run(quiet, stop, home).await;
            };
            placement.spawn(connection).expect("a live placement");
            let most = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&most);
            // A task as the connection's is: the application itself comes less often.
            let other = |_| async move {
                let mut before = 0;
                while before < 64 * HUGE_BYTES {
                    yield_now().await;
                    let read = feed.read.load(Ordering::Relaxed);
                    seen.fetch_max(read - before, Ordering::Relaxed);
                    before = read;
                }
            };
            placement.spawn(other).expect("a live placement");
            while Arc::strong_count(&most) > 1 {
                yield_now().await;
            }
            let most = most.load(Ordering::Relaxed);
            // Up to the mark, and beyond it what one read takes.
            assert!(most <= READ_TURN_BYTES + HUGE_BYTES + SLAB_TINY_BYTES, "{most} bytes in a turn");
        });
    }
}
