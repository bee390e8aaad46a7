//! `monocoque curve`, and sockets that are given keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{run, start};

#[test]
fn a_pair_is_drawn_and_its_public_key_follows_from_its_secret() {
    let drawn = run("curve keygen", "").fine();
    let key = |line: &str, name| line.strip_prefix(name).expect("named").trim().to_owned();
    let (public, secret) = (key(&drawn[0], "public-key"), key(&drawn[1], "secret-key"));
    assert_eq!((public.len(), secret.len()), (40, 40));
    assert_eq!(run("curve pub", &secret).fine(), [public]);
    assert_eq!(run("curve pub", "nonsense").code, Some(1));
}

#[test]
fn certificates_are_written_safely_and_checked() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("ann");
    let (public, secret) = (file.display().to_string(), format!("{}_secret", file.display()));
    let key = run(&format!("curve keygen {public} --property name=ann"), "").fine();
    assert_eq!(run(&format!("curve pub {secret}"), "").fine(), key);
    let checked = run(&format!("curve check {public} {secret}"), "").fine();
    assert!(checked[0].contains("sound, public") && checked[1].contains("sound, secret"), "{checked:?}");
    assert_eq!(run(&format!("curve keygen {public}"), "").code, Some(5), "nothing is written over");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("ours");
    let ended = run(&format!("curve check {public} {secret}"), "");
    assert_eq!(ended.code, Some(5));
    assert!(ended.out[1].contains("others may read"), "{ended:?}");
}

#[test]
fn only_who_has_a_certificate_gets_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let clients = dir.path().join("clients");
    fs::create_dir(&clients).expect("ours");
    let keygen = |name: &str| {
        let file = dir.path().join(name).display().to_string();
        (run(&format!("curve keygen {file}"), "").fine().remove(0), file)
    };
    let ((server_key, server), (_, ann), (_, eve)) = (keygen("server"), keygen("ann"), keygen("eve"));
    fs::copy(&ann, clients.join("ann")).expect("copied");
    let mut pull = start(&format!(
        "pull @tcp://127.0.0.1:* --count 1 --curve-secret {server}_secret --curve-clients {}",
        clients.display()
    ));
    let at = pull.told("bound ");
    let push = |name: &str, words: &str| {
        let keys = format!("--curve-secret {name}_secret --curve-server-key {server_key}");
        run(&format!("push {at} {words} {keys}"), "")
    };
    // Turned away before its message was queued, it has nobody to connect to; after that, the message is undelivered.
    let spam = push(&eve, "-m spam --no-wait --linger 10000");
    assert!(matches!(spam.code, Some(2 | 4)), "it is not let in: {spam:?}");
    assert_eq!(push(&eve, "-m spam").code, Some(2), "nor is it waited for");
    push(&ann, "-m hello --timeout 20000").fine();
    assert_eq!(pull.end().fine(), ["hello"]);
}
