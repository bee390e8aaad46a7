//! PAIR: one peer at a time, both ways.

use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::Busy;

use crate::peer::{hub, join, received};

#[test]
fn a_second_link_is_refused_until_the_first_is_gone() {
    let hub = hub(SocketType::Pair);
    let mut first = join(&hub, SocketType::Pair);
    let link = hub.open();
    let (writer, _reader) = pipe(Mark::messages(1), false, &Arena::new());
    assert_eq!(hub.attach(link, writer), Err(Busy));
    hub.try_send(Message::from("to the first")).expect("room");
    first.send("from the first");
    assert_eq!((first.texts(), received(&hub)), (vec!["to the first".into()], vec!["from the first".into()]));
    hub.release(first.link);
    let mut second = join(&hub, SocketType::Pair);
    hub.try_send(Message::from("to the second")).expect("room");
    assert_eq!(second.texts(), ["to the second"]);
}
