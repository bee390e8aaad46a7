//! What a protocol says goes out before the messages that it makes bytes of later: with them, or between the parts of a long
//! batch.

mod common;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{Fed, Feed, RawListener, Teller, drivers, each_link, number, numbered, parse, shared, wire};
use monocoque_core::wire::LONG;
use monocoque_io::{Connection, DriverChoice, Placement, Stopper, yield_now};

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

#[test]
fn with_what_is_sent_in_one_write() {
    for (driver, makes) in drivers().into_iter().flat_map(|driver| [(driver, false), (driver, true)]) {
        let runtime = DriverChoice::Only(driver).runtime().expect("available");
        runtime.block_on(async {
            let (placement, stopper) = (Placement::local().expect("on a runtime"), Stopper::new());
            let (mut teller, story) = Teller::new();
            (teller.makes, teller.tells) = (makes, true);
            let (feed, question) = (Arc::new(Feed::default()), wire(b"how many?"));
            let link = Fed { feed: Arc::clone(&feed), content: question.clone() };
            let (meeting, stop) = (teller.clone(), stopper.listen());
            let connection = |home| async move {
                let (plain, host) = meeting.meet(None);
                Connection::new(plain, link, meeting.arena).run(host, stop, home).await;
            };
            placement.spawn(connection).expect("a live placement");
            let mut ends = loop {
                yield_now().await;
                if let Some(ends) = story.is_ready() {
                    break ends;
                }
            };
            // Both before the connection has its turn.
            feed.there.store(question.len(), Ordering::Relaxed);
            ends.push(&numbered(7, 4));
            while feed.written.lock().expect("no panic").is_empty() {
                yield_now().await;
            }
            let written = feed.written.lock().expect("no panic").clone();
            let (bodies, _) = parse(&written[0]);
            assert_eq!(
                bodies.iter().map(|body| number(body)).collect::<Vec<_>>(),
                [0, 7],
                "the answer and the message"
            );
            drop(stopper);
        });
    }
}
