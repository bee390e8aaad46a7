//! A socket of any of the types over one stream.

use bench_common::{Body, Failure, Kind, Outcome};
use bytes::Bytes;
use compio_io::{AsyncRead, AsyncWrite};
use monocoque::rt::{TcpStream, UnixStream};
use monocoque::zmq::{
    DealerSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket, SocketOptions, SubSocket,
};

/// Messages that a router answers before it flushes, at most: as many as are in flight.
const BATCH: usize = 256;

/// One socket, and the message that it receives into.
pub struct Typed<S: AsyncRead + AsyncWrite + Unpin> {
    socket: Socket<S>,
    message: Vec<Bytes>,
    coalesces: bool,
}

enum Socket<S: AsyncRead + AsyncWrite + Unpin> {
    Push(PushSocket<S>),
    Pull(PullSocket<S>),
    Req(ReqSocket<S>),
    Rep(RepSocket<S>),
    Dealer(DealerSocket<S>),
    Router(RouterSocket<S>),
    Sub(SubSocket<S>),
}

/// The same constructors for another stream.
macro_rules! typed {
    ($name:ident, $stream:ty, $new:ident) => {
        impl Typed<$stream> {
            pub async fn $name(kind: Kind, stream: $stream, options: SocketOptions, coalesces: bool) -> Outcome<Self> {
                let socket = match kind {
                    Kind::Push => Socket::Push(PushSocket::$new(stream, options).await?),
                    Kind::Pull => Socket::Pull(PullSocket::$new(stream, options).await?),
                    Kind::Req => Socket::Req(ReqSocket::$new(stream, options).await?),
                    Kind::Rep => Socket::Rep(RepSocket::$new(stream, options).await?),
                    Kind::Dealer => Socket::Dealer(DealerSocket::$new(stream, options).await?),
                    Kind::Router => Socket::Router(RouterSocket::$new(stream, options).await?),
                    Kind::Sub => {
                        let mut sub = SubSocket::$new(stream, options).await?;
                        sub.subscribe(b"").await?;
                        Socket::Sub(sub)
                    }
                    Kind::Pub => return Err(Failure::unsupported("its publishers are TCP only")),
                };
                Ok(Self { socket, message: Vec::with_capacity(4), coalesces })
            }
        }
    };
}
typed!(of_tcp, TcpStream, from_tcp_with_options);
typed!(of_unix, UnixStream, from_unix_stream_with_options);

fn wrong_type() -> Failure {
    Failure::failed("this socket type does not do that")
}

impl<S: AsyncRead + AsyncWrite + Unpin> Typed<S> {
    pub async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        match &mut self.socket {
            Socket::Push(push) => {
                for _ in 0..count {
                    push.send_one(body.to_bytes()).await?;
                }
            }
            Socket::Req(req) => req.send_one(body.to_bytes()).await?,
            Socket::Dealer(dealer) if self.coalesces => {
                for _ in 0..count {
                    dealer.send_buffered(vec![body.to_bytes()])?;
                }
            }
            Socket::Dealer(dealer) => {
                for _ in 0..count {
                    dealer.send(vec![body.to_bytes()]).await?;
                }
            }
            _ => return Err(wrong_type()),
        }
        Ok(())
    }

    pub async fn flush(&mut self) -> Outcome {
        match &mut self.socket {
            Socket::Push(push) => push.flush().await?,
            Socket::Dealer(dealer) if self.coalesces => dealer.flush().await?,
            _ => {}
        }
        Ok(())
    }

    pub async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        let message = &mut self.message;
        let came = match &mut self.socket {
            Socket::Pull(pull) => pull.recv_into(message).await?,
            Socket::Req(req) => req.recv_into(message).await?,
            Socket::Dealer(dealer) => dealer.recv_into(message).await?,
            Socket::Sub(sub) => sub.recv_into(message).await?,
            _ => return Err(wrong_type()),
        };
        if !came {
            return Err(Failure::failed("the other side closed the connection"));
        }
        see(message.last().map_or(&[], |body| body));
        let mut count = 1;
        if let (Socket::Dealer(dealer), true) = (&mut self.socket, self.coalesces) {
            while count < BATCH && dealer.try_recv_into(message)? {
                see(message.last().map_or(&[], |body| body));
                count += 1;
            }
        }
        Ok(count)
    }

    /// None when the connection has ended.
    pub async fn echo(&mut self) -> Outcome<usize> {
        let message = &mut self.message;
        let came = match &mut self.socket {
            Socket::Rep(rep) => rep.recv_into(message).await?,
            Socket::Router(router) => router.recv_into(message).await?,
            _ => return Err(wrong_type()),
        };
        if !came {
            return Ok(0);
        }
        match &mut self.socket {
            Socket::Rep(rep) => rep.send(std::mem::take(message)).await?,
            Socket::Router(router) if self.coalesces => {
                let mut count = 1;
                router.send_buffered(std::mem::take(message))?;
                while count < BATCH && router.try_recv_into(message)? {
                    router.send_buffered(std::mem::take(message))?;
                    count += 1;
                }
                router.flush().await?;
                return Ok(count);
            }
            Socket::Router(router) => router.send(std::mem::take(message)).await?,
            _ => return Err(wrong_type()),
        }
        Ok(1)
    }
}
