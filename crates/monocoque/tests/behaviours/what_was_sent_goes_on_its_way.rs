//! An endpoint that is taken off a socket: what was sent there arrives, within the linger time, and nothing else is sent or taken.

use std::collections::HashSet;
use std::time::Duration;

use monocoque::{Context, DropCause, Hwm, Message, Pull, SendError, Socket, TryRecvError, new_secret_key};

use crate::common::raw::RawListener;
use crate::common::{IPC, QUICK, TCP, eventually, everywhere, in_shared, inproc, number, soon, to_number, transports};

/// More than a connection has in its hands at once.
const MESSAGES: u64 = 2000;

/// Where nobody listens yet.
fn nobody(folder: &tempfile::TempDir) -> String {
    format!("ipc://{}", folder.path().join("later").display())
}

async fn assert_all_come(pull: &Socket<Pull>, at: &str) {
    for n in 0..MESSAGES {
        let message = soon(pull.recv()).await.expect("it is open");
        assert_eq!(to_number(message.first()), n, "{at}");
    }
}

#[test]
fn when_it_is_disconnected() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let pull = soon(ctx.pull().hwm(Hwm::unlimited()).bind(&transport)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            let push = ctx.push().hwm(Hwm::unlimited()).connect(&endpoint).expect("valid");
            soon(push.wait_for_peers(1)).await;
            (0..MESSAGES).for_each(|n| push.try_send(number(n)).expect("no mark"));
            push.disconnect(&endpoint).expect("connected");
            assert!(matches!(push.try_send("nobody"), Err(SendError::Full(_))), "{endpoint}");
            assert_eq!(push.peers(), 0);
            assert_all_come(&pull, &endpoint).await;
            eventually(|| pull.peers() == 0).await;
            assert_eq!((push.drops().total(), soon(push.close()).await.undelivered), (0, 0), "{endpoint}");
        }
    });
}

#[test]
fn when_it_is_unbound() {
    everywhere(async |ctx: Context| {
        for transport in [TCP, IPC] {
            let push = soon(ctx.push().hwm(Hwm::unlimited()).bind(transport)).await.expect("free");
            let endpoint = push.last_endpoint().expect("bound").to_string();
            let pull = ctx.pull().hwm(Hwm::unlimited()).connect(&endpoint).expect("valid");
            soon(push.wait_for_peers(1)).await;
            (0..MESSAGES).for_each(|n| push.try_send(number(n)).expect("no mark"));
            push.unbind(&endpoint).expect("bound");
            assert!(matches!(push.try_send("nobody"), Err(SendError::Full(_))), "{endpoint}");
            assert_all_come(&pull, &endpoint).await;
            eventually(|| pull.peers() == 0 && push.peers() == 0).await;
            assert_eq!(push.drops().total(), 0, "{endpoint}");
        }
    });
}

#[test]
fn what_came_before_an_unbind_may_still_be_received() {
    everywhere(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let push = ctx.push().connect(&endpoint).expect("valid");
        (0..3).for_each(|n| push.try_send(number(n)).expect("room"));
        assert_eq!(soon(pull.recv()).await, Ok(number(0)));
        eventually(|| pull.stats().received.messages == 3).await;
        pull.unbind(&endpoint).expect("bound");
        eventually(|| pull.peers() == 0).await;
        assert_eq!([pull.try_recv(), pull.try_recv()], [Ok(number(1)), Ok(number(2))]);
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn to_who_binds_later() {
    everywhere(async |ctx: Context| {
        let folder = tempfile::tempdir().expect("a folder");
        for endpoint in [nobody(&folder), inproc()] {
            let push = ctx.push().hwm(Hwm::unlimited()).connect(&endpoint).expect("valid");
            (0..MESSAGES).for_each(|n| push.try_send(number(n)).expect("no mark"));
            push.disconnect(&endpoint).expect("connected");
            push.disconnect(&endpoint).expect_err("it is off");
            let pull = soon(ctx.pull().hwm(Hwm::unlimited()).bind(&endpoint)).await.expect("free");
            assert_all_come(&pull, &endpoint).await;
            eventually(|| pull.peers() == 0).await;
            assert_eq!((push.peers(), push.drops().total()), (0, 0), "{endpoint}");
        }
    });
}

#[test]
fn and_is_counted_when_the_time_is_over() {
    everywhere(async |ctx: Context| {
        let folder = tempfile::tempdir().expect("a folder");
        let endpoint = nobody(&folder);
        let push = ctx.push().linger(Duration::from_millis(30)).connect(&endpoint).expect("valid");
        (0..10).for_each(|n| push.try_send(number(n)).expect("room"));
        push.disconnect(&endpoint).expect("connected");
        eventually(|| push.drops().of(DropCause::Linger) == 10).await;
        assert_eq!((push.drops().total(), soon(push.close()).await.undelivered), (10, 0), "it was counted before");
    });
}

#[test]
fn and_is_counted_when_nobody_will_come_for_it() {
    everywhere(async |ctx: Context| {
        let listener = RawListener::new();
        let push = ctx.push().no_reconnect().connect(&listener.endpoint).expect("valid");
        (0..10).for_each(|n| push.try_send(number(n)).expect("room"));
        let raw = smol::unblock(move || listener.accept()).await;
        push.disconnect(push.last_endpoint().expect("connected").to_string()).expect("connected");
        drop(raw);
        eventually(|| push.drops().of(DropCause::PeerGone) == 10).await;
        assert_eq!((push.drops().total(), soon(push.close()).await.undelivered), (10, 0), "it was counted before");
    });
}

#[test]
fn and_a_close_waits_for_it_as_for_all_others() {
    everywhere(async |ctx: Context| {
        let folder = tempfile::tempdir().expect("a folder");
        let endpoint = nobody(&folder);
        let push = ctx.push().hwm(Hwm::unlimited()).connect(&endpoint).expect("valid");
        (0..MESSAGES).for_each(|n| push.try_send(number(n)).expect("no mark"));
        push.disconnect(&endpoint).expect("connected");
        let later = async {
            let pull = soon(ctx.pull().hwm(Hwm::unlimited()).bind(&endpoint)).await.expect("free");
            assert_all_come(&pull, &endpoint).await;
        };
        let (report, ()) = smol::future::zip(soon(push.close()), later).await;
        assert_eq!(report.undelivered, 0);
        let push = ctx.push().linger(Duration::from_millis(30)).connect(&endpoint).expect("valid");
        (0..10).for_each(|n| push.try_send(number(n)).expect("room"));
        push.disconnect(&endpoint).expect("connected");
        assert_eq!(soon(push.close()).await.undelivered, 10);
    });
}

#[test]
fn one_that_a_subscriber_left_is_not_waited_for() {
    everywhere(async |ctx: Context| {
        let folder = tempfile::tempdir().expect("a folder");
        let endpoint = nobody(&folder);
        let sub = ctx.subscriber().linger_forever().connect(&endpoint).expect("valid");
        sub.subscribe("");
        sub.disconnect(&endpoint).expect("connected");
        assert_eq!(soon(sub.close()).await.undelivered, 0);
    });
}

#[test]
fn all_connections_to_an_endpoint_end_together() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let pull = soon(ctx.pull().bind(&transport)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            let push = ctx.push().connect(&endpoint).expect("valid");
            push.connect(&endpoint).expect("a second one");
            soon(pull.wait_for_peers(2)).await;
            push.disconnect(&endpoint).expect("connected");
            eventually(|| pull.peers() == 0 && push.peers() == 0).await;
            push.disconnect(&endpoint).expect_err("both are gone");
        }
    });
}

#[test]
fn an_endpoint_is_unbound_by_the_name_it_was_bound_by() {
    everywhere(async |ctx: Context| {
        let port = RawListener::new().endpoint.rsplit_once(':').expect("a port").1.to_owned();
        let written = format!("tcp://localhost:{port}");
        let pull = soon(ctx.pull().bind(&written)).await.expect("free");
        pull.unbind(&written).expect("bound");
        soon(pull.bind(TCP)).await.expect("free");
        pull.unbind(TCP).expect_err("a wildcard names nothing");
    });
}

#[test]
fn when_one_of_it_is_never_taken() {
    let (server, client) = (new_secret_key().expect("random"), new_secret_key().expect("random"));
    in_shared(async move |ctx: Context| {
        for is_sealed in [false, true] {
            let (pull, push) = (ctx.pull().max_message_size(1000), ctx.push().reconnect(QUICK));
            let pull = if is_sealed { pull.curve_server(server.clone()) } else { pull };
            let push = if is_sealed { push.curve_client(server.public(), client.clone()) } else { push };
            let pull = soon(pull.bind(TCP)).await.expect("free");
            let push = push.connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            let too_large = Message::from(&vec![7; 40 << 20][..]);
            for message in (0..20).map(number).chain([too_large]).chain((20..40).map(number)) {
                soon(push.send(message)).await.expect("room");
            }
            let mut came = HashSet::new();
            while came.len() < 40 {
                came.insert(to_number(soon(pull.recv()).await.expect("open").first()));
            }
            assert_eq!(push.drops().of(DropCause::Cut), 1, "sealed: {is_sealed}");
        }
    });
}
