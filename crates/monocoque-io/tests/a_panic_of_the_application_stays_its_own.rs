//! A thread that panics drops its ends of connections, which wakes I/O threads. compio aborts the process when
//! it is woken so; this kernel must not: the connections end, the others go on.

mod common;

use std::io::Write;

use common::{RawListener, Teller, drivers, each_link, is_stopped, numbered, shared, turn, wire};
use monocoque_io::End;

fn panic_with<T: Send + 'static>(held: T) {
    let panicking = std::thread::spawn(move || {
        let _dropped_while_unwinding = held;
        panic!("on purpose");
    });
    panicking.join().expect_err("it panicked");
}

#[test]
fn when_it_drops_what_stops_a_connection() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (teller, story) = Teller::new();
        let dialing = teller.dial(&placement, &listener.endpoint);
        let _peer = listener.accept();
        let _ends = story.ready();
        let (other_teller, other_story) = Teller::new();
        let _other_dialing = other_teller.dial(&placement, &listener.endpoint);
        let mut other_peer = listener.accept();
        let mut other_ends = other_story.ready();
        panic_with(dialing);
        assert!(is_stopped(&story.ended().end));
        other_peer.write_all(&wire(b"hello")).expect("the other goes on");
        assert_eq!(*other_ends.recv().expect("a message").first(), b"hello");
    });
}

#[test]
fn when_it_drops_the_last_handle_of_the_io_threads() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (teller, story) = Teller::new();
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let _peer = listener.accept();
        let mut ends = story.ready();
        panic_with(placement);
        assert_eq!(ends.recv(), None);
    });
}

#[test]
fn when_it_drops_its_end_of_a_pipe() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (teller, story) = Teller::new();
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        let mut ends = story.ready();
        ends.push(&numbered(1, 4));
        panic_with(ends);
        assert_eq!(peer.read_to_the_end(), wire(numbered(1, 4).first()), "what was sent before the panic arrives");
        drop(peer);
        assert!(matches!(story.ended().end, End::Finished));
    });
}

#[test]
fn when_it_makes_what_is_to_run() {
    for driver in drivers() {
        let placement = shared(driver);
        let make = |_| -> std::future::Ready<()> { panic!("on purpose") };
        placement.spawn(make).expect("alive");
        turn(&placement);
    }
}
