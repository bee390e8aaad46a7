//! Where actors run: on I/O threads of the context's own, or on the caller's compio runtime.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Instant;

use compio::runtime::Runtime;
use monocoque_core::sync::Mutex;

use crate::background::start_thread;
use crate::driver::{Driver, DriverChoice, DriverError};
use crate::mailbox::{JOBS_MAX, Job, LocalFuture, Mailbox, Reading};
use crate::parking::Parking;
use crate::spin::Spin;
use crate::task::Task;
use crate::threads::ThreadConfig;

/// What a task on an I/O runtime knows of its home.
#[derive(Debug, Clone)]
pub struct Home {
    pub(crate) driver: Driver,
    /// The application runs there too.
    pub(crate) is_local: bool,
    pub(crate) spin: Spin,
    pub(crate) parking: Parking,
}

impl Home {
    /// Begins `job`. One that panics does so as a task of its own: the runtime goes on.
    fn begin(&self, job: Job) {
        let begun = catch_unwind(AssertUnwindSafe(|| job(self.clone())));
        self.start(begun.unwrap_or_else(|payload| Box::pin(async { resume_unwind(payload) })));
    }

    /// Waits until whoever else is due on this runtime has had a turn.
    async fn give_way(&self) {
        let mut asked = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            if !self.spin.next_turn(cx.waker()) {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
    }

    /// Runs `future` as a task of this runtime.
    pub(crate) fn start(&self, future: LocalFuture) {
        let run = Task::new(future).run(Arc::clone(self.parking.mailbox()), self.spin.clone());
        compio::runtime::spawn(run).detach();
    }
}

/// Why a placement could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlacementError {
    /// No engine could be started.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The calling thread runs no compio runtime.
    #[error("local placement needs a compio runtime on the calling thread")]
    NoRuntime,
    /// An I/O thread could not be started as it was asked for.
    #[error("cannot start an I/O thread: {0}")]
    Thread(#[from] io::Error),
    /// None of the I/O threads may serve the socket.
    #[error("none of {threads} I/O threads is in the mask {mask:#x}")]
    NoThread {
        /// The threads that may, one bit for each.
        mask: u64,
        /// How many threads there are.
        threads: usize,
    },
    /// The runtime has ended.
    #[error(transparent)]
    Gone(#[from] PlacementGone),
}

/// The runtime of this placement has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the runtime that this context runs on has ended")]
pub struct PlacementGone;

/// One or more runtimes that tasks can be sent to from any thread.
#[derive(Debug, Clone)]
pub struct Placement {
    seats: Arc<[Seat]>,
    /// The seats that tasks are sent to.
    open: Arc<[usize]>,
    next: Arc<AtomicUsize>,
    driver: Driver,
    local: bool,
    threads: Arc<Mutex<IoThreads>>,
}

/// I/O threads, to wait for: each ends when its placement has no holder any more.
#[derive(Debug, Default)]
pub struct IoThreads(Vec<IoThread>);

#[derive(Debug)]
struct IoThread {
    handle: JoinHandle<()>,
    /// Disconnected when the runtime and all that it had is gone.
    ended: Receiver<Infallible>,
}

impl IoThreads {
    /// Waits until they have ended, or `deadline`. Not to be called on one of them.
    pub fn join(self, deadline: Instant) {
        for thread in self.0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if thread.ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
                // A panic of it was told when it came.
                let _ = thread.handle.join();
            }
        }
    }
}

/// Keeps the mailbox of one runtime open; the last to go closes it.
#[derive(Debug)]
struct Seat {
    mailbox: Arc<Mailbox>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// Holds no handle of the runtime that it runs on: that would keep the runtime alive for ever.
async fn serve(reading: Reading, driver: Driver, is_local: bool) {
    let parking = Parking::new(Arc::clone(&reading.0));
    let home = Runtime::with_current(|runtime| Home { driver, is_local, spin: Spin::start(runtime), parking });
    while let Some(jobs) = reading.0.receive().await {
        let more = jobs.len() == JOBS_MAX;
        jobs.into_iter().for_each(|job| home.begin(job));
        if more {
            home.give_way().await;
        }
    }
    home.close_parking();
}

impl Placement {
    /// `count` I/O threads of its own, at least one.
    ///
    /// # Errors
    /// [`PlacementError::Driver`] and [`PlacementError::Thread`].
    pub fn shared(count: usize, choice: DriverChoice) -> Result<Self, PlacementError> {
        Self::threads(&ThreadConfig { count, ..ThreadConfig::default() }, choice)
    }

    /// I/O threads of its own.
    ///
    /// # Errors
    /// [`PlacementError::Driver`] and [`PlacementError::Thread`]: what the system says to the name, the processors or the
    /// schedule too.
    pub fn threads(config: &ThreadConfig, choice: DriverChoice) -> Result<Self, PlacementError> {
        let seats = (0..config.count.max(1)).map(|index| io_thread(index, config, choice));
        let seats = seats.collect::<Result<Vec<_>, _>>()?;
        let driver = seats[0].1;
        let (seats, threads) = seats.into_iter().map(|(seat, _, thread)| (seat, thread)).unzip();
        Ok(Self::new(seats, driver, false, IoThreads(threads)))
    }

    /// The compio runtime that the calling thread runs on.
    ///
    /// # Errors
    /// [`PlacementError::NoRuntime`].
    pub fn local() -> Result<Self, PlacementError> {
        let runtime = Runtime::try_current().ok_or(PlacementError::NoRuntime)?;
        let driver = Driver::of(&runtime);
        let mailbox = Arc::new(Mailbox::default());
        // `Reading` is made here, so that the mailbox is marked even if the runtime ends before the first poll.
        runtime.spawn(serve(Reading(Arc::clone(&mailbox)), driver, true)).detach();
        Ok(Self::new(vec![Seat { mailbox }], driver, true, IoThreads::default()))
    }

    fn new(seats: Vec<Seat>, driver: Driver, local: bool, threads: IoThreads) -> Self {
        let open = (0..seats.len()).collect();
        Self { seats: seats.into(), open, next: Arc::default(), driver, local, threads: Arc::new(Mutex::new(threads)) }
    }

    /// Whether the calling thread is one of its I/O threads.
    pub fn is_io_thread(&self) -> bool {
        let here = std::thread::current().id();
        self.threads.lock().0.iter().any(|thread| thread.handle.thread().id() == here)
    }

    /// Its I/O threads, for whoever waits for them; there are none the second time.
    pub fn take_threads(&self) -> IoThreads {
        std::mem::take(&mut self.threads.lock())
    }

    /// The engine that completes I/O here.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// The same, but only of the threads that have a bit in `mask` (`ZMQ_AFFINITY`): the first is bit 0. No bit means all.
    ///
    /// # Errors
    /// [`PlacementError::NoThread`] if there is none.
    pub fn among(&self, mask: u64) -> Result<Self, PlacementError> {
        if mask == 0 {
            return Ok(self.clone());
        }
        let threads = self.seats.len();
        let open: Arc<[usize]> = (0..threads.min(64)).filter(|seat| mask & (1 << seat) != 0).collect();
        if open.is_empty() {
            return Err(PlacementError::NoThread { mask, threads });
        }
        Ok(Self { open, ..self.clone() })
    }

    /// Whether actors share the caller's runtime.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Starts a task on the next runtime in turn. The task need not be `Send`; what makes it must.
    ///
    /// # Errors
    /// [`PlacementGone`] if that runtime has ended.
    pub fn spawn<M, F>(&self, make: M) -> Result<(), PlacementGone>
    where
        M: FnOnce(Home) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.open.len();
        self.seats[self.open[turn]].mailbox.post(Box::new(move |home| Box::pin(make(home))))
    }
}

fn io_thread(
    index: usize,
    config: &ThreadConfig,
    choice: DriverChoice,
) -> Result<(Seat, Driver, IoThread), PlacementError> {
    let mailbox = Arc::new(Mailbox::default());
    let (started, starts) = channel();
    let (runs, ended) = channel();
    let inbox = Reading(Arc::clone(&mailbox));
    let config = config.clone();
    let handle = start_thread(config.name(index)?, move || {
        // Dropped last.
        let _runs = runs;
        let applied = config.apply().map_err(PlacementError::from);
        let runtime = match applied.and_then(|()| Ok(choice.runtime()?)) {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        let driver = Driver::of(&runtime);
        // The creator waits for this message, so it is there.
        let _ = started.send(Ok(driver));
        runtime.block_on(serve(inbox, driver, false));
    })?;
    let driver = starts.recv().map_err(io::Error::other)??;
    Ok((Seat { mailbox }, driver, IoThread { handle, ended }))
}
