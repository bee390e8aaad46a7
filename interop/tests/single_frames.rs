//! Every legal pair of the types that send single frames, ours and libzmq's, over tcp and ipc, with either side binding.

use monocoque::SocketType;

monocoque_interop::cells! { talk_singly:
    our_client_their_server: Client Server;
    our_server_their_client: Server Client;
    our_radio_their_dish: Radio Dish;
    our_dish_their_radio: Dish Radio;
    our_scatter_their_gather: Scatter Gather;
    our_gather_their_scatter: Gather Scatter;
    our_peer_their_peer: Peer Peer;
    our_channel_their_channel: Channel Channel;
}

#[test]
fn the_matrix_has_every_legal_pair() {
    for ours in SocketType::ZMTP.into_iter().filter(|kind| kind.is_single()) {
        for theirs in SocketType::ZMTP {
            assert_eq!(PAIRS.contains(&(ours, theirs)), ours.accepts(theirs), "ours {ours}, theirs {theirs}");
        }
    }
}
