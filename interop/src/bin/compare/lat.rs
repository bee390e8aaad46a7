//! Latency: one REQ, one REP, one message at a time there and back.

use std::time::{Duration, Instant};

use monocoque::Context;
use monocoque_interop::zmq::{Kind, Message};

use crate::Outcome;
use crate::library::{Library, libzmq, locally};
use crate::order::{Order, Role};
use crate::report::{Column, Table};
use crate::usage::processor_time;

/// Round trips before the first that counts.
const WARM_UP: usize = 500;

pub fn run(order: &Order) -> Outcome {
    let mut table = Table::new(
        &order.libraries,
        &[
            Column { title: "p50 µs", decimals: 1 },
            Column { title: "p99 µs", decimals: 1 },
            Column { title: "client CPU µs", decimals: 1 },
            Column { title: "server CPU µs", decimals: 1 },
        ],
    );
    for _ in 0..order.rounds {
        for (row, library) in order.libraries.iter().enumerate() {
            table.add(row, &measure(order, *library)?);
        }
    }
    table.print(&format!(
        "REQ and REP over {}, {} B there and back, {} rounds of {:?} in turn. CPU: of the process per round trip.",
        if order.ipc { "ipc" } else { "tcp" },
        order.bytes,
        order.rounds,
        order.length,
    ));
    Ok(())
}

fn measure(order: &Order, library: Library) -> Outcome<[f64; 4]> {
    let folder = tempfile::tempdir()?;
    let mut server = order.child("lat-server", library, &order.endpoint(&folder))?;
    let endpoint = server.line();
    let mut server_used = || -> Outcome<u64> {
        server.write_line("and now?");
        Ok(server.line().parse()?)
    };
    let before = server_used()?;
    let client = order.child("lat-client", library, &endpoint)?;
    let [p50, p99, trips, client_used] = order.numbers(&client)?[..] else { return Err("four numbers".into()) };
    let served = trips + WARM_UP as u64;
    let micros = |ns: u64, per: u64| ns as f64 / per as f64 / 1e3;
    Ok([micros(p50, 1), micros(p99, 1), micros(client_used, trips), micros(server_used()? - before, served)])
}

/// Answers until it is killed.
pub fn server(role: &Role) -> Outcome {
    match role.library {
        Library::Libzmq => {
            let rep = libzmq(Kind::Rep)?;
            rep.bind(&role.endpoint)?;
            println!("{}", rep.last_endpoint()?);
            let mut message = Message::new();
            loop {
                rep.recv_into(&mut message)?;
                rep.send_message(&mut message, false)?;
            }
        }
        Library::Shared => {
            let rep = Context::new().rep().build()?;
            let rep = rep.blocking();
            println!("{}", rep.bind(&role.endpoint)?);
            loop {
                rep.send(rep.recv()?)?;
            }
        }
        Library::Local => locally(async |ctx| {
            let rep = ctx.rep().build()?;
            println!("{}", rep.bind(&role.endpoint).await?);
            loop {
                rep.send(rep.recv().await?).await?;
            }
        }),
    }
}

/// Asks for the given time, and says how long it took.
pub fn client(role: &Role) -> Outcome {
    let body = vec![7; role.bytes];
    let mut watch = Watch::new(role.length);
    match role.library {
        Library::Libzmq => {
            let req = libzmq(Kind::Req)?;
            req.connect(&role.endpoint)?;
            let mut message = Message::new();
            while watch.goes_on() {
                req.send(&body, false)?;
                req.recv_into(&mut message)?;
                assert_eq!(message.data().len(), role.bytes);
            }
            watch.report();
            Ok(())
        }
        Library::Shared => {
            let req = Context::new().req().connect(&role.endpoint)?;
            let req = req.blocking();
            while watch.goes_on() {
                req.send(body.as_slice())?;
                assert_eq!(req.recv()?[0].len(), role.bytes);
            }
            watch.report();
            Ok(())
        }
        Library::Local => locally(async |ctx| {
            let req = ctx.req().connect(&role.endpoint)?;
            while watch.goes_on() {
                req.send(body.as_slice()).await?;
                assert_eq!(req.recv().await?[0].len(), role.bytes);
            }
            watch.report();
            Ok(())
        }),
    }
}

/// Times each round trip after the warm-up.
struct Watch {
    length: Duration,
    warming: usize,
    began: Instant,
    used: Duration,
    last: Instant,
    trips_ns: Vec<u64>,
}

impl Watch {
    fn new(length: Duration) -> Self {
        let now = Instant::now();
        Self {
            length,
            warming: WARM_UP,
            began: now,
            used: Duration::ZERO,
            last: now,
            trips_ns: Vec::with_capacity(1 << 20),
        }
    }

    /// Notes the trip that has ended, if one has, and whether there shall be another.
    fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        match self.warming {
            0 => self.trips_ns.push((now - self.last).as_nanos() as u64),
            1 => (self.began, self.used, self.warming) = (now, processor_time(), 0),
            _ => self.warming -= 1,
        }
        self.last = Instant::now();
        self.warming > 0 || now - self.began < self.length
    }

    fn report(mut self) {
        let used_ns = (processor_time() - self.used).as_nanos();
        self.trips_ns.sort_unstable();
        let count = self.trips_ns.len();
        println!("{} {} {count} {used_ns}", self.trips_ns[count / 2], self.trips_ns[count * 99 / 100]);
    }
}
