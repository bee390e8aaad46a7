//! Throughput: one PUSH, one PULL, a stream of messages of one size.

use std::time::{Duration, Instant};

use monocoque::Context;
use monocoque_interop::zmq::{Kind, Message};

use crate::Outcome;
use crate::library::{Library, libzmq, locally};
use crate::order::{Order, Role};
use crate::report::{Column, Table};
use crate::usage::processor_time;

/// From the first message to the beginning of a measurement: connections, memory and processor settle.
const WARM_UP: Duration = Duration::from_millis(300);
/// Messages between two looks at the clock.
const STRIDE: u64 = 64;

pub fn run(order: &Order) -> Outcome {
    let mut table = Table::new(
        &order.libraries,
        &[
            Column { title: "messages/s", decimals: 0 },
            Column { title: "sender ns/message", decimals: 0 },
            Column { title: "receiver ns/message", decimals: 0 },
        ],
    );
    for _ in 0..order.rounds {
        for (row, library) in order.libraries.iter().enumerate() {
            table.add(row, &measure(order, *library)?);
        }
    }
    table.print(&format!(
        "PUSH to PULL over {}, {} B, {} rounds of {:?} in turn. ns: processor time of the process per message.",
        if order.ipc { "ipc" } else { "tcp" },
        order.bytes,
        order.rounds,
        order.length,
    ));
    Ok(())
}

fn measure(order: &Order, library: Library) -> Outcome<[f64; 3]> {
    let folder = tempfile::tempdir()?;
    let receiver = order.child("thr-receiver", library, &order.endpoint(&folder))?;
    let endpoint = receiver.line();
    let sender = order.child("thr-sender", library, &endpoint)?;
    let [received, elapsed_ns, receiver_ns] = three(order.numbers(&receiver)?)?;
    let [sent, _, sender_ns] = three(order.numbers(&sender)?)?;
    Ok([received / elapsed_ns * 1e9, sender_ns / sent, receiver_ns / received])
}

fn three(numbers: Vec<u64>) -> Outcome<[f64; 3]> {
    let numbers: [u64; 3] = numbers.try_into().map_err(|_| "a child gives three numbers")?;
    Ok(numbers.map(|number| number as f64))
}

/// Counts messages for a time after the warm-up, and reports once.
struct Meter {
    length: Duration,
    warm_at: Option<Instant>,
    begun: Option<(Instant, Duration, u64)>,
    messages: u64,
    reported: bool,
}

impl Meter {
    fn new(length: Duration) -> Self {
        Self { length, warm_at: None, begun: None, messages: 0, reported: false }
    }

    /// One message more.
    #[inline]
    fn count(&mut self) {
        self.messages += 1;
        if self.messages.is_multiple_of(STRIDE) {
            self.look();
        }
    }

    #[cold]
    fn look(&mut self) {
        let now = Instant::now();
        if now < *self.warm_at.get_or_insert(now + WARM_UP) || self.reported {
            return;
        }
        let (begun, used, before) = *self.begun.get_or_insert_with(|| (now, processor_time(), self.messages));
        if now - begun >= self.length {
            self.reported = true;
            let used_ns = (processor_time() - used).as_nanos();
            println!("{} {} {used_ns}", self.messages - before, (now - begun).as_nanos());
        }
    }
}

/// Receives until it is killed.
pub fn receiver(role: &Role) -> Outcome {
    let mut meter = Meter::new(role.length);
    match role.library {
        Library::Libzmq => {
            let pull = libzmq(Kind::Pull)?;
            pull.bind(&role.endpoint)?;
            println!("{}", pull.last_endpoint()?);
            let mut message = Message::new();
            loop {
                let bytes = pull.recv_into(&mut message)?;
                assert_eq!(bytes, role.bytes);
                meter.count();
            }
        }
        Library::Shared => {
            let pull = Context::new().pull().build()?;
            let pull = pull.blocking();
            println!("{}", pull.bind(&role.endpoint)?);
            let mut message = monocoque::Message::new();
            loop {
                pull.recv_into(&mut message)?;
                assert_eq!(message[0].len(), role.bytes);
                meter.count();
            }
        }
        Library::Local => locally(async |ctx| {
            let pull = ctx.pull().build()?;
            println!("{}", pull.bind(&role.endpoint).await?);
            let mut message = monocoque::Message::new();
            loop {
                pull.recv_into(&mut message).await?;
                assert_eq!(message[0].len(), role.bytes);
                meter.count();
            }
        }),
    }
}

/// Sends until it is killed.
pub fn sender(role: &Role) -> Outcome {
    let mut meter = Meter::new(role.length);
    let body = vec![7; role.bytes];
    match role.library {
        Library::Libzmq => {
            let push = libzmq(Kind::Push)?;
            push.connect(&role.endpoint)?;
            loop {
                push.send(&body, false)?;
                meter.count();
            }
        }
        Library::Shared => {
            let push = Context::new().push().connect(&role.endpoint)?;
            let push = push.blocking();
            loop {
                push.send(body.as_slice())?;
                meter.count();
            }
        }
        Library::Local => locally(async |ctx| {
            let push = ctx.push().connect(&role.endpoint)?;
            loop {
                push.send(body.as_slice()).await?;
                meter.count();
            }
        }),
    }
}
