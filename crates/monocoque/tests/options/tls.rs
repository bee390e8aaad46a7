//! Who is trusted over `wss://`: seen by who gets in.

use std::process::Command;

use monocoque::{
    BindError, Context, DisconnectReason, OptionError, Pull, Socket, SocketBuilder, SocketOption, TlsFault,
};

use crate::Check;
use crate::common::tls::{Identity, LOOPBACK, WSS};
use crate::common::{event, handshake_failed, in_shared, soon, watched};

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::WSS_CERT_PEM, a_server_needs_both),
    (SocketOption::WSS_KEY_PEM, a_server_needs_both),
    (SocketOption::WSS_TRUST_PEM, trust),
    (SocketOption::WSS_HOSTNAME, names),
    (SocketOption::WSS_TRUST_SYSTEM, the_systems_trust),
];

async fn server(ctx: &Context, identity: &Identity) -> (Socket<Pull>, String) {
    let pull = soon(ctx.pull().tls_identity(&identity.certificate, &identity.key).bind(WSS)).await.expect("bound");
    let endpoint = pull.last_endpoint().expect("bound").to_string();
    (pull, endpoint)
}

async fn is_let_in(client: SocketBuilder<monocoque::Push>, pull: &Socket<Pull>, endpoint: &str) {
    let push = client.connect(endpoint).expect("sound");
    soon(push.send("sealed")).await.expect("sent");
    assert_eq!(soon(pull.recv()).await.expect("there"), "sealed".into());
}

async fn trusts_nobody_there(client: SocketBuilder<monocoque::Push>, endpoint: &str) {
    let push = client.build().expect("valid");
    let monitor = push.monitor();
    push.connect(endpoint).expect("sound");
    let reason = soon(event(&monitor, handshake_failed)).await;
    assert!(matches!(&reason, DisconnectReason::Tls(TlsFault::Certificate(_))), "{reason}");
}

fn a_server_needs_both() {
    in_shared(async |ctx: Context| {
        let other = Identity::of("127.0.0.1");
        let set = |certificate: &str, key: &str| {
            ctx.pull()
                .option(SocketOption::WSS_CERT_PEM, certificate.to_owned())
                .option(SocketOption::WSS_KEY_PEM, key.to_owned())
        };
        for (certificate, key) in
            [("", &*LOOPBACK.key), (&LOOPBACK.certificate, ""), (&LOOPBACK.certificate, &other.key)]
        {
            let bound = soon(set(certificate, key).bind(WSS)).await.map(drop);
            assert!(matches!(bound, Err(BindError::Option(OptionError::Tls { .. }))), "{bound:?}");
        }
        let pull = soon(set(&LOOPBACK.certificate, &LOOPBACK.key).bind(WSS)).await.expect("they go together");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        is_let_in(ctx.push().tls_trust(&LOOPBACK.certificate), &pull, &endpoint).await;
    });
}

fn trust() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = server(&ctx, &LOOPBACK).await;
        trusts_nobody_there(ctx.push(), &endpoint).await;
        trusts_nobody_there(ctx.push().tls_trust(&Identity::of("127.0.0.1").certificate), &endpoint).await;
        let both = [&*Identity::of("127.0.0.1").certificate, &LOOPBACK.certificate].concat();
        is_let_in(ctx.push().tls_trust(both), &pull, &endpoint).await;
    });
}

fn names() {
    in_shared(async |ctx: Context| {
        let named = Identity::of("example.org");
        let (pull, endpoint) = server(&ctx, &named).await;
        trusts_nobody_there(ctx.push().tls_trust(&named.certificate), &endpoint).await;
        is_let_in(ctx.push().tls_trust(&named.certificate).tls_server_name("example.org"), &pull, &endpoint).await;
    });
}

/// Where a process of this test finds what its system trusts, and the key to it.
const KEY: &str = "MONOCOQUE_TEST_KEY";
const TRUSTED: &str = "SSL_CERT_FILE";

/// The certificates of the system are named by the environment of a process: another one is needed.
fn the_systems_trust() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trusted, key) = (folder.path().join("trusted"), folder.path().join("key"));
    std::fs::write(&trusted, &LOOPBACK.certificate).expect("writable");
    std::fs::write(&key, &LOOPBACK.key).expect("writable");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "tls::in_a_system_with_trust_of_its_own", "--nocapture"])
        .env(TRUSTED, trusted)
        .env(KEY, key)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("let in by the system's trust"), "{said}");
}

#[test]
fn in_a_system_with_trust_of_its_own() {
    let (Ok(certificate), Ok(key)) = (std::env::var(TRUSTED), std::env::var(KEY)) else { return };
    let read = |path: String| std::fs::read_to_string(path).expect("readable");
    let identity = Identity { certificate: read(certificate), key: read(key) };
    in_shared(async move |ctx: Context| {
        let (pull, endpoint) = server(&ctx, &identity).await;
        trusts_nobody_there(ctx.push(), &endpoint).await;
        is_let_in(ctx.push().tls_trust_system(true), &pull, &endpoint).await;
        println!("let in by the system's trust");
    });
}

#[test]
fn text_that_is_no_pem_changes_nothing() {
    watched(|| {
        let pull = Context::new().pull().tls_identity(&LOOPBACK.certificate, &LOOPBACK.key).build().expect("valid");
        for option in [SocketOption::WSS_CERT_PEM, SocketOption::WSS_KEY_PEM, SocketOption::WSS_TRUST_PEM] {
            let before = pull.option(option).expect("readable");
            let refused = pull.set_option(option, "no PEM").expect_err("no PEM");
            assert!(matches!(&refused, OptionError::OutOfRange { rule, .. } if rule.contains("PEM")), "{refused}");
            assert_eq!(pull.option(option), Ok(before));
        }
        let refused = pull.set_option(SocketOption::WSS_HOSTNAME, "no name");
        assert!(matches!(refused, Err(OptionError::OutOfRange { .. })));
        assert!(!format!("{pull:?}").contains(&LOOPBACK.key));
    });
}
