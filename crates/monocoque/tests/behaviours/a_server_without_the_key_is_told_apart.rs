//! What a CURVE client hears when it is not let in: that the server may not have the key, that it speaks something else,
//! that somebody closed, or that nobody is there.

use std::io::ErrorKind;
use std::net::TcpListener;

use monocoque::{
    Context, DisconnectReason, Event, PeerIncompatible, PublicKey, Push, SessionError, Socket, new_secret_key,
};

use crate::common::raw::{RawListener, greeting};
use crate::common::{QUICK, TCP, event, everywhere, handshake_failed, in_shared, soon, succeeded};

fn key() -> PublicKey {
    new_secret_key().expect("random bytes").public()
}

/// A client of the server with this key.
fn client(ctx: &Context, server: PublicKey) -> Socket<Push> {
    let secret = new_secret_key().expect("random bytes");
    ctx.push().curve_client(server, secret).reconnect(QUICK).build().expect("valid")
}

#[test]
fn from_one_that_refuses_and_it_may_get_the_key_later() {
    everywhere(async |ctx: Context| {
        for transport in [TCP, "ipc://*"] {
            let (old, new) = (new_secret_key().expect("random bytes"), new_secret_key().expect("random bytes"));
            let keys = monocoque::CurveKeys::new([old]);
            let server = ctx.pull().curve_server(keys.clone()).build().expect("valid");
            let endpoint = soon(server.bind(transport)).await.expect("free").to_string();
            let client = client(&ctx, new.public());
            let monitor = client.monitor();
            client.connect(&endpoint).expect("valid");
            for _ in 0..3 {
                let reason = event(&monitor, handshake_failed).await;
                assert_eq!(reason, DisconnectReason::Protocol(SessionError::HelloUnanswered));
            }
            assert!(client.stats().handshakes.refused >= 3);
            keys.replace([new]);
            event(&monitor, succeeded).await;
        }
    });
}

#[test]
fn from_one_that_is_not_there() {
    in_shared(async |ctx: Context| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("tcp://{}", listener.local_addr().expect("bound"));
        drop(listener);
        let client = client(&ctx, key());
        let monitor = client.monitor();
        client.connect(&endpoint).expect("valid");
        let kind = event(&monitor, |event| match event {
            Event::ConnectRetried { kind, .. } => Some(kind),
            Event::HandshakeFailed { reason, .. } => panic!("{reason}"),
            _ => None,
        });
        assert_eq!(kind.await, Some(ErrorKind::ConnectionRefused));
    });
}

#[test]
fn from_one_that_closes_before_it_said_who_it_is_and_one_of_another_mechanism() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let client = client(&ctx, key());
        let monitor = client.monitor();
        client.connect(&listener.endpoint).expect("valid");
        drop(listener.accept());
        let reason = event(&monitor, handshake_failed).await;
        assert!(matches!(reason, DisconnectReason::PeerClosed { .. } | DisconnectReason::Network(_)), "{reason}");
        let mut other = listener.accept();
        other.write(&greeting(1, "NULL"));
        let reason = event(&monitor, handshake_failed).await;
        let theirs = PeerIncompatible::Mechanism { ours: "CURVE", theirs: "NULL".to_owned() };
        assert_eq!(reason, DisconnectReason::Protocol(theirs.into()));
    });
}
