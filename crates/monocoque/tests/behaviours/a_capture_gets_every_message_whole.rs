//! A capture gets a copy of every message, both ways, frames and all, before it is forwarded; whatever its type.

use monocoque::{Context, Hwm, Message, Proxy, ProxyError, ProxySocket, SocketType};

use crate::common::{TCP, both, everywhere, in_shared, inproc, number, poll_times, soon};

#[test]
fn of_every_type_that_sends() {
    everywhere(async |ctx: Context| {
        let kinds = [
            (SocketType::Pub, SocketType::Sub),
            (SocketType::XPub, SocketType::Sub),
            (SocketType::Push, SocketType::Pull),
            (SocketType::Pair, SocketType::Pair),
            (SocketType::Dealer, SocketType::Dealer),
        ];
        for (kind, reads) in kinds {
            let capture = soon(ctx.socket(kind).bind(TCP)).await.expect("free");
            let copies = ctx.socket(reads).connect(capture.last_endpoint().expect("bound").to_string()).expect("valid");
            if reads == SocketType::Sub {
                copies.subscribe("");
                soon(capture.wait_for_subscribers(1)).await;
            }
            soon(capture.wait_for_peers(1)).await;
            let (front_at, back_at) = (inproc(), inproc());
            let front = soon(ctx.pair().bind(&front_at)).await.expect("free");
            let back = soon(ctx.pair().bind(&back_at)).await.expect("free");
            let [left, right] = [&front_at, &back_at].map(|at| ctx.pair().connect(at).expect("valid"));
            let mut proxy = Proxy::new(&front, &back).capture(&capture);
            let steering = proxy.steering();
            let talk = async {
                let long = vec![7_u8; 100_000];
                for message in [Message::from(["a", "", "c"]), Message::from(("long", long)), Message::new()] {
                    for (from, to) in [(&left, &right), (&right, &left)] {
                        soon(from.send(message.clone())).await.expect("sent");
                        assert_eq!(soon(to.recv()).await, Ok(message.clone()));
                        assert_eq!(soon(copies.recv()).await, Ok(message.clone()), "{kind}");
                    }
                }
                steering.terminate();
            };
            assert_eq!(both(proxy.run(), talk).await, (Ok(()), ()));
            assert!(copies.try_recv().is_err(), "each once");
        }
    });
}

#[test]
fn a_full_capture_is_waited_for() {
    everywhere(async |ctx: Context| {
        let mark = Hwm::messages(2);
        let (front_at, back_at, capture_at) = (inproc(), inproc(), inproc());
        let front = soon(ctx.pull().bind(&front_at)).await.expect("free");
        let back = soon(ctx.push().bind(&back_at)).await.expect("free");
        let capture = soon(ctx.push().hwm(mark).bind(&capture_at)).await.expect("free");
        let source = ctx.push().connect(&front_at).expect("valid");
        let sink = ctx.pull().connect(&back_at).expect("valid");
        for n in 0..50 {
            source.try_send(number(n)).expect("room");
        }
        let mut proxy = Proxy::new(&front, &back).capture(&capture);
        assert!(poll_times(proxy.run(), 1).await.is_none());
        assert!(proxy.held() == 0 && sink.try_recv().is_err(), "nothing is taken that cannot be captured");
        let copies = ctx.pull().hwm(mark).connect(&capture_at).expect("valid");
        let steering = proxy.steering();
        let read = async {
            for n in 0..50 {
                assert_eq!(soon(copies.recv()).await, Ok(number(n)));
                assert_eq!(soon(sink.recv()).await, Ok(number(n)));
            }
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), read).await, (Ok(()), ()));
        assert_eq!(capture.drops().total(), 0);
    });
}

#[test]
fn a_capture_that_is_closed_ends_the_proxy_and_not_the_message() {
    in_shared(async |ctx: Context| {
        let (front_at, capture_at) = (inproc(), inproc());
        let front = soon(ctx.pull().bind(&front_at)).await.expect("free");
        let back = ctx.push().build().expect("valid");
        let capture = soon(ctx.push().bind(&capture_at)).await.expect("free");
        let source = ctx.push().connect(&front_at).expect("valid");
        source.try_send("kept").expect("room");
        let mut proxy = Proxy::new(&front, &back).capture(&capture);
        assert!(poll_times(proxy.run(), 1).await.is_none());
        soon(capture.close()).await;
        assert_eq!(soon(proxy.run()).await, Err(ProxyError::Closed(ProxySocket::Capture)));
        assert_eq!(proxy.held(), 0);
        assert_eq!(front.try_recv(), Ok("kept".into()));
    });
}
