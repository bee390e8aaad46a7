//! `reconnect_stop`: a refused connection or a failed handshake ends the endpoint, and says so.

use monocoque::{Context, Event, ReconnectStop};

use crate::common::raw::RawListener;
use crate::common::{event, everywhere, in_shared, soon};

fn given_up(event: Event) -> Option<()> {
    matches!(event, Event::ConnectGivenUp { .. }).then_some(())
}

#[test]
fn when_nobody_listens() {
    everywhere(async |ctx: Context| {
        let stop = ReconnectStop { refused: true, ..ReconnectStop::default() };
        let push = ctx.push().reconnect_stop(stop).build().expect("valid");
        let monitor = push.monitor();
        push.connect("tcp://127.0.0.1:1").expect("valid");
        soon(event(&monitor, given_up)).await;
    });
}

#[test]
fn when_the_peer_does_not_shake_hands() {
    in_shared(async |ctx: Context| {
        for words in [&b""[..], b"GET / HTTP/1.1\r\n\r\n"] {
            let listener = RawListener::new();
            let stop = ReconnectStop { handshake_failed: true, ..ReconnectStop::default() };
            let push = ctx.push().reconnect_stop(stop).build().expect("valid");
            let monitor = push.monitor();
            push.connect(&listener.endpoint).expect("valid");
            let mut raw = listener.accept();
            raw.write(words);
            drop(raw);
            soon(event(&monitor, given_up)).await;
        }
    });
}
