//! A receive drops so much of what nobody wants, then says that there is nothing, and has whoever waits look again: one who sends
//! such things as fast as they are dropped keeps nobody in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use monocoque_core::limits::DISCARDS_MAX;
use monocoque_core::pipe::{Mark, PipeReader, PipeWriter, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::{Hub, RecvRefused};

use crate::peer::{MARK, attach, facts, hub};

/// Messages that one call drops.
const DISCARDS: u64 = DISCARDS_MAX as u64;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A peer that may send without a mark, and what is sent to it.
fn join(hub: &Hub, kind: SocketType) -> (PipeWriter, PipeReader) {
    let (link, from_hub) = attach(hub, MARK);
    let (to_hub, reader) = pipe(Mark::messages(0), false, &Arena::new());
    hub.up(link, facts(kind, None), reader).expect("attached");
    (to_hub, from_hub)
}

fn flood(to_hub: &mut PipeWriter, message: &Message) {
    (0..2 * DISCARDS + 5).for_each(|_| to_hub.push(message).expect("no mark"));
}

/// Receives in vain until all was dropped.
fn drops_in_steps(hub: &Hub, cause: DropCause) {
    for dropped in [DISCARDS, 2 * DISCARDS] {
        let (woken, mut ticket) = (Arc::new(Woken::default()), None);
        hub.signals().readable().register(&mut ticket, &Waker::from(Arc::clone(&woken)));
        assert_eq!((hub.try_recv(), hub.drops().of(cause)), (Err(RecvRefused::Empty), dropped));
        assert!(woken.0.load(Ordering::Relaxed) > 0, "there is more");
        hub.signals().readable().remove(&mut ticket);
    }
}

#[test]
fn by_a_subscriber() {
    let sub = hub(SocketType::Sub);
    let (mut to_hub, _from_hub) = join(&sub, SocketType::Sub);
    sub.subscribe(b"wanted");
    flood(&mut to_hub, &Message::from("noise"));
    to_hub.push(&Message::from("wanted")).expect("no mark");
    drops_in_steps(&sub, DropCause::Unsubscribed);
    assert_eq!(sub.try_recv(), Ok(Message::from("wanted")));
}

#[test]
fn also_of_one_that_is_closed() {
    let sub = hub(SocketType::Sub);
    let (mut to_hub, _from_hub) = join(&sub, SocketType::Sub);
    sub.subscribe(b"wanted");
    flood(&mut to_hub, &Message::from("noise"));
    to_hub.push(&Message::from("wanted")).expect("no mark");
    sub.finish();
    drops_in_steps(&sub, DropCause::Unsubscribed);
    assert_eq!(sub.try_recv(), Ok(Message::from("wanted")));
    assert_eq!(sub.try_recv(), Err(RecvRefused::Closed));
}

#[test]
fn by_one_who_asked() {
    let req = hub(SocketType::Req);
    let (mut to_hub, mut from_hub) = join(&req, SocketType::Req);
    req.try_send(Message::from("asked")).expect("its turn");
    assert!(from_hub.next_unit().is_some());
    flood(&mut to_hub, &Message::from("no envelope"));
    to_hub.push(&Message::from(["", "answer"])).expect("no mark");
    drops_in_steps(&req, DropCause::Unexpected);
    assert_eq!(req.try_recv(), Ok(Message::from("answer")));
}
