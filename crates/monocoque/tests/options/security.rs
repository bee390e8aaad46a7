//! Who is talked to: seen by who gets in.

use monocoque::{
    Applicant, BindError, ConnectError, Context, Credentials, CurveKeys, DisconnectReason, DropCause, Event, Judging,
    NoVerdict, OptionError, OptionValue, PlainTable, SecretKey, SessionError, SocketOption, SocketType, Verdict,
    ZapRequest, new_secret_key,
};

use crate::Check;
use crate::common::raw::{Raw, greeting};
use crate::common::{TCP, event, eventually, handshake_failed, in_shared, soon, succeeded};

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::MECHANISM, mechanism),
    (SocketOption::PLAIN_SERVER, server_without_passwords),
    (SocketOption::PLAIN_USERNAME, credentials),
    (SocketOption::PLAIN_PASSWORD, credentials),
    (SocketOption::CURVE_SERVER, keys),
    (SocketOption::CURVE_PUBLICKEY, a_public_key_must_belong_to_its_secret),
    (SocketOption::CURVE_SECRETKEY, keys),
    (SocketOption::CURVE_SERVERKEY, keys),
    (SocketOption::ZAP_DOMAIN, domain),
    (SocketOption::ZAP_ENFORCE_DOMAIN, enforced_domain),
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
            (SocketOption::CURVE_SERVER, true.into()),
            (SocketOption::CURVE_SERVERKEY, vec![7; 32].into()),
            (SocketOption::CURVE_SECRETKEY, vec![7; 32].into()),
            (SocketOption::CURVE_PUBLICKEY, vec![7; 32].into()),
        ] {
            let number = if option < SocketOption::CURVE_SERVER { 1 } else { 2 };
            pair.set_option(option, value.clone()).expect("taken");
            assert_eq!(told(&pair), Ok(number.into()), "{option}");
            let off = if value == true.into() { false.into() } else { OptionValue::Unset };
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
        let pull = ctx.pull().option(SocketOption::PLAIN_SERVER, true).build().expect("valid");
        let monitor = pull.monitor();
        let endpoint = soon(pull.bind(TCP)).await.expect("bound").to_string();
        let _push = ctx.push().plain("ann", "secret").connect(endpoint).expect("sound");
        assert_eq!(failure(&monitor).await, SessionError::Unjudged(NoVerdict::NoHandler));
    });
}

async fn failure(monitor: &monocoque::Monitor) -> SessionError {
    match soon(event(monitor, handshake_failed)).await {
        DisconnectReason::Protocol(error) => error,
        other => panic!("{other}"),
    }
}

fn secret() -> SecretKey {
    new_secret_key().expect("random bytes")
}

fn keys() {
    in_shared(async |ctx: Context| {
        let (server, client) = (secret(), secret());
        let pull = ctx.pull().build().expect("valid");
        pull.set_option(SocketOption::CURVE_SERVER, true).expect("taken");
        let unset = soon(pull.bind(TCP)).await.map(drop);
        assert!(matches!(unset, Err(BindError::Option(OptionError::OutOfRange { .. }))), "a server has a key");
        pull.set_option(SocketOption::CURVE_SECRETKEY, server.to_z85().as_str()).expect("taken");
        let endpoint = soon(pull.bind(TCP)).await.expect("bound").to_string();
        let push = ctx.push().build().expect("valid");
        for bad in [&[7; 31][..], b"not Z85 at all, but as long as a key is "] {
            assert!(push.set_option(SocketOption::CURVE_SERVERKEY, bad).is_err());
        }
        push.set_option(SocketOption::CURVE_SERVERKEY, server.public().as_bytes().to_vec()).expect("taken");
        let unset = push.connect(&endpoint);
        assert!(matches!(unset, Err(ConnectError::Option(OptionError::OutOfRange { .. }))), "a client has a key");
        push.set_option(SocketOption::CURVE_SECRETKEY, client.expose().to_vec()).expect("taken");
        let monitor = push.monitor();
        push.connect(&endpoint).expect("sound");
        assert_eq!(soon(event(&monitor, succeeded)).await.mechanism, Some("CURVE"));
        soon(push.send("sealed")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await.expect("there"), "sealed".into());
    });
}

fn a_public_key_must_belong_to_its_secret() {
    in_shared(async |ctx: Context| {
        let (server, client) = (secret().public(), secret());
        let push = ctx.push().curve_client(server, client.clone()).build().expect("valid");
        assert_eq!(push.option(SocketOption::CURVE_PUBLICKEY), Ok(client.public().as_bytes().to_vec().into()));
        push.set_option(SocketOption::CURVE_PUBLICKEY, server.to_string()).expect("taken");
        let error = push.connect("tcp://127.0.0.1:9").expect_err("no pair");
        assert_eq!(error.to_string(), "option CURVE_PUBLICKEY: does not belong to CURVE_SECRETKEY");
    });
}

/// Answers the next request at `handler` with `verdict`, and gives it.
async fn answer_one(handler: &monocoque::Socket<monocoque::Rep>, verdict: Verdict) -> ZapRequest {
    let request = ZapRequest::parse(&soon(handler.recv()).await.expect("asked")).expect("sound");
    soon(handler.send(request.answer(&verdict))).await.expect("sent");
    request
}

fn domain() {
    in_shared(async |ctx: Context| {
        let handler = soon(ctx.rep().bind("inproc://zeromq.zap.01")).await.expect("free");
        let pull = ctx.dealer().identity("door").zap_domain("shop").build().expect("valid");
        let endpoint = soon(pull.bind(TCP)).await.expect("bound").to_string();
        let push = ctx.dealer().connect(endpoint).expect("sound");
        let asked = answer_one(&handler, Verdict::accept("ann")).await;
        assert_eq!((asked.domain.as_str(), &asked.identity[..]), ("shop", &b"door"[..]));
        assert_eq!(asked.applicant, Applicant::new("127.0.0.1", Credentials::Null));
        soon(push.send("let in")).await.expect("sent");
        let (message, peer) = soon(pull.recv_with_peer()).await.expect("there");
        assert_eq!((message, peer.expect("known").user_id.clone()), ("let in".into(), Some("ann".into())));
    });
}

#[test]
fn who_goes_before_it_is_judged_takes_its_request_with_it() {
    in_shared(async |ctx: Context| {
        let handler = soon(ctx.rep().bind("inproc://zeromq.zap.01")).await.expect("free");
        let pull = ctx.pull().zap_domain("shop").build().expect("valid");
        let endpoint = soon(pull.bind(TCP)).await.expect("bound").to_string();
        for _ in 0..3 {
            let mut stranger = Raw::connect(&endpoint);
            stranger.write(&greeting(1, "NULL"));
            eventually(|| handler.can_recv()).await;
            stranger.die();
            eventually(|| !handler.can_recv() && handler.peers() == 0).await;
        }
        assert_eq!(handler.drops().of(DropCause::PeerGone), 3);
    });
}

fn enforced_domain() {
    in_shared(async |ctx: Context| {
        for (enforced, domain, let_in) in [(false, "shop", true), (true, "shop", false), (true, "", true)] {
            let pull = ctx.pull().zap_domain(domain).zap_enforce_domain(enforced).build().expect("valid");
            let monitor = pull.monitor();
            let endpoint = soon(pull.bind(TCP)).await.expect("bound").to_string();
            let _push = ctx.push().connect(endpoint).expect("sound");
            if let_in {
                soon(event(&monitor, succeeded)).await;
            } else {
                assert_eq!(failure(&monitor).await, SessionError::Unjudged(NoVerdict::NoHandler));
            }
        }
    });
}

fn credentials() {
    in_shared(async |ctx: Context| {
        for (user, password) in [("ann", "guess"), ("eve", "secret"), ("ann", "")] {
            assert_eq!(
                refusals(ctx.pull().plain_server(true).authenticator(table()), user, password, &ctx).await,
                refused()
            );
        }
        let pull = soon(ctx.pull().plain_server(true).authenticator(table()).bind(TCP)).await.expect("bound");
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
        let judge = |applicant: Applicant| match applicant.credentials {
            Credentials::Plain { username, password } if username.iter().rev().eq(password.expose()) => {
                Judging::later(async { Verdict::accept("") })
            }
            _ => Verdict::deny().into(),
        };
        let rep = soon(ctx.rep().plain_server(true).authenticator(judge).bind(TCP)).await.expect("bound");
        let req = ctx.req().plain("ann", "nna").connect(rep.last_endpoint().expect("bound").to_string());
        let req = req.expect("sound");
        soon(req.send("asked")).await.expect("sent");
        assert_eq!(soon(rep.recv()).await.expect("there"), "asked".into());
    });
}

#[test]
fn a_peer_without_security_is_refused_and_told_apart_from_nobody() {
    in_shared(async |ctx: Context| {
        let pull = ctx.pull().plain_server(true).authenticator(table()).build().expect("valid");
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
fn keys_are_changed_while_a_server_runs() {
    in_shared(async |ctx: Context| {
        let (old, new) = (secret(), secret());
        let keys = CurveKeys::from(old.clone());
        let pull = soon(ctx.pull().curve_server(keys.clone()).bind(TCP)).await.expect("bound");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let push = ctx.push().curve_client(old.public(), secret()).connect(&endpoint).expect("sound");
        soon(push.send("by the old")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await.expect("there"), "by the old".into());
        keys.replace([new.clone()]);
        let later = ctx.push().curve_client(new.public(), secret()).connect(&endpoint).expect("sound");
        soon(later.send("by the new")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await.expect("there"), "by the new".into());
        soon(push.send("still there")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await.expect("there"), "still there".into());
    });
}

#[test]
fn a_password_is_not_printed() {
    in_shared(async |ctx: Context| {
        let builder = ctx.pull().plain("ann", "hunter2");
        assert!(!format!("{builder:?}").contains("hunter2"));
    });
}
