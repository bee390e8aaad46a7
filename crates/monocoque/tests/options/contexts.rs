//! What contexts are told: name, processors and schedule of I/O threads, read back from the system, and what sockets begin with.

use std::path::PathBuf;
use std::time::Duration;

use monocoque::{Context, OptionError, OptionValue, Schedule, SocketOption};

use crate::common::{soon, watched};

/// The threads of this process whose names begin so.
fn threads(prefix: &str) -> Vec<PathBuf> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("there").filter_map(|task| Some(task.ok()?.path()));
    let named = |task: &PathBuf| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with(prefix));
    tasks.filter(named).collect()
}

/// A field of `/proc/PID/stat`, counted as proc(5) does.
fn stat(thread: &std::path::Path, field: usize) -> i64 {
    let stat = std::fs::read_to_string(thread.join("stat")).expect("there");
    let behind_name = stat.rsplit_once(')').expect("a name").1;
    behind_name.split_whitespace().nth(field - 3).and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn they_have_names_and_keep_to_their_processors() {
    watched(|| {
        let builder = Context::builder().io_threads(2).thread_name_prefix("named-");
        let allowed = rustix::thread::sched_getaffinity(None).expect("this thread");
        let cpu = (0..rustix::thread::CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu)).expect("one at least");
        let _ctx = builder.thread_cpus([cpu]).build().expect("allowed");
        let threads = threads("named-");
        assert_eq!(threads.len(), 2);
        for thread in threads {
            let tid = thread.file_name().and_then(|tid| tid.to_str()?.parse().ok()).expect("a number");
            let cpus = rustix::thread::sched_getaffinity(rustix::thread::Pid::from_raw(tid)).expect("there");
            assert_eq!((cpus.count(), cpus.is_set(cpu)), (1, true));
        }
        Context::builder().thread_cpus([usize::MAX]).build().expect_err("no such processor");
        Context::builder().thread_name_prefix("ze\0ro").build().expect_err("no name");
    });
}

#[test]
fn they_are_scheduled_as_asked_or_do_not_start() {
    watched(|| {
        let nice = Context::builder().thread_name_prefix("nice-").thread_schedule(Schedule::Nice(7)).build();
        let _nice = nice.expect("anyone may be nice");
        assert_eq!(stat(&threads("nice-")[0], 19), 7);
        for (schedule, policy) in [(Schedule::Fifo(3), 1), (Schedule::RoundRobin(3), 2)] {
            match Context::builder().thread_name_prefix("first-").thread_schedule(schedule).build() {
                Ok(_ctx) => assert_eq!((stat(&threads("first-")[0], 41), stat(&threads("first-")[0], 40)), (policy, 3)),
                Err(error) => assert!(error.to_string().contains("not permitted"), "{error}"),
            }
        }
        for out_of_range in [Schedule::Fifo(0), Schedule::RoundRobin(100), Schedule::Nice(20)] {
            Context::builder().thread_schedule(out_of_range).build().expect_err("no such priority");
        }
    });
}

#[test]
fn a_context_decides_what_its_sockets_begin_with() {
    watched(|| {
        let builder = Context::builder().max_message_size(77).blocky(false).ipv6(true);
        let ctx = builder.build().expect("threads");
        for socket in [ctx.pair().build(), ctx.pair().as_libzmq().build()] {
            let socket = socket.expect("valid");
            for (option, value) in [(SocketOption::MAXMSGSIZE, 77), (SocketOption::LINGER, 0), (SocketOption::IPV6, 1)]
            {
                assert_eq!(socket.option(option), Ok(OptionValue::Int(value)), "{option}");
            }
        }
        let own = ctx.pair().linger(Duration::from_millis(5)).build().expect("valid");
        assert_eq!(own.option(SocketOption::LINGER), Ok(OptionValue::Int(5)));
    });
}

#[test]
fn a_socket_too_many_is_refused_until_one_has_gone() {
    watched(|| {
        let ctx = Context::builder().max_sockets(2).build().expect("threads");
        let (first, _second) = (ctx.pair().build().expect("room"), ctx.pair().build().expect("room"));
        assert_eq!(ctx.pair().build().err(), Some(OptionError::TooManySockets { max: 2 }));
        smol::block_on(soon(first.close()));
        ctx.pair().build().expect("room again");
    });
}
