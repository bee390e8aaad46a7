//! A proxy: what one socket receives, the other sends, both ways (`zmq_proxy(3)`, `zmq_proxy_steerable(3)`).
//!
//! [`Proxy`] owns what it has taken and not passed on yet, so that its future may be dropped at any time; the way of a
//! message through it is in [`lane`], what steers it and what it counts in [`steering`].

mod lane;
mod steering;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use monocoque_core::{Message, SocketType};
use monocoque_pattern::{RecvRefused, SendReason};

use crate::block_on::block_on;
use crate::kind::{Any, Kind};
use crate::socket::Socket;
use crate::wait::Place;
use lane::{End, Lane, Progress};
use steering::{Command, Mode, Shared};
pub use steering::{ProxyStatistics, Steering, Traffic};

/// Rounds in a row before the other tasks get their turn.
const ROUNDS_MAX: u32 = 16;
/// Commands in a row before messages get their turn.
const COMMANDS_MAX: u32 = 16;

/// One of the sockets of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxySocket {
    /// The first side.
    Frontend,
    /// The second side.
    Backend,
    /// Where copies go.
    Capture,
    /// Where commands come from.
    Control,
}

impl fmt::Display for ProxySocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Capture => "capture",
            Self::Control => "control",
        })
    }
}

/// Why a proxy ended that was not told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// One of its sockets was closed.
    #[error("the {0} socket of the proxy was closed")]
    Closed(ProxySocket),
    /// No message could ever pass: neither side receives what the other one sends.
    #[error("nothing can be forwarded between {frontend} and {backend}")]
    NothingToForward {
        /// The type of the frontend.
        frontend: SocketType,
        /// The type of the backend.
        backend: SocketType,
    },
    /// A socket of this type cannot be sent one copy after the other.
    #[error("a {0} socket cannot capture")]
    CannotCapture(SocketType),
    /// A socket of this type receives no commands.
    #[error("a {0} socket cannot control a proxy")]
    CannotControl(SocketType),
}

/// Forwards between two sockets of any types, both ways where both can.
///
/// XSUB and XPUB, ROUTER and DEALER, PULL and PUSH are the usual pairs; both sides may also be the same socket. A
/// message waits in its pipe while the other side is full, so that high-water marks hold through the proxy. The
/// proxy has handles of its sockets: they stay open as long as it lives.
///
/// A message that a ROUTER on the other side has no peer for is dropped and counted there as
/// [`NoRoute`](crate::DropCause::NoRoute), with `mandatory` too: a client that went away does not end the proxy.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use monocoque::{Context, Proxy};
///
/// let ctx = Context::new();
/// let jobs = ctx.pull().build()?;
/// let workers = ctx.push().build()?;
/// let jobs_at = jobs.blocking().bind("tcp://127.0.0.1:*")?.to_string();
/// let workers_at = workers.blocking().bind("tcp://127.0.0.1:*")?.to_string();
/// let mut proxy = Proxy::new(&jobs, &workers);
/// let steering = proxy.steering();
/// let forwarder = std::thread::spawn(move || proxy.run_blocking());
///
/// let source = ctx.push().connect(jobs_at)?;
/// source.blocking().send("work")?;
/// let worker = ctx.pull().connect(workers_at)?;
/// assert_eq!(worker.blocking().recv()?, "work".into());
///
/// steering.terminate();
/// forwarder.join().expect("no panic")?;
/// assert_eq!(steering.statistics().backend.messages_out, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a proxy does nothing until it runs"]
pub struct Proxy {
    frontend: Socket<Any>,
    backend: Socket<Any>,
    capture: Option<Socket<Any>>,
    control: Option<Control>,
    /// From the frontend to the backend, if there is such a way.
    there: Option<Lane>,
    back: Option<Lane>,
    shared: Arc<Shared>,
}

/// Where commands come from.
#[derive(Debug)]
struct Control {
    socket: Socket<Any>,
    /// For whoever sent the last command; no other is read before it is sent.
    answer: Option<Message>,
}

impl Proxy {
    /// A proxy between `frontend` and `backend`, which may be the same socket: what it receives it then sends.
    pub fn new<F: Kind, B: Kind>(frontend: &Socket<F>, backend: &Socket<B>) -> Self {
        let (frontend, backend) = (frontend.as_any(), backend.as_any());
        let lane = |from: &Socket<Any>, to: &Socket<Any>| {
            (from.socket_type().receives() && to.socket_type().sends()).then(Lane::default)
        };
        let is_one = Arc::ptr_eq(frontend.core(), backend.core());
        let there = lane(&frontend, &backend);
        let back = if is_one { None } else { lane(&backend, &frontend) };
        Self { frontend, backend, capture: None, control: None, there, back, shared: Arc::default() }
    }

    /// Sends a copy of every message, whole, to `socket` before it is forwarded.
    ///
    /// Nothing is skipped: where the type waits for room or for a peer (PUSH, DEALER, PAIR), so does the proxy. A
    /// PUB drops what a slow subscriber misses, and counts it.
    pub fn capture<K: Kind>(mut self, socket: &Socket<K>) -> Self {
        self.capture = Some(socket.as_any());
        self
    }

    /// Obeys the commands that come in at `socket`: messages of one frame, `PAUSE`, `RESUME`, `TERMINATE` and
    /// `STATISTICS`. Others are ignored.
    ///
    /// `STATISTICS` is answered, if the socket type sends, by [`ProxyStatistics::to_message`]. A REP answers
    /// everything else with an empty message.
    pub fn control<K: Kind>(mut self, socket: &Socket<K>) -> Self {
        self.control = Some(Control { socket: socket.as_any(), answer: None });
        self
    }

    /// A handle that steers this proxy from anywhere in the process.
    pub fn steering(&self) -> Steering {
        Steering::new(&self.shared)
    }

    /// Messages that were taken from one side and are not sent yet, at most one for each direction: the other side, or the
    /// capture, had room when they were taken and then none for them, such as an XPUB with `no_drop` whose one
    /// subscriber is full. They are sent first when the proxy runs again.
    pub fn held(&self) -> usize {
        [&self.there, &self.back].into_iter().flatten().filter(|lane| lane.holds()).count()
    }

    /// Forwards until it is told to terminate. A proxy that was terminated forwards nothing any more.
    ///
    /// # Errors
    /// [`ProxyError::Closed`] when one of the sockets is closed; the others before anything is forwarded.
    ///
    /// # Cancel safety
    /// If the future is dropped, no message is lost: what was taken and not sent is [held](Self::held) in the proxy,
    /// which may run again.
    pub async fn run(&mut self) -> Result<(), ProxyError> {
        self.check()?;
        let (sides, shared) = ([self.frontend.clone(), self.backend.clone()], Arc::clone(&self.shared));
        let others = [self.capture.clone(), self.control.as_ref().map(|control| control.socket.clone())];
        let signals = sides.iter().chain(others.iter().flatten()).map(|socket| socket.core().hub.signals());
        let lists =
            signals.flat_map(|signals| [signals.readable_unlooked(), &signals.writable]).chain([shared.changed()]);
        let mut places: Vec<Place<'_>> = lists.map(Place::new).collect();
        poll_fn(|cx| self.poll(cx, &mut places)).await
    }

    /// [`run`](Self::run) for plain threads.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_blocking(&mut self) -> Result<(), ProxyError> {
        block_on(self.run())
    }

    /// Refuses what could never work.
    fn check(&self) -> Result<(), ProxyError> {
        let [frontend, backend] = [&self.frontend, &self.backend].map(Socket::socket_type);
        if self.there.is_none() && self.back.is_none() {
            return Err(ProxyError::NothingToForward { frontend, backend });
        }
        // Lockstep would have it wait for answers that nobody reads.
        let captures = |kind: SocketType| kind.sends() && !matches!(kind, SocketType::Req | SocketType::Rep);
        if let Some(kind) = self.capture.as_ref().map(Socket::socket_type).filter(|&kind| !captures(kind)) {
            return Err(ProxyError::CannotCapture(kind));
        }
        let controls = |kind: SocketType| kind.receives() && kind != SocketType::Req;
        match self.control.as_ref().map(|control| control.socket.socket_type()) {
            Some(kind) if !controls(kind) => Err(ProxyError::CannotControl(kind)),
            _ => Ok(()),
        }
    }

    /// Does what can be done now. When that is nothing it registers in all `places`, and looks once more after.
    fn poll(&mut self, cx: &Context<'_>, places: &mut [Place<'_>]) -> Poll<Result<(), ProxyError>> {
        let mut registered = false;
        for _ in 0..ROUNDS_MAX {
            match self.round()? {
                None => return Poll::Ready(Ok(())),
                Some(Progress::More) => break,
                Some(Progress::Moved) => registered = false,
                Some(Progress::Idle) if registered => return Poll::Pending,
                Some(Progress::Idle) => {
                    places.iter_mut().for_each(|place| place.register(cx.waker()));
                    registered = true;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Obeys what was commanded, and gives each direction the same turn; `None` once terminated.
    fn round(&mut self) -> Result<Option<Progress>, ProxyError> {
        let obeyed = self.obey()?;
        let forwarded = match self.shared.mode() {
            Mode::Terminated => return Ok(None),
            Mode::Paused => {
                self.check_open()?;
                Progress::Idle
            }
            Mode::Running => self.forward()?,
        };
        Ok(Some(forwarded.max(obeyed)))
    }

    /// Moves a batch each way.
    fn forward(&mut self) -> Result<Progress, ProxyError> {
        let Self { frontend, backend, capture, there, back, shared, .. } = self;
        let capture = capture.as_ref().map(|socket| &**socket.core());
        let front = End { core: frontend.core(), socket: ProxySocket::Frontend, counters: &shared.frontend };
        let behind = End { core: backend.core(), socket: ProxySocket::Backend, counters: &shared.backend };
        let there = there.as_mut().map_or(Ok(Progress::Idle), |lane| lane.forward(front, behind, capture))?;
        let back = back.as_mut().map_or(Ok(Progress::Idle), |lane| lane.forward(behind, front, capture))?;
        Ok(there.max(back))
    }

    /// A socket that nobody reads from or sends to meanwhile may be closed all the same.
    fn check_open(&self) -> Result<(), ProxyError> {
        let sides = [(&self.frontend, ProxySocket::Frontend), (&self.backend, ProxySocket::Backend)];
        let capture = self.capture.as_ref().map(|socket| (socket, ProxySocket::Capture));
        match sides.into_iter().chain(capture).find(|(socket, _)| socket.core().is_closing()) {
            Some((_, closed)) => Err(ProxyError::Closed(closed)),
            None => Ok(()),
        }
    }

    /// Takes the commands that have come in, and answers them.
    fn obey(&mut self) -> Result<Progress, ProxyError> {
        let Self { control: Some(control), shared, .. } = self else { return Ok(Progress::Idle) };
        let mut progress = Progress::Idle;
        for _ in 0..COMMANDS_MAX {
            if !control.send_answer()? || shared.mode() == Mode::Terminated {
                break;
            }
            let Some(message) = control.next()? else { break };
            progress = Progress::Moved;
            let command = Command::of(&message);
            if let Some(mode) = command.and_then(Command::mode) {
                shared.switch(mode);
            }
            control.answer = match command {
                Some(Command::Statistics) => Some(shared.statistics().to_message()),
                _ if control.socket.socket_type() == SocketType::Rep => Some(Message::new()),
                _ => None,
            };
        }
        control.send_answer()?;
        Ok(progress)
    }
}

impl Control {
    /// The next message, if one is there.
    fn next(&self) -> Result<Option<Message>, ProxyError> {
        match self.socket.core().hub.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(RecvRefused::Closed) => Err(ProxyError::Closed(ProxySocket::Control)),
            Err(_) => Ok(None),
        }
    }

    /// Sends the answer that is due; whether there is none any more. Where nobody is, or nothing can be sent, it is
    /// given up: who asked has gone, or asked where no answer comes from.
    fn send_answer(&mut self) -> Result<bool, ProxyError> {
        let Some(answer) = &mut self.answer else { return Ok(true) };
        match self.socket.core().hub.try_send_from(answer) {
            Err(SendReason::Full) => return Ok(false),
            Err(SendReason::Closed) => return Err(ProxyError::Closed(ProxySocket::Control)),
            _ => self.answer = None,
        }
        Ok(true)
    }
}
