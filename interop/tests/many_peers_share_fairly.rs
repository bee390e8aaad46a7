//! Messages go out to peers in turn and come in from peers in turn, whichever library they run.

use monocoque::Message;
use monocoque_interop::deadline::eventually;
use monocoque_interop::ffi::ZMQ_SUBSCRIBE;
use monocoque_interop::fixture::{
    LOOPBACK, SILENCE, bind, ours, peers, take_note, their_recv_within, theirs_bound, theirs_connected,
};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

const PEERS: usize = 5;
const EACH: usize = 100;

#[test]
fn our_push_deals_to_their_pulls_in_turn() {
    let push = ours(|ctx| ctx.push());
    let endpoint = bind(&push, LOOPBACK);
    let pulls: Vec<_> = (0..PEERS).map(|_| theirs_connected(Kind::Pull, &endpoint)).collect();
    peers(&push, PEERS);
    for number in 0..PEERS * EACH {
        push.blocking().send(number.to_string()).expect("sent");
    }
    for pull in &pulls {
        let first: usize = text(&party::recv(pull).expect("its share")).parse().expect("a number");
        for turn in 1..EACH {
            assert_eq!(party::recv(pull), Ok(Message::from((first + turn * PEERS).to_string())));
        }
        assert_eq!(their_recv_within(pull, SILENCE / 10), None);
    }
}

#[test]
fn our_push_deals_over_several_endpoints_of_both_transports() {
    let (folder, ipc) = monocoque_interop::fixture::vacant_path();
    let pulls = [theirs_bound(Kind::Pull, LOOPBACK), theirs_bound(Kind::Pull, &ipc)];
    let push = ours(|ctx| ctx.push());
    for (_, endpoint) in &pulls {
        push.connect(endpoint).expect("the endpoint is sound");
    }
    peers(&push, 2);
    for number in 0..2 * EACH {
        push.blocking().send(number.to_string()).expect("sent");
    }
    for (pull, _) in &pulls {
        for _ in 0..EACH {
            party::recv(pull).expect("its share");
        }
        assert_eq!(their_recv_within(pull, SILENCE / 10), None);
    }
    drop(folder);
}

#[test]
fn our_pull_takes_from_their_pushes_in_turn() {
    let pull = ours(|ctx| ctx.pull());
    let endpoint = bind(&pull, LOOPBACK);
    let pushes: Vec<_> = (0..PEERS).map(|_| theirs_connected(Kind::Push, &endpoint)).collect();
    for (peer, push) in pushes.iter().enumerate() {
        for number in 0..EACH {
            party::send(push, &Message::from([&[peer as u8], &[number as u8]])).expect("sent");
        }
    }
    let mut next = [0; PEERS];
    for _ in 0..PEERS * EACH {
        let message = pull.blocking().recv().expect("all come");
        let (peer, number) = (usize::from(message[0][0]), message[1][0]);
        assert_eq!(number, next[peer], "peer {peer}");
        next[peer] += 1;
    }
}

#[test]
fn our_publisher_reaches_every_subscriber() {
    let publisher = ours(|ctx| ctx.publisher());
    let endpoint = bind(&publisher, LOOPBACK);
    let subs: Vec<_> = (0..PEERS).map(|_| theirs_connected(Kind::Sub, &endpoint)).collect();
    subs.iter().for_each(|sub| sub.set_bytes(ZMQ_SUBSCRIBE, b"").expect("a SUB"));
    eventually("all have subscribed", || {
        subs.iter().for_each(take_note);
        (publisher.subscribers() == PEERS).then_some(())
    });
    for number in 0..EACH {
        publisher.blocking().send(number.to_string()).expect("sent");
    }
    for sub in &subs {
        for number in 0..EACH {
            assert_eq!(party::recv(sub), Ok(Message::from(number.to_string())));
        }
    }
}

#[test]
fn our_dealer_asks_their_reps_in_turn_and_hears_them_all() {
    let dealer = ours(|ctx| ctx.dealer());
    let endpoint = bind(&dealer, LOOPBACK);
    let reps: Vec<_> = (0..PEERS).map(|_| theirs_connected(Kind::Rep, &endpoint)).collect();
    peers(&dealer, PEERS);
    for number in 0..PEERS {
        dealer.blocking().send([String::new(), number.to_string()]).expect("sent");
    }
    for rep in &reps {
        party::send(rep, &party::recv(rep).expect("one each")).expect("sent");
    }
    let mut answers: Vec<_> = (0..PEERS).map(|_| text(&dealer.blocking().recv().expect("all answer"))).collect();
    answers.sort();
    assert_eq!(answers, (0..PEERS).map(|number| number.to_string()).collect::<Vec<_>>());
}

fn text(message: &Message) -> String {
    String::from_utf8(message.last().to_vec()).expect("text")
}
