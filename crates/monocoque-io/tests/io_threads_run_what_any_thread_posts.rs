//! Tasks are posted from any thread, spread over the I/O threads, and may stay on theirs without being `Send`.

mod common;

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use common::{PATIENCE, drivers, shared};
use monocoque_io::{DriverChoice, Placement, sleep};

#[test]
fn every_task_once_whoever_posts_it() {
    for driver in drivers() {
        let placement = Placement::shared(3, DriverChoice::Only(driver)).expect("an available driver");
        let (done, dones) = channel();
        std::thread::scope(|scope| {
            for poster in 0..4 {
                let (placement, done) = (placement.clone(), done.clone());
                scope.spawn(move || {
                    for task in 0..300 {
                        let done = done.clone();
                        let make = move |_| async move {
                            let stays_here = Rc::new((poster, task));
                            sleep(Duration::from_micros(task % 7)).await;
                            done.send((*stays_here, std::thread::current().id())).expect("waited for");
                        };
                        placement.spawn(make).expect("alive");
                    }
                });
            }
        });
        let (mut tasks, mut threads) = (HashSet::new(), HashSet::new());
        for _ in 0..1200 {
            let (task, thread) = dones.recv_timeout(PATIENCE).expect("every task runs");
            assert!(tasks.insert(task), "{task:?} ran twice");
            threads.insert(thread);
        }
        assert_eq!(threads.len(), 3);
        assert!(!threads.contains(&std::thread::current().id()));
    }
}

#[test]
fn and_end_when_the_last_handle_is_dropped() {
    for driver in drivers() {
        let (placement, (started, starts), (lives, ends)) = (shared(driver), channel(), channel::<()>());
        let clone = placement.clone();
        // Never done: it goes when its thread's runtime goes.
        let forever = move |_| async move {
            let _lives = lives;
            started.send(()).expect("waited for");
            std::future::pending::<()>().await;
        };
        placement.spawn(forever).expect("alive");
        starts.recv_timeout(PATIENCE).expect("it runs");
        drop(placement);
        let (done, dones) = channel();
        clone.spawn(move |_| async move { done.send(()).expect("waited for") }).expect("a handle is left");
        dones.recv_timeout(PATIENCE).expect("it runs");
        assert_eq!(ends.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
        drop(clone);
        assert_eq!(ends.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    }
}
