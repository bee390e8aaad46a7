//! Ten thousand connections that stop somewhere in the handshake.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::attacker::Attacker;
use crate::common::watched_for;
use crate::good_peer::Served;

const CONNECTIONS: usize = 10_000;
/// Kernel and attacker included: a session, its CURVE, its task and its timer, and the attacker's own session.
const BYTES_EACH_MAX: usize = 24 * 1024;

/// How far an attacker goes: so many bytes of what it has to say, in order.
fn stop_after(attacker: &mut Attacker, mut left: usize) {
    let mut words = attacker.begin();
    while left > 0 {
        let said = words.len().min(left);
        attacker.say(&words[..said]);
        left -= said;
        if said < words.len() || attacker.ready {
            return;
        }
        let Some(next) = attacker.answer() else { return };
        words = next;
    }
}

/// Bytes that a client says before it is ready.
fn whole_handshake(served: &Served) -> usize {
    let mut attacker = Attacker::new(&served.endpoint, served.key);
    let (mut words, mut said) = (attacker.begin(), 0);
    while !attacker.ready {
        attacker.say(&words);
        said += words.len();
        words = attacker.answer().expect("it is let in");
    }
    said
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4096
}

#[test]
fn connections_that_stop_after_each_possible_byte_cost_little() {
    watched_for(std::time::Duration::from_secs(180), || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there");
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
        // Both ends of each are in this process.
        let connections = CONNECTIONS.min((hard as usize).saturating_sub(200) / 2);
        let served = Served::new(connections + 10);
        let whole = whole_handshake(&served);
        served.still_serves();
        let before = resident_bytes();
        let mut held = Vec::with_capacity(connections);
        for number in 0..connections {
            let mut attacker = Attacker::new(&served.endpoint, served.key);
            stop_after(&mut attacker, number % whole);
            held.push(attacker);
            if number % 1000 == 0 {
                served.still_serves();
            }
        }
        served.still_serves();
        let each = resident_bytes().saturating_sub(before) / connections;
        println!("{connections} connections, {whole} stops, {each} bytes each, the attackers' own included");
        assert!(each < BYTES_EACH_MAX, "{each} bytes each");
        drop(held);
        served.still_serves();
    });
}
