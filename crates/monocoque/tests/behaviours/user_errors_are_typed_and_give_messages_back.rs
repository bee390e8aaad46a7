//! What a user does wrong is an error that says what, and a refused message is inside it.

use monocoque::{
    BindError, ConnectError, Context, EndpointError, EndpointNotFound, Message, OptionError, Routed, RoutingId,
    SendError, SocketOption, SocketType, Unrouted, local_runtime,
};

use crate::common::{IPC, TCP, everywhere, in_shared, inproc, poll_times, soon, watched};

#[test]
fn endpoints_that_are_none() {
    everywhere(async |ctx: Context| {
        let push = ctx.push().build().expect("valid");
        let bind = async |text: &str| match soon(push.bind(text)).await {
            Err(BindError::Endpoint(error)) => error,
            other => panic!("{text}: {other:?}"),
        };
        let connect = |text: &str| match push.connect(text) {
            Err(ConnectError::Endpoint(error)) => error,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(bind("carrier-pigeon://roof").await, EndpointError::UnknownTransport("carrier-pigeon".into()));
        assert_eq!(connect("carrier-pigeon://roof"), EndpointError::UnknownTransport("carrier-pigeon".into()));
        assert_eq!(connect("pgm://eth0"), EndpointError::TransportUnavailable("pgm".into()));
        assert_eq!(connect("127.0.0.1:80"), EndpointError::MissingScheme("127.0.0.1:80".into()));
        assert!(matches!(connect("tcp://*:80"), EndpointError::WildcardConnect { .. }));
        assert!(matches!(connect("tcp://127.0.0.1:0"), EndpointError::WildcardConnect { .. }));
        assert!(matches!(bind("tcp://127.0.0.1:1;127.0.0.1:2").await, EndpointError::SourceOnBind(_)));
        for text in ["tcp://127.0.0.1", "tcp://127.0.0.1:99999", "tcp://:80x", "ipc://", "inproc://"] {
            connect(text);
        }
        assert_eq!(push.peers(), 0);
    });
}

#[test]
fn an_endpoint_is_bound_once() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), inproc()] {
            let first = soon(ctx.pull().bind(&transport)).await.expect("free");
            let taken = first.last_endpoint().expect("bound").to_string();
            let second = ctx.pull().build().expect("valid");
            for socket in [&first, &second] {
                match soon(socket.bind(&taken)).await {
                    Err(BindError::InUse { endpoint }) => assert_eq!(endpoint, taken),
                    other => panic!("{other:?}"),
                }
            }
            let push = ctx.push().connect(&taken).expect("valid");
            soon(push.send("the first is as before")).await.expect("sent");
            soon(first.recv()).await.expect("received");
        }
    });
}

#[test]
fn an_address_that_is_not_ours_cannot_be_bound() {
    everywhere(async |ctx: Context| {
        let pull = ctx.pull().build().expect("valid");
        let monitor = pull.monitor();
        let error = soon(pull.bind("tcp://192.0.2.1:5555")).await.expect_err("a documentation address");
        assert!(matches!(error, BindError::Io { .. }), "{error:?}");
        assert!(matches!(monitor.try_recv(), Some(monocoque::Event::BindFailed { .. })));
        let folder = tempfile::tempdir().expect("a folder");
        let error = soon(pull.bind(format!("ipc://{}/no/such/folder", folder.path().display()))).await;
        assert!(matches!(error, Err(BindError::Io { .. })), "{error:?}");
    });
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    everywhere(async |ctx: Context| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("precious");
        std::fs::write(&path, "data").expect("written");
        let error = soon(ctx.pull().bind(format!("ipc://{}", path.display()))).await;
        assert!(matches!(error, Err(BindError::InUse { .. })), "{error:?}");
        assert_eq!(std::fs::read(&path).expect("still there"), b"data");
    });
}

#[test]
fn what_is_not_there_cannot_be_taken_off() {
    everywhere(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let other = "tcp://127.0.0.1:1";
        assert_eq!(pull.unbind(other), Err(EndpointNotFound(other.into())));
        assert_eq!(pull.disconnect(&endpoint), Err(EndpointNotFound(endpoint.clone())), "it is bound, not connected");
        assert_eq!(pull.unbind(&endpoint), Ok(()));
        assert_eq!(pull.unbind(&endpoint), Err(EndpointNotFound(endpoint.clone())));
    });
}

#[test]
fn a_mandatory_router_gives_back_what_has_no_route() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().router_mandatory(true).bind(TCP)).await.expect("free");
        let id = RoutingId::new("nobody").expect("valid");
        let message = Message::from(["two", "frames"]);
        let routed = Routed::new(id.clone(), message.clone());
        let refused = SendError::NoRoute(Box::new(Unrouted { message: routed.clone(), id: id.clone() }));
        assert_eq!(router.try_send(routed.clone()), Err(refused.clone()));
        assert_eq!(soon(router.send(routed.clone())).await, Err(refused.clone()));
        assert_eq!(refused.into_message(), routed);
        assert_eq!(router.drops().total(), 0);
        // The same through a socket of a type that is known at run time only.
        let router = ctx.socket(SocketType::Router).router_mandatory(true).bind(TCP);
        let router = soon(router).await.expect("free");
        let message = Message::from(["nobody", "two", "frames"]);
        let refused = SendError::NoRoute(Box::new(Unrouted { message: message.clone(), id }));
        assert_eq!(router.try_send(message), Err(refused));
        assert_eq!(router.try_send("no envelope"), Err(SendError::NoEnvelope(Box::new("no envelope".into()))));
    });
}

#[test]
fn options_that_do_not_apply_are_refused() {
    everywhere(async |ctx: Context| {
        let refused = |option| OptionError::DoesNotApply { option, socket_type: SocketType::Router };
        assert_eq!(ctx.router().conflate(true).build().err(), Some(refused(SocketOption::CONFLATE)));
        assert_eq!(ctx.router().relaxed(true).build().err(), Some(refused(SocketOption::REQ_RELAXED)));
        assert_eq!(ctx.router().xpub_verbose(true).build().err(), Some(refused(SocketOption::XPUB_VERBOSE)));
        assert_eq!(ctx.router().no_drop(true).build().err(), Some(refused(SocketOption::XPUB_NODROP)));
        let mandatory = ctx.push().router_mandatory(true).build().err();
        let socket_type = SocketType::Push;
        assert_eq!(mandatory, Some(OptionError::DoesNotApply { option: SocketOption::ROUTER_MANDATORY, socket_type }));
        assert!(matches!(soon(ctx.router().conflate(true).bind(TCP)).await, Err(BindError::Option(_))));
        assert!(matches!(ctx.router().conflate(true).connect(inproc()), Err(ConnectError::Option(_))));
    });
}

#[test]
fn identities_have_rules() {
    everywhere(async |ctx: Context| {
        for bad in [vec![b'x'; 256], vec![], b"\0reserved".to_vec()] {
            let error = ctx.dealer().identity(bad.clone()).build().expect_err("not allowed");
            assert!(
                matches!(error, OptionError::OutOfRange { option: SocketOption::ROUTING_ID, .. }),
                "{bad:?}: {error:?}"
            );
        }
        assert!(ctx.dealer().identity(vec![b'x'; 255]).build().is_ok());
        // The first one refused is told.
        let error = ctx.dealer().identity("").identity("good").build().expect_err("the first was refused");
        assert!(matches!(error, OptionError::OutOfRange { option: SocketOption::ROUTING_ID, .. }));
    });
}

#[test]
fn types_that_do_not_talk_are_told_so_over_inproc() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        match ctx.publisher().connect(&name) {
            Err(ConnectError::Incompatible { ours, theirs, endpoint }) => {
                assert_eq!((ours, theirs, endpoint), (SocketType::Pub, SocketType::Pull, name.clone()));
            }
            other => panic!("{other:?}"),
        }
        let push = ctx.push().connect(&name).expect("valid");
        push.try_send("still works").expect("room");
        assert_eq!(pull.try_recv(), Ok("still works".into()));
    });
}

#[test]
fn a_pair_has_one_peer() {
    in_shared(async |ctx: Context| {
        let pair = ctx.pair().connect("tcp://127.0.0.1:1").expect("valid");
        assert!(matches!(pair.connect("tcp://127.0.0.1:2"), Err(ConnectError::Busy(SocketType::Pair))));
        let name = inproc();
        let a = soon(ctx.pair().bind(&name)).await.expect("free");
        let b = ctx.pair().connect(&name).expect("valid");
        let c = ctx.pair().connect(&name);
        assert!(c.is_err() || c.is_ok_and(|c| c.peers() == 0), "the third is not let in");
        a.try_send("for b").expect("room");
        assert_eq!(b.try_recv(), Ok("for b".into()));
        let bound = soon(ctx.pair().bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (bound.last_endpoint().expect("bound").to_string(), bound.monitor());
        let _first = crate::common::raw::Raw::connect_as(&endpoint, "PAIR", b"");
        soon(bound.wait_for_peers(1)).await;
        let mut second = crate::common::raw::Raw::connect_as(&endpoint, "PAIR", b"");
        let reason = crate::common::event(&monitor, crate::common::handshake_failed).await;
        assert_eq!(reason, monocoque::DisconnectReason::Refused);
        second.until_closed();
    });
}

#[test]
fn a_socket_type_known_at_run_time_says_what_it_cannot_do() {
    everywhere(async |ctx: Context| {
        let pull = ctx.socket(SocketType::Pull).build().expect("valid");
        assert_eq!(pull.try_send("x"), Err(SendError::Unsupported(Box::new("x".into()))));
        assert_eq!(soon(pull.send("x")).await, Err(SendError::Unsupported(Box::new("x".into()))));
        let push = ctx.socket(SocketType::Push).build().expect("valid");
        assert_eq!(soon(push.recv()).await, Err(monocoque::RecvError::Unsupported));
    });
}

#[test]
fn a_local_context_needs_a_runtime() {
    assert!(Context::local().is_err());
}

#[test]
fn binding_on_a_runtime_that_ends_fails() {
    for endpoint in [TCP, "tcp://localhost:*", IPC] {
        for turns in [0, 1] {
            watched(move || {
                let runtime = local_runtime().expect("a runtime");
                let pull = runtime.enter(|| Context::local().expect("a runtime").pull().build().expect("valid"));
                let mut binding = Box::pin(pull.bind(endpoint));
                let asked = smol::block_on(poll_times(&mut binding, 1));
                assert!(asked.is_none(), "the runtime has not run");
                for _ in 0..turns {
                    runtime.block_on(smol::future::yield_now());
                }
                drop(runtime);
                let error = smol::block_on(soon(binding)).expect_err("nobody is there to bind");
                assert!(matches!(error, BindError::Context(_)), "{error:?}");
            });
        }
    }
}

#[test]
fn sockets_outlive_their_context() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
        drop(ctx);
        soon(push.send("hello")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await, Ok("hello".into()));
    });
}
