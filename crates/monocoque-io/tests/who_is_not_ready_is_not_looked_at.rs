//! While several connections are in their handshakes, each reads when its turn comes and not before others whose bytes came
//! earlier: those who connect one after the other get ready in that order, and messages are dealt out in it.

mod common;

use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Plain, drivers};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_io::{Connection, DriverChoice, Host, Link, Pipes, Placement, Stopper, yield_now};

/// Nothing ever comes over it; counts who looks.
struct Silent(Arc<AtomicU32>);

impl Link for Silent {
    fn try_write(&self, segments: &[Bytes]) -> io::Result<usize> {
        Ok(segments.iter().map(Bytes::len).sum())
    }

    async fn writable(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_read(&self, _slab: &mut SlabMut, _most: usize) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(io::ErrorKind::WouldBlock.into())
    }

    async fn readable(&self) -> io::Result<()> {
        pending().await
    }

    fn shutdown(&self, _how: Shutdown) {}
}

struct Nobody;

impl Host<Plain> for Nobody {
    fn ready(&mut self, (): ()) -> Option<Pipes> {
        panic!("nothing was said");
    }
}

#[test]
fn however_long_its_runtime_polls() {
    for driver in drivers() {
        let runtime = DriverChoice::Only(driver).runtime().expect("available");
        runtime.block_on(async {
            let (placement, stopper) = (Placement::local().expect("on a runtime"), Stopper::new());
            // More than one, since each is looked at by chance only.
            let looks: [Arc<AtomicU32>; 20] = Default::default();
            for looks in &looks {
                let (looks, stop) = (Arc::clone(looks), stopper.listen());
                let connection = |home| async move {
                    Connection::new(Plain::shy(), Silent(looks), Arena::new()).run(Nobody, stop, home).await;
                };
                placement.spawn(connection).expect("a live placement");
            }
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(20) {
                yield_now().await;
            }
            // What a peer said before we met, and no more.
            assert_eq!(looks.map(|looks| looks.load(Ordering::Relaxed)), [1; 20]);
        });
    }
}
