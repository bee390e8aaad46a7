//! SUB, XSUB: each subscription travels, because an XPUB may report them all, and of cancellations the last of a topic.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};

use crate::peer::{facts, hub, join, join_with, received};

#[test]
fn each_subscription_and_the_last_cancellation_travel() {
    let hub = hub(SocketType::Sub);
    let mut publisher = join(&hub, SocketType::Pub);
    hub.subscribe(b"a");
    hub.subscribe(b"a");
    hub.subscribe(b"ab");
    assert!(hub.unsubscribe(b"a"));
    assert!(!hub.unsubscribe(b"never"));
    assert!(hub.unsubscribe(b"a"));
    assert!(!hub.unsubscribe(b"a"));
    assert_eq!(publisher.texts(), ["\u{9}SUBSCRIBEa", "\u{9}SUBSCRIBEa", "\u{9}SUBSCRIBEab", "\u{6}CANCELa"]);
}

#[test]
fn an_xsub_subscribes_by_message_and_sends_the_rest_upstream() {
    let hub = hub(SocketType::XSub);
    let mut facts = facts(SocketType::XSub, None);
    facts.commands = false;
    let mut older = join_with(&hub, facts, 100);
    let mut newer = join(&hub, SocketType::XPub);
    for message in ["\u{1}t", "\u{1}t", "hello", "\0t", "\0t", "\0t"] {
        hub.try_send(Message::from(message)).expect("never refused");
    }
    assert_eq!(older.texts(), ["\u{1}t", "\u{1}t", "hello", "\0t"]);
    assert_eq!(newer.texts(), ["\u{9}SUBSCRIBEt", "\u{9}SUBSCRIBEt", "hello", "\u{6}CANCELt"]);
}

#[test]
fn a_sub_filters_what_it_is_not_subscribed_to_and_an_xsub_does_not() {
    for (kind, expected, dropped) in
        [(SocketType::Sub, vec!["ab", "b1"], 2), (SocketType::XSub, vec!["ab", "a", "b1", ""], 0)]
    {
        let hub = hub(kind);
        let mut publisher = join(&hub, SocketType::Pub);
        hub.subscribe(b"ab");
        hub.subscribe(b"b");
        ["ab", "a", "b1", ""].into_iter().for_each(|text| publisher.send(text));
        assert_eq!(received(&hub), expected, "{kind}");
        assert_eq!(hub.drops().of(DropCause::Unsubscribed), dropped, "{kind}");
    }
}
