//! While several connections are in their handshakes, each reads when its turn comes and not before others whose bytes came
//! earlier: those who connect one after the other get ready in that order, and messages are dealt out in it.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Fed, Feed, Teller, drivers};
use monocoque_io::{Connection, DriverChoice, Placement, Stopper, yield_now};

#[test]
fn however_long_its_runtime_polls() {
    for driver in drivers() {
        let runtime = DriverChoice::Only(driver).runtime().expect("available");
        runtime.block_on(async {
            let (placement, stopper) = (Placement::local().expect("on a runtime"), Stopper::new());
            let (mut teller, _story) = Teller::new();
            teller.shy = true;
            // More than one, since each is looked at by chance only.
            let feeds: [Arc<Feed>; 20] = Default::default();
            for feed in &feeds {
                let link = Fed { feed: Arc::clone(feed), content: Vec::new() };
                let (teller, stop) = (teller.clone(), stopper.listen());
                let connection = |home| async move {
                    let (plain, host) = teller.meet(None);
                    Connection::new(plain, link, teller.arena).run(host, stop, home).await;
                };
                placement.spawn(connection).expect("a live placement");
            }
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(20) {
                yield_now().await;
            }
            // What a peer said before we met, and no more.
            assert_eq!(feeds.map(|feed| feed.looks.load(Ordering::Relaxed)), [1; 20]);
        });
    }
}
