//! Where actors run: on I/O threads of the context's own, or on the caller's compio runtime.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use compio::runtime::Runtime;
use monocoque_core::sync::Mutex;

use crate::calm::calm;
use crate::driver::{Driver, DriverChoice, DriverError};
use crate::spin::Spin;

type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;
type Job = Box<dyn FnOnce(Home) -> LocalFuture + Send>;

/// What a task on an I/O runtime knows of its home.
#[derive(Debug, Clone)]
pub struct Home {
    pub(crate) driver: Driver,
    pub(crate) spin: Spin,
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
    /// An I/O thread could not be started.
    #[error("cannot start an I/O thread: {0}")]
    Thread(#[from] io::Error),
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
    next: Arc<AtomicUsize>,
    driver: Driver,
    local: bool,
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

#[derive(Default)]
struct Mailbox {
    state: Mutex<MailboxState>,
}

#[derive(Default)]
struct MailboxState {
    jobs: Vec<Job>,
    waker: Option<Waker>,
    closed: bool,
    /// Nobody runs jobs any more.
    gone: bool,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("jobs", &self.state.lock().jobs.len()).finish()
    }
}

impl Mailbox {
    fn post(&self, job: Job) -> Result<(), PlacementGone> {
        let mut state = self.state.lock();
        if state.gone {
            return Err(PlacementGone);
        }
        state.jobs.push(job);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The jobs that have come in; `None` once closed and empty.
    async fn receive(&self) -> Option<Vec<Job>> {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if !state.jobs.is_empty() {
                return Poll::Ready(Some(std::mem::take(&mut state.jobs)));
            }
            if state.closed {
                return Poll::Ready(None);
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// Marks the mailbox dead when its runtime drops the task that serves it.
struct Serving(Arc<Mailbox>);

impl Drop for Serving {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.gone = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(jobs);
    }
}

/// Holds no handle of the runtime that it runs on: that would keep the runtime alive for ever.
async fn serve(serving: Serving, driver: Driver) {
    let home = Runtime::with_current(|runtime| Home { driver, spin: Spin::start(runtime) });
    while let Some(jobs) = serving.0.receive().await {
        for job in jobs {
            compio::runtime::spawn(calm(job(home.clone()))).detach();
        }
    }
}

impl Placement {
    /// `threads` I/O threads of its own, at least one.
    ///
    /// # Errors
    /// [`PlacementError::Driver`] and [`PlacementError::Thread`].
    pub fn shared(threads: usize, choice: DriverChoice) -> Result<Self, PlacementError> {
        let seats = (0..threads.max(1)).map(|index| io_thread(index, choice)).collect::<Result<Vec<_>, _>>()?;
        let driver = seats[0].1;
        Ok(Self::new(seats.into_iter().map(|(seat, _)| seat).collect(), driver, false))
    }

    /// The compio runtime that the calling thread runs on.
    ///
    /// # Errors
    /// [`PlacementError::NoRuntime`].
    pub fn local() -> Result<Self, PlacementError> {
        let runtime = Runtime::try_current().ok_or(PlacementError::NoRuntime)?;
        let driver = Driver::of(&runtime);
        let mailbox = Arc::new(Mailbox::default());
        // `Serving` is made here, so that the mailbox is marked even if the runtime ends before the first poll.
        runtime.spawn(calm(serve(Serving(Arc::clone(&mailbox)), driver))).detach();
        Ok(Self::new(vec![Seat { mailbox }], driver, true))
    }

    fn new(seats: Vec<Seat>, driver: Driver, local: bool) -> Self {
        Self { seats: seats.into(), next: Arc::default(), driver, local }
    }

    /// The engine that completes I/O here.
    pub fn driver(&self) -> Driver {
        self.driver
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
        let seat = self.next.fetch_add(1, Ordering::Relaxed) % self.seats.len();
        self.seats[seat].mailbox.post(Box::new(move |home| Box::pin(make(home))))
    }
}

fn io_thread(index: usize, choice: DriverChoice) -> Result<(Seat, Driver), PlacementError> {
    let mailbox = Arc::new(Mailbox::default());
    let (started, starts) = std::sync::mpsc::channel();
    let inbox = Serving(Arc::clone(&mailbox));
    std::thread::Builder::new().name(format!("monocoque-io-{index}")).spawn(move || {
        let runtime = match choice.runtime() {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        let driver = Driver::of(&runtime);
        // The creator waits for this message, so it is there.
        let _ = started.send(Ok(driver));
        runtime.block_on(calm(serve(inbox, driver)));
    })?;
    let driver = starts.recv().map_err(io::Error::other)??;
    Ok((Seat { mailbox }, driver))
}
