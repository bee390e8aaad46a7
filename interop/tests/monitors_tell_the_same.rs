//! `monitor_at` against libzmq's own monitors: the same story, told by both, in both forms.

use monocoque::{Context, MonitorForm, SocketType, block_on_timeout, events};
use monocoque_interop::deadline::PATIENCE;
use monocoque_interop::zmq;

/// A message of a monitor with its ports and descriptors made plain: what is left is the same for everyone.
type Told = (u64, usize, Vec<String>);

fn plain(address: &[u8]) -> String {
    let text = String::from_utf8_lossy(address).into_owned();
    match text.rsplit_once(':') {
        Some((host, _)) if text.starts_with("tcp://") => format!("{host}:port"),
        _ => text,
    }
}

fn read(frames: &[Vec<u8>], form: MonitorForm) -> Told {
    let (number, addresses) = match form {
        MonitorForm::V1 => {
            assert_eq!(frames[0].len(), 6);
            (u64::from(u16::from_ne_bytes([frames[0][0], frames[0][1]])), &frames[1..])
        }
        MonitorForm::V2 => {
            assert!(frames[..3].iter().all(|frame| frame.len() == 8));
            (u64::from_ne_bytes(frames[0][..].try_into().expect("eight bytes")), &frames[3..])
        }
    };
    (number, frames.len(), addresses.iter().map(|address| plain(address)).collect())
}

/// A PULL is bound, a PUSH connects, and one of them is closed: what is told of the other, which `dials` or not.
fn theirs(form: MonitorForm, dials: bool) -> Vec<Told> {
    let context = zmq::Context::new().expect("a context");
    let [pull, push] = [zmq::Kind::Pull, zmq::Kind::Push].map(|kind| context.socket(kind).expect("a socket"));
    let watched = if dials { &push } else { &pull };
    let receiver = context.socket(zmq::Kind::Pair).expect("a socket");
    let version = if form == MonitorForm::V1 { 1 } else { 2 };
    watched.monitor_at("inproc://told", events::ALL, version).expect("free");
    receiver.connect("inproc://told").expect("bound");
    let mut told: Vec<Told> = Vec::new();
    let mut until = |number: u64| {
        while told.last().is_none_or(|(last, ..)| *last != number) {
            told.push(read(&receiver.recv_multipart().expect("told in time"), form));
        }
    };
    pull.bind("tcp://127.0.0.1:*").expect("free");
    let at = pull.last_endpoint().expect("bound");
    push.connect(&at).expect("sound");
    until(events::HANDSHAKE_SUCCEEDED);
    let _watched = if dials {
        drop(pull);
        push
    } else {
        drop(push);
        pull
    };
    until(events::DISCONNECTED);
    told
}

fn ours(form: MonitorForm, dials: bool) -> Vec<Told> {
    let ctx = Context::new();
    let [pull, push] = [SocketType::Pull, SocketType::Push].map(|kind| ctx.socket(kind).build().expect("valid"));
    let watched = if dials { &push } else { &pull };
    watched.monitor_at("inproc://told", events::ALL, form, SocketType::Pair).expect("free");
    let receiver = ctx.pair().connect("inproc://told").expect("bound");
    let mut told: Vec<Told> = Vec::new();
    let mut until = |number: u64| {
        while told.last().is_none_or(|(last, ..)| *last != number) {
            let message = block_on_timeout(receiver.recv(), PATIENCE).expect("told in time").expect("open");
            let frames: Vec<Vec<u8>> = message.frames().iter().map(|frame| frame.to_vec()).collect();
            told.push(read(&frames, form));
        }
    };
    let at = monocoque::block_on(pull.bind("tcp://127.0.0.1:*")).expect("free").to_string();
    push.connect(&at).expect("valid");
    until(events::HANDSHAKE_SUCCEEDED);
    let _watched = if dials {
        drop(pull);
        push
    } else {
        drop(push);
        pull
    };
    until(events::DISCONNECTED);
    told
}

#[test]
fn of_a_peer_that_came_and_went() {
    for form in [MonitorForm::V1, MonitorForm::V2] {
        assert_eq!(ours(form, false), theirs(form, false), "{form:?}");
    }
}

#[test]
fn of_a_connection_that_was_made_and_lost() {
    for form in [MonitorForm::V1, MonitorForm::V2] {
        assert_eq!(ours(form, true), theirs(form, true), "{form:?}");
    }
}
