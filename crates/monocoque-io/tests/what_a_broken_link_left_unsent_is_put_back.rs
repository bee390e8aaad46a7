//! A connection that ends in mid-write keeps the messages that were not written whole, in their order.

mod common;

use std::io::Read;

use common::{Ends, Raw, RawListener, Story, Teller, each_link, is_stopped, number, numbered, parse, shared};
use monocoque_core::Endpoint;
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::pipe::{BatchSource, Mark, pipe_from_link};
use monocoque_core::slab::Arena;
use monocoque_core::wire::LONG;
use monocoque_io::{End, Placement, Stopper};

/// Together more than the kernel takes of a peer that does not read.
const MESSAGES: u32 = 1000;
const BODY: usize = 32 << 10;

/// A connection with far too much to write, of which the peer has taken the first byte.
fn in_mid_write(placement: &Placement, wildcard: &Endpoint, makes: bool) -> (Stopper, Raw, Ends, Story) {
    let listener = RawListener::new(wildcard, Some(64 << 10));
    let (mut teller, story) = Teller::new();
    teller.makes = makes;
    let dialing = teller.dial(placement, &listener.endpoint);
    let mut peer = listener.accept();
    let mut ends = story.ready();
    (0..MESSAGES).for_each(|n| ends.push(&numbered(n, BODY)));
    peer.read_exact(&mut [0]).expect("in time");
    (dialing, peer, ends, story)
}

fn numbers(mut unsent: BatchSource) -> Vec<u32> {
    let mut batch = Batch::default();
    unsent.take(&mut batch);
    let (mut again, mut parsed) = pipe_from_link(Mark::messages(0), false, &Arena::new());
    again.append(&mut batch);
    let units = std::iter::from_fn(|| parsed.next_unit());
    units
        .map(|unit| match unit {
            Unit::Message(message) => number(message.first()),
            Unit::Command(command) => panic!("{command:?}"),
        })
        .collect()
}

#[test]
fn with_what_the_peer_got_whole_it_adds_up() {
    adds_up(false);
}

#[test]
fn with_what_the_peer_got_whole_it_adds_up_where_the_protocol_takes_some_at_a_time() {
    adds_up(true);
}

fn adds_up(makes: bool) {
    each_link(|driver, wildcard| {
        let placement = shared(driver);
        let (dialing, mut peer, _ends, story) = in_mid_write(&placement, wildcard, makes);
        dialing.stop();
        let ended = story.ended();
        assert!(is_stopped(&ended.end), "{:?}", ended.end);
        // In front the byte that was read above: every header here is a long one.
        let stream = [vec![LONG], peer.read_to_the_end()].concat();
        let (got, _) = parse(&stream);
        let left = ended.outgoing.expect("the connection was ready");
        assert!(left.queued() > 0, "this test wants the link to break in mid-write");
        let all = got.into_iter().map(number).chain(numbers(left)).collect::<Vec<_>>();
        assert_eq!(all, (0..MESSAGES).collect::<Vec<_>>());
    });
}

#[test]
fn when_the_peer_goes_everything_from_some_message_on_is_kept() {
    each_link(|driver, wildcard| {
        let placement = shared(driver);
        let (_dialing, peer, _ends, story) = in_mid_write(&placement, wildcard, false);
        drop(peer);
        let ended = story.ended();
        assert!(matches!(ended.end, End::Link(_) | End::PeerClosed { .. }), "{:?}", ended.end);
        let left = numbers(ended.outgoing.expect("the connection was ready"));
        assert!(!left.is_empty());
        assert_eq!(left, (left[0]..MESSAGES).collect::<Vec<_>>());
    });
}
