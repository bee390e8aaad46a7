//! While the application does not read, the connection does not either; when it reads again, nothing is missing.

mod common;

use std::io::Write;
use std::time::Instant;

use common::{PATIENCE, Teller, bind, connect, each_link, number, numbered, shared, turn, wire};
use monocoque_core::limits::SLAB_HUGE_BYTES;
use monocoque_core::pipe::Mark;
use monocoque_io::ListenConfig;

const MESSAGES: u32 = 20_000;
const BODY: usize = 1000;
const MARK: u32 = 10;
/// The mark, and what one read can bring behind the message that reaches it.
const HELD_MAX: usize = MARK as usize + SLAB_HUGE_BYTES / BODY;

#[test]
fn of_that_peer() {
    each_link(|driver, wildcard| {
        let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
        let (mut teller, story) = Teller::new();
        teller.incoming = Mark::messages(MARK);
        let endpoint = binding.endpoint().clone();
        let _listening = teller.listen(&placement, binding, ListenConfig::default());
        let mut peer = connect(&endpoint);
        let writing = std::thread::spawn(move || {
            (0..MESSAGES).for_each(|n| peer.write_all(&wire(numbered(n, BODY).first())).expect("in time"));
            peer
        });
        let (mut ends, since) = (story.ready(), Instant::now());
        while ends.incoming.queued() < MARK as usize {
            assert!(since.elapsed() < PATIENCE, "nothing arrives");
            turn(&placement);
        }
        (0..200).for_each(|_| turn(&placement));
        let held = ends.incoming.queued();
        assert!(held <= HELD_MAX, "{held} messages in a pipe of {MARK}: reading went on");
        for expected in 0..MESSAGES {
            let message = ends.recv().expect("the connection is up");
            assert_eq!((number(message.first()), message.byte_len()), (expected, BODY));
            assert!(ends.incoming.queued() <= HELD_MAX);
        }
        drop(writing.join().expect("everything was taken"));
        assert_eq!(ends.recv(), None);
    });
}

#[test]
fn and_stopping_ends_a_paused_connection() {
    each_link(|driver, wildcard| {
        let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
        let (mut teller, story) = Teller::new();
        teller.incoming = Mark::messages(1);
        let endpoint = binding.endpoint().clone();
        let listening = teller.listen(&placement, binding, ListenConfig::default());
        let mut peer = connect(&endpoint);
        peer.write_all(&[wire(b"one"), wire(b"two")].concat()).expect("accepted");
        let mut ends = story.ready();
        while ends.incoming.queued() < 2 {
            turn(&placement);
        }
        listening.stop();
        assert!(common::is_stopped(&story.ended().end));
        assert_eq!(*ends.recv().expect("what was delivered stays").first(), b"one");
    });
}
