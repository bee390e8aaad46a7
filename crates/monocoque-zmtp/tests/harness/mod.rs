//! One end of a connection in memory, and bytes written by hand to feed it.
#![allow(dead_code)] // each test file uses its part

use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::pipe::{Mark, PipeWriter, pipe_from_link, pipe_to_link};
use monocoque_core::protocol::{Need, Output, Side};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_core::wire::Header;
use monocoque_core::{Protocol, SocketType};
use monocoque_zmtp::{PeerInfo, Session, SessionConfig, SessionError};

pub const SECOND: Duration = Duration::from_secs(1);

/// What a session gave in sum.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    pub written: Vec<u8>,
    pub delivered: Vec<u8>,
    pub messages: usize,
    pub ready: Option<PeerInfo>,
    pub error: Option<SessionError>,
    pub deadline: Option<Instant>,
}

/// A session, its reader's buffer, and everything that came out.
pub struct End {
    pub session: Session,
    pub now: Instant,
    pub outcome: Outcome,
    /// What was delivered since the last look, as the hub gets it.
    pub deliver: Batch,
    /// Written and not yet carried to the other end.
    pub outbox: Vec<u8>,
    input: SlabMut,
}

impl End {
    pub fn new(config: SessionConfig, side: Side, now: Instant) -> Self {
        let mut end = Self {
            session: Session::new(config, side),
            now,
            outcome: Outcome::default(),
            deliver: Batch::default(),
            outbox: Vec::new(),
            input: SlabMut::exact(16).expect("16 bytes"),
        };
        let mut out = Output::default();
        end.session.connected(now, &mut out);
        end.drain(out);
        end.outcome.deadline = end.session.deadline();
        end
    }

    /// A listener of `kind` with default options.
    pub fn of(kind: SocketType) -> Self {
        Self::new(SessionConfig::new(kind), Side::Listener, Instant::now())
    }

    /// A listener of `kind` whose peer, of type `peer`, is ready; nothing else has come or gone since.
    pub fn ready(config: SessionConfig, peer: &str) -> Self {
        let mut end = Self::new(config, Side::Listener, Instant::now());
        end.feed(&[greeting(1), ready(peer, &[])].concat());
        assert!(end.outcome.ready.is_some(), "{:?}", end.outcome.error);
        end.outcome.written.clear();
        end.outbox.clear();
        end
    }

    /// The link read `bytes` in one piece.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.outcome.error.is_some() {
            return;
        }
        self.make_room(bytes.len());
        self.input.extend_from_slice(bytes);
        let mut out = Output::default();
        let result = self.session.received(self.now, &mut self.input, &mut out);
        self.drain(out);
        match result {
            Ok(Need(need)) => {
                let left = self.input.len();
                assert!(need > left || (need == 0 && left == 0), "{need} needed, {left} there");
            }
            Err(error) => self.outcome.error = Some(error),
        }
        self.outcome.deadline = self.outcome.error.is_none().then(|| self.session.deadline()).flatten();
    }

    /// `elapsed` passes and the timer fires.
    pub fn wait(&mut self, elapsed: Duration) -> Result<(), SessionError> {
        self.now += elapsed;
        let mut out = Output::default();
        let result = self.session.timeout(self.now, &mut out);
        self.drain(out);
        result
    }

    /// Sends what `batch` holds; in how many parts.
    pub fn send(&mut self, batch: &mut Batch) -> usize {
        let mut parts = 0;
        while !batch.is_empty() {
            let mut out = Output::default();
            self.session.send(self.now, batch, &mut out).expect("a ready session sends anything");
            self.drain(out);
            parts += 1;
        }
        assert_eq!(batch.messages, 0);
        parts
    }

    /// Whether the session waits for nobody but the peer.
    pub fn is_unblocked(&mut self) -> bool {
        self.session.poll_unblocked(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// What was written since the last call.
    pub fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outbox)
    }

    fn make_room(&mut self, bytes: usize) {
        if self.input.spare_len() < bytes {
            let mut larger = SlabMut::exact(self.input.len() + bytes + 100).expect("test sizes");
            larger.extend_from_slice(self.input.filled());
            self.input = larger;
        }
    }

    fn drain(&mut self, mut out: Output<PeerInfo>) {
        for segment in out.write.drain(..) {
            self.outcome.written.extend_from_slice(&segment);
            self.outbox.extend_from_slice(&segment);
        }
        if let Some(peer) = out.ready.take() {
            assert!(self.outcome.ready.replace(peer).is_none(), "ready twice");
        }
        assert_eq!(out.deliver.messages, units(&out.deliver.segments), "whole messages only");
        assert_eq!(out.deliver.bytes, out.deliver.segments.iter().map(Bytes::len).sum::<usize>());
        self.outcome.messages += out.deliver.messages;
        out.deliver.segments.iter().for_each(|segment| self.outcome.delivered.extend_from_slice(segment));
        self.deliver.append(&mut out.deliver);
    }
}

/// Messages and commands in `segments`, each of which must hold whole frames, the last one a message's last.
fn units(segments: &[Bytes]) -> usize {
    let (mut units, mut within) = (0, false);
    for segment in segments {
        let mut rest = &segment[..];
        while !rest.is_empty() {
            let header = Header::parse(rest).expect("a header lies whole in its segment");
            rest = &rest[header.header_len + header.body_len as usize..];
            assert!(!(within && header.command()), "a command within a message");
            within = header.more();
            units += usize::from(!within);
        }
    }
    assert!(!within, "the last message is not whole");
    units
}

/// Carries bytes between two ends, `piece` at a time, until both have said all.
pub fn converse(a: &mut End, b: &mut End, piece: usize) {
    while !(a.outbox.is_empty() && b.outbox.is_empty()) {
        let (from_a, from_b) = (a.take_written(), b.take_written());
        from_a.chunks(piece).for_each(|bytes| b.feed(bytes));
        from_b.chunks(piece).for_each(|bytes| a.feed(bytes));
    }
}

/// What a pipe makes of what is written into it.
pub fn encode(write: impl FnOnce(&mut PipeWriter)) -> Batch {
    let (mut writer, mut source) = pipe_to_link(Mark::messages(0), false, &Arena::new());
    let mut batch = Batch::default();
    write(&mut writer);
    source.take(&mut batch);
    batch
}

/// What the reader of a pipe finds in `batch`.
pub fn decode(batch: &mut Batch) -> Vec<Unit> {
    let (mut sink, mut reader) = pipe_from_link(Mark::messages(0), false, &Arena::new());
    sink.append(batch);
    std::iter::from_fn(|| reader.next_unit()).collect()
}

/// A greeting of ZMTP 3 as libzmq's tests write it.
pub fn greeting(minor: u8) -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, minor];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    bytes
}

/// A frame with `flags`, long when it must be.
pub fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = match u8::try_from(body.len()) {
        Ok(len) => vec![flags, len],
        Err(_) => [&[flags | 2][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    bytes.extend_from_slice(body);
    bytes
}

pub fn command(name: &str, data: &[u8]) -> Vec<u8> {
    frame(4, &[&[name.len() as u8], name.as_bytes(), data].concat())
}

pub fn property(name: &str, value: &[u8]) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), &(value.len() as u32).to_be_bytes(), value].concat()
}

/// READY of a peer of type `kind` with other `properties`.
pub fn ready(kind: &str, properties: &[(&str, &[u8])]) -> Vec<u8> {
    let mut data = property("Socket-Type", kind.as_bytes());
    properties.iter().for_each(|(name, value)| data.extend(property(name, value)));
    command("READY", &data)
}

/// A message of `frames`.
pub fn message(frames: &[&[u8]]) -> Vec<u8> {
    let last = frames.len() - 1;
    frames.iter().enumerate().flat_map(|(i, body)| frame(u8::from(i < last), body)).collect()
}
