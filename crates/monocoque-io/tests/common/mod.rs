//! What the tests of the kernel share: a plain protocol, an owner that tells what happened, raw peers.
#![allow(dead_code)] // each test file uses its part

use std::future::{pending, poll_fn};
use std::io::{self, Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::endpoint::{Host as HostName, IpcEndpoint};
use monocoque_core::pipe::{InHand, Mark, PipeReader, PipeWriter, ReadTurns, Refusal, pipe_from_link, pipe_to_link};
use monocoque_core::protocol::{Blame, Need, Output, ProtocolError};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_core::wire::{EncodedHeader, Header, RESERVED};
use monocoque_core::{Endpoint, Message, Protocol};
use monocoque_io::{
    BackoffConfig, Binding, DialConfig, Dialer, Driver, DriverChoice, End, Ended, HalfOpen, Host, Link, LinkEvent,
    LinkFacts, ListenConfig, Listener, Owner, Pipes, Placement, Retry, Stopper, Watch,
};
use socket2::{SockAddr, Socket, Type};

/// What takes longer does not come.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// The drivers that this machine allows.
pub fn drivers() -> Vec<Driver> {
    [Driver::Uring, Driver::Poll].into_iter().filter(|&driver| DriverChoice::Only(driver).runtime().is_ok()).collect()
}

pub fn shared(driver: Driver) -> Placement {
    Placement::shared(1, DriverChoice::Only(driver)).expect("an available driver")
}

/// Runs `test` on every driver, over tcp and ipc.
pub fn each_link(test: impl Fn(Driver, &Endpoint)) {
    for driver in drivers() {
        for wildcard in [tcp(), "ipc://*".parse().expect("well formed")] {
            test(driver, &wildcard);
        }
    }
}

/// Returns when the I/O thread has run a task that was posted now.
pub fn turn(placement: &Placement) {
    let (done, is_done) = channel();
    placement.spawn(move |_| async move { done.send(()).expect("waited for") }).expect("a live placement");
    is_done.recv_timeout(PATIENCE).expect("the I/O thread runs");
}

pub fn tcp() -> Endpoint {
    "tcp://127.0.0.1:0".parse().expect("well formed")
}

/// Runs `future` on a runtime of its own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = DriverChoice::Only(Driver::Poll).runtime().expect("epoll");
    runtime.block_on(async { compio::time::timeout(PATIENCE, future).await.expect("in time") })
}

pub fn bind(written: &Endpoint) -> io::Result<Binding> {
    block_on(Binding::new(written, &ListenConfig::default()))
}

// ---- a plain protocol -------------------------------------------------------------------------------------

/// Frames as pipes hold them, on the wire as they are. Ready at once, or if `shy` at the first byte. If it `makes` its own
/// bytes it takes one message at a time, and tells nobody that the bytes are the same.
#[derive(Debug, Default)]
pub struct Plain {
    shy: bool,
    makes: bool,
    /// It answers each message with how often it has sent.
    tells: bool,
    sent: u32,
    /// Its deadline, which never comes.
    until: Option<Instant>,
    /// It panics when a message that ends with this comes.
    panics_at: Option<&'static [u8]>,
    ready: bool,
    /// Where what was left lay, and how much it was.
    left: (usize, usize),
    moved: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reserved flag bits")]
pub struct Garbled;

impl ProtocolError for Garbled {
    fn blame(&self) -> Blame {
        Blame::PeerMisbehaved
    }
}

impl Plain {
    fn get_ready(&mut self, out: &mut Output<()>) {
        out.ready = (!std::mem::replace(&mut self.ready, true)).then_some(());
    }
}

impl Protocol for Plain {
    type Peer = ();
    type Error = Garbled;

    fn connected(&mut self, _now: Instant, out: &mut Output<()>) {
        if !self.shy {
            self.get_ready(out);
        }
    }

    fn received(&mut self, _now: Instant, input: &mut SlabMut, out: &mut Output<()>) -> Result<Need, Garbled> {
        self.get_ready(out);
        let place = |input: &SlabMut| input.filled().as_ptr().addr();
        if self.left.0 != place(input) {
            self.moved.fetch_add(self.left.1, Ordering::Relaxed);
        }
        let (mut at, mut whole, mut messages) = (0, 0, 0);
        let need = loop {
            let Some(header) = Header::parse(&input.filled()[at..]) else { break 0 };
            if header.flags & RESERVED != 0 {
                return Err(Garbled);
            }
            let end = at + header.header_len + header.body_len as usize;
            if end > input.len() {
                break end;
            }
            assert!(!self.panics_at.is_some_and(|at| input.filled()[..end].ends_with(at)), "as planned");
            at = end;
            if !header.more() {
                (whole, messages) = (end, messages + 1);
            }
        };
        if self.tells {
            out.write.extend((0..messages).map(|_| Bytes::from(wire(&self.sent.to_be_bytes()))));
        }
        out.deliver.push(input.split_to(whole), messages);
        self.left = (place(input), input.len());
        Ok(Need(need.saturating_sub(whole)))
    }

    fn send(&mut self, _now: Instant, batch: &mut Batch, out: &mut Output<()>) -> Result<(), Garbled> {
        self.sent += 1;
        if self.makes && !batch.is_empty() {
            let header = Header::parse(&batch.segments[0]).expect("a message begins with a header");
            take_front(&mut batch.segments, header.header_len + header.body_len as usize, &mut out.write);
        } else {
            out.write.append(&mut batch.segments);
        }
        if batch.segments.is_empty() {
            batch.clear();
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.until
    }

    fn timeout(&mut self, _now: Instant, _out: &mut Output<()>) -> Result<(), Garbled> {
        Ok(())
    }

    fn is_verbatim(&self) -> bool {
        !self.makes
    }
}

fn take_front(segments: &mut Vec<Bytes>, mut len: usize, to: &mut Vec<Bytes>) {
    while len > 0 {
        let taken = len.min(segments[0].len());
        to.push(segments[0].split_to(taken));
        if segments[0].is_empty() {
            segments.remove(0);
        }
        len -= taken;
    }
}

/// One message on the wire of [`Plain`].
pub fn wire(body: &[u8]) -> Vec<u8> {
    [EncodedHeader::new(0, body.len()).as_slice(), body].concat()
}

/// The bodies in `stream`, and what is left of one that is not whole.
pub fn parse(mut stream: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut bodies = Vec::new();
    while let Some(header) = Header::parse(stream) {
        let end = header.header_len + header.body_len as usize;
        let Some(frame) = stream.get(..end) else { break };
        bodies.push(&frame[header.header_len..]);
        stream = &stream[end..];
    }
    (bodies, stream)
}

/// A message that begins with its number.
pub fn numbered(number: u32, len: usize) -> Message {
    let mut body = vec![number as u8; len.max(4)];
    body[..4].copy_from_slice(&number.to_be_bytes());
    body.into()
}

pub fn number(body: &[u8]) -> u32 {
    u32::from_be_bytes(*body.first_chunk().expect("four bytes"))
}

// ---- links without a socket -------------------------------------------------------------------------------

/// What is there to be read from a [`Fed`], and what was done with it.
#[derive(Debug, Default)]
pub struct Feed {
    /// Bytes.
    pub there: AtomicUsize,
    /// Bytes.
    pub read: AtomicUsize,
    /// Reads, of those that found nothing too.
    pub looks: AtomicUsize,
    /// What each write wrote.
    pub written: Mutex<Vec<Vec<u8>>>,
}

/// A link whose bytes are there when the test says so; what is written is kept.
#[derive(Debug)]
pub struct Fed {
    pub feed: Arc<Feed>,
    /// What is read, over and over.
    pub content: Vec<u8>,
}

impl Link for Fed {
    fn try_write(&self, segments: &[Bytes]) -> io::Result<usize> {
        let all = segments.concat();
        let count = all.len();
        self.feed.written.lock().expect("no panic").push(all);
        Ok(count)
    }

    async fn writable(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_read(&self, slab: &mut SlabMut, most: usize) -> io::Result<usize> {
        let Self { feed, content } = self;
        feed.looks.fetch_add(1, Ordering::Relaxed);
        let there = feed.there.load(Ordering::Relaxed);
        let count = there.min(most).min(slab.spare_len());
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut at = feed.read.fetch_add(count, Ordering::Relaxed) % content.len();
        let mut left = count;
        while left > 0 {
            let piece = &content[at..content.len().min(at + left)];
            slab.extend_from_slice(piece);
            (at, left) = (0, left - piece.len());
        }
        feed.there.store(there - count, Ordering::Relaxed);
        Ok(count)
    }

    async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| {
            if self.feed.there.load(Ordering::Relaxed) > 0 {
                return Poll::Ready(Ok(()));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    fn watch(&self) -> Watch {
        Box::pin(pending())
    }

    fn shutdown(&self, _how: std::net::Shutdown) {}
}

// ---- an owner that tells what happened --------------------------------------------------------------------

/// The application's ends of a connection.
#[derive(Debug)]
pub struct Ends {
    pub outgoing: PipeWriter,
    pub incoming: PipeReader,
}

#[derive(Debug)]
pub enum Happened {
    Link(LinkEvent),
    Ready(Box<Ends>),
    Parted,
    Ended(Ended<Garbled>),
}

/// Tells a [`Story`] of everything.
#[derive(Debug, Clone)]
pub struct Teller {
    pub arena: Arena,
    pub incoming: Mark,
    pub shy: bool,
    pub makes: bool,
    pub tells: bool,
    pub until: Option<Instant>,
    pub panics_at: Option<&'static [u8]>,
    pub retry: Retry,
    /// Where connections may be lent to who waits.
    pub turns: Arc<ReadTurns>,
    /// Bytes that lay elsewhere when a protocol was called again.
    pub moved: Arc<AtomicUsize>,
    told: Sender<Happened>,
}

#[derive(Debug)]
pub struct Story(Receiver<Happened>);

impl Teller {
    pub fn new() -> (Self, Story) {
        let (told, heard) = channel();
        let incoming = Mark::messages(0);
        let teller = Self {
            arena: Arena::new(),
            incoming,
            shy: false,
            makes: false,
            tells: false,
            until: None,
            panics_at: None,
            retry: Retry::No,
            turns: Arc::default(),
            moved: Arc::default(),
            told,
        };
        (teller, Story(heard))
    }

    /// What a connection begins with.
    pub fn meet(&self, permit: Option<HalfOpen>) -> (Plain, TellerHost) {
        let moved = Arc::clone(&self.moved);
        let Self { shy, makes, tells, until, panics_at, .. } = *self;
        let plain = Plain { shy, makes, tells, until, panics_at, moved, ..Plain::default() };
        (plain, TellerHost { teller: self.clone(), permit })
    }

    fn tell(&self, happened: Happened) {
        // A test that has heard enough hangs up.
        let _ = self.told.send(happened);
    }

    /// Dials `endpoint`, waiting 10 to 50 ms between attempts.
    pub fn dial(&self, placement: &Placement, endpoint: &Endpoint) -> Stopper {
        let ms = Duration::from_millis;
        let backoff = Some(BackoffConfig { first: ms(10), max: ms(50) });
        self.dial_with(placement, endpoint, DialConfig { backoff, seed: 7, ..DialConfig::default() })
    }

    pub fn dial_with(&self, placement: &Placement, endpoint: &Endpoint, config: DialConfig) -> Stopper {
        let stopper = Stopper::new();
        let dialer = Dialer {
            owner: self.clone(),
            endpoint: endpoint.clone(),
            config,
            arena: self.arena.clone(),
            stop: stopper.listen(),
        };
        placement.spawn(|home| dialer.run(home)).expect("a live placement");
        stopper
    }

    pub fn listen(&self, placement: &Placement, binding: Binding, config: ListenConfig) -> Stopper {
        let stopper = Stopper::new();
        self.listen_until(placement, binding, config, [&stopper, &stopper]);
        stopper
    }

    /// A listener on a placement of its own, with what stops it and what stops its connections.
    pub fn listening(&self, driver: Driver) -> (Placement, Endpoint, [Stopper; 2]) {
        let (placement, binding) = (shared(driver), bind(&tcp()).expect("free"));
        let endpoint = binding.endpoint().clone();
        let stoppers = [Stopper::new(), Stopper::new()];
        self.listen_until(&placement, binding, ListenConfig::default(), stoppers.each_ref());
        (placement, endpoint, stoppers)
    }

    /// Listens until the first of `stoppers` stops; the second one stops connections.
    pub fn listen_until(&self, placement: &Placement, binding: Binding, config: ListenConfig, stoppers: [&Stopper; 2]) {
        let [stop, connections] = stoppers.map(Stopper::listen);
        let (owner, arena, placement) = (self.clone(), self.arena.clone(), placement.clone());
        let listener = Listener { owner, binding, config, arena, placement: placement.clone(), stop, connections };
        placement.spawn(|home| listener.run(home)).expect("a live placement");
    }
}

impl Story {
    /// The first thing that `wanted` takes; passes over what came before.
    pub fn find<T>(&self, what: &str, mut wanted: impl FnMut(Happened) -> Result<T, Happened>) -> T {
        let (until, mut passed) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            match self.0.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(happened) => match wanted(happened) {
                    Ok(found) => return found,
                    Err(other) => passed.push(other),
                },
                Err(error) => panic!("waited for {what}: {error}; before came {passed:#?}"),
            }
        }
    }

    /// What has come until now.
    pub fn so_far(&self) -> Vec<Happened> {
        self.0.try_iter().collect()
    }

    /// What comes next; `None` when nobody is left to tell.
    pub fn next(&self) -> Option<Happened> {
        match self.0.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => panic!("nothing happens, and it does not end"),
            heard => heard.ok(),
        }
    }

    pub fn ready(&self) -> Ends {
        self.find("ready", |happened| match happened {
            Happened::Ready(ends) => Ok(*ends),
            other => Err(other),
        })
    }

    /// [`ready`](Self::ready), if that has happened by now.
    pub fn is_ready(&self) -> Option<Ends> {
        self.0.try_iter().find_map(|happened| match happened {
            Happened::Ready(ends) => Some(*ends),
            _ => None,
        })
    }

    pub fn ended(&self) -> Ended<Garbled> {
        self.find("the end", |happened| match happened {
            Happened::Ended(ended) => Ok(ended),
            other => Err(other),
        })
    }

    pub fn event<T>(&self, what: &str, wanted: impl Fn(&LinkEvent) -> Option<T>) -> T {
        self.find(what, |happened| match &happened {
            Happened::Link(event) => wanted(event).ok_or(happened),
            _ => Err(happened),
        })
    }
}

/// One connection's host.
#[derive(Debug)]
pub struct TellerHost {
    teller: Teller,
    permit: Option<HalfOpen>,
}

impl Host<Plain> for TellerHost {
    fn ready(&mut self, (): ()) -> Option<Pipes> {
        self.permit = None;
        let (outgoing, to_write) = pipe_to_link(Mark::messages(0), false, &self.teller.arena);
        let (delivered, incoming) = pipe_from_link(self.teller.incoming, false, &self.teller.arena);
        self.teller.tell(Happened::Ready(Box::new(Ends { outgoing, incoming })));
        Some(Pipes { outgoing: to_write, incoming: delivered })
    }

    fn parted(&mut self) {
        self.teller.tell(Happened::Parted);
    }

    fn turns(&self) -> Option<&ReadTurns> {
        Some(&self.teller.turns)
    }
}

impl Owner for Teller {
    type Protocol = Plain;
    type Host = TellerHost;

    fn begin(&self, _facts: &LinkFacts, permit: Option<HalfOpen>) -> (Plain, TellerHost) {
        self.meet(permit)
    }

    fn end(&self, _host: TellerHost, ended: Ended<Garbled>) -> Retry {
        self.tell(Happened::Ended(ended));
        self.retry
    }

    fn event(&self, event: LinkEvent) {
        self.tell(Happened::Link(event));
    }
}

pub fn is_stopped(end: &End<Garbled>) -> bool {
    matches!(end, End::Stopped)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Parks until `poll` gives something; whoever makes that so has the waker.
pub fn wait<T>(what: &str, mut poll: impl FnMut(&Waker) -> Option<T>) -> T {
    let (waker, until) = (Waker::from(Arc::new(Unpark(std::thread::current()))), Instant::now() + PATIENCE);
    loop {
        if let Some(found) = poll(&waker) {
            return found;
        }
        let left = until.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "waited for {what}");
        std::thread::park_timeout(left);
    }
}

impl Ends {
    pub fn push(&mut self, message: &Message) {
        assert_eq!(self.outgoing.push(message), Ok::<(), Refusal>(()));
    }

    /// [`push`](Self::push), with `more` in hand to be answered or not.
    pub fn push_of_several(&mut self, message: &Message, more: bool) {
        let in_hand = InHand::default();
        in_hand.set(more);
        self.outgoing.set_in_hand(in_hand);
        self.push(message);
    }

    /// The next message; `None` when the connection has ended.
    pub fn recv(&mut self) -> Option<Message> {
        wait("a message", |waker| {
            self.incoming.set_waker(waker);
            match self.incoming.next_unit() {
                Some(Unit::Message(message)) => Some(Some(message)),
                Some(Unit::Command(command)) => panic!("a command: {command:?}"),
                None => self.incoming.is_finished().then_some(None),
            }
        })
    }
}

// ---- raw peers --------------------------------------------------------------------------------------------

/// A raw peer's stream, whose reads and writes have a deadline.
#[derive(Debug)]
pub struct Raw(pub Socket);

impl Read for Raw {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(into)
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Raw {
    fn new(socket: Socket) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("a valid time");
        socket.set_write_timeout(Some(PATIENCE)).expect("a valid time");
        Self(socket)
    }

    pub fn read_to_the_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        self.read_to_end(&mut all).expect("an orderly end");
        all
    }
}

pub fn address(endpoint: &Endpoint) -> SockAddr {
    match endpoint {
        Endpoint::Tcp(tcp) => match tcp.target().host() {
            HostName::V4(host) => std::net::SocketAddr::from((*host, tcp.target().port())).into(),
            HostName::V6 { addr, .. } => std::net::SocketAddr::from((*addr, tcp.target().port())).into(),
            other => panic!("not an address: {other:?}"),
        },
        Endpoint::Ipc(IpcEndpoint::Path(path)) => SockAddr::unix(path).expect("short"),
        Endpoint::Ipc(IpcEndpoint::Abstract(name)) => SockAddr::unix(format!("\0{name}")).expect("short"),
        other => panic!("not an address: {other:?}"),
    }
}

pub fn try_connect(endpoint: &Endpoint) -> io::Result<Raw> {
    let address = address(endpoint);
    let raw = Raw::new(Socket::new(address.domain(), Type::STREAM, None)?);
    if address.is_ipv4() || address.is_ipv6() {
        // A ring that this thread had may interrupt it, as it may `accept`: this one goes on waiting then.
        raw.0.connect_timeout(&address, PATIENCE)?;
    } else {
        raw.0.connect(&address)?; // SO_SNDTIMEO bounds it
    }
    Ok(raw)
}

pub fn connect(endpoint: &Endpoint) -> Raw {
    try_connect(endpoint).expect("somebody listens")
}

/// A raw listener.
#[derive(Debug)]
pub struct RawListener {
    pub endpoint: Endpoint,
    pub socket: Socket,
    _directory: tempfile::TempDir,
}

impl RawListener {
    /// Bound, not listening yet. `receive_bytes` bounds what the kernel takes for a reader that is slow.
    pub fn bound(wildcard: &Endpoint, receive_bytes: Option<usize>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let address = match wildcard {
            Endpoint::Ipc(_) => SockAddr::unix(directory.path().join("raw")).expect("short"),
            tcp => address(tcp),
        };
        let socket = Socket::new(address.domain(), Type::STREAM, None).expect("a socket");
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).expect("allowed");
        }
        socket.bind(&address).expect("free");
        let endpoint = match wildcard {
            Endpoint::Ipc(_) => Endpoint::Ipc(IpcEndpoint::path(directory.path().join("raw")).expect("short")),
            _ => {
                let address = socket.local_addr().expect("bound").as_socket().expect("tcp");
                format!("tcp://{address}").parse().expect("well formed")
            }
        };
        Self { endpoint, socket, _directory: directory }
    }

    pub fn new(wildcard: &Endpoint, receive_bytes: Option<usize>) -> Self {
        let listener = Self::bound(wildcard, receive_bytes);
        listener.socket.listen(100).expect("bound");
        listener
    }

    pub fn accept(&self) -> Raw {
        self.socket.set_read_timeout(Some(PATIENCE)).expect("a valid time");
        loop {
            match self.socket.accept() {
                Ok((peer, _)) => return Raw::new(peer),
                // A ring that this thread had may still interrupt it.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => panic!("a peer in time: {error}"),
            }
        }
    }
}

// ---- children ---------------------------------------------------------------------------------------------

const CHILD: &str = "MONOCOQUE_TEST_CHILD";

/// Whether this process was started by [`child`].
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The command that runs the ignored test `name` of this file in a process of its own.
pub fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args([name, "--exact", "--ignored", "--nocapture"]).env(CHILD, "1");
    command
}

/// Runs `command` and asserts that it succeeds in time.
pub fn succeed(mut command: Command) {
    let mut running = command.spawn().expect("started");
    let until = Instant::now() + PATIENCE + PATIENCE;
    let status = loop {
        if let Some(status) = running.try_wait().expect("a child of ours") {
            break status;
        }
        if Instant::now() > until {
            running.kill().expect("a child of ours");
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{command:?}: {status}");
}
