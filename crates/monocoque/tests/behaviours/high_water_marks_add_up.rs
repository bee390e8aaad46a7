//! How many sends succeed while nobody receives: docs/queues.md, row by row.

use monocoque::{Any, Context, DropCause, Hwm, Message, Socket, SocketType};

use crate::common::{IPC, TCP, eventually, everywhere, inproc, soon};

use SocketType::{
    Channel, Client, Dealer, Dish, Gather, Pair, Peer, Pub, Pull, Push, Radio, Router, Scatter, Server, Sub, XPub, XSub,
};

const OURS: u32 = 7;
const THEIRS: u32 = 5;
const BOTH: u64 = (OURS + THEIRS) as u64;
/// More than the kernel holds of a connection, so that few messages fill it.
const LARGE: usize = 8 << 20;

/// Who sends to whom.
const PAIRS: [(SocketType, SocketType); 13] = [
    (Push, Pull),
    (Pair, Pair),
    (Dealer, Dealer),
    (Dealer, Router),
    (Router, Dealer),
    (Pub, Sub),
    (XPub, XSub),
    (Client, Server),
    (Server, Client),
    (Radio, Dish),
    (Scatter, Gather),
    (Channel, Channel),
    (XPub, Sub),
];

fn marked(ctx: &Context, kind: SocketType, send: u32, recv: u32) -> Socket<Any> {
    let builder = ctx.socket(kind).send_hwm(Hwm::messages(send)).recv_hwm(Hwm::messages(recv));
    builder.build().expect("valid")
}

/// A sender and a receiver that are joined, and what addresses the one to the other.
async fn joined(
    ctx: &Context,
    at: &str,
    from: SocketType,
    to: SocketType,
) -> (Socket<Any>, Socket<Any>, Option<Message>) {
    let receiver = marked(ctx, to, 1000, THEIRS);
    let sender = marked(ctx, from, OURS, 1000);
    soon(sender.bind(at)).await.expect("free");
    receiver.connect(sender.last_endpoint().expect("bound").to_string()).expect("valid");
    soon(receiver.wait_for_peers(1)).await;
    match to {
        Dish => drop(receiver.join("").expect("short")),
        Sub | XSub => receiver.subscribe(""),
        _ => {}
    }
    let address = match from {
        Router | Server => {
            soon(receiver.send("hello")).await.expect("sent");
            Some(soon(sender.recv()).await.expect("received").first().clone().into())
        }
        Radio => Some(Message::from("")),
        _ => None,
    };
    if matches!(from, Pub | XPub | Radio) {
        soon(sender.wait_for_subscribers(1)).await;
    }
    (sender, receiver, address)
}

fn addressed(address: Option<&Message>, body: &[u8]) -> Message {
    match address {
        Some(address) => Message::from([address.first(), body]),
        None => Message::from(body),
    }
}

/// Sends that succeeded, of so many, less those that were dropped and counted.
fn taken(sender: &Socket<Any>, address: Option<&Message>, body: &[u8], tries: u64) -> u64 {
    let sent = (0..tries).take_while(|_| sender.try_send(addressed(address, body)).is_ok()).count() as u64;
    sent - sender.drops().of(DropCause::Full)
}

#[test]
fn over_inproc_it_is_the_sum_of_both_marks() {
    everywhere(async |ctx: Context| {
        for (from, to) in PAIRS {
            let (sender, _receiver, address) = joined(&ctx, &inproc(), from, to).await;
            assert_eq!(taken(&sender, address.as_ref(), b"x", 100), BOTH, "{from} to {to}");
        }
        let (name, receiver) = (inproc(), marked(&ctx, Peer, 1000, THEIRS));
        soon(receiver.bind(&name)).await.expect("free");
        let sender = marked(&ctx, Peer, OURS, 1000);
        let address = Message::from(sender.connect_peer(&name).expect("valid").as_bytes());
        assert_eq!(taken(&sender, Some(&address), b"x", 100), BOTH, "PEER to PEER");
    });
}

#[test]
fn of_a_peer_that_is_not_there_yet_it_is_the_senders_mark() {
    everywhere(async |ctx: Context| {
        for kind in [Push, Pair, Dealer, Client, Scatter, Channel] {
            for at in ["tcp://127.0.0.1:1", "ipc:///tmp/monocoque-nobody-is-here", &inproc()] {
                let sender = marked(&ctx, kind, OURS, 1000);
                sender.connect(at).expect("valid");
                assert_eq!(taken(&sender, None, b"x", 100), OURS.into(), "{kind} to {at}");
            }
        }
        let peer = marked(&ctx, Peer, OURS, 1000);
        let id = peer.connect_peer("tcp://127.0.0.1:1").expect("valid");
        let address = Message::from(id.as_bytes());
        assert_eq!(taken(&peer, Some(&address), b"x", 100), OURS.into());
    });
}

/// Large messages, of which the kernel takes one or two: the queue of the sender, the batch that its connection is writing,
/// the queue of the receiver, and what is on the way.
#[test]
fn over_a_network_it_is_at_least_the_sum_and_at_most_another_batch() {
    everywhere(async |ctx: Context| {
        for at in [TCP, IPC] {
            for (from, to) in [(Push, Pull), (Pub, Sub), (Router, Dealer)] {
                let (sender, receiver, address) = joined(&ctx, at, from, to).await;
                let body = vec![7; LARGE / 64];
                let (mut total, mut same) = (0, 0);
                // Until nothing moves any more.
                while same < 100 {
                    let more = (0..1000)
                        .take_while(|_| {
                            let before = sender.drops().of(DropCause::Full);
                            let sent = sender.try_send(addressed(address.as_ref(), &body)).is_ok();
                            sent && sender.drops().of(DropCause::Full) == before
                        })
                        .count() as u64;
                    total += more;
                    same = if more == 0 { same + 1 } else { 0 };
                    smol::Timer::after(std::time::Duration::from_millis(1)).await;
                }
                // The kernel's buffers: 4 MiB to send and 6 to receive at most by Linux's defaults, which grow.
                let kernel = (10 << 20) / (body.len() as u64) + 2;
                let most = BOTH + u64::from(OURS) + u64::from(THEIRS) + kernel;
                assert!((BOTH..=most).contains(&total), "{from} to {to} at {at}: {total} of {BOTH} to {most}");
                let mut received = 0;
                while received < total {
                    soon(receiver.recv()).await.expect("received");
                    received += 1;
                }
                eventually(|| !receiver.can_recv()).await;
            }
        }
    });
}

#[test]
fn no_mark_is_no_limit_on_either_side() {
    everywhere(async |ctx: Context| {
        for (ours, theirs) in [(0, 5), (5, 0), (0, 0)] {
            let name = inproc();
            let pull = marked(&ctx, Pull, 1000, theirs);
            soon(pull.bind(&name)).await.expect("free");
            let push = marked(&ctx, Push, ours, 1000);
            push.connect(&name).expect("valid");
            assert_eq!(taken(&push, None, b"x", 50_000), 50_000, "{ours} and {theirs}");
        }
    });
}

/// Credit comes back in steps of half the mark.
#[test]
fn a_receive_makes_room_in_steps() {
    everywhere(async |ctx: Context| {
        let (push, pull, _) = joined(&ctx, &inproc(), Push, Pull).await;
        assert_eq!(taken(&push, None, b"x", 100), BOTH);
        let step = BOTH.div_ceil(2);
        for _ in 1..step {
            soon(pull.recv()).await.expect("received");
            assert_eq!(taken(&push, None, b"x", 100), 0);
        }
        soon(pull.recv()).await.expect("received");
        assert_eq!(taken(&push, None, b"x", 100), step);
    });
}
