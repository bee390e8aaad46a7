//! Idle peers: what a ROUTER's process keeps in memory for each connection.
//!
//! The peers are libzmq's DEALERs, the same for every contender: first they are silent, then each has sent one
//! message and is silent again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use monocoque::Context;
use monocoque_interop::ffi::ZMQ_MAX_SOCKETS;
use monocoque_interop::zmq::{self, Kind};

use crate::Outcome;
use crate::library::{Library, libzmq, locally};
use crate::order::{Order, Role};
use crate::report::{Column, Table};
use crate::usage::{open_descriptors, raise_descriptor_limit, resident_kib};

/// Longer than this nothing takes, even for many peers.
const LIMIT: Duration = Duration::from_secs(25);
/// What the last handshake may need after its descriptor was seen.
const SETTLE: Duration = Duration::from_millis(300);

pub fn run(order: &Order) -> Outcome {
    let mut table = Table::new(
        &order.libraries,
        &[
            Column { title: "KiB per silent peer", decimals: 1 },
            Column { title: "KiB per peer after a message", decimals: 1 },
            Column { title: "KiB of the process before", decimals: 0 },
        ],
    );
    for _ in 0..order.rounds {
        for (row, library) in order.libraries.iter().enumerate() {
            table.add(row, &measure(order, *library)?);
        }
    }
    table.print(&format!(
        "Resident memory of a ROUTER's process with {} idle peers over {}, {} rounds in turn.",
        order.peers,
        if order.ipc { "ipc" } else { "tcp" },
        order.rounds,
    ));
    Ok(())
}

fn measure(order: &Order, library: Library) -> Outcome<[f64; 3]> {
    let folder = tempfile::tempdir()?;
    let router = order.child("idle-router", library, &order.endpoint(&folder))?;
    let endpoint = router.line();
    let mut dealers = order.child("idle-dealers", library, &endpoint)?;
    let [before, silent] = order.numbers(&router)?[..] else { return Err("two numbers".into()) };
    dealers.write_line("speak");
    let [spoken] = order.numbers(&router)?[..] else { return Err("one number".into()) };
    let per_peer = |after: u64| after.saturating_sub(before) as f64 / order.peers as f64;
    Ok([per_peer(silent), per_peer(spoken), before as f64])
}

/// Says how much memory it has before there are peers, with them, and after each has sent a message.
pub fn router(role: &Role) -> Outcome {
    raise_descriptor_limit()?;
    match role.library {
        Library::Libzmq => {
            let router = libzmq(Kind::Router)?;
            router.bind(&role.endpoint)?;
            println!("{}", router.last_endpoint()?);
            let (before, descriptors) = (resident_kib()?, open_descriptors()?);
            let deadline = Instant::now() + LIMIT;
            while open_descriptors()? < descriptors + role.peers {
                if Instant::now() > deadline {
                    return Err("the peers do not come".into());
                }
                take_note(&router, Duration::from_millis(10))?;
            }
            take_note(&router, SETTLE)?;
            println!("{before} {}", resident_kib()?);
            let mut seen = HashSet::new();
            while seen.len() < role.peers {
                seen.insert(router.recv_multipart()?.swap_remove(0));
            }
            println!("{}", resident_kib()?);
            loop {
                std::thread::park();
            }
        }
        Library::Shared => {
            let router = Context::new().router().build()?;
            let twin = router.blocking();
            println!("{}", twin.bind(&role.endpoint)?);
            let before = resident_kib()?;
            let all = twin.wait_for_peers_timeout(role.peers, LIMIT);
            assert!(all, "{} of {} peers", router.peers(), role.peers);
            println!("{before} {}", resident_kib()?);
            let mut seen = HashSet::new();
            while seen.len() < role.peers {
                seen.insert(twin.recv()?.id);
            }
            println!("{}", resident_kib()?);
            loop {
                std::thread::park();
            }
        }
        Library::Local => locally(async |ctx| {
            let router = ctx.router().build()?;
            println!("{}", router.bind(&role.endpoint).await?);
            let before = resident_kib()?;
            let all = router.wait_for_peers_timeout(role.peers, LIMIT).await;
            assert!(all, "{} of {} peers", router.peers(), role.peers);
            println!("{before} {}", resident_kib()?);
            let mut seen = HashSet::new();
            while seen.len() < role.peers {
                seen.insert(router.recv().await?.id);
            }
            println!("{}", resident_kib()?);
            std::future::pending().await
        }),
    }
}

/// Lets libzmq's socket take note of its peers for `time`; nothing is sent to it meanwhile.
fn take_note(router: &zmq::Socket, time: Duration) -> zmq::Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        router.poll(0, 10)?;
    }
    Ok(())
}

/// Many DEALERs: silent until they are written to, then one message of each.
pub fn dealers(role: &Role) -> Outcome {
    raise_descriptor_limit()?;
    let context = zmq::Context::new()?;
    context.set(ZMQ_MAX_SOCKETS, i32::try_from(role.peers)? + 1)?;
    let connected = || {
        let dealer = context.socket(Kind::Dealer)?;
        dealer.connect(&role.endpoint).map(|()| dealer)
    };
    let dealers: Vec<zmq::Socket> = (0..role.peers).map(|_| connected()).collect::<Result<_, _>>()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    for dealer in &dealers {
        dealer.send(&[7], false)?;
    }
    std::io::stdin().read_line(&mut line)?;
    Ok(())
}
