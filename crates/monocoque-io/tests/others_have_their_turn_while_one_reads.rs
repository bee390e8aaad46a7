//! A connection whose bytes never end lets others run in between, however large its reads are.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Fed, Feed, Teller, drivers, wire};
use monocoque_core::limits::{READ_TURN_BYTES, SLAB_TINY_BYTES};
use monocoque_io::{Connection, DriverChoice, Placement, Stopper, yield_now};

const HUGE_BYTES: usize = 1 << 20;

#[test]
fn up_to_a_mark_and_one_read_beyond_it() {
    for driver in drivers() {
        DriverChoice::Only(driver).runtime().expect("available").block_on(async {
            let (placement, stopper) = (Placement::local().expect("on a runtime"), Stopper::new());
            let ((teller, _story), stop) = (Teller::new(), stopper.listen());
            let feed = Arc::new(Feed { there: AtomicUsize::new(usize::MAX), ..Feed::default() });
            let link = Fed { feed: Arc::clone(&feed), content: wire(&vec![7; HUGE_BYTES]) };
            // A frame, and the head of the next.
            let one_read = link.content.len() + SLAB_TINY_BYTES;
            let connection = |home| async move {
                let (plain, host) = teller.meet(None);
                Connection::new(plain, link, teller.arena).run(host, stop, home).await;
            };
            placement.spawn(connection).expect("a live placement");
            let most = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&most);
            // A task as the connection's is: the application itself comes less often.
            let other = |_| async move {
                let mut before = feed.read.load(Ordering::Relaxed);
                while before < 32 * HUGE_BYTES {
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
            assert!(most <= READ_TURN_BYTES + one_read, "{most} bytes in a turn");
        });
    }
}
