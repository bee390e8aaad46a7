//! Signals are for the application's threads: those of the library block them, as libzmq's do.

use std::fs;

use monocoque_libzmq::*;

const PUB: i32 = 1;

/// Of each thread of this process: its name, and the signals that it blocks.
fn threads() -> Vec<(String, u64)> {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux").filter_map(Result::ok);
    let told = tasks.filter_map(|task| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let field = |name| status.lines().find_map(|line: &str| line.strip_prefix(name));
        Some((field("Name:\t")?.to_owned(), u64::from_str_radix(field("SigBlk:\t")?, 16).ok()?))
    });
    told.collect()
}

fn blocks(mask: u64, signal: i32) -> bool {
    mask >> (signal - 1) & 1 == 1
}

#[test]
fn of_the_application() {
    // SAFETY: the handles are closed last.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, PUB);
        assert_eq!(zmq_bind(socket, c"tcp://127.0.0.1:*".as_ptr()), 0);
        let ours: Vec<_> = threads().into_iter().filter(|(name, _)| name.starts_with("ZMQbg/")).collect();
        assert!(!ours.is_empty());
        for (name, mask) in ours {
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1, libc::SIGPROF] {
                assert!(blocks(mask, signal), "{name} and signal {signal}");
            }
            assert!(!blocks(mask, libc::SIGSEGV), "{name} could not tell of its own faults");
        }
        assert_eq!((zmq_close(socket), zmq_ctx_term(context)), (0, 0));
    }
}
