//! STREAM, and RADIO, DISH and DGRAM over UDP: ours with libzmq's, either side first.

use std::time::Duration;

use monocoque::{Context, Message, SocketType};
use monocoque_interop::fixture::{their_recv_within, theirs};
use monocoque_interop::party::{Ours, Party, Shared, Theirs};
use monocoque_interop::zmq::Kind;

/// How long a datagram that may be lost is waited for before it is sent again.
const AGAIN: Duration = Duration::from_millis(100);
const UDP: &str = "udp://127.0.0.1:*";

/// All bytes of one peer until so many are there, and its routing id.
fn collect(party: &impl Party, bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let mut collected = Vec::new();
    loop {
        let message = party.recv();
        collected.extend_from_slice(message.last());
        if collected.len() >= bytes {
            return (message.first().to_vec(), collected);
        }
    }
}

/// An endpoint that nobody has now: libzmq does not tell which port it took.
fn vacant() -> String {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    format!("udp://{}", socket.local_addr().expect("bound"))
}

/// `hear_the_end` receives what the client has last, when the server was asked to close.
fn streams_talk(server: &impl Party, client: &impl Party, hear_the_end: impl Fn() -> Message) {
    let at = server.bind("tcp://127.0.0.1:*");
    client.connect(&at);
    let come = client.recv();
    assert_eq!((come.len(), come.last().len()), (2, 0), "told of the connection");
    let id = come.first().to_vec();
    client.send(Message::from([id.clone(), b"request".to_vec()]));
    assert_eq!(server.recv().last().len(), 0);
    let (asker, request) = collect(server, 7);
    assert_eq!(request, b"request");
    server.send(Message::from([asker.clone(), b"answer".to_vec()]));
    assert_eq!(collect(client, 6), (id, b"answer".to_vec()));
    server.send(Message::from([asker, Vec::new()]));
    assert_eq!(hear_the_end().last().len(), 0, "told of the end");
}

#[test]
fn our_stream_serves_theirs() {
    let client = Theirs::new(SocketType::Stream, "unused");
    streams_talk(&Shared::new(SocketType::Stream, "unused"), &client, || client.recv());
}

#[test]
fn their_stream_serves_ours() {
    let (server, client) = (Theirs::new(SocketType::Stream, "unused"), Shared::new(SocketType::Stream, "unused"));
    streams_talk(&server, &client, || {
        // libzmq's socket closes the connection when it is called after its I/O thread is ready for that.
        let ends = std::iter::repeat_with(|| {
            server.take_note();
            client.recv_within(AGAIN)
        });
        ends.take(200).flatten().next().expect("told within 20 seconds")
    });
}

/// Until it arrives: the first datagrams may come before the other side is there.
fn arrives(send: impl Fn(), recv: impl Fn() -> Option<Message>) -> Message {
    for _ in 0..100 {
        send();
        if let Some(message) = recv() {
            return message;
        }
    }
    panic!("no datagram arrived");
}

/// What `socket` received within the limit, if anything did.
fn ours_within(socket: &monocoque::Socket<monocoque::Any>) -> Option<Message> {
    monocoque::block_on_timeout(socket.recv(), AGAIN).and_then(Result::ok)
}

#[test]
fn our_radio_reaches_their_dish() {
    let dish = theirs(Kind::Dish);
    dish.join("news").expect("short");
    let at = vacant();
    dish.bind(&at).expect("free");
    let ctx = Context::new();
    let radio = ctx.socket(SocketType::Radio).connect(&at).expect("valid");
    let send = || radio.try_send(["news", "body"]).expect("sent");
    let received = arrives(send, || their_recv_within(&dish, AGAIN));
    assert_eq!(received, Message::from("body"));
}

#[test]
fn their_radio_reaches_our_dish() {
    let ctx = Context::new();
    let dish = ctx.socket(SocketType::Dish).build().expect("valid");
    dish.join("news").expect("short");
    let at = monocoque::block_on(dish.bind(UDP)).expect("free").to_string();
    let radio = theirs(Kind::Radio);
    radio.connect(&at).expect("sound");
    let send = || {
        let mut message = monocoque_interop::zmq::Message::from_slice(b"body").expect("memory");
        message.set_group("news").expect("short");
        radio.send_message(&mut message, false).expect("sent");
    };
    assert_eq!(arrives(send, || ours_within(&dish)), Message::from(["news", "body"]));
}

#[test]
fn dgrams_talk_both_ways() {
    let theirs = theirs(Kind::Dgram);
    let at = vacant();
    theirs.bind(&at).expect("free");
    let their_address = at.replace("udp://", "");
    let ctx = Context::new();
    let ours = monocoque::block_on(ctx.socket(SocketType::Dgram).bind(UDP)).expect("free");
    let our_address = ours.last_endpoint().expect("bound").to_string().replace("udp://", "");
    let to_them = || ours.try_send([&their_address, "ours"]).expect("sent");
    let received = arrives(to_them, || their_recv_within(&theirs, AGAIN));
    // libzmq shows a zero at the end of the text.
    assert_eq!(received, Message::from([format!("{our_address}\0").as_str(), "ours"]));
    let to_us = || theirs.send_multipart(&[our_address.as_bytes(), b"theirs"]).expect("sent");
    let received = arrives(to_us, || ours_within(&ours));
    assert_eq!(received, Message::from([&their_address, "theirs"]));
}
