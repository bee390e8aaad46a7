//! Threads that send, receive and wait on one hub: no message and no wake is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::wait::WaitList;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::{Hub, PeerFacts};

use crate::peer::{connect, hub, text};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Tries until it succeeds, waiting in between as a blocking caller does.
fn wait<T>(list: &WaitList, mut attempt: impl FnMut() -> Option<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut ticket = None;
    loop {
        list.register(&mut ticket, &waker);
        if let Some(done) = attempt() {
            list.remove(&mut ticket);
            return done;
        }
        let before = std::time::Instant::now();
        thread::park_timeout(Duration::from_secs(20));
        assert!(before.elapsed() < Duration::from_secs(20), "a wake was lost");
    }
}

fn send(hub: &Hub, text: String) {
    let mut message = Some(Message::from(text));
    wait(&hub.signals().writable, || {
        message = hub.try_send(message.take()?).err().map(|refused| refused.message);
        message.is_none().then_some(())
    });
}

#[test]
fn pushers_and_pullers() {
    const EACH: usize = 5_000;
    const SENDERS: usize = 3;
    let (push, pull, arena) = (hub(SocketType::Push), hub(SocketType::Pull), Arena::new());
    for mark in [1, 2, 7] {
        let (to_pull, from_push) = pipe(Mark::messages(mark), false, &arena);
        let (to_push, from_pull) = pipe(Mark::messages(1), false, &arena);
        let (a, b) = (push.open(), pull.open());
        push.attach(a, to_pull).expect("room for a peer");
        pull.attach(b, to_push).expect("room for a peer");
        let facts = |socket_type| PeerFacts { socket_type, identity: None, commands: true, properties: None };
        push.up(a, facts(SocketType::Pull), from_pull).expect("attached");
        pull.up(b, facts(SocketType::Push), from_push).expect("attached");
    }
    let taken = AtomicUsize::new(0);
    let all: BTreeSet<_> = thread::scope(|scope| {
        for sender in 0..SENDERS {
            let push = &push;
            scope.spawn(move || (0..EACH).for_each(|i| send(push, format!("{sender}.{i}"))));
        }
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut got = Vec::new();
                    // Claiming first makes the receivers stop after the last message between them.
                    while taken.fetch_add(1, Ordering::Relaxed) < SENDERS * EACH {
                        got.push(text(&wait(pull.signals().readable(), || pull.try_recv().ok())));
                    }
                    got
                })
            })
            .collect();
        receivers.into_iter().flat_map(|receiver| receiver.join().expect("no panic")).collect()
    });
    assert_eq!(all.len(), SENDERS * EACH);
    assert_eq!((push.drops().total(), pull.drops().total()), (0, 0));
}

#[test]
fn askers_share_one_req() {
    const EACH: usize = 1_000;
    const ASKERS: usize = 3;
    let (req, rep) = (hub(SocketType::Req), hub(SocketType::Rep));
    connect((&req, SocketType::Req), (&rep, SocketType::Rep));
    thread::scope(|scope| {
        for asker in 0..ASKERS {
            let req = &req;
            scope.spawn(move || {
                for i in 0..EACH {
                    let body = format!("{asker}.{i}");
                    let id = wait(&req.signals().writable, || req.request(Message::from(body.as_str())).ok());
                    if i % 10 == 0 {
                        req.forget(id);
                        continue;
                    }
                    let reply = wait(req.signals().readable(), || req.take_reply(id));
                    assert_eq!(text(&reply), body);
                }
            });
        }
        for _ in 0..ASKERS * EACH {
            let question = wait(rep.signals().readable(), || rep.try_recv().ok());
            rep.try_send(question).expect("its turn");
        }
    });
    assert_eq!(rep.drops().total(), 0);
    // Looking for one more makes the hub read what came for the forgotten ones.
    let last = req.request(Message::from("never answered")).expect("room");
    assert_eq!(req.take_reply(last), None);
    assert_eq!(req.drops().total(), (ASKERS * EACH / 10) as u64);
}
