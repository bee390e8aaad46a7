//! What the machine charges for what no stage does: the calls between two processes. Budgets of a whole path are sums of
//! stages and these (docs/benchmarks/limits.md).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::Criterion;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, getppid};

use crate::{Group, nothing, stage};

const CALLS: usize = 64;
/// A body of 64 bytes and its header.
const FRAME: usize = 66;
/// What one write takes of a stream.
const CHUNK: usize = 64 * 1024;
const SELF: Pid = Pid::from_raw(0);

/// A stream's two ends, both of this thread.
struct Ends<S>(S, S);

fn tcp() -> Ends<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let one = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (other, _) = listener.accept().expect("it connected");
    one.set_nodelay(true).expect("it is a tcp socket");
    Ends(one, other)
}

fn unix() -> Ends<UnixStream> {
    let (one, other) = UnixStream::pair().expect("descriptors are left");
    Ends(one, other)
}

impl<S: Read + Write> Ends<S> {
    /// Writes at one end and reads at the other: nobody waits, since what is written is there.
    fn pass(&mut self, bytes: &mut [u8]) {
        self.0.write_all(bytes).expect("the other end is open");
        self.1.read_exact(bytes).expect("it was written");
    }
}

/// This thread and another on one core, which does nothing but yield it.
fn beside_another(measure: impl FnOnce()) {
    let before = sched_getaffinity(SELF).expect("of oneself");
    let mut one = CpuSet::new();
    let core = (0..CpuSet::count()).find(|core| before.is_set(*core).unwrap_or(false)).expect("it runs somewhere");
    one.set(core).expect("a core of this machine");
    sched_setaffinity(SELF, &one).expect("of oneself");
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    // It inherits the core.
    let other = thread::spawn(move || {
        while !told.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    });
    measure();
    over.store(true, Ordering::Relaxed);
    other.join().expect("it only yields");
    sched_setaffinity(SELF, &before).expect("as it was");
}

fn passes<S: Read + Write>(group: &mut Group<'_>, name: &str, ends: Ends<S>, bytes: usize) {
    let mut state = (ends, vec![7; bytes]);
    let pass = |(ends, bytes): &mut (Ends<S>, Vec<u8>)| (0..CALLS).for_each(|_| ends.pass(bytes));
    stage(group, name, CALLS, &mut state, nothing, pass, nothing);
}

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "10 kernel");
    let mut none = ();
    let calls = |(): &mut ()| (0..CALLS).for_each(|_| _ = getppid());
    stage(&mut group, "a call that does nothing", CALLS, &mut none, nothing, calls, nothing);
    let yields = |(): &mut ()| (0..CALLS).for_each(|_| thread::yield_now());
    stage(&mut group, "a yield, nobody waits", CALLS, &mut none, nothing, yields, nothing);
    beside_another(|| {
        stage(&mut group, "a yield to another thread and back", CALLS, &mut none, nothing, yields, nothing);
    });
    passes(&mut group, "tcp, 66 B written and read", tcp(), FRAME);
    passes(&mut group, "tcp, 64 KiB written and read", tcp(), CHUNK);
    passes(&mut group, "ipc, 66 B written and read", unix(), FRAME);
    passes(&mut group, "ipc, 64 KiB written and read", unix(), CHUNK);
    group.finish();
}
