//! Its sockets of one stream each, and the two types for many.

use bench_common::{Body, End, Failure, Kind, Outcome, Setup, Socket};
use monocoque::rt::{TcpListener, TcpStream, UnixListener, UnixStream};
use monocoque::zmq::{PubSocket, PullFanIn, SocketOptions};

use crate::typed::Typed;

/// One socket.
pub enum RsSocket {
    Tcp { socket: Box<Typed<TcpStream>>, listener: Option<TcpListener>, kind: Kind, options: Box<SocketOptions> },
    Ipc(Box<Typed<UnixStream>>),
    FanIn(PullFanIn),
    Pub(Box<PubSocket>),
}

impl RsSocket {
    /// Binding needs the peers to come: a socket is made of a stream that was accepted.
    pub async fn open(setup: Setup<'_>, coalesces: bool) -> Outcome<Self> {
        let options = SocketOptions::default().with_write_coalescing(coalesces);
        let Setup { kind, end, endpoint, peers, bound, .. } = setup;
        if let Some(path) = endpoint.strip_prefix("ipc://") {
            let stream = match end {
                End::Connect => UnixStream::connect(path).await?,
                End::Bind => {
                    let listener = UnixListener::bind(path).await?;
                    bound();
                    listener.accept().await?.0
                }
            };
            return Ok(Self::Ipc(Box::new(Typed::of_unix(kind, stream, options, coalesces).await?)));
        }
        let address = endpoint.strip_prefix("tcp://").ok_or_else(|| Failure::unsupported("no such transport"))?;
        match (end, kind) {
            (End::Connect, _) => {
                let stream = TcpStream::connect(address).await?;
                let socket = Box::new(Typed::of_tcp(kind, stream, options.clone(), coalesces).await?);
                Ok(Self::Tcp { socket, listener: None, kind, options: Box::new(options) })
            }
            (End::Bind, Kind::Pub) => {
                let mut publisher = PubSocket::bind_with_options(address, options).await?;
                bound();
                for _ in 0..peers {
                    publisher.accept_subscriber().await?;
                }
                Ok(Self::Pub(Box::new(publisher)))
            }
            (End::Bind, Kind::Pull) if peers > 1 => {
                let listener = TcpListener::bind(address).await?;
                bound();
                Ok(Self::FanIn(PullFanIn::accept_workers(&listener, peers, options).await?))
            }
            (End::Bind, _) if peers > 1 => Err(Failure::unsupported("a socket of this type has one connection")),
            (End::Bind, _) => {
                let listener = TcpListener::bind(address).await?;
                bound();
                let (stream, _) = listener.accept().await?;
                let socket = Box::new(Typed::of_tcp(kind, stream, options.clone(), coalesces).await?);
                Ok(Self::Tcp { socket, listener: Some(listener), kind, options: Box::new(options) })
            }
        }
    }
}

impl Socket for RsSocket {
    async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        match self {
            Self::Tcp { socket, .. } => socket.send(body, count).await,
            Self::Ipc(socket) => socket.send(body, count).await,
            Self::Pub(publisher) => {
                for _ in 0..count {
                    publisher.send_frames(&[body.to_bytes()]).await?;
                }
                Ok(())
            }
            Self::FanIn(_) => Err(Failure::failed("a receiver does not send")),
        }
    }

    async fn flush(&mut self) -> Outcome {
        match self {
            Self::Tcp { socket, .. } => socket.flush().await,
            Self::Ipc(socket) => socket.flush().await,
            Self::Pub(_) | Self::FanIn(_) => Ok(()),
        }
    }

    async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        match self {
            Self::Tcp { socket, .. } => socket.recv(see).await,
            Self::Ipc(socket) => socket.recv(see).await,
            Self::FanIn(sink) => {
                let messages = sink.recv_batch().await?.ok_or_else(|| Failure::failed("every peer is gone"))?;
                messages.iter().for_each(|message| see(message.last().map_or(&[], |body| body)));
                Ok(messages.len())
            }
            Self::Pub(_) => Err(Failure::failed("a publisher does not receive")),
        }
    }

    async fn echo(&mut self) -> Outcome<usize> {
        match self {
            Self::Ipc(socket) => socket.echo().await,
            Self::Tcp { socket, listener, kind, options } => {
                let count = socket.echo().await;
                let (Some(listener), Ok(0) | Err(_)) = (listener, &count) else { return count };
                // The connection has ended, and with it the socket: here comes the next.
                let (stream, _) = listener.accept().await?;
                let coalesces = options.write_coalescing;
                **socket = Typed::of_tcp(*kind, stream, (**options).clone(), coalesces).await?;
                Ok(0)
            }
            Self::Pub(_) | Self::FanIn(_) => Err(Failure::failed("this type does not answer")),
        }
    }
}
