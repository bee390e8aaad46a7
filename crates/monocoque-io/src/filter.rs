//! Whom a listener lets in, by address or by credentials, before anything is read.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::str::FromStr;

use nix::unistd::{Group, User};
use rustix::net::sockopt::socket_peercred;

/// A range of IP addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    address: IpAddr,
    prefix: u8,
}

/// Bits in front of an IPv4 address that is written as an IPv6 one.
const MAPPED_BITS: u8 = 96;

/// The text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address and no range ADDRESS/BITS")]
pub struct AddressRangeError(String);

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let bad = || AddressRangeError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(max), |prefix| prefix.parse().map_err(|_| bad()))?;
        if prefix > max {
            return Err(bad());
        }
        Ok(match address {
            // An IPv4 address in IPv6's words: peers are told apart by what they are.
            IpAddr::V6(v6)
                if prefix >= MAPPED_BITS
                    && let Some(v4) = v6.to_ipv4_mapped() =>
            {
                Self { address: v4.into(), prefix: prefix - MAPPED_BITS }
            }
            _ => Self { address, prefix },
        })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl AddressRange {
    /// Whether `address` is in it. An IPv4 address that reaches an IPv6 socket counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, bits) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (u32::from(ours).into(), u32::from(theirs).into(), 32),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (u128::from(ours), u128::from(theirs), 128),
            _ => return false,
        };
        let differ: u128 = ours ^ theirs;
        // A shift by all bits of the number is none at all.
        differ.checked_shr(bits - u32::from(self.prefix)).unwrap_or(0) == 0
    }
}

/// Whom a listener lets in. Of an empty list everyone is; of ipc's three lists one match is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceptFilter {
    /// TCP: addresses that may connect (`ZMQ_TCP_ACCEPT_FILTER`).
    pub addresses: Vec<AddressRange>,
    /// ipc: users whose processes may connect (`ZMQ_IPC_FILTER_UID`).
    pub users: Vec<u32>,
    /// ipc: groups whose processes may connect (`ZMQ_IPC_FILTER_GID`): those that run in one, and those of users whom the
    /// system's list of groups has in one. The list is only asked where nothing else lets the process in.
    pub groups: Vec<u32>,
    /// ipc: processes that may connect (`ZMQ_IPC_FILTER_PID`).
    pub processes: Vec<u32>,
}

impl AcceptFilter {
    /// Whether the peer at the other end of `socket` may come in; `address` is that of a TCP peer.
    ///
    /// # Errors
    /// As `getsockopt(2)` of `SO_PEERCRED`.
    pub(crate) fn admits(&self, socket: impl AsFd, address: Option<IpAddr>) -> io::Result<bool> {
        let Some(address) = address else { return self.admits_process(socket) };
        Ok(self.addresses.is_empty() || self.addresses.iter().any(|range| range.contains(address)))
    }

    fn admits_process(&self, socket: impl AsFd) -> io::Result<bool> {
        if self.users.is_empty() && self.groups.is_empty() && self.processes.is_empty() {
            return Ok(true);
        }
        let peer = socket_peercred(socket)?;
        let process = peer.pid.as_raw_pid().unsigned_abs();
        Ok(self.users.contains(&peer.uid.as_raw())
            || self.groups.contains(&peer.gid.as_raw())
            || self.processes.contains(&process)
            || self.has_member(peer.uid.as_raw()))
    }

    /// Whether one of the groups has this user. What the system cannot tell lets nobody in.
    fn has_member(&self, user: u32) -> bool {
        if self.groups.is_empty() {
            return false;
        }
        let Ok(Some(user)) = User::from_uid(user.into()) else { return false };
        let groups = self.groups.iter().filter_map(|&group| Group::from_gid(group.into()).ok().flatten());
        groups.into_iter().any(|group| group.mem.contains(&user.name))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().expect("a range")
    }

    #[test]
    fn a_range_has_what_agrees_in_its_bits() {
        for (text, inside, outside) in [
            ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
            ("::/0", "ffff::", "127.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
        ] {
            let address = |text: &str| text.parse().expect("an address");
            assert!(range(text).contains(address(inside)), "{text} {inside}");
            assert!(!range(text).contains(address(outside)), "{text} {outside}");
        }
        assert_eq!(range("10.0.0.1").to_string(), "10.0.0.1/32");
        for bad in ["", "/", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129"] {
            bad.parse::<AddressRange>().expect_err(bad);
        }
    }

    #[test]
    fn one_list_that_has_the_process_is_enough() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let admits = |filter: AcceptFilter| filter.admits(&ours, None).expect("it has credentials");
        let stranger = vec![u32::MAX - 1];
        assert!(admits(AcceptFilter::default()));
        assert!(!admits(AcceptFilter { users: stranger.clone(), ..AcceptFilter::default() }));
        let this = vec![std::process::id()];
        assert!(admits(AcceptFilter { users: stranger, processes: this, ..AcceptFilter::default() }));
        let user = vec![rustix::process::getuid().as_raw()];
        assert!(admits(AcceptFilter { users: user, ..AcceptFilter::default() }));
        let group = vec![rustix::process::getgid().as_raw()];
        assert!(admits(AcceptFilter { groups: group, ..AcceptFilter::default() }));
    }

    /// What nix finds is held against the files, where this machine has a group with a member that they name.
    #[test]
    fn a_user_is_in_the_groups_that_list_it() {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (groups, users) = (read("/etc/group"), read("/etc/passwd"));
        let number_of =
            |name: &str| users.lines().find_map(|line| line.strip_prefix(name)?.split(':').nth(2)?.parse().ok());
        for line in groups.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, number, members] = fields[..] else { continue };
            let filter = AcceptFilter { groups: vec![number.parse().expect("a number")], ..AcceptFilter::default() };
            for member in members.split(',').filter(|member| !member.is_empty()) {
                if let Some(user) = number_of(member) {
                    assert!(filter.has_member(user), "{member} in {line}");
                }
            }
            assert!(!filter.has_member(u32::MAX - 1), "nobody of this number is in {line}");
        }
        assert!(!AcceptFilter::default().has_member(0), "no group, no member");
    }
}
