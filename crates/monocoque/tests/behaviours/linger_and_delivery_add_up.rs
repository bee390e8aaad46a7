//! Whatever the linger time: what arrives and what the close reports is what was sent. docs/queues.md has the table.

use std::time::Duration;

use monocoque::{Context, Hwm, Pull, RecvError, Socket};

use crate::common::{IPC, PATIENCE, TCP, both, everywhere, in_shared, inproc, number, soon, to_number};

const MESSAGES: u64 = 3000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Linger {
    None,
    Short,
    Endless,
}

const LINGERS: [Linger; 3] = [Linger::None, Linger::Short, Linger::Endless];

/// Takes in everything that still comes, in order and each once; returns how many.
async fn drain(pull: &Socket<Pull>) -> u64 {
    let mut next = 0;
    loop {
        match pull.recv().await {
            Ok(message) => {
                assert_eq!(to_number(message.first()), next, "in order, each once");
                next += 1;
            }
            Err(RecvError::TimedOut) => return next,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A sender that closes with everything still queued, and what came of it: arrived and undelivered.
async fn closed(ctx: &Context, at: &str, linger: Linger, reads_meanwhile: bool) -> (u64, u64) {
    // What is late is not there: the close is over by then, and the link with it.
    let pull = ctx.pull().recv_hwm(Hwm::messages(10)).recv_timeout(Duration::from_millis(300)).bind(at);
    let pull = soon(pull).await.expect("free");
    let push = ctx.push().hwm(Hwm::unlimited());
    let push = match linger {
        Linger::None => push.linger(Duration::ZERO),
        Linger::Short => push.linger(Duration::from_millis(30)),
        Linger::Endless => push.linger_forever(),
    };
    let push = push.connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
    soon(push.wait_for_peers(1)).await;
    for n in 0..MESSAGES {
        push.try_send([number(n).first().as_slice(), &[7; 8000]]).expect("no limit");
    }
    let (arrived, report) = if reads_meanwhile {
        soon(both(drain(&pull), push.close())).await
    } else {
        let report = soon(push.close()).await;
        (soon(drain(&pull)).await, report)
    };
    assert_eq!(pull.drops().total(), 0);
    (arrived, report.undelivered as u64)
}

#[test]
fn with_a_peer_that_reads() {
    everywhere(async |ctx: Context| {
        for linger in LINGERS {
            for at in [TCP.to_owned(), IPC.to_owned(), inproc()] {
                let (arrived, undelivered) = closed(&ctx, &at, linger, true).await;
                assert_eq!(arrived + undelivered, MESSAGES, "{at} {linger:?}");
                if linger == Linger::Endless || at.starts_with("inproc") {
                    assert_eq!(undelivered, 0, "{at} {linger:?}");
                }
            }
        }
    });
}

#[test]
fn with_a_peer_that_reads_too_late() {
    in_shared(async |ctx: Context| {
        for at in [TCP.to_owned(), IPC.to_owned()] {
            for linger in [Linger::None, Linger::Short] {
                let (arrived, undelivered) = closed(&ctx, &at, linger, false).await;
                assert_eq!(arrived + undelivered, MESSAGES, "{at} {linger:?}");
                assert!(undelivered > 0 || arrived == MESSAGES);
            }
        }
        let (arrived, undelivered) = closed(&ctx, &inproc(), Linger::None, false).await;
        assert_eq!((arrived, undelivered), (MESSAGES, 0), "inproc peers read what was left behind");
    });
}

#[test]
fn with_nobody_there() {
    everywhere(async |ctx: Context| {
        for linger in [Duration::ZERO, Duration::from_millis(30)] {
            for at in ["tcp://127.0.0.1:1", "ipc:///tmp/monocoque-nobody-is-here"] {
                let push = ctx.push().linger(linger).connect(at).expect("valid");
                (0..100).for_each(|n| push.try_send(number(n)).expect("room"));
                assert_eq!(soon(push.close()).await.undelivered, 100, "{at} {linger:?}");
            }
        }
        let forever = ctx.push().linger_forever().connect("tcp://127.0.0.1:1").expect("valid");
        forever.try_send("x").expect("room");
        let closing = smol::future::or(async { Some(forever.clone().close().await) }, async {
            smol::Timer::after(PATIENCE / 100).await;
            None
        });
        assert!(closing.await.is_none(), "it waits");
        forever.disconnect("tcp://127.0.0.1:1").ok();
    });
}
