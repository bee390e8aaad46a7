//! A peer that goes and comes back at the same place is found again, without anyone connecting anew.

use monocoque::{Event, Message};
use monocoque_interop::deadline::{event, eventually, within};
use monocoque_interop::ffi::{ZMQ_EVENT_DISCONNECTED, ZMQ_ROUTING_ID, ZMQ_SUBSCRIBE};
use monocoque_interop::fixture::{
    LOOPBACK, bind, bind_again, ours, peers, rebind, take_note, theirs, theirs_bound, theirs_connected, vacant_path,
    vacant_port,
};
use monocoque_interop::party;
use monocoque_interop::zmq;

const RESTARTS: usize = 10;

fn is_disconnected(event: &Event) -> Option<()> {
    matches!(event, Event::Disconnected { .. }).then_some(())
}

fn their_pull_restarts(endpoint: &str) {
    let push = ours(|ctx| ctx.push());
    let monitor = push.monitor();
    push.connect(endpoint).expect("the endpoint is sound");
    for round in 0..RESTARTS {
        let pull = theirs(zmq::Kind::Pull);
        rebind(&pull, endpoint);
        let message = Message::from(format!("round {round}"));
        push.blocking().send(message.clone()).expect("sent");
        assert_eq!(party::recv(&pull), Ok(message));
        drop(pull);
        event(&monitor, "the peer is gone", is_disconnected);
    }
}

fn our_pull_restarts(endpoint: &str) {
    let push = theirs_connected(zmq::Kind::Push, endpoint);
    let monitor = push.monitor(ZMQ_EVENT_DISCONNECTED).expect("monitored");
    for round in 0..RESTARTS {
        let pull = ours(|ctx| ctx.pull());
        bind_again(&pull, endpoint);
        let message = Message::from(format!("round {round}"));
        party::send(&push, &message).expect("sent");
        assert_eq!(pull.blocking().recv(), Ok(message));
        within(pull.close());
        monitor.wait_for(ZMQ_EVENT_DISCONNECTED).expect("the peer is gone");
    }
}

#[test]
fn their_pull_restarts_over_tcp() {
    their_pull_restarts(&vacant_port());
}

#[test]
fn their_pull_restarts_over_ipc() {
    let (_folder, endpoint) = vacant_path();
    their_pull_restarts(&endpoint);
}

#[test]
fn our_pull_restarts_over_tcp() {
    our_pull_restarts(&vacant_port());
}

#[test]
fn our_pull_restarts_over_ipc() {
    let (_folder, endpoint) = vacant_path();
    our_pull_restarts(&endpoint);
}

#[test]
fn our_subscriptions_reach_a_publisher_that_restarted() {
    let endpoint = vacant_port();
    let sub = ours(|ctx| ctx.subscriber());
    sub.subscribe("news");
    sub.connect(&endpoint).expect("the endpoint is sound");
    for _ in 0..RESTARTS {
        let xpub = theirs(zmq::Kind::XPub);
        rebind(&xpub, &endpoint);
        assert_eq!(party::recv(&xpub), Ok(Message::from("\u{1}news")));
        xpub.send(b"news of today", false).expect("sent");
        assert_eq!(sub.blocking().recv(), Ok(Message::from("news of today")));
    }
}

#[test]
fn their_subscriptions_reach_our_publisher_that_restarted() {
    let endpoint = vacant_port();
    let sub = theirs_connected(zmq::Kind::Sub, &endpoint);
    sub.set_bytes(ZMQ_SUBSCRIBE, b"news").expect("a SUB");
    for _ in 0..RESTARTS {
        let publisher = ours(|ctx| ctx.publisher());
        bind_again(&publisher, &endpoint);
        eventually("the subscription comes again", || {
            take_note(&sub);
            (publisher.subscribers() == 1).then_some(())
        });
        publisher.blocking().send("news of today").expect("sent");
        assert_eq!(party::recv(&sub), Ok(Message::from("news of today")));
        within(publisher.close());
    }
}

#[test]
fn a_dealer_that_comes_back_under_its_name_is_answered() {
    let router = ours(|ctx| ctx.router());
    let endpoint = bind(&router, LOOPBACK);
    for round in 0..RESTARTS {
        let dealer = theirs(zmq::Kind::Dealer);
        dealer.set_bytes(ZMQ_ROUTING_ID, b"worker").expect("every type takes one");
        dealer.connect(&endpoint).expect("the endpoint is sound");
        let question = Message::from(format!("round {round}"));
        party::send(&dealer, &question).expect("sent");
        let asked = router.blocking().recv().expect("a question");
        assert_eq!((asked.id.as_bytes(), &asked.message), (&b"worker"[..], &question));
        router.blocking().send((asked.id, "answer")).expect("sent");
        assert_eq!(party::recv(&dealer), Ok(Message::from("answer")));
    }
}

#[test]
fn what_is_sent_while_the_peer_is_away_waits_for_it() {
    let (pull, endpoint) = theirs_bound(zmq::Kind::Pull, LOOPBACK);
    let push = ours(|ctx| ctx.push());
    let monitor = push.monitor();
    push.connect(&endpoint).expect("the endpoint is sound");
    peers(&push, 1);
    drop(pull);
    event(&monitor, "the peer is gone", is_disconnected);
    for number in 0..100_u8 {
        push.blocking().send(&[number]).expect("queued");
    }
    let pull = theirs(zmq::Kind::Pull);
    rebind(&pull, &endpoint);
    for number in 0..100_u8 {
        assert_eq!(party::recv(&pull), Ok(Message::from(&[number])));
    }
}
