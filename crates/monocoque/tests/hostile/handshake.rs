//! Handshakes that are changed, repeated or too large.

use monocoque::{PeerMisbehaved, SessionError};

use crate::attacker::Attacker;
use crate::common::watched_for;
use crate::good_peer::Served;

/// Far more than any of these takes.
const TIME_MAX: std::time::Duration = std::time::Duration::from_secs(120);
const GREETING_BYTES: usize = 64;
/// The padding of HELLO, which means nothing: behind the frame's header, the name, and the version.
const PADDING: std::ops::Range<usize> = GREETING_BYTES + 2 + 6 + 2..GREETING_BYTES + 2 + 6 + 74;

/// Shakes hands, but with bit 4 of byte `at` of all that it says changed; whether it was let in.
fn with_a_changed_byte(served: &Served, at: usize) -> bool {
    let mut attacker = Attacker::new(&served.endpoint, served.key);
    let (mut words, mut said) = (attacker.begin(), 0);
    loop {
        if let Some(byte) = at.checked_sub(said).and_then(|at| words.get_mut(at)) {
            *byte ^= 0x10;
        }
        said += words.len();
        if !attacker.say(&words) {
            return false;
        }
        // A size that grew makes the server wait for the rest: there is none.
        if at == GREETING_BYTES + 1 && said > at {
            return false;
        }
        match attacker.answer() {
            Some(next) => words = next,
            None => return false,
        }
        if attacker.ready {
            return true;
        }
    }
}

#[test]
fn no_change_of_a_handshake_is_let_in() {
    watched_for(TIME_MAX, || {
        let served = Served::new(10_000);
        for at in (GREETING_BYTES..520).filter(|at| !PADDING.contains(at) && *at != GREETING_BYTES + 1) {
            // The size of INITIATE's frame: the server waits for what does not come.
            if (GREETING_BYTES + 202..GREETING_BYTES + 212).contains(&at) {
                continue;
            }
            assert!(!with_a_changed_byte(&served, at), "byte {at}");
        }
        assert!((PADDING.start..PADDING.start + 3).all(|at| with_a_changed_byte(&served, at)), "it means nothing");
        served.still_serves();
    });
}

#[test]
fn a_handshake_that_is_said_again_fails_at_its_cookie() {
    watched_for(TIME_MAX, || {
        let served = Served::new(100);
        let mut first = Attacker::new(&served.endpoint, served.key);
        let mut second = Attacker::new(&served.endpoint, served.key);
        second.begin();
        let mut words = first.begin();
        while !first.ready {
            first.say(&words);
            second.say(&words);
            // The second one's answers are not looked at: it says what the first one says.
            words = first.answer().expect("it is let in");
        }
        assert_eq!(served.broken_rule(), PeerMisbehaved::Cookie.into());
        assert!(second.is_closed());
        served.still_serves();
    });
}

#[test]
fn what_claims_to_be_large_is_not_waited_for() {
    watched_for(TIME_MAX, || {
        let served = Served::new(100);
        // Long command frames of a little more than is allowed, and of all that can be written.
        for size in [64 * 1024 + 1, u64::MAX >> 1] {
            let mut attacker = Attacker::new(&served.endpoint, served.key);
            let greeting = attacker.begin();
            attacker.say(&greeting);
            let words = loop {
                let words = attacker.answer().expect("a greeting");
                if words.len() > GREETING_BYTES {
                    break words;
                }
                attacker.say(&words);
            };
            let greeting = words.len().saturating_sub(202);
            attacker.say(&words[..greeting]);
            attacker.say(&[&[6][..], &size.to_be_bytes()].concat());
            let SessionError::LimitExceeded { asked, .. } = served.broken_rule() else { panic!("another rule") };
            assert_eq!(asked, size);
            assert!(attacker.is_closed());
        }
        served.still_serves();
    });
}
