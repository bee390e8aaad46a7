//! A socket of either library behind one trait, so that what two sockets say is written once.

use std::cell::Cell;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use monocoque::{Any, Context, Message, RoutingId, Socket, SocketType, local_runtime};

use crate::deadline::{PATIENCE, attempt, within};
use crate::ffi::{ZMQ_ROUTING_ID, ZMQ_SUBSCRIBE};
use crate::zmq::{self, Kind};

/// A socket at one end. Every method that waits panics when [`PATIENCE`] runs out, or libzmq's time-out.
pub trait Party {
    /// Binds, and says where.
    fn bind(&self, endpoint: &str) -> String;
    /// Connects.
    fn connect(&self, endpoint: &str);
    /// Connects, and says what the PEER there is called from now on.
    fn connect_peer(&self, endpoint: &str) -> RoutingId;
    /// Subscribes, as a SUB does, or joins a group, as a DISH does.
    fn subscribe(&self, topic: &[u8]);
    /// Sends; a message of a ROUTER, SERVER or PEER begins with a routing id, one of a RADIO with a group.
    fn send(&self, message: Message);
    /// Receives, likewise; a DISH shows the group.
    fn recv(&self) -> Message;
}

/// A [`Party`] of Monocoque's, which can be asked for more.
pub trait Ours: Party {
    /// Waits for one peer.
    fn wait_for_peer(&self);
    /// Waits for one subscriber for at most `limit`; whether it came.
    fn has_subscriber_within(&self, limit: Duration) -> bool;
    /// Receives if something comes within `limit`.
    fn recv_within(&self, limit: Duration) -> Option<Message>;
}

fn subscribe(socket: &Socket<Any>, topic: &[u8]) {
    if socket.socket_type() == SocketType::Dish {
        assert!(socket.join(topic).expect("a short name"), "joined before");
    } else {
        socket.subscribe(topic);
    }
}

/// Monocoque in shared placement, used from a plain thread.
#[derive(Debug)]
pub struct Shared {
    socket: Socket<Any>,
    // Dropped after the socket: waits for it to close.
    _context: Context,
}

impl Shared {
    /// A socket in a context of its own, called `identity`.
    pub fn new(socket_type: SocketType, identity: &str) -> Self {
        let context = Context::new();
        let builder = context.socket(socket_type).identity(identity).recv_timeout(PATIENCE).send_timeout(PATIENCE);
        Self { socket: builder.build().expect("the options fit every type"), _context: context }
    }
}

impl Party for Shared {
    fn bind(&self, endpoint: &str) -> String {
        within(self.socket.bind(endpoint)).expect("bound").to_string()
    }

    fn connect(&self, endpoint: &str) {
        self.socket.connect(endpoint).expect("the endpoint is sound");
    }

    fn connect_peer(&self, endpoint: &str) -> RoutingId {
        self.socket.connect_peer(endpoint).expect("the endpoint is sound")
    }

    fn subscribe(&self, topic: &[u8]) {
        subscribe(&self.socket, topic);
    }

    fn send(&self, message: Message) {
        self.socket.blocking().send(message).expect("sent in time");
    }

    fn recv(&self) -> Message {
        self.socket.blocking().recv().expect("a message in time")
    }
}

impl Ours for Shared {
    fn wait_for_peer(&self) {
        assert!(self.socket.blocking().wait_for_peers_timeout(1, PATIENCE), "no peer came");
    }

    fn has_subscriber_within(&self, limit: Duration) -> bool {
        attempt(limit, self.socket.wait_for_subscribers(1)).is_some()
    }

    fn recv_within(&self, limit: Duration) -> Option<Message> {
        attempt(limit, self.socket.recv()).map(|message| message.expect("not closed"))
    }
}

/// What a [`Local`] socket's thread is asked.
#[derive(Debug)]
enum Call {
    Bind(String),
    Connect(String),
    ConnectPeer(String),
    Subscribe(Vec<u8>),
    Send(Message),
    Recv,
    WaitForPeer,
    WaitForSubscriber,
}

/// What it answers.
#[derive(Debug)]
enum Answer {
    Done,
    Bound(String),
    Named(RoutingId),
    Received(Message),
}

/// Monocoque in local placement: a thread with a compio runtime of its own, which does as it is called to.
#[derive(Debug)]
pub struct Local {
    calls: Sender<Call>,
    answers: mpsc::Receiver<Answer>,
    /// A call was not answered in time, and still will be.
    called: Cell<bool>,
}

impl Local {
    /// A socket in a context of its own, called `identity`.
    pub fn new(socket_type: SocketType, identity: &str) -> Self {
        let (calls, inbox) = async_channel::unbounded();
        let (outbox, answers) = mpsc::channel();
        let identity = identity.to_owned();
        thread::spawn(move || {
            let runtime = local_runtime().expect("a runtime can be had");
            runtime.block_on(serve(socket_type, &identity, inbox, outbox));
        });
        Self { calls, answers, called: Cell::new(false) }
    }

    fn post(&self, call: Call) {
        self.calls.try_send(call).expect("the thread listens");
    }

    fn call(&self, call: Call) -> Answer {
        self.post(call);
        self.answers.recv_timeout(PATIENCE).expect("an answer in time")
    }

    /// Calls, or goes on waiting for the answer to a call like this that was not answered in time.
    fn call_within(&self, limit: Duration, call: Call) -> Option<Answer> {
        if !self.called.replace(true) {
            self.post(call);
        }
        match self.answers.recv_timeout(limit) {
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            answer => {
                self.called.set(false);
                Some(answer.expect("the thread lives"))
            }
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.calls.close();
        // Ends, with an error, when the thread has closed its socket and gone.
        while !thread::panicking() && self.answers.recv_timeout(PATIENCE).is_ok() {}
    }
}

async fn serve(socket_type: SocketType, identity: &str, inbox: Receiver<Call>, outbox: mpsc::Sender<Answer>) {
    let context = Context::local().expect("this thread runs a runtime");
    let socket = context.socket(socket_type).identity(identity).build().expect("the option fits every type");
    while let Ok(call) = inbox.recv().await {
        // Whoever called may have given up: then there is nobody to tell.
        let _ = outbox.send(answer(&socket, call).await);
    }
    socket.close().await;
}

async fn answer(socket: &Socket<Any>, call: Call) -> Answer {
    match call {
        Call::Bind(endpoint) => return Answer::Bound(socket.bind(endpoint).await.expect("bound").to_string()),
        Call::Recv => return Answer::Received(socket.recv().await.expect("not closed")),
        Call::Connect(endpoint) => socket.connect(endpoint).expect("the endpoint is sound"),
        Call::ConnectPeer(endpoint) => {
            return Answer::Named(socket.connect_peer(endpoint).expect("the endpoint is sound"));
        }
        Call::Subscribe(topic) => subscribe(socket, &topic),
        Call::Send(message) => socket.send(message).await.expect("not closed"),
        Call::WaitForPeer => socket.wait_for_peers(1).await,
        Call::WaitForSubscriber => socket.wait_for_subscribers(1).await,
    }
    Answer::Done
}

impl Party for Local {
    fn bind(&self, endpoint: &str) -> String {
        match self.call(Call::Bind(endpoint.to_owned())) {
            Answer::Bound(endpoint) => endpoint,
            other => panic!("expected an endpoint, not {other:?}"),
        }
    }

    fn connect(&self, endpoint: &str) {
        self.call(Call::Connect(endpoint.to_owned()));
    }

    fn connect_peer(&self, endpoint: &str) -> RoutingId {
        match self.call(Call::ConnectPeer(endpoint.to_owned())) {
            Answer::Named(id) => id,
            other => panic!("expected a name, not {other:?}"),
        }
    }

    fn subscribe(&self, topic: &[u8]) {
        self.call(Call::Subscribe(topic.to_owned()));
    }

    fn send(&self, message: Message) {
        self.call(Call::Send(message));
    }

    fn recv(&self) -> Message {
        self.recv_within(PATIENCE).expect("a message in time")
    }
}

impl Ours for Local {
    fn wait_for_peer(&self) {
        self.call(Call::WaitForPeer);
    }

    fn has_subscriber_within(&self, limit: Duration) -> bool {
        self.call_within(limit, Call::WaitForSubscriber).is_some()
    }

    fn recv_within(&self, limit: Duration) -> Option<Message> {
        self.call_within(limit, Call::Recv).map(|answer| match answer {
            Answer::Received(message) => message,
            other => panic!("expected a message, not {other:?}"),
        })
    }
}

/// The libzmq socket type of the same name.
pub fn kind_of(socket_type: SocketType) -> Kind {
    let number = socket_type as i32;
    Kind::ALL.into_iter().find(|kind| *kind as i32 == number).expect("libzmq has every type of ours")
}

/// libzmq.
#[derive(Debug)]
pub struct Theirs(zmq::Socket, SocketType);

impl Theirs {
    /// A socket in a context of its own, called `identity`.
    pub fn new(socket_type: SocketType, identity: &str) -> Self {
        let context = zmq::Context::new().expect("a context");
        let socket = context.socket(kind_of(socket_type)).expect("a socket");
        socket.set_bytes(ZMQ_ROUTING_ID, identity.as_bytes()).expect("every type takes one");
        Self(socket, socket_type)
    }

    /// As [`fixture::take_note`](crate::fixture::take_note). A type of single frames cannot be polled; it is asked for a
    /// message, and has none.
    pub fn take_note(&self) {
        if self.1.is_single() {
            let received = crate::fixture::their_recv_within(&self.0, Duration::from_millis(1));
            return assert_eq!(received, None);
        }
        crate::fixture::take_note(&self.0);
    }
}

impl Party for Theirs {
    fn bind(&self, endpoint: &str) -> String {
        self.0.bind(endpoint).expect("bound");
        self.0.last_endpoint().expect("bound just now")
    }

    fn connect(&self, endpoint: &str) {
        self.0.connect(endpoint).expect("the endpoint is sound");
    }

    fn connect_peer(&self, endpoint: &str) -> RoutingId {
        RoutingId::generated(self.0.connect_peer(endpoint).expect("the endpoint is sound"))
    }

    fn subscribe(&self, topic: &[u8]) {
        match self.1 {
            SocketType::Dish => self.0.join(str::from_utf8(topic).expect("text")).expect("a DISH"),
            _ => self.0.set_bytes(ZMQ_SUBSCRIBE, topic).expect("a SUB"),
        }
    }

    /// What is not among the frames in libzmq goes beside the message.
    fn send(&self, mut message: Message) {
        if !self.1.is_single() {
            return send(&self.0, &message).expect("sent in time");
        }
        let mut single = zmq::Message::from_slice(message.last()).expect("memory");
        if let Some(address) = message.pop_front() {
            match self.1 {
                SocketType::Radio => single.set_group(str::from_utf8(&address).expect("text")),
                _ => single.set_routing_id(number(&address)),
            }
            .expect("an address");
        }
        self.0.send_message(&mut single, false).expect("sent in time");
    }

    fn recv(&self) -> Message {
        if !self.1.is_single() {
            return recv(&self.0).expect("a message in time");
        }
        let mut single = zmq::Message::new();
        self.0.recv_into(&mut single).expect("a message in time");
        assert!(!single.more());
        let mut message = Message::from(single.data());
        match self.1 {
            SocketType::Dish => message.push_front(single.group()),
            SocketType::Server | SocketType::Peer => message.push_front(&RoutingId::generated(single.routing_id())),
            _ => {}
        }
        message
    }
}

/// The number in the name that a SERVER or PEER gave.
fn number(name: &[u8]) -> u32 {
    let digits = name.strip_prefix(&[0]).and_then(|digits| digits.try_into().ok());
    u32::from_be_bytes(digits.expect("a generated name"))
}

/// Sends all frames of `message` through libzmq.
///
/// # Errors
/// libzmq's.
pub fn send(socket: &zmq::Socket, message: &Message) -> zmq::Result<()> {
    let frames: Vec<&[u8]> = message.frames().iter().map(|frame| frame.as_slice()).collect();
    socket.send_multipart(&frames)
}

/// Receives one whole message through libzmq.
///
/// # Errors
/// libzmq's.
pub fn recv(socket: &zmq::Socket) -> zmq::Result<Message> {
    Ok(Message::multipart(socket.recv_multipart()?))
}
