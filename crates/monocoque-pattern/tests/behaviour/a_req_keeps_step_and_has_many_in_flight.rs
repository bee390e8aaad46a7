//! REQ: strict alternation, and requests by id beside it that a lost reply cannot wedge.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::{RecvRefused, SendReason};

use crate::peer::{connect, hub, hub_with, join, received};

#[test]
fn strict_alternation() {
    let hub = hub(SocketType::Req);
    let mut peer = join(&hub, SocketType::Rep);
    assert_eq!(hub.try_recv(), Err(RecvRefused::State));
    hub.try_send(Message::from("question")).expect("room");
    assert!(!hub.can_send());
    let refused = hub.try_send(Message::from("again")).expect_err("not its turn");
    assert_eq!((refused.reason, refused.message), (SendReason::State, Message::from("again")));
    assert_eq!(hub.try_recv(), Err(RecvRefused::Empty));
    assert_eq!(peer.recv(), Some(Message::from(["", "question"])));
    peer.send(["", "answer", "in two parts"]);
    assert!(hub.can_recv());
    assert_eq!(hub.try_recv(), Ok(Message::from(["answer", "in two parts"])));
    assert!(hub.can_send() && !hub.can_recv());
}

#[test]
fn requests_go_round() {
    let hub = hub(SocketType::Req);
    let mut peers = [join(&hub, SocketType::Rep), join(&hub, SocketType::Rep)];
    for round in 0..4 {
        hub.try_send(Message::from("question")).expect("its turn");
        let peer = &mut peers[round % 2];
        peer.recv().expect("the question");
        peer.send(["", "answer"]);
        hub.try_recv().expect("the answer");
    }
}

#[test]
fn only_the_peer_that_was_asked_is_heard() {
    let hub = hub(SocketType::Req);
    let (mut asked, mut other) = (join(&hub, SocketType::Rep), join(&hub, SocketType::Rep));
    hub.try_send(Message::from("question")).expect("room");
    other.send(["", "intruder"]);
    asked.send("no delimiter");
    asked.send(["", "answer"]);
    asked.send(["", "one too many"]);
    assert_eq!(received(&hub), ["answer"]);
    hub.try_send(Message::from("next")).expect("its turn");
    assert_eq!(hub.try_recv(), Err(RecvRefused::Empty));
    assert_eq!(hub.drops().of(DropCause::Unexpected), 3);
}

#[test]
fn many_requests_are_in_flight_and_come_back_in_any_order() {
    let hub = hub(SocketType::Req);
    let mut peer = join(&hub, SocketType::Rep);
    let ids: Vec<_> = (0..5).map(|i| hub.request(Message::from(format!("{i}"))).expect("room")).collect();
    hub.try_send(Message::from("strict")).expect("beside the others");
    let mut requests: Vec<_> = std::iter::from_fn(|| peer.recv()).collect();
    assert_eq!(requests.len(), 6);
    assert_eq!((requests[0].len(), requests[0][0].len(), requests[0][1].len()), (3, 4, 0));
    requests.reverse();
    requests.into_iter().for_each(|echo| peer.send(echo));
    assert_eq!(hub.take_reply(ids[3]), Some(Message::from("3")));
    assert_eq!(hub.take_reply(ids[3]), None);
    assert_eq!(received(&hub), ["strict"]);
    for (i, &id) in ids.iter().enumerate().filter(|&(i, _)| i != 3) {
        assert_eq!(hub.take_reply(id), Some(Message::from(format!("{i}"))));
    }
    assert_eq!(hub.drops().total(), 0);
}

#[test]
fn a_forgotten_request_wedges_nothing() {
    let hub = hub(SocketType::Req);
    let mut peer = join(&hub, SocketType::Rep);
    let (early, late, kept) =
        (hub.request(Message::from("early")), hub.request(Message::from("late")), hub.request(Message::from("kept")));
    let [early, late, kept] = [early, late, kept].map(|id| id.expect("room"));
    let echoes: Vec<_> = std::iter::from_fn(|| peer.recv()).collect();
    peer.send(echoes[0].clone());
    assert_eq!(hub.take_reply(kept), None);
    hub.forget(early);
    hub.forget(late);
    assert_eq!(hub.drops().of(DropCause::Unexpected), 1, "the reply that was in");
    peer.send(echoes[1].clone());
    peer.send(echoes[2].clone());
    assert_eq!(hub.take_reply(kept), Some(Message::from("kept")));
    assert_eq!(hub.drops().of(DropCause::Unexpected), 2);
    hub.try_send(Message::from("strict")).expect("its turn all along");
}

#[test]
fn relaxed_and_correlated_takes_the_reply_to_the_second_request_only() {
    let hub = hub_with(SocketType::Req, |config| (config.req_relaxed, config.req_correlate) = (true, true));
    let mut peer = join(&hub, SocketType::Rep);
    hub.try_send(Message::from("first")).expect("room");
    assert!(hub.can_send(), "writable while waiting");
    hub.try_send(Message::from("second")).expect("relaxed");
    let echoes: Vec<_> = std::iter::from_fn(|| peer.recv()).collect();
    echoes.into_iter().for_each(|echo| peer.send(echo));
    assert_eq!(received(&hub), ["second"]);
    assert_eq!(hub.drops().of(DropCause::Unexpected), 1);
}

#[test]
fn relaxed_alone_takes_whatever_the_peer_of_the_second_request_says() {
    let hub = hub_with(SocketType::Req, |config| config.req_relaxed = true);
    let mut peer = join(&hub, SocketType::Rep);
    hub.try_send(Message::from("first")).expect("room");
    hub.try_send(Message::from("second")).expect("relaxed");
    let requests: Vec<_> = std::iter::from_fn(|| peer.recv()).collect();
    assert_eq!(requests, [Message::from(["", "first"]), Message::from(["", "second"])], "there is no id");
    requests.into_iter().for_each(|echo| peer.send(echo));
    assert_eq!(received(&hub), ["first"]);
    hub.try_send(Message::from("third")).expect("its turn");
    assert_eq!(hub.try_recv(), Err(RecvRefused::Empty), "the reply to the second was there before");
    assert_eq!(hub.drops().of(DropCause::Unexpected), 1);
}

#[test]
fn relaxed_drops_a_reply_that_was_in_already() {
    for looked in [true, false] {
        let hub = hub_with(SocketType::Req, |config| config.req_relaxed = true);
        let mut peer = join(&hub, SocketType::Rep);
        hub.try_send(Message::from("first")).expect("room");
        let echo = peer.recv().expect("the first");
        peer.send(echo);
        assert!(!looked || hub.can_recv());
        hub.try_send(Message::from("second")).expect("relaxed");
        assert_eq!(hub.try_recv(), Err(RecvRefused::Empty));
        assert_eq!(hub.drops().of(DropCause::Unexpected), 1);
    }
}

#[test]
fn the_turn_comes_back_when_the_peer_that_was_asked_is_gone_for_good() {
    let hub = hub(SocketType::Req);
    let lost = join(&hub, SocketType::Rep);
    hub.try_send(Message::from("question")).expect("room");
    hub.release(lost.link);
    let mut other = join(&hub, SocketType::Rep);
    assert_eq!(hub.try_recv(), Err(RecvRefused::Empty));
    hub.try_send(Message::from("again")).expect("the first can have no answer");
    assert_eq!(other.recv(), Some(Message::from(["", "again"])));
}

#[test]
fn a_rep_answers_requests_by_id() {
    let (req, rep) = (hub(SocketType::Req), hub(SocketType::Rep));
    connect((&req, SocketType::Req), (&rep, SocketType::Rep));
    let (a, b) = (req.request(Message::from("a")).expect("room"), req.request(Message::from("b")).expect("room"));
    while let Ok(question) = rep.try_recv() {
        rep.try_send(question).expect("its turn");
    }
    assert_eq!(req.take_reply(b), Some(Message::from("b")));
    assert_eq!(req.take_reply(a), Some(Message::from("a")));
}
