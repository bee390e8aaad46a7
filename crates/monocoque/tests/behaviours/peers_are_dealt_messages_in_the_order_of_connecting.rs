//! Who connects first gets the first message, even where all peers are in their handshakes at once: programs that start their
//! workers in order count on it, as libzmq's own tests do.

use crate::common::{TCP, everywhere, number, soon, to_number};

const PEERS: u64 = 5;

#[test]
fn of_a_push_that_binds() {
    everywhere(async |ctx| {
        for _ in 0..30 {
            let push = ctx.push().build().expect("valid");
            let at = soon(push.bind(TCP)).await.expect("free").to_string();
            let pulls = [(); PEERS as usize].map(|()| ctx.pull().connect(&at).expect("valid"));
            soon(push.wait_for_peers(pulls.len())).await;
            for n in 0..PEERS {
                soon(push.send(number(n))).await.expect("open");
            }
            let mut dealt = Vec::new();
            for pull in &pulls {
                dealt.push(to_number(soon(pull.recv()).await.expect("open").first()));
            }
            assert_eq!(dealt, [0, 1, 2, 3, 4]);
        }
    });
}
