//! The context: where sockets come from and their actors run.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::Duration;

use monocoque_core::SocketType;
use monocoque_core::budget::Budget;
use monocoque_core::limits::CEILING_BYTES_MIN;
use monocoque_core::slab::Arena;
use monocoque_core::sync::Mutex;
use monocoque_io::{Driver, DriverChoice, IoThreads, Placement, PlacementError, Schedule, Stop, ThreadConfig};

use crate::builder::SocketBuilder;
use crate::close::Closing;
use crate::error::{ContextError, OptionError};
use crate::inproc::Registry;
use crate::kind::{
    Any, Channel, Client, Dealer, Dgram, Dish, Gather, Kind, Pair, Peer, Pub, Pull, Push, Radio, Rep, Req, Router,
    Scatter, Server, Stream, Sub, XPub, XSub,
};
use crate::options::{ContextOption, ContextOptionError, ContextOptions, OptionValue};
use crate::stats::MemoryStats;

/// Makes sockets and owns what they share: the I/O threads, the memory, the inproc names.
///
/// A handle: clones are the same context. When the last clone is dropped, sockets that were dropped with
/// messages still to send are given the rest of their linger time; I/O threads end with the last socket.
#[derive(Debug, Clone)]
pub struct Context {
    handle: Arc<Handle>,
}

/// Counts the user's clones apart from the references that sockets hold.
#[derive(Debug)]
struct Handle {
    inner: Arc<ContextInner>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.inner.is_forked() {
            // The threads that it would wait for, and end, are the parent's.
            std::mem::forget(Arc::clone(&self.inner));
            return;
        }
        // The threads that end sockets do not wait for themselves.
        if !self.inner.is_local() && !self.inner.is_io_thread() {
            self.inner.closing.wait();
        }
    }
}

#[derive(Debug)]
pub(crate) struct ContextInner {
    threads: ThreadConfig,
    choice: Option<DriverChoice>,
    pub(crate) defaults: Defaults,
    /// Sockets that are there.
    sockets: AtomicUsize,
    /// The process that it was made in.
    process: u32,
    /// The thread whose runtime a local context shares.
    local_to: Option<ThreadId>,
    placement: OnceLock<Result<Placement, ContextError>>,
    pub(crate) arena: Arena,
    pub(crate) inproc: Registry,
    pub(crate) closing: Closing,
    /// Held for its drop, which is the last: who waits for that knows that all sockets are gone, with what they held.
    pub(crate) until_gone: Mutex<Option<Sender<Infallible>>>,
}

/// What a context decides for its sockets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Defaults {
    /// How many sockets there may be.
    pub(crate) sockets_max: Option<usize>,
    /// What new sockets begin with.
    pub(crate) options: ContextOptions,
}

/// A socket's place among those of its context; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct SocketPlace(Arc<ContextInner>);

impl Drop for SocketPlace {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ContextInner {
    /// A place for one more socket.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<SocketPlace, OptionError> {
        let max = self.defaults.sockets_max.unwrap_or(usize::MAX);
        let more = |now| (now < max).then_some(now + 1);
        let admitted = self.sockets.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        admitted.map(|_| SocketPlace(Arc::clone(self))).map_err(|_| OptionError::TooManySockets { max })
    }

    /// Where actors run; I/O threads are started at first need.
    pub(crate) fn placement(&self) -> Result<&Placement, ContextError> {
        let start = || {
            let choice = self.choice.map_or_else(DriverChoice::from_env, Ok).map_err(PlacementError::from)?;
            Ok(Placement::threads(&self.threads, choice)?)
        };
        self.placement.get_or_init(start).as_ref().map_err(Clone::clone)
    }

    /// Its I/O threads, if there are any, to wait for.
    pub(crate) fn take_threads(&self) -> IoThreads {
        let placement = self.placement.get().and_then(|placement| placement.as_ref().ok());
        placement.map(Placement::take_threads).unwrap_or_default()
    }

    /// Whether this process is a child of the one that it was made in: it has no thread of its own here.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// Whether the calling thread is one of its own I/O threads.
    fn is_io_thread(&self) -> bool {
        let placement = self.placement.get().and_then(|placement| placement.as_ref().ok());
        placement.is_some_and(Placement::is_io_thread)
    }

    /// Whether the application's own thread does the I/O.
    pub(crate) fn is_local(&self) -> bool {
        self.local_to.is_some()
    }

    /// Whether the calling thread is the one that does the I/O, so that it waits for nothing while it blocks.
    pub(crate) fn runs_here(&self) -> bool {
        self.local_to == Some(std::thread::current().id())
    }

    /// Calls `then` when `delay` has passed, unless stopped before: on an I/O runtime, or on a thread of its own if
    /// there is none.
    pub(crate) fn after(&self, delay: Duration, mut stop: Stop, then: impl Fn() + Clone + Send + 'static) {
        let instead = then.clone();
        let kept = self.spawn(move || async move {
            if stop.or_stopped(monocoque_io::sleep(delay)).await.is_some() {
                then();
            }
        });
        if kept.is_err() {
            let late = move || {
                std::thread::sleep(delay);
                instead();
            };
            // Without a thread to be had nobody is told, and whoever waits looks again when something else wakes it.
            let _ = monocoque_io::start_thread("monocoque-timer".to_owned(), late);
        }
    }

    /// Starts a task on an I/O runtime.
    pub(crate) fn spawn<M, F>(&self, make: M) -> Result<(), ContextError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        self.placement()?.spawn(move |_| make()).map_err(|gone| PlacementError::from(gone).into())
    }
}

/// Configures a [`Context`].
#[derive(Debug, Clone)]
pub struct ContextBuilder {
    pub(crate) threads: ThreadConfig,
    choice: Option<DriverChoice>,
    pub(crate) defaults: Defaults,
    /// As numbers of the system; -1 for none.
    pub(crate) policy: i64,
    pub(crate) priority: i64,
}

impl ContextBuilder {
    /// Sets an option of the one table; the other methods are the typed way.
    ///
    /// # Errors
    /// [`ContextOptionError`] if the option does not take that value.
    pub fn option(mut self, option: ContextOption, value: impl Into<OptionValue>) -> Result<Self, ContextOptionError> {
        self.set_option(option, value).map(|()| self)
    }

    /// [`option`](Self::option), in place: nothing is changed if it is refused.
    ///
    /// # Errors
    /// As [`option`](Self::option).
    pub fn set_option(
        &mut self,
        option: ContextOption,
        value: impl Into<OptionValue>,
    ) -> Result<(), ContextOptionError> {
        option.set(self, &value.into())
    }

    /// What an option of the one table was set to, or begins with.
    ///
    /// # Errors
    /// [`ContextOptionError::WriteOnly`] if it cannot be read.
    pub fn get_option(&self, option: ContextOption) -> Result<OptionValue, ContextOptionError> {
        option.get(self)
    }

    /// How many I/O threads there are, at least one; one by default. Connections are spread over them.
    #[must_use]
    pub fn io_threads(mut self, threads: usize) -> Self {
        self.threads.count = threads.max(1);
        self
    }

    /// What I/O threads are called, before their number (`ZMQ_THREAD_NAME_PREFIX`): `monocoque-io-` by default. The system
    /// shows the first 15 bytes.
    #[must_use]
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.threads.name_prefix = prefix.into();
        self
    }

    /// The processors that I/O threads may run on (`ZMQ_THREAD_AFFINITY_CPU_ADD`); any by default.
    #[must_use]
    pub fn thread_cpus(mut self, cpus: impl IntoIterator<Item = usize>) -> Self {
        self.threads.cpus = cpus.into_iter().collect();
        self
    }

    /// How the system schedules I/O threads (`ZMQ_THREAD_SCHED_POLICY`, `ZMQ_THREAD_PRIORITY`); as the thread that starts
    /// them by default.
    #[must_use]
    pub fn thread_schedule(mut self, schedule: Schedule) -> Self {
        self.threads.schedule = Some(schedule);
        self
    }

    /// How many sockets there may be at once (`ZMQ_MAX_SOCKETS`); any number by default. One more is refused with
    /// [`OptionError::TooManySockets`]. A closed socket counts until its connections have ended.
    #[must_use]
    pub fn max_sockets(mut self, sockets: usize) -> Self {
        self.defaults.sockets_max = Some(sockets);
        self
    }

    /// The longest frame that new sockets accept, in bytes (`ZMQ_MAX_MSGSZ`), as
    /// [`SocketBuilder::max_message_size`] says for one.
    #[must_use]
    pub fn max_message_size(mut self, bytes: u64) -> Self {
        self.defaults.options.max_message_bytes = Some(bytes);
        self
    }

    /// A ceiling for what all sockets hold of what their peers sent, in bytes; none by default, as with libzmq. At least 1 MiB.
    ///
    /// Counted is the memory that was read into, from the read until the last [`Message`](crate::Message) or slice of it is
    /// dropped, queued or with the application. When it is spent, connections stop reading, and TCP holds their peers back;
    /// they go on in turn as messages are dropped. Each connection has 4 KiB beside it, so that one whose peer says little
    /// is heard in any case. A message takes a quarter of the ceiling at most: a longer one ends its connection with
    /// [`SessionError::LimitExceeded`](crate::SessionError::LimitExceeded).
    ///
    /// Not counted: what comes over inproc, which crosses no border of trust, and by UDP, where the high-water mark of a
    /// socket bounds all its peers together; what is to be sent; subscriptions; what the system holds. [`Context::memory`]
    /// tells what is held.
    #[must_use]
    pub fn memory_max(mut self, bytes: usize) -> Self {
        self.defaults.options.memory_bytes_max = Some(bytes.max(CEILING_BYTES_MIN));
        self
    }

    /// Whether new sockets linger (`ZMQ_BLOCKY`): they do by default; else their linger time is zero.
    #[must_use]
    pub fn blocky(mut self, on: bool) -> Self {
        self.defaults.options.no_linger = !on;
        self
    }

    /// Whether new sockets use IPv6 (`ZMQ_IPV6`), as [`SocketBuilder::ipv6`] says for one; off by default.
    #[must_use]
    pub fn ipv6(mut self, on: bool) -> Self {
        self.defaults.options.ipv6 = on;
        self
    }

    /// Which engine completes I/O; by default what `MONOCOQUE_DRIVER` says, else the best there is.
    #[must_use]
    pub fn driver(mut self, choice: DriverChoice) -> Self {
        self.choice = Some(choice);
        self
    }

    /// The context, its I/O threads running.
    ///
    /// # Errors
    /// [`ContextError`] if the engine cannot be had or a thread cannot be started as it was asked for.
    pub fn build(self) -> Result<Context, ContextError> {
        let context = Context::of(self, None);
        context.inner().placement()?;
        Ok(context)
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// A context with one I/O thread, started when a socket first binds or connects.
    pub fn new() -> Self {
        Self::of(Self::builder(), None)
    }

    /// To choose the I/O threads, the engine, and what new sockets begin with.
    pub fn builder() -> ContextBuilder {
        let (threads, defaults) = (ThreadConfig::default(), Defaults::default());
        ContextBuilder { threads, choice: None, defaults, policy: -1, priority: -1 }
    }

    /// A context whose actors run as tasks of the compio runtime that the calling thread is on.
    ///
    /// There is no thread hop between a socket and the network: the least latency and the most messages for
    /// each core. The sockets' futures are to be awaited on that runtime. [`local_runtime`](crate::local_runtime)
    /// makes a runtime with the best flags.
    ///
    /// What is to be sent is sent by that runtime too, so that nothing of it goes out when the runtime has ended: sockets that are dropped
    /// linger only while it goes on. [`close`](crate::Socket::close) them, and wait for it.
    ///
    /// # Errors
    /// [`ContextError`] when the calling thread runs no compio runtime.
    pub fn local() -> Result<Self, ContextError> {
        Ok(Self::of(Self::builder(), Some(Placement::local()?)))
    }

    pub(crate) fn of(builder: ContextBuilder, local: Option<Placement>) -> Self {
        let placement = OnceLock::new();
        let local_to = local.is_some().then(|| std::thread::current().id());
        if let Some(local) = local {
            // A new cell is empty.
            let _ = placement.set(Ok(local));
        }
        let inner = ContextInner {
            threads: builder.threads,
            choice: builder.choice,
            defaults: builder.defaults,
            sockets: AtomicUsize::new(0),
            process: std::process::id(),
            local_to,
            placement,
            arena: builder
                .defaults
                .options
                .memory_bytes_max
                .map_or_else(Arena::new, |max| Arena::under(Budget::new(max))),
            inproc: Registry::default(),
            closing: Closing::default(),
            until_gone: Mutex::default(),
        };
        Self { handle: Arc::new(Handle { inner: Arc::new(inner) }) }
    }

    pub(crate) fn inner(&self) -> &Arc<ContextInner> {
        &self.handle.inner
    }

    /// The engine that completes I/O.
    ///
    /// # Errors
    /// [`ContextError`] if none could be started.
    pub fn driver(&self) -> Result<Driver, ContextError> {
        self.inner().placement().map(Placement::driver)
    }

    /// What the sockets hold of what their peers sent. Without a [ceiling](ContextBuilder::memory_max) nothing is counted.
    pub fn memory(&self) -> MemoryStats {
        self.inner().arena.ceiling().map_or_else(MemoryStats::default, MemoryStats::of)
    }

    /// A socket of a type that is known only at run time.
    pub fn socket(&self, socket_type: SocketType) -> SocketBuilder<Any> {
        SocketBuilder::new(self, socket_type)
    }

    fn typed<K: Kind>(&self) -> SocketBuilder<K> {
        SocketBuilder::new(self, K::TYPE.expect("typed kinds have a type"))
    }
}

macro_rules! constructors {
    ($($name:ident: $kind:ident, $doc:literal;)*) => {
        impl Context {$(
            #[doc = $doc]
            pub fn $name(&self) -> SocketBuilder<$kind> {
                self.typed()
            }
        )*}
    };
}

constructors! {
    pair: Pair, "A PAIR socket: one peer, both ways (RFC 31).";
    publisher: Pub, "A PUB socket: fans out to subscribers (RFC 29).";
    subscriber: Sub, "A SUB socket: receives what it subscribes to (RFC 29).";
    req: Req, "A REQ socket: asks, and gets the answer (RFC 28).";
    rep: Rep, "A REP socket: answers what it is asked (RFC 28).";
    dealer: Dealer, "A DEALER socket: round robin out, fair queue in (RFC 28).";
    router: Router, "A ROUTER socket: addresses its peers by routing id (RFC 28).";
    pull: Pull, "A PULL socket: fair queue in (RFC 30).";
    push: Push, "A PUSH socket: round robin out (RFC 30).";
    xpub: XPub, "An XPUB socket: a PUB that sees subscriptions (RFC 29).";
    xsub: XSub, "An XSUB socket: a SUB that sends subscriptions as messages (RFC 29).";
    stream: Stream, "A STREAM socket: addresses connections that speak no protocol by routing id (raw TCP). It receives an \
        empty message of each that comes and goes, and ends one by sending it an empty message.";
    server: Server, "A SERVER socket: addresses its CLIENTs by routing id (RFC 41).";
    client: Client, "A CLIENT socket: round robin out to SERVERs, fair queue in (RFC 41).";
    radio: Radio, "A RADIO socket: fans out to the members of a group (RFC 48).";
    dish: Dish, "A DISH socket: receives from the groups that it joined (RFC 48).";
    gather: Gather, "A GATHER socket: fair queue in, of single frames (RFC 49).";
    scatter: Scatter, "A SCATTER socket: round robin out, of single frames (RFC 49).";
    dgram: Dgram, "A DGRAM socket: sends and receives datagrams, by address (UDP).";
    peer: Peer, "A PEER socket: addresses other PEERs by routing id (RFC 51).";
    channel: Channel, "A CHANNEL socket: one peer, both ways, of single frames (RFC 52).";
}
