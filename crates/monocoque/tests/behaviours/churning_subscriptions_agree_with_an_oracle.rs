//! Subscribers that subscribe and unsubscribe at random, to prefixes of each other, get exactly what a plain list of
//! their wishes says, and the publisher is told exactly of the topics that are wanted.

use std::collections::{BTreeMap, BTreeSet};

use monocoque::{Context, Socket, Sub, XPub};

use crate::common::{TCP, everywhere, soon};

const TOPICS: [&str; 8] = ["", "a", "ab", "abc", "b", "ba", "\0", "\0\u{7f}"];
const NEWS: [&str; 10] = ["", "a", "ab", "abcd", "ac", "b", "bab", "c", "\0", "\0\u{7f}x"];
const ROUNDS: u64 = 30;
const WISHES_MAX: usize = 12;

/// A subscriber, and what it is subscribed to by the oracle: how often to each topic.
struct Client {
    sub: Socket<Sub>,
    held: BTreeMap<&'static str, usize>,
    name: usize,
}

impl Client {
    /// Subscribes and unsubscribes at random.
    fn churn(&mut self, random: &mut fastrand::Rng) {
        for _ in 0..random.usize(1..=WISHES_MAX) {
            let topic = *random.choice(TOPICS.iter()).expect("there are topics");
            let count = self.held.entry(topic).or_default();
            if random.bool() {
                self.sub.subscribe(topic);
                *count += 1;
            } else {
                assert_eq!(self.sub.unsubscribe(topic), *count > 0, "{topic:?}");
                *count = count.saturating_sub(1);
            }
            self.held.retain(|_, count| *count > 0);
        }
    }

    fn wants(&self, news: &str) -> bool {
        self.held.keys().any(|topic| news.starts_with(topic))
    }

    /// A topic that nobody else subscribes to, and no news begins with.
    fn mark(&self, round: u64) -> String {
        format!("~{}:{round};", self.name)
    }

    /// Receives one round's news to the end, and compares.
    async fn compare(&self, news: &[&'static str], round: u64, marks: &[String]) {
        let end = self.mark(round);
        let expected = news.iter().copied().filter(|news| self.wants(news)).map(str::to_owned);
        let mine = |mark: &&String| **mark == end || self.wants(mark);
        let expected: Vec<_> = expected.chain(marks.iter().filter(mine).cloned()).collect();
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let message = soon(self.sub.recv()).await.expect("received");
            got.push(String::from_utf8(message[0].to_vec()).expect("text"));
        }
        assert_eq!(got, expected, "client {} in round {round}", self.name);
    }
}

/// Takes what the publisher is told until all `marks` are in: whatever was wished before them has come then.
async fn until_told(publisher: &Socket<XPub>, told: &mut BTreeSet<Vec<u8>>, marks: &[String]) {
    while !marks.iter().all(|mark| told.contains(mark.as_bytes())) {
        let notice = soon(publisher.recv()).await.expect("told");
        match notice[0].split_first() {
            Some((1, topic)) => assert!(told.insert(topic.to_vec()), "told twice of {topic:?}"),
            Some((0, topic)) => assert!(told.remove(topic), "never told of {topic:?}"),
            _ => panic!("no notice: {notice:?}"),
        }
    }
}

#[test]
fn over_tcp() {
    everywhere(async |ctx: Context| {
        for seed in 0..6 {
            churn(&ctx, seed).await;
        }
    });
}

async fn churn(ctx: &Context, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let publisher = soon(ctx.xpub().bind(TCP)).await.expect("free");
    let endpoint = publisher.last_endpoint().expect("bound").to_string();
    let connect = |name| {
        let sub = ctx.subscriber().connect(&endpoint).expect("valid");
        Client { sub, held: BTreeMap::new(), name }
    };
    let mut clients: Vec<_> = (0..4).map(connect).collect();
    soon(publisher.wait_for_peers(clients.len())).await;
    let mut told = BTreeSet::new();
    for round in 0..ROUNDS {
        let marks: Vec<_> = clients.iter().map(|client| client.mark(round)).collect();
        for (client, mark) in clients.iter_mut().zip(&marks) {
            client.churn(&mut random);
            client.sub.subscribe(mark);
        }
        until_told(&publisher, &mut told, &marks).await;
        let wanted = clients.iter().flat_map(|client| client.held.keys()).map(|topic| topic.as_bytes().to_vec());
        let wanted: BTreeSet<_> = wanted.chain(marks.iter().map(|mark| mark.clone().into_bytes())).collect();
        assert_eq!(told, wanted, "seed {seed}, round {round}");
        let news: Vec<_> = (0..40).map(|_| *random.choice(NEWS.iter()).expect("there is news")).collect();
        for &news in &news {
            soon(publisher.send([news, "body"])).await.expect("sent");
        }
        for mark in &marks {
            soon(publisher.send(mark.as_str())).await.expect("sent");
        }
        for client in &clients {
            client.compare(&news, round, &marks).await;
        }
        for (client, mark) in clients.iter().zip(&marks) {
            assert!(client.sub.unsubscribe(mark));
            assert_eq!(client.sub.drops().total(), 0, "the publisher sent nothing that was not asked for");
        }
    }
    assert_eq!(publisher.drops().total(), 0);
}
