//! What can be wrong with an endpoint: one variant for each rule, each naming the part at fault.

use std::fmt;

/// The part of an endpoint that an [`EndpointError`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointPart {
    /// The transport, before `://`.
    Scheme,
    /// The host of a tcp endpoint, scope included.
    Host,
    /// The port of a tcp endpoint.
    Port,
    /// The source address of a tcp endpoint, before the semicolon.
    Source,
    /// The path or abstract name of an ipc endpoint; the path of a WebSocket one.
    Path,
    /// The name of an inproc endpoint.
    Name,
}

impl fmt::Display for EndpointPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "scheme",
            Self::Host => "host",
            Self::Port => "port",
            Self::Source => "source address",
            Self::Path => "path",
            Self::Name => "name",
        })
    }
}

/// Why a text is no endpoint, or why an endpoint does not suit the call.
///
/// [`UnknownTransport`](Self::UnknownTransport) and
/// [`TransportUnavailable`](Self::TransportUnavailable) are libzmq's `EPROTONOSUPPORT`,
/// [`PathTooLong`](Self::PathTooLong) is `ENAMETOOLONG`, and all others are `EINVAL`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing stands before `://`, or there is no `://`.
    #[error("no scheme in {0:?}: expected tcp://, ipc://, inproc://, udp://, ws:// or wss://")]
    MissingScheme(String),
    /// Nobody has this transport, or the scheme is not in lower case.
    #[error("unknown scheme {0:?}: expected tcp, ipc, inproc, udp, ws or wss, in lower case")]
    UnknownTransport(String),
    /// libzmq can be built with this transport; we do not have it.
    #[error("the scheme {0:?} is not available in this version: expected tcp, ipc, inproc, udp, ws or wss")]
    TransportUnavailable(String),
    /// The host is empty.
    #[error("the host is empty: expected a name, an address or an interface, or * to bind to all")]
    EmptyHost,
    /// The host is no address, and no name of letters, digits, `-`, `_` and `.`.
    #[error("bad host {0:?}: expected letters, digits, '-', '_' and '.', a letter or digit first")]
    BadHost(String),
    /// The host name is longer than any that the domain name system can hold.
    #[error("the host {host:?} is too long: {bytes} bytes, at most {max} are allowed")]
    HostTooLong {
        /// The name as given.
        host: String,
        /// Its length in bytes.
        bytes: usize,
        /// The most that is allowed, in bytes.
        max: usize,
    },
    /// Four decimal numbers with dots, but one of them is over 255.
    #[error("bad IPv4 address {0:?} as the host: each number is at most 255")]
    BadIpv4(String),
    /// The host has colons but is no IPv6 address.
    #[error("bad IPv6 address {0:?} as the host: expected the form [fe80::1]:5555")]
    BadIpv6(String),
    /// The scope after `%` is no interface name and no positive interface index.
    #[error("bad scope {0:?} in the host: expected an interface, as in [fe80::1%eth0]:5555")]
    BadScope(String),
    /// The host begins with `[` and has no `]`.
    #[error("the host has no closing bracket in {0:?}: expected the form [fe80::1]:5555")]
    UnclosedBracket(String),
    /// There is no colon, or nothing after it.
    #[error("no port in {0:?}: expected host:port")]
    MissingPort(String),
    /// The port is neither `*` nor a number up to 65535. Service names are not looked up.
    #[error("bad port {0:?}: expected a number up to 65535, or * to bind to any")]
    BadPort(String),
    /// The source address is wrong in the way that the inner error says.
    #[error("bad source address, before the semicolon: {0}")]
    BadSource(Box<EndpointError>),
    /// Only a connect can have a source address.
    #[error("cannot bind to {0:?}: a source address is for connect only")]
    SourceOnBind(String),
    /// A wildcard lets a bind choose; a connect must know.
    #[error("cannot connect to {endpoint:?}: its {part} is a wildcard, for bind only")]
    WildcardConnect {
        /// Where the wildcard is. Port 0 counts as one.
        part: EndpointPart,
        /// The whole endpoint.
        endpoint: String,
    },
    /// Nothing follows `ipc://`.
    #[error("the path is empty: expected ipc://path, ipc://@name, or ipc://* to bind to any")]
    EmptyPath,
    /// Nothing follows `ipc://@`.
    #[error("the path is '@' alone: expected an abstract name after it, as in ipc://@name")]
    EmptyAbstractName,
    /// The path is not UTF-8, or it would read back as a wildcard or an abstract name.
    #[error("bad path {0:?}: expected UTF-8, and ./ before a leading '*' or '@'")]
    BadPath(String),
    /// The path of a WebSocket endpoint has bytes that no request line can have.
    #[error("bad path {0:?}: expected printable ASCII without spaces and '#'")]
    BadWsPath(String),
    /// The path does not fit into a socket address, or is longer than a request may have it.
    #[error("the path {path:?} is too long: {bytes} bytes, at most {max} are allowed")]
    PathTooLong {
        /// The path as given, with the `@` of an abstract name.
        path: String,
        /// Its length in bytes.
        bytes: usize,
        /// The most that is allowed, in bytes.
        max: usize,
    },
    /// Nothing follows `inproc://`.
    #[error("the name is empty: expected inproc://name")]
    EmptyName,
    /// The inproc name is too long.
    #[error("the name {name:?} is too long: {bytes} bytes, at most {max} are allowed")]
    NameTooLong {
        /// The name as given.
        name: String,
        /// Its length in bytes.
        bytes: usize,
        /// The most that is allowed, in bytes.
        max: usize,
    },
    /// A zero byte would end the text early for the kernel and for C callers.
    #[error("the {part} {text:?} has a zero byte")]
    NulByte {
        /// Path or name.
        part: EndpointPart,
        /// That part as given.
        text: String,
    },
}

impl EndpointError {
    /// The part of the endpoint to correct.
    #[must_use]
    pub fn part(&self) -> EndpointPart {
        match self {
            Self::MissingScheme(_) | Self::UnknownTransport(_) | Self::TransportUnavailable(_) => EndpointPart::Scheme,
            Self::EmptyHost
            | Self::BadHost(_)
            | Self::HostTooLong { .. }
            | Self::BadIpv4(_)
            | Self::BadIpv6(_)
            | Self::BadScope(_)
            | Self::UnclosedBracket(_) => EndpointPart::Host,
            Self::MissingPort(_) | Self::BadPort(_) => EndpointPart::Port,
            Self::BadSource(_) | Self::SourceOnBind(_) => EndpointPart::Source,
            Self::EmptyPath
            | Self::EmptyAbstractName
            | Self::BadPath(_)
            | Self::BadWsPath(_)
            | Self::PathTooLong { .. } => EndpointPart::Path,
            Self::EmptyName | Self::NameTooLong { .. } => EndpointPart::Name,
            Self::WildcardConnect { part, .. } | Self::NulByte { part, .. } => *part,
        }
    }
}
