use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use super::*;
use crate::mailbox::Mailbox;
use crate::wakes::Wakes;

/// Activity in the future, so that a slow machine does not end the window.
fn touch(spin: &Spin) {
    spin.touch();
    spin.0.last.set(Instant::now() + Duration::from_secs(3600));
}

/// [`Spin::pause`] on a core that is back at once.
fn pause(spin: &Spin) {
    if spin.0.only_looked_since.take().is_some() {
        spin.0.resumed_at.set(Some(Instant::now()));
    }
}

/// [`Spin::pause`] on a core that is away for a slice.
fn lose_slice(spin: &Spin) {
    spin.0.only_looked_since.set(Instant::now().checked_sub(SLICE));
    spin.pause();
}

struct Bench {
    spin: Spin,
    wakes: Arc<Wakes>,
}

/// A task in the hands of the test, which is its runtime.
struct Hand {
    place: Pin<Box<dyn Future<Output = ()>>>,
    wakes: Arc<Wakes>,
    polls: Rc<Cell<u32>>,
}

impl Hand {
    /// Polls it as its runtime does.
    fn poll(&mut self) -> Poll<()> {
        self.place.as_mut().poll(&mut Context::from_waker(&self.wakes.waker()))
    }
}

impl Bench {
    /// A spin whose last activity was an hour ago and whose task was polled once.
    fn new() -> Self {
        let last = Instant::now().checked_sub(Duration::from_secs(3600)).expect("the machine is up for long");
        let bench = Self { spin: Spin(Rc::new(State::new(-1, last))), wakes: Arc::default() };
        bench.turn();
        bench
    }

    /// A task that does `work` whenever it is polled, and was polled once.
    fn task(&self, mut work: impl FnMut(&Spin) -> Poll<()> + 'static) -> Hand {
        let (spin, polls) = (self.spin.clone(), Rc::new(Cell::new(0)));
        let counted = Rc::clone(&polls);
        let task = Task::new(Box::pin(poll_fn(move |_| {
            counted.set(counted.get() + 1);
            work(&spin)
        })));
        let place = Box::pin(task.run(Arc::new(Mailbox::default()), self.spin.clone()));
        let mut hand = Hand { place, wakes: Arc::default(), polls };
        assert!(hand.poll().is_pending());
        hand
    }

    /// One that has to look, and does `work` the `nth` time that it is polled.
    fn looker(&self, nth: u32, work: impl Fn(&Spin) + 'static) -> Hand {
        let mut polls = 0;
        self.task(move |spin| {
            pause(spin);
            polls += 1;
            if polls == nth {
                work(spin);
            }
            spin.watches();
            Poll::Pending
        })
    }

    /// One that has to look and finds nothing.
    fn idler(&self) -> Hand {
        self.task(|spin| {
            pause(spin);
            spin.watches();
            Poll::Pending
        })
    }

    /// Polls the task; returns whether it wants to be polled again at once.
    fn turn(&self) -> bool {
        let before = self.wakes.count();
        self.spin.turn(&self.wakes.waker());
        self.wakes.count() > before
    }

    /// Activity, and the turn that leaves others their time because of it.
    fn arm(&self) {
        touch(&self.spin);
        assert!(self.turn(), "it polls");
    }

    /// Activity, and then none for longer than the window.
    fn miss(&self) -> bool {
        let before = self.wakes.count();
        self.spin.touch();
        let woken = self.wakes.count() > before;
        self.turn();
        self.age(FREQUENT + WINDOW);
        assert!(!self.turn(), "the window is over");
        woken
    }

    fn age(&self, by: Duration) {
        let last = &self.spin.0.last;
        last.set(last.get().checked_sub(by).expect("the machine is up for long"));
    }
}

#[test]
fn nothing_is_polled_before_anything_happens() {
    assert!(!Bench::new().turn());
}

#[test]
fn after_activity_it_polls_until_the_window_is_over() {
    let bench = Bench::new();
    touch(&bench.spin);
    assert!(bench.turn() && bench.turn());
    bench.age(Duration::from_secs(7200));
    assert!(!bench.turn() && !bench.turn());
}

#[test]
fn rare_activity_closes_the_window_and_frequent_activity_opens_it() {
    let bench = Bench::new();
    let polled = (0..10).filter(|_| bench.miss()).count();
    assert_eq!(polled, MISSES_MAX as usize);
    // The first is as far from the one before as ever; the second is close to it.
    touch(&bench.spin);
    bench.spin.touch();
    assert!(bench.spin.0.armed.get());
}

#[test]
fn a_few_are_watched_while_it_polls_and_all_are_let_go_when_the_window_is_over() {
    let bench = Bench::new();
    let mut tasks = [(); 10].map(|()| bench.idler());
    let polled = |tasks: &[Hand]| tasks.iter().map(|task| task.polls.get()).sum::<u32>();
    let woken = |tasks: &[Hand]| tasks.iter().map(|task| task.wakes.count()).sum::<u32>();
    assert!(bench.spin.0.watchers.borrow().is_empty(), "nothing has happened");
    bench.arm();
    (0..3).for_each(|_| assert!(tasks[0].poll().is_pending()));
    assert_eq!(bench.spin.0.watchers.borrow().len(), 1, "one that asks twice takes one place");
    tasks.iter_mut().for_each(|task| assert!(task.poll().is_pending()));
    let before = polled(&tasks);
    assert!(bench.turn() && bench.turn());
    assert_eq!(polled(&tasks) - before, 2 * WATCHERS_MAX as u32, "those who ask again are polled again");
    assert_eq!(woken(&tasks), 0, "where they are watched, not by their runtime");
    bench.age(Duration::from_secs(7200));
    assert!(!bench.turn());
    assert_eq!(woken(&tasks), WATCHERS_MAX as u32, "then their runtime does");
    let before = polled(&tasks);
    tasks.iter_mut().for_each(|task| assert!(task.poll().is_pending()));
    assert!(!bench.turn());
    assert_eq!(polled(&tasks) - before, 10, "the ring takes over");
}

#[test]
fn who_is_woken_by_what_came_runs_before_the_core_is_yielded() {
    let bench = Bench::new();
    bench.arm();
    assert!(bench.turn(), "twice in a row nobody waits for others");
    let mut task = bench.idler();
    touch(&bench.spin);
    assert!(bench.turn());
    assert_eq!(task.polls.get(), 1, "something came from elsewhere: others have work first");
    assert!(bench.turn());
    assert_eq!(task.polls.get(), 2);
    assert!(bench.spin.0.only_looked_since.get().is_none(), "it yielded before it looked");
    assert!(bench.spin.0.resumed_at.get().is_none(), "what comes later came later");
    assert!(task.poll().is_pending() && bench.spin.0.only_looked_since.get().is_none(), "once a turn");
    drop(task);
    assert!(bench.turn() && bench.spin.0.only_looked_since.get().is_none(), "nobody watches: the turn itself yields");
}

#[test]
fn what_a_look_finds_is_in_hand_before_the_next_look_without_a_turn_for_it() {
    let bench = Bench::new();
    bench.arm();
    let task = bench.task(|spin| {
        touch(spin);
        spin.watches();
        Poll::Pending
    });
    // What the first poll found.
    assert!(bench.turn());
    let before = task.polls.get();
    (0..3).for_each(|_| assert!(bench.turn()));
    assert_eq!(task.polls.get() - before, 3);
}

#[test]
fn who_waits_looks_itself_as_often_as_it_finds_something_up_to_a_bound() {
    let bench = Bench::new();
    assert!(!bench.spin.take_read_turn(Looks::UntilFound), "nothing has happened");
    bench.arm();
    assert!(!bench.spin.take_read_turn(Looks::UntilFound), "nobody watches");
    let finds = Rc::new(Cell::new(true));
    let found = Rc::clone(&finds);
    let task = bench.task(move |spin| {
        pause(spin);
        if found.get() {
            touch(spin);
        }
        spin.watches();
        Poll::Pending
    });
    let hits = (0..).take_while(|_| bench.spin.take_read_turn(Looks::UntilFound)).count();
    assert_eq!(hits, READ_TURNS_MAX as usize);
    assert_eq!(task.polls.get(), 1 + READ_TURNS_MAX);
    finds.set(false);
    assert!(bench.turn() && bench.turn(), "the runtime has its turn");
    let before = task.polls.get();
    assert!(!bench.spin.take_read_turn(Looks::UntilFound) && !bench.spin.take_read_turn(Looks::UntilFound));
    assert_eq!(task.polls.get() - before, LOOKS_MAX, "no look after those in vain until the next turn");
}

#[test]
fn who_waits_looks_more_than_once_before_the_runtime_has_its_turn() {
    let bench = Bench::new();
    bench.arm();
    // It finds something the third time that it is looked at, and no more.
    let task = bench.looker(4, touch);
    assert!(bench.spin.take_read_turn(Looks::UntilFound));
    assert_eq!(task.polls.get(), 4);
    assert!(bench.turn() && bench.turn(), "the runtime has its turn");
    let before = task.polls.get();
    while bench.spin.take_read_turn(Looks::UntilFound) {}
    assert_eq!(task.polls.get() - before, LOOKS_MAX);
    assert!(!bench.spin.take_read_turn(Looks::UntilFound) && bench.spin.0.only_looked_since.get().is_none());
    assert_eq!(task.polls.get() - before, LOOKS_MAX, "the runtime's turn is next");
}

#[test]
fn what_a_look_finds_first_came_when_the_core_was_back() {
    let bench = Bench::new();
    bench.arm();
    let looks = Rc::new(Cell::new(0));
    let count = Rc::clone(&looks);
    let _task = bench.task(move |spin| {
        pause(spin);
        if let Some(resumed_at) = spin.0.resumed_at.get() {
            assert_eq!(spin.touch(), resumed_at);
            assert!(spin.0.resumed_at.get().is_none(), "what comes after it is timed by itself");
            count.set(count.get() + 1);
        }
        spin.watches();
        Poll::Pending
    });
    assert!(bench.spin.take_read_turn(Looks::UntilFound) && bench.spin.take_read_turn(Looks::UntilFound));
    assert_eq!(looks.get(), 2);
    touch(&bench.spin);
    bench.turn();
    bench.turn();
    assert!(looks.get() > 2, "whoever has it look");
    assert!(bench.spin.0.resumed_at.get().is_none());
}

#[test]
fn nobody_looks_on_when_the_window_is_over_or_the_core_is_lost() {
    let endings: [fn(&Spin); 2] = [
        |spin| {
            spin.0.last.set(Instant::now().checked_sub(Duration::from_secs(3600)).expect("the machine is up for long"))
        },
        |_| crate::yielding::lose_core(),
    ];
    for ends in endings {
        std::thread::spawn(move || {
            let bench = Bench::new();
            bench.arm();
            let task = bench.looker(3, ends);
            assert!(!bench.spin.take_read_turn(Looks::UntilFound));
            assert_eq!(task.polls.get(), 3);
        })
        .join()
        .expect("no panic");
    }
}

#[test]
fn who_knows_that_others_have_something_to_do_looks_once() {
    let bench = Bench::new();
    bench.arm();
    let task = bench.looker(4, touch);
    assert!(!bench.spin.take_read_turn(Looks::Once));
    assert_eq!(task.polls.get(), 2);
}

#[test]
fn the_runtime_has_its_turn_after_a_slice_was_lost_whatever_was_found_then() {
    std::thread::spawn(|| {
        let bench = Bench::new();
        bench.arm();
        let task = bench.looker(3, |spin| {
            lose_slice(spin);
            touch(spin);
        });
        assert!(bench.spin.take_read_turn(Looks::UntilFound) && !bench.spin.take_read_turn(Looks::UntilFound));
        assert_eq!(task.polls.get(), 3);
        assert!(bench.turn() && bench.turn(), "the runtime has its turn");
        assert_eq!(bench.spin.0.read_turns.get(), READ_TURNS_MAX);
        let _loses = bench.task(|spin| {
            lose_slice(spin);
            spin.watches();
            Poll::Pending
        });
        touch(&bench.spin);
        assert!(bench.turn() && bench.turn());
        assert_eq!(
            bench.spin.0.read_turns.get(),
            READ_TURNS_MAX,
            "one that it loses itself takes no look from who waits"
        );
    })
    .join()
    .expect("no panic");
}

#[test]
fn nobody_looks_where_no_message_is_expected() {
    let bench = Bench::new();
    bench.arm();
    let silent = bench.task(|spin| {
        assert!(spin.watches());
        Poll::Pending
    });
    assert!(!bench.spin.take_read_turn(Looks::UntilFound) && !bench.spin.0.is_read_turn.get());
    assert_eq!(silent.polls.get(), 2, "once");
    assert_eq!(bench.spin.0.read_turns.get(), 0, "nor asks again before the next turn");
    assert!(bench.spin.0.only_looked_since.get().is_none(), "the core was not yielded, and nobody does it later");
}

#[test]
fn a_task_that_ends_where_it_is_watched_leaves_its_place_in_the_runtime() {
    let bench = Bench::new();
    bench.arm();
    let mut polls = 0;
    let mut task = bench.task(move |spin| {
        polls += 1;
        assert!(polls < 3, "polled after its end");
        if polls == 1 && spin.watches() { Poll::Pending } else { Poll::Ready(()) }
    });
    assert!(bench.turn());
    assert_eq!(task.wakes.count(), 1);
    assert!(task.poll().is_ready());
}

#[test]
fn a_task_that_is_being_polled_is_not_polled_from_within() {
    let bench = Bench::new();
    bench.arm();
    let task = bench.task(|spin| {
        if spin.0.watchers.borrow().is_empty() {
            assert!(spin.watches());
        }
        assert!(!spin.take_read_turn(Looks::UntilFound));
        assert_eq!(spin.0.watchers.borrow().len(), 1, "it watches on");
        Poll::Pending
    });
    assert_eq!(task.polls.get(), 1);
    assert!(bench.turn());
    assert_eq!(task.polls.get(), 2);
}

#[test]
fn a_look_within_a_read_turn_leaves_it_one() {
    let bench = Bench::new();
    bench.arm();
    let _looks = bench.task(|spin| {
        let outer = spin.is_read_turn();
        spin.take_read_turn(Looks::UntilFound);
        assert_eq!(spin.is_read_turn(), outer);
        spin.watches();
        Poll::Pending
    });
    assert!(!bench.spin.take_read_turn(Looks::UntilFound) && !bench.spin.is_read_turn());
}

#[test]
fn a_panic_ends_its_own_task_and_not_who_looked() {
    let bench = Bench::new();
    bench.arm();
    let mut polls = 0;
    let mut bad = bench.task(move |spin| {
        polls += 1;
        assert!(polls < 2, "as planned");
        spin.watches();
        Poll::Pending
    });
    let good = bench.idler();
    assert!(bench.turn(), "it polls on");
    assert_eq!(good.polls.get(), 2);
    assert!(!bench.spin.is_looking() && !bench.spin.is_read_turn());
    assert_eq!(bad.wakes.count(), 1);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bad.poll()));
    let payload = ended.expect_err("it panics where its runtime polls it");
    assert_eq!(payload.downcast_ref(), Some(&"as planned"));
}

#[test]
fn who_has_patience_is_woken_in_the_next_turn_once_and_not_kept_when_the_window_is_over() {
    let (bench, wakes) = (Bench::new(), Arc::<Wakes>::default());
    assert!(!bench.spin.next_turn(&wakes.waker()), "nothing has happened, and a turn may be long in coming");
    bench.arm();
    assert!(bench.spin.next_turn(&wakes.waker()));
    assert_eq!(wakes.count(), 0);
    assert!(bench.turn() && bench.turn());
    assert_eq!(wakes.count(), 1);
    assert!(bench.spin.next_turn(&wakes.waker()));
    bench.age(Duration::from_secs(7200));
    assert!(!bench.turn());
    assert_eq!(wakes.count(), 2);
    assert!(!bench.spin.next_turn(&wakes.waker()));
    bench.arm();
    assert!(bench.spin.next_turn(&wakes.waker()));
    drop(Polled(Rc::downgrade(&bench.spin.0)));
    assert!(bench.spin.0.patient.borrow().is_empty() && !bench.spin.next_turn(&wakes.waker()));
}

#[test]
fn nobody_is_watched_when_the_runtime_has_ended() {
    let bench = Bench::new();
    bench.arm();
    let task = bench.idler();
    assert_eq!(bench.spin.0.watchers.borrow().len(), 1);
    drop(Polled(Rc::downgrade(&bench.spin.0)));
    assert!(!bench.spin.take_read_turn(Looks::UntilFound) && !bench.spin.watches());
    bench.spin.0.last.set(Instant::now().checked_sub(Duration::from_secs(3600)).expect("the machine is up for long"));
    bench.spin.touch();
    assert!(!bench.spin.0.armed.get(), "nothing arms it again");
    assert_eq!(task.polls.get(), 1);
}

#[test]
fn a_read_turn_is_of_the_runtime_that_the_thread_is_in() {
    assert!(!take_read_turn(Looks::UntilFound), "the thread is in none");
    let runtimes = [(); 2].map(|()| crate::DriverChoice::default().runtime().expect("a driver"));
    let looked = Rc::new(Cell::new(0));
    let spin = runtimes[0].block_on(async { Spin::start(&runtimes[0]) });
    let (count, watching) = (Rc::clone(&looked), spin.clone());
    let task = Task::new(Box::pin(poll_fn(move |_| {
        count.set(count.get() + 1);
        touch(&watching);
        watching.watches();
        Poll::Pending
    })));
    touch(&spin);
    spin.0.read_turns.set(READ_TURNS_MAX);
    let mut place = Box::pin(task.run(Arc::new(Mailbox::default()), spin.clone()));
    assert!(place.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(!runtimes[1].block_on(async { take_read_turn(Looks::UntilFound) }));
    assert_eq!(looked.get(), 1);
    assert!(runtimes[0].block_on(async { take_read_turn(Looks::UntilFound) }));
    drop((place, spin));
    drop(runtimes);
    assert!(HERE.with_borrow(Vec::is_empty), "nothing is left of what has ended");
}

#[test]
fn the_task_ends_with_the_last_handle() {
    let runtime = crate::DriverChoice::default().runtime().expect("a driver");
    runtime.block_on(async {
        let spin = Spin::start(&runtime);
        let state = Rc::downgrade(&spin.0);
        drop(spin);
        assert!(state.upgrade().is_none());
    });
}
