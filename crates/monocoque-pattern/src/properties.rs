//! What is known of the peer that a message came from.

use std::sync::Arc;

use monocoque_core::{RoutingId, SocketType};

/// The peer that a message came from, as its handshake and its link told of it. One of these is made for each connection,
/// and shared: receiving a message with it costs a count.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerProperties {
    /// The number of the connection, as events and numbers tell it; 0 over inproc, where there is none.
    pub connection: u64,
    /// The number of the connection's descriptor in this process, as events tell it; -1 over inproc. Of use to look it up, not
    /// to use it.
    pub descriptor: i32,
    /// Whether we opened the connection.
    pub dialed: bool,
    /// What the peer said it is; one of ZMTP 1.0 does not say.
    pub socket_type: Option<SocketType>,
    /// The highest version of ZMTP that the peer announced, major and minor; 1.0 if it has none to announce.
    pub version: Option<(u8, u8)>,
    /// The endpoint of ours that was bound or connected.
    pub endpoint: Arc<str>,
    /// Our end, as an endpoint.
    pub local: Arc<str>,
    /// The peer's address, as an endpoint, as much as the transport tells: over inproc the name that joins both.
    pub address: Arc<str>,
    /// The security mechanism that let the peer in.
    pub mechanism: Option<&'static str>,
    /// The routing id that the peer chose, if it did.
    pub identity: Option<RoutingId>,
    /// Who the peer is to whoever let it in.
    pub user_id: Option<String>,
    /// Other properties, with names as they came: those that the peer told of itself (`X-...`), and those that were said of it
    /// when it was let in.
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl Default for PeerProperties {
    /// Nothing is known, and there is no connection.
    fn default() -> Self {
        Self {
            connection: 0,
            descriptor: -1,
            dialed: false,
            socket_type: None,
            version: None,
            endpoint: Arc::default(),
            local: Arc::default(),
            address: Arc::default(),
            mechanism: None,
            identity: None,
            user_id: None,
            metadata: Vec::new(),
        }
    }
}

impl PeerProperties {
    /// One of [`metadata`](Self::metadata); the case of `name` does not matter.
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        let found = self.metadata.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }

    /// A property by the name that `zmq_msg_gets` has for it: `Socket-Type`, `Routing-Id` or `Identity`, `User-Id`,
    /// `Peer-Address` (of TCP, and without the port), or one of [`metadata`](Self::metadata), of which the case matters here.
    /// Over inproc there is none, as with libzmq.
    pub fn by_libzmq_name(&self, name: &str) -> Option<Vec<u8>> {
        if self.connection == 0 {
            return None;
        }
        match name {
            "Socket-Type" => self.socket_type.map(|kind| kind.name().into()),
            // Types that tell one tell an empty one too.
            "Routing-Id" | "Identity" => {
                let tells = self.socket_type.is_some_and(SocketType::tells_identity);
                let told = self.identity.as_ref().map(|id| id.as_bytes().to_vec());
                told.or_else(|| tells.then(Vec::new))
            }
            "User-Id" => self.user_id.as_ref().map(|id| id.clone().into_bytes()),
            "Peer-Address" => host(&self.address).map(|host| host.as_bytes().to_vec()),
            _ => self.metadata.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        }
    }
}

/// The numbers of the host in an endpoint that is reached by TCP.
pub fn host(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let place = rest.split('/').next().filter(|_| matches!(scheme, "tcp" | "ws" | "wss"))?;
    let (host, _port) = place.rsplit_once(':')?;
    Some(host.trim_start_matches('[').trim_end_matches(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dealer(address: &str) -> PeerProperties {
        PeerProperties {
            connection: 3,
            address: address.into(),
            socket_type: Some(SocketType::Dealer),
            metadata: vec![("X-Rack".into(), b"7".to_vec())],
            ..PeerProperties::default()
        }
    }

    #[test]
    fn names_are_those_of_libzmq() {
        let peer = dealer("tcp://[::1]:5000");
        let get = |name| peer.by_libzmq_name(name).map(|value| String::from_utf8(value).expect("text"));
        assert_eq!(get("Socket-Type").as_deref(), Some("DEALER"));
        assert_eq!((get("Routing-Id").as_deref(), get("Identity").as_deref()), (Some(""), Some("")));
        assert_eq!(get("Peer-Address").as_deref(), Some("::1"));
        assert_eq!((get("X-Rack").as_deref(), get("x-rack"), get("User-Id")), (Some("7"), None, None));
        assert_eq!(peer.property("x-rack"), Some(&b"7"[..]));
        assert_eq!(dealer("tcp://192.0.2.7:1").by_libzmq_name("Peer-Address"), Some(b"192.0.2.7".to_vec()));
        assert_eq!(dealer("ipc://").by_libzmq_name("Peer-Address"), None);
    }

    #[test]
    fn over_inproc_libzmq_tells_nothing() {
        let peer = PeerProperties { connection: 0, ..dealer("inproc://here") };
        assert_eq!((peer.by_libzmq_name("Socket-Type"), peer.by_libzmq_name("X-Rack")), (None, None));
    }
}
