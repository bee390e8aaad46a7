//! Handshakes under way: how many there may be, in all and of one host.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use monocoque_core::sync::Mutex;

use crate::stop::Stop;

/// Who has the last 64 bits of an IPv6 address for itself is one host.
const HOST_MASK: u128 = u128::MAX << 64;

/// The handshakes under way at one endpoint.
#[derive(Debug)]
pub(crate) struct Handshakes {
    max: usize,
    host_max: usize,
    listening: Stop,
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    all: usize,
    /// Only hosts that have some.
    hosts: HashMap<IpAddr, usize>,
}

/// One handshake under way; dropped when it is done or has failed.
#[derive(Debug)]
pub struct HalfOpen {
    of: Arc<Handshakes>,
    host: Option<IpAddr>,
}

impl Handshakes {
    pub(crate) fn new(max: usize, host_max: usize, listening: Stop) -> Arc<Self> {
        Arc::new(Self { max, host_max, listening, under_way: Mutex::default() })
    }

    /// Admits one more from `address`, which a peer on this machine need not have.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Option<HalfOpen> {
        let host = address.map(host);
        let mut under_way = self.under_way.lock();
        if under_way.all >= self.max {
            return None;
        }
        if let Some(host) = host {
            let of_host = under_way.hosts.entry(host).or_default();
            if *of_host >= self.host_max {
                return None;
            }
            *of_host += 1;
        }
        under_way.all += 1;
        drop(under_way);
        Some(HalfOpen { of: Arc::clone(self), host })
    }
}

impl HalfOpen {
    /// Whether the endpoint at which the peer was accepted is listened at no more.
    pub fn is_over(&self) -> bool {
        self.of.listening.is_stopped()
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let mut under_way = self.of.under_way.lock();
        under_way.all -= 1;
        if let Some(host) = self.host
            && let Some(count) = under_way.hosts.get_mut(&host)
        {
            *count -= 1;
            if *count == 0 {
                under_way.hosts.remove(&host);
            }
        }
    }
}

/// The host that an address is one of.
fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & HOST_MASK).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stopper;

    fn handshakes_of(max: usize, host_max: usize) -> Arc<Handshakes> {
        Handshakes::new(max, host_max, Stopper::new().listen())
    }

    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().expect("an address"))
    }

    #[test]
    fn places_are_given_up_to_the_bound_and_come_back() {
        let handshakes = handshakes_of(3, 3);
        let held = [(); 3].map(|()| handshakes.admit(None).expect("a place"));
        assert!(handshakes.admit(None).is_none());
        drop(held);
        assert!(handshakes.admit(None).is_some() && handshakes_of(0, 1).admit(None).is_none());
    }

    #[test]
    fn no_host_takes_the_places_of_others() {
        let handshakes = handshakes_of(3, 1);
        let first = handshakes.admit(at("10.0.0.1"));
        let mapped = handshakes.admit(at("::ffff:10.0.0.1"));
        assert!(first.is_some() && mapped.is_none(), "both are one host");
        let (v6, neighbour) = (handshakes.admit(at("2001:db8::1")), handshakes.admit(at("2001:db8::2")));
        assert!(v6.is_some() && neighbour.is_none());
        let local = handshakes.admit(None);
        assert!(local.is_some() && handshakes.admit(at("10.0.0.3")).is_none());
        drop(first);
        assert!(handshakes.admit(at("10.0.0.1")).is_some());
        drop((v6, local));
        assert!(handshakes.under_way.lock().hosts.is_empty());
    }
}
