//! Streams, sinks, halves and batches: other shapes of the same sends and receives.

use std::pin::pin;

use futures_util::{FutureExt, Sink, SinkExt, StreamExt};
use monocoque::{Context, Hwm, RecvError, SendError};

use crate::common::{both, everywhere, inproc, number, poll_times, soon, transports};

#[test]
fn a_sink_feeds_a_stream() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let pull = soon(ctx.pull().hwm(Hwm::messages(10)).bind(&transport)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            let mut sink = ctx.push().hwm(Hwm::messages(10)).connect(endpoint).expect("valid").into_sink();
            let mut messages = futures_util::stream::iter((0..500).map(|n| Ok(number(n))));
            let receive = pull.into_stream().take(500).map(|message| message.expect("received")).collect::<Vec<_>>();
            let (sent, got) = soon(both(sink.send_all(&mut messages), receive)).await;
            sent.expect("sent");
            assert!(got.into_iter().eq((0..500).map(number)));
        }
    });
}

#[test]
fn a_stream_ends_when_its_socket_is_closed() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        let push = ctx.push().connect(&name).expect("valid");
        soon(push.send("first")).await.expect("sent");
        soon(push.send("last")).await.expect("sent");
        let mut stream = pull.clone().into_stream();
        assert_eq!(soon(stream.next()).await, Some(Ok("first".into())));
        soon(pull.close()).await;
        assert_eq!(soon(stream.next()).await, Some(Ok("last".into())));
        assert_eq!(soon(stream.next()).await, None);
    });
}

#[test]
fn a_stream_that_waited_is_woken() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let pull = soon(ctx.pull().bind(&transport)).await.expect("free");
            let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            let mut stream = pull.into_stream();
            for n in 0..20 {
                assert_eq!(stream.next().now_or_never(), None);
                let (got, sent) = soon(both(stream.next(), push.send(number(n)))).await;
                sent.expect("sent");
                assert_eq!(got, Some(Ok(number(n))));
            }
        }
    });
}

#[test]
fn a_sink_holds_one_message_while_its_socket_is_full() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let push = ctx.push().hwm(Hwm::messages(2)).connect(&name).expect("valid");
        let mut sink = pin!(push.into_sink());
        for n in 0..3 {
            soon(sink.feed(number(n))).await.expect("taken");
        }
        // The third is held: it is flushed when there is room, and no fourth is taken before.
        assert!(poll_times(sink.feed(number(3)), 1).await.is_none());
        let pull = soon(ctx.pull().hwm(Hwm::messages(2)).bind(&name)).await.expect("free");
        soon(std::future::poll_fn(|cx| Sink::<monocoque::Message>::poll_flush(sink.as_mut(), cx))).await.expect("sent");
        for n in 0..3 {
            assert_eq!(pull.try_recv(), Ok(number(n)));
        }
        assert!(pull.try_recv().is_err());
    });
}

#[test]
fn a_sink_of_a_closed_socket_gives_the_message_back() {
    everywhere(async |ctx: Context| {
        let push = ctx.push().build().expect("valid");
        let mut sink = push.clone().into_sink();
        soon(push.close()).await;
        let error = soon(SinkExt::<monocoque::Message>::send(&mut sink, "late".into())).await;
        assert_eq!(error, Err(SendError::Closed(Box::new("late".into()))));
    });
}

#[test]
fn halves_work_at_once() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let mark = Hwm::messages(5);
            let a = soon(ctx.pair().hwm(mark).bind(&transport)).await.expect("free");
            let b = ctx.pair().hwm(mark).connect(a.last_endpoint().expect("bound").to_string()).expect("valid");
            let ((to_b, from_b), (to_a, from_a)) = (a.split(), b.split());
            let send = async |half: monocoque::SendHalf<_>| {
                for n in 0..300 {
                    half.send(number(n)).await.expect("sent");
                }
                half
            };
            let receive = async |half: monocoque::RecvHalf<_>| {
                for n in 0..300 {
                    assert_eq!(half.recv().await, Ok(number(n)));
                }
                half
            };
            soon(both(both(send(to_b), receive(from_b)), both(send(to_a), receive(from_a)))).await;
        }
    });
}

#[test]
fn many_are_sent_and_received_in_order() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let pull = soon(ctx.pull().bind(&transport)).await.expect("free");
            let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            let send = push.send_many((0..5000).map(number));
            let receive = async {
                let mut got = Vec::new();
                while got.len() < 5000 {
                    let before = got.len();
                    let count = pull.recv_many(&mut got, 64).await.expect("received");
                    assert!((1..=64).contains(&count) && got.len() == before + count);
                }
                assert_eq!(pull.recv_many(&mut got, 0).await, Ok(0));
                got
            };
            let (sent, got) = soon(both(send, receive)).await;
            assert_eq!(sent, Ok(5000));
            assert!(got.into_iter().eq((0..5000).map(number)));
        }
    });
}

#[test]
fn many_in_error_tell_which_was_not_sent() {
    everywhere(async |ctx: Context| {
        let push = ctx.push().hwm(Hwm::messages(3)).send_timeout(std::time::Duration::from_millis(20));
        let push = push.connect(inproc()).expect("valid");
        assert_eq!(soon(push.send_many((0..5).map(number))).await, Err(SendError::TimedOut(Box::new(number(3)))));
        let pull = ctx.pull().recv_timeout(std::time::Duration::from_millis(20)).build().expect("valid");
        let mut none = Vec::new();
        assert_eq!(soon(pull.recv_many(&mut none, 5)).await, Err(RecvError::TimedOut));
        assert!(none.is_empty());
    });
}
