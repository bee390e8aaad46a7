//! A socket of any of the types.

use bench_common::{Body, End, Failure, Kind, Outcome, Setup, Socket};
use zeromq::{
    DealerSocket, PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket, Socket as _, SocketRecv,
    SocketSend, SubSocket, ZmqMessage,
};

/// One socket.
pub enum AnySocket {
    Push(PushSocket),
    Pull(PullSocket),
    Req(ReqSocket),
    Rep(RepSocket),
    Dealer(DealerSocket),
    Router(RouterSocket),
    Pub(PubSocket),
    Sub(SubSocket),
}

impl AnySocket {
    pub async fn open(setup: Setup<'_>) -> Outcome<Self> {
        Ok(match setup.kind {
            Kind::Push => Self::Push(meet(PushSocket::new(), setup).await?),
            Kind::Pull => Self::Pull(meet(PullSocket::new(), setup).await?),
            Kind::Req => Self::Req(meet(ReqSocket::new(), setup).await?),
            Kind::Rep => Self::Rep(meet(RepSocket::new(), setup).await?),
            Kind::Dealer => Self::Dealer(meet(DealerSocket::new(), setup).await?),
            Kind::Router => Self::Router(meet(RouterSocket::new(), setup).await?),
            Kind::Pub => Self::Pub(meet(PubSocket::new(), setup).await?),
            Kind::Sub => {
                let mut sub = meet(SubSocket::new(), setup).await?;
                sub.subscribe("").await?;
                Self::Sub(sub)
            }
        })
    }
}

async fn meet<S: zeromq::Socket>(mut socket: S, setup: Setup<'_>) -> Outcome<S> {
    match setup.end {
        End::Bind => drop(socket.bind(setup.endpoint).await?),
        End::Connect => socket.connect(setup.endpoint).await?,
    }
    Ok(socket)
}

async fn send_each(socket: &mut impl SocketSend, body: &Body, count: usize) -> Outcome {
    for _ in 0..count {
        socket.send(ZmqMessage::from(body.to_bytes())).await?;
    }
    Ok(())
}

async fn bounce<S: SocketSend + SocketRecv>(socket: &mut S) -> Outcome {
    let message = socket.recv().await?;
    Ok(socket.send(message).await?)
}

fn wrong_type() -> Failure {
    Failure::failed("this socket type does not do that")
}

impl Socket for AnySocket {
    async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        match self {
            Self::Push(socket) => send_each(socket, body, count).await,
            Self::Req(socket) => send_each(socket, body, count).await,
            Self::Dealer(socket) => send_each(socket, body, count).await,
            Self::Pub(socket) => send_each(socket, body, count).await,
            _ => Err(wrong_type()),
        }
    }

    async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        let message = match self {
            Self::Pull(socket) => socket.recv().await?,
            Self::Req(socket) => socket.recv().await?,
            Self::Dealer(socket) => socket.recv().await?,
            Self::Sub(socket) => socket.recv().await?,
            _ => return Err(wrong_type()),
        };
        see(message.get(message.len() - 1).map_or(&[], |body| body));
        Ok(1)
    }

    async fn echo(&mut self) -> Outcome<usize> {
        match self {
            Self::Rep(socket) => bounce(socket).await?,
            Self::Router(socket) => bounce(socket).await?,
            _ => return Err(wrong_type()),
        }
        Ok(1)
    }

    async fn close(self) -> Outcome {
        let errors = match self {
            Self::Push(socket) => socket.close().await,
            Self::Pull(socket) => socket.close().await,
            Self::Req(socket) => socket.close().await,
            Self::Rep(socket) => socket.close().await,
            Self::Dealer(socket) => socket.close().await,
            Self::Router(socket) => socket.close().await,
            Self::Pub(socket) => socket.close().await,
            Self::Sub(socket) => socket.close().await,
        };
        errors.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }
}
