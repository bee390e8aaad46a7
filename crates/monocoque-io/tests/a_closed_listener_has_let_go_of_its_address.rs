//! Whoever was told that a listener is closed can bind its address again, at once.

mod common;

use common::{Happened, Teller, bind, drivers, shared, tcp};
use monocoque_core::Endpoint;
use monocoque_io::{LinkEvent, ListenConfig};

#[test]
fn every_time() {
    let abstract_name = format!("ipc://@monocoque-again-{}", std::process::id());
    for driver in drivers() {
        let placement = shared(driver);
        for first in [tcp(), abstract_name.parse::<Endpoint>().expect("well formed")] {
            let mut endpoint = first;
            for _ in 0..50 {
                let binding = bind(&endpoint).expect("free again");
                endpoint = binding.endpoint().clone();
                let (teller, story) = Teller::new();
                drop(teller.listen(&placement, binding, ListenConfig::default()));
                story.find("the end", |happened| match happened {
                    Happened::Link(LinkEvent::ListenerClosed { .. }) => Ok(()),
                    other => Err(other),
                });
            }
        }
    }
}
