//! One program text, under tokio, smol, plain threads and on a compio runtime of its own.

use std::future::Future;

use monocoque::{
    Any, Context, Dealer, Message, MessageSink, MessageStream, Monitor, Pair, Pub, Pull, Push, RecvHalf, Rep, Req,
    Router, SendHalf, Socket, Sub, XPub, XSub, local_runtime,
};

use crate::common::{TCP, both, inproc, number, watched};

/// A server, a client and a worker, over the network and within the process.
async fn program(ctx: Context) -> u64 {
    let rep = ctx.rep().bind(TCP).await.expect("free");
    let req = ctx.req().connect(rep.last_endpoint().expect("bound").to_string()).expect("valid");
    let name = inproc();
    let pull = ctx.pull().bind(&name).await.expect("free");
    let push = ctx.push().connect(&name).expect("valid");
    let serve = async {
        for _ in 0..100 {
            let request = rep.recv().await.expect("received");
            rep.send(request).await.expect("sent");
        }
    };
    let ask = async {
        let mut sum = 0;
        for n in 0..100 {
            let reply = req.request(number(n)).await.expect("answered");
            push.send(reply).await.expect("sent");
            sum += u64::from_be_bytes(pull.recv().await.expect("received").first()[..].try_into().expect("eight"));
        }
        sum
    };
    let ((), sum) = both(serve, ask).await;
    assert_eq!(rep.close().await.undelivered, 0);
    assert_eq!(req.close().await.undelivered, 0);
    sum
}

fn check(sum: u64) {
    assert_eq!(sum, 4950);
}

#[test]
fn tokio_with_many_threads() {
    watched(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let task = runtime.spawn(program(Context::new()));
        check(runtime.block_on(task).expect("no panic"));
    });
}

#[test]
fn tokio_on_one_thread() {
    watched(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        check(runtime.block_on(program(Context::new())));
    });
}

#[test]
fn smol() {
    watched(|| check(smol::block_on(smol::spawn(program(Context::new())))));
}

#[test]
fn compio_with_io_threads_beside_it() {
    watched(|| check(local_runtime().expect("a runtime").block_on(program(Context::new()))));
}

#[test]
fn compio_alone() {
    watched(|| {
        let run = async { program(Context::local().expect("on a runtime")).await };
        check(local_runtime().expect("a runtime").block_on(run));
    });
}

#[test]
fn plain_threads() {
    watched(|| {
        let ctx = Context::new();
        let rep = ctx.rep().build().expect("valid");
        let endpoint = rep.blocking().bind(TCP).expect("free").to_string();
        let server = std::thread::spawn(move || {
            for _ in 0..100 {
                let request = rep.blocking().recv().expect("received");
                rep.blocking().send(request).expect("sent");
            }
            rep.blocking().close()
        });
        let req = ctx.req().connect(&endpoint).expect("valid");
        req.blocking().wait_for_peers(1);
        for n in 0..100 {
            assert_eq!(req.blocking().request(number(n)), Ok(number(n)));
        }
        assert_eq!(server.join().expect("no panic").undelivered, 0);
    });
}

#[test]
fn several_io_threads_share_the_connections() {
    watched(|| {
        let ctx = Context::builder().io_threads(3).build().expect("threads");
        let pull = ctx.pull().build().expect("valid");
        let endpoint = pull.blocking().bind(TCP).expect("free").to_string();
        let pushes: Vec<_> = (0..9).map(|_| ctx.push().connect(&endpoint).expect("valid")).collect();
        for (n, push) in pushes.iter().enumerate() {
            push.blocking().send(number(n as u64)).expect("sent");
        }
        let mut got: Vec<_> = pushes.iter().map(|_| pull.blocking().recv().expect("received")).collect();
        got.sort_by_key(|message| message.first().to_vec());
        assert!(got.into_iter().eq((0..9).map(number)));
    });
}

/// A task that always has work must not keep its own socket's I/O from happening.
#[test]
fn a_task_that_never_rests_does_not_starve_local_io() {
    crate::common::in_local(async |ctx: Context| {
        let pull = ctx.pull().bind(TCP).await.expect("free");
        let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
        push.try_send("hello").expect("room");
        let late = std::time::Instant::now() + crate::common::PATIENCE;
        while pull.try_recv().is_err() {
            assert!(std::time::Instant::now() < late, "the runtime's turns do no I/O");
            smol::future::yield_now().await;
        }
    });
}

fn is_send_sync<T: Send + Sync>() {}

fn is_send<F: Future + Send>(future: F) {
    drop(future);
}

#[test]
fn sockets_and_their_futures_cross_threads() {
    macro_rules! sockets {
        ($($kind:ty)*) => {$(is_send_sync::<Socket<$kind>>();)*};
    }
    sockets!(Any Dealer Pair Pub Pull Push Rep Req Router Sub XPub XSub);
    is_send_sync::<Context>();
    is_send_sync::<Monitor>();
    is_send_sync::<(SendHalf<Dealer>, RecvHalf<Dealer>)>();
    is_send_sync::<(MessageSink<Dealer>, MessageStream<Dealer>)>();
    let ctx = Context::new();
    let dealer = ctx.dealer().build().expect("valid");
    is_send(dealer.send("x"));
    is_send(dealer.send_many(["x"]));
    is_send(dealer.recv());
    is_send(dealer.recv_many(&mut Vec::<Message>::new(), 1));
    is_send(dealer.bind(TCP));
    is_send(dealer.wait_for_peers(1));
    is_send(dealer.monitor().recv());
    is_send(dealer.clone().close());
    is_send(ctx.req().build().expect("valid").request("x"));
    is_send(ctx.xpub().build().expect("valid").wait_for_subscribers(1));
    let router = ctx.router().build().expect("valid");
    is_send(router.send_any("x"));
    is_send(router.recv());
    let any = || ctx.socket(monocoque::SocketType::Pair).build().expect("valid");
    is_send(monocoque::Proxy::new(&any(), &any()).run());
    is_send(monocoque::Poller::new().wait(None));
    let timers = monocoque::Timers::new();
    is_send(async move { drop(timers) });
    is_send(ctx.pull().bind(TCP));
}
