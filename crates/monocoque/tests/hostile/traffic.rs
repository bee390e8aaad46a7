//! Peers that were let in, and then send what they should not.

use std::time::Duration;

use monocoque::{PeerMisbehaved, SessionError};

use crate::attacker::Attacker;
use crate::common::watched_for;
use crate::good_peer::Served;

/// Says `words` after a handshake; the rule that was broken. The connection is closed.
fn said_after_the_handshake(served: &Served, words: impl FnOnce(&mut Attacker) -> Vec<u8>) -> SessionError {
    let mut attacker = Attacker::new(&served.endpoint, served.key);
    attacker.shake_hands();
    let words = words(&mut attacker);
    attacker.say(&words);
    let error = served.broken_rule();
    assert!(attacker.is_closed());
    error
}

#[test]
fn each_of_them_loses_its_own_connection_only() {
    watched_for(Duration::from_secs(120), || {
        let served = Served::new(100);
        let reused = said_after_the_handshake(&served, |attacker| {
            let sealed = attacker.sealed(b"\0pay");
            [&sealed[..], &sealed].concat()
        });
        assert!(matches!(reused, SessionError::PeerMisbehaved(PeerMisbehaved::NonceReused { .. })), "{reused}");
        let open = said_after_the_handshake(&served, |_| b"\x00\x03pay".to_vec());
        assert_eq!(open, PeerMisbehaved::NotSealed.into());
        let short = said_after_the_handshake(&served, |_| b"\x00\x08\x07MESSAGE".to_vec());
        assert_eq!(short, PeerMisbehaved::NotSealed.into());
        let beyond = said_after_the_handshake(&served, |_| [&[2][..], &[0xff; 8]].concat());
        assert!(matches!(beyond, SessionError::PeerMisbehaved(PeerMisbehaved::FrameSize(_))), "{beyond}");
        served.still_serves();
    });
}

#[test]
fn a_box_that_was_changed_anywhere_ends_its_connection() {
    watched_for(Duration::from_secs(120), || {
        let served = Served::new(100);
        let len = {
            let mut attacker = Attacker::new(&served.endpoint, served.key);
            attacker.shake_hands();
            attacker.sealed(b"\0pay").len()
        };
        // Behind the frame's flags and size, and the name, which break other rules.
        for at in 10..len {
            let error = said_after_the_handshake(&served, |attacker| {
                let mut sealed = attacker.sealed(b"\0pay");
                sealed[at] ^= 1 << (at % 8);
                sealed
            });
            let forged = error == PeerMisbehaved::BoxForged("MESSAGE").into();
            let reused = matches!(error, SessionError::PeerMisbehaved(PeerMisbehaved::NonceReused { .. }));
            assert!(forged || reused, "byte {at}: {error}");
        }
        served.still_serves();
    });
}
