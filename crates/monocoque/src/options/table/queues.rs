//! Queues and waiting.

use monocoque_core::SocketType::{Dealer, Pub, Pull, Push, Sub};

use super::{INT_MAX, endless, endless_ms};
use crate::options::Options;
use crate::options::SocketOption;
use crate::options::spec::{Form, OptionSpec};

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        SocketOption::SNDHWM,
        "Messages that may wait to be sent to each peer; 0 for no limit",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| options.send_hwm.0.messages.into(),
            set: |options, messages| options.send_hwm.0.messages = messages as u32,
        },
    )
    .at_once()
    .by("send_hwm"),
    OptionSpec::new(
        SocketOption::RCVHWM,
        "Messages of each peer that may wait to be received; 0 for no limit",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| options.recv_hwm.0.messages.into(),
            set: |options, messages| options.recv_hwm.0.messages = messages as u32,
        },
    )
    .at_once()
    .by("recv_hwm"),
    OptionSpec::new(
        SocketOption::SNDHWM_BYTES,
        "Bytes that may wait to be sent to each peer; 0 for no limit",
        Form::Int {
            min: 0,
            max: i64::MAX,
            get: |options| options.send_hwm.0.bytes as i64,
            set: |options, bytes| options.send_hwm.0.bytes = bytes as usize,
        },
    )
    .at_once()
    .by("send_hwm"),
    OptionSpec::new(
        SocketOption::RCVHWM_BYTES,
        "Bytes of each peer that may wait to be received; 0 for no limit",
        Form::Int {
            min: 0,
            max: i64::MAX,
            get: |options| options.recv_hwm.0.bytes as i64,
            set: |options, bytes| options.recv_hwm.0.bytes = bytes as usize,
        },
    )
    .at_once()
    .by("recv_hwm"),
    OptionSpec::new(
        SocketOption::LINGER,
        "How long a closed socket goes on sending what is queued, in ms; -1 for as long as it takes",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| endless_ms(options.linger),
            set: |options, ms| options.linger = endless(ms),
        },
    )
    .at_once()
    .by("linger"),
    OptionSpec::new(
        SocketOption::SNDTIMEO,
        "How long a send waits for room, in ms; -1 for ever",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| endless_ms(options.send_timeout),
            set: |options, ms| options.send_timeout = endless(ms),
        },
    )
    .at_once()
    .by("send_timeout"),
    OptionSpec::new(
        SocketOption::RCVTIMEO,
        "How long a receive waits for a message, in ms; -1 for ever",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| endless_ms(options.recv_timeout),
            set: |options, ms| options.recv_timeout = endless(ms),
        },
    )
    .at_once()
    .by("recv_timeout"),
    OptionSpec::new(
        SocketOption::IMMEDIATE,
        "Queues for connected peers only, not for those being connected to",
        Form::Flag { get: |options| options.immediate, set: |options, on| options.immediate = on },
    )
    .by("immediate"),
    OptionSpec::new(
        SocketOption::CONFLATE,
        "Keeps the last message of each peer only",
        Form::Flag { get: |options: &Options| options.conflate, set: |options, on| options.conflate = on },
    )
    .of(&[Dealer, Push, Pull, Pub, Sub])
    .by("conflate"),
];
