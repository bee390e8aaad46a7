//! How connections are made, kept and given up.

use std::time::Duration;

use monocoque_core::SocketType::{Peer, Router, Server, Stream};
use monocoque_core::limits::ROUTING_ID_BYTES_MAX;
use monocoque_io::AddressRange;

use super::{INT_MAX, above_zero, above_zero_ms, endless, endless_ms, millis};
use crate::options::Options;
use crate::options::ReconnectStop;
use crate::options::SocketOption;
use crate::options::spec::{Form, OptionSpec, OptionValue};

/// The longest time to live that a PING can name (RFC 37), in ms.
const TTL_MAX: i64 = 6_553_599;

/// The longest user and password of RFC 1929, in bytes.
const SOCKS_TEXT_MAX: usize = 255;

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        SocketOption::AFFINITY,
        "The I/O threads that may serve the socket, one bit for each; 0 for all, -1 too",
        Form::Int {
            min: i64::MIN,
            max: i64::MAX,
            get: |options| options.affinity as i64,
            set: |options, mask| options.affinity = mask as u64,
        },
    )
    .by("affinity"),
    OptionSpec::new(
        SocketOption::ROUTING_ID,
        "The name under which ROUTER peers know this socket: 1 to 255 bytes that do not begin with zero, though `as_libzmq` lets them",
        Form::Bytes {
            max: ROUTING_ID_BYTES_MAX,
            get: |options| options.identity.as_ref().map(|id| id.as_bytes().to_vec()),
            set: |options, bytes| {
                options.identity = Some(options.chosen_name(bytes)?);
                Ok(())
            },
        },
    )
    .by("identity"),
    OptionSpec::new(
        SocketOption::METADATA,
        "A property that peers are told in the handshake, NAME:VALUE, the name beginning with X-; each adds one",
        Form::Bytes {
            max: usize::MAX,
            get: |options| {
                let lines = options.metadata.iter().map(|(name, value)| [name.as_bytes(), b":", value].concat());
                let lines: Vec<Vec<u8>> = lines.collect();
                (!lines.is_empty()).then(|| lines.join(&b'\n'))
            },
            set: |options, bytes| {
                let bytes = bytes.unwrap_or_default();
                let colon = bytes.iter().position(|&byte| byte == b':').ok_or("takes NAME:VALUE")?;
                let name = str::from_utf8(&bytes[..colon]).map_err(|_| "takes a name that is text")?;
                options.add_metadata(name, &bytes[colon + 1..])
            },
        },
    )
    .by("metadata"),
    OptionSpec::new(
        SocketOption::CONNECT_ROUTING_ID,
        "The name of the peer that is connected to next, whatever it calls itself",
        Form::Bytes {
            max: ROUTING_ID_BYTES_MAX,
            get: |options| options.next_name.as_ref().map(|id| id.as_bytes().to_vec()),
            set: |options, bytes| {
                options.next_name = Some(options.chosen_name(bytes)?);
                Ok(())
            },
        },
    )
    .of(&[Router, Stream])
    .by("connect_as"),
    OptionSpec::new(
        SocketOption::RECONNECT_IVL,
        "The wait before the second attempt to connect, in ms; -1 for no second attempt",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| endless_ms(options.reconnects.then_some(options.reconnect.first)),
            set: |options, ms| {
                let first = endless(ms);
                options.reconnects = first.is_some();
                options.reconnect.first = first.unwrap_or(options.reconnect.first);
            },
        },
    )
    .by("reconnect"),
    OptionSpec::new(
        SocketOption::RECONNECT_IVL_MAX,
        "The waits between attempts double up to this, in ms; 0 for waits that do not grow",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| millis(options.reconnect.max),
            set: |options, ms| options.reconnect.max = Duration::from_millis(ms as u64),
        },
    )
    .by("reconnect"),
    OptionSpec::new(
        SocketOption::RECONNECT_STOP,
        "What ends a connected endpoint for good: 1 a refusal, 2 a failed handshake, 4 a disconnect (always does)",
        Form::Int {
            min: 0,
            max: 7,
            get: |options| {
                let stop = options.reconnect_stop;
                let always = i64::from(options.stop_after_disconnect) << 2;
                i64::from(stop.refused) | i64::from(stop.handshake_failed) << 1 | always
            },
            set: |options, bits| {
                let has = |bit| bits & bit != 0;
                options.reconnect_stop = ReconnectStop { refused: has(1), handshake_failed: has(2) };
                options.stop_after_disconnect = has(4);
            },
        },
    )
    .by("reconnect_stop"),
    OptionSpec::new(
        SocketOption::CONNECT_TIMEOUT,
        "How long the connection to one address may take, in ms; 0 leaves it to the system",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| above_zero_ms(options.connect_timeout),
            set: |options, ms| options.connect_timeout = above_zero(ms),
        },
    )
    .by("connect_timeout"),
    OptionSpec::new(
        SocketOption::HANDSHAKE_IVL,
        "How long a handshake may take, in ms; 0 for any time",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| above_zero_ms(options.handshake_timeout),
            set: |options, ms| options.handshake_timeout = above_zero(ms),
        },
    )
    .by("handshake_timeout"),
    OptionSpec::new(
        SocketOption::HEARTBEAT_IVL,
        "Silence after which a peer is asked for a sign of life, in ms; 0 for never",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| above_zero_ms(options.heartbeat.interval),
            set: |options, ms| options.heartbeat.interval = above_zero(ms),
        },
    )
    .by("heartbeat"),
    OptionSpec::new(
        SocketOption::HEARTBEAT_TTL,
        "How long the peer may hear nothing of us, which it is told, in ms; tenths of a second travel",
        Form::Int {
            min: 0,
            max: TTL_MAX,
            get: |options| above_zero_ms(options.heartbeat.ttl),
            set: |options, ms| options.heartbeat.ttl = above_zero(ms / 100 * 100),
        },
    )
    .by("heartbeat"),
    OptionSpec::new(
        SocketOption::HEARTBEAT_TIMEOUT,
        "How long the sign of life may take, in ms; -1 for as long as HEARTBEAT_IVL",
        Form::Int {
            min: -1,
            max: INT_MAX,
            get: |options| endless_ms(options.heartbeat.timeout),
            set: |options, ms| options.heartbeat.timeout = endless(ms),
        },
    )
    .by("heartbeat"),
    OptionSpec::new(
        SocketOption::MAXMSGSIZE,
        "The longest frame that is accepted, in bytes: who sends a longer one is cut off; -1 for any",
        Form::Int {
            min: -1,
            max: i64::MAX,
            get: |options| options.max_message_bytes.map_or(-1, |bytes| bytes.try_into().unwrap_or(i64::MAX)),
            set: |options, bytes| options.max_message_bytes = u64::try_from(bytes).ok(),
        },
    )
    .by("max_message_size"),
    OptionSpec::new(
        SocketOption::BACKLOG,
        "Connections that the system holds before they are accepted",
        Form::Int {
            min: 0,
            max: INT_MAX,
            get: |options| options.listen.backlog.into(),
            set: |options, connections| options.listen.backlog = connections as i32,
        },
    )
    .by("backlog"),
    OptionSpec::new(
        SocketOption::HALF_OPEN_MAX,
        "Handshakes that may be under way at once on each bound endpoint",
        Form::Int {
            min: 1,
            max: INT_MAX,
            get: |options| options.listen.half_open_max as i64,
            set: |options, handshakes| options.listen.half_open_max = handshakes as usize,
        },
    )
    .by("half_open_max"),
    OptionSpec::new(
        SocketOption::HALF_OPEN_HOST_MAX,
        "And of one host: an IPv4 address, or 64 bits of an IPv6 one",
        Form::Int {
            min: 1,
            max: INT_MAX,
            get: |options| options.listen.half_open_host_max as i64,
            set: |options, handshakes| options.listen.half_open_host_max = handshakes as usize,
        },
    )
    .by("half_open_host_max"),
    OptionSpec::new(
        SocketOption::TCP_ACCEPT_FILTER,
        "TCP: adds addresses that may connect, as ADDRESS or ADDRESS/BITS; none clears the list, and all may",
        Form::Bytes {
            max: usize::MAX,
            get: |options| {
                let ranges: Vec<_> = options.listen.filter.addresses.iter().map(ToString::to_string).collect();
                (!ranges.is_empty()).then(|| ranges.join(",").into_bytes())
            },
            set: |options, bytes| {
                let text = std::str::from_utf8(bytes.unwrap_or_default()).map_err(|error| error.to_string())?;
                let ranges = text.split(',').filter(|text| !text.is_empty()).map(str::parse::<AddressRange>);
                let ranges = ranges.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
                let addresses = &mut options.listen.filter.addresses;
                if ranges.is_empty() {
                    addresses.clear()
                } else {
                    addresses.extend(ranges)
                }
                Ok(())
            },
        },
    )
    .by("accept_filter"),
    ids(
        SocketOption::IPC_FILTER_UID,
        "ipc: adds a user whose processes may connect; -1 clears the list",
        |options| last(&options.listen.filter.users),
        |options, user| add(&mut options.listen.filter.users, user),
    ),
    ids(
        SocketOption::IPC_FILTER_GID,
        "ipc: adds a group whose processes may connect; -1 clears the list",
        |options| last(&options.listen.filter.groups),
        |options, group| add(&mut options.listen.filter.groups, group),
    ),
    ids(
        SocketOption::IPC_FILTER_PID,
        "ipc: adds a process that may connect; -1 clears the list",
        |options| last(&options.listen.filter.processes),
        |options, process| add(&mut options.listen.filter.processes, process),
    ),
    OptionSpec::new(
        SocketOption::SOCKS_PROXY,
        "TCP: the SOCKS5 proxy that connects go through, as HOST:PORT; it looks names up",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.socks.place().map(String::into_bytes),
            set: |options, bytes| {
                let text = bytes.map(std::str::from_utf8).transpose().map_err(|error| error.to_string())?;
                options.socks.set_place(text)
            },
        },
    )
    .by("socks_proxy"),
    OptionSpec::new(
        SocketOption::SOCKS_USERNAME,
        "TCP: the user that the SOCKS5 proxy is told if it asks",
        Form::Text {
            max: SOCKS_TEXT_MAX,
            get: |options| options.socks.user.clone(),
            set: |options, user| options.socks.user = user.filter(|user| !user.is_empty()),
        },
    )
    .by("socks_login"),
    OptionSpec::new(
        SocketOption::SOCKS_PASSWORD,
        "TCP: the password that the SOCKS5 proxy is told with the user",
        Form::Text {
            max: SOCKS_TEXT_MAX,
            get: |options| options.socks.password.clone(),
            set: |options, password| options.socks.password = password,
        },
    )
    .by("socks_login"),
    OptionSpec::new(
        SocketOption::HELLO_MSG,
        "What each new peer is sent before everything else",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.hub.hello.as_ref().map(|message| message.first().to_vec()),
            set: |options, bytes| {
                options.hub.hello = bytes.map(Into::into);
                Ok(())
            },
        },
    )
    .of(super::patterns::GREETERS)
    .at_once()
    .by("hello"),
    OptionSpec::new(
        SocketOption::DISCONNECT_MSG,
        "What is received of each peer that goes, behind all that it sent",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.hub.disconnect.as_ref().map(|message| message.first().to_vec()),
            set: |options, bytes| {
                options.hub.disconnect = bytes.map(Into::into);
                Ok(())
            },
        },
    )
    .of(&[Router, Server, Peer])
    .at_once()
    .by("disconnect_message"),
    OptionSpec::new(
        SocketOption::HICCUP_MSG,
        "What is received when a connection is lost that will be made again",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.hub.hiccup.as_ref().map(|message| message.first().to_vec()),
            set: |options, bytes| {
                options.hub.hiccup = bytes.map(Into::into);
                Ok(())
            },
        },
    )
    .of(super::patterns::HICCUPS)
    .at_once()
    .by("hiccup_message"),
    OptionSpec::new(
        SocketOption::TYPE,
        "The number of the socket type",
        Form::Told(|core| OptionValue::Int(core.socket_type() as i64)),
    )
    .by("socket_type"),
    OptionSpec::new(
        SocketOption::EVENTS,
        "1 if a message is there, 2 if one could be queued, 3 for both",
        Form::Told(|core| OptionValue::Int(core.events_now())),
    )
    .by("can_recv, can_send"),
    OptionSpec::new(
        SocketOption::FD,
        "A descriptor that is readable when EVENTS is to be read, which silences it; -1 if the system has none left",
        Form::Told(|core| OptionValue::Int(core.event_fd().map_or(-1, |fd| fd.number().into()))),
    )
    .by("event_fd"),
    OptionSpec::new(
        SocketOption::LAST_ENDPOINT,
        "The endpoint that was bound or connected last, with its real address",
        Form::Told(|core| core.last_endpoint().map(|endpoint| endpoint.to_string()).into()),
    )
    .by("last_endpoint"),
    OptionSpec::new(
        SocketOption::THREAD_SAFE,
        "Whether the type is one that libzmq lets threads share; here they may share every socket",
        Form::Told(|core| core.socket_type().is_single().into()),
    ),
];

const fn ids(
    option: SocketOption,
    about: &'static str,
    get: fn(&Options) -> i64,
    set: fn(&mut Options, i64),
) -> OptionSpec {
    OptionSpec::new(option, about, Form::Int { min: -1, max: u32::MAX as i64, get, set }).by("accept_filter")
}

/// What was added last; -1 for an empty list.
fn last(ids: &[u32]) -> i64 {
    ids.last().map_or(-1, |&id| id.into())
}

fn add(ids: &mut Vec<u32>, id: i64) {
    match u32::try_from(id) {
        Ok(id) => ids.push(id),
        Err(_) => ids.clear(),
    }
}
