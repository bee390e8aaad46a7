//! How many sends succeed over inproc while nobody receives: as many as libzmq's, pattern by pattern.

use monocoque::{Context, DropCause, Hwm, Message, SocketType, block_on};
use monocoque_interop::ffi::{ZMQ_RCVHWM, ZMQ_SNDHWM, ZMQ_SNDTIMEO, ZMQ_SUBSCRIBE, ZMQ_XPUB_NODROP};
use monocoque_interop::party::kind_of;
use monocoque_interop::zmq;

use SocketType::{Channel, Client, Dealer, Gather, Pair, Pub, Pull, Push, Router, Scatter, Server, Sub};

const PAIRS: [(SocketType, SocketType); 8] = [
    (Push, Pull),
    (Pair, Pair),
    (Dealer, Dealer),
    (Dealer, Router),
    (Pub, Sub),
    (Client, Server),
    (Scatter, Gather),
    (Channel, Channel),
];
const MARKS: [(u32, u32); 5] = [(1, 1), (1, 10), (10, 1), (7, 5), (1000, 1000)];
const TRIES: usize = 3000;

fn theirs(from: SocketType, to: SocketType, send: u32, recv: u32) -> usize {
    let context = zmq::Context::new().expect("a context");
    let [sender, receiver] = [from, to].map(|kind| context.socket(kind_of(kind)).expect("a socket"));
    sender.set_int(ZMQ_SNDHWM, send as i32).expect("taken");
    sender.set_int(ZMQ_SNDTIMEO, 0).expect("taken");
    receiver.set_int(ZMQ_RCVHWM, recv as i32).expect("taken");
    if from == Pub {
        sender.set_int(ZMQ_XPUB_NODROP, 1).expect("taken");
    }
    sender.bind("inproc://marks").expect("free");
    if to == Sub {
        receiver.set_bytes(ZMQ_SUBSCRIBE, b"").expect("taken");
    }
    receiver.connect("inproc://marks").expect("bound");
    (0..TRIES).take_while(|_| sender.send(b"x", false).is_ok()).count()
}

fn ours(from: SocketType, to: SocketType, send: u32, recv: u32) -> usize {
    let ctx = Context::new();
    let sender = ctx.socket(from).send_hwm(Hwm::messages(send)).no_drop(from == Pub).build().expect("valid");
    let receiver = ctx.socket(to).recv_hwm(Hwm::messages(recv)).build().expect("valid");
    block_on(sender.bind("inproc://marks")).expect("free");
    if to == Sub {
        receiver.subscribe("");
    }
    receiver.connect("inproc://marks").expect("bound");
    let sent = (0..TRIES).take_while(|_| sender.try_send(Message::from("x")).is_ok()).count();
    assert_eq!(sender.drops().of(DropCause::Full), 0);
    sent
}

#[test]
fn for_every_pattern_that_blocks() {
    for (from, to) in PAIRS {
        for (send, recv) in MARKS {
            let (ours, theirs) = (ours(from, to, send, recv), theirs(from, to, send, recv));
            assert_eq!(ours, theirs, "{from} with {send} to {to} with {recv}");
            assert_eq!(ours, (send + recv) as usize);
        }
    }
}
