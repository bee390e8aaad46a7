//! Timers call back when they are due, once however late, and may change each other meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use monocoque::{Context, Interest, Poller, TimerError, TimerId, Timers};

use crate::common::{in_shared, inproc, soon};

const SECOND: Duration = Duration::from_secs(1);

/// A clock that a test moves, and timers that go by it.
fn by_hand() -> (impl Fn(Duration), Timers) {
    let (start, passed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let clock = Arc::clone(&passed);
    let timers = Timers::with_clock(move || start + Duration::from_millis(clock.load(Ordering::Relaxed)));
    let pass = move |time: Duration| {
        passed.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    };
    (pass, timers)
}

/// Where timers write down that they were called.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn note(&self, name: &'static str) -> impl FnMut(&mut Timers, TimerId) + Send + 'static + use<> {
        let log = self.clone();
        move |_, _| log.write(name)
    }

    fn write(&self, name: &'static str) {
        self.0.lock().expect("nobody panicked").push(name);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().expect("nobody panicked"))
    }
}

#[test]
fn they_are_called_in_the_order_of_their_times() {
    let (pass, mut timers) = by_hand();
    let log = Log::default();
    assert_eq!((timers.timeout(), timers.execute()), (None, 0));
    timers.add(3 * SECOND, log.note("slow"));
    timers.add(SECOND, log.note("quick"));
    assert_eq!((timers.timeout(), timers.execute()), (Some(SECOND), 0));
    pass(SECOND);
    assert_eq!((timers.timeout(), timers.execute()), (Some(Duration::ZERO), 1));
    pass(2 * SECOND);
    assert_eq!(timers.execute(), 2);
    assert_eq!(log.take(), ["quick", "quick", "slow"]);
}

#[test]
fn a_late_timer_fires_once_and_counts_from_then() {
    let (pass, mut timers) = by_hand();
    timers.add(SECOND, |_, _| ());
    pass(10 * SECOND + SECOND / 2);
    assert_eq!((timers.execute(), timers.execute()), (1, 0));
    assert_eq!(timers.timeout(), Some(SECOND));
}

#[test]
fn a_callback_may_cancel_itself_and_others() {
    let (pass, mut timers) = by_hand();
    let log = Log::default();
    let first = log.clone();
    let once = timers.add(SECOND, move |timers, id| {
        first.write("once");
        timers.cancel(id).expect("it is this one");
        assert_eq!(timers.cancel(id), Err(TimerError::Unknown(id)));
    });
    let victim = Arc::new(Mutex::new(None));
    let known = Arc::clone(&victim);
    let second = log.clone();
    timers.add(SECOND, move |timers, _| {
        second.write("killer");
        if let Some(victim) = known.lock().expect("nobody panicked").take() {
            timers.cancel(victim).expect("it is there");
        }
    });
    *victim.lock().expect("nobody panicked") = Some(timers.add(SECOND, log.note("victim")));
    pass(SECOND);
    assert_eq!((timers.execute(), timers.len()), (2, 1));
    pass(SECOND);
    assert_eq!(timers.execute(), 1);
    assert_eq!(log.take(), ["once", "killer", "killer"]);
    assert_eq!(timers.cancel(once), Err(TimerError::Unknown(once)));
}

#[test]
fn a_callback_may_change_when_it_and_others_are_due() {
    let (pass, mut timers) = by_hand();
    let log = Log::default();
    let later = Arc::new(Mutex::new(None));
    let known = Arc::clone(&later);
    timers.add(SECOND, move |timers, id| {
        timers.set_interval(id, 5 * SECOND).expect("it is this one");
        let other = known.lock().expect("nobody panicked").expect("it was added");
        timers.reset(other).expect("it is there");
    });
    *later.lock().expect("nobody panicked") = Some(timers.add(SECOND, log.note("later")));
    pass(SECOND);
    assert_eq!(timers.execute(), 1, "the other was due too, and was reset before its turn");
    assert_eq!(timers.timeout(), Some(SECOND));
    pass(SECOND);
    assert_eq!((timers.execute(), log.take()), (1, vec!["later"]));
    pass(3 * SECOND);
    assert_eq!((timers.execute(), log.take()), (1, vec!["later"]));
    pass(SECOND);
    assert_eq!((timers.execute(), log.take()), (1, vec![]), "it was reset again");
}

#[test]
fn a_timer_that_a_callback_adds_waits_for_the_next_time() {
    let (_, mut timers) = by_hand();
    let log = Log::default();
    let child = log.clone();
    timers.add(Duration::ZERO, move |timers, id| {
        child.write("parent");
        timers.add(Duration::ZERO, child.note("child"));
        timers.cancel(id).expect("it is this one");
    });
    assert_eq!((timers.execute(), log.take()), (1, vec!["parent"]));
    assert_eq!((timers.execute(), log.take()), (1, vec!["child"]));
}

#[test]
fn a_poller_waits_until_the_next_is_due() {
    in_shared(async |ctx: Context| {
        let name = inproc();
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        let push = ctx.push().connect(&name).expect("valid");
        let mut timers = Timers::new();
        let mut beats = 0;
        timers.add(Duration::from_millis(1), move |timers, id| {
            beats += 1;
            push.try_send("beat").expect("there is room");
            if beats == 3 {
                timers.cancel(id).expect("it is this one");
            }
        });
        let mut poller = Poller::new();
        poller.add(&pull, Interest::READABLE, 0).expect("new");
        let mut heard = 0;
        while heard < 3 {
            if soon(poller.wait(timers.timeout())).await.expect("waited").is_empty() {
                timers.execute();
            }
            heard += std::iter::from_fn(|| pull.try_recv().ok()).count();
        }
        assert!(timers.is_empty() && timers.timeout().is_none());
    });
}
