//! Endpoints: where a socket binds or connects, as text and as values.
//!
//! Owns the grammar of `tcp://`, `ipc://`, `ws://`, `wss://`, `udp://` and `inproc://` and the rules on what may be
//! bound and what connected to. Promises that a parsed endpoint prints to a text that parses to the same
//! value, and that no text causes a panic. Leaves out every look-up: whether a name is a host or
//! an interface, and what its address is, is for the driver to find out.
//!
//! Where libzmq is lax we refuse: a port with letters after it, a scope on a host name, an
//! ipc path that only begins with `*`, a connect to port 0.

mod error;
mod parse;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

pub use error::{EndpointError, EndpointPart};
use parse::{parse_host, parse_ipc, parse_tcp, parse_udp, parse_ws};

/// The longest host name, in bytes: what the domain name system can hold, with the final dot.
pub const HOST_BYTES_MAX: usize = 254;
/// The longest scope, in bytes: Linux interface names have 16 with the final zero.
pub const SCOPE_BYTES_MAX: usize = 15;
/// The longest ipc address after `ipc://`, in bytes: `sun_path` has 108 with the final zero.
/// The `@` of an abstract name counts.
pub const IPC_BYTES_MAX: usize = 107;
/// The longest inproc name, in bytes: that of a path, since they are made of such. libzmq has no limit.
pub const INPROC_BYTES_MAX: usize = 4096;
/// The longest path of a WebSocket endpoint, in bytes: with the other headers it fits what peers read of a request.
pub const WS_PATH_BYTES_MAX: usize = 2048;

/// What libzmq has, or has had, and we have not.
const UNAVAILABLE: [&str; 5] = ["epgm", "norm", "pgm", "tipc", "vmci"];

/// A place to bind to or connect to.
///
/// `Display` prints the endpoint with its scheme; the text parses back to an equal value.
///
/// ```
/// use monocoque_core::endpoint::{Endpoint, EndpointPart};
///
/// let endpoint: Endpoint = "tcp://::1:0".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://[::1]:*");
/// assert!(endpoint.check_bind().is_ok());
/// assert_eq!(endpoint.check_connect().unwrap_err().part(), EndpointPart::Port);
/// # Ok::<(), monocoque_core::endpoint::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `tcp://host:port` or `tcp://source_host:source_port;host:port`.
    Tcp(TcpEndpoint),
    /// `ipc://path`, `ipc://@name` or `ipc://*`.
    Ipc(IpcEndpoint),
    /// `inproc://name`.
    Inproc(InprocName),
    /// `udp://host:port` or `udp://interface;host:port`.
    Udp(UdpEndpoint),
    /// `ws://host:port/path` or `wss://host:port/path`.
    Ws(WsEndpoint),
}

impl Endpoint {
    /// Checks that a socket may bind to this endpoint.
    ///
    /// # Errors
    /// [`EndpointError::SourceOnBind`] if there is a source address, and the errors of
    /// [`IpcEndpoint::path`] and [`IpcEndpoint::abstract_name`] if a variant was filled by hand.
    pub fn check_bind(&self) -> Result<(), EndpointError> {
        match self {
            Self::Tcp(tcp) if tcp.source.is_some() => Err(EndpointError::SourceOnBind(self.to_string())),
            Self::Ipc(ipc) => ipc.check(),
            Self::Tcp(_) | Self::Inproc(_) | Self::Udp(_) | Self::Ws(_) => Ok(()),
        }
    }

    /// Checks that a socket may connect to this endpoint.
    ///
    /// # Errors
    /// [`EndpointError::WildcardConnect`] if host, port or path is left to choose (the source
    /// address may be), and the errors of [`IpcEndpoint::path`] and
    /// [`IpcEndpoint::abstract_name`] if a variant was filled by hand.
    pub fn check_connect(&self) -> Result<(), EndpointError> {
        match self.wildcard() {
            Some(part) => Err(EndpointError::WildcardConnect { part, endpoint: self.to_string() }),
            None => match self {
                Self::Ipc(ipc) => ipc.check(),
                Self::Tcp(_) | Self::Inproc(_) | Self::Udp(_) | Self::Ws(_) => Ok(()),
            },
        }
    }

    /// The first part of the address that is left for bind to choose.
    fn wildcard(&self) -> Option<EndpointPart> {
        match self {
            Self::Tcp(tcp) if tcp.target.host == Host::Any => Some(EndpointPart::Host),
            Self::Tcp(tcp) if tcp.target.port == 0 => Some(EndpointPart::Port),
            Self::Udp(udp) if udp.target.host == Host::Any => Some(EndpointPart::Host),
            Self::Udp(udp) if udp.target.port == 0 => Some(EndpointPart::Port),
            Self::Ws(ws) if ws.target.host == Host::Any => Some(EndpointPart::Host),
            Self::Ws(ws) if ws.target.port == 0 => Some(EndpointPart::Port),
            Self::Ipc(IpcEndpoint::Any) => Some(EndpointPart::Path),
            _ => None,
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        match text.split_once("://") {
            None | Some(("", _)) => Err(EndpointError::MissingScheme(text.into())),
            Some(("tcp", address)) => parse_tcp(address).map(Self::Tcp),
            Some(("ipc", address)) => parse_ipc(address).map(Self::Ipc),
            Some(("udp", address)) => parse_udp(address).map(Self::Udp),
            Some(("ws", address)) => parse_ws(address, false).map(Self::Ws),
            Some(("wss", address)) => parse_ws(address, true).map(Self::Ws),
            Some(("inproc", name)) => InprocName::new(name).map(Self::Inproc),
            Some((scheme, _)) if UNAVAILABLE.contains(&scheme) => {
                Err(EndpointError::TransportUnavailable(scheme.into()))
            }
            Some((scheme, _)) => Err(EndpointError::UnknownTransport(scheme.into())),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => write!(f, "tcp://{tcp}"),
            Self::Ipc(ipc) => write!(f, "ipc://{ipc}"),
            Self::Inproc(name) => write!(f, "inproc://{name}"),
            Self::Udp(udp) => write!(f, "udp://{udp}"),
            Self::Ws(ws) => ws.fmt(f),
        }
    }
}

/// A tcp address, and the local address to connect from if there is one.
///
/// `Display` prints it without the scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TcpEndpoint {
    source: Option<HostPort>,
    target: HostPort,
}

impl TcpEndpoint {
    /// The address to bind to, or to connect to from wherever the kernel likes.
    #[must_use]
    pub fn new(target: HostPort) -> Self {
        Self { source: None, target }
    }

    /// Connects from `source`; a wildcard there leaves that part to the kernel.
    #[must_use]
    pub fn with_source(self, source: HostPort) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The local address to connect from.
    #[must_use]
    pub fn source(&self) -> Option<&HostPort> {
        self.source.as_ref()
    }

    /// The address to bind to or connect to.
    #[must_use]
    pub fn target(&self) -> &HostPort {
        &self.target
    }
}

impl fmt::Display for TcpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source};{}", self.target),
            None => self.target.fmt(f),
        }
    }
}

/// A udp address, and the interface for multicast if there is one.
///
/// `Display` prints it without the scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UdpEndpoint {
    interface: Option<Host>,
    target: HostPort,
}

impl UdpEndpoint {
    /// The interface that multicast datagrams are sent and received on.
    #[must_use]
    pub fn interface(&self) -> Option<&Host> {
        self.interface.as_ref()
    }

    /// The address to receive at, or to send to.
    #[must_use]
    pub fn target(&self) -> &HostPort {
        &self.target
    }
}

impl fmt::Display for UdpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface};{}", self.target),
            None => write!(f, "{}", self.target),
        }
    }
}

/// A WebSocket address: of TCP, and a path there; over TLS if it is secure.
///
/// `Display` prints it with its scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WsEndpoint {
    secure: bool,
    target: HostPort,
    path: String,
}

impl WsEndpoint {
    /// Whether it is `wss://`: WebSocket over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The address to bind to or connect to.
    #[must_use]
    pub fn target(&self) -> &HostPort {
        &self.target
    }

    /// What is asked for there; begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same path at another address, in words: for what a peer is seen as.
    #[must_use]
    pub fn at_text(&self, address: &str) -> String {
        format!("{}://{address}{}", self.scheme(), self.path)
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "wss" } else { "ws" }
    }
}

impl fmt::Display for WsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.target, self.path)
    }
}

/// A host and a port, valid together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: Host,
    port: u16,
}

impl HostPort {
    /// Pairs `host` with `port`, where port 0 leaves the choice to bind.
    ///
    /// # Errors
    /// What parsing says about the printed host, and [`EndpointError::BadHost`] for a name that
    /// would read back as an address.
    pub fn new(host: Host, port: u16) -> Result<Self, EndpointError> {
        let text = host.to_string();
        if parse_host(&text)? == host { Ok(Self { host, port }) } else { Err(EndpointError::BadHost(text)) }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port; 0, printed as `*`, leaves the choice to bind.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for HostPort {
    /// A scope becomes its decimal index, the only name it has without asking the system.
    fn from(addr: SocketAddr) -> Self {
        let host = match addr {
            SocketAddr::V4(v4) => Host::V4(*v4.ip()),
            SocketAddr::V6(v6) => {
                let scope = (v6.scope_id() != 0).then(|| v6.scope_id().to_string());
                Host::V6 { addr: *v6.ip(), scope }
            }
        };
        Self { host, port: addr.port() }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => write!(f, "{}:*", self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

/// The host of a tcp address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// `*`: every interface.
    Any,
    /// A numeric IPv4 address.
    V4(Ipv4Addr),
    /// A numeric IPv6 address, printed in brackets.
    V6 {
        /// The address.
        addr: Ipv6Addr,
        /// The interface of a link-local address, by name or by decimal index.
        scope: Option<String>,
    },
    /// A host name or an interface name: the text does not tell them apart.
    Name(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::V4(addr) => write!(f, "{addr}"),
            Self::V6 { addr, scope: Some(scope) } => write!(f, "[{addr}%{scope}]"),
            Self::V6 { addr, scope: None } => write!(f, "[{addr}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A Unix-domain socket address. `Display` prints it without the scheme.
///
/// Parsing and the constructors fill the variants correctly, and only then is the print sure to
/// parse back. A variant wrongly filled by hand is caught by [`Endpoint::check_bind`] and
/// [`Endpoint::check_connect`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IpcEndpoint {
    /// A path in the file system, absolute or relative.
    Path(PathBuf),
    /// A name in Linux's abstract namespace, without the `@`.
    Abstract(String),
    /// `*`: bind chooses a fresh path.
    Any,
}

impl IpcEndpoint {
    /// A path in the file system.
    ///
    /// # Errors
    /// [`EndpointError::EmptyPath`], [`EndpointError::PathTooLong`], [`EndpointError::NulByte`],
    /// and [`EndpointError::BadPath`] if it is not UTF-8 or begins with `*` or `@`.
    pub fn path(path: impl Into<PathBuf>) -> Result<Self, EndpointError> {
        let path = path.into();
        let bad = || EndpointError::BadPath(path.to_string_lossy().into_owned());
        match parse_ipc(path.to_str().ok_or_else(bad)?)? {
            ipc @ Self::Path(_) => Ok(ipc),
            Self::Abstract(_) | Self::Any => Err(bad()),
        }
    }

    /// A name in Linux's abstract namespace, given without the `@`.
    ///
    /// # Errors
    /// [`EndpointError::EmptyAbstractName`], [`EndpointError::PathTooLong`] and
    /// [`EndpointError::NulByte`].
    pub fn abstract_name(name: &str) -> Result<Self, EndpointError> {
        parse_ipc(&format!("@{name}"))
    }

    fn check(&self) -> Result<(), EndpointError> {
        match self {
            Self::Path(path) => Self::path(path).map(drop),
            Self::Abstract(name) => Self::abstract_name(name).map(drop),
            Self::Any => Ok(()),
        }
    }
}

impl fmt::Display for IpcEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Abstract(name) => write!(f, "@{name}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// The name of an endpoint inside one context. `Display` prints it without the scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InprocName(String);

impl InprocName {
    /// Checks `name`; every byte but zero is allowed.
    ///
    /// # Errors
    /// [`EndpointError::EmptyName`], [`EndpointError::NameTooLong`] and
    /// [`EndpointError::NulByte`].
    pub fn new(name: impl Into<String>) -> Result<Self, EndpointError> {
        let name = name.into();
        let bytes = name.len();
        if name.is_empty() {
            Err(EndpointError::EmptyName)
        } else if bytes > INPROC_BYTES_MAX {
            Err(EndpointError::NameTooLong { name, bytes, max: INPROC_BYTES_MAX })
        } else if name.contains('\0') {
            Err(EndpointError::NulByte { part: EndpointPart::Name, text: name })
        } else {
            Ok(Self(name))
        }
    }

    /// The name, without the scheme.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InprocName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
