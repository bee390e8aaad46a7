//! Peers that connect and say nothing take the places of handshakes, and no more than there are.

mod common;

use std::io::Write;

use common::{Happened, Story, Teller, bind, connect, each_link, shared, wire};
use monocoque_io::{LinkEvent, ListenConfig};

fn wait_for(story: &Story, what: &str, wanted: fn(&LinkEvent) -> bool) {
    story.event(what, |event| wanted(event).then_some(()));
}

#[test]
fn and_places_come_back_when_one_is_ready_or_gone() {
    each_link(|driver, wildcard| {
        let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
        let endpoint = binding.endpoint().clone();
        let (mut teller, story) = Teller::new();
        teller.shy = true;
        let config = ListenConfig { half_open_max: 2, ..ListenConfig::default() };
        let _listening = teller.listen(&placement, binding, config);
        let accepted = |event: &LinkEvent| matches!(event, LinkEvent::Accepted(_));
        let refused = |event: &LinkEvent| matches!(event, LinkEvent::TooManyHandshakes { .. });

        let mut speaks = connect(&endpoint);
        wait_for(&story, "the first", accepted);
        let leaves = connect(&endpoint);
        wait_for(&story, "the second", accepted);
        let mut third = connect(&endpoint);
        wait_for(&story, "the third to be turned away", refused);
        assert_eq!(third.read_to_the_end(), b"");

        speaks.write_all(&wire(b"hello")).expect("accepted");
        let mut first = story.ready();
        assert_eq!(*first.recv().expect("a message").first(), b"hello");
        let _fourth = connect(&endpoint);
        wait_for(&story, "a place after a handshake", accepted);

        drop(leaves);
        assert!(!story.ended().was_ready);
        let mut fifth = connect(&endpoint);
        story.find("a place after a hang-up", |happened| match happened {
            Happened::Link(event) if accepted(&event) => Ok(()),
            other => Err(other),
        });
        fifth.write_all(&wire(b"hello")).expect("accepted");
        story.ready();
    });
}
