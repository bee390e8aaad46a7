//! The matrix again for one pair of each pattern, with our socket on the caller's own compio runtime.

monocoque_interop::cells! { talk_locally:
    our_pair_their_pair: Pair Pair;
    our_pub_their_sub: Pub Sub;
    our_sub_their_pub: Sub Pub;
    our_req_their_rep: Req Rep;
    our_rep_their_req: Rep Req;
    our_dealer_their_router: Dealer Router;
    our_router_their_dealer: Router Dealer;
    our_pull_their_push: Pull Push;
    our_push_their_pull: Push Pull;
}

#[test]
fn every_pattern_is_here() {
    assert_eq!(PAIRS.len(), 9);
}
