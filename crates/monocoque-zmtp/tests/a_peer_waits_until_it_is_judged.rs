//! Who judges a peer may take its time: the handshake stops, and goes on with what was decided.

mod harness;

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Instant;

use harness::{End, command, converse};
use monocoque_core::SocketType::{Pull, Push};
use monocoque_core::protocol::{Blame, ProtocolError, Side};
use monocoque_zmtp::{
    Applicant, Authenticator, Credentials, Grant, Judging, NoVerdict, PeerIncompatible, Refusal, SessionConfig,
    SessionError, Verdict,
};

/// Decides what it is told to, when it is told to.
struct Slow {
    verdicts: Arc<Mutex<mpsc::Receiver<Verdict>>>,
    asked: mpsc::Sender<Applicant>,
}

impl Authenticator for Slow {
    fn judge(&self, applicant: Applicant) -> Judging {
        self.asked.send(applicant).expect("the test listens");
        let verdicts = Arc::clone(&self.verdicts);
        Judging::later(std::future::poll_fn(move |_| {
            verdicts.lock().expect("sound").try_recv().map_or(Poll::Pending, Poll::Ready)
        }))
    }
}

/// A PULL of NULL that asks about its peer, what it asks, and how it is answered.
fn judged() -> (End, mpsc::Receiver<Applicant>, mpsc::Sender<Verdict>) {
    let (decide, verdicts) = mpsc::channel();
    let (asked, applicants) = mpsc::channel();
    let mut config = SessionConfig::new(Pull);
    config.authenticator = Some(Arc::new(Slow { verdicts: Arc::new(Mutex::new(verdicts)), asked }));
    let mut end = End::new(config, Side::Listener, Instant::now());
    end.session = end.session.of_peer_at("10.1.2.3");
    (end, applicants, decide)
}

fn greeted() -> (End, mpsc::Receiver<Applicant>, mpsc::Sender<Verdict>) {
    let (mut end, applicants, decide) = judged();
    end.feed(&harness::greeting(1));
    end.take_written();
    (end, applicants, decide)
}

#[test]
fn nothing_is_said_before_the_verdict_and_the_rest_after_it() {
    let (mut end, applicants, decide) = greeted();
    assert_eq!(applicants.try_recv(), Ok(Applicant::new("10.1.2.3", Credentials::Null)));
    assert!(!end.is_unblocked());
    assert_eq!(end.take_written(), b"");
    let mut grant = Grant::default();
    grant.user_id = "ann".into();
    grant.metadata = vec![("X-Team".into(), b"red".to_vec())];
    decide.send(Verdict::Accepted(grant)).expect("asked");
    assert!(end.is_unblocked());
    end.feed(&[]);
    assert!(end.take_written().starts_with(b"\x04\x1a\x05READY"));
    end.feed(&harness::ready(
        "PUSH",
        &[("user-id", b"root"), ("x-team", b"blue"), ("X-Rack", b"7"), ("role", b"admin")],
    ));
    let peer = end.outcome.ready.expect("ready");
    assert_eq!(peer.user_id.as_deref(), Some("ann"));
    assert_eq!(peer.property("x-team"), Some(&b"red"[..]), "what the peer says of itself does not count");
    assert_eq!((peer.property("user-id"), peer.property("X-Rack")), (None, Some(&b"7"[..])));
    assert_eq!(peer.property("role"), None, "an authenticator that says so of others may be believed");
}

#[test]
fn what_is_refused_or_not_judged_ends_with_its_cause() {
    let refused = |status| SessionError::AuthenticationFailed { status };
    let cases = [
        (Verdict::deny(), refused(400), &b"\x04\x0a\x05ERROR\x03400"[..]),
        (Verdict::Refused(Refusal::Internal), refused(500), b"\x04\x0a\x05ERROR\x03500"),
        (Verdict::Refused(Refusal::Temporary), refused(300), b""),
        (Verdict::Unjudged(NoVerdict::NoHandler), SessionError::Unjudged(NoVerdict::NoHandler), b""),
    ];
    for (verdict, error, said) in cases {
        let (mut end, _applicants, decide) = greeted();
        decide.send(verdict).expect("asked");
        assert!(end.is_unblocked());
        end.feed(&[]);
        assert_eq!((end.take_written().as_slice(), end.outcome.error.as_ref()), (said, Some(&error)));
        assert!(error.may_retry());
    }
}

#[test]
fn a_refusal_is_tried_again_only_if_it_is_temporary() {
    for (reason, may_retry) in [("300", true), ("400", false), ("500", false), ("", false)] {
        let mut end = End::of(Push);
        let error = [&[reason.len() as u8], reason.as_bytes()].concat();
        end.feed(&[harness::greeting(1), command("ERROR", &error)].concat());
        let error = end.outcome.error.expect("refused");
        assert_eq!((error.may_retry(), error.blame()), (may_retry, Blame::Refused), "{reason}");
    }
}

#[test]
fn a_peer_of_an_older_version_cannot_be_judged() {
    for (opening, major) in [(&b"\x01\0"[..], 1), (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0", 2)] {
        let (mut end, ..) = judged();
        end.feed(opening);
        assert_eq!(end.outcome.error, Some(PeerIncompatible::Unjudgeable { major }.into()));
    }
}

#[test]
fn both_sides_may_be_judged() {
    let accept = |name: &'static str| {
        let mut config = SessionConfig::new(if name == "ann" { Push } else { Pull });
        config.authenticator = Some(Arc::new(move |_: Applicant| Verdict::accept(name)));
        config
    };
    let now = Instant::now();
    let (mut a, mut b) = (End::new(accept("ann"), Side::Dialer, now), End::new(accept("bob"), Side::Listener, now));
    converse(&mut a, &mut b, 1);
    let user = |end: End| end.outcome.ready.expect("ready").user_id;
    assert_eq!((user(a).as_deref(), user(b).as_deref()), (Some("ann"), Some("bob")));
}
