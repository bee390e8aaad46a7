//! Events as libzmq's messages, on an inproc socket: `zmq_socket_monitor` and `zmq_socket_monitor_versioned`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use monocoque_core::{Endpoint, Frame, Message, SocketType};
use monocoque_zmtp::{NoVerdict, PeerIncompatible, PeerMisbehaved, SessionError};

use super::{ConnectionFacts, DisconnectReason, Event, Monitor, Queue};
use crate::core::Core;
use crate::error::{BindError, ContextError};
use crate::kind::Any;
use crate::options::Options;
use crate::socket::Socket;
use crate::stats::SocketStats;

/// Which events there are, as bits of a mask (`ZMQ_EVENT_*`).
pub mod events {
    #![allow(missing_docs, reason = "each is the ZMQ_EVENT_ of the same name")]
    pub const CONNECTED: u64 = 0x0001;
    pub const CONNECT_DELAYED: u64 = 0x0002;
    pub const CONNECT_RETRIED: u64 = 0x0004;
    pub const LISTENING: u64 = 0x0008;
    pub const BIND_FAILED: u64 = 0x0010;
    pub const ACCEPTED: u64 = 0x0020;
    pub const ACCEPT_FAILED: u64 = 0x0040;
    pub const CLOSED: u64 = 0x0080;
    pub const CLOSE_FAILED: u64 = 0x0100;
    pub const DISCONNECTED: u64 = 0x0200;
    pub const MONITOR_STOPPED: u64 = 0x0400;
    pub const HANDSHAKE_FAILED_NO_DETAIL: u64 = 0x0800;
    pub const HANDSHAKE_SUCCEEDED: u64 = 0x1000;
    pub const HANDSHAKE_FAILED_PROTOCOL: u64 = 0x2000;
    pub const HANDSHAKE_FAILED_AUTH: u64 = 0x4000;
    pub const ALL: u64 = 0xffff;
    pub const PIPES_STATS: u64 = 0x1_0000;
}

/// `EINPROGRESS`, which an attempt that has begun carries.
const IN_PROGRESS: u64 = rustix::io::Errno::INPROGRESS.raw_os_error() as u64;
/// `EFAULT`, which tells that nobody is bound to the endpoint of ZAP.
const NO_HANDLER: u64 = rustix::io::Errno::FAULT.raw_os_error() as u64;
/// `EPIPE`, which a link that the peer closed carries; and a ZAP handler that went away.
const PEER_CLOSED: u64 = rustix::io::Errno::PIPE.raw_os_error() as u64;
/// `ECONNRESET`, for all that a network may say.
const CONNECTION_LOST: u64 = rustix::io::Errno::CONNRESET.raw_os_error() as u64;
/// How often a monitor that nobody reads looks whether its socket is still there.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MonitorForm {
    /// Two frames: the event in two bytes and its value in four, then the endpoint. Bytes in the machine's order.
    V1,
    /// The event, the number of values and each value in eight bytes, a frame each; then the local and the remote address.
    V2,
}

/// Why a socket cannot be monitored so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// Events go over inproc only (`EPROTONOSUPPORT`).
    #[error("events go to an inproc endpoint, not to {0}")]
    Transport(String),
    /// Version 1 is told by a PAIR; version 2 by a PAIR, PUB or PUSH too (`EINVAL`).
    #[error("a {0} does not tell of events")]
    SocketType(SocketType),
    /// Nobody is told of queues: the socket has no monitor of version 2 that asked for it (`EINVAL`).
    #[error("no monitor of the socket asks for its queues")]
    NotAsked,
    /// There is no connection whose queues could be told (`EAGAIN`).
    #[error("the socket has no connection")]
    NoConnection,
    /// The endpoint cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The context cannot run.
    #[error(transparent)]
    Context(#[from] ContextError),
}

/// Binds a socket of `kind` at `endpoint` that tells the events in `mask` until `of` is closed.
pub(crate) fn monitor_at(
    of: &Arc<Core>,
    endpoint: &str,
    mask: u64,
    form: MonitorForm,
    kind: SocketType,
) -> Result<(), MonitorError> {
    let parsed: Endpoint = endpoint.parse().map_err(BindError::from)?;
    let Endpoint::Inproc(name) = &parsed else { return Err(MonitorError::Transport(endpoint.to_owned())) };
    let tells =
        kind == SocketType::Pair || (form == MonitorForm::V2 && matches!(kind, SocketType::Pub | SocketType::Push));
    if !tells {
        return Err(MonitorError::SocketType(kind));
    }
    let mut options = Options::new(kind);
    options.linger = Some(Duration::ZERO);
    options.send_timeout = Some(LOOK_AGAIN);
    let core = Core::new(&of.context, options).map_err(BindError::from)?;
    crate::inproc::bind(&core, name.as_str(), parsed.clone())?;
    let (socket, monitor) = (Socket::<Any>::new(core), of.events.subscribe());
    *of.events.wire.lock() = Some(Told { queue: Arc::downgrade(&monitor.queue), mask });
    of.context.spawn(move || tell_all(monitor, socket, mask, form))?;
    Ok(())
}

/// What is told on.
#[derive(Debug)]
pub(super) struct Told {
    queue: Weak<Queue>,
    mask: u64,
}

/// Ends what [`monitor_at`] began last.
pub(crate) fn stop_monitor(of: &Core) {
    let told = of.events.wire.lock().take();
    if let Some(queue) = told.and_then(|told| told.queue.upgrade()) {
        queue.end();
    }
}

/// Tells what waits on each connection.
pub(crate) fn monitor_queues(of: &Core) -> Result<(), MonitorError> {
    let wire = of.events.wire.lock();
    let told = wire.as_ref().filter(|told| told.mask & events::PIPES_STATS != 0).ok_or(MonitorError::NotAsked)?;
    let connections = SocketStats::of(of).connections;
    if connections.is_empty() {
        return Err(MonitorError::NoConnection);
    }
    let queue = told.queue.upgrade().ok_or(MonitorError::NotAsked)?;
    for one in connections {
        let (outgoing, incoming) = (one.send_queue.messages, one.recv_queue.messages);
        queue.push(Event::Queues { peer: one.facts, outgoing, incoming });
    }
    Ok(())
}

async fn tell_all(monitor: Monitor, socket: Socket<Any>, mask: u64, form: MonitorForm) {
    while let Some(event) = monitor.recv().await {
        for line in Line::all(&event).filter(|line| line.number & mask != 0) {
            let mut message = line.write(form);
            // Nobody may be there yet, or ever; when it has ended, whoever has not read by now will not.
            loop {
                if monitor.has_ended() {
                    let _ = socket.try_send(message);
                    break;
                }
                match socket.send(message).await {
                    Ok(()) => break,
                    Err(refused) => message = refused.into_message(),
                }
            }
        }
    }
    if mask & events::MONITOR_STOPPED != 0 {
        let stopped = Line {
            number: events::MONITOR_STOPPED,
            value: 0,
            second: None,
            local: Arc::default(),
            remote: Arc::default(),
            dialed: false,
        };
        let _ = socket.try_send(stopped.write(form));
    }
}

/// An event as libzmq has it.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: u64,
    value: u64,
    /// Of version 2 there may be another.
    second: Option<u64>,
    local: Arc<str>,
    remote: Arc<str>,
    dialed: bool,
}

impl Line {
    /// What libzmq tells when this happens: nothing, one event, or two.
    fn all(event: &Event) -> impl Iterator<Item = Self> + use<> {
        let (before, after) = match event {
            // It says nothing of what it ended itself.
            Event::Disconnected { reason: DisconnectReason::Local, .. }
            | Event::HandshakeFailed { reason: DisconnectReason::Local, .. } => (None, None),
            Event::HandshakeFailed { peer, .. } => (Self::of(event), Some(Self::disconnected(peer))),
            Event::ConnectRetried { endpoint, reason: Some(_), .. } => (Some(Self::closed(endpoint)), Self::of(event)),
            Event::ConnectGivenUp { endpoint, kind: Some(_), .. } => (Some(Self::closed(endpoint)), None),
            _ => (Self::of(event), None),
        };
        before.into_iter().chain(after)
    }

    fn disconnected(peer: &ConnectionFacts) -> Self {
        let (local, remote) = (Arc::clone(&peer.local), Arc::clone(&peer.remote));
        let value = peer.descriptor as u64;
        Self { number: events::DISCONNECTED, value, second: None, local, remote, dialed: peer.dialed }
    }

    /// An attempt to connect has failed, whose descriptor is of no interest.
    fn closed(endpoint: &str) -> Self {
        let (local, remote) = (Arc::default(), endpoint.into());
        Self { number: events::CLOSED, value: 0, second: None, local, remote, dialed: true }
    }

    /// `None` for what libzmq has no number for.
    fn of(event: &Event) -> Option<Self> {
        let bound = |number, endpoint: &str, value| Self {
            number,
            value,
            second: None,
            local: endpoint.into(),
            remote: Arc::default(),
            dialed: false,
        };
        let dialed = |number, endpoint: &str, value| Self {
            number,
            value,
            second: None,
            local: Arc::default(),
            remote: endpoint.into(),
            dialed: true,
        };
        let of = |number, peer: &ConnectionFacts, value| Self {
            number,
            value,
            second: None,
            local: Arc::clone(&peer.local),
            remote: Arc::clone(&peer.remote),
            dialed: peer.dialed,
        };
        let number = |errno: &Option<i32>| errno.unwrap_or_default() as u64;
        Some(match event {
            Event::Listening { endpoint, descriptor } => bound(events::LISTENING, endpoint, *descriptor as u64),
            Event::BindFailed { endpoint, errno, .. } => bound(events::BIND_FAILED, endpoint, number(errno)),
            Event::ConnectDelayed { endpoint } => dialed(events::CONNECT_DELAYED, endpoint, IN_PROGRESS),
            Event::ConnectRetried { endpoint, after, .. } => {
                dialed(events::CONNECT_RETRIED, endpoint, after.as_millis() as u64)
            }
            Event::Connected(peer) => of(events::CONNECTED, peer, peer.descriptor as u64),
            Event::Accepted(peer) => of(events::ACCEPTED, peer, peer.descriptor as u64),
            Event::AcceptFailed { endpoint, errno, .. } => bound(events::ACCEPT_FAILED, endpoint, number(errno)),
            Event::Filtered { endpoint, .. } => {
                let denied = rustix::io::Errno::ACCESS.raw_os_error();
                bound(events::ACCEPT_FAILED, endpoint, number(&Some(denied)))
            }
            Event::HandshakeSucceeded(peer) => of(events::HANDSHAKE_SUCCEEDED, peer, 0),
            Event::HandshakeFailed { peer, reason } => {
                let (number, value) = failure(reason);
                of(number, peer, value)
            }
            Event::Disconnected { peer, .. } => Self::disconnected(peer),
            Event::Queues { peer, outgoing, incoming } => {
                Self { second: Some(*incoming), ..of(events::PIPES_STATS, peer, *outgoing) }
            }
            Event::Closed { endpoint, descriptor } => bound(events::CLOSED, endpoint, *descriptor as u64),
            _ => return None,
        })
    }

    fn write(self, form: MonitorForm) -> Message {
        match form {
            MonitorForm::V1 => {
                let endpoint = if self.dialed { self.remote } else { self.local };
                let head = [&(self.number as u16).to_ne_bytes()[..], &(self.value as u32).to_ne_bytes()].concat();
                Message::from([head.as_slice(), endpoint.as_bytes()])
            }
            MonitorForm::V2 => {
                let values = [self.value].into_iter().chain(self.second);
                let numbers = [self.number, values.clone().count() as u64].into_iter().chain(values);
                let numbers = numbers.map(|number| Frame::from(&number.to_ne_bytes()));
                Message::multipart(numbers.chain([(*self.local).into(), (*self.remote).into()]))
            }
        }
    }
}

/// The event of a handshake that failed, and its value.
fn failure(reason: &DisconnectReason) -> (u64, u64) {
    let status = match reason {
        DisconnectReason::Protocol(error) => error.status(),
        _ => None,
    };
    if let Some(status) = status {
        return (events::HANDSHAKE_FAILED_AUTH, status.into());
    }
    match reason {
        DisconnectReason::Protocol(SessionError::HandshakeRefused { .. }) => {
            (events::HANDSHAKE_FAILED_PROTOCOL, 0x1000_0015)
        }
        DisconnectReason::Protocol(SessionError::PeerIncompatible(PeerIncompatible::Mechanism { .. })) => {
            (events::HANDSHAKE_FAILED_PROTOCOL, 0x1100_0002)
        }
        DisconnectReason::Protocol(SessionError::PeerIncompatible(_)) => {
            (events::HANDSHAKE_FAILED_PROTOCOL, 0x1000_0018)
        }
        DisconnectReason::Protocol(SessionError::PeerMisbehaved(rule)) => {
            (events::HANDSHAKE_FAILED_PROTOCOL, broken(rule))
        }
        DisconnectReason::WebSocket(_) => (events::HANDSHAKE_FAILED_PROTOCOL, 0x3000_0000),
        DisconnectReason::Protocol(SessionError::Unjudged(why)) => unjudged(*why),
        DisconnectReason::PeerClosed { .. } | DisconnectReason::Protocol(SessionError::HelloUnanswered) => {
            (events::HANDSHAKE_FAILED_NO_DETAIL, PEER_CLOSED)
        }
        DisconnectReason::Network(_) => (events::HANDSHAKE_FAILED_NO_DETAIL, CONNECTION_LOST),
        // A time-out, a limit or TLS: libzmq has no number for it.
        _ => (events::HANDSHAKE_FAILED_NO_DETAIL, 0),
    }
}

/// libzmq's event and number for a peer that nobody judged (`ZMQ_PROTOCOL_ERROR_ZAP_*`).
fn unjudged(why: NoVerdict) -> (u64, u64) {
    let number = match why {
        NoVerdict::NoHandler => return (events::HANDSHAKE_FAILED_NO_DETAIL, NO_HANDLER),
        NoVerdict::HandlerGone => return (events::HANDSHAKE_FAILED_NO_DETAIL, PEER_CLOSED),
        NoVerdict::Malformed => 0x2000_0001,
        NoVerdict::RequestId => 0x2000_0002,
        NoVerdict::Version => 0x2000_0003,
        NoVerdict::Status => 0x2000_0004,
        NoVerdict::Metadata => 0x2000_0005,
        _ => 0x2000_0000,
    };
    (events::HANDSHAKE_FAILED_PROTOCOL, number)
}

/// libzmq's number for a broken rule (`ZMQ_PROTOCOL_ERROR_ZMTP_*`).
fn broken(rule: &PeerMisbehaved) -> u64 {
    match rule {
        PeerMisbehaved::UnexpectedCommand(_)
        | PeerMisbehaved::UnknownCommand(_)
        | PeerMisbehaved::MessageInHandshake => 0x1000_0001,
        PeerMisbehaved::CommandName | PeerMisbehaved::CommandWithMore => 0x1000_0011,
        PeerMisbehaved::NonceReused { .. } => 0x1000_0002,
        PeerMisbehaved::MalformedCommand("HELLO") => 0x1000_0013,
        PeerMisbehaved::MalformedCommand("INITIATE") => 0x1000_0014,
        PeerMisbehaved::ErrorReason => 0x1000_0015,
        PeerMisbehaved::MalformedCommand("READY") => 0x1000_0016,
        PeerMisbehaved::MalformedCommand("WELCOME") => 0x1000_0017,
        PeerMisbehaved::BoxForged(_) | PeerMisbehaved::Cookie => 0x1100_0001,
        PeerMisbehaved::PropertyName
        | PeerMisbehaved::PropertySize(_)
        | PeerMisbehaved::PropertyTruncated
        | PeerMisbehaved::PropertyTwice(_)
        | PeerMisbehaved::NoSocketType
        | PeerMisbehaved::Identity(_) => 0x1000_0018,
        _ => 0x1000_0000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_same() {
        let told =
            || Line::of(&Event::Closed { endpoint: "tcp://127.0.0.1:5555".into(), descriptor: 9 }).expect("known");
        let v1 = told().write(MonitorForm::V1);
        assert_eq!((v1.len(), &v1[1][..]), (2, &b"tcp://127.0.0.1:5555"[..]));
        assert_eq!(v1[0][..], [&0x80u16.to_ne_bytes()[..], &9u32.to_ne_bytes()].concat());
        let v2 = told().write(MonitorForm::V2);
        let numbers: Vec<u64> =
            v2.frames()[..3].iter().map(|one| u64::from_ne_bytes(one[..].try_into().expect("8"))).collect();
        assert_eq!((v2.len(), numbers), (5, vec![0x80, 1, 9]));
        assert_eq!((&v2[3][..], &v2[4][..]), (&b"tcp://127.0.0.1:5555"[..], &b""[..]));
    }

    #[test]
    fn what_libzmq_does_not_know_is_left_out() {
        assert_eq!(Line::of(&Event::Lagged(3)), None);
        assert_eq!(Line::of(&Event::TooManyHandshakes { endpoint: "x".into(), remote: "y".into() }), None);
    }
}
