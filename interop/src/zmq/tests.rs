//! The wrapper against itself, and the build against the kernel.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;

use super::*;
use crate::ffi::*;

/// The kernel's number, the same on all of Linux but a few old architectures.
const O_CLOEXEC: u32 = 0o2_000_000;

type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

/// A bound socket of the first kind, and one of the second connected to it.
fn pair(context: &Context, endpoint: &str, kinds: [Kind; 2]) -> Result<(Socket, Socket)> {
    let bound = context.socket(kinds[0])?;
    bound.bind(endpoint)?;
    let connected = context.socket(kinds[1])?;
    connected.connect(&bound.last_endpoint()?)?;
    Ok((bound, connected))
}

fn push_pull_over(endpoint: &str) -> Outcome {
    let context = Context::new()?;
    let (pull, push) = pair(&context, endpoint, [Kind::Pull, Kind::Push])?;
    assert!(!pull.last_endpoint()?.contains('*'), "{}", pull.last_endpoint()?);

    push.send(b"one part", false)?;
    push.send_multipart(&[b"first", b"", b"third"])?;
    assert_eq!(pull.recv()?, b"one part");
    assert_eq!(pull.recv_multipart()?, [&b"first"[..], b"", b"third"]);
    Ok(())
}

#[test]
fn the_library_is_4_3_5_with_drafts() {
    assert_eq!(version(), (4, 3, 5));
    for capability in ["draft", "ipc", "WS"] {
        assert!(has(capability), "{capability}");
    }
    assert_eq!(has("WSS"), cfg!(zmq_wss));
    // CURVE is in it where the system has libsodium.
    for capability in ["pgm", "norm", "gssapi", "no\0such"] {
        assert!(!has(capability), "{capability:?}");
    }
}

#[test]
fn push_reaches_pull_over_tcp_ipc_inproc_and_websocket() -> Outcome {
    for endpoint in ["tcp://127.0.0.1:*", "ipc://*", "inproc://push-pull", "ws://127.0.0.1:*"] {
        push_pull_over(endpoint)?;
    }
    Ok(())
}

#[test]
fn every_kind_opens_with_bounded_waits() -> Outcome {
    let context = Context::new()?;
    for kind in Kind::ALL {
        let socket = context.socket(kind)?;
        assert_eq!(socket.get_int(ZMQ_TYPE)?, kind as i32);
        assert_eq!(socket.get_int(ZMQ_SNDTIMEO)?, TIMEOUT_MS);
        assert_eq!(socket.get_int(ZMQ_RCVTIMEO)?, TIMEOUT_MS);
        assert_eq!(socket.get_int(ZMQ_LINGER)?, 0);
    }
    Ok(())
}

// Without ZMQ_HAVE_EVENTFD libzmq falls back to a socket pair, and without ZMQ_HAVE_EVENTFD_CLOEXEC the
// descriptor is inherited, so the kernel knows whether the generated platform.hpp took effect.
#[test]
fn mailboxes_are_eventfds_closed_on_exec() -> Outcome {
    let context = Context::new()?;
    let socket = context.socket(Kind::Pair)?;
    let fd = socket.get_int(ZMQ_FD)?;
    assert_eq!(fs::read_link(format!("/proc/self/fd/{fd}"))?, Path::new("anon_inode:[eventfd]"));

    let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}"))?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).ok_or("no flags")?;
    assert_ne!(u32::from_str_radix(flags.trim(), 8)? & O_CLOEXEC, 0, "{flags}");
    Ok(())
}

// Nothing else in this process uses epoll.
#[test]
fn io_threads_wait_with_epoll() -> Outcome {
    let context = Context::new()?;
    let _socket = context.socket(Kind::Pair)?;
    let targets = fs::read_dir("/proc/self/fd")?.flatten().flat_map(|entry| fs::read_link(entry.path()));
    assert!(targets.into_iter().any(|target| target == Path::new("anon_inode:[eventpoll]")));
    Ok(())
}

#[test]
fn a_message_carries_routing_id_and_properties() -> Outcome {
    let context = Context::new()?;
    let (server, client) = pair(&context, "tcp://127.0.0.1:*", [Kind::Server, Kind::Client])?;
    client.send(b"question", false)?;
    let mut question = Message::new();
    assert_eq!(server.recv_into(&mut question)?, 8);
    assert_eq!(question.property("Socket-Type").as_deref(), Some("CLIENT"));

    let mut answer = Message::from_slice(b"answer")?;
    answer.set_routing_id(question.routing_id())?;
    server.send_message(&mut answer, false)?;
    assert_eq!(answer.data(), b"");
    assert_eq!(client.recv()?, b"answer");
    Ok(())
}

#[test]
fn a_message_carries_its_group() -> Outcome {
    let context = Context::new()?;
    let (dish, radio) = pair(&context, "inproc://radio", [Kind::Dish, Kind::Radio])?;
    dish.join("weather")?;
    // Reading the events makes each side handle the other's commands: the pipe, then the join.
    dish.get_int(ZMQ_EVENTS)?;
    radio.get_int(ZMQ_EVENTS)?;

    let mut report = Message::from_slice(b"rain")?;
    report.set_group("weather")?;
    radio.send_message(&mut report, false)?;
    let mut received = Message::new();
    dish.recv_into(&mut received)?;
    assert_eq!((received.data(), received.group().as_str()), (&b"rain"[..], "weather"));
    Ok(())
}

#[test]
fn a_monitor_sees_the_handshake_and_the_end() -> Outcome {
    let context = Context::new()?;
    let pull = context.socket(Kind::Pull)?;
    let monitor = pull.monitor(ZMQ_EVENT_ALL)?;
    pull.bind("tcp://127.0.0.1:*")?;
    assert_eq!(monitor.next_event()?.event, ZMQ_EVENT_LISTENING);

    let push = context.socket(Kind::Push)?;
    push.connect(&pull.last_endpoint()?)?;
    monitor.wait_for(ZMQ_EVENT_HANDSHAKE_SUCCEEDED)?;
    drop(push);
    monitor.wait_for(ZMQ_EVENT_DISCONNECTED)?;
    Ok(())
}

#[test]
fn a_wait_ends_with_an_error_at_its_timeout() -> Outcome {
    let context = Context::new()?;
    let pull = context.socket(Kind::Pull)?;
    pull.set_int(ZMQ_RCVTIMEO, 1)?;
    let error = pull.recv().expect_err("nobody sends");
    assert!(error.is_timeout(), "{error}");
    assert_eq!(pull.poll(ZMQ_POLLIN, 1)?, 0);
    Ok(())
}

#[test]
fn errors_have_the_librarys_number_and_text() -> Outcome {
    let context = Context::new()?;
    let socket = context.socket(Kind::Rep)?;
    let error = socket.send(b"no request came", false).expect_err("REP must receive first");
    assert_eq!(error, Error(EFSM));
    assert_eq!(error.to_string(), "Operation cannot be accomplished in current state (errno 156384763)");
    assert_eq!(socket.unbind("tcp://127.0.0.1:1").map_err(Error::kind), Err(ErrorKind::NotFound));
    assert_eq!(socket.connect("tcp://\0"), Err(Error::INVALID));
    Ok(())
}

#[test]
fn shutdown_ends_a_wait_in_another_thread() -> Outcome {
    let context = Context::new()?;
    let pull = context.socket(Kind::Pull)?;
    let waiting = thread::spawn(move || pull.recv());
    context.shutdown()?;
    assert_eq!(waiting.join().expect("the thread does not panic"), Err(Error(ETERM)));
    assert_eq!(context.socket(Kind::Pull).map(drop), Err(Error(ETERM)));
    Ok(())
}
