//! What each option takes and gives, where it is not what one would think.

use crate::c::{
    Ctx, DGRAM, DISH, LINGER, PUB, PULL, PUSH, REP, REQ, ROUTER, ROUTING_ID, STREAM, SUB, SUBSCRIBE, Sock, XPUB, XSUB,
};

const REFUSED: Result<(), i32> = Err(libc::EINVAL);
/// XPUB_VERBOSE, XPUB_MANUAL, XPUB_VERBOSER, XPUB_MANUAL_LAST_VALUE, ONLY_FIRST_SUBSCRIBE.
const OF_XPUB: [i32; 5] = [40, 71, 78, 98, 108];
/// ROUTER_MANDATORY, ROUTER_RAW, PROBE_ROUTER, ROUTER_HANDOVER, ROUTER_NOTIFY.
const OF_ROUTER: [i32; 5] = [33, 41, 51, 56, 97];
const XPUB_WELCOME_MSG: i32 = 72;
const CONNECT_ROUTING_ID: i32 = 61;
const ROUTER_NOTIFY: i32 = 97;
const CURVE_SERVER: i32 = 47;
const CURVE_PUBLICKEY: i32 = 48;
const PLAIN_USERNAME: i32 = 45;
const ZAP_DOMAIN: i32 = 55;
const BINDTODEVICE: i32 = 92;

#[test]
fn a_pub_takes_those_of_an_xpub() {
    let ctx = Ctx::new();
    for option in OF_XPUB {
        assert_eq!(ctx.socket(PUB).set_int(option, 1), Ok(()), "{option}");
        assert_eq!(ctx.socket(PUB).set_int(option, -1), REFUSED, "{option}");
        assert_eq!(ctx.socket(PUSH).set_int(option, 1), REFUSED, "{option}");
    }
    let (publisher, subscriber) = (ctx.socket(PUB), ctx.socket(SUB));
    publisher.set(XPUB_WELCOME_MSG, b"welcome").expect("it has it");
    subscriber.set(SUBSCRIBE, b"w").expect("it has it");
    subscriber.connect(&publisher.bind("tcp://127.0.0.1:*")).expect("valid");
    assert_eq!(subscriber.recv_all(), Ok(vec![b"welcome".to_vec()]), "it acts");
}

#[test]
fn a_rep_takes_those_of_a_router_and_answers_all_the_same() {
    let ctx = Ctx::new();
    let (rep, req) = (ctx.socket(REP), ctx.socket(REQ));
    for option in OF_ROUTER {
        assert_eq!(rep.set_int(option, 1), Ok(()), "{option}");
        assert_eq!(rep.set_int(option, -1), REFUSED, "{option}");
        assert_eq!(ctx.socket(PUSH).set_int(option, 1), REFUSED, "{option}");
    }
    assert_eq!((rep.set(CONNECT_ROUTING_ID, b"x"), ctx.socket(PUSH).set(CONNECT_ROUTING_ID, b"x")), (Ok(()), REFUSED));
    assert_eq!((rep.get_int(ROUTER_NOTIFY), req.get_int(ROUTER_NOTIFY)), (Ok(1), Ok(0)));
    req.connect(&rep.bind("tcp://127.0.0.1:*")).expect("valid");
    req.send(b"q", 0).expect("its turn");
    rep.recv_all().expect("received");
    rep.send(b"a", 0).expect("its turn");
    assert_eq!(req.recv_all(), Ok(vec![b"a".to_vec()]));
}

#[test]
fn numbers_beyond_what_they_mean() {
    let ctx = Ctx::new();
    let push = ctx.socket(PUSH);
    let taken = |option, number| (push.set_int(option, number), push.get_int(option));
    let (affinity, heartbeat_ttl, heartbeat_timeout, reconnect_stop) = (4, 76, 77, 109);
    assert_eq!(push.set(affinity, &u64::MAX.to_ne_bytes()), Ok(()), "all threads");
    assert_eq!(push.get(affinity, 8), Ok(u64::MAX.to_ne_bytes().to_vec()));
    push.bind("tcp://127.0.0.1:*");
    assert_eq!(taken(heartbeat_ttl, -1), (Ok(()), Ok(0)), "it counts hundreds");
    assert_eq!(push.set_int(heartbeat_ttl, -100), REFUSED);
    assert_eq!(taken(heartbeat_timeout, -1), (REFUSED, Ok(-1)));
    for bits in [-1, 8, i32::MAX, 1] {
        assert_eq!(taken(reconnect_stop, bits), (Ok(()), Ok(bits)));
    }
    let xsub_verbose_unsubscribe = 115;
    for any in [-1, 0, 7] {
        assert_eq!(ctx.socket(XSUB).set_int(xsub_verbose_unsubscribe, any), Ok(()));
    }
}

#[test]
fn switches_that_take_any_number_give_0_or_1() {
    let ctx = Ctx::new();
    let (invert_matching, loopback_fastpath, multicast_loop) = (74, 94, 96);
    for option in [invert_matching, loopback_fastpath, multicast_loop] {
        for (number, told) in [(7, 1), (-1, 1), (0, 0)] {
            for kind in [PUB, PULL, DGRAM] {
                let socket = ctx.socket(kind);
                assert_eq!((socket.set_int(option, number), socket.get_int(option)), (Ok(()), Ok(told)), "{option}");
            }
        }
    }
}

#[test]
fn those_who_only_subscribe_do_not_linger() {
    let ctx = Ctx::new();
    let linger = |kind| ctx.try_socket(kind).expect("a socket").get_int(LINGER);
    assert_eq!([SUB, XSUB, DISH].map(linger), [Ok(0); 3]);
    assert_eq!([PUB, XPUB, PUSH, REQ, ROUTER].map(linger), [Ok(-1); 5]);
}

#[test]
fn texts_and_keys() {
    let ctx = Ctx::new();
    let push = ctx.socket(PUSH);
    assert_eq!(push.set(PLAIN_USERNAME, b"\xff\xfe"), Ok(()), "any bytes");
    assert_eq!(push.get(PLAIN_USERNAME, 255), Ok(b"\xff\xfe\0".to_vec()));
    for option in [CURVE_PUBLICKEY, CURVE_PUBLICKEY + 1, CURVE_PUBLICKEY + 2, ZAP_DOMAIN] {
        assert_eq!(push.set_null(option, 0), REFUSED, "{option}");
    }
    assert_eq!((push.set(BINDTODEVICE, &[b'x'; 16]), push.set(BINDTODEVICE, &[b'x'; 17])), (Ok(()), REFUSED));
}

#[test]
fn who_has_no_mechanism_keeps_the_keys() {
    let ctx = Ctx::new();
    let hello = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    for kind in [STREAM, DGRAM] {
        let socket = ctx.socket(kind);
        assert_eq!((socket.set_int(CURVE_SERVER, 1), socket.get_int(CURVE_SERVER)), (Ok(()), Ok(1)));
        assert_eq!(socket.get(CURVE_PUBLICKEY, 32), Ok(vec![0; 32]));
        assert_eq!((socket.set(CURVE_PUBLICKEY, hello), socket.set(CURVE_PUBLICKEY, b"x")), (Ok(()), REFUSED));
        assert_eq!(socket.get(CURVE_PUBLICKEY, 41), Ok([&hello[..], b"\0"].concat()));
    }
}

/// -1 as a user is no user, not everybody.
#[test]
fn a_filter_of_ids_is_cleared_by_nothing_only() {
    let ctx = Ctx::new();
    let (ipc_filter_uid, tcp_accept_filter) = (59, 38);
    let path = format!("ipc://@monocoque-filter-{}", std::process::id());
    let came = |pull: &Sock<'_>| {
        let push = ctx.socket(PUSH);
        push.connect(&pull.last_endpoint()).expect("valid");
        push.send(b"x", 0).expect("queued");
        pull.recv_within(200, 0).map(|(body, _)| body)
    };
    let pull = ctx.socket(PULL);
    pull.set_int(ipc_filter_uid, -1).expect("a user");
    pull.bind(&path);
    assert_eq!(came(&pull), Err(libc::EAGAIN), "nobody may come in");
    let open = ctx.socket(PULL);
    open.set_int(ipc_filter_uid, -1).expect("a user");
    open.set_null(ipc_filter_uid, 0).expect("no users");
    open.bind(&format!("{path}-open"));
    assert_eq!(came(&open), Ok(b"x".to_vec()));
    assert_eq!((open.set(ipc_filter_uid, b""), open.set(tcp_accept_filter, b"")), (REFUSED, REFUSED));
}

#[test]
fn a_number_is_read_into_just_its_room() {
    let ctx = Ctx::new();
    let router = ctx.socket(ROUTER);
    let (type_, sndhwm, maxmsgsize, rcvmore, events, thread_safe) = (16, 23, 22, 13, 15, 81);
    for number in [type_, sndhwm, LINGER, ROUTER_NOTIFY] {
        assert_eq!((router.get(number, 8), router.get(number, 3)), (Err(libc::EINVAL), Err(libc::EINVAL)), "{number}");
        assert!(router.get(number, 4).is_ok());
    }
    assert_eq!((router.get(maxmsgsize, 16), router.get(maxmsgsize, 8)), (Err(libc::EINVAL), Ok(vec![0xff; 8])));
    for of_the_socket in [rcvmore, events, thread_safe] {
        assert_eq!(router.get(of_the_socket, 8).map(|value| value.len()), Ok(4), "{of_the_socket}");
    }
    assert_eq!(router.get(ROUTING_ID, 255), Ok(vec![]));
}

#[test]
fn text_may_be_told_with_its_final_zero() {
    let ctx = Ctx::new();
    let pull = ctx.socket(PULL);
    let (tcp_accept_filter, socks_proxy) = (38, 68);
    assert_eq!(pull.set(tcp_accept_filter, b"127.0.0.1\0"), Ok(()));
    assert_eq!(pull.set(socks_proxy, b"127.0.0.1:1080\0"), Ok(()));
    assert_eq!(pull.get(socks_proxy, 64), Ok(b"127.0.0.1:1080\0".to_vec()));
}

#[test]
fn an_interval_of_reconnecting_is_kept_while_there_is_none() {
    let ctx = Ctx::new();
    let push = ctx.socket(PUSH);
    let (ivl, ivl_max) = (18, 21);
    push.set_int(ivl_max, 500).expect("taken");
    push.set_int(ivl, -1).expect("taken");
    assert_eq!((push.get_int(ivl), push.get_int(ivl_max)), (Ok(-1), Ok(500)));
    push.set_int(ivl_max, 700).expect("taken");
    push.set_int(ivl, 20).expect("taken");
    assert_eq!((push.get_int(ivl), push.get_int(ivl_max)), (Ok(20), Ok(700)));
}

#[test]
fn verboser_sets_what_verbose_does_too() {
    let ctx = Ctx::new();
    let (verbose, verboser) = (40, 78);
    let told = |settings: &[(i32, i32)]| {
        let (xpub, subs) = (ctx.socket(XPUB), [ctx.socket(XSUB), ctx.socket(XSUB)]);
        settings.iter().for_each(|&(option, on)| xpub.set_int(option, on).expect("taken"));
        xpub.bind("inproc://topics");
        for sub in &subs {
            sub.connect("inproc://topics").expect("bound");
            sub.send(b"\x01t", 0).expect("sent");
        }
        subs[0].send(b"\x01u", 0).expect("sent");
        std::iter::from_fn(|| xpub.recv(0).ok()).take_while(|(told, _)| told != b"\x01u").count()
    };
    assert_eq!([told(&[]), told(&[(verbose, 1)]), told(&[(verboser, 1)])], [1, 2, 2]);
    assert_eq!(told(&[(verbose, 1), (verboser, 0)]), 1);
}
