//! The types of single frames refuse messages of several, and never drop what has no route.

use monocoque::{Context, DropCause, Group, Grouped, Message, RoutingId, SendError};

use crate::common::{everywhere, soon};

#[test]
fn several_frames_come_back() {
    everywhere(async |ctx| {
        let several = Message::from(["one", "two"]);
        let scatter = ctx.scatter().build().expect("valid");
        assert_eq!(scatter.try_send(several.clone()), Err(SendError::Parts(Box::new(several.clone()))));
        let group = Group::new("group").expect("short");
        let radio = ctx.radio().build().expect("valid");
        let refused = radio.try_send((group, several.clone())).expect_err("two frames");
        assert_eq!(refused.into_message().message, several, "unchanged");
        let server = ctx.server().build().expect("valid");
        let id = RoutingId::generated(7);
        let refused = server.try_send((id, several.clone())).expect_err("two frames");
        assert!(matches!(&refused, SendError::Parts(routed) if routed.message == several), "{refused}");
    });
}

#[test]
fn a_server_says_when_nobody_has_the_name() {
    everywhere(async |ctx| {
        let server = ctx.server().build().expect("valid");
        let refused = server.try_send((RoutingId::generated(7), "hello")).expect_err("nobody");
        assert!(matches!(refused, SendError::NoRoute(_)), "{refused}");
        assert_eq!(server.drops().total(), 0);
    });
}

#[test]
fn a_server_says_when_its_client_is_full() {
    everywhere(async |ctx| {
        let server = ctx.server().hwm(monocoque::Hwm::messages(1)).bind("inproc://full").await.expect("free");
        let client = ctx.client().hwm(monocoque::Hwm::messages(1)).connect("inproc://full").expect("valid");
        soon(client.send("hello")).await.expect("room");
        let id = soon(server.recv()).await.expect("received").id;
        let sent = (0..3).map(|_| server.try_send((id.clone(), "answer"))).collect::<Vec<_>>();
        assert!(matches!(sent[..], [Ok(()), Ok(()), Err(SendError::Full(_))]), "{sent:?}");
        assert_eq!(server.drops().total(), 0);
    });
}

async fn pair(ctx: &Context) -> (monocoque::Socket<monocoque::Radio>, monocoque::Socket<monocoque::Dish>) {
    let dish = ctx.dish().bind("inproc://groups").await.expect("free");
    let radio = ctx.radio().connect("inproc://groups").expect("valid");
    (radio, dish)
}

#[test]
fn groups_are_joined_once_and_compared_whole() {
    everywhere(async |ctx| {
        let (radio, dish) = pair(&ctx).await;
        let of = |group: &str, text: &str| Grouped::new(Group::new(group).expect("short"), text);
        assert_eq!((dish.join("ab"), dish.join("ab")), (Ok(true), Ok(false)));
        soon(radio.wait_for_subscribers(1)).await;
        for (group, text) in [("a", "1"), ("ab", "2"), ("abc", "3"), ("", "4")] {
            soon(radio.send(of(group, text))).await.expect("sent");
        }
        assert_eq!(soon(dish.recv()).await, Ok(of("ab", "2")));
        assert_eq!((dish.leave("ab"), dish.leave("ab")), (true, false));
        assert_eq!(dish.join(""), Ok(true));
        // What the RADIO knows of it comes in order, so the second follows the first.
        soon(radio.wait_for_subscribers(1)).await;
        soon(radio.send(of("ab", "5"))).await.expect("sent");
        soon(radio.send(of("", "6"))).await.expect("sent");
        assert_eq!(soon(dish.recv()).await, Ok(of("", "6")));
        assert_eq!((radio.drops().of(DropCause::NoRoute), radio.drops().of(DropCause::Full)), (0, 0));
        assert!(dish.join([0; 256]).is_err());
    });
}
