//! One socket behind each of the three fronts.

use std::collections::VecDeque;
use std::time::Duration;

use bench_common::{Body, End, Failure, Keys, Kind, Outcome, Setup, Socket};
use omq_tokio::message::MAX_INLINE_MESSAGE;
use omq_tokio::{
    Context, CurveKeypair, CurvePublicKey, CurveSecretKey, Error, Message, Options, SocketType, TrySendError, blocking,
    exclusive,
};

/// Messages that one call of the batch modes takes or gives at most.
const MANY: usize = 256;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    Async,
    Blocking,
    Exclusive,
}

pub struct OmqSocket {
    inner: Inner,
    many: bool,
    outbox: VecDeque<Message>,
    inbox: Vec<Message>,
}

enum Inner {
    Async(omq_tokio::Socket),
    Blocking(blocking::Socket),
    Exclusive(Box<exclusive::Socket>),
}

impl OmqSocket {
    pub async fn open(
        front: Front,
        context: Option<&Context>,
        setup: Setup<'_>,
        many: bool,
        spin: Duration,
    ) -> Outcome<Self> {
        let kind = socket_type(setup.kind);
        let mut options = Options::default().recv_spin(spin);
        options.xpub_nodrop = setup.no_drop;
        if let Some(keys) = setup.keys {
            options = secured(options, keys)?;
        }
        let inner = match front {
            Front::Exclusive => Inner::Exclusive(Box::new(open_exclusive(kind, setup).await?)),
            Front::Blocking => {
                let context = context.ok_or_else(|| Failure::failed("the blocking modes have a context"))?;
                let socket = context.blocking_socket(kind, options);
                if setup.kind == Kind::Sub {
                    socket.subscribe("")?;
                }
                match setup.end {
                    End::Bind => drop(socket.bind(setup.endpoint)?),
                    End::Connect => socket.connect(setup.endpoint)?,
                }
                Inner::Blocking(socket)
            }
            Front::Async => {
                let socket = context.cloned().unwrap_or_else(Context::current).socket(kind, options);
                if setup.kind == Kind::Sub {
                    socket.subscribe("").await?;
                }
                match setup.end {
                    End::Bind => drop(socket.bind(setup.endpoint).await?),
                    End::Connect => socket.connect(setup.endpoint).await?,
                }
                Inner::Async(socket)
            }
        };
        Ok(Self { inner, many, outbox: VecDeque::with_capacity(MANY), inbox: Vec::with_capacity(MANY) })
    }
}

fn secured(options: Options, keys: Keys) -> Outcome<Options> {
    let public = CurvePublicKey::from_z85(keys.public)?;
    let pair = CurveKeypair { public, secret: CurveSecretKey::from_z85(keys.secret)? };
    Ok(match keys.server {
        Some(server) => options.curve_client(pair, CurvePublicKey::from_z85(server)?),
        None => options.curve_server(pair),
    })
}

async fn open_exclusive(kind: SocketType, setup: Setup<'_>) -> Outcome<exclusive::Socket> {
    if !setup.endpoint.starts_with("tcp:") {
        return Err(Failure::unsupported("exclusive sockets are TCP only"));
    }
    if setup.peers > 1 {
        return Err(Failure::unsupported("exclusive sockets have one peer"));
    }
    let options = exclusive::Options::default();
    let opened = match setup.end {
        End::Bind => exclusive::Socket::bind(kind, setup.endpoint, options).await.map(|(socket, _)| socket),
        End::Connect => exclusive::Socket::connect(kind, setup.endpoint, options).await,
    };
    opened.map_err(|error| match error {
        Error::Config(reason) => Failure::unsupported(reason),
        other => other.into(),
    })
}

fn socket_type(kind: Kind) -> SocketType {
    match kind {
        Kind::Push => SocketType::Push,
        Kind::Pull => SocketType::Pull,
        Kind::Req => SocketType::Req,
        Kind::Rep => SocketType::Rep,
        Kind::Dealer => SocketType::Dealer,
        Kind::Router => SocketType::Router,
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
    }
}

/// Copied if it fits into the message itself, else by reference: as its own benchmarks do.
#[inline]
fn message(body: &Body) -> Message {
    match body.as_slice() {
        small if small.len() <= MAX_INLINE_MESSAGE => Message::from_slice(small),
        _ => Message::single(body.to_bytes()),
    }
}

#[inline]
fn body_of(message: &Message) -> &[u8] {
    message.part_slice(message.len() - 1).unwrap_or_default()
}

impl Socket for OmqSocket {
    async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        if self.many {
            self.outbox.extend((0..count).map(|_| message(body)));
        }
        match &mut self.inner {
            Inner::Async(socket) if self.many => {
                while !self.outbox.is_empty() {
                    if let Some(left) = refused(socket.try_send_many(&mut self.outbox, MANY))? {
                        socket.send(left).await?;
                    }
                }
            }
            Inner::Blocking(socket) if self.many => {
                while !self.outbox.is_empty() {
                    if let Some(left) = refused(socket.try_send_many(&mut self.outbox, MANY))? {
                        socket.send(left)?;
                    }
                }
            }
            Inner::Async(socket) => {
                for _ in 0..count {
                    socket.send(message(body)).await?;
                }
            }
            Inner::Blocking(socket) => {
                for _ in 0..count {
                    if let Some(left) = refused(socket.try_send(message(body)))? {
                        socket.send(left)?;
                    }
                }
            }
            Inner::Exclusive(socket) => {
                let message = message(body);
                for _ in 0..count {
                    socket.send(&message).await?;
                }
            }
        }
        Ok(())
    }

    async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        if self.many {
            self.inbox.clear();
            match &self.inner {
                Inner::Async(socket) => drop(socket.recv_many_into(MANY, &mut self.inbox).await?),
                Inner::Blocking(socket) => drop(socket.recv_many_into(MANY, &mut self.inbox)?),
                Inner::Exclusive(_) => return Err(Failure::unsupported("exclusive sockets have no batch calls")),
            }
            self.inbox.iter().for_each(|message| see(body_of(message)));
            return Ok(self.inbox.len());
        }
        let message = match &mut self.inner {
            Inner::Async(socket) => socket.recv().await?,
            Inner::Blocking(socket) => socket.recv()?,
            Inner::Exclusive(socket) => socket.recv().await?,
        };
        see(body_of(&message));
        Ok(1)
    }

    async fn echo(&mut self) -> Outcome<usize> {
        match &mut self.inner {
            Inner::Async(socket) => socket.send(socket.recv().await?).await?,
            Inner::Blocking(socket) => socket.send(socket.recv()?)?,
            Inner::Exclusive(socket) => match socket.recv().await {
                Ok(message) => socket.send(&message).await?,
                // The peer is gone; the next call waits for another.
                Err(Error::Closed | Error::Io(_)) => return Ok(0),
                Err(error) => return Err(error.into()),
            },
        }
        Ok(1)
    }
}

/// The message that found no room, if one did not.
#[inline]
fn refused<T>(sent: Result<T, TrySendError>) -> Outcome<Option<Message>> {
    match sent {
        Ok(_) => Ok(None),
        Err(TrySendError::Full(message)) => Ok(Some(message)),
        Err(error) => Err(Failure::failed(error)),
    }
}
