//! Connecting through a SOCKS5 proxy (RFC 1928), with user and password if it wants them (RFC 1929). The proxy looks names up.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use compio::driver::op::Interest;
use monocoque_core::endpoint::{Host, HostPort};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::readiness::until;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// A proxy that does not answer holds a connection up no longer than this.
pub(crate) const NEGOTIATION_TIME_MAX: Duration = Duration::from_secs(30);

/// A SOCKS5 proxy that TCP connections go through.
#[derive(Clone, PartialEq, Eq)]
pub struct SocksProxy {
    /// Where it is.
    pub at: HostPort,
    /// The address and port of ours that it is connected from, unless the endpoint names one.
    pub source: Option<HostPort>,
    /// The user and the password to give it if it asks, of at most 255 bytes each.
    pub login: Option<(String, String)>,
}

/// Without the password.
impl fmt::Debug for SocksProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.login.as_ref().map(|(user, _)| user);
        f.debug_struct("SocksProxy").field("at", &self.at).field("user", &user).finish_non_exhaustive()
    }
}

impl SocksProxy {
    /// Has the proxy at the other end of `socket` connect to `target`.
    pub(crate) async fn negotiate(&self, socket: OwnedFd, target: &HostPort) -> io::Result<OwnedFd> {
        let socket = Arc::new(socket);
        let login = self.login.as_ref();
        let methods: &[u8] = if login.is_some() { &[NO_AUTHENTICATION, PASSWORD] } else { &[NO_AUTHENTICATION] };
        write(&socket, &[&[VERSION, methods.len() as u8], methods].concat()).await?;
        match (read::<2>(&socket).await?, login) {
            ([VERSION, NO_AUTHENTICATION], _) => {}
            ([VERSION, PASSWORD], Some(login)) => log_in(&socket, login).await?,
            ([VERSION, _], _) => return Err(refused(io::ErrorKind::PermissionDenied, "accepts no login that we have")),
            _ => return Err(refused(io::ErrorKind::InvalidData, "does not speak SOCKS5")),
        }
        write(&socket, &request(target)?).await?;
        let [version, reply, _, kind] = read(&socket).await?;
        if version != VERSION {
            return Err(refused(io::ErrorKind::InvalidData, "does not speak SOCKS5"));
        }
        granted(reply)?;
        skip_address(&socket, kind).await?;
        Arc::try_unwrap(socket).map_err(|_| io::Error::other("an operation still holds the socket"))
    }
}

fn refused(kind: io::ErrorKind, what: &str) -> io::Error {
    io::Error::new(kind, format!("the SOCKS proxy {what}"))
}

async fn log_in(socket: &Arc<OwnedFd>, (user, password): &(String, String)) -> io::Result<()> {
    let mut login = vec![1];
    for text in [user, password] {
        let len = u8::try_from(text.len());
        login.push(len.map_err(|_| refused(io::ErrorKind::InvalidInput, "takes logins of 255 bytes at most"))?);
        login.extend_from_slice(text.as_bytes());
    }
    write(socket, &login).await?;
    match read(socket).await? {
        [1, 0] => Ok(()),
        _ => Err(refused(io::ErrorKind::PermissionDenied, "refused the user and password")),
    }
}

fn request(target: &HostPort) -> io::Result<Vec<u8>> {
    let mut request = vec![VERSION, CONNECT, 0];
    match target.host() {
        Host::V4(address) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Host::V6 { addr, scope: None } => {
            request.push(IPV6);
            request.extend(addr.octets());
        }
        Host::Name(name) => {
            // An endpoint's name has 254 bytes at most.
            request.extend([NAME, name.len() as u8]);
            request.extend(name.as_bytes());
        }
        Host::V6 { .. } | Host::Any => return Err(refused(io::ErrorKind::InvalidInput, "takes no such address")),
    }
    request.extend(target.port().to_be_bytes());
    Ok(request)
}

fn granted(reply: u8) -> io::Result<()> {
    Err(match reply {
        0 => return Ok(()),
        2 => refused(io::ErrorKind::PermissionDenied, "does not allow the connection"),
        3 => refused(io::ErrorKind::NetworkUnreachable, "does not reach the network"),
        4 => refused(io::ErrorKind::HostUnreachable, "does not reach the host"),
        5 => refused(io::ErrorKind::ConnectionRefused, "was refused by the host"),
        6 => refused(io::ErrorKind::TimedOut, "did not reach the host in time"),
        7 | 8 => refused(io::ErrorKind::Unsupported, "does not know the request"),
        other => refused(io::ErrorKind::Other, &format!("failed with code {other}")),
    })
}

/// The address that the proxy connected from is nobody's concern, but the peer's first byte follows it.
async fn skip_address(socket: &Arc<OwnedFd>, kind: u8) -> io::Result<()> {
    let len = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => read::<1>(socket).await?[0].into(),
        _ => return Err(refused(io::ErrorKind::InvalidData, "does not speak SOCKS5")),
    };
    fill(socket, &mut vec![0; len + 2]).await
}

async fn write(socket: &Arc<OwnedFd>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map_err(io::Error::from) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                until(Arc::clone(socket), Interest::Writable).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read<const N: usize>(socket: &Arc<OwnedFd>) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(socket, &mut bytes).await?;
    Ok(bytes)
}

/// Reads so many bytes and no more: what follows is the peer's.
async fn fill(socket: &Arc<OwnedFd>, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match recv(socket, &mut *bytes, RecvFlags::DONTWAIT).map_err(io::Error::from) {
            Ok((0, _)) => return Err(refused(io::ErrorKind::UnexpectedEof, "closed the connection")),
            Ok((count, _)) => bytes = &mut bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                until(Arc::clone(socket), Interest::Readable).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
