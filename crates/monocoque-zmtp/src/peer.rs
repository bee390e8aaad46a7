//! What is known of a peer once the handshake is done.

use monocoque_core::protocol::Side;
use monocoque_core::{RoutingId, SocketType};

use crate::auth::Grant;
use crate::error::{PeerIncompatible, PeerMisbehaved, SessionError};
use crate::greeting::Version;
use crate::metadata::{IDENTITY, Properties, SOCKET_TYPE, USER_ID};

/// The facts about a peer that may now be routed to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The major version that both sides speak: 1, 2 or 3; 0 if they speak no ZMTP at all.
    pub major: u8,
    /// The minor version that both sides speak.
    pub minor: u8,
    /// The version that the peer announced: its own highest. 1.0 if it announced none.
    pub announced: (u8, u8),
    /// What the peer is. One of ZMTP 1.0 does not say: it is taken for the first type that suits ours.
    pub socket_type: SocketType,
    /// The name that the peer chose, if it chose one.
    pub identity: Option<RoutingId>,
    /// The security mechanism that let the peer in.
    pub mechanism: &'static str,
    /// Which side of the connection *we* are.
    pub side: Side,
    /// As whom an authenticator let the peer in, if it gave it a name.
    pub user_id: Option<String>,
    /// What an authenticator told of the peer, and behind it the peer's other properties, with names as they were written; of a
    /// peer that an authenticator judged only those whose names begin with `X-`.
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl PeerInfo {
    /// A peer that speaks nothing, and so says nothing of itself.
    pub(crate) fn raw(ours: SocketType, side: Side) -> Self {
        Self {
            major: 0,
            minor: 0,
            announced: (0, 0),
            socket_type: ours.peers()[0],
            identity: None,
            mechanism: "",
            side,
            user_id: None,
            metadata: Vec::new(),
        }
    }

    /// Adds as whom the peer was let in. What the peer itself says of that does not count; of one that was `judged` no more counts
    /// than what an application may have it say, whose names begin with `X-`.
    pub(crate) fn grant(&mut self, grant: Option<Grant>, judged: bool) {
        let Grant { user_id, mut metadata } = grant.unwrap_or_default();
        let of_peer = std::mem::take(&mut self.metadata).into_iter();
        let granted = |name: &str| metadata.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let own = |name: &str| name.get(..2).is_some_and(|begin| begin.eq_ignore_ascii_case("X-"));
        let counts = |name: &str| !name.eq_ignore_ascii_case(USER_ID) && !granted(name) && (own(name) || !judged);
        let of_peer: Vec<_> = of_peer.filter(|(name, _)| counts(name)).collect();
        metadata.extend(of_peer);
        self.metadata = metadata;
        self.user_id = Some(user_id).filter(|id| !id.is_empty());
    }

    /// What the peer said it is; `None` from one of ZMTP 1.0, which does not say.
    pub fn told_type(&self) -> Option<SocketType> {
        (self.major > 1).then_some(self.socket_type)
    }

    /// Whether the peer takes subscriptions as commands; before ZMTP 3.1 they are messages.
    pub fn takes_commands(&self) -> bool {
        (self.major, self.minor) >= (3, 1)
    }

    /// The value of one of the peer's other properties; the case of `name` does not matter.
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        // spec: 37/ZMTP, connection metadata — names are case-insensitive.
        let found = self.metadata.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }
}

/// What a peer's metadata says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Introduction {
    pub(crate) socket_type: SocketType,
    pub(crate) identity: Option<RoutingId>,
    pub(crate) others: Vec<(String, Vec<u8>)>,
}

impl Introduction {
    /// Judges `metadata` for a socket of type `ours`.
    pub(crate) fn judge(metadata: &[u8], ours: SocketType) -> Result<Self, SessionError> {
        let (mut socket_type, mut identity, mut others) = (None, None, Vec::new());
        for property in Properties::new(metadata) {
            let (name, value) = property?;
            if name.eq_ignore_ascii_case(SOCKET_TYPE) {
                fill(&mut socket_type, value, SOCKET_TYPE)?;
            } else if name.eq_ignore_ascii_case(IDENTITY) {
                fill(&mut identity, value, IDENTITY)?;
            } else {
                others.push((name.to_owned(), value.to_vec()));
            }
        }
        let socket_type = accepted_type(socket_type.ok_or(PeerMisbehaved::NoSocketType)?, ours)?;
        let identity = chosen_identity(identity.unwrap_or_default(), socket_type)?;
        Ok(Self { socket_type, identity, others })
    }

    /// What a peer says that tells nothing but its name.
    pub(crate) fn of_identity(identity: &[u8], ours: SocketType) -> Result<Self, PeerMisbehaved> {
        let socket_type = ours.peers()[0];
        let identity = chosen_identity(identity, socket_type)?;
        Ok(Self { socket_type, identity, others: Vec::new() })
    }

    pub(crate) fn into_peer(self, announced: Version, mechanism: &'static str, side: Side) -> PeerInfo {
        let spoken = announced.negotiated();
        PeerInfo {
            major: spoken.major,
            minor: spoken.minor,
            announced: (announced.major, announced.minor),
            socket_type: self.socket_type,
            identity: self.identity,
            mechanism,
            side,
            user_id: None,
            metadata: self.others,
        }
    }
}

fn fill<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8], name: &'static str) -> Result<(), PeerMisbehaved> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(PeerMisbehaved::PropertyTwice(name)),
    }
}

fn accepted_type(name: &[u8], ours: SocketType) -> Result<SocketType, PeerIncompatible> {
    let known =
        str::from_utf8(name).ok().and_then(|name| name.parse().ok()).filter(|kind: &SocketType| kind.speaks_zmtp());
    let Some(theirs) = known else {
        const SHOWN_BYTES_MAX: usize = 32;
        let theirs = name[..name.len().min(SHOWN_BYTES_MAX)].escape_ascii().to_string();
        return Err(PeerIncompatible::UnknownSocketType { theirs });
    };
    suited(theirs, ours)
}

// spec: 37/ZMTP, Socket-Type — the table of legal combinations. 15/ZMTP, socket compatibility — likewise.
pub(crate) fn suited(theirs: SocketType, ours: SocketType) -> Result<SocketType, PeerIncompatible> {
    if ours.accepts(theirs) { Ok(theirs) } else { Err(PeerIncompatible::SocketType { ours, theirs }) }
}

pub(crate) fn chosen_identity(value: &[u8], theirs: SocketType) -> Result<Option<RoutingId>, PeerMisbehaved> {
    // spec: 37/ZMTP, Identity — for types other than REQ, DEALER and ROUTER it shall be ignored.
    if value.is_empty() || !theirs.tells_identity() {
        return Ok(None);
    }
    // spec: 37/ZMTP, Identity — 0*255OCTET, of which the first shall not be zero. libzmq sends such a name all the same; what
    // it is worth is for the socket to say.
    RoutingId::received(value).map(Some).map_err(PeerMisbehaved::Identity)
}

#[cfg(test)]
mod tests {
    use monocoque_core::RoutingIdError;

    use super::*;

    fn judge(properties: &[(&str, &[u8])], ours: SocketType) -> Result<Introduction, SessionError> {
        let mut metadata = Vec::new();
        for (name, value) in properties {
            metadata.push(name.len() as u8);
            metadata.extend_from_slice(name.as_bytes());
            metadata.extend_from_slice(&(value.len() as u32).to_be_bytes());
            metadata.extend_from_slice(value);
        }
        Introduction::judge(&metadata, ours)
    }

    #[test]
    fn names_are_found_in_any_case() {
        let properties: [(&str, &[u8]); 3] = [("X-Rack", b"7"), ("SOCKET-TYPE", b"DEALER"), ("identity", b"me")];
        let peer = judge(&properties, SocketType::Router).expect("sound");
        assert_eq!((peer.socket_type, peer.identity), (SocketType::Dealer, RoutingId::new("me").ok()));
        assert_eq!(peer.others, [("X-Rack".to_owned(), b"7".to_vec())]);
    }

    #[test]
    fn every_pair_of_types_is_judged_by_the_table() {
        for ours in SocketType::ZMTP {
            for theirs in SocketType::ZMTP {
                let judged = judge(&[(SOCKET_TYPE, theirs.name().as_bytes())], ours);
                if ours.accepts(theirs) {
                    assert_eq!(judged.map(|peer| peer.socket_type), Ok(theirs));
                } else {
                    assert_eq!(judged, Err(PeerIncompatible::SocketType { ours, theirs }.into()));
                }
            }
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        let dealer: (&str, &[u8]) = (SOCKET_TYPE, b"DEALER");
        type Told<'a> = &'a [(&'a str, &'a [u8])];
        let cases: [(Told, SessionError); 4] = [
            (&[], PeerMisbehaved::NoSocketType.into()),
            (&[dealer, dealer], PeerMisbehaved::PropertyTwice(SOCKET_TYPE).into()),
            (&[dealer, (IDENTITY, &[1; 256])], PeerMisbehaved::Identity(RoutingIdError::TooLong(256)).into()),
            (&[(SOCKET_TYPE, b"DGRAM")], PeerIncompatible::UnknownSocketType { theirs: "DGRAM".into() }.into()),
        ];
        for (properties, error) in cases {
            assert_eq!(judge(properties, SocketType::Router), Err(error));
        }
    }

    #[test]
    fn an_identity_may_begin_with_zero_as_libzmq_sends_it() {
        let peer = judge(&[(SOCKET_TYPE, b"DEALER"), (IDENTITY, b"\0a")], SocketType::Router).expect("sound");
        assert_eq!(peer.identity, RoutingId::received(b"\0a").ok());
    }

    #[test]
    fn the_identity_of_other_types_is_ignored() {
        let peer = judge(&[(SOCKET_TYPE, b"REP"), (IDENTITY, b"\0x")], SocketType::Req).expect("sound");
        assert_eq!(peer.identity, None);
    }
}
