//! Bodies of 64 MiB, alone and between other frames, in each direction that the types have.

monocoque_interop::cells! { talk_hugely:
    our_push_their_pull: Push Pull;
    our_pull_their_push: Pull Push;
    our_dealer_their_router: Dealer Router;
    our_router_their_dealer: Router Dealer;
    our_pub_their_sub: Pub Sub;
    our_sub_their_pub: Sub Pub;
}

#[test]
fn both_directions_of_each_pattern_are_here() {
    for (ours, theirs) in PAIRS {
        assert!(PAIRS.contains(&(*theirs, *ours)), "{ours} {theirs}");
    }
}
