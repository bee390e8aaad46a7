//! What the system is told of the sockets under connections.

use std::time::Duration;

use monocoque_core::SocketType::{self, Dgram, Dish, Radio};
use monocoque_io::Keepalive;

use super::{INT_MAX, above_zero, above_zero_ms, chosen, chosen_number};
use crate::options::Options;
use crate::options::SocketOption;
use crate::options::spec::{Form, OptionSpec};

const DATAGRAMS: &[SocketType] = &[Radio, Dish, Dgram];

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        SocketOption::SNDBUF,
        "Bytes that the system holds of what is sent on each connection; -1 for its own choice, or 128 KiB for a publisher's TCP peers on the same machine and 256 KiB for all others over ipc",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| chosen_number(options.listen.tuning.send_buffer_bytes),
            set: |options, bytes| options.listen.tuning.send_buffer_bytes = chosen(bytes),
        },
    )
    .by("send_buffer"),
    OptionSpec::new(
        SocketOption::RCVBUF,
        "Bytes that the system holds of what each connection has received; -1 for its own choice",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| chosen_number(options.listen.tuning.recv_buffer_bytes),
            set: |options, bytes| options.listen.tuning.recv_buffer_bytes = chosen(bytes),
        },
    )
    .by("recv_buffer"),
    OptionSpec::new(
        SocketOption::TOS,
        "TCP: the type of service, or traffic class, of packets",
        Form::Int {
            min: 0,
            max: 255,
            get: |options| options.listen.tuning.tos.map_or(0, Into::into),
            set: |options, class| options.listen.tuning.tos = Some(class as u32),
        },
    )
    .by("tos"),
    OptionSpec::new(
        SocketOption::PRIORITY,
        "The priority of packets in this machine's queues; above 6 it needs CAP_NET_ADMIN",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| options.listen.tuning.priority.map_or(0, Into::into),
            set: |options, priority| options.listen.tuning.priority = Some(priority as u32),
        },
    )
    .by("priority"),
    OptionSpec::new(
        SocketOption::TCP_KEEPALIVE,
        "TCP: whether the system asks silent peers for a sign of life: 1, 0, or -1 for its own choice",
        Form::Int {
            min: -1,
            max: 1,
            get: |options| options.listen.tuning.keepalive.map_or(-1, |keepalive| keepalive.is_some().into()),
            set: |options, on| {
                let times = keepalive(options);
                options.listen.tuning.keepalive = (on >= 0).then_some((on == 1).then_some(times));
                options.keepalive_times = times;
            },
        },
    )
    .by("keepalive"),
    OptionSpec::new(
        SocketOption::TCP_KEEPALIVE_IDLE,
        "TCP: silence before the first question, in s; -1 for the system's choice",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| seconds(keepalive(options).idle),
            set: |options, s| set_keepalive(options, |times| times.idle = chosen(s).map(Duration::from_secs)),
        },
    )
    .by("keepalive"),
    OptionSpec::new(
        SocketOption::TCP_KEEPALIVE_INTVL,
        "TCP: time between questions, in s; -1 for the system's choice",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| seconds(keepalive(options).interval),
            set: |options, s| set_keepalive(options, |times| times.interval = chosen(s).map(Duration::from_secs)),
        },
    )
    .by("keepalive"),
    OptionSpec::new(
        SocketOption::TCP_KEEPALIVE_CNT,
        "TCP: questions without an answer after which the connection is lost; -1 for the system's choice",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| chosen_number(keepalive(options).probes),
            set: |options, probes| set_keepalive(options, |times| times.probes = chosen(probes)),
        },
    )
    .by("keepalive"),
    OptionSpec::new(
        SocketOption::TCP_MAXRT,
        "TCP: how long sent bytes may stay unacknowledged before the connection is lost, in ms; 0 for the system's choice",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| above_zero_ms(options.listen.tuning.retransmit_max),
            set: |options, ms| options.listen.tuning.retransmit_max = above_zero(ms),
        },
    )
    .by("max_retransmit"),
    OptionSpec::new(
        SocketOption::IPV6,
        "TCP and UDP: names may have IPv6 addresses, and `*` is every address of both families",
        Form::Flag {
            get: |options| options.listen.tuning.ipv6,
            set: |options, on| options.listen.tuning.ipv6 = on,
        },
    )
    .by("ipv6"),
    OptionSpec::new(
        SocketOption::IPV4ONLY,
        "The old name of IPV6, turned round",
        Form::Flag {
            get: |options| !options.listen.tuning.ipv6,
            set: |options, on| options.listen.tuning.ipv6 = !on,
        },
    )
    .by("ipv6"),
    OptionSpec::new(
        SocketOption::BINDTODEVICE,
        "TCP: the interface, or routing domain, that connections keep to",
        Form::Text {
            max: usize::MAX,
            get: |options| options.listen.tuning.device.clone(),
            set: |options, name| options.listen.tuning.device = name.filter(|name| !name.is_empty()),
        },
    )
    .by("bind_device"),
    OptionSpec::new(
        SocketOption::MULTICAST_HOPS,
        "UDP: routers that a multicast datagram may pass",
        Form::Int {
            min: 1,
            max: 255,
            get: |options| options.multicast.0.into(),
            set: |options, hops| options.multicast.0 = hops as u32,
        },
    )
    .of(DATAGRAMS)
    .by("multicast_hops"),
    OptionSpec::new(
        SocketOption::MULTICAST_LOOP,
        "UDP: whether multicast datagrams come back to this machine",
        Form::Flag { get: |options| options.multicast.1, set: |options, on| options.multicast.1 = on },
    )
    .of(DATAGRAMS)
    .by("multicast_loop"),
    OptionSpec::new(
        SocketOption::BUSY_POLL,
        "How long a read in the kernel may poll the device, in us; 0 for the system's choice",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| options.listen.tuning.busy_poll_us.map_or(0, Into::into),
            set: |options, us| options.listen.tuning.busy_poll_us = chosen(us).filter(|&us| us > 0),
        },
    )
    .by("busy_poll"),
];

/// The times that are in force, or will be when keep-alive is turned on.
fn keepalive(options: &Options) -> Keepalive {
    options.listen.tuning.keepalive.flatten().unwrap_or(options.keepalive_times)
}

fn set_keepalive(options: &mut Options, set: impl FnOnce(&mut Keepalive)) {
    let mut times = keepalive(options);
    set(&mut times);
    options.keepalive_times = times;
    if let Some(Some(in_force)) = &mut options.listen.tuning.keepalive {
        *in_force = times;
    }
}

fn seconds(time: Option<Duration>) -> i64 {
    chosen_number(time.map(|time| time.as_secs()))
}
