//! Without descriptors a listener reports, pauses, and accepts everyone once there are some again.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Happened, Teller, bind, child, connect, drivers, is_child, shared, succeed, turn};
use monocoque_io::{LinkEvent, ListenConfig};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PEERS: usize = 20;
const ADMITTED: u64 = 5;
const TURNS: usize = 1000;
/// Which of the drivers: each has a process of its own, where nothing of another closes and makes room.
const DRIVER: &str = "MONOCOQUE_TEST_DRIVER";

/// Of any thread: those of the engine tell nobody.
static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn and_recovers() {
    for driver in 0..drivers().len() {
        let mut child = child("in_a_process_with_few_descriptors");
        child.env(DRIVER, driver.to_string());
        succeed(child);
    }
}

fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").expect("linux").count() as u64
}

fn limit_descriptors(current: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum }).expect("lowering is allowed");
}

#[test]
#[ignore = "started by the test above"]
fn in_a_process_with_few_descriptors() {
    if !is_child() {
        return;
    }
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        tell(panic);
    }));
    let plenty = getrlimit(Resource::Nofile).current.expect("limited");
    let driver: usize = std::env::var(DRIVER).expect("set above").parse().expect("a number");
    let driver = drivers()[driver];
    let (placement, binding) = (shared(driver), bind(&common::tcp()).expect("free"));
    let endpoint = binding.endpoint().clone();
    // The backlog holds them until they are accepted.
    let mut peers = (0..PEERS).map(|_| connect(&endpoint)).collect::<Vec<_>>();
    limit_descriptors(open_descriptors() + ADMITTED);
    let (teller, story) = Teller::new();
    let _listening = teller.listen(&placement, binding, ListenConfig::default());
    let (mut accepted, mut failed) = (0, 0);
    // A connection whose ends are dropped parts, and gives its descriptor back.
    let mut held = Vec::new();
    // Twice, so that it is seen to try again.
    while failed < 2 {
        match story.next().expect("it goes on") {
            Happened::Ready(ends) => held.push(ends),
            Happened::Link(LinkEvent::Accepted(_)) => accepted += 1,
            Happened::Link(LinkEvent::AcceptFailed(error)) => {
                assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
                failed += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(accepted < PEERS, "the limit was not reached");
    // Between two tries the thread has time for others: far more of their turns than failures.
    (0..TURNS).for_each(|_| turn(&placement));
    let meanwhile = story.so_far();
    let is_failure = |happened: &&Happened| matches!(happened, Happened::Link(LinkEvent::AcceptFailed(_)));
    let failed_meanwhile = meanwhile.iter().filter(is_failure).count();
    let is_accepted = |happened: &&Happened| matches!(happened, Happened::Link(LinkEvent::Accepted(_)));
    accepted += meanwhile.iter().filter(is_accepted).count();
    assert!(failed_meanwhile < TURNS / 2, "{failed_meanwhile} failures in {TURNS} turns");
    // Each that goes frees two descriptors of this process: its own and the one that was accepted.
    peers.truncate(PEERS / 2);
    peers.drain(..PEERS / 4);
    while accepted < PEERS {
        story.find("accepting", |happened| match happened {
            Happened::Link(LinkEvent::Accepted(_)) => Ok(()),
            other => Err(other),
        });
        accepted += 1;
    }
    limit_descriptors(plenty);
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}
