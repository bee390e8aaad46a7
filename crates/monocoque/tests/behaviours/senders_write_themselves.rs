//! A sender writes to an idle connection itself; what the connection has to say goes between messages, never into one.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use monocoque::{Context, DropCause, Heartbeat, Hwm, Pull, Push, Socket, Sub, XPub};
use monocoque_core::limits::LEAVE_MAX;
use smol::future::yield_now;

use crate::common::raw::{Raw, message as raw_message};
use crate::common::{IPC, PATIENCE, TCP, in_local, number, soon, watched};

const SENDERS: u8 = 3;
const MESSAGES: u32 = 400;

/// Sizes below and above what the kernel takes at once of a peer that does not read.
fn body(sender: u8, number: u32) -> Vec<u8> {
    let len = [5, 64, 4000, 60_000][number as usize % 4];
    let mut body = vec![number as u8; len];
    body[0] = sender;
    body[1..5].copy_from_slice(&number.to_be_bytes());
    body
}

/// Sends with pauses, so that some messages find the connection idle and others do not.
fn send_all(push: &Socket<Push>, sender: u8) {
    for number in 0..MESSAGES {
        push.blocking().send(body(sender, number)).expect("sent");
        if number % 7 == u32::from(sender) {
            thread::sleep(Duration::from_micros(50));
        }
    }
}

fn receive_all(pull: &Socket<Pull>) {
    let mut expected = [0; SENDERS as usize];
    for count in 0..u32::from(SENDERS) * MESSAGES {
        let message = pull.blocking().recv().expect("received");
        let sender = message.first()[0];
        let next = &mut expected[usize::from(sender)];
        assert!(message.first() == &body(sender, *next), "number {next} of sender {sender}");
        *next += 1;
        if count % 100 == 0 {
            // Long enough for the buffers between to fill.
            thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(expected, [MESSAGES; SENDERS as usize]);
}

#[test]
fn between_heartbeats_of_both_sides() {
    watched(|| {
        for transport in [TCP, IPC] {
            let ctx = Context::new();
            let heartbeat = Heartbeat {
                interval: Some(Duration::from_millis(1)),
                timeout: Some(Duration::from_secs(9)),
                ttl: None,
            };
            let pull = ctx.pull().heartbeat(heartbeat).recv_hwm(Hwm::messages(10)).build().expect("valid");
            let endpoint = pull.blocking().bind(transport).expect("free");
            let push = ctx
                .push()
                .heartbeat(heartbeat)
                .send_hwm(Hwm::messages(10))
                .connect(endpoint.to_string())
                .expect("valid");
            thread::scope(|scope| {
                for sender in 0..SENDERS {
                    let push = &push;
                    scope.spawn(move || send_all(push, sender));
                }
                receive_all(&pull);
            });
        }
    });
}

/// A publisher whose subscriber has received a message of it.
async fn published(ctx: &Context, hwm: u32) -> (Socket<XPub>, Socket<Sub>) {
    let publisher = ctx.xpub().send_hwm(Hwm::messages(hwm)).build().expect("valid");
    let endpoint = publisher.bind(TCP).await.expect("free");
    let subscriber = ctx.subscriber().connect(endpoint.to_string()).expect("valid");
    subscriber.subscribe("");
    soon(publisher.recv()).await.expect("a subscription");
    publisher.send("first").await.expect("sent");
    soon(subscriber.recv()).await.expect("received");
    (publisher, subscriber)
}

/// Receives so many numbers, from zero.
async fn receive_numbers(subscriber: &Socket<Sub>, count: u64) {
    for n in 0..count {
        assert_eq!(soon(subscriber.recv()).await.expect("received"), number(n));
    }
}

#[test]
fn a_publisher_that_keeps_its_runtime_from_running_drops_nothing_that_the_link_takes() {
    in_local(async |ctx| {
        let (publisher, subscriber) = published(&ctx, 10).await;
        for n in 0..500 {
            publisher.send(number(n)).await.expect("sent");
        }
        assert_eq!(publisher.drops().of(DropCause::Full), 0);
        receive_numbers(&subscriber, 500).await;
    });
}

#[test]
fn a_stream_is_written_in_larger_parts_than_its_sender_lets_the_runtime_run_for() {
    const PARTS: u64 = 40;
    in_local(async |ctx| {
        let (publisher, subscriber) = published(&ctx, 1000).await;
        let writes = || publisher.stats().link.writes;
        // Where the machine takes the thread off its core for long, the runtime does not poll.
        for _ in 0..100 {
            let before = writes();
            for part in 0..PARTS {
                for n in 0..10 {
                    publisher.send(number(part * 10 + n)).await.expect("sent");
                }
                yield_now().await;
            }
            receive_numbers(&subscriber, PARTS * 10).await;
            if writes() - before < PARTS / 2 {
                return;
            }
        }
        panic!("each part is written by itself");
    });
}

#[test]
fn the_answers_to_several_are_on_their_way_while_the_rest_is_worked_on() {
    in_local(async |ctx| {
        let router = ctx.router().build().expect("valid");
        let endpoint = router.bind(TCP).await.expect("free").to_string();
        let (tells, told) = mpsc::channel();
        let asking = thread::spawn(move || {
            let mut raw = Raw::connect_as(&endpoint, "DEALER", b"");
            // In one piece, so that who answers the first has the others in hand.
            raw.write(&["0", "1", "2"].map(|body| raw_message(&[body.as_bytes()])).concat());
            for n in ["0", "1", "2"] {
                assert_eq!(raw.recv(), Some(vec![n.as_bytes().to_vec()]));
                tells.send(n).expect("somebody listens");
            }
        });
        for _ in 0..2 {
            let asked = soon(router.recv()).await.expect("received");
            let began = Instant::now();
            while began.elapsed() < LEAVE_MAX {
                std::hint::spin_loop();
            }
            router.send(asked).await.expect("sent");
        }
        // The runtime does nothing meanwhile.
        assert_eq!([told.recv_timeout(PATIENCE), told.recv_timeout(PATIENCE)], [Ok("0"), Ok("1")]);
        let last = soon(router.recv()).await.expect("received");
        router.send(last).await.expect("sent");
        while !asking.is_finished() {
            yield_now().await;
        }
        asking.join().expect("all answered");
    });
}
