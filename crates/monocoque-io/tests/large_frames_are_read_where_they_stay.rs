//! Of a stream of large frames, next to nothing is read into memory that cannot hold its frame.

mod common;

use std::io::Write;
use std::sync::atomic::Ordering;

use common::{Teller, bind, connect, each_link, number, numbered, shared, wire};
use monocoque_core::limits::{SLAB_HUGE_BYTES, SLAB_TINY_BYTES};
use monocoque_io::ListenConfig;

const MESSAGES: u32 = 100;

#[test]
fn whatever_their_size() {
    for body in [40_000, 65_536, 300_000, 1 << 20] {
        each_link(|driver, wildcard| {
            let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
            let (teller, story) = Teller::new();
            let endpoint = binding.endpoint().clone();
            let _listening = teller.listen(&placement, binding, ListenConfig::default());
            let mut peer = connect(&endpoint);
            let writing = std::thread::spawn(move || {
                (0..MESSAGES).for_each(|n| peer.write_all(&wire(numbered(n, body).first())).expect("in time"));
                peer
            });
            let mut ends = story.ready();
            for expected in 0..MESSAGES {
                let message = ends.recv().expect("the connection is up");
                assert_eq!((number(message.first()), message.byte_len()), (expected, body));
            }
            drop(writing.join().expect("everything was taken"));
            // Nothing tells the size of the first ones.
            let bound = 2 * SLAB_HUGE_BYTES + MESSAGES as usize * SLAB_TINY_BYTES;
            let moved = teller.moved.load(Ordering::Relaxed);
            assert!(moved <= bound, "{moved} of {} bytes were copied", MESSAGES as usize * body);
        });
    }
}
