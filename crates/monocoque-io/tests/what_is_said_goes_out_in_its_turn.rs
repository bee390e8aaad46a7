//! What a protocol says while a long batch is written in parts goes out before the parts that are made later.

mod common;

use std::io::{Read, Write};

use common::{RawListener, Teller, each_link, numbered, parse, shared, wire};
use monocoque_core::wire::LONG;

/// Together more than the kernel takes of a peer that does not read.
const MESSAGES: u32 = 1000;
const BODY: usize = 32 << 10;

#[test]
fn where_the_protocol_takes_some_at_a_time() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, Some(64 << 10)));
        let (mut teller, story) = Teller::new();
        (teller.makes, teller.tells) = (true, true);
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        let mut ends = story.ready();
        (0..MESSAGES).for_each(|n| ends.push(&numbered(n, BODY)));
        peer.read_exact(&mut [0]).expect("in time");
        // Answered while the batch waits for the link, or a turn of it.
        peer.write_all(&wire(b"how many?")).expect("in time");
        assert_eq!(*ends.recv().expect("delivered").first(), b"how many?"[..]);
        drop(ends);
        // In front the byte that was read above: every header here is a long one.
        let stream = [vec![LONG], peer.read_to_the_end()].concat();
        let (got, _) = parse(&stream);
        let at = got.iter().position(|body| body.len() == 4).expect("it was told");
        let sent = u32::from_be_bytes(got[at].try_into().expect("4 bytes"));
        assert_eq!((got.len(), at), (MESSAGES as usize + 1, sent as usize));
        assert!(sent < MESSAGES, "this test wants it told in the middle");
    });
}
