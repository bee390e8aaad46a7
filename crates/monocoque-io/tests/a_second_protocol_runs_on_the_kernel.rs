//! The protocol of the example runs in both placements, on both drivers, over tcp and ipc, without a change
//! to the kernel.

mod common;
#[allow(dead_code)] // the example's `main`
#[path = "../examples/length_prefixed_echo.rs"]
mod length_prefixed_echo;

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use common::{PATIENCE, connect, drivers};
use length_prefixed_echo::{BODY_BYTES_MAX, PREFIX, Report, TooLong, dial, round_trips, serve};
use monocoque_core::Endpoint;
use monocoque_io::{Driver, DriverChoice, End, Placement};

/// Runs `test` once for each driver and placement.
fn everywhere(test: impl AsyncFn(&Placement)) {
    for driver in drivers() {
        for local in [false, true] {
            let choice = DriverChoice::Only(driver);
            choice.runtime().expect("available").block_on(async {
                let placement =
                    if local { Placement::local() } else { Placement::shared(2, choice) }.expect("a placement");
                assert_eq!((placement.driver(), placement.is_local()), (driver, local));
                compio::time::timeout(PATIENCE, test(&placement)).await.expect("in time");
            });
        }
    }
}

fn wildcards() -> [Endpoint; 3] {
    ["tcp://127.0.0.1:0", "tcp://[::1]:0", "ipc://*"].map(|written| written.parse().expect("well formed"))
}

fn bodies(sizes: &[usize]) -> Vec<Bytes> {
    sizes.iter().map(|&len| (0..len).map(|at| (at % 251) as u8).collect()).collect()
}

/// Waits for the first report of an end, off the I/O thread.
async fn end_of(reports: Receiver<Report>) -> (End<TooLong>, Receiver<Report>) {
    let waiting = compio::runtime::spawn_blocking(move || {
        loop {
            match reports.recv_timeout(PATIENCE).expect("a connection ends") {
                Report::Ended(end) => return (end, reports),
                Report::Link(_) => {}
            }
        }
    });
    waiting.await.expect("no panic")
}

#[test]
fn with_bodies_of_every_size() {
    let bodies = bodies(&[5, 0, 1, 70, 71, 255, 256, 8191, 8192, 100 << 10, 3 << 20, 1, 300 << 10, 0]);
    everywhere(async |placement| {
        for wildcard in wildcards() {
            let (endpoint, _serving) = serve(placement, &wildcard, channel().0).await.expect("bound");
            let (mut conversation, _dialing) = dial(placement, &endpoint, channel().0).expect("spawned");
            let bytes = round_trips(&mut conversation, &bodies).await.expect("echoed");
            assert_eq!(bytes, bodies.iter().map(Bytes::len).sum::<usize>());
        }
    });
}

#[test]
fn with_many_messages_under_way() {
    everywhere(async |placement| {
        for wildcard in wildcards() {
            let (endpoint, _serving) = serve(placement, &wildcard, channel().0).await.expect("bound");
            let (mut conversation, _dialing) = dial(placement, &endpoint, channel().0).expect("spawned");
            for round in 0..20u32 {
                for number in 0..100 {
                    conversation.send((round * 100 + number).to_be_bytes().as_slice().into()).await.expect("up");
                }
                for number in 0..100 {
                    let message = conversation.recv().await.expect("up");
                    assert_eq!(*message.first(), (round * 100 + number).to_be_bytes());
                }
            }
        }
    });
}

#[test]
fn and_closes_only_the_connection_that_breaks_its_rule() {
    everywhere(async |placement| {
        for wildcard in wildcards() {
            let (reports, mut heard) = channel();
            let (endpoint, _serving) = serve(placement, &wildcard, reports).await.expect("bound");
            let (mut conversation, _dialing) = dial(placement, &endpoint, channel().0).expect("spawned");
            let body = bodies(&[1000]);
            round_trips(&mut conversation, &body).await.expect("before");
            let oversized = BODY_BYTES_MAX + 1;
            for (wire, asked) in [
                ((oversized as u32).to_be_bytes().to_vec(), oversized),
                (b"GET / HTTP/1.1\r\n\r\n".to_vec(), 0x4745_5420),
                ([&5u32.to_be_bytes()[..], b"hello", &[0xff; PREFIX]].concat(), u32::MAX as usize),
            ] {
                let garbage = endpoint.clone();
                let read = compio::runtime::spawn_blocking(move || {
                    let mut peer = connect(&garbage);
                    peer.write_all(&wire).expect("accepted");
                    let mut answer = Vec::new();
                    // Closed with or without a reset: both end the stream.
                    let _ = peer.read_to_end(&mut answer);
                    answer.len()
                });
                assert!(read.await.expect("no panic") <= PREFIX + 5, "at most what was whole is echoed");
                let end;
                (end, heard) = end_of(heard).await;
                assert!(matches!(&end, End::Protocol(error) if error.asked == asked), "{end:?}");
                round_trips(&mut conversation, &body).await.expect("the others go on");
            }
        }
    });
}

#[test]
fn and_tells_how_much_of_a_message_never_came() {
    everywhere(async |placement| {
        for wildcard in wildcards() {
            let (reports, heard) = channel();
            let (endpoint, _serving) = serve(placement, &wildcard, reports).await.expect("bound");
            let sent = compio::runtime::spawn_blocking(move || {
                connect(&endpoint).write_all(&[&10u32.to_be_bytes()[..], b"half"].concat()).expect("accepted");
            });
            sent.await.expect("no panic");
            let (end, _) = end_of(heard).await;
            assert!(matches!(end, End::PeerClosed { truncated: 8 }), "{end:?}");
        }
    });
}

#[test]
fn on_the_epoll_driver_at_least() {
    assert!(drivers().contains(&Driver::Poll));
}
