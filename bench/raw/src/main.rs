//! Bare sockets: the same bytes as ZMTP frames, no messaging. What the kernel lets anyone reach here.
//!
//! Nobody parses, queues or routes: the sender writes ready-made frames 64 KiB at a time, the receiver reads and
//! divides. There is no handshake either. The mode `framed` adds the least that messages cost anybody, and no more.

mod framed;
mod frames;
mod link;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use bench_common::{Body, End, Failure, Group, Kind, Library, Mode, Order, Outcome, Setup, Socket, park_on};

use framed::Framed;
use frames::Frames;
use link::{Listener, Stream, Wait, ready};

fn main() -> ExitCode {
    bench_common::main::<Raw>()
}

struct Raw {
    wait: Wait,
    framed: bool,
    size: usize,
    /// Written, and read, at a time.
    chunks: (usize, usize),
}

/// What a messaging library may do too.
const SMALL_CHUNKS: (usize, usize) = (64 * 1024, 64 * 1024);
/// Better on some machines, for some sizes: the limit is the better of both.
const LARGE_CHUNKS: (usize, usize) = (256 * 1024, 1024 * 1024);

impl Library for Raw {
    type Socket = RawSocket;

    const MODES: &'static [Mode] = &[
        Mode { name: "blocking", note: "write(2) and read(2) of 64 KiB that wait in the kernel", groups: &[] },
        Mode { name: "large", note: "write(2) of 256 KiB, read(2) of 1 MiB", groups: &[Group::Stream] },
        Mode {
            name: "framed",
            note: "as blocking; each message is copied behind a header of its own, found by it and copied out",
            groups: &[Group::Stream],
        },
        Mode { name: "framed-large", note: "framed, with the writes and reads of large", groups: &[Group::Stream] },
        Mode { name: "poll", note: "non-blocking reads, yielding the core between them", groups: &[Group::Trip] },
        Mode { name: "spin", note: "non-blocking reads without a pause", groups: &[Group::Trip] },
    ];

    fn new(mode: &'static str, order: &Order) -> Outcome<Self> {
        let wait = match mode {
            "poll" => Wait::Yield,
            "spin" => Wait::Spin,
            _ => Wait::Block,
        };
        let chunks = if mode.ends_with("large") { LARGE_CHUNKS } else { SMALL_CHUNKS };
        Ok(Self { wait, framed: mode.starts_with("framed"), size: order.size, chunks })
    }

    fn run<F: Future>(&'static self, job: F) -> F::Output {
        park_on(job)
    }

    async fn pause(&'static self, time: Duration) {
        thread::sleep(time);
    }

    async fn open(&'static self, setup: Setup<'_>) -> Outcome<RawSocket> {
        if setup.kind == Kind::Router && setup.peers > 1 {
            return Err(Failure::unsupported("bare sockets keep nothing for a connection"));
        }
        let (listener, streams) = match setup.end {
            End::Connect => (None, vec![Stream::connect(setup.endpoint, self.wait)?]),
            End::Bind => {
                let listener = Listener::bind(setup.endpoint)?;
                (setup.bound)();
                let streams: Vec<_> = (0..setup.peers).map(|_| listener.accept(self.wait)).collect::<Result<_, _>>()?;
                (Some(listener), streams)
            }
        };
        let peers = streams.into_iter().map(|stream| Peer { stream, partial: 0, lane: None }).collect();
        let (write_bytes, read_bytes) = self.chunks;
        let frames = Frames::new(&vec![0; self.size], write_bytes);
        let inbox = vec![0; read_bytes];
        let framed = self.framed.then(|| Framed::new(self.size, self.chunks));
        Ok(RawSocket { listener, peers, frames, write_bytes, named: false, pending: 0, inbox, framed, wait: self.wait })
    }

    async fn each<F>(&'static self, count: usize, job: impl Fn(usize) -> F + Clone + Send + 'static) -> Outcome
    where
        F: Future<Output = Outcome> + 'static,
    {
        bench_common::on_threads(count, job)
    }
}

struct RawSocket {
    listener: Option<Listener>,
    peers: Vec<Peer>,
    frames: Frames,
    write_bytes: usize,
    /// Whether the frames have the body that is to be sent, rather than one of its size.
    named: bool,
    /// Messages that were sent but not written yet.
    pending: usize,
    inbox: Vec<u8>,
    framed: Option<Framed>,
    wait: Wait,
}

struct Peer {
    stream: Stream,
    /// Bytes of an incomplete frame that were read.
    partial: usize,
    /// The first bytes of its first body.
    lane: Option<[u8; 4]>,
}

impl RawSocket {
    fn write(&mut self, messages: usize) -> Outcome {
        let mut left = messages;
        while left > 0 {
            let now = left.min(self.frames.per_write());
            for peer in &mut self.peers {
                peer.stream.write_all(self.frames.of(now))?;
            }
            left -= now;
        }
        Ok(())
    }

    /// Reads once from a peer; whole frames, or none at the end of its stream.
    fn read(&mut self, at: usize) -> Outcome<Option<usize>> {
        let peer = &mut self.peers[at];
        loop {
            let bytes = peer.stream.read(&mut self.inbox)?;
            if bytes == 0 {
                return Ok(None);
            }
            if peer.partial == 0 && peer.lane.is_none() {
                peer.lane = self.inbox[self.frames.header_bytes()..].first_chunk().copied();
            }
            let total = peer.partial + bytes;
            peer.partial = total % self.frames.frame_bytes();
            match total / self.frames.frame_bytes() {
                0 => {}
                frames => return Ok(Some(frames)),
            }
        }
    }

    fn read_some(&mut self, at: usize) -> Outcome<usize> {
        self.read(at)?.ok_or_else(|| Failure::failed("the other side closed the connection"))
    }
}

impl Socket for RawSocket {
    async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        if let Some(framed) = &mut self.framed {
            return (0..count).try_for_each(|_| framed.send(&mut self.peers[0].stream, body.as_slice()));
        }
        if !std::mem::replace(&mut self.named, true) {
            self.frames = Frames::new(body.as_slice(), self.write_bytes);
        }
        self.pending += count;
        let full = self.pending - self.pending % self.frames.per_write();
        self.pending -= full;
        self.write(full)
    }

    async fn flush(&mut self) -> Outcome {
        let pending = std::mem::take(&mut self.pending);
        self.write(pending)
    }

    async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        if let Some(framed) = &mut self.framed {
            see(framed.recv(&mut self.peers[0].stream)?);
            return Ok(1);
        }
        if self.peers.len() == 1 {
            let count = self.read_some(0)?;
            see(self.frames.body());
            return Ok(count);
        }
        let mut count = 0;
        for at in ready(self.peers.iter().map(|peer| &peer.stream))? {
            let frames = self.read_some(at)?;
            let lane = self.peers[at].lane;
            lane.iter().cycle().take(frames).for_each(|lane| see(lane));
            count += frames;
        }
        Ok(count)
    }

    async fn echo(&mut self) -> Outcome<usize> {
        loop {
            if let Some(count) = self.read(0)? {
                self.write(count)?;
                return Ok(count);
            }
            let listener = self.listener.as_ref().ok_or_else(|| Failure::failed("the other side is gone"))?;
            self.peers[0] = Peer { stream: listener.accept(self.wait)?, partial: 0, lane: None };
        }
    }
}
