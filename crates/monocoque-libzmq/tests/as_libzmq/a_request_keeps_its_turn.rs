//! REQ and REP, part by part: whose turn it is, and what an option of theirs does alone.

use crate::c::{Ctx, DONTWAIT, EFSM, POLLIN, POLLOUT, REP, REQ, ROUTER};

const REQ_CORRELATE: i32 = 52;
const REQ_RELAXED: i32 = 53;

#[test]
fn nothing_is_sent_before_all_parts_are_received() {
    let ctx = Ctx::new();
    let (rep, req) = ctx.joined(REP, REQ);
    req.send_all(&[b"q1", b"q2"]).expect("its turn");
    assert_eq!(rep.recv(0), Ok((b"q1".to_vec(), true)));
    assert_eq!((rep.send(b"early", 0), rep.events()), (Err(EFSM), POLLIN));
    assert_eq!(rep.recv(0), Ok((b"q2".to_vec(), false)));
    assert_eq!((rep.recv(DONTWAIT), rep.events()), (Err(EFSM), POLLOUT));
    rep.send_all(&[b"a1", b"a2"]).expect("its turn");
    assert_eq!(req.recv(0), Ok((b"a1".to_vec(), true)));
    assert_eq!((req.send(b"early", 0), req.events()), (Err(EFSM), POLLIN));
    assert_eq!(req.recv(0), Ok((b"a2".to_vec(), false)));
    req.send(b"next", 0).expect("its turn");
}

#[test]
fn a_relaxed_req_may_give_up_the_rest_of_a_reply() {
    let ctx = Ctx::new();
    let (rep, req) = ctx.joined(REP, REQ);
    req.set_int(REQ_RELAXED, 1).expect("it has it");
    req.send(b"q", 0).expect("its turn");
    rep.recv(0).expect("received");
    rep.send_all(&[b"a1", b"a2"]).expect("its turn");
    assert_eq!(req.recv(0), Ok((b"a1".to_vec(), true)));
    req.send(b"next", 0).expect("relaxed");
    assert_eq!(req.recv(DONTWAIT), Err(libc::EAGAIN), "the rest is gone");
    assert_eq!(rep.recv_all(), Ok(vec![b"next".to_vec()]));
}

#[test]
fn only_one_that_correlates_sends_an_id() {
    let ctx = Ctx::new();
    for (correlate, relaxed) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (router, req) = ctx.joined(ROUTER, REQ);
        req.set_int(REQ_CORRELATE, correlate).expect("it has it");
        req.set_int(REQ_RELAXED, relaxed).expect("it has it");
        req.send(b"q", 0).expect("its turn");
        let request = router.recv_all().expect("received");
        assert_eq!(request.len(), if correlate == 1 { 4 } else { 3 }, "{correlate} {relaxed}");
        // As a server answers that knows of no ids.
        router.send_all(&[&request[0], b"", b"answer"]).expect("sent");
        if correlate == 0 {
            assert_eq!(req.recv_all(), Ok(vec![b"answer".to_vec()]));
        }
    }
}

#[test]
fn relaxed_alone_a_late_reply_is_that_to_the_second_request_unless_it_was_there_before() {
    let ctx = Ctx::new();
    let (router, req) = ctx.joined(ROUTER, REQ);
    req.set_int(REQ_RELAXED, 1).expect("it has it");
    req.send(b"first", 0).expect("its turn");
    let first = router.recv_all().expect("received");
    router.send_all(&[&first[0], b"", b"to the first"]).expect("sent");
    assert_eq!(req.poll(POLLIN, 5000), POLLIN);
    req.send(b"second", 0).expect("relaxed");
    assert_eq!(req.recv(DONTWAIT), Err(libc::EAGAIN), "it was there before");
    router.recv_all().expect("received");
    router.send_all(&[&first[0], b"", b"late"]).expect("sent");
    assert_eq!(req.recv_all(), Ok(vec![b"late".to_vec()]));
}
