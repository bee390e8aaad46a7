//! Two sockets that are joined over inproc part while both are busy: neither waits for ever for what the other holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use monocoque::Context;

use crate::common::{inproc, watched};

const ROUNDS: usize = 3000;

#[test]
fn a_publisher_and_a_subscriber_that_comes_and_goes() {
    watched(|| {
        let (ctx, name, done) = (Context::new(), inproc(), AtomicBool::new(false));
        let publisher = ctx.publisher().build().expect("valid");
        publisher.blocking().bind(&name).expect("free");
        let subscriber = ctx.subscriber().build().expect("valid");
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    publisher.try_send("topic").expect("a publisher drops");
                }
            });
            for _ in 0..ROUNDS {
                subscriber.connect(&name).expect("bound");
                subscriber.subscribe("topic");
                let _ = subscriber.try_recv();
                subscriber.unsubscribe("topic");
                subscriber.disconnect(&name).expect("connected");
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn two_dealers_that_are_joined_twice() {
    watched(|| {
        let (ctx, names) = (Context::new(), [inproc(), inproc()]);
        let dealers = [(); 2].map(|()| ctx.dealer().build().expect("valid"));
        for (dealer, name) in dealers.iter().zip(&names) {
            dealer.blocking().bind(name).expect("free");
        }
        thread::scope(|scope| {
            for (dealer, name) in dealers.iter().zip(names.iter().rev()) {
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        dealer.connect(name).expect("bound");
                        (0..3).for_each(|_| drop(dealer.try_send("for either")));
                        let _ = dealer.try_recv();
                        dealer.disconnect(name).expect("connected");
                    }
                });
            }
        });
    });
}

#[test]
fn a_dealer_that_is_its_own_peer() {
    watched(|| {
        let (ctx, name) = (Context::new(), inproc());
        let dealer = ctx.dealer().build().expect("valid");
        dealer.blocking().bind(&name).expect("free");
        for _ in 0..10 {
            dealer.connect(&name).expect("bound");
            (0..5).for_each(|_| drop(dealer.try_send("to myself")));
            let _ = dealer.try_recv();
            (0..5).for_each(|_| drop(dealer.try_send("to myself")));
            dealer.disconnect(&name).expect("connected");
        }
    });
}
