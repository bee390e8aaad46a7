//! `check_send`: who has the first frame of a message only is told what the whole would be told.

use monocoque_core::{Message, SocketType};
use monocoque_pattern::SendReason;

use crate::peer::{facts, hub, hub_with, join, join_with};

#[test]
fn by_room_and_by_turn() {
    let push = hub(SocketType::Push);
    assert_eq!(push.check_send(b"x"), Err(SendReason::Full), "there is nobody");
    let _pull = join_with(&push, facts(SocketType::Push, None), 1);
    assert_eq!(push.check_send(b"x"), Ok(()));
    push.try_send(Message::from("x")).expect("room");
    assert_eq!(push.check_send(b"x"), Err(SendReason::Full));

    let req = hub(SocketType::Req);
    let _rep = join(&req, SocketType::Rep);
    req.try_send(Message::from("x")).expect("our turn");
    assert_eq!(req.check_send(b"x"), Err(SendReason::State));
    assert_eq!(hub(SocketType::Pull).check_send(b"x"), Err(SendReason::Unsupported));
    push.finish();
    assert_eq!(push.check_send(b"x"), Err(SendReason::Closed));
}

#[test]
fn by_the_route_where_that_is_mandatory() {
    let lax = hub(SocketType::Router);
    assert_eq!(lax.check_send(b"nobody"), Ok(()), "it would be dropped");
    let strict = hub_with(SocketType::Router, |config| config.router_mandatory = true);
    assert!(matches!(strict.check_send(b"nobody"), Err(SendReason::NoRoute(_))));
    let mut peer = join_with(&strict, facts(SocketType::Router, Some("a")), 1);
    assert_eq!((strict.check_send(b"a"), strict.has_room_for(b"a")), (Ok(()), Some(true)));
    strict.try_send(Message::from(["a", "x"])).expect("a route");
    assert_eq!((strict.check_send(b"a"), strict.has_room_for(b"a")), (Err(SendReason::Full), Some(false)));
    assert_eq!(peer.texts(), ["x"]);
    assert_eq!(strict.has_room_for(b"nobody"), None);
}
