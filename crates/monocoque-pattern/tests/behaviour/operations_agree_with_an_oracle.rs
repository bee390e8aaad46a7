//! Random operations against a plain model: PUSH and PULL lose and reorder nothing, PUB and SUB deliver
//! what matched and only that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::SendReason;
use proptest::prelude::*;

use crate::peer::{MARK, Peer, attach, facts, hub, join, join_with, text, up};

#[derive(Debug, Clone)]
enum Step {
    Join,
    Down(usize),
    Close(usize),
    Send(usize),
    Take(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Join),
        2 => (0..4usize).prop_map(Step::Down),
        1 => (0..4usize).prop_map(Step::Close),
        10 => (0..4usize).prop_map(Step::Send),
        6 => (0..4usize, 1..5usize).prop_map(|(peer, count)| Step::Take(peer, count)),
    ];
    prop::collection::vec(step, 1..150)
}

const SMALL: u32 = 3;

/// A peer of a PUSH, and what the model says is in its pipe.
struct Pulling {
    peer: Peer,
    queue: VecDeque<String>,
    full: bool,
}

proptest! {
    #[test]
    fn push_goes_round_those_with_room(steps in steps()) {
        let hub = hub(SocketType::Push);
        let join = || join_with(&hub, facts(SocketType::Push, None), SMALL);
        let (mut peers, mut turn, mut lost) = (Vec::<Pulling>::new(), 0, 0);
        for (number, step) in steps.into_iter().enumerate() {
            let index = |wanted: usize| (!peers.is_empty()).then(|| wanted % peers.len().max(1));
            match step {
                Step::Join => peers.push(Pulling { peer: join(), queue: VecDeque::new(), full: false }),
                Step::Down(which) => if let Some(i) = index(which) {
                    let Pulling { peer, queue, full } = peers.remove(i);
                    let peer = peer.reconnect(&hub, facts(SocketType::Push, None));
                    peers.insert(i, Pulling { peer, queue, full });
                },
                Step::Close(which) => if let Some(i) = index(which) {
                    let gone = peers.remove(i);
                    turn -= usize::from(i < turn);
                    lost += gone.queue.len();
                    prop_assert_eq!(hub.close_link(gone.peer.link), gone.queue.len());
                },
                Step::Send(_) => {
                    let body = format!("{number}");
                    let sent = hub.try_send(Message::from(body.as_str()));
                    // Whoever is at the mark is found full when its turn comes, and skipped until half free.
                    let count = peers.len();
                    let taker = (0..count).map(|step| (turn + step) % count).find(|&i| {
                        peers[i].full |= peers[i].queue.len() == SMALL as usize;
                        !peers[i].full
                    });
                    match taker {
                        Some(i) => {
                            prop_assert!(sent.is_ok());
                            peers[i].queue.push_back(body);
                            turn = i + 1;
                        }
                        None => {
                            let reason = if count == 0 { SendReason::NoPeer } else { SendReason::Full };
                            prop_assert_eq!(sent.map_err(|refused| refused.reason), Err(reason));
                        }
                    }
                }
                // All of it, so that the model needs no account of credit.
                Step::Take(which, _) => if let Some(i) = index(which) {
                    prop_assert_eq!(peers[i].peer.texts(), peers[i].queue.drain(..).collect::<Vec<_>>());
                    peers[i].full = false;
                },
            }
            prop_assert_eq!(hub.peers(), peers.len());
            prop_assert_eq!(hub.queued(), peers.iter().map(|peer| peer.queue.len()).sum::<usize>());
            prop_assert_eq!(hub.drops().of(DropCause::PeerGone) as usize, lost);
        }
    }

    #[test]
    fn pull_gets_everything_in_each_peers_order(steps in steps()) {
        let hub = hub(SocketType::Pull);
        let (mut peers, mut links) = (Vec::<(usize, Peer)>::new(), 0);
        let mut expected = BTreeMap::<usize, VecDeque<String>>::new();
        let check = |count: usize, expected: &mut BTreeMap<usize, VecDeque<String>>| {
            for _ in 0..count {
                let waiting = expected.values().any(|queue| !queue.is_empty());
                let Ok(message) = hub.try_recv() else {
                    assert!(!waiting, "a message is waiting");
                    break;
                };
                let body = text(&message);
                let link: usize = body.split('.').next().and_then(|link| link.parse().ok()).expect("ours");
                assert_eq!(expected.get_mut(&link).and_then(VecDeque::pop_front), Some(body));
            }
        };
        for (number, step) in steps.into_iter().enumerate() {
            let index = |wanted: usize| (!peers.is_empty()).then(|| wanted % peers.len().max(1));
            match step {
                Step::Join => {
                    peers.push((links, join(&hub, SocketType::Push)));
                    links += 1;
                }
                Step::Down(which) => if let Some(i) = index(which) {
                    let (link, peer) = peers.remove(i);
                    peers.insert(i, (link, peer.reconnect(&hub, facts(SocketType::Pull, None))));
                },
                Step::Close(which) => if let Some(i) = index(which) {
                    let (link, peer) = peers.remove(i);
                    if number % 2 == 0 {
                        hub.close_link(peer.link);
                        expected.remove(&link);
                    } else {
                        hub.release(peer.link);
                    }
                },
                Step::Send(which) => if let Some(i) = index(which) {
                    let (link, peer) = &mut peers[i];
                    let body = format!("{link}.{number}");
                    if peer.to_hub.held() < MARK as usize {
                        peer.send(body.as_str());
                        expected.entry(*link).or_default().push_back(body);
                    }
                },
                Step::Take(_, count) => check(count, &mut expected),
            }
        }
        prop_assert_eq!(hub.can_recv(), expected.values().any(|queue| !queue.is_empty()));
        check(usize::MAX, &mut expected);
        prop_assert!(expected.values().all(VecDeque::is_empty));
    }
}

#[derive(Debug, Clone)]
enum Act {
    Join,
    Down(usize),
    Release(usize),
    Wish(usize, bool, &'static str),
    Publish(&'static str),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let word = || prop::sample::select(vec!["", "a", "ab", "abc", "b", "ba"]);
    let act = prop_oneof![
        2 => Just(Act::Join),
        1 => (0..4usize).prop_map(Act::Down),
        1 => (0..4usize).prop_map(Act::Release),
        8 => (0..4usize, any::<bool>(), word()).prop_map(|(peer, on, topic)| Act::Wish(peer, on, topic)),
        8 => word().prop_map(Act::Publish),
    ];
    prop::collection::vec(act, 1..150)
}

struct Subscriber {
    peer: Peer,
    topics: BTreeSet<&'static str>,
    expected: Vec<String>,
}

proptest! {
    #[test]
    fn xpub_delivers_what_matches_and_tells_of_topics(acts in acts()) {
        let hub = hub(SocketType::XPub);
        let join = || join_with(&hub, facts(SocketType::XPub, None), 10_000);
        let mut peers = Vec::<Subscriber>::new();
        for act in acts {
            let known = |peers: &[Subscriber]| peers.iter().flat_map(|peer| peer.topics.clone()).collect::<BTreeSet<_>>();
            let before = known(&peers);
            let index = |wanted: usize| (!peers.is_empty()).then(|| wanted % peers.len().max(1));
            match act {
                Act::Join => peers.push(Subscriber { peer: join(), topics: BTreeSet::new(), expected: Vec::new() }),
                Act::Down(which) => if let Some(i) = index(which) {
                    let Subscriber { peer, expected, .. } = peers.remove(i);
                    let peer = peer.reconnect(&hub, facts(SocketType::XPub, None));
                    peers.insert(i, Subscriber { peer, topics: BTreeSet::new(), expected });
                },
                Act::Release(which) => if let Some(i) = index(which) {
                    hub.release(peers.remove(i).peer.link);
                },
                Act::Wish(which, on, topic) => if let Some(i) = index(which) {
                    if on {
                        peers[i].peer.subscribe(topic);
                        peers[i].topics.insert(topic);
                    } else {
                        peers[i].peer.cancel(topic);
                        peers[i].topics.remove(topic);
                    }
                },
                Act::Publish(topic) => {
                    hub.try_send(Message::from(topic)).expect("never refused");
                    for peer in peers.iter_mut().filter(|peer| peer.topics.iter().any(|prefix| topic.starts_with(prefix))) {
                        peer.expected.push(topic.to_owned());
                    }
                }
            }
            let after = known(&peers);
            let told: BTreeSet<_> = crate::peer::received(&hub).into_iter().collect();
            let lost = before.difference(&after).map(|topic| format!("\0{topic}"));
            let won = after.difference(&before).map(|topic| format!("\u{1}{topic}"));
            prop_assert_eq!(told, lost.chain(won).collect::<BTreeSet<_>>());
            prop_assert_eq!(hub.subscribers(), peers.iter().filter(|peer| !peer.topics.is_empty()).count());
        }
        for subscriber in &mut peers {
            prop_assert_eq!(subscriber.peer.texts(), std::mem::take(&mut subscriber.expected));
        }
        prop_assert_eq!(hub.drops().of(DropCause::Full), 0);
    }

    #[test]
    fn sub_tells_each_publisher_its_set_and_hears_no_more(acts in acts()) {
        let hub = hub(SocketType::Sub);
        let mut own = BTreeMap::<&str, usize>::new();
        let mut peers = Vec::<(Peer, BTreeSet<String>)>::new();
        let mut dropped = 0;
        for act in acts {
            let index = |wanted: usize| (!peers.is_empty()).then(|| wanted % peers.len().max(1));
            match act {
                Act::Join => {
                    let (link, from_hub) = attach(&hub, 1);
                    peers.push((up(&hub, link, from_hub, facts(SocketType::Sub, None)), BTreeSet::new()));
                }
                Act::Down(which) => if let Some(i) = index(which) {
                    let (peer, _) = peers.remove(i);
                    peers.insert(i, (peer.reconnect(&hub, facts(SocketType::Sub, None)), BTreeSet::new()));
                },
                Act::Release(which) => if let Some(i) = index(which) {
                    hub.release(peers.remove(i).0.link);
                },
                Act::Wish(_, true, topic) => {
                    hub.subscribe(topic.as_bytes());
                    *own.entry(topic).or_default() += 1;
                }
                Act::Wish(_, false, topic) => {
                    let count = own.get(topic).copied().unwrap_or(0);
                    prop_assert_eq!(hub.unsubscribe(topic.as_bytes()), count > 0);
                    own.remove(topic).filter(|_| count > 1).map(|_| own.insert(topic, count - 1));
                }
                Act::Publish(topic) => if let Some((peer, _)) = peers.first_mut() {
                    peer.send(topic);
                    let wanted = own.keys().any(|prefix| topic.starts_with(prefix));
                    prop_assert_eq!(crate::peer::received(&hub).len(), usize::from(wanted));
                    dropped += u64::from(!wanted);
                },
            }
            for (peer, told) in &mut peers {
                for command in peer.texts() {
                    match command.strip_prefix("\u{9}SUBSCRIBE") {
                        // A topic that is subscribed to again is told again.
                        Some(topic) => drop(told.insert(topic.to_owned())),
                        None => assert!(told.remove(command.strip_prefix("\u{6}CANCEL").expect("a wish"))),
                    }
                }
                prop_assert!(told.iter().map(String::as_str).eq(own.keys().copied()));
            }
        }
        prop_assert_eq!(hub.drops().of(DropCause::Unsubscribed), dropped);
    }
}
