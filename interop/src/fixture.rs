//! What tests of one behaviour begin with: sockets of both libraries, where they meet, and many futures at once.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::Poll;
use std::time::Duration;

use monocoque::{BindError, Context, Kind, Message, Reconnect, Socket, SocketBuilder};
use tempfile::TempDir;

use crate::deadline::{PATIENCE, eventually, within};
use crate::ffi::{ZMQ_RCVTIMEO, ZMQ_RECONNECT_IVL};
use crate::zmq;

/// Loopback, and a port that the system chooses.
pub const LOOPBACK: &str = "tcp://127.0.0.1:*";

/// A wait for something that must *not* come, and so always runs out.
pub const SILENCE: Duration = Duration::from_millis(150);

/// Our socket with the options that every test wants: waits that end, and quick attempts to connect.
pub fn patient<K: Kind>(builder: SocketBuilder<K>) -> SocketBuilder<K> {
    let quick = Reconnect { first: Duration::from_millis(10), max: Duration::from_millis(50) };
    builder.recv_timeout(PATIENCE).send_timeout(PATIENCE).reconnect(quick)
}

/// Our socket of a builder, [`patient`], in the same context.
pub fn ours<K: Kind>(make: impl FnOnce(&Context) -> SocketBuilder<K>) -> Socket<K> {
    patient(make(&Context::new())).build().expect("the options fit")
}

/// Binds our socket, and says where.
pub fn bind<K: Kind>(socket: &Socket<K>, endpoint: &str) -> String {
    within(socket.bind(endpoint)).expect("bound").to_string()
}

/// Binds our socket as soon as the endpoint is free.
pub fn bind_again<K: Kind>(socket: &Socket<K>, endpoint: &str) {
    eventually("the endpoint is free", || match within(socket.bind(endpoint)) {
        Err(BindError::InUse { .. }) => None,
        bound => Some(bound.expect("bound")),
    });
}

/// Waits until our socket has `count` peers.
pub fn peers<K: Kind>(socket: &Socket<K>, count: usize) {
    assert!(socket.blocking().wait_for_peers_timeout(count, PATIENCE), "{} of {count} peers", socket.peers());
}

/// libzmq's socket in a context of its own, with quick attempts to connect.
pub fn theirs(kind: zmq::Kind) -> zmq::Socket {
    let socket = zmq::Context::new().and_then(|context| context.socket(kind)).expect("a socket");
    socket.set_int(ZMQ_RECONNECT_IVL, 10).expect("every type takes it");
    socket
}

/// libzmq's socket, bound; and where.
pub fn theirs_bound(kind: zmq::Kind, endpoint: &str) -> (zmq::Socket, String) {
    let socket = theirs(kind);
    rebind(&socket, endpoint);
    let real = socket.last_endpoint().expect("bound just now");
    (socket, real)
}

/// libzmq's socket, connected.
pub fn theirs_connected(kind: zmq::Kind, endpoint: &str) -> zmq::Socket {
    let socket = theirs(kind);
    socket.connect(endpoint).expect("the endpoint is sound");
    socket
}

/// Binds libzmq's socket as soon as the endpoint is free.
pub fn rebind(socket: &zmq::Socket, endpoint: &str) {
    eventually("the endpoint is free", || match socket.bind(endpoint) {
        Ok(()) => Some(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => None,
        Err(error) => panic!("{endpoint}: {error}"),
    });
}

/// Lets libzmq's socket take note of peers that have come, and tell them of its subscriptions, for a moment.
///
/// libzmq does that in calls on the socket only, so a test that waits for it keeps calling.
pub fn take_note(socket: &zmq::Socket) {
    socket.poll(0, 1).expect("not closed");
}

/// Receives through libzmq if something comes within `limit`.
pub fn their_recv_within(socket: &zmq::Socket, limit: Duration) -> Option<Message> {
    let limit_ms = i32::try_from(limit.as_millis()).expect("short");
    socket.set_int(ZMQ_RCVTIMEO, limit_ms).expect("every type takes it");
    let received = crate::party::recv(socket);
    socket.set_int(ZMQ_RCVTIMEO, zmq::TIMEOUT_MS).expect("every type takes it");
    match received {
        Ok(message) => Some(message),
        Err(error) if error.is_timeout() => None,
        Err(error) => panic!("{error}"),
    }
}

/// A tcp endpoint at which nobody listens, nor will: its loopback address is this call's own, so that no wildcard
/// port of another test can take it meanwhile.
pub fn vacant_port() -> String {
    static CALLS: AtomicU16 = AtomicU16::new(1);
    let [high, low] = CALLS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let process = 1 + (std::process::id() % 254) as u8;
    let listener = TcpListener::bind((Ipv4Addr::new(127, process, high, low), 0)).expect("a port");
    format!("tcp://{}", listener.local_addr().expect("bound just now"))
}

/// An ipc endpoint at which nobody listens, and its folder.
pub fn vacant_path() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = format!("ipc://{}/socket", folder.path().display());
    (folder, endpoint)
}

/// Runs all `futures` at once; their outputs in order.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, output) in running.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(done) = future.as_mut().poll(cx) {
                *output = Some(done);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
