//! What the facade promises, one behaviour a file. One binary, because linking is what takes the time.

#[path = "../common/mod.rs"]
mod common;

mod a_capture_gets_every_message_whole;
mod a_dropped_future_loses_nothing;
mod a_hostile_peer_costs_only_itself;
mod a_poller_says_who_is_ready;
mod a_proxy_does_as_it_is_told;
mod a_proxy_keeps_what_it_took;
mod a_reconnect_storm_loses_nothing_that_the_contract_keeps;
mod a_request_cannot_wedge_its_socket;
mod a_slow_peer_holds_nobody_else_up;
mod a_stream_speaks_no_protocol;
mod bad_input_ends_one_connection_only;
mod churning_subscriptions_agree_with_an_oracle;
mod closing_reports_what_was_not_delivered;
mod connecting_may_stop_for_good;
mod datagrams_come_and_go_over_udp;
mod endpoints_come_and_go;
mod every_pair_of_types_talks_over_every_transport;
mod high_water_marks_add_up;
mod inproc_peers_part_under_load;
mod linger_and_delivery_add_up;
mod no_message_goes_to_a_dead_peer;
mod options_do_what_they_say;
mod peers_have_names_before_they_are_there;
mod peers_of_older_versions_are_served;
mod proxies_and_routers_spread_the_work;
mod senders_write_themselves;
mod single_frames_stay_single;
mod sockets_are_streams_and_sinks;
mod subscriptions_decide_what_is_received;
mod subscriptions_travel_through_chains_of_proxies;
mod the_same_program_runs_on_every_runtime;
mod timers_fire_once_however_late;
mod user_errors_are_typed_and_give_messages_back;
