//! `tcp://source;target` connects from the source, be it written as an address or as an interface.

mod common;

use common::{RawListener, Teller, drivers, shared, tcp};
use monocoque_io::LinkEvent;

#[test]
fn before_it_connects() {
    for driver in drivers() {
        for (source, address) in [("127.0.0.2:0", "127.0.0.2"), ("lo:0", "127.0.0.1"), ("localhost:0", "127.0.0.1")] {
            let listener = RawListener::new(&tcp(), None);
            let target = listener.endpoint.to_string().replace("tcp://", "");
            let (teller, story) = Teller::new();
            let endpoint = format!("tcp://{source};{target}").parse().expect("well formed");
            let placement = shared(driver);
            let _dialing = teller.dial(&placement, &endpoint);
            let local = story.event("the link", |event| match event {
                LinkEvent::Connected(facts) => Some(facts.local.clone()),
                _ => None,
            });
            let peer = listener.accept().0.peer_addr().expect("connected").as_socket().expect("tcp");
            assert_eq!((peer.ip().to_string().as_str(), format!("tcp://{peer}")), (address, local));
        }
    }
}
