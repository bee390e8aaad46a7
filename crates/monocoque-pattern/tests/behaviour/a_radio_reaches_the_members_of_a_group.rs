//! RADIO and DISH: groups are compared whole, joined once, and die with the life that joined them.

use monocoque_core::batch::Unit;
use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::SendReason;

use crate::peer::{hub, join};

#[test]
fn by_its_whole_name() {
    let hub = hub(SocketType::Radio);
    let mut dishes = [join(&hub, SocketType::Dish), join(&hub, SocketType::Dish)];
    dishes[0].to_hub.push_command("JOIN", b"a");
    dishes[1].to_hub.push_command("JOIN", b"ab");
    for group in ["", "a", "ab", "abc"] {
        hub.try_send(Message::from([group, "news"])).expect("sent to whoever is there");
    }
    assert_eq!(dishes[0].recv(), Some(Message::from(["a", "news"])));
    assert_eq!(dishes[1].recv(), Some(Message::from(["ab", "news"])));
    assert_eq!((dishes[0].recv(), dishes[1].recv()), (None, None));
    dishes[0].to_hub.push_command("LEAVE", b"a");
    assert_eq!(hub.subscribers(), 1);
}

#[test]
fn and_no_message_joins() {
    let hub = hub(SocketType::Radio);
    let mut dish = join(&hub, SocketType::Dish);
    dish.send(&b"\x01a"[..]);
    assert_eq!((hub.subscribers(), hub.drops().of(DropCause::Unexpected)), (0, 1));
}

#[test]
fn with_a_group_and_one_frame() {
    let hub = hub(SocketType::Radio);
    for (frames, reason) in
        [(vec!["alone"], SendReason::NoEnvelope), (vec!["group", "two", "frames"], SendReason::Parts)]
    {
        let message = Message::multipart(frames);
        let refused = hub.try_send(message.clone()).expect_err("not a message of a RADIO");
        assert_eq!((refused.reason, refused.message), (reason, message));
    }
    let long = Message::from((vec![7; 256], "body"));
    assert_eq!(hub.try_send(long).expect_err("no such group").reason, SendReason::NoEnvelope);
}

#[test]
fn who_tells_each_radio_once() {
    let hub = hub(SocketType::Dish);
    let mut before = join(&hub, SocketType::Radio);
    assert!(hub.join(b"a") && !hub.join(b"a"));
    let mut after = join(&hub, SocketType::Radio);
    assert!(hub.leave(b"a") && !hub.leave(b"a"));
    for radio in [&mut before, &mut after] {
        let told: Vec<_> = std::iter::from_fn(|| radio.from_hub.next_unit()).collect();
        assert_eq!(told, [Unit::Command("\x04JOINa".into()), Unit::Command("\x05LEAVEa".into())]);
    }
}

#[test]
fn who_drops_what_is_not_for_it() {
    let hub = hub(SocketType::Dish);
    let mut radio = join(&hub, SocketType::Radio);
    hub.join(b"a");
    radio.send(["ab", "not joined"]);
    radio.send("no group");
    radio.send(["a", "several", "frames"]);
    radio.send(["a", "news"]);
    assert_eq!(hub.try_recv(), Ok(Message::from(["a", "news"])));
    assert_eq!((hub.drops().of(DropCause::Unsubscribed), hub.drops().of(DropCause::Unexpected)), (1, 2));
}
