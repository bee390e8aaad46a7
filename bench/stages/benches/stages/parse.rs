//! Frame parse: a ZMTP session that is given what one large read brought.

use std::time::Instant;

use criterion::Criterion;
use monocoque_core::protocol::{Output, Side};
use monocoque_core::slab::{Arena, SlabClass, SlabMut};
use monocoque_core::wire::EncodedHeader;
use monocoque_core::{Protocol, SocketType};
use monocoque_zmtp::{PeerInfo, Session, SessionConfig};

use crate::{Group, stage};

struct Reading {
    now: Instant,
    session: Session,
    arena: Arena,
    /// What comes with every read.
    bytes: Vec<u8>,
    slab: SlabMut,
    out: Output<PeerInfo>,
}

impl Reading {
    /// The session of a PULL that is through with the handshake, and a read of whole frames of `body` bytes.
    fn new(body: usize) -> (Self, usize) {
        let (now, arena) = (Instant::now(), Arena::new());
        let session = |kind, side| Session::new(SessionConfig::new(kind), side);
        let mut ends = [session(SocketType::Pull, Side::Listener), session(SocketType::Push, Side::Dialer)];
        let mut written = ends.each_mut().map(|end| {
            let mut out = Output::default();
            end.connected(now, &mut out);
            out.write.concat()
        });
        let mut inputs = [SlabClass::Small; 2].map(|class| arena.lease(class));
        let mut ready = [false; 2];
        while ready != [true; 2] {
            for at in 0..2 {
                inputs[at].extend_from_slice(&std::mem::take(&mut written[1 - at]));
                let mut out = Output::default();
                ends[at].received(now, &mut inputs[at], &mut out).expect("both are sound");
                ready[at] |= out.ready.is_some();
                written[at].extend(out.write.concat());
            }
        }
        let [session, _] = ends;
        let frame = [EncodedHeader::new(0, body).as_slice(), &vec![7; body]].concat();
        let messages = SlabClass::Large.bytes() / frame.len();
        let slab = arena.lease(SlabClass::Tiny);
        (Self { now, session, arena, bytes: frame.repeat(messages), slab, out: Output::default() }, messages)
    }

    fn read(&mut self) {
        self.slab = self.arena.lease(SlabClass::Large);
        self.slab.extend_from_slice(&self.bytes);
    }

    fn parse(&mut self) {
        self.session.received(self.now, &mut self.slab, &mut self.out).expect("sound frames");
    }

    fn deliver(&mut self) {
        assert!(self.slab.is_empty());
        self.out.deliver.clear();
    }
}

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "1 parse, 64 KiB read at once");
    for body in [16, 64, 256, 4096] {
        let (mut reading, messages) = Reading::new(body);
        let (read, parse, deliver) = (Reading::read, Reading::parse, Reading::deliver);
        stage(&mut group, format!("{body} B"), messages, &mut reading, read, parse, deliver);
    }
    group.finish();
}
