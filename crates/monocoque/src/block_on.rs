//! Waiting for a future on the calling thread.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use monocoque_core::pipe::ReadTurns;
use monocoque_io::{SPIN_WINDOW, glance, keeps_core, yield_core};
use smallvec::SmallVec;

use crate::core::Core;
use crate::wait::Asleep;

/// Runs `future` to its end on the calling thread, without an executor.
///
/// Between polls the thread waits to be woken: for 50 µs it looks again and again, yielding its core to whoever
/// wants it, because an answer often comes within that time and waking a parked thread takes longer; then it parks. It parks at once
/// where other programs keep the core busy.
///
/// It runs any future of this crate on a [shared](crate::Context::new) context, and futures that combine them.
/// It does no I/O itself: a future of a [local](crate::Context::local) context that has to wait never ends here.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use monocoque::{Context, block_on};
///
/// let ctx = Context::new();
/// let reply = block_on(async {
///     let rep = ctx.rep().bind("inproc://question").await?;
///     let req = ctx.req().connect("inproc://question")?;
///     req.send("why").await?;
///     rep.send(rep.recv().await?).await?;
///     Ok::<_, Box<dyn std::error::Error>>(req.recv().await?)
/// })?;
/// assert_eq!(reply, "why".into());
/// # Ok(())
/// # }
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let Some(output) = block_until(future, None) else { unreachable!("there is no deadline") };
    output
}

/// [`block_on`] for at most `limit`; `None` if `future` did not end by then.
///
/// It is polled once at least, and dropped when the time is over: a future of this crate loses nothing by that.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use monocoque::{Context, block_on_timeout};
///
/// let ctx = Context::new();
/// let pull = ctx.pull().build()?;
/// assert!(block_on_timeout(pull.recv(), Duration::from_millis(5)).is_none(), "nobody sends");
/// # Ok(())
/// # }
/// ```
pub fn block_on_timeout<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    // Without a deadline if it is farther away than the clock reaches.
    block_until(future, Instant::now().checked_add(limit))
}

thread_local! {
    /// The sockets whose messages the future that this thread blocks on has waited for since it slept; `None` while it blocks on none.
    static AWAITED: RefCell<Option<Awaited>> = const { RefCell::new(None) };
}

/// Most wait for those of one.
type Awaited = SmallVec<[Weak<Core>; 1]>;

/// The messages of `core` are waited for by the future that is being polled. Whoever polls it elsewhere looks at nothing while it
/// waits: for as long as that has what this gives.
pub(crate) fn awaits(core: &Arc<Core>) -> Option<Asleep> {
    // Its connections lend nothing.
    if core.context.is_local() {
        return None;
    }
    let is_noted = AWAITED.try_with(|awaited| awaited.borrow_mut().as_mut().map(|awaited| note(awaited, core)));
    (!matches!(is_noted, Ok(Some(())))).then(|| Asleep::new(core))
}

/// Until the thread sleeps: a future of several is not polled whole each time, and what was waited for may be still.
fn note(awaited: &mut Awaited, core: &Arc<Core>) {
    if !awaited.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(core))) {
        awaited.retain(|known| known.strong_count() > 0);
        awaited.push(Arc::downgrade(core));
    }
}

/// Has noted what a future waits for, until dropped.
struct Noting {
    outer: Option<Awaited>,
}

impl Noting {
    fn begin() -> Self {
        Self { outer: AWAITED.try_with(|awaited| awaited.replace(Some(Awaited::new()))).ok().flatten() }
    }

    /// What was noted until now, of what is there still.
    fn awaited() -> SmallVec<[Arc<Core>; 1]> {
        let upgrade = |awaited: &Awaited| awaited.iter().filter_map(Weak::upgrade).collect();
        AWAITED.try_with(|awaited| awaited.borrow().as_ref().map(upgrade)).ok().flatten().unwrap_or_default()
    }

    fn forget() {
        let _ = AWAITED.try_with(|awaited| awaited.borrow_mut().as_mut().map(Awaited::clear));
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        let _ = AWAITED.try_with(|awaited| awaited.replace(self.outer.take()));
    }
}

fn block_until<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let _noting = Noting::begin();
    let parker = Parker::take();
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    let output = loop {
        parker.woken.swap(false, Ordering::AcqRel);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            break Some(output);
        }
        if !parker.wait(deadline, Noting::awaited()) {
            break None;
        }
    };
    parker.put_back();
    output
}

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

thread_local! {
    /// This thread's parker while it is in no use. A future that blocks on another finds none here, and the inner
    /// one cannot take its wakes.
    static PARKER: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
}

impl Parker {
    fn take() -> Arc<Self> {
        let new = || Arc::new(Self { thread: std::thread::current(), woken: AtomicBool::new(false) });
        // There is none while a thread ends, whose destructors may still wait.
        PARKER.try_with(Cell::take).ok().flatten().unwrap_or_else(new)
    }

    fn put_back(self: Arc<Self>) {
        let _ = PARKER.try_with(|place| place.set(Some(self)));
    }

    /// Waits until woken; `false` when `deadline` came first. What was lent to those that are `awaited` it reads meanwhile.
    fn wait(&self, deadline: Option<Instant>, mut awaited: SmallVec<[Arc<Core>; 1]>) -> bool {
        let turns = |awaited: &[Arc<Core>], each: fn(&ReadTurns)| {
            awaited.iter().for_each(|core| each(core.hub.signals().turns()));
        };
        turns(&awaited, ReadTurns::begin);
        let mut now = Instant::now();
        let park_from = now + SPIN_WINDOW;
        // Who sleeps keeps no socket.
        let mut asleep: SmallVec<[Asleep; 1]> = SmallVec::new();
        glance(|| self.woken.load(Ordering::Acquire));
        while !self.woken.load(Ordering::Acquire) {
            if deadline.is_some_and(|deadline| now >= deadline) {
                return false;
            }
            if now < park_from && keeps_core() {
                now = yield_core(now, awaited.iter().any(|core| core.hub.signals().turns().are_one_by_one()));
                turns(&awaited, |turns| _ = turns.look());
                continue;
            }
            if !awaited.is_empty() {
                asleep = awaited.iter().map(Asleep::after_looking).collect();
                awaited.clear();
                Noting::forget();
            }
            match deadline {
                Some(deadline) => std::thread::park_timeout(deadline - now),
                None => std::thread::park(),
            }
            now = Instant::now();
        }
        turns(&awaited, ReadTurns::ended_soon);
        drop(asleep);
        true
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::pin::pin;
    use std::sync::mpsc::{Sender, channel};

    use futures_util::Stream;
    use monocoque_core::Message;

    use super::*;
    use crate::Context as Sockets;
    use crate::error::RecvError;
    use crate::kind::{Rep, Req};
    use crate::poller::{Interest, Poller};
    use crate::socket::Socket;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn what_never_ends_is_given_up_and_what_is_done_is_not() {
        assert_eq!(block_on_timeout(pending::<()>(), Duration::from_millis(1)), None);
        assert_eq!(block_on_timeout(ready(7), Duration::ZERO), Some(7));
        assert_eq!(block_on_timeout(ready(7), Duration::MAX), Some(7));
    }

    #[test]
    fn blocking_within_what_is_blocked_on_loses_no_wake() {
        let mut woken = false;
        let outer = poll_fn(|cx| {
            if std::mem::replace(&mut woken, true) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            // The inner future ends only after the outer one was woken.
            block_on(async move {
                waker.wake();
                monocoque_io::yield_now().await;
            });
            Poll::Pending
        });
        assert_eq!(block_on_timeout(outer, Duration::from_secs(10)), Some(()));
    }

    #[test]
    fn a_thread_that_ends_may_still_block() {
        struct Last(std::sync::mpsc::Sender<u32>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.0.send(block_on(ready(7))).expect("the test waits for it");
            }
        }
        thread_local! {
            static LAST: Cell<Option<Last>> = const { Cell::new(None) };
        }
        let (told, tells) = std::sync::mpsc::channel();
        let ends = move || {
            // What was made first goes last: after the parker.
            LAST.set(Some(Last(told)));
            block_on(ready(()));
        };
        std::thread::spawn(ends).join().expect("no panic");
        assert_eq!(tells.recv_timeout(Duration::from_secs(30)), Ok(7));
    }

    /// A REP whose connection is lent to whoever waits for its requests, and who sends them, with an I/O thread of its own.
    struct Lent {
        rep: Socket<Rep>,
        req: Socket<Req>,
    }

    impl Lent {
        fn new() -> Self {
            let rep = block_on(Sockets::new().rep().bind("ipc://*")).expect("free");
            let endpoint = rep.last_endpoint().expect("bound").to_string();
            let req = Sockets::new().req().connect(endpoint).expect("valid");
            let lent = Self { rep, req };
            let until = Instant::now() + PATIENCE;
            while !lent.turns().are_lent() {
                assert!(Instant::now() < until, "it is never lent");
                block_on(lent.req.send("question")).expect("open");
                lent.answer(block_on(lent.rep.recv()));
            }
            lent
        }

        fn turns(&self) -> &ReadTurns {
            self.rep.core().hub.signals().turns()
        }

        fn answer(&self, question: Result<Message, RecvError>) {
            assert_eq!(question.expect("open"), "question".into());
            // As far as is told.
            self.turns().ended_soon();
            block_on(self.rep.send("answer")).expect("open");
            assert_eq!(block_on(self.req.recv()).expect("open"), "answer".into());
        }

        /// The question that `attempt` finds, with the I/O thread of the REP doing nothing.
        fn found(attempt: impl Fn(&Socket<Rep>) -> Option<Message>) {
            let until = Instant::now() + PATIENCE;
            let (lent, _release) = loop {
                assert!(Instant::now() < until, "it is always taken back");
                let lent = Self::new();
                let release = lent.hold();
                if lent.turns().are_lent() {
                    break (lent, release);
                }
            };
            block_on(lent.req.send("question")).expect("open");
            let question = loop {
                if let Some(question) = attempt(&lent.rep) {
                    break question;
                }
                assert!(Instant::now() < until, "nobody reads it");
                std::thread::yield_now();
            };
            lent.answer(Ok(question));
        }

        /// Has the I/O thread do nothing until what is returned is dropped.
        fn hold(&self) -> Sender<()> {
            let ((release, released), (tell, told)) = (channel(), channel());
            let job = move |_| async move {
                tell.send(()).expect("waited for");
                // An error is the release.
                let _ = released.recv_timeout(PATIENCE);
            };
            self.rep.core().placement().expect("alive").spawn(job).expect("alive");
            told.recv_timeout(PATIENCE).expect("the I/O thread runs");
            release
        }
    }

    #[test]
    fn who_blocks_or_looks_reads_what_was_lent() {
        Lent::found(|rep| block_on_timeout(rep.recv(), SPIN_WINDOW / 2).map(|question| question.expect("open")));
        Lent::found(|rep| rep.try_recv().ok());
        Lent::found(|rep| rep.try_recv_with_peer().ok().map(|(question, _)| question));
        Lent::found(|rep| rep.can_recv().then(|| rep.try_recv().expect("it was there")));
    }

    #[test]
    fn what_was_awaited_is_looked_at_while_only_a_part_of_the_future_is_polled() {
        let sockets = [(); 2].map(|()| Sockets::new().pull().build().expect("valid"));
        let mut polls = 0;
        block_on(poll_fn(|cx| {
            polls += 1;
            awaits(sockets[0].core());
            if polls == 1 {
                awaits(sockets[1].core());
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            assert_eq!(Noting::awaited().len(), 2);
            Poll::Ready(())
        }));
        assert!(Noting::awaited().is_empty());
    }

    #[test]
    fn who_waits_elsewhere_gives_back_what_was_lent() {
        let waits = |wait: fn(Socket<Rep>, &mut Context<'_>) -> bool| {
            let lent = Lent::new();
            assert!(wait(lent.rep.clone(), &mut Context::from_waker(Waker::noop())), "nothing is there");
            assert!(!lent.turns().are_lent());
        };
        waits(|rep, cx| pin!(rep.recv()).poll(cx).is_pending());
        waits(|rep, cx| pin!(rep.into_stream()).poll_next(cx).is_pending());
        waits(|rep, cx| {
            let mut poller = Poller::new();
            poller.add(&rep, Interest::READABLE, 1).expect("a socket");
            pin!(poller.wait(None)).poll(cx).is_pending()
        });
        waits(|rep, _| rep.event_fd().is_ok());
        // As does who sleeps again and again.
        waits(|rep, _| (0..20).all(|_| block_on_timeout(rep.recv(), Duration::from_millis(1)).is_none()));
    }
}
