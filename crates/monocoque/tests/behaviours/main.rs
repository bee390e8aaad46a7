//! What the facade promises, one behaviour a file. One binary, because linking is what takes the time.

#[path = "../common/mod.rs"]
mod common;

mod every_pair_of_types_talks_over_every_transport;
mod a_reconnect_storm_loses_nothing_that_the_contract_keeps;
mod no_message_goes_to_a_dead_peer;
mod a_dropped_future_loses_nothing;
mod a_slow_peer_holds_nobody_else_up;
