//! Publishing: topics, first messages, and what an XPUB sees.

use crate::harness::{run, start};

#[test]
fn topics_are_prefixes_and_the_first_message_is_not_lost() {
    let mut publisher = start("pub @tcp://127.0.0.1:*");
    let endpoint = publisher.told("bound ");
    let subscriber = start(&format!("sub {endpoint} -t weather -t sport --count 3"));
    let publisher = publisher.feed("weather\tsunny\nnews\tnone\nsports\t2:1\nweather\train\n");
    assert_eq!(subscriber.end().fine(), ["weather\tsunny", "sports\t2:1", "weather\train"]);
    publisher.end().fine();
}

#[test]
fn without_topics_everything_comes() {
    let mut subscriber = start("sub @tcp://127.0.0.1:* --count 2");
    let endpoint = subscriber.told("bound ");
    run(&format!("pub {endpoint} -m one -m two"), "").fine();
    assert_eq!(subscriber.end().fine(), ["one", "two"]);
}

#[test]
fn an_xpub_prints_subscriptions_and_an_xsub_reads() {
    let mut publisher = start("xpub @tcp://127.0.0.1:* --format hex");
    let endpoint = publisher.told("bound ");
    let subscriber = start(&format!("xsub {endpoint} -t a --count 1"));
    assert_eq!(publisher.line(), "0161");
    let publisher = publisher.feed("6162\n");
    assert_eq!(subscriber.end().fine(), ["ab"]);
    publisher.end().fine();
}
