//! What programs of libzmq 4.3.5 count on, as its sources have it where the manual is silent.

mod a_descriptor_rings_again_after_each_look;
mod a_request_keeps_its_turn;
mod a_routing_id_may_begin_with_zero;
mod c;
mod endpoints_are_taken_off;
mod odd_ends_of_the_api;
mod options_are_taken;
mod what_is_refused_leaves_no_part;
mod who_may_be_sent_to_is_told;
