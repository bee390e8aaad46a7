//! A thread may wake any number of tasks of an I/O runtime while it holds a lock that the runtime's own thread waits for.
//! compio takes wakes of other threads into a queue of 64 and waits when it is full: both would wait for ever.

mod common;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{drivers, shared};

/// More than compio's queue takes.
const TASKS: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

fn soon<T>(receiver: &Receiver<T>, what: &str) -> T {
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{what}"))
}

#[test]
fn not_even_for_a_lock_that_the_waker_holds() {
    for driver in drivers() {
        let (placement, lock, is_open) = (shared(driver), Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let (waits, waiting) = mpsc::channel::<Waker>();
        let (ends, ended) = mpsc::channel();
        for _ in 0..TASKS {
            let (waits, ends, is_open) = (waits.clone(), ends.clone(), Arc::clone(&is_open));
            let task = async move |_| {
                let mut told = false;
                poll_fn(|cx| {
                    if is_open.load(Ordering::Acquire) {
                        return Poll::Ready(());
                    }
                    if !std::mem::replace(&mut told, true) {
                        waits.send(cx.waker().clone()).expect("the test waits");
                    }
                    Poll::Pending
                })
                .await;
                ends.send(()).expect("the test waits");
            };
            placement.spawn(task).expect("it runs");
        }
        let wakers: Vec<Waker> = (0..TASKS).map(|_| soon(&waiting, "a task starts")).collect();

        let held = lock.lock().expect("nobody panicked");
        let (comes, coming) = mpsc::channel();
        let wanted = Arc::clone(&lock);
        let blocked = async move |_| {
            comes.send(()).expect("the test waits");
            drop(wanted.lock());
        };
        placement.spawn(blocked).expect("it runs");
        soon(&coming, "the runtime comes to the lock");

        is_open.store(true, Ordering::Release);
        let (count, woken) = (Arc::new(AtomicUsize::new(0)), mpsc::channel());
        let counted = Arc::clone(&count);
        // Not joined: if it hangs the test has to end.
        thread::spawn(move || {
            for waker in wakers {
                waker.wake();
                counted.fetch_add(1, Ordering::Relaxed);
            }
            woken.0.send(()).expect("the test waits");
        });
        if woken.1.recv_timeout(PATIENCE).is_err() {
            panic!("{driver:?}: stuck after {} wakes", count.load(Ordering::Relaxed));
        }
        drop(held);
        (0..TASKS).for_each(|_| soon(&ended, "a task that was woken ends"));
    }
}
