//! `request` has many questions in flight on one REQ, whatever order libzmq answers in, and none can wedge it.

use std::thread;
use std::time::Duration;

use monocoque::{DropCause, Message, RecvError, RequestError};
use monocoque_interop::deadline::{attempt, eventually, within};
use monocoque_interop::fixture::{LOOPBACK, all, ours, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

const REQUESTS: usize = 100;

fn question(number: usize) -> Message {
    Message::from([format!("question {number}"), "and a part".to_owned()])
}

#[test]
fn a_rep_answers_all_of_them() {
    let (rep, endpoint) = theirs_bound(Kind::Rep, LOOPBACK);
    let serving = thread::spawn(move || {
        for _ in 0..REQUESTS {
            party::send(&rep, &party::recv(&rep).expect("a request")).expect("sent");
        }
        rep
    });
    let req = ours(|ctx| ctx.req());
    req.connect(endpoint).expect("the endpoint is sound");
    let answers = within(all((0..REQUESTS).map(|number| req.request(question(number)))));
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, Ok(question(number)));
    }
    drop(serving.join().expect("the REP is content"));
}

#[test]
fn a_router_answers_them_in_reverse() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let serving = thread::spawn(move || {
        let asked: Vec<Message> = (0..REQUESTS).map(|_| party::recv(&router).expect("a request")).collect();
        asked.iter().rev().for_each(|request| party::send(&router, request).expect("sent"));
        router
    });
    let req = ours(|ctx| ctx.req());
    req.connect(endpoint).expect("the endpoint is sound");
    let answers = within(all((0..REQUESTS).map(|number| req.request(question(number)))));
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, Ok(question(number)));
    }
    drop(serving.join().expect("the ROUTER is content"));
}

#[test]
fn threads_share_one_req() {
    let (rep, endpoint) = theirs_bound(Kind::Rep, LOOPBACK);
    let serving = thread::spawn(move || {
        for _ in 0..REQUESTS {
            party::send(&rep, &party::recv(&rep).expect("a request")).expect("sent");
        }
        rep
    });
    let req = ours(|ctx| ctx.req());
    req.connect(endpoint).expect("the endpoint is sound");
    thread::scope(|scope| {
        for asker in 0..10 {
            let req = &req;
            scope.spawn(move || {
                for number in (0..REQUESTS).filter(|number| number % 10 == asker) {
                    assert_eq!(req.blocking().request(question(number)), Ok(question(number)));
                }
            });
        }
    });
    drop(serving.join().expect("the REP is content"));
}

#[test]
fn a_lost_answer_or_a_dropped_future_holds_nothing_up() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let req = ours(|ctx| ctx.req());
    req.connect(endpoint).expect("the endpoint is sound");

    // Dropped after it was sent: its answer, when it comes, is counted and goes nowhere.
    assert_eq!(attempt(Duration::from_millis(50), req.request("dropped")), None);
    let dropped = party::recv(&router).expect("it was sent");
    // Never answered: its time runs out.
    let lost = within(req.request_timeout("lost", Duration::from_millis(50)));
    assert_eq!(lost, Err(RequestError::Recv(RecvError::TimedOut)));
    party::recv(&router).expect("it was sent");

    let answering = thread::spawn(move || {
        let asked = party::recv(&router).expect("a request");
        party::send(&router, &dropped).expect("sent");
        party::send(&router, &asked).expect("sent");
        router
    });
    assert_eq!(within(req.request("answered")), Ok(Message::from("answered")));
    eventually("the late answer is counted", || {
        // Answers are sorted when somebody looks for one.
        let _ = req.can_recv();
        (req.drops().of(DropCause::Unexpected) == 1).then_some(())
    });
    drop(answering.join().expect("the ROUTER is content"));
}

#[test]
fn strict_alternation_goes_on_beside_them() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let serving = thread::spawn(move || {
        let asked: Vec<Message> = (0..3).map(|_| party::recv(&router).expect("a request")).collect();
        asked.iter().rev().for_each(|request| party::send(&router, request).expect("sent"));
        router
    });
    let req = ours(|ctx| ctx.req());
    req.connect(endpoint).expect("the endpoint is sound");
    req.blocking().send("strict").expect("sent");
    let answers = within(all(["first", "second"].map(|text| req.request(text))));
    assert_eq!(answers, [Ok(Message::from("first")), Ok(Message::from("second"))]);
    assert_eq!(req.blocking().recv(), Ok(Message::from("strict")));
    assert_eq!(req.blocking().recv(), Err(RecvError::OutOfTurn));
    drop(serving.join().expect("the ROUTER is content"));
}
