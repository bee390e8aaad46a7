//! Peers that attack a CURVE server over real sockets. Throughout each attack a good client asks and is answered.

#[path = "../common/mod.rs"]
mod common;

mod attacker;
mod good_peer;
mod half_open;
mod handshake;
mod traffic;
