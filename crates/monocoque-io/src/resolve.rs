//! From a written endpoint to socket addresses. Looking up names blocks, so it runs off the I/O thread.

use std::fmt::Write;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixAddr;

use monocoque_core::Endpoint;
use monocoque_core::endpoint::{Host, HostPort, IpcEndpoint, TcpEndpoint};
use rustix::net::netdevice::{index_to_name, name_to_index};
use rustix::net::{AddressFamily, SocketType};
use socket2::SockAddr;

const V4_ENDPOINT_BYTES_MAX: usize = "tcp://255.255.255.255:65535".len();

/// The addresses to try in turn, each with the local one to bind before.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) targets: Vec<(Option<SocketAddr>, SocketAddr)>,
}

fn not_found(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no address for '{what}'"))
}

/// The routes to a TCP peer: every address its name has now, from a source of its family.
pub(crate) async fn route(endpoint: &TcpEndpoint, ipv6: bool) -> io::Result<Route> {
    let targets = addresses(endpoint.target(), ipv6, false).await?;
    let Some(source) = endpoint.source() else {
        return Ok(Route { targets: targets.into_iter().map(|target| (None, target)).collect() });
    };
    let sources = match source.host() {
        Host::Any => [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()]
            .map(|address| SocketAddr::new(address, source.port()))
            .to_vec(),
        _ => local_addresses(source, ipv6).await?,
    };
    let targets: Vec<_> = targets.into_iter().filter_map(|target| paired(&sources, target)).collect();
    if targets.is_empty() { Err(not_found(&source.to_string())) } else { Ok(Route { targets }) }
}

fn paired(sources: &[SocketAddr], target: SocketAddr) -> Option<(Option<SocketAddr>, SocketAddr)> {
    let source = sources.iter().find(|source| source.is_ipv6() == target.is_ipv6())?;
    Some((Some(*source), target))
}

/// The addresses that `written` may be bound to: wildcard, address, interface, or name.
pub(crate) async fn local_addresses(written: &HostPort, ipv6: bool) -> io::Result<Vec<SocketAddr>> {
    addresses(written, ipv6, true).await
}

async fn addresses(written: &HostPort, ipv6: bool, interfaces: bool) -> io::Result<Vec<SocketAddr>> {
    let port = written.port();
    let name = match written.host() {
        Host::Any => return Ok(vec![(every_interface(ipv6), port).into()]),
        Host::V4(address) => return Ok(vec![(*address, port).into()]),
        Host::V6 { addr, scope } => return Ok(vec![scoped(*addr, scope.as_deref(), port)?]),
        Host::Name(name) => name.clone(),
    };
    let found = compio::runtime::spawn_blocking(move || look_up(&name, port, ipv6, interfaces)).await;
    found.unwrap_or_else(|_| Err(io::Error::other("the resolver failed")))
}

/// `[::]` takes IPv4 too; a system without IPv6 has only the other.
fn every_interface(ipv6: bool) -> IpAddr {
    if ipv6 && any_socket(AddressFamily::INET6).is_ok() {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    }
}

fn any_socket(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    rustix::net::socket(family, SocketType::DGRAM, None)
}

fn look_up(name: &str, port: u16, ipv6: bool, interfaces: bool) -> io::Result<Vec<SocketAddr>> {
    let of_interface = if interfaces { interface(name, ipv6)? } else { Vec::new() };
    if !of_interface.is_empty() {
        return Ok(of_interface.into_iter().map(|address| (address, port).into()).collect());
    }
    let found = (name, port).to_socket_addrs()?;
    let found: Vec<_> = found.filter(|address| ipv6 || address.is_ipv4()).collect();
    if found.is_empty() { Err(not_found(name)) } else { Ok(found) }
}

/// The addresses of the interface `name`, one of each family: IPv6, if that is on, before IPv4.
fn interface(name: &str, ipv6: bool) -> io::Result<Vec<IpAddr>> {
    let named = if_addrs::get_if_addrs()?.into_iter().filter(|interface| interface.name == name);
    let found = named.map(|interface| interface.ip()).filter(|address| ipv6 || address.is_ipv4());
    Ok(one_of_each_family(found.collect()))
}

/// Of IPv6 one that is more than a link's own, if there is one: those want a scope beside.
fn one_of_each_family(mut found: Vec<IpAddr>) -> Vec<IpAddr> {
    let is_of_link = |address: &IpAddr| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    found.sort_by_key(|address| (address.is_ipv4(), is_of_link(address)));
    found.dedup_by_key(|address| address.is_ipv4());
    found
}

/// The number of the interface that `host` names, or is the address of.
pub(crate) async fn interface_index(host: &Host) -> io::Result<u32> {
    let address = match host {
        Host::Name(name) => return Ok(name_to_index(any_socket(AddressFamily::INET6)?, name)?),
        Host::V4(address) => Some(IpAddr::from(*address)),
        Host::V6 { addr, .. } => Some(IpAddr::from(*addr)),
        Host::Any => None,
    };
    let interfaces = compio::runtime::spawn_blocking(if_addrs::get_if_addrs).await;
    let interfaces = interfaces.unwrap_or_else(|_| Err(io::Error::other("the resolver failed")))?;
    let found = interfaces.into_iter().find(|interface| Some(interface.ip()) == address);
    found.and_then(|interface| interface.index).ok_or_else(|| not_found(&host.to_string()))
}

fn scoped(address: Ipv6Addr, scope: Option<&str>, port: u16) -> io::Result<SocketAddr> {
    let index = match scope {
        None => 0,
        Some(text) => match text.parse() {
            Ok(index) => index,
            Err(_) => name_to_index(any_socket(AddressFamily::INET6)?, text)?,
        },
    };
    Ok(SocketAddrV6::new(address, port, 0, index).into())
}

/// `address` as an endpoint of TCP.
pub(crate) fn tcp_endpoint(address: SocketAddr) -> String {
    match address {
        // Each connection is named, and nearly all so: without text in between, or growing.
        SocketAddr::V4(v4) => {
            let mut text = String::with_capacity(V4_ENDPOINT_BYTES_MAX);
            let written = write!(text, "tcp://{}:{}", v4.ip(), v4.port());
            debug_assert!(written.is_ok(), "a string takes it");
            text
        }
        SocketAddr::V6(_) => format!("tcp://{}", host_port(address)),
    }
}

/// `address` as an endpoint of the same kind as `like`: with its scheme, and its path if it has one.
pub(crate) fn endpoint_like(like: &Endpoint, address: SocketAddr) -> String {
    match like {
        Endpoint::Ws(ws) => ws.at_text(&host_port(address)),
        _ => tcp_endpoint(address),
    }
}

/// Brackets where IPv6 wants them, and the scope by the name of its interface.
fn host_port(address: SocketAddr) -> String {
    let SocketAddr::V6(v6) = address else { return address.to_string() };
    let name = match v6.scope_id() {
        0 => None,
        index => any_socket(AddressFamily::INET6).and_then(|socket| index_to_name(socket, index)).ok(),
    };
    match name {
        Some(name) => format!("[{}%{name}]:{}", v6.ip(), v6.port()),
        None => v6.to_string(),
    }
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
        assert_eq!(look_up("lo", 7, false, true).expect("loopback"), [(Ipv4Addr::LOCALHOST, 7).into()]);
        assert!(look_up("lo", 7, false, false).is_err());
    }

    #[test]
    fn an_interface_has_an_address_of_each_family() {
        let addresses = ["10.0.0.1", "fe80::1", "2001:db8::1", "10.0.0.2"].map(|text| text.parse().expect("valid"));
        let best = ["2001:db8::1", "10.0.0.1"].map(|text| text.parse::<IpAddr>().expect("valid"));
        assert_eq!(one_of_each_family(addresses.to_vec()), best);
        assert_eq!(one_of_each_family(addresses[..2].to_vec()), [addresses[1], addresses[0]]);
    }

    #[test]
    fn an_interface_is_found_by_its_name_and_by_its_address() {
        let runtime = crate::DriverChoice::Only(crate::Driver::Poll).runtime().expect("epoll");
        let index = |host: Host| runtime.block_on(interface_index(&host)).ok();
        let named = |name: &str| index(Host::Name(name.to_owned()));
        assert!(named("lo").is_some());
        assert_eq!((index(Host::V4(Ipv4Addr::LOCALHOST)), named("no-such-device")), (named("lo"), None));
    }

    #[test]
    fn ipv6_is_looked_up_only_when_it_is_on() {
        let found = look_up("localhost", 7, false, false).expect("in every hosts file");
        assert!(found.iter().all(SocketAddr::is_ipv4));
        assert_eq!(look_up("::1", 7, true, false).expect("an address"), [(Ipv6Addr::LOCALHOST, 7).into()]);
        assert!(look_up("::1", 7, false, false).is_err());
        assert_eq!(every_interface(false), IpAddr::from(Ipv4Addr::UNSPECIFIED));
    }

    #[test]
    fn a_source_is_of_the_family_of_its_target() {
        let sources: Vec<SocketAddr> = vec![(Ipv4Addr::LOCALHOST, 1).into(), (Ipv6Addr::LOCALHOST, 2).into()];
        for (source, port) in sources.iter().zip([3, 4]) {
            let target = SocketAddr::new(source.ip(), port);
            assert_eq!(paired(&sources, target), Some((Some(*source), target)));
        }
        assert_eq!(paired(&sources[..1], sources[1]), None);
    }

    #[test]
    fn an_ipv6_address_has_brackets_and_the_name_of_its_scope() {
        assert_eq!(tcp_endpoint((Ipv6Addr::LOCALHOST, 5).into()), "tcp://[::1]:5");
        let Ok(socket) = any_socket(AddressFamily::INET6) else { return };
        let index = name_to_index(socket, "lo").expect("loopback");
        let local = "fe80::1".parse().expect("an address");
        let address = scoped(local, Some("lo"), 5).expect("loopback");
        assert_eq!(address, SocketAddrV6::new(local, 5, 0, index).into());
        assert_eq!(tcp_endpoint(address), "tcp://[fe80::1%lo]:5");
    }
}
