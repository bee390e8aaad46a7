//! A protocol of your own on the kernel: a body behind its length, echoed.
//!
//! On the wire a message is its length, four bytes big-endian, and its body. Nothing here is known to the
//! kernel; what ZMTP gets from it, this protocol gets too: both placements, both drivers, tcp and ipc, marks,
//! reconnects, vectored writes, and bodies that are not copied. It takes three things:
//!
//! 1. a [`Protocol`], which turns bytes into messages and back and never waits: [`LengthPrefixed`];
//! 2. an [`Owner`], which is told of links, and a [`Host`], which gives each its pipes: [`Peers`], [`Greeter`];
//! 3. a [`Listener`] or a [`Dialer`], spawned on a [`Placement`]: [`serve`] and [`dial`].
//!
//! Run it with `cargo run -p monocoque-io --example length_prefixed_echo`.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use monocoque_core::batch::{Batch, Unit};
use monocoque_core::limits::GATHER_BYTES_MIN;
use monocoque_core::pipe::{Mark, PipeReader, PipeWriter, Refusal, pipe_from_link, pipe_to_link};
use monocoque_core::protocol::{Blame, Need, Output, ProtocolError};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_core::wire::{EncodedHeader, Header};
use monocoque_core::{Endpoint, Message, Protocol};
use monocoque_io::{
    BackoffConfig, Binding, DialConfig, Dialer, DriverChoice, End, Ended, HalfOpen, Host, LinkEvent, LinkFacts,
    ListenConfig, Listener, Owner, Pipes, Placement, Retry, Stopper, local_runtime,
};

/// Bytes of the length.
pub const PREFIX: usize = size_of::<u32>();
/// A peer may claim any length; this is what we believe.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// One connection's state: none, for the stream has no handshake and every message stands for itself.
#[derive(Debug, Default)]
pub struct LengthPrefixed;

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a body of {asked} bytes, and {BODY_BYTES_MAX} are allowed")]
pub struct TooLong {
    /// What the peer announced, or the application sent.
    pub asked: usize,
}

impl ProtocolError for TooLong {
    fn blame(&self) -> Blame {
        Blame::Limit
    }
}

impl Protocol for LengthPrefixed {
    type Peer = ();
    type Error = TooLong;

    /// Without a handshake the peer is ready as soon as the link is up.
    fn connected(&mut self, _now: Instant, out: &mut Output<()>) {
        out.ready = Some(());
    }

    /// Takes whole messages off the input. The body is delivered where it lies, behind a header that pipes know.
    fn received(&mut self, _now: Instant, input: &mut SlabMut, out: &mut Output<()>) -> Result<Need, TooLong> {
        while let Some(prefix) = input.filled().first_chunk::<PREFIX>() {
            let len = u32::from_be_bytes(*prefix) as usize;
            if len > BODY_BYTES_MAX {
                return Err(TooLong { asked: len });
            }
            if input.len() < PREFIX + len {
                return Ok(Need(PREFIX + len)); // the next read goes to a slab in which it lies whole
            }
            input.skip(PREFIX);
            out.deliver.push(Bytes::copy_from_slice(EncodedHeader::new(0, len).as_slice()), 0);
            out.deliver.push(input.split_to(len), 1);
        }
        Ok(Need(PREFIX))
    }

    /// The wire knows no parts, so a message of several goes out as one body. Small ones share a segment.
    fn send(&mut self, _now: Instant, batch: &mut Batch, out: &mut Output<()>) -> Result<(), TooLong> {
        let (mut segments, mut current) = (std::mem::take(&mut batch.segments).into_iter(), Bytes::new());
        batch.clear();
        let (mut parts, mut small) = (Vec::new(), Vec::new());
        while let Some((header, body)) = next_frame(&mut segments, &mut current) {
            parts.push(body);
            if header.more() {
                continue;
            }
            let asked = parts.iter().map(Bytes::len).sum::<usize>();
            let len = u32::try_from(asked).map_err(|_| TooLong { asked })?;
            small.extend_from_slice(&len.to_be_bytes());
            for part in parts.drain(..) {
                if part.len() < GATHER_BYTES_MIN {
                    small.extend_from_slice(&part);
                } else {
                    out.write.extend([std::mem::take(&mut small).into(), part]);
                }
            }
        }
        out.write.extend((!small.is_empty()).then(|| small.into()));
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn timeout(&mut self, _now: Instant, _out: &mut Output<()>) -> Result<(), TooLong> {
        Ok(())
    }
}

/// The next frame of a batch: its body lies behind its header, or is the whole next segment.
fn next_frame(segments: &mut impl Iterator<Item = Bytes>, current: &mut Bytes) -> Option<(Header, Bytes)> {
    if current.is_empty() {
        *current = segments.next()?;
    }
    let header = Header::parse(current).expect("a header lies whole in its segment");
    current.advance(header.header_len);
    let len = header.body_len as usize;
    let body = if current.is_empty() && len > 0 { segments.next()? } else { current.split_to(len) };
    Some((header, body))
}

/// The application's ends of one connection.
#[derive(Debug)]
pub struct Conversation {
    outgoing: PipeWriter,
    incoming: PipeReader,
}

impl Conversation {
    /// A conversation and the pipes to give to its connection: up to 100 messages each way.
    pub fn new(arena: &Arena) -> (Self, Pipes) {
        let (outgoing, to_write) = pipe_to_link(Mark::messages(100), false, arena);
        let (delivered, incoming) = pipe_from_link(Mark::messages(100), false, arena);
        (Self { outgoing, incoming }, Pipes { outgoing: to_write, incoming: delivered })
    }

    /// Queues `message`, waiting while the pipe is full; gives it back if the connection has ended.
    pub async fn send(&mut self, message: Message) -> Result<(), Message> {
        loop {
            match self.outgoing.push(&message) {
                Ok(()) => return Ok(()),
                Err(Refusal::Full) => poll_fn(|cx| self.outgoing.poll_room(cx)).await,
                Err(Refusal::Closed) => return Err(message),
            }
        }
    }

    /// The next message; `None` when the connection has ended.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| {
            self.incoming.set_waker(cx.waker()); // first, so that nothing can arrive unnoticed
            match self.incoming.next_unit() {
                Some(Unit::Message(message)) => Poll::Ready(Some(message)),
                Some(Unit::Command(_)) => unreachable!("this protocol delivers no commands"),
                None if self.incoming.is_finished() => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }
}

/// What the owner of the connections was told.
#[derive(Debug)]
pub enum Report {
    /// Something happened below the protocol.
    Link(LinkEvent),
    /// A connection has ended.
    Ended(End<TooLong>),
}

/// Whoever wants the connections: a handle that the listener or the dialer clones for each.
#[derive(Clone)]
pub struct Peers {
    /// Makes the pipes of the next connection, or turns it away.
    pub pipes: Arc<dyn Fn() -> Option<Pipes> + Send + Sync>,
    /// Where reports go.
    pub reports: Sender<Report>,
}

/// One connection's view of its owner.
pub struct Greeter {
    peers: Peers,
    /// Counts as a handshake under way until it is dropped.
    permit: Option<HalfOpen>,
}

impl Host<LengthPrefixed> for Greeter {
    fn ready(&mut self, (): ()) -> Option<Pipes> {
        self.permit = None;
        (self.peers.pipes)()
    }
}

impl Owner for Peers {
    type Protocol = LengthPrefixed;
    type Host = Greeter;

    fn begin(&self, _facts: &LinkFacts, permit: Option<HalfOpen>) -> (LengthPrefixed, Greeter) {
        (LengthPrefixed, Greeter { peers: self.clone(), permit })
    }

    fn end(&self, _host: Greeter, ended: Ended<TooLong>) -> Retry {
        // `ended.outgoing` is what was not sent: an owner that reconnects hands it to the next connection.
        let _ = self.reports.send(Report::Ended(ended.end));
        Retry::No
    }

    fn event(&self, event: LinkEvent) {
        let _ = self.reports.send(Report::Link(event));
    }
}

/// Echoes at `endpoint` until the stopper is dropped. Returns the real endpoint: ports and paths may be wildcards.
pub async fn serve(
    placement: &Placement,
    endpoint: &Endpoint,
    reports: Sender<Report>,
) -> Result<(Endpoint, Stopper), Box<dyn Error>> {
    let (config, arena, stopper) = (ListenConfig::default(), Arena::new(), Stopper::new());
    let binding = Binding::new(endpoint, &config).await?;
    let found = binding.endpoint().clone();
    let (slabs, tasks) = (arena.clone(), placement.clone());
    let pipes = Arc::new(move || {
        let (conversation, pipes) = Conversation::new(&slabs);
        tasks.spawn(|_| echo(conversation)).ok().map(|()| pipes)
    });
    let owner = Peers { pipes, reports };
    let listener = Listener {
        owner,
        binding,
        config,
        arena,
        placement: placement.clone(),
        stop: stopper.listen(),
        connections: stopper.listen(),
    };
    placement.spawn(|home| listener.run(home))?;
    Ok((found, stopper))
}

async fn echo(mut conversation: Conversation) {
    while let Some(message) = conversation.recv().await {
        if conversation.send(message).await.is_err() {
            return;
        }
    }
}

/// Connects to `endpoint`. Returns at once: what is sent before the link is up waits in the pipe.
pub fn dial(
    placement: &Placement,
    endpoint: &Endpoint,
    reports: Sender<Report>,
) -> Result<(Conversation, Stopper), Box<dyn Error>> {
    let (arena, stopper) = (Arena::new(), Stopper::new());
    let (conversation, pipes) = Conversation::new(&arena);
    let pipes = std::sync::Mutex::new(Some(pipes));
    let owner = Peers { pipes: Arc::new(move || pipes.lock().ok()?.take()), reports };
    let config = DialConfig { backoff: Some(BackoffConfig::default()), ..DialConfig::default() };
    let dialer = Dialer { owner, endpoint: endpoint.clone(), config, arena, stop: stopper.listen() };
    placement.spawn(|home| dialer.run(home))?;
    Ok((conversation, stopper))
}

/// Sends every body, waits for it to come back and compares it; returns how many bytes that were.
pub async fn round_trips(conversation: &mut Conversation, bodies: &[Bytes]) -> io::Result<usize> {
    let ended = || io::Error::from(io::ErrorKind::ConnectionAborted);
    for body in bodies {
        conversation.send(body.clone().into()).await.map_err(|_| ended())?;
        let back = conversation.recv().await.ok_or_else(ended)?;
        if *back.first() != body {
            return Err(io::Error::other(format!("sent {} bytes, got {} others", body.len(), back.byte_len())));
        }
    }
    Ok(bodies.iter().map(Bytes::len).sum())
}

fn main() -> Result<(), Box<dyn Error>> {
    let shared = Placement::shared(1, DriverChoice::from_env()?)?;
    let bodies = [0, 1, 1000, 100 << 10, 3 << 20].map(|len| Bytes::from(vec![7; len]));
    local_runtime()?.block_on(compio::time::timeout(Duration::from_secs(30), async {
        for (name, placement) in [("shared", shared), ("local", Placement::local()?)] {
            for wildcard in ["tcp://127.0.0.1:0", "ipc://*"] {
                let (reports, heard) = channel();
                let (endpoint, _serving) = serve(&placement, &wildcard.parse()?, reports.clone()).await?;
                let (mut conversation, _dialing) = dial(&placement, &endpoint, reports)?;
                let bytes = round_trips(&mut conversation, &bodies).await?;
                println!("{name} placement on {}: {bytes} bytes to {endpoint} and back", placement.driver());
                heard.try_iter().for_each(|report| println!("    {report:?}"));
            }
        }
        Ok(())
    }))?
}
