//! libzmq 4.3.5 through its C functions.

mod native;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use bench_common::{
    Body, End, Failure, Group, Keys, Kind, Library, Mode, Order, Outcome, Setup, Socket, on_threads, park_on,
};
use monocoque_interop::ffi;
use monocoque_interop::zmq::version;

use native::{Context, Message, Native};

/// What the batch sizes are raised to, from 8 KiB.
const BATCH_BYTES: i32 = 64 * 1024;

fn main() -> ExitCode {
    bench_common::main::<Libzmq>()
}

fn secure(socket: &Native, keys: Keys) -> Outcome {
    if !monocoque_interop::zmq::has("curve") {
        return Err(Failure::unsupported("built without libsodium"));
    }
    socket.set_text(ffi::ZMQ_CURVE_PUBLICKEY, keys.public)?;
    socket.set_text(ffi::ZMQ_CURVE_SECRETKEY, keys.secret)?;
    match keys.server {
        Some(server) => socket.set_text(ffi::ZMQ_CURVE_SERVERKEY, server)?,
        None => socket.set(ffi::ZMQ_CURVE_SERVER, 1)?,
    }
    Ok(())
}

struct Libzmq {
    context: Context,
    tuned: bool,
}

impl Library for Libzmq {
    type Socket = ZmqSocket;

    const CURVE: Option<&'static [&'static str]> = Some(&[]);

    const MODES: &'static [Mode] = &[
        Mode { name: "default", note: "zmq_send and zmq_msg_recv, every option as it is", groups: &[] },
        Mode {
            name: "tuned",
            note: "zmq_msg_copy of shared content, in and out batches of 64 KiB instead of 8",
            groups: &[],
        },
        Mode { name: "io-threads-2", note: "as default, ZMQ_IO_THREADS 2", groups: &[Group::Publish, Group::FanIn] },
    ];

    fn version() -> Option<String> {
        let (major, minor, patch) = version();
        Some(format!("{major}.{minor}.{patch}"))
    }

    fn new(mode: &'static str, _: &Order) -> Outcome<Self> {
        let context = Context::new()?;
        if mode == "io-threads-2" {
            context.set(ffi::ZMQ_IO_THREADS, 2)?;
        }
        Ok(Self { context, tuned: mode == "tuned" })
    }

    fn run<F: Future>(&'static self, job: F) -> F::Output {
        park_on(job)
    }

    async fn pause(&'static self, time: Duration) {
        thread::sleep(time);
    }

    async fn open(&'static self, setup: Setup<'_>) -> Outcome<ZmqSocket> {
        let socket = self.context.socket(kind(setup.kind))?;
        if self.tuned {
            socket.set(ffi::ZMQ_IN_BATCH_SIZE, BATCH_BYTES)?;
            socket.set(ffi::ZMQ_OUT_BATCH_SIZE, BATCH_BYTES)?;
        }
        if setup.no_drop {
            socket.set(ffi::ZMQ_XPUB_NODROP, 1)?;
        }
        if let Some(keys) = setup.keys {
            secure(&socket, keys)?;
        }
        if setup.kind == Kind::Sub {
            socket.subscribe_all()?;
        }
        match setup.end {
            End::Bind => socket.bind(setup.endpoint)?,
            End::Connect => socket.connect(setup.endpoint)?,
        }
        Ok(ZmqSocket { socket, message: Message::new(), shared: None, tuned: self.tuned })
    }

    async fn each<F>(&'static self, count: usize, job: impl Fn(usize) -> F + Clone + Send + 'static) -> Outcome
    where
        F: Future<Output = Outcome> + 'static,
    {
        on_threads(count, job)
    }
}

fn kind(kind: Kind) -> i32 {
    match kind {
        Kind::Push => ffi::ZMQ_PUSH,
        Kind::Pull => ffi::ZMQ_PULL,
        Kind::Req => ffi::ZMQ_REQ,
        Kind::Rep => ffi::ZMQ_REP,
        Kind::Dealer => ffi::ZMQ_DEALER,
        Kind::Router => ffi::ZMQ_ROUTER,
        Kind::Pub => ffi::ZMQ_PUB,
        Kind::Sub => ffi::ZMQ_SUB,
    }
}

struct ZmqSocket {
    socket: Native,
    message: Message,
    /// What is sent, when its content is shared.
    shared: Option<Message>,
    tuned: bool,
}

impl Socket for ZmqSocket {
    async fn send(&mut self, body: &Body, count: usize) -> Outcome {
        if !self.tuned {
            return (0..count).try_for_each(|_| Ok(self.socket.send(body.as_slice())?));
        }
        let shared = match &mut self.shared {
            Some(shared) => shared,
            none => none.insert(Message::of(body.as_slice())?),
        };
        for _ in 0..count {
            self.message.copy_from(shared)?;
            self.socket.send_message(&mut self.message, false)?;
        }
        Ok(())
    }

    async fn recv(&mut self, mut see: impl FnMut(&[u8])) -> Outcome<usize> {
        self.socket.recv(&mut self.message)?;
        see(self.message.data());
        Ok(1)
    }

    async fn echo(&mut self) -> Outcome<usize> {
        loop {
            self.socket.recv(&mut self.message)?;
            let more = self.message.more();
            self.socket.send_message(&mut self.message, more)?;
            if !more {
                return Ok(1);
            }
        }
    }
}
