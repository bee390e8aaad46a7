//! UDP: RADIO and DISH, unicast and multicast, and DGRAM with programs that know nothing of ZeroMQ.

use std::net::{SocketAddr, UdpSocket};

use monocoque::{BindError, ConnectError, Context, DropCause, Endpoint, Event, Group, SendError, SocketType};

use crate::common::{PATIENCE, QUICK, event, eventually, everywhere, in_shared, soon};

const UDP: &str = "udp://127.0.0.1:*";

fn group(name: &str) -> Group {
    Group::new(name).expect("short")
}

fn address(endpoint: &Endpoint) -> SocketAddr {
    endpoint.to_string().trim_start_matches("udp://").parse().expect("an address")
}

fn plain() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("open");
    socket
}

#[test]
fn a_dish_receives_the_groups_that_it_joined() {
    everywhere(async |ctx: Context| {
        let dish = ctx.dish().build().expect("valid");
        dish.join("news").expect("short");
        let at = soon(dish.bind(UDP)).await.expect("free");
        let radio = ctx.radio().connect(at.to_string()).expect("valid");
        for name in ["sport", "news"] {
            soon(radio.send((group(name), name))).await.expect("sent");
        }
        assert_eq!(soon(dish.recv()).await, Ok((group("news"), "news").into()));
        assert_eq!(dish.drops().of(DropCause::Unsubscribed), 1);
        dish.join("sport").expect("short");
        soon(radio.send((group("sport"), "later"))).await.expect("sent");
        assert_eq!(soon(dish.recv()).await, Ok((group("sport"), "later").into()));
    });
}

#[test]
fn on_the_wire_it_is_the_group_and_the_body() {
    everywhere(async |ctx: Context| {
        let peer = plain();
        let to = peer.local_addr().expect("bound");
        let radio = ctx.radio().connect(format!("udp://{to}")).expect("valid");
        soon(radio.send((group("news"), "body"))).await.expect("sent");
        let received = smol::unblock(move || {
            let mut bytes = [0; 100];
            let (len, _) = peer.recv_from(&mut bytes).expect("there");
            bytes[..len].to_vec()
        });
        assert_eq!(soon(received).await, b"\x04newsbody");
    });
}

#[test]
fn multicast_reaches_every_member_of_the_group_address() {
    in_shared(async |ctx: Context| {
        // What a machine without a multicast route refuses cannot be shown there.
        let at = "udp://127.0.0.1;239.255.77.7:*";
        let first = ctx.dish().build().expect("valid");
        first.join("g").expect("short");
        let Ok(bound) = soon(first.bind(at)).await else { return };
        let port = address(&bound).port();
        let at = format!("udp://127.0.0.1;239.255.77.7:{port}");
        let second = ctx.dish().build().expect("valid");
        second.join("g").expect("short");
        soon(second.bind(&at)).await.expect("members share the port");
        let radio = ctx.radio().connect(&at).expect("valid");
        soon(radio.send((group("g"), "to all"))).await.expect("sent");
        for dish in [&first, &second] {
            assert_eq!(soon(dish.recv()).await, Ok((group("g"), "to all").into()));
        }
    });
}

#[test]
fn a_dgram_talks_with_any_program() {
    everywhere(async |ctx: Context| {
        let dgram = soon(ctx.dgram().bind(UDP)).await.expect("free");
        let at = address(&dgram.last_endpoint().expect("bound"));
        let peer = plain();
        let from = peer.local_addr().expect("bound");
        peer.send_to(b"hello", at).expect("sent");
        let received = soon(dgram.recv()).await.expect("received");
        assert_eq!((received.address, received.message), (from, "hello".into()));
        soon(dgram.send((from, "and back"))).await.expect("sent");
        let back = smol::unblock(move || {
            let mut bytes = [0; 100];
            let (len, from) = peer.recv_from(&mut bytes).expect("there");
            (bytes[..len].to_vec(), from)
        });
        assert_eq!(soon(back).await, (b"and back".to_vec(), at));
    });
}

#[test]
fn two_dgrams_exchange_many() {
    everywhere(async |ctx: Context| {
        let [a, b] = [ctx.dgram().build().expect("valid"), ctx.dgram().build().expect("valid")];
        let to_a = address(&soon(a.bind(UDP)).await.expect("free"));
        let to_b = address(&soon(b.bind(UDP)).await.expect("free"));
        for n in 0..500u32 {
            soon(a.send((to_b, n.to_string()))).await.expect("sent");
            let received = soon(b.recv()).await.expect("received");
            assert_eq!((received.address, received.message), (to_a, n.to_string().into()));
        }
    });
}

#[test]
fn what_cannot_go_is_refused_or_counted() {
    in_shared(async |ctx: Context| {
        let dgram = soon(ctx.dgram().bind(UDP)).await.expect("free");
        let to = plain().local_addr().expect("bound");
        let parts = dgram.try_send((to, ["two", "frames"]));
        assert!(matches!(parts, Err(SendError::Parts(_))), "{parts:?}");
        let any = soon(ctx.socket(SocketType::Dgram).bind(UDP)).await.expect("free");
        assert!(any.try_send(["nowhere", "x"]).is_err(), "an address is a number and a port");
        soon(dgram.send((to, vec![7; 65_508]))).await.expect("queued");
        eventually(|| dgram.drops().of(DropCause::Undeliverable) == 1).await;
        let dish = ctx.dish().build().expect("valid");
        let at = address(&soon(dish.bind(UDP)).await.expect("free"));
        plain().send_to(b"\x09short", at).expect("sent");
        eventually(|| dish.drops().of(DropCause::Unexpected) == 1).await;
    });
}

#[test]
fn a_full_queue_drops_and_counts() {
    in_shared(async |ctx: Context| {
        let dgram = soon(ctx.dgram().recv_hwm(monocoque::Hwm::messages(10)).bind(UDP)).await.expect("free");
        let at = address(&dgram.last_endpoint().expect("bound"));
        let peer = plain();
        for _ in 0..20 {
            peer.send_to(b"x", at).expect("sent");
        }
        eventually(|| dgram.drops().of(DropCause::Full) == 10).await;
        for _ in 0..10 {
            soon(dgram.recv()).await.expect("kept");
        }
    });
}

#[test]
fn only_these_types_and_ways_use_udp() {
    everywhere(async |ctx: Context| {
        for kind in SocketType::ALL {
            let socket = ctx.socket(kind).build().expect("valid");
            let bound = soon(socket.bind(UDP)).await;
            let binds = matches!(kind, SocketType::Dish | SocketType::Dgram);
            assert_eq!(matches!(bound, Err(BindError::Transport(_))), !binds, "{kind}");
            let connected = socket.connect("udp://127.0.0.1:9");
            let connects = kind == SocketType::Radio;
            assert_eq!(matches!(connected, Err(ConnectError::Transport(_))), !connects, "{kind}");
        }
        let dgram = ctx.dgram().build().expect("valid");
        assert!(matches!(soon(dgram.bind("tcp://127.0.0.1:*")).await, Err(BindError::Transport(_))));
    });
}

#[test]
fn endpoints_close_and_say_so() {
    everywhere(async |ctx: Context| {
        let dgram = ctx.dgram().build().expect("valid");
        let at = soon(dgram.bind(UDP)).await.expect("free").to_string();
        assert!(soon(ctx.dgram().bind(&at)).await.is_err(), "it is taken");
        dgram.unbind(&at).expect("bound");
        eventually(|| dgram.peers() == 0).await;
        soon(async {
            while ctx.dgram().bind(&at).await.is_err() {
                smol::future::yield_now().await;
            }
        })
        .await;
        for comes_back in [true, false] {
            let radio = if comes_back { ctx.radio().reconnect(QUICK) } else { ctx.radio().no_reconnect() };
            let radio = radio.linger_forever().build().expect("valid");
            let monitor = radio.monitor();
            radio.connect("udp://no-such-host.invalid:9").expect("looked up later");
            if comes_back {
                // Twice, so that it is seen to go on.
                for _ in 0..2 {
                    event(&monitor, |event| matches!(event, Event::ConnectRetried { .. }).then_some(())).await;
                }
            } else {
                event(&monitor, |event| matches!(event, Event::ConnectGivenUp { .. }).then_some(())).await;
                eventually(|| radio.peers() == 0).await;
            }
            assert_eq!(soon(radio.close()).await.undelivered, 0);
        }
    });
}
