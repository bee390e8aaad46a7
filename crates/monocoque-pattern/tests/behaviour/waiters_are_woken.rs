//! Who registers and then finds nothing is called when that changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::wait::WaitList;
use monocoque_core::{Message, SocketType};

use crate::peer::{attach, facts, hub, hub_with, join, join_with};

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether whoever waits on `list` is called by `act`.
fn called(list: &WaitList, act: impl FnOnce()) -> bool {
    let calls = Arc::new(Calls::default());
    let mut ticket = None;
    list.register(&mut ticket, &Waker::from(Arc::clone(&calls)));
    act();
    list.remove(&mut ticket);
    calls.0.load(Ordering::Relaxed) > 0
}

#[test]
fn a_receiver_by_the_first_message_after_it_found_nothing() {
    for kind in SocketType::ALL.into_iter().filter(|kind| kind.receives()) {
        let hub = hub(kind);
        let mut peer = join(&hub, kind.peers()[0]);
        let readable = hub.signals().readable();
        assert!(!called(readable, || _ = hub.try_recv()), "{kind}");
        if kind == SocketType::Req {
            hub.try_send(Message::from("question")).expect("room");
            _ = hub.try_recv();
        }
        assert!(called(readable, || peer.send("x")), "{kind}");
        assert!(!called(readable, || peer.send("y")), "{kind}: the first call was not answered yet");
    }
}

#[test]
fn a_receiver_by_what_came_before_the_peer_was_up() {
    let hub = hub(SocketType::Pull);
    let (link, _from_hub) = attach(&hub, 10);
    let (mut to_hub, reader) = monocoque_core::pipe::pipe(
        monocoque_core::pipe::Mark::messages(10),
        false,
        &monocoque_core::slab::Arena::new(),
    );
    to_hub.push(&Message::from("early")).expect("room");
    assert!(called(hub.signals().readable(), || {
        hub.up(link, facts(SocketType::Pull, None), reader).expect("attached");
    }));
    assert_eq!(hub.try_recv(), Ok(Message::from("early")));
}

#[test]
fn a_sender_by_room_and_by_a_new_peer() {
    let hub = hub(SocketType::Push);
    let writable = &hub.signals().writable;
    let mut dialing = None;
    assert!(called(writable, || dialing = Some(attach(&hub, 4))));
    hub.close_link(dialing.take().expect("attached").0);
    let mut peer = None;
    assert!(called(writable, || peer = Some(join_with(&hub, facts(SocketType::Push, None), 4))));
    while hub.try_send(Message::from("x")).is_ok() {}
    assert!(called(writable, || _ = peer.as_mut().map(|peer| peer.texts())));
    hub.try_send(Message::from("x")).expect("room");
    assert!(called(writable, || hub.finish()));
}

#[test]
fn a_publisher_that_may_not_drop_by_room() {
    let hub = hub_with(SocketType::Pub, |config| config.no_drop = true);
    let mut peer = join_with(&hub, facts(SocketType::Pub, None), 2);
    peer.subscribe("");
    while hub.try_send(Message::from("x")).is_ok() {}
    assert!(called(&hub.signals().writable, || _ = peer.texts()));
    hub.try_send(Message::from("x")).expect("room");
}

#[test]
fn watchers_of_peers_by_ups_downs_and_subscriptions() {
    let hub = hub(SocketType::Pub);
    let peers = &hub.signals().peers;
    let mut peer = None;
    assert!(called(peers, || peer = Some(join(&hub, SocketType::Sub))));
    let mut peer = peer.expect("joined");
    assert_eq!(hub.subscribers(), 0);
    assert!(called(peers, || peer.subscribe("t")));
    assert!(called(peers, || hub.upstream()));
    assert_eq!(hub.subscribers(), 1);
    assert!(called(peers, || hub.down(peer.key)));
    assert_eq!((hub.peers(), hub.subscribers()), (0, 0));
}

#[test]
fn a_receiver_by_a_peer_that_brings_something_and_not_by_one_that_does_not() {
    let hub = hub(SocketType::Pull);
    let readable = hub.signals().readable();
    let mut peer = None;
    assert!(!called(readable, || peer = Some(join(&hub, SocketType::Push))));
    assert!(called(readable, || peer.as_mut().expect("joined").send("first")), "nobody has looked yet");
    assert!(hub.try_recv().is_ok());

    let (link, _from_hub) = attach(&hub, 10);
    let (mut to_hub, reader) = pipe(Mark::messages(10), false, &Arena::new());
    to_hub.push(&Message::from("early")).expect("room");
    assert!(called(readable, || _ = hub.up(link, facts(SocketType::Pull, None), reader).expect("attached")));
    assert_eq!(hub.try_recv(), Ok(Message::from("early")));
}

#[test]
fn a_receiver_by_a_peer_that_goes_if_that_leaves_something_and_not_else() {
    for kind in [SocketType::Pull, SocketType::Router, SocketType::Dealer, SocketType::Sub] {
        let hub = hub(kind);
        let peers = [join(&hub, kind.peers()[0]), join(&hub, kind.peers()[0])];
        let readable = hub.signals().readable();
        assert!(!called(readable, || hub.down(peers[0].key)), "{kind}");
        assert!(!called(readable, || _ = hub.release(peers[1].link)), "{kind}");
    }
    let router = hub_with(SocketType::Router, |config| config.router_notify.disconnect = true);
    let peer = join(&router, SocketType::Dealer);
    assert!(called(router.signals().readable(), || router.down(peer.key)));
    let xpub = hub(SocketType::XPub);
    let mut peer = join(&xpub, SocketType::Sub);
    peer.subscribe("t");
    assert!(xpub.try_recv().is_ok());
    assert!(called(xpub.signals().readable(), || xpub.down(peer.key)));
    assert!(xpub.try_recv().is_ok(), "nobody is subscribed any more");
}

#[test]
fn watchers_by_a_flood_that_takes_more_than_one_look() {
    let hub = hub(SocketType::XPub);
    let mut peer = join(&hub, SocketType::Sub);
    peer.cancel("never subscribed");
    assert_eq!(hub.subscribers(), 0);
    (0..15_000).for_each(|_| peer.cancel("never subscribed"));
    peer.subscribe("t");
    assert!(called(&hub.signals().peers, || assert_eq!(hub.subscribers(), 0)));
    assert_eq!(hub.subscribers(), 1);
}

#[test]
fn whoever_waits_for_another_reply_that_was_met_on_the_way() {
    let hub = hub(SocketType::Req);
    let mut peer = join(&hub, SocketType::Rep);
    let (a, b) = (hub.request(Message::from("a")).expect("room"), hub.request(Message::from("b")).expect("room"));
    let echo = peer.recv().expect("request a");
    peer.send(echo);
    assert!(called(hub.signals().readable(), || assert_eq!(hub.take_reply(b), None)));
    assert_eq!(hub.take_reply(a), Some(Message::from("a")));
}
