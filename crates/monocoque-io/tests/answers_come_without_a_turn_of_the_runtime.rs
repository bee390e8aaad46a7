//! Who asks one peer again and again and looks for each answer itself has them without a turn of the runtime in between.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use common::{Ends, Happened, PATIENCE, Raw, Teller, bind, connect, each_link, wire};
use monocoque_core::Message;
use monocoque_core::batch::Unit;
use monocoque_io::{DriverChoice, ListenConfig, Looks, Placement, take_read_turn, yield_now};

/// More than a connection reads in a row otherwise (4), fewer than who waits may find (16).
const IN_A_ROW: usize = 12;

/// Asks, answers and looks; whether that was enough. If not the runtime has its turns.
async fn trip(ends: &mut Ends, peer: &mut Raw) -> bool {
    ends.push(&Message::from("question"));
    let expected = wire(b"question");
    let mut got = vec![0; expected.len()];
    let mut turns = 0;
    while let Err(error) = peer.read_exact(&mut got) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        yield_now().await;
        turns += 1;
    }
    assert_eq!(got, expected);
    peer.write_all(&wire(b"answer")).expect("room");
    let looked = turns == 0 && take_read_turn(Looks::UntilFound);
    loop {
        match ends.incoming.next_unit() {
            Some(Unit::Message(answer)) => {
                assert_eq!(answer.last().as_slice(), b"answer");
                return looked;
            }
            other => assert!(other.is_none() && !looked, "{other:?}"),
        }
        yield_now().await;
    }
}

#[test]
fn one_after_the_other() {
    each_link(|driver, wildcard| {
        DriverChoice::Only(driver).runtime().expect("available").block_on(async {
            let placement = Placement::local().expect("on a runtime");
            let binding = bind(wildcard).expect("free");
            let endpoint = binding.endpoint().clone();
            let (teller, story) = Teller::new();
            let _stopper = teller.listen(&placement, binding, ListenConfig::default());
            let mut peer = connect(&endpoint);
            peer.0.set_nonblocking(true).expect("open");
            let until = Instant::now() + PATIENCE;
            let mut ends = loop {
                let ready = story.so_far().into_iter().find_map(|happened| match happened {
                    Happened::Ready(ends) => Some(ends),
                    _ => None,
                });
                if let Some(ends) = ready {
                    break ends;
                }
                assert!(Instant::now() < until, "it is ready");
                yield_now().await;
            };
            // The window of polling is short: a slow machine may need to try it again.
            let mut in_a_row = 0;
            while in_a_row < IN_A_ROW {
                assert!(Instant::now() < until, "the runtime has a turn after few answers");
                in_a_row = if trip(&mut ends, &mut peer).await { in_a_row + 1 } else { 0 };
            }
        });
    });
}
