//! Chains of XSUB and XPUB proxies: subscriptions travel up, news comes down, each once, however many hops there are.

use std::pin::Pin;

use monocoque::{Context, Proxy, ProxyError, Socket, Steering, Sub, XPub};

use crate::common::{TCP, all, both, everywhere, inproc, soon};

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), ProxyError>> + 'a>>;

/// Proxies in a row: the front of each is connected to the back of the one above.
struct Chain {
    proxies: Vec<Proxy>,
    /// Where subscribers connect.
    end: String,
}

impl Chain {
    /// `hops` proxies under the publisher at `top`, joined over `transport` or in the process.
    async fn new(ctx: &Context, top: &str, hops: usize, transport: &dyn Fn() -> String) -> Self {
        let (mut proxies, mut end) = (Vec::new(), top.to_owned());
        for _ in 0..hops {
            let front = ctx.xsub().connect(&end).expect("valid");
            let back = soon(ctx.xpub().bind(transport())).await.expect("free");
            end = back.last_endpoint().expect("bound").to_string();
            proxies.push(Proxy::new(&front, &back));
        }
        Self { proxies, end }
    }

    fn steering(&self) -> Vec<Steering> {
        self.proxies.iter().map(Proxy::steering).collect()
    }

    /// Runs all proxies beside `test`, which ends them.
    async fn run(&mut self, test: impl Future<Output = ()>) {
        let steering = self.steering();
        let running = self.proxies.iter_mut().map(|proxy| Box::pin(proxy.run()) as Running<'_>);
        let talk = async {
            test.await;
            steering.iter().for_each(Steering::terminate);
        };
        let (ends, ()) = both(all(running), talk).await;
        assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    }
}

async fn told(publisher: &Socket<XPub>, wish: &str) {
    assert_eq!(soon(publisher.recv()).await, Ok(wish.into()));
}

async fn heard(sub: &Socket<Sub>, news: &str) {
    assert_eq!(soon(sub.recv()).await, Ok(news.into()));
}

/// Runs `test` with a publisher and what is bound at the end of two and of three hops.
fn through_chains(test: impl AsyncFn(&Socket<XPub>, &dyn Fn() -> Socket<Sub>) + Send + Copy + 'static) {
    everywhere(async move |ctx: Context| {
        for hops in [2, 3] {
            for transport in [&(|| TCP.to_owned()) as &dyn Fn() -> String, &inproc] {
                let publisher = soon(ctx.xpub().bind(transport())).await.expect("free");
                let top = publisher.last_endpoint().expect("bound").to_string();
                let mut chain = Chain::new(&ctx, &top, hops, transport).await;
                let end = chain.end.clone();
                let subscriber = || ctx.subscriber().connect(&end).expect("valid");
                chain.run(test(&publisher, &subscriber)).await;
            }
        }
    });
}

#[test]
fn the_first_subscription_and_the_last_unsubscription_reach_the_top() {
    through_chains(async |publisher, subscriber| {
        let (one, two) = (subscriber(), subscriber());
        one.subscribe("a");
        told(publisher, "\u{1}a").await;
        two.subscribe("a");
        two.subscribe("two");
        told(publisher, "\u{1}two").await;
        assert!(one.unsubscribe("a"));
        one.subscribe("one");
        told(publisher, "\u{1}one").await;
        // The second subscription to the topic went no farther than the last hop, and keeps it.
        soon(publisher.send("a1")).await.expect("sent");
        heard(&two, "a1").await;
        assert!(two.unsubscribe("a"));
        told(publisher, "\u{0}a").await;
        soon(two.close()).await;
        told(publisher, "\u{0}two").await;
        soon(publisher.send("one is left")).await.expect("sent");
        heard(&one, "one is left").await;
        assert_eq!(one.drops().total(), 0);
    });
}

#[test]
fn nothing_is_delivered_twice() {
    through_chains(async |publisher, subscriber| {
        let subs = [subscriber(), subscriber(), subscriber()];
        // Prefixes of each other, at one subscriber and at many. Who wants everything is sent its mark first.
        let wishes: [&[&str]; 3] = [&["", "a", "ab"], &["a", "abc"], &["ab", "b"]];
        for (n, (sub, wishes)) in subs.iter().zip(wishes).enumerate() {
            wishes.iter().for_each(|wish| sub.subscribe(wish));
            sub.subscribe(format!("~{n}"));
            // What was asked for before is known at the top when this is.
            while soon(publisher.recv()).await != Ok(format!("\u{1}~{n}").into()) {}
        }
        let topics = ["a", "ab", "abc", "b", "c", ""];
        for topic in topics {
            soon(publisher.send([topic, "news"])).await.expect("sent");
        }
        for n in 0..subs.len() {
            soon(publisher.send(format!("~{n}"))).await.expect("sent");
        }
        for (n, (sub, wishes)) in subs.iter().zip(wishes).enumerate() {
            let wanted = topics.iter().filter(|topic| wishes.iter().any(|wish| topic.starts_with(wish)));
            for &topic in wanted {
                assert_eq!(soon(sub.recv()).await, Ok([topic, "news"].into()));
            }
            heard(sub, &format!("~{n}")).await;
            assert_eq!(sub.drops().total(), 0);
        }
    });
}

#[test]
fn whoever_comes_late_misses_only_what_came_before() {
    through_chains(async |publisher, subscriber| {
        let early = subscriber();
        early.subscribe("n");
        told(publisher, "\u{1}n").await;
        for n in 0..20 {
            let late = subscriber();
            let mark = format!("late {n}");
            late.subscribe("n");
            late.subscribe(&mark);
            told(publisher, &format!("\u{1}{mark}")).await;
            soon(publisher.send(format!("n{n}"))).await.expect("sent");
            heard(&early, &format!("n{n}")).await;
            heard(&late, &format!("n{n}")).await;
            soon(late.close()).await;
            told(publisher, &format!("\u{0}{mark}")).await;
        }
    });
}
