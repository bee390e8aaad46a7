//! What went through a hub's pipes and what waits in them, through lives and links that come and go.

use monocoque_core::pipe::Flow;
use monocoque_core::{Message, SocketType};

use crate::peer::{hub, join};

fn counts(flow: Flow) -> (u64, u64) {
    (flow.messages, flow.queued_messages)
}

#[test]
fn sent_is_what_left_the_pipe() {
    let hub = hub(SocketType::Push);
    let mut peer = join(&hub, SocketType::Pull);
    (0..5).for_each(|_| hub.try_send(Message::from("12345678")).expect("room"));
    assert_eq!(counts(hub.flows().sent), (0, 5));
    assert_eq!(hub.flows().sent.queued_bytes, 50, "with their heads");
    assert_eq!(peer.texts().len(), 5);
    let flows = hub.flows();
    assert_eq!((counts(flows.sent), flows.sent.bytes), ((5, 0), 50));
    assert_eq!(flows.links.len(), 1);
    assert_eq!(flows.links[0].1, flows.sent);
    hub.try_send(Message::from("never taken")).expect("room");
    hub.release(peer.link);
    let flows = hub.flows();
    assert_eq!((counts(flows.sent), flows.links.len()), ((5, 0), 0), "what a link sent stays counted");
}

#[test]
fn received_is_what_came_read_or_not() {
    let hub = hub(SocketType::Pull);
    let mut first = join(&hub, SocketType::Push);
    let mut second = join(&hub, SocketType::Push);
    (0..3).for_each(|_| first.send("x"));
    second.send("y");
    assert_eq!(counts(hub.flows().received), (4, 4));
    (0..4).for_each(|_| drop(hub.try_recv().expect("there")));
    assert_eq!(counts(hub.flows().received), (4, 0));
    first.send("unread when it goes");
    hub.down(first.key);
    hub.release(first.link);
    assert_eq!(counts(hub.flows().received), (5, 1));
    hub.try_recv().expect("still there");
    assert_eq!(counts(hub.flows().received), (5, 0));
    second.send("z");
    assert_eq!(counts(hub.flows().received), (6, 1));
    assert_eq!(counts(hub.flows().links[0].2), (2, 1));
}
