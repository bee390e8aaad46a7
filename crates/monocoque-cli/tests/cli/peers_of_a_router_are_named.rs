//! ROUTER: routing ids in the first frame, chosen or made up.

use crate::harness::{run, start};

#[test]
fn a_chosen_name_is_the_first_frame() {
    let mut router = start("router @tcp://127.0.0.1:* --count 1 --echo");
    let endpoint = router.told("bound ");
    assert_eq!(run(&format!("dealer {endpoint} --identity me --count 1 -m hello"), "").fine(), ["hello"]);
    assert_eq!(router.end().fine(), ["me\thello"]);
}

#[test]
fn a_made_up_name_is_printed_and_taken_back() {
    let mut router = start("router @tcp://127.0.0.1:*");
    let endpoint = router.told("bound ");
    let dealer = start(&format!("dealer {endpoint} --count 1 -m hello"));
    let line = router.line();
    let id = line.strip_suffix("\thello").unwrap_or_else(|| panic!("{line}"));
    assert!(id.starts_with("0x00") && id.len() == 12, "{id}");
    router.say(&format!("{id}\tand to you\n"));
    assert_eq!(dealer.end().fine(), ["and to you"]);
    router.interrupt();
    router.end().fine();
}

#[test]
fn an_unknown_name_is_an_undelivered_message() {
    let mut router = start("router @tcp://127.0.0.1:* --count 0");
    let endpoint = router.told("bound ");
    let _dealer = start(&format!("dealer {endpoint}"));
    let ended = router.feed("nobody\thello\n").end();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.err.concat().contains("routing ids that nobody has"), "{ended:?}");
}

#[test]
fn verbose_tells_who_came_and_went() {
    let mut router = start("router @tcp://127.0.0.1:* --verbose");
    let endpoint = router.told("* listening at ");
    run(&format!("dealer {endpoint} --identity worker-1 --count 0"), "hello\n").fine();
    let address = router.told("* ready: DEALER 'worker-1' ");
    assert!(address.starts_with("tcp://127.0.0.1:"), "{address}");
    assert_eq!(router.told(&format!("* gone: DEALER 'worker-1' {address}: ")), "closed by the peer");
    router.interrupt();
    router.end().fine();
}
