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
