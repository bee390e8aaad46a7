//! Who is talked to: seen by who gets in.

use monocoque::{
    BindError, ConnectError, Context, DisconnectReason, Event, OptionError, OptionValue, PlainTable, SessionError,
    SocketOption, SocketType,
};

use crate::Check;
use crate::common::{TCP, event, handshake_failed, in_shared, soon, succeeded};

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::MECHANISM, mechanism),
    (SocketOption::PLAIN_SERVER, server_without_passwords),
    (SocketOption::PLAIN_USERNAME, credentials),
    (SocketOption::PLAIN_PASSWORD, credentials),
];

fn table() -> PlainTable {
    PlainTable::new([("ann", "secret")]).expect("short")
}

fn mechanism() {
    in_shared(async |ctx: Context| {
        let told = |socket: &monocoque::Socket<_>| socket.option(SocketOption::MECHANISM);
        let pair = ctx.pair().build().expect("valid");
        assert_eq!(told(&pair), Ok(0.into()));
        for (option, value) in [
            (SocketOption::PLAIN_SERVER, OptionValue::from(true)),
            (SocketOption::PLAIN_USERNAME, "ann".into()),
            (SocketOption::PLAIN_PASSWORD, "secret".into()),
        ] {
            pair.set_option(option, value.clone()).expect("taken");
            assert_eq!(told(&pair), Ok(1.into()), "{option}");
            let off = if option == SocketOption::PLAIN_SERVER { false.into() } else { OptionValue::Unset };
            pair.set_option(option, off).expect("taken");
            assert_eq!(told(&pair), Ok(0.into()), "{option}");
        }
    });
}

/// What both sides tell of a handshake that must fail.
async fn refusals(
    server: monocoque::SocketBuilder<monocoque::Pull>,
    user: &str,
    password: &str,
    ctx: &Context,
) -> [SessionError; 2] {
    let pull = server.build().expect("valid");
    let push = ctx.push().option(SocketOption::PLAIN_USERNAME, user).option(SocketOption::PLAIN_PASSWORD, password);
    let push = push.build().expect("valid");
    let (at_server, at_client) = (pull.monitor(), push.monitor());
    let endpoint = soon(pull.bind(TCP)).await.expect("bound").to_string();
    push.connect(&endpoint).expect("sound");
    let mut errors = Vec::new();
    for monitor in [&at_server, &at_client] {
        let DisconnectReason::Protocol(error) = soon(event(monitor, handshake_failed)).await else {
            panic!("no rule was broken")
        };
        errors.push(error);
    }
    // A client that was refused does not come again with the same password.
    soon(event(&at_client, |event| matches!(event, Event::ConnectGivenUp { .. }).then_some(()))).await;
    errors.try_into().expect("two")
}

fn refused() -> [SessionError; 2] {
    [SessionError::AuthenticationFailed { status: 400 }, SessionError::HandshakeRefused { reason: "400".into() }]
}

fn server_without_passwords() {
    in_shared(async |ctx: Context| {
        let server = ctx.pull().option(SocketOption::PLAIN_SERVER, true);
        assert_eq!(refusals(server, "ann", "secret", &ctx).await, refused());
    });
}

fn credentials() {
    in_shared(async |ctx: Context| {
        for (user, password) in [("ann", "guess"), ("eve", "secret"), ("ann", "")] {
            assert_eq!(refusals(ctx.pull().plain_passwords(table()), user, password, &ctx).await, refused());
        }
        let pull = soon(ctx.pull().plain_passwords(table()).bind(TCP)).await.expect("bound");
        let push = ctx.push().build().expect("valid");
        push.set_option(SocketOption::PLAIN_USERNAME, "ann").expect("taken");
        push.set_option(SocketOption::PLAIN_PASSWORD, "secret").expect("taken");
        let monitor = push.monitor();
        push.connect(pull.last_endpoint().expect("bound").to_string()).expect("sound");
        assert_eq!(soon(event(&monitor, succeeded)).await.mechanism, Some("PLAIN"));
        soon(push.send("let in")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await.expect("there"), "let in".into());
    });
}

#[test]
fn a_closure_may_judge() {
    in_shared(async |ctx: Context| {
        let judge = |username: &[u8], password: &[u8]| username.iter().rev().eq(password);
        let rep = soon(ctx.rep().plain_passwords(judge).bind(TCP)).await.expect("bound");
        let req = ctx.req().plain("ann", "nna").connect(rep.last_endpoint().expect("bound").to_string());
        let req = req.expect("sound");
        soon(req.send("asked")).await.expect("sent");
        assert_eq!(soon(rep.recv()).await.expect("there"), "asked".into());
    });
}

#[test]
fn a_peer_without_security_is_refused_and_told_apart_from_nobody() {
    in_shared(async |ctx: Context| {
        let pull = ctx.pull().plain_passwords(table()).build().expect("valid");
        let monitor = pull.monitor();
        let endpoint = soon(pull.bind(TCP)).await.expect("bound").to_string();
        let _push = ctx.push().connect(endpoint).expect("sound");
        let reason = soon(event(&monitor, handshake_failed)).await;
        assert_eq!(reason.to_string(), "the peer asks for mechanism 'NULL', we for 'PLAIN'");
    });
}

#[test]
fn what_speaks_no_zmtp_is_not_bound_or_connected_as_if_it_were_protected() {
    in_shared(async |ctx: Context| {
        let router = ctx.router().router_raw(true).plain_server(true);
        let bound = soon(router.bind(TCP)).await.map(drop);
        assert!(matches!(bound, Err(BindError::Option(OptionError::Unprotected { mechanism: "PLAIN", .. }))));
        let connected = ctx.radio().plain("ann", "secret").connect("udp://127.0.0.1:5555").map(drop);
        assert!(matches!(connected, Err(ConnectError::Option(OptionError::Unprotected { .. }))));
        let stream = ctx.stream().plain("ann", "secret").build().map(drop);
        let option = SocketOption::PLAIN_USERNAME;
        assert_eq!(stream, Err(OptionError::DoesNotApply { option, socket_type: SocketType::Stream }));
        let long = ctx.pull().plain("ann", [0; 256]).build().map(drop);
        assert!(matches!(long, Err(OptionError::OutOfRange { option: SocketOption::PLAIN_PASSWORD, .. })));
    });
}

#[test]
fn a_password_is_not_printed() {
    in_shared(async |ctx: Context| {
        let builder = ctx.pull().plain("ann", "hunter2");
        assert!(!format!("{builder:?}").contains("hunter2"));
    });
}
