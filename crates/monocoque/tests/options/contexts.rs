//! What contexts are told: name, processors and schedule of I/O threads, read back from the system, and what sockets begin with.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use monocoque::{
    Context, ContextBuilder, ContextOption, ContextOptionError, OptionError, OptionValue, Schedule, SocketOption,
};

use crate::common::{soon, watched};

/// The threads of this process whose names begin so, `count` of them. A listing leaves threads out while others end, so that it
/// may take several.
pub(crate) fn threads(prefix: &str, count: usize) -> Vec<PathBuf> {
    let named = |task: &PathBuf| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with(prefix));
    loop {
        let tasks = std::fs::read_dir("/proc/self/task").expect("there").filter_map(|task| Some(task.ok()?.path()));
        let found: Vec<_> = tasks.filter(named).collect();
        if found.len() == count {
            return found;
        }
        std::thread::yield_now();
    }
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
        for thread in threads("named-", 2) {
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
        assert_eq!(stat(&threads("nice-", 1)[0], 19), 7);
        for (schedule, policy) in [(Schedule::Fifo(3), 1), (Schedule::RoundRobin(3), 2)] {
            match Context::builder().thread_name_prefix("first-").thread_schedule(schedule).build() {
                Ok(_ctx) => {
                    assert_eq!((stat(&threads("first-", 1)[0], 41), stat(&threads("first-", 1)[0], 40)), (policy, 3))
                }
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

/// A context that was told one thing by the table.
fn told(option: ContextOption, value: impl Into<OptionValue>) -> ContextBuilder {
    Context::builder().option(option, value).expect("in range")
}

fn of_new_pair(option: ContextOption, value: i32, of: SocketOption) -> OptionValue {
    let ctx = told(option, value).build().expect("threads");
    ctx.pair().build().expect("valid").option(of).expect("readable")
}

fn one_may_run_on_one_processor() {
    let allowed = rustix::thread::sched_getaffinity(None).expect("this thread");
    let all: Vec<usize> = (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    let mut builder = told(ContextOption::THREAD_NAME_PREFIX, "pinned-");
    for &cpu in &all {
        builder.set_option(ContextOption::THREAD_AFFINITY_CPU_ADD, cpu as i64).expect("a number");
    }
    for &cpu in &all[1..] {
        builder.set_option(ContextOption::THREAD_AFFINITY_CPU_REMOVE, cpu as i64).expect("it was added");
    }
    let refused = builder.set_option(ContextOption::THREAD_AFFINITY_CPU_REMOVE, 9999);
    assert!(matches!(refused, Err(ContextOptionError::OutOfRange { .. })), "{refused:?}");
    let _ctx = builder.build().expect("allowed");
    let thread = threads("pinned-", 1).remove(0);
    let tid = thread.file_name().and_then(|tid| tid.to_str()?.parse().ok()).expect("a number");
    let cpus = rustix::thread::sched_getaffinity(rustix::thread::Pid::from_raw(tid)).expect("there");
    assert_eq!((cpus.count(), cpus.is_set(all[0])), (1, true));
}

/// Either it runs so, or the system says that this process may not ask for it.
fn one_is_scheduled_in_turn() {
    let builder = told(ContextOption::THREAD_SCHED_POLICY, 2).option(ContextOption::THREAD_PRIORITY, 5);
    match builder.expect("in range").thread_name_prefix("turn-").build() {
        Ok(_ctx) => assert_eq!((stat(&threads("turn-", 1)[0], 41), stat(&threads("turn-", 1)[0], 40)), (2, 5)),
        Err(error) => assert!(error.to_string().contains("not permitted"), "{error}"),
    }
}

/// What shows each option's effect.
fn checks() -> HashMap<ContextOption, fn()> {
    let checks: [(ContextOption, fn()); 14] = [
        (ContextOption::IO_THREADS, || {
            let _ctx = told(ContextOption::IO_THREADS, 3).thread_name_prefix("three-").build().expect("threads");
            threads("three-", 3);
        }),
        (ContextOption::MAX_SOCKETS, || {
            let ctx = told(ContextOption::MAX_SOCKETS, 1).build().expect("threads");
            let _one = ctx.pair().build().expect("room");
            assert_eq!(ctx.pair().build().err(), Some(OptionError::TooManySockets { max: 1 }));
        }),
        (ContextOption::SOCKET_LIMIT, || {
            assert_eq!(Context::builder().get_option(ContextOption::SOCKET_LIMIT), Ok(OptionValue::Int(65_535)));
        }),
        (ContextOption::THREAD_PRIORITY, one_is_scheduled_in_turn),
        (ContextOption::THREAD_SCHED_POLICY, one_is_scheduled_in_turn),
        (ContextOption::MAX_MSGSZ, || {
            assert_eq!(of_new_pair(ContextOption::MAX_MSGSZ, 77, SocketOption::MAXMSGSIZE), OptionValue::Int(77));
        }),
        (ContextOption::MSG_T_SIZE, || {
            assert_eq!(Context::builder().get_option(ContextOption::MSG_T_SIZE), Ok(OptionValue::Int(64)));
        }),
        (ContextOption::THREAD_AFFINITY_CPU_ADD, one_may_run_on_one_processor),
        (ContextOption::THREAD_AFFINITY_CPU_REMOVE, one_may_run_on_one_processor),
        (ContextOption::THREAD_NAME_PREFIX, || {
            let _ctx = told(ContextOption::THREAD_NAME_PREFIX, "by-table-").build().expect("threads");
            threads("by-table-", 1);
        }),
        (ContextOption::ZERO_COPY_RECV, || {
            let refused = Context::builder().option(ContextOption::ZERO_COPY_RECV, 0).expect_err("there is one way");
            assert!(matches!(refused, ContextOptionError::NotHere { .. }), "{refused}");
            told(ContextOption::ZERO_COPY_RECV, 1);
        }),
        (ContextOption::IPV6, || {
            assert_eq!(of_new_pair(ContextOption::IPV6, 1, SocketOption::IPV6), OptionValue::Int(1));
        }),
        (ContextOption::MEMORY_MAX, || {
            let ctx = told(ContextOption::MEMORY_MAX, 2 << 20).build().expect("threads");
            assert_eq!(ctx.memory().max_bytes, Some(2 << 20));
        }),
        (ContextOption::BLOCKY, || {
            assert_eq!(of_new_pair(ContextOption::BLOCKY, 0, SocketOption::LINGER), OptionValue::Int(0));
        }),
    ];
    checks.into_iter().collect()
}

#[test]
fn every_context_option_acts_or_says_why_it_is_refused() {
    watched(|| {
        let mut checks = checks();
        for spec in ContextOption::all() {
            checks.remove(&spec.option()).unwrap_or_else(|| panic!("{} has no test of its effect", spec.name()))();
        }
        assert!(checks.is_empty(), "effects of options that are not in the table: {:?}", checks.keys());
        let (fixed, acting): (Vec<_>, Vec<_>) = ContextOption::all().partition(|spec| spec.fixed().is_some());
        println!("context options acting: {}, of one value with a reason: {}", acting.len(), fixed.len());
    });
}

#[test]
fn what_a_context_is_told_is_read_back_and_what_is_out_of_range_changes_nothing() {
    for spec in ContextOption::all() {
        let (option, mut builder) = (spec.option(), Context::builder());
        assert_eq!(option.to_string().parse(), Ok(option));
        assert_eq!(format!("zmq_{}", option.to_string().to_lowercase()).parse(), Ok(option));
        let before = builder.get_option(option);
        assert_eq!(before.as_ref().ok(), spec.default().as_ref(), "{option}");
        builder.set_option(option, -2).expect_err(spec.name());
        builder.set_option(option, Vec::new()).expect_err(spec.name());
        assert_eq!(builder.get_option(option), before, "{option}");
        if let Ok(value) = before.clone()
            && spec.is_settable()
            // As whoever starts the threads: that it is not set cannot be set.
            && option != ContextOption::THREAD_SCHED_POLICY
        {
            assert_eq!(builder.set_option(option, value), Ok(()), "{option}");
            assert_eq!(builder.get_option(option), before, "{option}");
        }
    }
    let unknown = "NO_SUCH".parse::<ContextOption>();
    assert_eq!(unknown, Err(ContextOptionError::Unknown("NO_SUCH".to_owned())));
    let by_three = [true, false].map(|read| ContextOption::by_number(3, read));
    assert_eq!(by_three, [Some(ContextOption::SOCKET_LIMIT), Some(ContextOption::THREAD_PRIORITY)]);
}
