//! A connection whose messages are waited for and answered is lent to who waits, which reads it without the I/O thread, one message
//! or several at a time; and is taken back when that looks no more, or something is left to do.

mod common;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use common::{
    Ends, PATIENCE, Raw, Story, Teller, bind, connect, drivers, each_link, is_stopped, shared, tcp, turn, wait, wire,
};
use monocoque_core::batch::Unit;
use monocoque_core::budget::Budget;
use monocoque_core::pipe::ReadTurns;
use monocoque_core::slab::Arena;
use monocoque_core::{Endpoint, Message};
use monocoque_io::{Driver, End, LinkEvent, ListenConfig, Placement, Stopper};

/// Round trips, more than it takes to be lent.
const TRIPS: usize = 100;

/// A connection, and the application's side of it, which waits for one message after the other.
struct Pair {
    peer: Raw,
    ends: Ends,
    turns: Arc<ReadTurns>,
}

/// A listener whose connections may be lent.
struct Fixture {
    placement: Placement,
    teller: Teller,
    story: Story,
    stopper: Stopper,
    endpoint: Endpoint,
}

impl Fixture {
    fn new(driver: Driver, wildcard: &Endpoint, change: impl FnOnce(&mut Teller)) -> Self {
        let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
        let endpoint = binding.endpoint().clone();
        let (mut teller, story) = Teller::new();
        change(&mut teller);
        let stopper = teller.listen(&placement, binding, ListenConfig::default());
        Self { placement, teller, story, stopper, endpoint }
    }

    fn meet(&self) -> Pair {
        let (peer, ends) = (connect(&self.endpoint), self.story.ready());
        Pair { peer, ends, turns: Arc::clone(&self.teller.turns) }
    }

    /// One that is lent.
    fn lent(&self) -> Pair {
        let mut pair = self.meet();
        self.lend(&mut pair);
        pair
    }

    /// Round trips until it is lent.
    fn lend(&self, pair: &mut Pair) -> usize {
        let (until, mut trips) = (Instant::now() + PATIENCE, 0);
        while !pair.turns.are_lent() {
            assert!(Instant::now() < until, "it is never lent");
            pair.trip(b"question");
            // What it decided upon this one it has done.
            turn(&self.placement);
            trips += 1;
        }
        assert!(pair.turns.are_one_by_one());
        trips
    }

    /// One that is lent while the I/O thread does nothing, until what is returned too is dropped.
    fn held(&self) -> (Pair, Sender<()>) {
        let mut pair = self.lent();
        loop {
            let release = self.hold();
            // On a slow machine it was taken back before.
            if pair.turns.are_lent() {
                return (pair, release);
            }
            drop(release);
            self.lend(&mut pair);
        }
    }

    /// Has the I/O thread do nothing until what is returned is dropped.
    fn hold(&self) -> Sender<()> {
        let (release, released) = channel();
        let (tell, told) = channel();
        let job = move |_| async move {
            tell.send(()).expect("waited for");
            // An error is the release.
            let _ = released.recv_timeout(PATIENCE);
        };
        self.placement.spawn(job).expect("alive");
        told.recv_timeout(PATIENCE).expect("the I/O thread runs");
        release
    }
}

impl Pair {
    fn write(&mut self, bytes: &[u8]) {
        self.peer.write_all(bytes).expect("room");
    }

    /// What the peer reads next.
    fn read(&mut self, body: &[u8]) {
        let expected = wire(body);
        let mut got = vec![0; expected.len()];
        self.peer.read_exact(&mut got).expect("it comes");
        assert_eq!(got, expected);
    }

    /// What came, if it is there.
    fn next(&mut self) -> Option<Vec<u8>> {
        self.ends.incoming.next_unit().map(|unit| match unit {
            Unit::Message(message) => message.last().as_slice().to_vec(),
            Unit::Command(command) => panic!("a command: {command:?}"),
        })
    }

    /// The next message, for which it looks before it parks.
    fn wait(&mut self) -> Vec<u8> {
        wait("a message", |waker| {
            self.ends.incoming.set_waker(waker);
            self.turns.look();
            self.next()
        })
    }

    /// The next message, which others read.
    fn recv(&mut self) -> Vec<u8> {
        self.ends.recv().expect("it is up").last().as_slice().to_vec()
    }

    /// A question of the peer, and the answer. The wait ended soon, as far as is told.
    fn trip(&mut self, body: &[u8]) {
        self.write(&wire(body));
        assert_eq!(self.wait(), body);
        self.turns.ended_soon();
        self.ends.push(&Message::from("answer"));
        self.read(b"answer");
    }
}

#[test]
fn who_waits_reads_and_answers_while_the_io_thread_does_nothing() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let (mut pair, release) = fixture.held();
        assert!(!pair.turns.look(), "nothing is there");
        for trip in 0..100u8 {
            let question = [trip; 7];
            pair.write(&wire(&question));
            assert!(pair.turns.look());
            assert_eq!(pair.next().as_deref(), Some(&question[..]));
            pair.ends.push(&Message::from("answer"));
            pair.read(b"answer");
        }
        pair.write(&[wire(b"one"), wire(b"two")].concat());
        assert!(pair.turns.look());
        assert_eq!([pair.next(), pair.next(), pair.next()], [Some(b"one".to_vec()), Some(b"two".to_vec()), None]);
        drop(release);
    });
}

#[test]
fn what_a_look_cannot_end_the_io_thread_does() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let large = vec![7; 3 << 20];
        for message in [&b"in two halves"[..], &large] {
            let (mut pair, release) = fixture.held();
            let bytes = wire(message);
            let (first, second) = bytes.split_at(9);
            pair.write(first);
            assert!(pair.turns.look());
            assert!(!pair.turns.look(), "it is the I/O thread's");
            drop(release);
            let mut peer = pair.peer.0.try_clone().expect("a descriptor");
            std::thread::scope(|scope| {
                scope.spawn(move || peer.write_all(second).expect("it is read"));
                assert_eq!(pair.recv(), message);
            });
            assert!(fixture.lend(&mut pair) < TRIPS, "that was not in vain");
        }
    });
}

#[test]
fn how_its_peer_ended_it_is_told() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        for looks in [true, false] {
            let (mut pair, release) = fixture.held();
            pair.write(&wire(b"last words")[..3]);
            drop(pair.peer);
            assert!(!looks || pair.turns.look());
            drop(release);
            let end = fixture.story.ended().end;
            assert!(matches!(end, End::PeerClosed { truncated: 3 }), "{end:?}");
        }
        if matches!(wildcard, Endpoint::Tcp(_)) {
            let (pair, release) = fixture.held();
            pair.peer.0.set_linger(Some(Duration::ZERO)).expect("allowed");
            drop(pair.peer);
            assert!(pair.turns.look());
            drop(release);
            let end = fixture.story.ended().end;
            let is_reset = |end| matches!(end, End::Link(error) if error.kind() == std::io::ErrorKind::ConnectionReset);
            assert!(is_reset(end));
        }
    });
}

#[test]
fn bad_bytes_that_a_look_finds_end_it() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let (mut pair, release) = fixture.held();
        pair.write(&[0xff; 9]);
        assert!(pair.turns.look());
        drop(release);
        assert!(matches!(fixture.story.ended().end, End::Protocol(_)));
    });
}

#[test]
fn given_back_it_is_read_by_the_io_thread() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        for _ in 0..3 {
            let mut pair = fixture.lent();
            pair.turns.give_back();
            assert!(!pair.turns.are_lent());
            pair.write(&wire(b"to whom it may concern"));
            assert_eq!(pair.recv(), b"to whom it may concern");
        }
    });
}

#[test]
fn what_nobody_looks_at_is_taken_back() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let mut pair = fixture.meet();
        let until = Instant::now() + PATIENCE;
        loop {
            fixture.lend(&mut pair);
            pair.write(&wire(b"is anybody there"));
            assert_eq!(pair.recv(), b"is anybody there");
            let is_lent = |pair: &mut Pair| {
                pair.trip(b"again");
                turn(&fixture.placement);
                pair.turns.are_lent()
            };
            // Unless it was looked at since it was lent, which the last trip may have done.
            if !(0..TRIPS).any(|_| is_lent(&mut pair)) {
                break;
            }
            assert!(Instant::now() < until, "it is lent again at once");
        }
    });
}

#[test]
fn what_is_looked_at_in_vain_is_taken_back_and_lent_again_as_before() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let mut pair = fixture.lent();
        let until = Instant::now() + PATIENCE;
        while pair.turns.are_lent() {
            assert!(!pair.turns.look() && Instant::now() < until, "nothing comes");
        }
        assert!(fixture.lend(&mut pair) < TRIPS);
    });
}

#[test]
fn a_stranger_who_has_said_nothing_whole_calls_nobody_in() {
    for driver in drivers() {
        // They are there when something of them was read.
        let fixture = Fixture::new(driver, &tcp(), |teller| teller.shy = true);
        let begin = |bytes: &[u8]| {
            let mut peer = connect(&fixture.endpoint);
            peer.write_all(bytes).expect("room");
            Pair { peer, ends: fixture.story.ready(), turns: Arc::clone(&fixture.teller.turns) }
        };
        let mut pair = begin(&wire(b"question"));
        assert_eq!(pair.recv(), b"question");
        let until = Instant::now() + PATIENCE;
        loop {
            fixture.lend(&mut pair);
            let _stranger = begin(&wire(b"begun")[..3]);
            turn(&fixture.placement);
            // On a slow machine it was taken back because nobody looked.
            if pair.turns.are_lent() {
                break;
            }
            assert!(Instant::now() < until, "it is always called in");
        }
    }
}

#[test]
fn a_panic_within_a_look_ends_its_connection_and_not_who_looked() {
    for driver in drivers() {
        let fixture = Fixture::new(driver, &tcp(), |teller| teller.panics_at = Some(b"bomb"));
        let (mut pair, release) = fixture.held();
        pair.write(&wire(b"bomb"));
        assert!(pair.turns.look());
        drop(release);
        assert_eq!(pair.peer.read_to_end(&mut Vec::new()).expect("no error"), 0);
        let mut other = fixture.meet();
        other.write(&wire(b"the thread goes on"));
        assert_eq!(other.recv(), b"the thread goes on");
    }
}

#[test]
fn a_stop_and_the_end_of_its_socket_are_heard() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let mut pair = fixture.lent();
        drop(pair.ends.outgoing);
        assert_eq!(pair.peer.read_to_end(&mut Vec::new()).expect("no error"), 0, "our side is closed");
        drop(pair.peer);
        assert!(matches!(fixture.story.ended().end, End::Finished));
        let _pair = fixture.lent();
        drop(fixture.stopper);
        assert!(is_stopped(&fixture.story.ended().end));
    });
}

#[test]
fn what_its_sender_leaves_is_written_by_the_io_thread() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let mut pair = fixture.lent();
        let many: Vec<_> = (0..100u8).map(|number| [number; 50]).collect();
        many.iter().for_each(|body| pair.ends.push(&Message::from(&body[..])));
        many.iter().for_each(|body| pair.read(body));
        pair.trip(b"and on");
    });
}

#[test]
fn another_connection_with_messages_calls_it_in() {
    for driver in drivers() {
        let fixture = Fixture::new(driver, &tcp(), |_| ());
        let mut lent = fixture.lent();
        let mut other = fixture.meet();
        other.write(&wire(b"of another"));
        assert_eq!(other.recv(), b"of another");
        turn(&fixture.placement);
        assert!(!lent.turns.are_lent(), "who has messages to receive may not come to look");
        lent.write(&wire(b"of the first"));
        assert_eq!(lent.recv(), b"of the first");
    }
}

#[test]
fn several_are_lent_if_all_of_them_are_waited_for() {
    for driver in drivers() {
        let fixture = Fixture::new(driver, &tcp(), |_| ());
        let mut pairs = [fixture.meet(), fixture.meet()];
        let until = Instant::now() + PATIENCE;
        let release = loop {
            assert!(Instant::now() < until, "they are never lent");
            pairs.iter_mut().for_each(|pair| pair.trip(b"question"));
            turn(&fixture.placement);
            if !pairs[0].turns.are_lent() {
                continue;
            }
            let release = fixture.hold();
            pairs.iter_mut().for_each(|pair| pair.write(&wire(b"both")));
            pairs[0].turns.look();
            let came: Vec<_> = pairs.iter_mut().filter_map(Pair::next).collect();
            if came.len() == 2 {
                break release;
            }
            drop(release);
            let rest = 2 - came.len();
            let mut left: Vec<_> = pairs.iter_mut().collect();
            for _ in 0..rest {
                let (index, _) = wait("the rest", |waker| {
                    left.iter().for_each(|pair| pair.ends.incoming.set_waker(waker));
                    left.iter_mut().enumerate().find_map(|(index, pair)| pair.next().map(|body| (index, body)))
                });
                left.remove(index);
            }
        };
        drop(release);
    }
}

/// Asks and answers `trips` times; nothing is lent meanwhile.
fn stays(driver: Driver, change: impl FnOnce(&mut Teller), mut trip: impl FnMut(&mut Pair)) {
    let fixture = Fixture::new(driver, &tcp(), change);
    let mut pair = fixture.meet();
    for _ in 0..TRIPS {
        trip(&mut pair);
        turn(&fixture.placement);
        assert!(!pair.turns.are_lent());
    }
}

/// Several messages, and the answer to each, which is written with the last of them.
fn several(pair: &mut Pair) {
    let bodies = [&b"one"[..], b"two", b"three"];
    pair.write(&bodies.map(wire).concat());
    assert_eq!(pair.wait(), bodies[0]);
    for (index, body) in bodies.iter().enumerate() {
        if index > 0 {
            assert_eq!(pair.next().as_deref(), Some(*body));
        }
        pair.ends.push_of_several(&Message::from(*body), index < 2);
    }
    bodies.iter().for_each(|body| pair.read(body));
    pair.turns.ended_soon();
}

#[test]
fn several_at_a_time_are_read_and_answered_while_the_io_thread_does_nothing() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let mut pair = fixture.meet();
        let until = Instant::now() + PATIENCE;
        let release = loop {
            assert!(Instant::now() < until, "it is never lent");
            several(&mut pair);
            turn(&fixture.placement);
            if pair.turns.are_lent() {
                let release = fixture.hold();
                if pair.turns.are_lent() {
                    break release;
                }
            }
        };
        assert!(!pair.turns.are_one_by_one());
        (0..100).for_each(|_| several(&mut pair));
        // More than one read finds room for.
        let many: Vec<_> = (0..300u32).map(|number| [number.to_be_bytes(); 20].concat()).collect();
        pair.write(&many.iter().flat_map(|body| wire(body)).collect::<Vec<_>>());
        many.iter().for_each(|body| assert_eq!(&pair.wait(), body));
        // An answer that no other follows goes out with the next look.
        pair.ends.push_of_several(&Message::from("and no more"), true);
        pair.turns.look();
        pair.read(b"and no more");
        drop(release);
    });
}

#[test]
fn who_does_not_come_back_to_the_rest_of_several_keeps_no_answer() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let mut pair = fixture.lent();
        pair.ends.push_of_several(&Message::from("the first"), true);
        pair.read(b"the first");
        let until = Instant::now() + PATIENCE;
        while pair.turns.are_lent() {
            assert!(Instant::now() < until, "it is never taken back");
        }
        // For long, unless it was taken back before the answer.
        pair.write(&wire(b"the second"));
        assert_eq!(pair.recv(), b"the second");
    });
}

#[test]
fn for_who_sleeps_the_io_thread_reads_and_it_stays_lent() {
    each_link(|driver, wildcard| {
        let fixture = Fixture::new(driver, wildcard, |_| ());
        let until = Instant::now() + PATIENCE;
        let mut pair = fixture.lent();
        loop {
            pair.turns.sleep();
            pair.write(&wire(b"wake up"));
            assert_eq!(pair.recv(), b"wake up");
            pair.turns.wake();
            pair.ends.push(&Message::from("I am"));
            pair.read(b"I am");
            turn(&fixture.placement);
            // On a slow machine it was taken back before.
            if pair.turns.are_lent() {
                break;
            }
            assert!(Instant::now() < until, "it is always taken back");
            fixture.lend(&mut pair);
        }
        pair.turns.sleep();
        drop(pair.peer);
        assert!(matches!(fixture.story.ended().end, End::PeerClosed { truncated: 0 }));
    });
}

#[test]
fn who_sleeps_too_often_is_not_lent_it_again_so_soon() {
    for driver in drivers() {
        let fixture = Fixture::new(driver, &tcp(), |_| ());
        let mut pair = fixture.lent();
        let trips = (0..3).map(|_| {
            while pair.turns.are_lent() {
                pair.turns.sleep();
                pair.turns.wake();
            }
            turn(&fixture.placement);
            fixture.lend(&mut pair)
        });
        assert!(trips.max() > Some(TRIPS), "it is lent as before");
    }
}

#[test]
fn only_what_is_waited_for_and_answered_is_lent() {
    for driver in drivers() {
        stays(
            driver,
            |_| (),
            |pair| {
                pair.write(&wire(b"no answer is needed"));
                pair.wait();
                pair.turns.ended_soon();
            },
        );
        stays(
            driver,
            |_| (),
            |pair| {
                pair.trip(b"in vain");
                pair.turns.give_back();
            },
        );
    }
}

#[test]
fn who_says_much_at_a_time_is_read_by_the_io_thread() {
    for driver in drivers() {
        let fixture = Fixture::new(driver, &"ipc://*".parse().expect("well formed"), |_| ());
        let mut pair = fixture.meet();
        let much = vec![7; 100];
        for _ in 0..TRIPS {
            // All of it is there before any of it is read.
            let release = fixture.hold();
            pair.write(&wire(&much).repeat(1000));
            drop(release);
            (0..1000).for_each(|_| assert_eq!(pair.recv(), much));
            pair.turns.ended_soon();
            pair.ends.push(&Message::from("a word"));
            pair.read(b"a word");
            turn(&fixture.placement);
            assert!(!pair.turns.are_lent() && !pair.turns.are_one_by_one());
        }
    }
}

#[test]
fn what_needs_its_io_thread_in_any_case_is_not_lent() {
    for driver in drivers() {
        let trip = |pair: &mut Pair| pair.trip(b"question");
        stays(driver, |teller| teller.makes = true, trip);
        stays(driver, |teller| teller.until = Some(Instant::now() + 10 * PATIENCE), trip);
        stays(driver, |teller| teller.arena = Arena::under(Budget::new(1 << 20)), trip);
    }
}

#[test]
fn what_is_lent_goes_with_its_runtime() {
    for driver in drivers() {
        let (teller, story) = Teller::new();
        let (placement, endpoint, [stopper, connections]) = teller.listening(driver);
        let fixture = Fixture { placement, teller, story, stopper, endpoint };
        let (mut pair, release) = fixture.held();
        let Fixture { placement, story, stopper, .. } = fixture;
        drop((release, stopper));
        story.event("the end", |event| matches!(event, LinkEvent::ListenerClosed { .. }).then_some(()));
        drop(placement);
        assert_eq!(pair.peer.read_to_end(&mut Vec::new()).expect("no error"), 0);
        assert!(!pair.turns.look());
        drop(connections);
    }
}

#[test]
fn nothing_is_lost_or_reordered_while_it_goes_to_and_fro() {
    for driver in drivers() {
        let fixture = Fixture::new(driver, &tcp(), |_| ());
        let mut pair = fixture.meet();
        let mut peer = Raw(pair.peer.0.try_clone().expect("a descriptor"));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..20_000u32 {
                    peer.write_all(&wire(&number.to_be_bytes())).expect("room");
                    let mut answer = [0; 6];
                    peer.read_exact(&mut answer).expect("it comes");
                    assert_eq!(answer, wire(&number.to_be_bytes())[..]);
                }
            });
            for number in 0..20_000u32 {
                let question = pair.wait();
                assert_eq!(question, number.to_be_bytes());
                // Seldom enough for it to be lent between.
                if number % 61 == 0 {
                    pair.turns.give_back();
                }
                pair.turns.ended_soon();
                pair.ends.push(&Message::from(&question[..]));
            }
        });
    }
}
