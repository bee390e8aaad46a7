//! A socket of any of the types, called as its placement is called.

use bench_common::{Body, End, Failure, Kind, Outcome, Setup, Socket};
use monocoque::{Any, Context, Message, Receives, Router, SecretKey, Sends, SocketBuilder, SocketType};

/// Bodies up to this many bytes lie in the message; larger ones are handed over by reference.
const COPY_BYTES_MAX: usize = 64;
/// Messages that one call of the batch modes takes or gives at most.
const MANY: usize = 256;

/// One socket.
pub struct AnySocket {
    typed: Typed,
    calls: Calls,
    message: Message,
    messages: Vec<Message>,
}

enum Typed {
    Plain(monocoque::Socket<Any>),
    /// Has its envelope as a type.
    Router(monocoque::Socket<Router>),
}

/// How a socket is called.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// By methods that block, rather than by futures.
    pub block: bool,
    /// For many messages at once, rather than for one.
    pub many: bool,
}

impl AnySocket {
    pub async fn open(context: &Context, setup: Setup<'_>, calls: Calls) -> Outcome<Self> {
        let typed = match setup.kind {
            Kind::Router => Typed::Router(meet(secured(context.router(), setup).build()?, setup, calls).await?),
            kind => {
                let plain = secured(context.socket(socket_type(kind)), setup).no_drop(setup.no_drop).build()?;
                if kind == Kind::Sub {
                    plain.subscribe("");
                }
                Typed::Plain(meet(plain, setup, calls).await?)
            }
        };
        Ok(Self { typed, calls, message: Message::new(), messages: Vec::with_capacity(MANY) })
    }

    fn plain(&self) -> Outcome<&monocoque::Socket<Any>> {
        match &self.typed {
            Typed::Plain(socket) => Ok(socket),
            Typed::Router(_) => Err(Failure::failed("a router only answers")),
        }
    }
}

/// With the keys that the setup has.
fn secured<K: monocoque::Kind>(builder: SocketBuilder<K>, setup: Setup<'_>) -> SocketBuilder<K> {
    let Some(keys) = setup.keys else { return builder };
    let secret: SecretKey = keys.secret.parse().expect("a key");
    match keys.server {
        Some(server) => builder.curve_client(server.parse().expect("a key"), secret),
        None => builder.curve_server(secret),
    }
}

async fn meet<K: monocoque::Kind>(
    socket: monocoque::Socket<K>,
    setup: Setup<'_>,
    calls: Calls,
) -> Outcome<monocoque::Socket<K>> {
    match setup.end {
        End::Connect => socket.connect(setup.endpoint)?,
        End::Bind if calls.block => drop(socket.blocking().bind(setup.endpoint)?),
        End::Bind => drop(socket.bind(setup.endpoint).await?),
    }
    Ok(socket)
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

#[inline]
fn message(body: &Body) -> Message {
    match body.as_slice() {
        small if small.len() <= COPY_BYTES_MAX => small.into(),
        _ => body.to_bytes().into(),
    }
}

/// Receives one message and sends it back.
async fn bounce<K, M>(socket: &monocoque::Socket<K>, block: bool) -> Outcome
where
    K: Sends<Out = M> + Receives<In = M>,
    M: 'static,
{
    if block {
        socket.blocking().send(socket.blocking().recv()?).map_err(Failure::failed)
    } else {
        socket.send(socket.recv().await?).await.map_err(Failure::failed)
    }
}

impl Socket for AnySocket {
    async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        let socket = self.plain()?;
        let (bytes, is_small) = (body.as_slice(), body.as_slice().len() <= COPY_BYTES_MAX);
        match self.calls {
            Calls { many: true, block: false } => drop(socket.send_many((0..count).map(|_| message(body))).await?),
            Calls { block: true, .. } if is_small => (0..count).try_for_each(|_| socket.blocking().send(bytes))?,
            Calls { block: true, .. } => (0..count).try_for_each(|_| socket.blocking().send(message(body)))?,
            Calls { block: false, .. } if is_small => {
                for _ in 0..count {
                    socket.send(bytes).await?;
                }
            }
            Calls { block: false, .. } => {
                for _ in 0..count {
                    socket.send(message(body)).await?;
                }
            }
        }
        Ok(())
    }

    async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        let Self { typed: Typed::Plain(socket), calls, message, messages } = self else {
            return Err(Failure::failed("a router only answers"));
        };
        match calls {
            Calls { many: false, block: true } => socket.blocking().recv_into(message)?,
            Calls { many: false, block: false } => socket.recv_into(message).await?,
            Calls { many: true, block } => {
                messages.clear();
                let count = match block {
                    true => socket.blocking().recv_many(messages, MANY)?,
                    false => socket.recv_many(messages, MANY).await?,
                };
                messages.iter().for_each(|message| see(message.last().as_slice()));
                return Ok(count);
            }
        }
        see(message.last().as_slice());
        Ok(1)
    }

    async fn echo(&mut self) -> Outcome<usize> {
        match &self.typed {
            Typed::Plain(socket) => bounce(socket, self.calls.block).await?,
            Typed::Router(socket) => bounce(socket, self.calls.block).await?,
        }
        Ok(1)
    }
}
