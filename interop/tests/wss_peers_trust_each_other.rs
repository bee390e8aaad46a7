//! WebSocket over TLS with libzmq, whose TLS is GnuTLS, whichever side binds.
#![cfg(zmq_wss)]

use std::sync::LazyLock;

use monocoque::{Any, Context, DisconnectReason, Event, Message, Socket, SocketType, TlsFault};
use monocoque_interop::cell::body;
use monocoque_interop::deadline::event;
use monocoque_interop::ffi::{ZMQ_WSS_CERT_PEM, ZMQ_WSS_HOSTNAME, ZMQ_WSS_KEY_PEM, ZMQ_WSS_TRUST_PEM};
use monocoque_interop::fixture::{bind, patient, theirs};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

const WSS: &str = "wss://127.0.0.1:*/zeromq";

struct Identity {
    certificate: String,
    key: String,
}

/// For the address and for a name: GnuTLS judges names only.
static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("made");
    Identity { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
});

fn our_dealer() -> Socket<Any> {
    let builder = patient(Context::new().socket(SocketType::Dealer));
    builder.tls_identity(&IDENTITY.certificate, &IDENTITY.key).tls_trust(&IDENTITY.certificate).build().expect("sound")
}

fn their_dealer() -> zmq::Socket {
    let dealer = theirs(Kind::Dealer);
    for (option, text) in [
        (ZMQ_WSS_CERT_PEM, &*IDENTITY.certificate),
        (ZMQ_WSS_KEY_PEM, &IDENTITY.key),
        (ZMQ_WSS_TRUST_PEM, &IDENTITY.certificate),
        (ZMQ_WSS_HOSTNAME, "localhost"),
    ] {
        dealer.set_bytes(option, text.as_bytes()).expect("taken");
    }
    dealer
}

fn talk(ours: &Socket<Any>, theirs: &zmq::Socket) {
    for message in [
        Message::from("a"),
        Message::new(),
        Message::multipart([body(100), body(0), body(70_000), body(16_384)]),
        Message::single(body(3_000_000)),
    ] {
        ours.blocking().send(message.clone()).expect("sent");
        assert!(party::recv(theirs).as_ref() == Ok(&message), "{message:?} arrives");
        let parts: Vec<&[u8]> = message.frames().iter().map(|frame| &frame[..]).collect();
        theirs.send_multipart(&parts).expect("sent");
        assert!(ours.blocking().recv().as_ref() == Ok(&message), "{message:?} comes back");
    }
}

#[test]
fn we_bind() {
    let (ours, theirs) = (our_dealer(), their_dealer());
    theirs.connect(&bind(&ours, WSS)).expect("sound");
    talk(&ours, &theirs);
}

#[test]
fn they_bind() {
    let (ours, theirs) = (our_dealer(), their_dealer());
    theirs.bind(WSS).expect("bound");
    ours.connect(theirs.last_endpoint().expect("bound")).expect("sound");
    talk(&ours, &theirs);
}

#[test]
fn a_certificate_that_is_not_trusted_is_not() {
    let theirs = their_dealer();
    theirs.bind(WSS).expect("bound");
    let ours = patient(Context::new().socket(SocketType::Dealer)).build().expect("sound");
    let monitor = ours.monitor();
    ours.connect(theirs.last_endpoint().expect("bound")).expect("sound");
    event(&monitor, "the handshake fails", |event| match event {
        Event::HandshakeFailed { reason: DisconnectReason::Tls(TlsFault::Certificate(_)), .. } => Some(()),
        _ => None,
    });
}
