//! REQ and REP of one library through one or two ROUTER/DEALER brokers of the other: envelopes lead answers home.

use std::thread;

use monocoque::{Any, Message, Proxy, Rep, Req, Socket, SocketType};
use monocoque_interop::deadline::within;
use monocoque_interop::ffi::ZMQ_POLLIN;
use monocoque_interop::fixture::{LOOPBACK, all, bind, ours, theirs, theirs_bound, theirs_connected};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

const REQUESTS: usize = 50;

/// Answers `count` requests with what they asked, and a part more.
fn serve_ours(rep: Socket<Rep>, count: usize) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for _ in 0..count {
            let mut request = rep.blocking().recv().expect("a request");
            request.push_back("answered");
            rep.blocking().send(request).expect("sent");
        }
        // What is sent last must be on its way before the socket goes.
        within(rep.close());
    })
}

fn ask(req: &Socket<Req>) {
    for number in 0..REQUESTS {
        let question = format!("question {number}");
        req.blocking().send([question.as_str(), ""]).expect("sent");
        assert_eq!(req.blocking().recv(), Ok(Message::from([question.as_str(), "", "answered"])));
    }
}

/// A broker of libzmq's, as `zmq_proxy` is: forwards `count` requests and answers, and ends.
fn their_broker(frontend: zmq::Socket, backend: zmq::Socket, count: usize) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let (mut there, mut back) = (0, 0);
        while back < count {
            if there < count && frontend.poll(ZMQ_POLLIN, 1).expect("not closed") != 0 {
                party::send(&backend, &party::recv(&frontend).expect("a request")).expect("sent");
                there += 1;
            }
            if back < there && backend.poll(ZMQ_POLLIN, 1).expect("not closed") != 0 {
                party::send(&frontend, &party::recv(&backend).expect("an answer")).expect("sent");
                back += 1;
            }
        }
        frontend.set_int(monocoque_interop::ffi::ZMQ_LINGER, 1_000).expect("every type takes it");
    })
}

#[test]
fn ours_through_their_broker() {
    let (frontend, front) = theirs_bound(Kind::Router, LOOPBACK);
    let (backend, back) = theirs_bound(Kind::Dealer, LOOPBACK);
    let broker = their_broker(frontend, backend, REQUESTS);
    let (req, rep) = (ours(|ctx| ctx.req()), ours(|ctx| ctx.rep()));
    rep.connect(back).expect("the endpoint is sound");
    let serving = serve_ours(rep, REQUESTS);
    req.connect(front).expect("the endpoint is sound");
    ask(&req);
    serving.join().expect("the REP is content");
    broker.join().expect("the broker is content");
}

#[test]
fn ours_through_two_of_their_brokers() {
    let (frontend, front) = theirs_bound(Kind::Router, LOOPBACK);
    let (middle, between) = theirs_bound(Kind::Router, LOOPBACK);
    let (backend, back) = theirs_bound(Kind::Dealer, LOOPBACK);
    let link = theirs_connected(Kind::Dealer, &between);
    let brokers = [their_broker(frontend, link, REQUESTS), their_broker(middle, backend, REQUESTS)];
    let (req, rep) = (ours(|ctx| ctx.req()), ours(|ctx| ctx.rep()));
    rep.connect(back).expect("the endpoint is sound");
    let serving = serve_ours(rep, REQUESTS);
    req.connect(front).expect("the endpoint is sound");
    ask(&req);
    serving.join().expect("the REP is content");
    brokers.into_iter().for_each(|broker| broker.join().expect("the broker is content"));
}

#[test]
fn theirs_through_our_proxy() {
    let frontend: Socket<Any> = ours(|ctx| ctx.socket(SocketType::Router));
    let backend: Socket<Any> = ours(|ctx| ctx.socket(SocketType::Dealer));
    let (front, back) = (bind(&frontend, LOOPBACK), bind(&backend, LOOPBACK));
    let mut proxy = Proxy::new(&frontend, &backend);
    let steering = proxy.steering();
    let broker = thread::spawn(move || within(proxy.run()));
    let rep = theirs(Kind::Rep);
    rep.connect(&back).expect("the endpoint is sound");
    let serving = thread::spawn(move || {
        for _ in 0..2 * REQUESTS {
            let mut request = party::recv(&rep).expect("a request");
            request.push_back("answered");
            party::send(&rep, &request).expect("sent");
        }
        rep
    });
    let askers = [(); 2].map(|()| {
        let front = front.clone();
        thread::spawn(move || {
            let req = theirs_connected(Kind::Req, &front);
            for number in 0..REQUESTS {
                let question = format!("question {number}");
                party::send(&req, &Message::from([question.as_str(), ""])).expect("sent");
                assert_eq!(party::recv(&req), Ok(Message::from([question.as_str(), "", "answered"])));
            }
        })
    });
    askers.into_iter().for_each(|asker| asker.join().expect("every question is answered"));
    drop(serving.join().expect("the REP is content"));
    steering.terminate();
    assert_eq!(broker.join().expect("the proxy is content"), Ok(()));
    within(all([frontend, backend].map(Socket::close)));
}
