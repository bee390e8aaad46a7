//! Recorded sessions with peers of ZMTP 2.0 (RFC 15) and 1.0 (RFC 13), byte by byte: what they say and what we say, as
//! either side, and the same in whatever pieces it comes.

mod harness;

use std::time::Instant;

use harness::{End, Outcome, SECOND, decode, encode, message};
use monocoque_core::batch::Unit;
use monocoque_core::pipe::PipeWriter;
use monocoque_core::protocol::Side;
use monocoque_core::{Frame, Message, Protocol, RoutingId, SocketType};
use monocoque_zmtp::{Heartbeat, SessionConfig};
use proptest::prelude::*;

/// The signature of a peer without an identity.
const SIGNATURE: &[u8] = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f";

/// One side of a session as it was recorded, and what the other side, ours, makes of it.
struct Recording {
    name: &'static str,
    config: SessionConfig,
    theirs: Vec<u8>,
    /// All that we write of ourselves.
    ours: Vec<u8>,
    delivered: Vec<Message>,
    version: u8,
    identity: Option<&'static str>,
}

fn recording(
    name: &'static str,
    ours: SocketType,
    version: u8,
    theirs: &[&[u8]],
    said: &[&[u8]],
    delivered: &[Message],
) -> Recording {
    let mut config = SessionConfig::new(ours);
    config.heartbeat = Heartbeat { interval: Some(SECOND), timeout: None, ttl: None };
    let (theirs, ours) = (theirs.concat(), said.concat());
    Recording { name, config, theirs, ours, delivered: delivered.to_vec(), version, identity: None }
}

impl Recording {
    fn named(mut self, theirs: &'static str) -> Self {
        self.identity = Some(theirs);
        self
    }

    fn naming(mut self, ours: &str) -> Self {
        self.config.identity = Some(RoutingId::new(ours).expect("valid"));
        self
    }

    fn replay(&self, now: Instant, side: Side, pieces: &[&[u8]]) -> (Outcome, Vec<Unit>) {
        let mut end = End::new(self.config.clone(), side, now);
        pieces.iter().for_each(|piece| end.feed(piece));
        let units = decode(&mut end.deliver);
        (end.outcome, units)
    }

    fn whole(&self, now: Instant, side: Side) -> (Outcome, Vec<Unit>) {
        self.replay(now, side, &[&self.theirs])
    }
}

fn of_2_0() -> Vec<Recording> {
    use SocketType::{Dealer, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
    let long = [7; 300];
    let (a_frame, a_long_frame) = (b"\x00\x05hello", [&b"\x02\0\0\0\0\0\0\x01\x2c"[..], &long].concat());
    vec![
        recording(
            "PUSH to our PULL",
            Pull,
            2,
            &[SIGNATURE, b"\x01\x08", b"\x00\x00", a_frame, b"\x01\x01a\x01\x00\x00\x01b", &a_long_frame],
            &[SIGNATURE, b"\x03\x07", b"\x00\x00"],
            &["hello".into(), ["a", "", "b"].into(), (&long[..]).into()],
        ),
        recording("PULL of our PUSH", Push, 2, &[SIGNATURE, b"\x02\x07\0\0"], &[SIGNATURE, b"\x03\x08\0\0"], &[]),
        recording(
            "SUB subscribing to our PUB",
            Pub,
            2,
            &[SIGNATURE, b"\x01\x02\0\0", b"\x00\x06\x01topic", b"\x00\x01\x01", b"\x00\x06\x00topic"],
            &[SIGNATURE, b"\x03\x01\0\0"],
            &["\u{1}topic".into(), "\u{1}".into(), "\u{0}topic".into()],
        ),
        recording(
            "XSUB to our XPUB",
            XPub,
            2,
            &[SIGNATURE, b"\x01\x0a\0\0\x00\x02\x01t"],
            &[SIGNATURE, b"\x03\x01\0\0"],
            &["\u{1}t".into()],
        ),
        recording(
            "PUB to our SUB",
            Sub,
            2,
            &[SIGNATURE, b"\x01\x01\0\0\x01\x05topic\x00\x04news"],
            &[SIGNATURE, b"\x03\x02\0\0"],
            &[["topic", "news"].into()],
        ),
        recording("XPUB to our XSUB", XSub, 2, &[SIGNATURE, b"\x01\x09\0\0"], &[SIGNATURE, b"\x03\x02\0\0"], &[]),
        recording(
            "REQ asking our REP",
            Rep,
            2,
            &[SIGNATURE, b"\x01\x03\0\0", b"\x01\x00\x01\x05hello\x00\x05world"],
            &[SIGNATURE, b"\x03\x04\0\0"],
            &[["", "hello", "world"].into()],
        ),
        recording(
            "REP answering our REQ",
            Req,
            2,
            &[SIGNATURE, b"\x01\x04\0\0", b"\x01\x00\x00\x03yes"],
            &[SIGNATURE, b"\x03\x03\0\0"],
            &[["", "yes"].into()],
        ),
        recording(
            "DEALER with an identity to our ROUTER",
            Router,
            2,
            &[b"\xff\0\0\0\0\0\0\0\x09\x7f", b"\x01\x05", b"\x00\x08worker-1", a_frame],
            &[SIGNATURE, b"\x03\x06\0\0"],
            &["hello".into()],
        )
        .named("worker-1"),
        recording(
            "an identity with a long size",
            Router,
            2,
            &[SIGNATURE, b"\x01\x03\x02\0\0\0\0\0\0\0\x02me"],
            &[SIGNATURE, b"\x03\x06\0\0"],
            &[],
        )
        .named("me"),
        recording(
            "ROUTER that our DEALER names itself to",
            Dealer,
            2,
            &[SIGNATURE, b"\x01\x06\0\0"],
            &[b"\xff\0\0\0\0\0\0\0\x03\x7f", b"\x03\x05", b"\x00\x02me"],
            &[],
        )
        .naming("me"),
        recording(
            "an identity that our PUSH does not tell",
            Push,
            2,
            &[SIGNATURE, b"\x01\x07\0\0"],
            &[SIGNATURE, b"\x03\x08\0\0"],
            &[],
        )
        .naming("me"),
    ]
}

fn of_1_0() -> Vec<Recording> {
    use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Router, Sub, XPub};
    let anonymous = b"\x01\x00";
    let (long, longest) = ([7; 300], [b'i'; 255]);
    let longest_name: &'static str = str::from_utf8(vec![b'i'; 255].leak()).expect("letters");
    let long_frame = [&b"\xff\0\0\0\0\0\0\x01\x2d\x00"[..], &long].concat();
    vec![
        recording(
            "an anonymous PUSH to our PULL",
            Pull,
            1,
            &[anonymous, b"\x06\x00hello", b"\x02\x01a\x01\x01\x02\x00b", &long_frame, b"\x01\x00"],
            &[SIGNATURE],
            &["hello".into(), ["a", "", "b"].into(), (&long[..]).into(), "".into()],
        ),
        recording("an anonymous PULL of our PUSH", Push, 1, &[anonymous], &[SIGNATURE], &[]),
        recording(
            "frames around 255 bytes, long sizes where they need not be, and lengths of zero",
            Pair,
            1,
            &[
                anonymous,
                b"\x00",
                &[&b"\xfe\x01"[..], &[1; 253]].concat(),
                b"\x00\x00",
                &[&b"\xff\0\0\0\0\0\0\0\xff\x01"[..], &[2; 254]].concat(),
                b"\xff\0\0\0\0\0\0\0\x00",
                &[&b"\xff\0\0\0\0\0\0\x01\x00\x01"[..], &[3; 255]].concat(),
                b"\xff\0\0\0\0\0\0\0\x06\x00hello",
                b"\x00",
            ],
            &[SIGNATURE],
            &[[&[1; 253][..], &[2; 254], &[3; 255], b"hello"].into()],
        ),
        recording("a SUB, which cannot subscribe, to our PUB", Pub, 1, &[anonymous], &[SIGNATURE], &["\u{1}".into()]),
        recording(
            "a SUB that subscribes all the same to our XPUB",
            XPub,
            1,
            &[anonymous, b"\x07\x00\x01topic"],
            &[SIGNATURE],
            &["\u{1}".into(), "\u{1}topic".into()],
        ),
        recording(
            "PUB to our SUB",
            Sub,
            1,
            &[anonymous, b"\x06\x01topic\x05\x00news"],
            &[SIGNATURE],
            &[["topic", "news"].into()],
        ),
        recording(
            "REQ asking our REP",
            Rep,
            1,
            &[anonymous, b"\x01\x01", b"\x06\x01hello\x06\x00world"],
            &[SIGNATURE],
            &[["", "hello", "world"].into()],
        ),
        recording(
            "DEALER with an identity to our ROUTER",
            Router,
            1,
            &[b"\x09\x00worker-1", b"\x06\x00hello"],
            &[SIGNATURE],
            &["hello".into()],
        )
        .named("worker-1"),
        recording(
            "an identity of 254 bytes, which takes a long length",
            Router,
            1,
            &[b"\xff\0\0\0\0\0\0\0\xff\x00", &longest[1..], b"\x02\x00x"],
            &[SIGNATURE],
            &["x".into()],
        )
        .named(&longest_name[1..]),
        recording(
            "an identity of 255 bytes",
            Router,
            1,
            &[b"\xff\0\0\0\0\0\0\x01\x00\x00", &longest, b"\x02\x00x"],
            &[SIGNATURE],
            &["x".into()],
        )
        .named(longest_name),
        recording(
            "a short identity with a long length",
            Router,
            1,
            &[b"\xff\0\0\0\0\0\0\0\x03\x00me"],
            &[SIGNATURE],
            &[],
        )
        .named("me"),
        recording(
            "ROUTER that our DEALER names itself to: the signature begins the identity's frame",
            Dealer,
            1,
            &[anonymous],
            &[b"\xff\0\0\0\0\0\0\0\x03\x7f", b"me"],
            &[],
        )
        .naming("me"),
        recording(
            "the same with an identity of 255 bytes",
            Dealer,
            1,
            &[anonymous],
            &[b"\xff\0\0\0\0\0\0\x01\x00\x7f", &longest],
            &[],
        )
        .naming(longest_name),
        recording("an identity that our PUSH does not tell", Push, 1, &[anonymous], &[SIGNATURE], &[]).naming("me"),
        recording("an open message at the end", Pull, 1, &[anonymous, b"\x02\x01a\x04\x00b"], &[SIGNATURE], &[]),
    ]
}

fn recordings() -> Vec<Recording> {
    [of_2_0(), of_1_0()].into_iter().flatten().collect()
}

#[test]
fn every_byte_of_ours_is_as_recorded_and_every_message_of_theirs() {
    let now = Instant::now();
    for recording in recordings() {
        for side in [Side::Dialer, Side::Listener] {
            let (outcome, units) = recording.whole(now, side);
            let name = recording.name;
            assert_eq!(outcome.error, None, "{name}");
            assert_eq!(outcome.written, recording.ours, "{name}: {}", outcome.written.escape_ascii());
            let wanted = recording.delivered.iter().cloned().map(Unit::Message).collect::<Vec<_>>();
            assert_eq!((outcome.messages, units), (wanted.len(), wanted), "{name}");
            assert_eq!(outcome.deadline, None, "{name}: no heartbeats");
        }
    }
}

#[test]
fn what_is_known_of_the_peer_is_what_it_told() {
    let now = Instant::now();
    for recording in recordings() {
        let ours = recording.config.socket_type;
        let peer = recording.whole(now, Side::Dialer).0.ready.expect(recording.name);
        let version = (recording.version, 0);
        assert_eq!(((peer.major, peer.minor), peer.announced), (version, version), "{}", recording.name);
        let identity = recording.identity.map(|name| RoutingId::new(name).expect("valid"));
        assert_eq!(peer.identity, identity, "{}", recording.name);
        assert_eq!((peer.mechanism, peer.side, peer.takes_commands()), ("NULL", Side::Dialer, false));
        match recording.version {
            1 => assert_eq!((peer.socket_type, peer.told_type()), (ours.peers()[0], None)),
            _ => assert_eq!((peer.told_type(), ours.accepts(peer.socket_type)), (Some(peer.socket_type), true)),
        }
    }
}

#[test]
fn cut_in_two_at_every_byte_and_one_byte_at_a_time() {
    let now = Instant::now();
    for recording in recordings() {
        let (name, bytes) = (recording.name, &recording.theirs);
        let whole = recording.whole(now, Side::Listener);
        for cut in 1..bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(recording.replay(now, Side::Listener, &[front, back]), whole, "{name}, cut at {cut}");
        }
        let single = bytes.chunks(1).collect::<Vec<_>>();
        assert_eq!(recording.replay(now, Side::Listener, &single), whole, "{name}, byte by byte");
    }
}

/// What we send to the peer of the recording `name`: the wire's bytes, and whether the link may write what a pipe holds.
fn sent(recordings: &[Recording], name: &str, messages: &[Message]) -> (Vec<u8>, bool) {
    let recording = recordings.iter().find(|recording| recording.name == name).expect("recorded");
    let mut end = End::new(recording.config.clone(), Side::Dialer, Instant::now());
    end.feed(&recording.theirs);
    end.take_written();
    end.send(&mut encode(|writer| messages.iter().for_each(|message| writer.push_unmarked(message))));
    (end.take_written(), end.session.is_verbatim())
}

#[test]
fn a_peer_of_2_0_is_sent_frames_as_a_pipe_holds_them() {
    let messages: [Message; 3] = ["hello".into(), ["", "b"].into(), (&[7; 300][..]).into()];
    let wire = [&b"\x00\x05hello\x01\x00\x00\x01b\x02\0\0\0\0\0\0\x01\x2c"[..], &[7; 300]].concat();
    assert_eq!(sent(&of_2_0(), "PULL of our PUSH", &messages), (wire, true));
    let subscription = b"\x00\x06\x01topic".to_vec();
    assert_eq!(sent(&of_2_0(), "PUB to our SUB", &["\u{1}topic".into()]), (subscription, true));
    let answer = b"\x01\x00\x00\x03yes".to_vec();
    assert_eq!(sent(&of_2_0(), "REQ asking our REP", &[["", "yes"].into()]), (answer, true));
}

#[test]
fn a_peer_of_1_0_is_sent_frames_of_its_own() {
    let messages: [Message; 3] = ["hello".into(), ["", "b"].into(), (&[7; 300][..]).into()];
    let wire = [&b"\x06\x00hello\x01\x01\x02\x00b\xff\0\0\0\0\0\0\x01\x2d\x00"[..], &[7; 300]].concat();
    assert_eq!(sent(&of_1_0(), "an anonymous PULL of our PUSH", &messages), (wire, false));
    let around = [&[1; 253][..], &[2; 254], &[3; 255]];
    let wire = [
        &b"\xfe\x01"[..],
        around[0],
        b"\xff\0\0\0\0\0\0\0\xff\x01",
        around[1],
        b"\xff\0\0\0\0\0\0\x01\x00\x00",
        around[2],
    ];
    assert_eq!(sent(&of_1_0(), "an anonymous PULL of our PUSH", &[around.into()]), (wire.concat(), false));
    let subscription = b"\x07\x00\x01topic".to_vec();
    assert_eq!(sent(&of_1_0(), "PUB to our SUB", &["\u{1}topic".into()]), (subscription, false));
    let answer = b"\x01\x01\x04\x00yes".to_vec();
    assert_eq!(sent(&of_1_0(), "REQ asking our REP", &[["", "yes"].into()]), (answer, false));
}

#[test]
fn short_frames_of_1_0_are_delivered_in_the_piece_in_which_they_came() {
    let mut end = End::of(SocketType::Pull);
    end.feed(&[&b"\x01\x00"[..], &b"\x03\x01ab\x02\x00c".repeat(100), b"\x09"].concat());
    assert_eq!(end.deliver.segments, [message(&[b"ab", b"c"]).repeat(100)]);
    assert_eq!(end.deliver.messages, 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn messages_to_a_peer_of_1_0_come_back_from_it(
        sizes in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![0usize, 1, 70, 253, 254, 255, 256, 8191, 8192, 70_000]), 1..4),
            0..10,
        ),
        piece in prop::sample::select(vec![1usize, 13, 4096, 65_536, usize::MAX]),
    ) {
        let frames = |sizes: &Vec<usize>| sizes.iter().map(|&len| Frame::from(vec![len as u8; len])).collect::<Vec<_>>();
        let messages = sizes.iter().map(|sizes| Message::from(frames(sizes))).collect::<Vec<_>>();
        let mut push = End::new(SessionConfig::new(SocketType::Push), Side::Dialer, Instant::now());
        push.feed(b"\x01\x00");
        push.take_written();
        push.send(&mut encode(|writer: &mut PipeWriter| messages.iter().for_each(|message| writer.push(message).expect("no mark"))));
        let mut pull = End::of(SocketType::Pull);
        pull.feed(b"\x01\x00");
        push.take_written().chunks(piece.max(50)).for_each(|bytes| pull.feed(bytes));
        prop_assert_eq!(pull.outcome.messages, messages.len());
        prop_assert_eq!(decode(&mut pull.deliver), messages.into_iter().map(Unit::Message).collect::<Vec<_>>());
    }

    #[test]
    fn in_random_pieces(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (now, recordings) = (Instant::now(), recordings());
        let recording = which.get(&recordings);
        let mut cuts = cuts.iter().map(|cut| cut.index(recording.theirs.len())).collect::<Vec<_>>();
        cuts.extend([0, recording.theirs.len()]);
        cuts.sort();
        let pieces = cuts.windows(2).map(|cut| &recording.theirs[cut[0]..cut[1]]).collect::<Vec<_>>();
        let whole = recording.whole(now, Side::Listener);
        prop_assert_eq!(recording.replay(now, Side::Listener, &pieces), whole, "{}", recording.name);
    }
}
