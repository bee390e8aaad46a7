//! What is asked of a session before it starts: parsed once, shared by all connections of a socket.

use std::sync::Arc;
use std::time::Duration;

use monocoque_core::{RoutingId, SocketType};

use crate::auth::Authenticator;
use crate::curve::config::{CurveClient, CurveServer};
use crate::limits::HANDSHAKE_COMMAND_BYTES_MAX;
use crate::metadata;
use crate::plain::PlainClient;

/// Half a minute, as libzmq's `ZMQ_HANDSHAKE_IVL`.
const HANDSHAKE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Everything a [`Session`](crate::Session) is told about its own side.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionConfig {
    /// What we are.
    pub socket_type: SocketType,
    /// The name under which a ROUTER is to know us; told only by types that tell one.
    pub identity: Option<RoutingId>,
    /// The longest body of one frame of a message that is accepted, as libzmq's `ZMQ_MAXMSGSIZE`.
    pub max_message_bytes: Option<u64>,
    /// The most that the frames of one message may take together while its last frame is still to come, in bytes with
    /// their heads.
    pub max_multipart_bytes: Option<u64>,
    /// From the link being up to the peer being ready; `None` waits for ever.
    pub handshake_timeout: Option<Duration>,
    /// When and how the peer is asked for a sign of life.
    pub heartbeat: Heartbeat,
    /// The mechanism and our part in it; a peer that asks for another one is refused.
    pub security: Security,
    /// Who judges peers: those of a PLAIN or CURVE server, and of NULL. Without one a PLAIN server lets nobody in, a CURVE
    /// server everyone who knows its public key, and NULL everyone.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Connections speak no protocol: a ROUTER with `ZMQ_ROUTER_RAW`. Those of a STREAM never do.
    pub raw: bool,
    metadata: Vec<(String, Vec<u8>)>,
}

/// A security mechanism, and which part of it is ours. Who is client and who server has nothing to do with who connects.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Security {
    /// No authentication and no confidentiality.
    #[default]
    Null,
    /// PLAIN (RFC 24): tells a user name and a password, readable to whoever can read the connection.
    PlainClient(Arc<PlainClient>),
    /// PLAIN: asks for a user name and a password.
    PlainServer,
    /// CURVE (RFC 26): knows the server's public key. What is sent can be read by the server only.
    CurveClient(Arc<CurveClient>),
    /// CURVE: has a key that clients know.
    CurveServer(Arc<CurveServer>),
}

impl Security {
    /// Whether the greeting says that we are the server.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::PlainServer | Self::CurveServer(_))
    }
}

/// Connection heartbeating (RFC 37). A zero duration is the same as none, but see [`timeout`](Self::timeout).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heartbeat {
    /// From one PING to the next; `None` sends none.
    pub interval: Option<Duration>,
    /// How long nothing at all may come after a PING; `None` is the interval, zero is for ever.
    pub timeout: Option<Duration>,
    /// What we allow the peer to conclude from our own silence. Rounded down to tenths of a second,
    /// and cut at [`TTL_MAX`](crate::limits::TTL_MAX).
    pub ttl: Option<Duration>,
}

/// Why a property cannot be told to the peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A property's name is 1 to 255 letters, digits and `-_.+`.
    #[error("'{0}' is not a property name: 1 to 255 letters, digits and '-', '_', '.', '+'")]
    PropertyName(String),
    /// The session tells this property by itself.
    #[error("the property '{0}' is told by the session itself")]
    ReservedProperty(String),
    /// READY would be longer than peers accept.
    #[error("metadata of {asked} bytes; a peer accepts {HANDSHAKE_COMMAND_BYTES_MAX}")]
    MetadataBytes {
        /// Bytes of all properties, encoded.
        asked: u64,
    },
}

impl SessionConfig {
    /// A nameless socket of `socket_type`: half a minute to shake hands, no heartbeats, no size limit.
    pub fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            identity: None,
            max_message_bytes: None,
            max_multipart_bytes: None,
            handshake_timeout: Some(HANDSHAKE_TIMEOUT_DEFAULT),
            heartbeat: Heartbeat::default(),
            metadata: Vec::new(),
            security: Security::Null,
            authenticator: None,
            raw: false,
        }
    }

    /// Tells the peer one more property in READY. Names of an application's own begin with `X-`.
    ///
    /// # Errors
    /// [`ConfigError`] by the rule that the property breaks; the configuration is then unchanged.
    pub fn add_metadata(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Result<(), ConfigError> {
        let (name, value) = (name.into(), value.into());
        if !metadata::is_name(name.as_bytes()) {
            return Err(ConfigError::PropertyName(name));
        }
        if metadata::OWN_PROPERTIES.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
            return Err(ConfigError::ReservedProperty(name));
        }
        let held = self.metadata.iter().map(|(name, value)| metadata::encoded_len(name, value)).sum::<usize>();
        let asked = (metadata::OWN_BYTES_MAX + held + metadata::encoded_len(&name, &value)) as u64;
        if asked > HANDSHAKE_COMMAND_BYTES_MAX {
            return Err(ConfigError::MetadataBytes { asked });
        }
        self.metadata.push((name, value));
        Ok(())
    }

    /// Whether connections speak no protocol: bytes are messages.
    pub fn is_raw(&self) -> bool {
        self.raw || !self.socket_type.speaks_zmtp()
    }

    /// The name that the peer is told: empty if there is none, or ours is not a type that tells one.
    pub(crate) fn told_identity(&self) -> &[u8] {
        let told = self.identity.as_ref().filter(|_| self.socket_type.tells_identity());
        told.map_or(&[], RoutingId::as_bytes)
    }

    /// The properties that READY carries beside the session's own.
    pub fn metadata(&self) -> &[(String, Vec<u8>)] {
        &self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_judged_before_they_are_kept() {
        let mut config = SessionConfig::new(SocketType::Req);
        assert_eq!(config.add_metadata("", "x"), Err(ConfigError::PropertyName(String::new())));
        assert_eq!(config.add_metadata("X Y", "x"), Err(ConfigError::PropertyName("X Y".into())));
        assert_eq!(config.add_metadata("identity", "x"), Err(ConfigError::ReservedProperty("identity".into())));
        let huge = config.add_metadata("X-huge", vec![0; 70_000]);
        assert!(matches!(huge, Err(ConfigError::MetadataBytes { asked }) if asked > 70_000));
        assert_eq!(config.metadata(), []);
        assert_eq!(config.add_metadata("X-rack", "7"), Ok(()));
        assert_eq!(config.metadata(), [("X-rack".to_owned(), b"7".to_vec())]);
    }
}
