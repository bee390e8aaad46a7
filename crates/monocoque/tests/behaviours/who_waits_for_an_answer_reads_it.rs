//! In local placement a `recv` that waits for an answer reads its connection itself, before the runtime has its turn.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::raw::RawListener;
use crate::common::{in_local, soon};

const TRIPS: u32 = 200;

#[test]
fn as_soon_as_it_is_there() {
    in_local(async |ctx| {
        let listener = RawListener::new();
        let pair = ctx.pair().connect(&listener.endpoint).expect("valid");
        let answered = Arc::new(AtomicU32::new(0));
        let answers = Arc::clone(&answered);
        let peer = thread::spawn(move || {
            let mut raw = listener.accept_as("PAIR");
            for _ in 0..TRIPS {
                let asked = raw.recv().expect("a message");
                raw.send(&[&asked[0]]);
                answers.fetch_add(1, Ordering::Release);
            }
        });
        soon(pair.wait_for_peers(1)).await;
        let mut at_once = 0;
        for trip in 1..=TRIPS {
            soon(pair.send("ping")).await.expect("open");
            // Without the runtime, unless it has to write.
            let (until, mut has_run) = (Instant::now() + Duration::from_millis(100), false);
            while answered.load(Ordering::Acquire) < trip {
                if Instant::now() < until {
                    thread::yield_now();
                } else {
                    has_run = true;
                    smol::future::yield_now().await;
                }
            }
            let mut answer = pin!(pair.recv());
            match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => {
                    assert_eq!(answer.expect("open").first(), b"ping");
                    at_once += u32::from(!has_run);
                }
                Poll::Pending => assert_eq!(soon(answer).await.expect("open").first(), b"ping"),
            }
        }
        assert!(at_once > 0, "none of {TRIPS} answers");
        peer.join().expect("no panic");
    });
}
