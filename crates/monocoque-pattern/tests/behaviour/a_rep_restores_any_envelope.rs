//! REP: the answer goes back through every hop that the request came through.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::{RecvRefused, SendReason};

use crate::peer::{connect, hub, join};

#[test]
fn envelopes_of_several_hops_come_back_in_order() {
    let hub = hub(SocketType::Rep);
    let (mut near, mut far) = (join(&hub, SocketType::Req), join(&hub, SocketType::Dealer));
    near.send(["", "plain"]);
    far.send(["hop 2", "hop 1", "", "question", "", "second part"]);
    assert_eq!(hub.try_recv(), Ok(Message::from("plain")));
    hub.try_send(Message::from("plain answer")).expect("its turn");
    assert_eq!(hub.try_recv(), Ok(Message::from(["question", "", "second part"])));
    hub.try_send(Message::from(["answer", "in two parts"])).expect("its turn");
    assert_eq!(far.recv(), Some(Message::from(["hop 2", "hop 1", "", "answer", "in two parts"])));
    assert_eq!(near.recv(), Some(Message::from(["", "plain answer"])));
}

#[test]
fn requests_without_envelope_or_body_are_dropped() {
    let hub = hub(SocketType::Rep);
    let mut peer = join(&hub, SocketType::Dealer);
    peer.send("no delimiter");
    peer.send(["no body", ""]);
    peer.send("");
    assert!(!hub.can_recv());
    peer.send(["", "sound"]);
    assert!(hub.can_recv());
    assert_eq!(hub.try_recv(), Ok(Message::from("sound")));
    assert_eq!(hub.drops().of(DropCause::Unexpected), 3);
}

#[test]
fn turns_alternate() {
    let hub = hub(SocketType::Rep);
    let mut peer = join(&hub, SocketType::Req);
    assert_eq!(hub.try_send(Message::from("unasked")).expect_err("not its turn").reason, SendReason::State);
    assert_eq!(hub.try_recv(), Err(RecvRefused::Empty));
    peer.send(["", "1"]);
    peer.send(["", "2"]);
    assert!(hub.can_recv() && !hub.can_send());
    hub.try_recv().expect("the first request");
    assert!(hub.can_send() && !hub.can_recv());
    assert_eq!(hub.try_recv(), Err(RecvRefused::State));
    hub.try_send(Message::from("answer")).expect("its turn");
    assert_eq!(hub.try_recv(), Ok(Message::from("2")));
}

#[test]
fn a_chain_of_hubs_carries_a_request_there_and_back() {
    let (req, router) = (hub(SocketType::Req), hub(SocketType::Router));
    let (dealer, rep) = (hub(SocketType::Dealer), hub(SocketType::Rep));
    connect((&req, SocketType::Req), (&router, SocketType::Router));
    connect((&dealer, SocketType::Dealer), (&rep, SocketType::Rep));
    req.try_send(Message::from("question")).expect("room");
    dealer.try_send(router.try_recv().expect("the question")).expect("room");
    assert_eq!(rep.try_recv(), Ok(Message::from("question")));
    rep.try_send(Message::from("answer")).expect("its turn");
    router.try_send(dealer.try_recv().expect("the answer")).expect("routed");
    assert_eq!(req.try_recv(), Ok(Message::from("answer")));
}
