//! A program whose connections are open and carry nothing sleeps: it uses no processor time and nothing wakes it.
//!
//! A binary of its own, because the system counts what a process uses, whichever test of it that was.

#[path = "common/mod.rs"]
mod common;

use std::time::Duration;

use common::{TCP, all, both, everywhere, soon};
use monocoque::{Context, Dealer, Message, Router, Socket};
use nix::sys::resource::{Usage, UsageWho, getrusage};

/// Connections that are open and idle.
const DEALERS: usize = 100;
/// Messages there and back on each of them before, so that buffers, timers and polling have all been in use.
const TRIPS: u64 = 20;
/// How long nobody does anything. `MONOCOQUE_IDLE_SECONDS` says otherwise, up to what the watchdog of a test allows.
const WINDOW: Duration = Duration::from_secs(3);
/// Processor time of all threads in that window, however long: the last polling before the threads sleep (some 50 µs
/// each) and the end of the wait. One runtime that went on polling would use all of the window, and one timer of a
/// millisecond some 20 ms of three seconds.
const PROCESSOR_MAX: Duration = Duration::from_millis(10);
/// Times that a thread of the process went to sleep in the window. A timer of a second on each connection would make
/// it 300.
const SLEEPS_MAX: i64 = 50;
/// Windows of which one has to be within these bounds.
const WINDOWS_MAX: u32 = 3;

fn window() -> Duration {
    let asked = std::env::var("MONOCOQUE_IDLE_SECONDS").ok();
    asked.map_or(WINDOW, |asked| Duration::from_secs_f64(asked.parse().expect("MONOCOQUE_IDLE_SECONDS is a number")))
}

fn usage() -> Usage {
    getrusage(UsageWho::RUSAGE_SELF).expect("getrusage of oneself cannot fail")
}

fn processor_time(usage: &Usage) -> Duration {
    let of = |time: nix::sys::time::TimeVal| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000);
    of(usage.user_time()) + of(usage.system_time())
}

async fn serve(router: &Socket<Router>, trips: u64) {
    for _ in 0..trips {
        let question = soon(router.recv()).await.expect("a dealer sent");
        router.send(question).await.expect("the dealer waits");
    }
}

async fn ask(dealer: &Socket<Dealer>) {
    for _ in 0..TRIPS {
        dealer.send(Message::from("there and back")).await.expect("connected");
        soon(dealer.recv()).await.expect("an answer");
    }
}

#[test]
fn a_hundred_idle_connections_use_no_processor() {
    everywhere(async |ctx: Context| {
        let router = ctx.router().bind(TCP).await.expect("a port");
        let endpoint = router.last_endpoint().expect("bound").to_string();
        let dealers: Vec<_> = (0..DEALERS).map(|_| ctx.dealer().connect(&endpoint).expect("an endpoint")).collect();
        soon(router.wait_for_peers(DEALERS)).await;
        let asking = all(dealers.iter().map(|dealer| Box::pin(ask(dealer)) as _));
        both(serve(&router, TRIPS * DEALERS as u64), asking).await;

        // The application waits as an idle one does: for a message.
        let message = async {
            let _ = router.recv().await;
            panic!("nobody sends");
        };
        let measure = async {
            // What the host takes of our time is counted as ours: it adds to a window, where a fault of ours adds to all.
            for window_left in (0..WINDOWS_MAX).rev() {
                let before = usage();
                smol::Timer::after(window()).await;
                let after = usage();
                let processor = processor_time(&after) - processor_time(&before);
                let sleeps = after.voluntary_context_switches() - before.voluntary_context_switches();
                println!("{:?} idle: {processor:?} of processor time, {sleeps} sleeps", window());
                if processor < PROCESSOR_MAX && sleeps < SLEEPS_MAX {
                    break;
                }
                let told = format!("{processor:?} of processor time in {:?}, and {sleeps} sleeps", window());
                assert!(window_left > 0, "{told}, in each of {WINDOWS_MAX} windows: something is at work");
            }
        };
        smol::future::or(message, measure).await;
        assert_eq!(router.peers(), DEALERS);
    });
}
