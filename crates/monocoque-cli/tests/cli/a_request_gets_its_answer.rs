//! REQ and REP in lockstep: echoed, with a fixed text, and from lines of the input.

use crate::harness::{ipc, run, start};

#[test]
fn an_echo_answers_with_the_request() {
    let mut rep = start("rep @tcp://127.0.0.1:* --echo --count 2");
    let endpoint = rep.told("bound ");
    assert_eq!(run(&format!("req {endpoint}"), "one\ntwo\tframes\n").fine(), ["one", "two\tframes"]);
    assert_eq!(rep.end().fine(), ["one", "two\tframes"]);
}

#[test]
fn a_fixed_reply_answers_everything() {
    let (_directory, endpoint) = ipc();
    let rep = start(&format!("rep @{endpoint} --reply OK --count 3"));
    assert_eq!(run(&format!("req {endpoint} -m ping --count 3"), "").fine(), ["OK", "OK", "OK"]);
    assert_eq!(rep.end().fine(), ["ping", "ping", "ping"]);
}

#[test]
fn lines_of_the_input_answer_one_request_each() {
    let (_directory, endpoint) = ipc();
    let rep = start(&format!("rep @{endpoint} --count 2")).feed("first\nsecond\n");
    assert_eq!(run(&format!("req {endpoint}"), "a\nb\n").fine(), ["first", "second"]);
    assert_eq!(rep.end().fine(), ["a", "b"]);
}

#[test]
fn a_dealer_is_answered_too() {
    let (_directory, endpoint) = ipc();
    let rep = start(&format!("rep @{endpoint} --echo --count 1"));
    assert_eq!(run(&format!("dealer {endpoint} --count 1"), "\thello\n").fine(), ["\thello"]);
    rep.end().fine();
}
