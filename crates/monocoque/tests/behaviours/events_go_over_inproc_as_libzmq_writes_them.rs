//! `monitor_at`: where it may be bound, what is told at the end, and that nobody is held up by it.

use monocoque::{Context, MonitorError, MonitorForm, SocketType, events};

use crate::common::{TCP, everywhere, in_shared, inproc, soon};

#[test]
fn the_last_word_is_that_it_stopped() {
    everywhere(async |ctx: Context| {
        let (pull, name) = (ctx.pull().build().expect("valid"), inproc());
        let mask = events::LISTENING | events::MONITOR_STOPPED;
        pull.monitor_at(&name, mask, MonitorForm::V1, SocketType::Pair).expect("free");
        let told = ctx.pair().connect(&name).expect("valid");
        soon(pull.bind(TCP)).await.expect("free");
        let event = async |wanted: u64| {
            let message = soon(told.recv()).await.expect("told");
            assert_eq!(message[0][..2], (wanted as u16).to_ne_bytes());
        };
        event(events::LISTENING).await;
        soon(pull.close()).await;
        event(events::MONITOR_STOPPED).await;
    });
}

#[test]
fn a_push_tells_of_events_too_in_the_second_form() {
    in_shared(async |ctx: Context| {
        let (pull, name) = (ctx.pull().build().expect("valid"), inproc());
        pull.monitor_at(&name, events::ALL, MonitorForm::V2, SocketType::Push).expect("free");
        let told = ctx.pull().connect(&name).expect("valid");
        soon(pull.bind(TCP)).await.expect("free");
        assert_eq!(soon(told.recv()).await.expect("told").len(), 5);
    });
}

#[test]
fn other_places_and_types_are_refused() {
    in_shared(async |ctx: Context| {
        let pull = ctx.pull().build().expect("valid");
        let at = |endpoint: &str, form, kind| pull.monitor_at(endpoint, events::ALL, form, kind);
        assert!(matches!(at(TCP, MonitorForm::V1, SocketType::Pair), Err(MonitorError::Transport(_))));
        assert!(matches!(at("nonsense", MonitorForm::V1, SocketType::Pair), Err(MonitorError::Bind(_))));
        let name = inproc();
        let push = at(&name, MonitorForm::V1, SocketType::Push);
        assert!(matches!(push, Err(MonitorError::SocketType(SocketType::Push))));
        at(&name, MonitorForm::V1, SocketType::Pair).expect("free");
        assert!(matches!(at(&name, MonitorForm::V2, SocketType::Pair), Err(MonitorError::Bind(_))), "it is taken");
    });
}

#[test]
fn a_socket_that_nobody_listens_to_closes_all_the_same() {
    everywhere(async |ctx: Context| {
        let (pull, name) = (ctx.pull().build().expect("valid"), inproc());
        pull.monitor_at(&name, events::ALL, MonitorForm::V2, SocketType::Pair).expect("free");
        soon(pull.bind(TCP)).await.expect("free");
        soon(pull.close()).await;
    });
}

#[test]
fn it_may_be_told_to_stop_and_the_socket_goes_on() {
    everywhere(async |ctx: Context| {
        let (pull, name) = (ctx.pull().build().expect("valid"), inproc());
        pull.monitor_at(&name, events::MONITOR_STOPPED, MonitorForm::V1, SocketType::Pair).expect("free");
        let told = ctx.pair().connect(&name).expect("valid");
        pull.stop_monitor();
        let message = soon(told.recv()).await.expect("told");
        assert_eq!(message[0][..2], (events::MONITOR_STOPPED as u16).to_ne_bytes());
        soon(pull.bind(TCP)).await.expect("open");
    });
}

#[test]
fn queues_are_told_to_whoever_asked_for_them() {
    in_shared(async |ctx: Context| {
        let (pull, name) = (ctx.pull().build().expect("valid"), inproc());
        assert!(matches!(pull.monitor_queues(), Err(MonitorError::NotAsked)));
        pull.monitor_at(&name, events::PIPES_STATS, MonitorForm::V2, SocketType::Pair).expect("free");
        assert!(matches!(pull.monitor_queues(), Err(MonitorError::NoConnection)));
        let told = ctx.pair().connect(&name).expect("valid");
        let endpoint = soon(pull.bind(TCP)).await.expect("free");
        let push = ctx.push().connect(endpoint.to_string()).expect("valid");
        soon(push.send("waits")).await.expect("room");
        while !pull.can_recv() {
            soon(pull.wait_for_peers(1)).await;
            std::thread::yield_now();
        }
        pull.monitor_queues().expect("there is one");
        let message = soon(told.recv()).await.expect("told");
        let numbers: Vec<u64> =
            message.frames()[..4].iter().map(|one| u64::from_ne_bytes(one[..].try_into().expect("8"))).collect();
        assert_eq!((message.len(), &numbers[..3]), (6, &[events::PIPES_STATS, 2, 0][..]));
    });
}
