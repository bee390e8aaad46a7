//! A peer of ZMTP 3.0 subscribes with messages that begin with 1 or 0, and is subscribed to in the same way; one
//! of 3.1 uses commands. Spoken byte by byte, since libzmq 4.3.5 is always 3.1.

use std::io::{Read, Write};
use std::net::TcpStream;

use monocoque::Message;
use monocoque_interop::deadline::{PATIENCE, within};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, peers};

const MORE: u8 = 1;
const COMMAND: u8 = 4;

/// A peer on a bare socket, its handshake done.
struct Peer(TcpStream);

impl Peer {
    fn connect(endpoint: &str, minor: u8, socket_type: &str) -> Self {
        let stream = TcpStream::connect(endpoint.strip_prefix("tcp://").expect("tcp")).expect("accepted");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut peer = Self(stream);
        let mut greeting = [0; 64];
        greeting[..12].copy_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, minor]);
        greeting[12..16].copy_from_slice(b"NULL");
        peer.0.write_all(&greeting).expect("sent");
        peer.0.read_exact(&mut greeting).expect("a greeting");
        assert_eq!((greeting[0], greeting[9], greeting[10]), (0xff, 0x7f, 3));
        let size = (socket_type.len() as u32).to_be_bytes();
        let ready = [&b"\x05READY\x0bSocket-Type"[..], &size, socket_type.as_bytes()].concat();
        peer.send(COMMAND, &ready);
        let (flags, body) = peer.recv();
        assert_eq!((flags, &body[..6]), (COMMAND, &b"\x05READY"[..]));
        peer
    }

    fn send(&mut self, flags: u8, body: &[u8]) {
        let len = u8::try_from(body.len()).expect("short");
        self.0.write_all(&[&[flags, len], body].concat()).expect("sent");
    }

    fn recv(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a frame");
        let mut body = vec![0; head[1].into()];
        self.0.read_exact(&mut body).expect("its body");
        (head[0], body)
    }
}

#[test]
fn to_our_publisher() {
    let xpub = ours(|ctx| ctx.xpub());
    let mut peer = Peer::connect(&bind(&xpub, LOOPBACK), 0, "SUB");
    peer.send(0, b"\x01topic");
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{1}topic")));
    for text in ["other", "topic and more"] {
        xpub.blocking().send([text, "part"]).expect("sent");
    }
    assert_eq!(peer.recv(), (MORE, b"topic and more".to_vec()));
    assert_eq!(peer.recv(), (0, b"part".to_vec()));
    peer.send(0, b"\0topic");
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{0}topic")));
    assert_eq!(xpub.subscribers(), 0);
}

#[test]
fn commands_to_our_publisher() {
    let publisher = ours(|ctx| ctx.publisher());
    let mut peer = Peer::connect(&bind(&publisher, LOOPBACK), 1, "SUB");
    peer.send(COMMAND, b"\x09SUBSCRIBEtopic");
    within(publisher.wait_for_subscribers(1));
    publisher.blocking().send("topic").expect("sent");
    assert_eq!(peer.recv(), (0, b"topic".to_vec()));
}

#[test]
fn from_our_subscriber() {
    for (minor, subscribe, cancel, flags) in
        [(0, &b"\x01topic"[..], &b"\0topic"[..], 0), (1, &b"\x09SUBSCRIBEtopic"[..], &b"\x06CANCELtopic"[..], COMMAND)]
    {
        let sub = ours(|ctx| ctx.subscriber());
        sub.subscribe("topic");
        let mut peer = Peer::connect(&bind(&sub, LOOPBACK), minor, "PUB");
        assert_eq!(peer.recv(), (flags, subscribe.to_vec()));
        peers(&sub, 1);
        peer.send(0, b"topic of 3.0");
        assert_eq!(sub.blocking().recv(), Ok(Message::from("topic of 3.0")));
        sub.unsubscribe("topic");
        assert_eq!(peer.recv(), (flags, cancel.to_vec()));
    }
}
