//! What a hub does, driven with pipes whose other ends are the test's: one behaviour a file.

mod peer;

mod a_full_peer_is_skipped_until_it_has_room;
mod a_high_water_mark_admits_exactly_that_many;
mod a_link_that_closes_destroys_both_queues;
mod a_new_life_never_gets_what_was_meant_for_the_old;
mod a_pair_has_one_peer;
mod a_rep_restores_any_envelope;
mod a_req_keeps_step_and_has_many_in_flight;
mod a_router_balances_by_itself;
mod a_router_sends_by_routing_id;
mod a_subscriber_counts_its_subscriptions;
mod a_subscriber_replays_its_subscriptions;
mod an_xpub_tells_of_subscriptions;
mod answers_to_several_messages_go_out_together;
mod callers_on_many_threads_lose_nothing;
mod closing_drains_and_then_says_so;
mod every_drop_is_counted;
mod operations_agree_with_an_oracle;
mod publishing_reaches_each_match_once;
mod receiving_is_fair;
mod sending_goes_round;
mod types_do_only_what_they_can;
mod waiters_are_woken;
