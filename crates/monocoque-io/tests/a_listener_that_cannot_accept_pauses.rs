//! A socket that is given to be accepted from and does not listen: each try fails, and there are pauses between them.

mod common;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use common::{Happened, Teller, block_on, drivers, shared, turn};
use monocoque_io::{Binding, LinkEvent, ListenConfig};
use socket2::{Domain, Socket, Type};

const TURNS: usize = 1000;

#[test]
fn between_its_tries() {
    for driver in drivers() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor");
        socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address").into()).expect("free");
        let adopted = Some(Arc::new(OwnedFd::from(socket)));
        let config = ListenConfig { adopted, ..ListenConfig::default() };
        let binding = block_on(Binding::new(&common::tcp(), &config)).expect("bound");
        let placement = shared(driver);
        let (teller, story) = Teller::new();
        let _listening = teller.listen(&placement, binding, config);
        let failed = |happened: &Happened| matches!(happened, Happened::Link(LinkEvent::AcceptFailed(_)));
        // Twice, so that it is seen to try again.
        (0..2).for_each(|_| assert!(failed(&story.next().expect("it goes on"))));
        (0..TURNS).for_each(|_| turn(&placement));
        let failed_meanwhile = story.so_far().iter().filter(|happened| failed(happened)).count();
        assert!(failed_meanwhile < TURNS / 2, "{failed_meanwhile} failures in {TURNS} turns");
    }
}
