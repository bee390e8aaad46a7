//! Every legal pair of types that send whole messages (single_frames.rs has the others), ours and libzmq's, over tcp and ipc, with either side binding: messages of every
//! shape, in each direction that the types have.

use monocoque::SocketType;

monocoque_interop::cells! { talk:
    our_pair_their_pair: Pair Pair;
    our_pub_their_sub: Pub Sub;
    our_pub_their_xsub: Pub XSub;
    our_xpub_their_sub: XPub Sub;
    our_xpub_their_xsub: XPub XSub;
    our_sub_their_pub: Sub Pub;
    our_sub_their_xpub: Sub XPub;
    our_xsub_their_pub: XSub Pub;
    our_xsub_their_xpub: XSub XPub;
    our_req_their_rep: Req Rep;
    our_req_their_router: Req Router;
    our_rep_their_req: Rep Req;
    our_rep_their_dealer: Rep Dealer;
    our_dealer_their_router: Dealer Router;
    our_dealer_their_rep: Dealer Rep;
    our_dealer_their_dealer: Dealer Dealer;
    our_router_their_dealer: Router Dealer;
    our_router_their_req: Router Req;
    our_router_their_router: Router Router;
    our_pull_their_push: Pull Push;
    our_push_their_pull: Push Pull;
}

#[test]
fn the_matrix_has_every_legal_pair() {
    for ours in SocketType::ZMTP.into_iter().filter(|kind| !kind.is_single()) {
        for theirs in SocketType::ZMTP {
            assert_eq!(PAIRS.contains(&(ours, theirs)), ours.accepts(theirs), "ours {ours}, theirs {theirs}");
        }
    }
}
