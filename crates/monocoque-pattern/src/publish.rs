//! The publisher's side: who subscribed to what, and what an XPUB tells of it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use monocoque_core::Message;
use smallvec::SmallVec;

use crate::prefix_table::PrefixTable;
use crate::subscriptions::Wish;
use crate::{PeerKey, PeerProperties};

/// Messages of subscribers that an XPUB keeps for its application; what comes above is dropped and
/// counted. Subscriptions are not held back by it: they must act whether or not anyone reads.
pub(crate) const UPSTREAM_MESSAGES_MAX: usize = 10_000;

/// What a wish changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Nothing: the peer had subscribed already, or never.
    None,
    /// This peer's set only; others hold the topic too.
    Peer,
    /// The topic's first subscriber came, or its last one left.
    Topic,
}

#[derive(Debug, Default, Clone)]
struct Subscriber {
    topics: u32,
    /// The fan-out that counted this peer last: each message reaches a peer once.
    mark: u64,
}

/// Which peers a message goes to.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    /// The slots of each prefix are sorted.
    table: PrefixTable<SmallVec<[u32; 2]>>,
    subscribers: Vec<Subscriber>,
    subscribed: usize,
    fan_outs: u64,
    matched: Vec<u32>,
}

impl Topics {
    /// Peers with at least one subscription.
    pub(crate) fn subscribed(&self) -> usize {
        self.subscribed
    }

    /// Topics that anybody subscribed to.
    pub(crate) fn count(&self) -> usize {
        self.table.len()
    }

    /// Does what the peer in `slot` wishes.
    pub(crate) fn apply(&mut self, slot: u32, wish: Wish, topic: &[u8]) -> Change {
        match wish {
            Wish::Subscribe => self.subscribe(slot, topic),
            Wish::Cancel => self.cancel(slot, topic),
        }
    }

    fn subscribe(&mut self, slot: u32, topic: &[u8]) -> Change {
        let peers = self.table.entry(topic);
        let Err(at) = peers.binary_search(&slot) else { return Change::None };
        peers.insert(at, slot);
        let first = peers.len() == 1;
        if self.subscribers.len() <= slot as usize {
            self.subscribers.resize(slot as usize + 1, Subscriber::default());
        }
        let subscriber = &mut self.subscribers[slot as usize];
        subscriber.topics += 1;
        self.subscribed += usize::from(subscriber.topics == 1);
        if first { Change::Topic } else { Change::Peer }
    }

    fn cancel(&mut self, slot: u32, topic: &[u8]) -> Change {
        let Some(peers) = self.table.get_mut(topic) else { return Change::None };
        let Ok(at) = peers.binary_search(&slot) else { return Change::None };
        peers.remove(at);
        let last = peers.is_empty();
        if last {
            self.table.remove(topic);
        }
        let subscriber = &mut self.subscribers[slot as usize];
        subscriber.topics -= 1;
        self.subscribed -= usize::from(subscriber.topics == 0);
        if last { Change::Topic } else { Change::Peer }
    }

    /// Drops all subscriptions of a peer; tells each topic, and whether that was its last subscriber.
    pub(crate) fn drop_peer(&mut self, slot: u32, mut lost: impl FnMut(&[u8], Change)) {
        let Some(subscriber) = self.subscribers.get_mut(slot as usize).filter(|subscriber| subscriber.topics > 0)
        else {
            return;
        };
        subscriber.topics = 0;
        self.subscribed -= 1;
        self.table.retain(|topic, peers| {
            if let Ok(at) = peers.binary_search(&slot) {
                peers.remove(at);
                lost(topic, if peers.is_empty() { Change::Topic } else { Change::Peer });
            }
            !peers.is_empty()
        });
    }

    /// The slots of those that joined this very `group`.
    pub(crate) fn members(&self, group: &[u8]) -> &[u32] {
        self.table.get(group).map_or(&[], |slots| slots)
    }

    /// The slots whose subscriptions match `topic`, each once.
    #[inline]
    pub(crate) fn matching(&mut self, topic: &[u8]) -> &[u32] {
        self.fan_outs += 1;
        self.matched.clear();
        let (subscribers, matched, mark) = (&mut self.subscribers, &mut self.matched, self.fan_outs);
        let _ = self.table.walk(topic, |peers| {
            for &slot in peers {
                if std::mem::replace(&mut subscribers[slot as usize].mark, mark) != mark {
                    matched.push(slot);
                }
            }
            ControlFlow::Continue(())
        });
        &self.matched
    }
}

/// What an XPUB's application receives.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// With the peer that a notice is of; messages of subscribers have none.
    queue: VecDeque<(Message, Option<PeerKey>, Option<Arc<PeerProperties>>)>,
    /// Those of `queue` that are messages of subscribers.
    messages: usize,
    /// The peer of the notice that was received last.
    pub(crate) last: Option<PeerKey>,
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn notice(&mut self, of: PeerKey, properties: Option<Arc<PeerProperties>>, wish: Wish, topic: &[u8]) {
        self.queue.push_back((wish.to_message(topic), Some(of), properties));
    }

    /// Returns whether there was room.
    pub(crate) fn deliver(&mut self, message: Message, properties: Option<Arc<PeerProperties>>) -> bool {
        let room = self.messages < UPSTREAM_MESSAGES_MAX;
        if room {
            self.messages += 1;
            self.queue.push_back((message, None, properties));
        }
        room
    }

    pub(crate) fn next(&mut self) -> Option<(Message, Option<Arc<PeerProperties>>)> {
        let (message, of, properties) = self.queue.pop_front()?;
        self.messages -= usize::from(of.is_none());
        self.last = of.or(self.last);
        Some((message, properties))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn overlapping_prefixes_reach_a_peer_once() {
        let mut topics = Topics::default();
        for topic in ["", "a", "ab"] {
            topics.apply(3, Wish::Subscribe, topic.as_bytes());
        }
        topics.apply(1, Wish::Subscribe, b"ab");
        assert_eq!(topics.matching(b"abc"), [3, 1]);
        assert_eq!(topics.matching(b"b"), [3]);
        assert_eq!(topics.subscribed(), 2);
    }

    #[test]
    fn members_are_of_one_group_and_no_prefix() {
        let mut topics = Topics::default();
        topics.apply(3, Wish::Subscribe, b"a");
        topics.apply(1, Wish::Subscribe, b"a");
        topics.apply(2, Wish::Subscribe, b"ab");
        assert_eq!(
            (topics.members(b"a"), topics.members(b"ab"), topics.members(b"")),
            (&[1, 3][..], &[2][..], &[][..])
        );
    }

    #[test]
    fn only_the_first_and_the_last_change_a_topic() {
        let mut topics = Topics::default();
        assert_eq!(topics.apply(0, Wish::Subscribe, b"t"), Change::Topic);
        assert_eq!(topics.apply(0, Wish::Subscribe, b"t"), Change::None);
        assert_eq!(topics.apply(1, Wish::Subscribe, b"t"), Change::Peer);
        assert_eq!(topics.apply(0, Wish::Cancel, b"t"), Change::Peer);
        assert_eq!(topics.apply(0, Wish::Cancel, b"t"), Change::None);
        assert_eq!(topics.apply(1, Wish::Cancel, b"t"), Change::Topic);
        assert_eq!(topics.subscribed(), 0);
    }

    #[test]
    fn an_inbox_bounds_messages_but_not_notices() {
        let mut inbox = Inbox::default();
        for _ in 0..UPSTREAM_MESSAGES_MAX {
            assert!(inbox.deliver(Message::new(), None));
        }
        assert!(!inbox.deliver(Message::new(), None));
        inbox.notice(PeerKey::absent(0), None, Wish::Subscribe, b"t");
        inbox.next();
        assert!(inbox.deliver(Message::new(), None));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Wish(u32, bool, Vec<u8>),
        Drop(u32),
        Match(Vec<u8>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let word = || prop::collection::vec(prop::sample::select(vec![b'a', b'b', 0]), 0..4);
        let step = prop_oneof![
            6 => (0..6u32, any::<bool>(), word()).prop_map(|(slot, on, topic)| Step::Wish(slot, on, topic)),
            1 => (0..6u32).prop_map(Step::Drop),
            3 => word().prop_map(Step::Match),
        ];
        prop::collection::vec(step, 0..120)
    }

    proptest! {
        #[test]
        fn fan_out_agrees_with_a_set_of_pairs(steps in steps()) {
            let (mut topics, mut naive) = (Topics::default(), HashMap::<Vec<u8>, HashSet<u32>>::new());
            for step in steps {
                match step {
                    Step::Wish(slot, on, topic) => {
                        let peers = naive.entry(topic.clone()).or_default();
                        let changed = if on { peers.insert(slot) } else { peers.remove(&slot) };
                        let alone = peers.len() == usize::from(on);
                        let expected = match (changed, alone) {
                            (false, _) => Change::None,
                            (true, false) => Change::Peer,
                            (true, true) => Change::Topic,
                        };
                        let wish = if on { Wish::Subscribe } else { Wish::Cancel };
                        prop_assert_eq!(topics.apply(slot, wish, &topic), expected);
                    }
                    Step::Drop(slot) => {
                        let (mut lost, mut expected) = (BTreeSet::new(), BTreeSet::new());
                        topics.drop_peer(slot, |topic, change| assert!(lost.insert((topic.to_vec(), change))));
                        for (topic, peers) in &mut naive {
                            if peers.remove(&slot) {
                                let change = if peers.is_empty() { Change::Topic } else { Change::Peer };
                                expected.insert((topic.clone(), change));
                            }
                        }
                        prop_assert_eq!(lost, expected);
                    }
                    Step::Match(topic) => {
                        let matched = topics.matching(&topic).to_vec();
                        let unique: BTreeSet<_> = matched.iter().copied().collect();
                        let hit = naive.iter().filter(|(prefix, _)| topic.starts_with(prefix));
                        let expected: BTreeSet<_> = hit.flat_map(|(_, peers)| peers.iter().copied()).collect();
                        prop_assert_eq!(matched.len(), unique.len());
                        prop_assert_eq!(unique, expected);
                    }
                }
                let peers: HashSet<_> = naive.values().flatten().collect();
                prop_assert_eq!(topics.subscribed(), peers.len());
            }
        }
    }
}
