//! What steers a proxy and what it has counted: shared by the proxy and its handles.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use monocoque_core::sync::Mutex;
use monocoque_core::wait::WaitList;
use monocoque_core::{Frame, Message};

/// What has passed through one side of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Messages that it received.
    pub messages_in: u64,
    /// Bytes of their frames.
    pub bytes_in: u64,
    /// Messages that it sent.
    pub messages_out: u64,
    /// Bytes of their frames.
    pub bytes_out: u64,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages_in, bytes_in, messages_out, bytes_out } = self;
        write!(f, "{messages_in} messages ({bytes_in} bytes) in, {messages_out} messages ({bytes_out} bytes) out")
    }
}

/// What a proxy has forwarded since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProxyStatistics {
    /// Of the frontend.
    pub frontend: Traffic,
    /// Of the backend.
    pub backend: Traffic,
}

const NUMBERS: usize = 8;

impl ProxyStatistics {
    /// The answer to `STATISTICS`: eight frames of eight bytes, each a number in the byte order of the machine.
    /// Messages in, bytes in, messages out and bytes out of the frontend, then of the backend.
    pub fn to_message(&self) -> Message {
        let of = |side: &Traffic| [side.messages_in, side.bytes_in, side.messages_out, side.bytes_out];
        let numbers = [of(&self.frontend), of(&self.backend)];
        Message::multipart(numbers.iter().flatten().map(|number| Frame::copy_from_slice(&number.to_ne_bytes())))
    }

    /// Reads the answer of a proxy on this machine; `None` if the message is none.
    pub fn from_message(message: &Message) -> Option<Self> {
        let frames: &[Frame; NUMBERS] = message.frames().try_into().ok()?;
        let mut numbers = [0; NUMBERS];
        for (number, frame) in numbers.iter_mut().zip(frames) {
            *number = u64::from_ne_bytes(frame.as_slice().try_into().ok()?);
        }
        let [in_a, bytes_in_a, out_a, bytes_out_a, in_b, bytes_in_b, out_b, bytes_out_b] = numbers;
        let side =
            |messages_in, bytes_in, messages_out, bytes_out| Traffic { messages_in, bytes_in, messages_out, bytes_out };
        let (frontend, backend) =
            (side(in_a, bytes_in_a, out_a, bytes_out_a), side(in_b, bytes_in_b, out_b, bytes_out_b));
        Some(Self { frontend, backend })
    }
}

impl fmt::Display for ProxyStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frontend {}; backend {}", self.frontend, self.backend)
    }
}

/// Steers a [`Proxy`](crate::Proxy) from anywhere in the process, without a socket. Clones steer the same one.
#[derive(Debug, Clone)]
pub struct Steering(Arc<Shared>);

impl Steering {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared))
    }

    /// Neither takes messages nor drops any until it is resumed: they wait in their pipes. If the proxy is forwarding
    /// on another thread in this moment, it ends its turn first.
    pub fn pause(&self) {
        self.0.switch(Mode::Paused);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.0.switch(Mode::Running);
    }

    /// Ends the proxy for good. Before it runs, too: it ends at once then.
    pub fn terminate(&self) {
        self.0.switch(Mode::Terminated);
    }

    /// What was forwarded so far. A proxy that is forwarding counts in turns of a few hundred messages.
    pub fn statistics(&self) -> ProxyStatistics {
        self.0.statistics()
    }
}

/// What a proxy is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    #[default]
    Running,
    Paused,
    /// For good.
    Terminated,
}

/// A command as a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Pause,
    Resume,
    Terminate,
    Statistics,
}

impl Command {
    pub(super) fn of(message: &Message) -> Option<Self> {
        let [word] = message.frames() else { return None };
        match word.as_slice() {
            b"PAUSE" => Some(Self::Pause),
            b"RESUME" => Some(Self::Resume),
            b"TERMINATE" => Some(Self::Terminate),
            b"STATISTICS" => Some(Self::Statistics),
            _ => None,
        }
    }

    /// What it changes the mode to.
    pub(super) fn mode(self) -> Option<Mode> {
        match self {
            Self::Pause => Some(Mode::Paused),
            Self::Resume => Some(Mode::Running),
            Self::Terminate => Some(Mode::Terminated),
            Self::Statistics => None,
        }
    }
}

/// What a proxy and its handles share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    mode: Mutex<Mode>,
    changed: WaitList,
    pub(super) frontend: Counters,
    pub(super) backend: Counters,
}

impl Shared {
    pub(super) fn mode(&self) -> Mode {
        *self.mode.lock()
    }

    pub(super) fn switch(&self, to: Mode) {
        let mut mode = self.mode.lock();
        if *mode != Mode::Terminated {
            *mode = to;
        }
        drop(mode);
        self.changed.wake_all();
    }

    /// Woken when the mode may have changed.
    pub(super) fn changed(&self) -> &WaitList {
        &self.changed
    }

    pub(super) fn statistics(&self) -> ProxyStatistics {
        ProxyStatistics { frontend: self.frontend.read(), backend: self.backend.read() }
    }
}

/// The traffic of one side. The proxy alone adds, so that no two additions meet.
#[derive(Debug, Default)]
pub(super) struct Counters {
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
}

impl Counters {
    pub(super) fn add(&self, traffic: &Traffic) {
        let add = |counter: &AtomicU64, more: u64| {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        };
        add(&self.messages_in, traffic.messages_in);
        add(&self.bytes_in, traffic.bytes_in);
        add(&self.messages_out, traffic.messages_out);
        add(&self.bytes_out, traffic.bytes_out);
    }

    fn read(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            messages_in: read(&self.messages_in),
            bytes_in: read(&self.bytes_in),
            messages_out: read(&self.messages_out),
            bytes_out: read(&self.bytes_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_travel_as_eight_numbers() {
        let frontend = Traffic { messages_in: 1, bytes_in: 2, messages_out: 3, bytes_out: 4 };
        let backend = Traffic { messages_in: 5, bytes_in: 6, messages_out: 7, bytes_out: u64::MAX };
        let statistics = ProxyStatistics { frontend, backend };
        let message = statistics.to_message();
        assert_eq!((message.len(), message.byte_len()), (8, 64));
        assert_eq!(message[4], 5_u64.to_ne_bytes());
        assert_eq!(ProxyStatistics::from_message(&message), Some(statistics));
    }

    #[test]
    fn what_is_no_statistics_is_told_apart() {
        for message in [Message::new(), Message::from(["1234567"; 8]), Message::from(["12345678"; 7])] {
            assert_eq!(ProxyStatistics::from_message(&message), None, "{message:?}");
        }
    }

    #[test]
    fn commands_are_whole_words_in_one_frame() {
        assert_eq!(Command::of(&"PAUSE".into()), Some(Command::Pause));
        for message in ["pause".into(), "PAUSED".into(), Message::new(), Message::from(["PAUSE", ""])] {
            assert_eq!(Command::of(&message), None, "{message:?}");
        }
    }

    #[test]
    fn a_terminated_proxy_stays_terminated() {
        let shared = Arc::new(Shared::default());
        let steering = Steering::new(&shared);
        steering.pause();
        assert_eq!(shared.mode(), Mode::Paused);
        steering.resume();
        assert_eq!(shared.mode(), Mode::Running);
        steering.terminate();
        steering.resume();
        assert_eq!(shared.mode(), Mode::Terminated);
    }
}
