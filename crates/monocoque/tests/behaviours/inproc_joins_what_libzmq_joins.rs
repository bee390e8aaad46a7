//! Over inproc libzmq joins sockets of any types; `as_libzmq` does too, and others refuse.

use monocoque::{ConnectError, Context};

use crate::common::{everywhere, inproc, soon};

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
