//! Whoever connects first waits, keeps what it was given to send, and delivers it once the other side binds.

use monocoque::{Event, Message};
use monocoque_interop::deadline::event;
use monocoque_interop::ffi::ZMQ_EVENT_CONNECT_RETRIED;
use monocoque_interop::fixture::{bind, ours, theirs, vacant_path, vacant_port};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

const WORDS: [&str; 3] = ["one", "two", "three"];

fn we_connect_first(endpoint: &str) {
    let push = ours(|ctx| ctx.push());
    let monitor = push.monitor();
    push.connect(endpoint).expect("the endpoint is sound");
    event(&monitor, "the first attempt fails", |event| matches!(event, Event::ConnectRetried { .. }).then_some(()));
    for word in WORDS {
        push.blocking().send(word).expect("queued");
    }
    let pull = theirs(Kind::Pull);
    pull.bind(endpoint).expect("bound");
    for word in WORDS {
        assert_eq!(party::recv(&pull), Ok(Message::from(word)));
    }
}

fn they_connect_first(endpoint: &str) {
    let push = theirs(Kind::Push);
    let monitor = push.monitor(ZMQ_EVENT_CONNECT_RETRIED).expect("monitored");
    push.connect(endpoint).expect("the endpoint is sound");
    monitor.wait_for(ZMQ_EVENT_CONNECT_RETRIED).expect("the first attempt fails");
    for word in WORDS {
        push.send(word.as_bytes(), false).expect("queued");
    }
    let pull = ours(|ctx| ctx.pull());
    bind(&pull, endpoint);
    for word in WORDS {
        assert_eq!(pull.blocking().recv(), Ok(Message::from(word)));
    }
}

#[test]
fn we_connect_first_over_tcp() {
    we_connect_first(&vacant_port());
}

#[test]
fn we_connect_first_over_ipc() {
    let (_folder, endpoint) = vacant_path();
    we_connect_first(&endpoint);
}

#[test]
fn they_connect_first_over_tcp() {
    they_connect_first(&vacant_port());
}

#[test]
fn they_connect_first_over_ipc() {
    let (_folder, endpoint) = vacant_path();
    they_connect_first(&endpoint);
}
