//! rzmq 0.5.28: on tokio as it is, tuned as its guide says, and on its io_uring backend.

use std::process::ExitCode;
use std::time::Duration;

use bench_common::{Body, End, Failure, Kind, Library, Mode, Order, Outcome, Setup, Socket, note_driver};
use rzmq::socket::options::{
    ADAPTIVE_THROTTLE, AUTO_DELIMITER, SNDBATCH_BYTES, SNDBATCH_COUNT, SUBSCRIBE, TCP_CORK, XPUB_NODROP,
};
use rzmq::uring::{UringConfig, initialize_uring_backend};
use rzmq::{Context, Msg, SocketType};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    bench_common::main::<Rzmq>()
}

/// What its guide names for streams of small messages.
const BATCH_COUNT: i32 = 512;
const BATCH_BYTES: i32 = 1024 * 1024;

struct Rzmq {
    runtime: Runtime,
    context: Context,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Default,
    Tuned,
    Uring,
}

impl Library for Rzmq {
    type Socket = RzmqSocket;

    const MODES: &'static [Mode] = &[
        Mode { name: "default", note: "send and recv on tokio's multi-thread runtime", groups: &[] },
        Mode {
            name: "io-uring",
            note: "its io_uring backend with its default configuration and TCP_CORK",
            groups: &[],
        },
        Mode { name: "tuned", note: "SNDBATCH_COUNT 512, SNDBATCH_BYTES 1 MiB, adaptive throttle off", groups: &[] },
    ];

    fn new(mode: &'static str, _: &Order) -> Outcome<Self> {
        let way = match mode {
            "io-uring" => Way::Uring,
            "tuned" => Way::Tuned,
            _ => Way::Default,
        };
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let context = runtime.block_on(async {
            if way == Way::Uring {
                initialize_uring_backend(UringConfig::default())?;
            }
            Ok::<_, rzmq::ZmqError>(Context::new()?.with_io_uring_sessions(way == Way::Uring))
        })?;
        note_driver(if way == Way::Uring { "io_uring" } else { "epoll" });
        Ok(Self { runtime, context, way })
    }

    fn run<F: Future>(&'static self, job: F) -> F::Output {
        self.runtime.block_on(job)
    }

    async fn pause(&'static self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn open(&'static self, setup: Setup<'_>) -> Outcome<RzmqSocket> {
        if self.way == Way::Uring && !setup.endpoint.starts_with("tcp:") {
            return Err(Failure::unsupported("its io_uring backend is TCP only"));
        }
        let socket = self.context.socket(socket_type(setup.kind))?;
        if matches!(setup.kind, Kind::Dealer | Kind::Router) {
            // Its own delimiter frame off: the bytes on the wire are those of the others then.
            socket.set_option(AUTO_DELIMITER, false).await?;
        }
        match self.way {
            Way::Default => {}
            Way::Uring => socket.set_option(TCP_CORK, 1i32).await?,
            Way::Tuned => {
                socket.set_option(SNDBATCH_COUNT, BATCH_COUNT).await?;
                socket.set_option(SNDBATCH_BYTES, BATCH_BYTES).await?;
                socket.set_option(ADAPTIVE_THROTTLE, 0i32).await?;
            }
        }
        if setup.no_drop {
            socket.set_option(XPUB_NODROP, 1i32).await?;
        }
        if setup.kind == Kind::Sub {
            socket.set_option(SUBSCRIBE, "").await?;
        }
        match setup.end {
            End::Bind => socket.bind(setup.endpoint).await?,
            End::Connect => socket.connect(setup.endpoint).await?,
        }
        Ok(RzmqSocket(socket))
    }
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

struct RzmqSocket(rzmq::Socket);

impl Socket for RzmqSocket {
    async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        for _ in 0..count {
            self.0.send(Msg::from_bytes(body.to_bytes())).await?;
        }
        Ok(())
    }

    async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        let message = self.0.recv().await?;
        see(message.data().unwrap_or_default());
        Ok(1)
    }

    async fn echo(&mut self) -> Outcome<usize> {
        self.0.send_multipart(self.0.recv_multipart().await?).await?;
        Ok(1)
    }

    async fn close(self) -> Outcome {
        Ok(self.0.close().await?)
    }
}
