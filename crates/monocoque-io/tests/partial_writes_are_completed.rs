//! What the kernel takes only piece by piece arrives whole and in order.

mod common;

use std::io::{ErrorKind, Read};

use common::{RawListener, Teller, each_link, shared, wire};
use monocoque_core::Message;
use monocoque_io::End;

const TOTAL: usize = 10 << 20;

/// Bodies below and above every threshold, up to a megabyte.
fn bodies() -> Vec<Vec<u8>> {
    let sizes = [1, 255, 256, 8191, 8192, 70_000, 1 << 20, 0, 64].into_iter().cycle();
    let mut left = TOTAL;
    sizes
        .enumerate()
        .map_while(|(index, len)| {
            left = left.checked_sub(len)?;
            Some((0..len).map(|at| (at * 31 + index) as u8).collect())
        })
        .collect()
}

#[test]
fn to_a_peer_that_reads_in_small_pieces_from_a_small_buffer() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, Some(16 << 10)));
        let (teller, story) = Teller::new();
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        let (mut ends, bodies) = (story.ready(), bodies());
        bodies.iter().for_each(|body| ends.push(&Message::from(&body[..])));
        drop(ends);
        let expected = bodies.iter().flat_map(|body| wire(body)).collect::<Vec<_>>();
        let (mut got, mut piece) = (Vec::new(), vec![0; 6000]);
        for len in (1..6000).step_by(501).cycle() {
            match peer.read(&mut piece[..len]) {
                Ok(0) => break,
                Ok(count) => got.extend_from_slice(&piece[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "in time"),
            }
        }
        assert_eq!(got.len(), expected.len());
        assert!(got == expected, "the bytes differ");
        drop(peer);
        let ended = story.ended();
        assert!(matches!(ended.end, End::Finished), "{:?}", ended.end);
        assert_eq!(ended.outgoing.map(|pipe| pipe.queued()), Some(0));
    });
}
