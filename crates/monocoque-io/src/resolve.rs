//! From a written endpoint to socket addresses. Looking up names blocks, so it runs off the I/O thread.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixAddr;

use monocoque_core::endpoint::{Host, HostPort, IpcEndpoint, TcpEndpoint};
use socket2::SockAddr;

/// The addresses to try in turn, and the local one to bind before.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) source: Option<SocketAddr>,
    pub(crate) targets: Vec<SocketAddr>,
}

fn not_found(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no address for '{what}'"))
}

/// The routes to a TCP peer: every address its name has now.
pub(crate) async fn route(endpoint: &TcpEndpoint) -> io::Result<Route> {
    let source = match endpoint.source() {
        Some(source) => Some(local_addresses(source).await?.into_iter().next().ok_or_else(|| not_found("source"))?),
        None => None,
    };
    let targets = addresses(endpoint.target(), false).await?;
    Ok(Route { source, targets })
}

/// The addresses that `written` may be bound to: wildcard, address, interface, or name.
pub(crate) async fn local_addresses(written: &HostPort) -> io::Result<Vec<SocketAddr>> {
    addresses(written, true).await
}

async fn addresses(written: &HostPort, interfaces: bool) -> io::Result<Vec<SocketAddr>> {
    let port = written.port();
    let name = match written.host() {
        Host::Any => return Ok(vec![(Ipv4Addr::UNSPECIFIED, port).into()]),
        Host::V4(address) => return Ok(vec![(*address, port).into()]),
        Host::V6 { addr, scope } => return Ok(vec![scoped(*addr, scope.as_deref(), port)?]),
        Host::Name(name) => name.clone(),
    };
    let found = compio::runtime::spawn_blocking(move || look_up(&name, port, interfaces)).await;
    found.unwrap_or_else(|_| Err(io::Error::other("the resolver failed")))
}

fn look_up(name: &str, port: u16, interfaces: bool) -> io::Result<Vec<SocketAddr>> {
    if interfaces && let Some(address) = interface(name)? {
        return Ok(vec![(address, port).into()]);
    }
    let found: Vec<_> = (name, port).to_socket_addrs()?.collect();
    if found.is_empty() { Err(not_found(name)) } else { Ok(found) }
}

/// The address of the interface `name`, IPv4 before IPv6.
fn interface(name: &str) -> io::Result<Option<IpAddr>> {
    let mut found: Vec<IpAddr> =
        if_addrs::get_if_addrs()?.into_iter().filter(|i| i.name == name).map(|i| i.ip()).collect();
    found.sort_by_key(IpAddr::is_ipv6);
    Ok(found.into_iter().next())
}

fn scoped(address: Ipv6Addr, scope: Option<&str>, port: u16) -> io::Result<SocketAddr> {
    let index = match scope {
        None => 0,
        Some(text) => match text.parse() {
            Ok(index) => index,
            Err(_) => rustix::net::netdevice::name_to_index(
                rustix::net::socket(rustix::net::AddressFamily::INET6, rustix::net::SocketType::DGRAM, None)?,
                text,
            )?,
        },
    };
    Ok(SocketAddrV6::new(address, port, 0, index).into())
}

/// The address of an ipc endpoint that is not a wildcard.
pub(crate) fn unix_address(endpoint: &IpcEndpoint) -> io::Result<SockAddr> {
    match endpoint {
        IpcEndpoint::Path(path) => SockAddr::unix(path),
        IpcEndpoint::Abstract(name) => {
            // Checked for length by std; socket2 takes the leading zero for an abstract name.
            UnixAddr::from_abstract_name(name)?;
            SockAddr::unix(format!("\0{name}"))
        }
        IpcEndpoint::Any => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_goes_before_a_name() {
        assert_eq!(look_up("lo", 7, true).expect("loopback"), [(Ipv4Addr::LOCALHOST, 7).into()]);
        assert!(look_up("lo", 7, false).is_err());
    }
}
