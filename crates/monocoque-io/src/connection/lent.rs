//! A connection that is lent to who waits for its messages.
//!
//! Where what a peer says, one message or several, is waited for and answered, another thread that reads is a detour: two more
//! switches of a core each time. So a connection whose pumps have nothing to do is handed over whole, and whoever waits reads it where it
//! looks ([`ReadTurns`](monocoque_core::pipe::ReadTurns)), as its sender writes it (docs/decisions/0008, 0050 and 0052). It is the same
//! intake, in the same order, in another thread. The connection's task waits meanwhile, and takes it back when it is given back,
//! when something is left to do that needs it, and when nothing has come that way for long.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use monocoque_core::Protocol;
use monocoque_core::pipe::{BatchSource, Came, ReadThrough};
use monocoque_core::sync::Mutex;

use super::intake::{Held, Intake, Look};
use super::{Host, Lasting, Running};
use crate::link::{Link, Watch};

/// How often its task asks whether anything has come, and whether something was left to a later message. A wake of the task costs
/// a round trip dearly.
const ATTENDED: Duration = Duration::from_millis(10);
/// The same where several messages come at a time, and so more is left.
const ATTENDED_SEVERAL: Duration = Duration::from_millis(5);
/// What was left for so long waits for something else that who was lent it does.
const FORGOTTEN: Duration = Duration::from_millis(1);

/// What is handed over.
struct Handed<P: Protocol, L, H> {
    running: Box<Running<P, L, H>>,
    held: Held,
    /// A look ended so. It goes on where its task takes it back: whoever looked does not unwind.
    panic: Option<Box<dyn Any + Send>>,
}

struct Lent<P: Protocol, L, H> {
    /// Until the task has it back.
    handed: Mutex<Option<Handed<P, L, H>>>,
    /// The task is to take it back.
    is_due: AtomicBool,
    /// The task could not see whether it is needed, because somebody looked.
    is_asked: AtomicBool,
    /// Who was lent it does not look any more.
    is_given_back: AtomicBool,
    /// Who was lent it sleeps: the task reads what comes next.
    is_watched: AtomicBool,
    /// Several messages came at a time.
    are_several: AtomicBool,
    /// Looks, and those that found something.
    looks: AtomicU32,
    finds: AtomicU32,
    /// The task's.
    waker: Waker,
}

/// Whether who was lent it attends to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attention {
    Paid,
    /// It looks, and nothing comes.
    InVain,
    None,
}

impl<P: Protocol, L, H> fmt::Debug for Lent<P, L, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("is_due", &self.is_due).finish_non_exhaustive()
    }
}

/// Lends `running`, which is idle, until its task is needed again.
pub(super) fn lend<P: Protocol, L: Link, H: Host<P>>(
    running: Running<P, L, H>,
) -> impl Future<Output = Box<Running<P, L, H>>> {
    let mut running = Some(Box::new(running));
    let (mut lent, mut task) = (None, Task::default());
    poll_fn(move |cx| {
        let lent = match &lent {
            Some(lent) => lent,
            None => match Lent::begin(running.take().expect("it is lent once"), cx.waker()) {
                Ok(begun) => lent.insert(begun),
                Err(running) => return Poll::Ready(running),
            },
        };
        task.keep_time(cx, lent);
        lent.poll_back(cx, &mut task)
    })
}

/// What the task of a connection has while that is lent.
#[derive(Default)]
struct Task {
    attended: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Looks, and those that found something, when attention was paid last.
    before: (u32, u32),
    attention: Option<Attention>,
    /// While who was lent it sleeps.
    watch: Option<Watch>,
}

impl Task {
    fn keep_time<P: Protocol, L, H>(&mut self, cx: &mut Context<'_>, lent: &Lent<P, L, H>) {
        loop {
            let every = if lent.are_several.load(Ordering::Relaxed) { ATTENDED_SEVERAL } else { ATTENDED };
            let attended = self.attended.get_or_insert_with(|| Box::pin(compio::time::sleep(every)));
            if attended.as_mut().poll(cx).is_pending() {
                return;
            }
            self.attended = None;
            self.attention = Some(lent.attention_since(&mut self.before));
        }
    }
}

impl<P: Protocol, L, H> Lent<P, L, H> {
    /// What was done with it since it was asked `before`: looks, and those that found something.
    fn attention_since(&self, before: &mut (u32, u32)) -> Attention {
        let now = (self.looks.load(Ordering::Relaxed), self.finds.load(Ordering::Relaxed));
        let before = std::mem::replace(before, now);
        match (now.0 == before.0, now.1 == before.1) {
            (true, _) => Attention::None,
            (false, true) => Attention::InVain,
            (false, false) => Attention::Paid,
        }
    }
}

impl<P: Protocol, L: Link, H: Host<P>> Lent<P, L, H> {
    /// Hands `running` over, or gives it back if nobody takes it.
    fn begin(running: Box<Running<P, L, H>>, waker: &Waker) -> Result<Arc<Self>, Box<Running<P, L, H>>> {
        let are_several = running.shared.calm.get() == 0;
        let lent = Arc::new(Self {
            are_several: AtomicBool::new(are_several),
            handed: Mutex::new(Some(Handed { running, held: Held::default(), panic: None })),
            is_due: AtomicBool::new(false),
            is_asked: AtomicBool::new(false),
            is_given_back: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
            looks: AtomicU32::new(0),
            finds: AtomicU32::new(0),
            waker: waker.clone(),
        });
        let mut place = lent.handed.lock();
        let is_taken = place.as_ref().is_some_and(|handed| {
            let shared = &handed.running.shared;
            let is_taken = shared.host.borrow().turns().is_some_and(|turns| turns.lend(&lent));
            if is_taken {
                shared.outgoing.borrow().iter().for_each(BatchSource::go_away);
            }
            is_taken
        });
        match place.take_if(|_| !is_taken) {
            Some(Handed { running, .. }) => Err(running),
            None => {
                drop(place);
                Ok(lent)
            }
        }
    }

    /// Takes it back if it was given back, or there is something to do for its task, or it is lent in vain.
    fn poll_back(self: &Arc<Self>, cx: &mut Context<'_>, task: &mut Task) -> Poll<Box<Running<P, L, H>>> {
        let Some(mut place) = self.handed.try_lock().or_else(|| {
            // Who looks now sees this when it is done, or is done already.
            self.is_asked.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            self.handed.try_lock()
        }) else {
            return Poll::Pending;
        };
        let handed = place.as_mut().expect("it is taken back once");
        let attention = task.attention.take();
        let is_forgotten = attention.is_some() && handed.write_left(FORGOTTEN).is_some();
        self.read_for_sleeper(cx, handed, &mut task.watch);
        let is_in_vain = is_forgotten || attention.is_some_and(|attention| attention != Attention::Paid);
        let is_due = is_in_vain || self.is_due.load(Ordering::SeqCst);
        let Some(mut handed) = place.take_if(|handed| is_due || handed.has_work(cx)) else { return Poll::Pending };
        if let Some(turns) = handed.running.shared.host.borrow().turns() {
            turns.take_back(self);
            let is_left_alone = attention == Some(Attention::None) && !self.is_watched.load(Ordering::SeqCst);
            if is_forgotten || is_left_alone {
                turns.hold_off();
            }
        }
        if self.is_given_back.load(Ordering::Relaxed) {
            handed.running.lasting.read.was_lent(self.finds.load(Ordering::Relaxed));
        }
        Poll::Ready(handed.end())
    }

    /// Reads what has come for who sleeps.
    fn read_for_sleeper(&self, cx: &mut Context<'_>, handed: &mut Handed<P, L, H>, watch: &mut Option<Watch>) {
        if !self.is_watched.load(Ordering::SeqCst) || self.is_due.load(Ordering::SeqCst) {
            return;
        }
        let readable = watch.get_or_insert_with(|| handed.running.lasting.link.watch());
        let Poll::Ready(result) = readable.as_mut().poll(cx) else { return };
        *watch = None;
        if result.is_err() {
            // The read pump meets the same error.
            return self.is_due.store(true, Ordering::SeqCst);
        }
        // Who is called for what comes looks again, or sleeps again and says so.
        self.is_watched.store(false, Ordering::SeqCst);
        handed.running.shared.delivered.set(false);
        self.note(handed.look());
        if !handed.running.shared.delivered.get() {
            // Nobody is called.
            self.is_watched.store(true, Ordering::SeqCst);
            cx.waker().wake_by_ref();
        }
    }

    /// Somebody has looked.
    fn note(&self, look: Look) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        if look != Look::Nothing {
            self.finds.fetch_add(1, Ordering::Relaxed);
        }
        match look {
            Look::Left => self.is_due.store(true, Ordering::SeqCst),
            Look::Several => self.are_several.store(true, Ordering::Relaxed),
            Look::Nothing | Look::One => {}
        }
    }
}

impl<P: Protocol, L: Link, H: Host<P>> Handed<P, L, H> {
    /// Whether there is something for the task to do.
    fn has_work(&mut self, cx: &mut Context<'_>) -> bool {
        let Running { shared, lasting } = &mut *self.running;
        let waits = shared.outgoing.borrow().as_ref().is_some_and(BatchSource::waits);
        let has_deadline = shared.protocol.borrow().deadline().is_some();
        !waits || has_deadline || lasting.stop.poll_stopped(cx).is_ready()
    }

    /// Writes what has been left to a later message for `least`; if there is anything, whether all of it went out.
    fn write_left(&self, least: Duration) -> Option<bool> {
        self.running.shared.outgoing.borrow().as_ref().and_then(|outgoing| outgoing.write_left(least))
    }

    fn look(&mut self) -> Look {
        if self.write_left(Duration::ZERO) == Some(false) {
            return Look::Left;
        }
        let Self { running, held, panic } = self;
        let look = catch_unwind(AssertUnwindSafe(|| {
            let Running { shared, lasting: Lasting { link, arena, read, .. } } = &mut **running;
            let mut intake = Intake::of(shared, link, arena, read, std::mem::take(held));
            let look = intake.look();
            *held = intake.held;
            look
        }));
        look.unwrap_or_else(|payload| {
            *panic = Some(payload);
            running.lasting.link.shutdown(Shutdown::Both);
            Look::Left
        })
    }

    /// The pumps go on.
    fn end(self) -> Box<Running<P, L, H>> {
        let Self { mut running, held, panic } = self;
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        running.shared.calm.set(0);
        running.shared.talk.set(0);
        running.shared.outgoing.borrow().iter().for_each(BatchSource::come_back);
        running.lasting.read.go_on(held);
        running
    }
}

impl<P: Protocol, L: Link, H: Host<P>> ReadThrough for Lent<P, L, H> {
    fn read_through(&self) -> Came {
        if self.is_due.load(Ordering::Relaxed) {
            return Came::Nothing;
        }
        let look = {
            let mut place = self.handed.try_lock();
            let look = match place.as_deref_mut() {
                // Asked again: another may have looked meanwhile.
                Some(Some(handed)) if !self.is_due.load(Ordering::Relaxed) => handed.look(),
                // Its task has it back, or is to have it, and may have asked meanwhile.
                Some(_) => Look::Nothing,
                // It is being taken back, or somebody else looks.
                None => return Came::Nothing,
            };
            self.note(look);
            look
        };
        fence(Ordering::SeqCst);
        if self.is_due.load(Ordering::SeqCst) || self.is_asked.load(Ordering::SeqCst) {
            self.is_asked.store(false, Ordering::SeqCst);
            self.waker.wake_by_ref();
        }
        match look {
            Look::Nothing => Came::Nothing,
            Look::One | Look::Left => Came::One,
            Look::Several => Came::Several,
        }
    }

    fn watch(&self) {
        if !self.is_watched.swap(true, Ordering::SeqCst) {
            self.waker.wake_by_ref();
        }
    }

    fn give_back(&self) {
        self.is_given_back.store(true, Ordering::Relaxed);
        self.is_due.store(true, Ordering::SeqCst);
        self.waker.wake_by_ref();
    }
}
