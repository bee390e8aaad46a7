//! Over inproc libzmq joins sockets of any types; `as_libzmq` does too, and others refuse.

use monocoque::{ConnectError, Context, DropCause};

use crate::common::{eventually, everywhere, inproc, number, soon};

#[test]
fn whoever_comes_first() {
    everywhere(async |ctx: Context| {
        for pair_first in [false, true] {
            let name = inproc();
            let connect = || ctx.pair().as_libzmq().connect(&name).expect("joined, or waiting");
            let early = pair_first.then(connect);
            let pull = ctx.pull().as_libzmq().build().expect("valid");
            soon(pull.bind(&name)).await.expect("free");
            let pair = early.unwrap_or_else(connect);
            soon(pair.send("of another type")).await.expect("room");
            assert_eq!(soon(pull.recv()).await.expect("received"), "of another type".into());
        }
    });
}

#[test]
fn and_not_without_it() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let pull = ctx.pull().build().expect("valid");
        soon(pull.bind(&name)).await.expect("free");
        assert!(matches!(ctx.pair().connect(&name), Err(ConnectError::Incompatible { .. })));
    });
}

#[test]
fn who_does_not_suit_one_bind_waits_for_the_next() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let push = ctx.push().connect(&name).expect("waiting");
        soon(push.send("early")).await.expect("room");
        let sub = soon(ctx.subscriber().bind(&name)).await.expect("free");
        sub.unbind(&name).expect("bound");
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        assert_eq!(soon(pull.recv()).await.expect("received"), "early".into());
        soon(push.send("late")).await.expect("joined");
        assert_eq!(soon(pull.recv()).await.expect("received"), "late".into());
    });
}

#[test]
fn an_endpoint_is_forgotten_with_the_socket_that_was_bound_there() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        let push = ctx.push().connect(&name).expect("joined");
        soon(pull.close()).await;
        eventually(|| push.last_endpoint().is_none()).await;
        assert!(push.disconnect(&name).is_err());
    });
}

#[test]
fn what_is_replaced_for_the_last_message_is_counted() {
    everywhere(async |ctx: Context| {
        for sender_asks in [false, true] {
            let name = inproc();
            let pull = soon(ctx.pull().conflate(!sender_asks).bind(&name)).await.expect("free");
            let push = ctx.push().conflate(sender_asks).connect(&name).expect("joined");
            for n in 0..10 {
                soon(push.send(number(n))).await.expect("room");
            }
            assert_eq!(soon(pull.recv()).await.expect("received"), number(9));
            assert_eq!(push.drops().of(DropCause::Conflated) + pull.drops().of(DropCause::Conflated), 9);
        }
    });
}
