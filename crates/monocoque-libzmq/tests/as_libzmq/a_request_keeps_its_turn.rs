//! REQ and REP, part by part: whose turn it is.

use crate::c::{Ctx, DONTWAIT, EFSM, POLLIN, POLLOUT, REP, REQ};

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
