//! libzmq's C interface, as far as the wrapper, the tests and the benchmarks call it.
//!
//! Names, types and numbers are those of `zmq.h` with `ZMQ_BUILD_DRAFT_API`; its manual is their
//! documentation.

#![allow(missing_docs, non_camel_case_types)]

mod constants;

use std::ffi::{c_char, c_int, c_long, c_short, c_void};

pub use constants::*;

/// Opaque storage for a message: 64 bytes, aligned like a pointer, moved only through the API.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(8)))]
#[cfg_attr(target_pointer_width = "32", repr(align(4)))]
pub struct zmq_msg_t([u8; 64]);

impl zmq_msg_t {
    /// Storage that no `zmq_msg_init` has seen yet.
    pub const fn uninitialised() -> Self {
        Self([0; 64])
    }
}

/// One entry for `zmq_poll`: a socket, or a descriptor when `socket` is null.
#[repr(C)]
pub struct zmq_pollitem_t {
    pub socket: *mut c_void,
    pub fd: c_int,
    pub events: c_short,
    pub revents: c_short,
}

unsafe extern "C" {
    pub fn zmq_errno() -> c_int;
    pub fn zmq_strerror(errnum: c_int) -> *const c_char;
    pub fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int);
    pub fn zmq_has(capability: *const c_char) -> c_int;

    pub fn zmq_ctx_new() -> *mut c_void;
    pub fn zmq_ctx_term(context: *mut c_void) -> c_int;
    pub fn zmq_ctx_shutdown(context: *mut c_void) -> c_int;
    pub fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int;
    pub fn zmq_ctx_get(context: *mut c_void, option: c_int) -> c_int;

    pub fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void;
    pub fn zmq_close(socket: *mut c_void) -> c_int;
    pub fn zmq_setsockopt(socket: *mut c_void, option: c_int, value: *const c_void, len: usize) -> c_int;
    pub fn zmq_getsockopt(socket: *mut c_void, option: c_int, value: *mut c_void, len: *mut usize) -> c_int;
    pub fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_disconnect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_connect_peer(socket: *mut c_void, endpoint: *const c_char) -> u32;
    pub fn zmq_join(socket: *mut c_void, group: *const c_char) -> c_int;
    pub fn zmq_leave(socket: *mut c_void, group: *const c_char) -> c_int;
    pub fn zmq_send(socket: *mut c_void, data: *const c_void, len: usize, flags: c_int) -> c_int;
    pub fn zmq_recv(socket: *mut c_void, data: *mut c_void, len: usize, flags: c_int) -> c_int;
    pub fn zmq_poll(items: *mut zmq_pollitem_t, count: c_int, timeout_ms: c_long) -> c_int;
    pub fn zmq_socket_monitor(socket: *mut c_void, endpoint: *const c_char, events: c_int) -> c_int;
    pub fn zmq_socket_monitor_versioned(
        socket: *mut c_void,
        endpoint: *const c_char,
        events: u64,
        version: c_int,
        kind: c_int,
    ) -> c_int;
    pub fn zmq_socket_monitor_pipes_stats(socket: *mut c_void) -> c_int;

    pub fn zmq_msg_init(message: *mut zmq_msg_t) -> c_int;
    pub fn zmq_msg_init_size(message: *mut zmq_msg_t, len: usize) -> c_int;
    pub fn zmq_msg_init_buffer(message: *mut zmq_msg_t, data: *const c_void, len: usize) -> c_int;
    pub fn zmq_msg_close(message: *mut zmq_msg_t) -> c_int;
    pub fn zmq_msg_copy(to: *mut zmq_msg_t, from: *mut zmq_msg_t) -> c_int;
    pub fn zmq_msg_send(message: *mut zmq_msg_t, socket: *mut c_void, flags: c_int) -> c_int;
    pub fn zmq_msg_recv(message: *mut zmq_msg_t, socket: *mut c_void, flags: c_int) -> c_int;
    pub fn zmq_msg_data(message: *mut zmq_msg_t) -> *mut c_void;
    pub fn zmq_msg_size(message: *const zmq_msg_t) -> usize;
    pub fn zmq_msg_more(message: *const zmq_msg_t) -> c_int;
    pub fn zmq_msg_gets(message: *const zmq_msg_t, property: *const c_char) -> *const c_char;
    pub fn zmq_msg_routing_id(message: *mut zmq_msg_t) -> u32;
    pub fn zmq_msg_set_routing_id(message: *mut zmq_msg_t, routing_id: u32) -> c_int;
    pub fn zmq_msg_group(message: *mut zmq_msg_t) -> *const c_char;
    pub fn zmq_msg_set_group(message: *mut zmq_msg_t, group: *const c_char) -> c_int;
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    const HEADER: &str = include_str!(env!("LIBZMQ_HEADER"));
    const CONSTANTS: &str = include_str!("ffi/constants.rs");

    /// `name -> number` for every line that is `prefix NAME separator NUMBER suffix`.
    fn numbers(text: &str, prefix: &str, separator: &str, suffix: &str) -> HashMap<String, i64> {
        text.lines()
            .filter_map(|line| line.strip_prefix(prefix)?.strip_suffix(suffix)?.split_once(separator))
            .filter_map(|(name, number)| Some((name.to_owned(), parse(number)?)))
            .collect()
    }

    fn parse(number: &str) -> Option<i64> {
        let digits = number.trim().replace('_', "");
        match digits.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        }
    }

    #[test]
    fn every_constant_has_the_number_of_the_header() {
        let header = numbers(HEADER, "#define ", " ", "");
        let ours = numbers(CONSTANTS, "pub const ", ": c_int = ", ";");
        assert!(ours.len() > 190, "only {} constants were read", ours.len());
        for (name, number) in &ours {
            assert_eq!(header.get(name), Some(number), "{name}");
        }
    }
}
