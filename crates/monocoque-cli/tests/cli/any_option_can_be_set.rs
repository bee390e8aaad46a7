//! Options by their names: listed, set, and refused in words.

use crate::harness::run;

#[track_caller]
fn fails(line: &str, code: i32, part: &str) {
    let ended = run(line, "");
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert!(ended.err.join("\n").contains(part), "{ended:?}");
}

#[test]
fn the_table_is_listed_and_searched() {
    let all = run("options", "").fine();
    assert!(all.len() > 80 && all[0].starts_with("option"), "{}", all.len());
    let some = run("options router-mand", "").fine();
    assert_eq!(some.len(), 3);
    assert!(some[2].starts_with("ROUTER_MANDATORY") && some[2].contains("ROUTER"), "{}", some[2]);
    fails("options nothing-like-it", 1, "no option has");
}

#[test]
fn an_option_acts_on_the_socket() {
    fails("push tcp://127.0.0.1:1 -m x --no-wait -o LINGER=0", 4, "1 were still queued");
}

#[test]
fn what_does_not_apply_is_refused() {
    fails("push tcp://127.0.0.1:1 -o router_mandatory=on", 1, "ROUTER_MANDATORY does not apply to PUSH");
    fails("push tcp://127.0.0.1:1 -o norm_push=1", 1, "NORM_PUSH is for the norm transport");
}

#[test]
fn stats_are_told_at_the_end() {
    let mut pull = crate::harness::start("pull @tcp://127.0.0.1:* --count 3 --stats");
    let at = pull.told("bound ");
    run(&format!("push {at} --stats"), "a\nb\nc\n").fine();
    let ended = pull.end();
    let told = ended.err.join("\n");
    assert!(told.contains("received 3 messages, 9 bytes"), "{told}");
    assert!(told.contains("handshakes 1, failed 0"), "{told}");
}
