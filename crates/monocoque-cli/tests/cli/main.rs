//! The `monocoque` program as its users have it: started, fed, read, and judged by output and exit code.
//!
//! Nothing here sleeps: a test waits for lines, events and exits, and each wait has a deadline.

mod harness;

mod a_broken_pipe_is_no_failure;
mod a_proxy_forwards_until_it_is_interrupted;
mod a_request_gets_its_answer;
mod an_echo_outlives_its_clients;
mod any_option_can_be_set;
mod benches_measure_and_say_so;
mod curve_keys_are_made_looked_at_and_used;
mod exit_codes_tell_what_went_wrong;
mod frames_survive_every_format;
mod help_doctor_and_demo_run_anywhere;
mod lines_go_from_socket_to_socket;
mod peers_of_a_router_are_named;
mod probe_says_what_is_there;
mod subscribers_get_what_they_asked_for;
mod what_is_ignored_stays_ignored;
