//! Calls that a type has no meaning for are refused, and change nothing.

use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::{Message, RoutingId, SocketType};
use monocoque_pattern::{Hub, PeerFacts, RecvRefused, SendReason, UpRefused};

use crate::peer::{attach, hub, join};

#[test]
fn a_hub_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Hub>();
}

#[test]
fn sending_and_receiving() {
    for kind in SocketType::ALL {
        let hub = hub(kind);
        let _peer = join(&hub, kind.peers()[0]);
        let unsupported = |reason| reason == SendReason::Unsupported;
        assert_eq!(hub.try_send(Message::from("x")).is_err_and(|r| unsupported(r.reason)), !kind.sends(), "{kind}");
        assert_eq!(hub.try_recv() == Err(RecvRefused::Unsupported), !kind.receives(), "{kind}");
        assert!(kind.sends() || !hub.can_send(), "{kind}");
        assert!(!hub.can_recv(), "{kind}");
    }
}

#[test]
fn forms_of_other_types() {
    let id = RoutingId::new("id").expect("valid");
    for kind in SocketType::ALL {
        let hub = hub(kind);
        let refused = |result: Result<(), monocoque_pattern::SendRefused>| {
            result.is_err_and(|refused| refused.reason == SendReason::Unsupported)
        };
        let (router, req) = (kind == SocketType::Router, kind == SocketType::Req);
        let sent = hub.try_send_to(&id, &mut Message::new());
        assert_eq!(sent == Err(SendReason::Unsupported), !kind.routes(), "{kind}");
        assert_eq!(refused(hub.try_send_any(Message::new()).map(|_| ())), !router, "{kind}");
        assert_eq!(
            hub.try_recv_from(&mut id.clone(), &mut Message::new()) == Err(RecvRefused::Unsupported),
            !kind.routes(),
            "{kind}"
        );
        assert_eq!(refused(hub.request(Message::new()).map(|_| ())), !req, "{kind}");
        assert_eq!((hub.join(b"g"), hub.leave(b"g")), (kind == SocketType::Dish, kind == SocketType::Dish), "{kind}");
        hub.subscribe(b"t");
        assert_eq!(hub.unsubscribe(b"t"), matches!(kind, SocketType::Sub | SocketType::XSub), "{kind}");
    }
}

#[test]
fn strangers_do_not_come_up() {
    for ours in SocketType::ALL {
        for theirs in SocketType::ALL {
            let hub = hub(ours);
            let (link, _from_hub) = attach(&hub, 1);
            let (_to_hub, reader) = pipe(Mark::messages(1), false, &Arena::new());
            let facts = PeerFacts { socket_type: theirs, identity: None, commands: true, properties: None };
            let expected = if ours.accepts(theirs) { None } else { Some(UpRefused::Incompatible { ours, theirs }) };
            assert_eq!(hub.up(link, facts, reader).err(), expected);
            assert_eq!(hub.peers(), usize::from(ours.accepts(theirs)));
        }
    }
}

#[test]
fn a_link_without_a_pipe_does_not_come_up() {
    let hub = hub(SocketType::Pull);
    let (_to_hub, reader) = pipe(Mark::messages(1), false, &Arena::new());
    let facts = PeerFacts { socket_type: SocketType::Push, identity: None, commands: true, properties: None };
    assert_eq!(hub.up(hub.open(), facts, reader), Err(UpRefused::Detached));
}
