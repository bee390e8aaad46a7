//! `proxy`: a broker between publishers and subscribers, requesters and workers, that may be steered from outside.

use crate::harness::{Program, run, start};

fn proxy(front: &str, back: &str, more: &str) -> (Program, String, String) {
    let sides = format!("-f {front}@tcp://127.0.0.1:* -b {back}@tcp://127.0.0.1:*");
    let mut proxy = start(&format!("proxy {sides} {more}"));
    let front = proxy.told("bound ");
    let back = proxy.told("bound ");
    (proxy, front, back)
}

#[test]
fn publishers_reach_subscribers() {
    let (proxy, front, back) = proxy("xsub", "xpub", "");
    let subscriber = start(&format!("sub {back} -t a --count 2"));
    run(&format!("pub {front} -m a1 -m b -m a2"), "").fine();
    assert_eq!(subscriber.end().fine(), ["a1", "a2"]);
    proxy.interrupt();
    proxy.end().fine();
}

#[test]
fn requests_reach_workers_and_a_capture_sees_both_ways() {
    let (mut proxy, front, back) = proxy("router", "dealer", "--capture push@tcp://127.0.0.1:*");
    let capture = proxy.told("bound ");
    let mut capture = start(&format!("pull {capture} --count 2 --format jsonl -v"));
    capture.told("ready: ");
    let worker = start(&format!("rep {back} --reply done --count 1"));
    assert_eq!(run(&format!("req {front}"), "work\n").fine(), ["done"]);
    assert_eq!(worker.end().fine(), ["work"]);
    let seen = capture.end().fine();
    // Made-up routing ids are seldom text, and then the whole message is told in hex.
    let says = |line: &str, text: &str| {
        line.contains(text) || line.contains(&text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    assert!(says(&seen[0], "work") && says(&seen[1], "done"), "{seen:?}");
    proxy.interrupt();
    proxy.end().fine();
}

#[test]
fn words_over_the_control_steer_it() {
    let (mut proxy, front, back) = proxy("pull", "push", "--control tcp://127.0.0.1:* -v");
    let control = proxy.told("bound ");
    let tell = |word: &str| run(&format!("req {control} --format hex"), &format!("{word}\n")).fine();
    let hex = |word: &str| word.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(tell(&hex("PAUSE")), [""]);
    let puller = start(&format!("pull {back} --count 2"));
    run(&format!("push {front} -m one -m three"), "").fine();
    assert_eq!(tell(&hex("STATISTICS")), [["0000000000000000"; 8].join("\t")]);
    assert_eq!(tell(&hex("RESUME")), [""]);
    assert_eq!(puller.end().fine(), ["one", "three"]);
    assert_eq!(tell(&hex("TERMINATE")), [""]);
    let counted = proxy.told("frontend ");
    let expected = "2 messages (8 bytes) in, 0 messages (0 bytes) out; \
                    backend 0 messages (0 bytes) in, 2 messages (8 bytes) out";
    assert_eq!(counted, expected);
    proxy.end().fine();
}
