//! A connection that waits for long gives back what it reads into, and reads on when something comes.

mod common;

use std::io::Write;
use std::time::Instant;

use common::{PATIENCE, RawListener, Teller, each_link, shared, turn, wait, wire};
use monocoque_core::slab::SlabClass;

#[test]
fn what_was_read_into_comes_back_and_what_comes_later_is_read() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (teller, story) = Teller::new();
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let (mut peer, mut ends) = (listener.accept(), story.ready());
        let until = Instant::now() + PATIENCE;
        while teller.arena.free_blocks(SlabClass::Tiny) == 0 {
            assert!(Instant::now() < until, "the buffer is still held");
            turn(&placement);
        }
        peer.write_all(&wire(b"after a silence")).expect("room");
        let message = wait("a message", |waker| {
            ends.incoming.set_waker(waker);
            ends.recv()
        });
        assert_eq!(message.last().as_slice(), b"after a silence");
    });
}
