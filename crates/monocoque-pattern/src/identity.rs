//! The identity table of a ROUTER: which peer a routing id leads to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};

use monocoque_core::RoutingId;

use crate::PeerKey;

/// A number that hardly any other socket is given, of this process or another: where one that counts names begins.
pub(crate) fn anywhere() -> u32 {
    RandomState::new().hash_one(()) as u32
}

/// Who got the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The id was free.
    Granted,
    /// It was another's, who has lost it now.
    TakenOver(PeerKey),
    /// It is another's.
    Denied,
}

/// Routing ids with the life each one leads to.
#[derive(Debug)]
pub(crate) struct Identities {
    routes: HashMap<RoutingId, PeerKey>,
    /// The route that was asked for last: who answers one peer, or many messages of one, asks for it again.
    recent: Option<(RoutingId, PeerKey)>,
    generated: u32,
}

impl Default for Identities {
    /// Generated names begin anywhere: one that somebody kept of a socket that is gone is not to lead to another peer of the next.
    fn default() -> Self {
        Self { routes: HashMap::default(), recent: None, generated: anywhere() }
    }
}

impl Identities {
    /// Asks for the route of `id`; with `handover` from whoever has it.
    pub(crate) fn claim(&mut self, id: &RoutingId, key: PeerKey, handover: bool) -> Claim {
        self.recent = None;
        match self.routes.entry(id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(key);
                Claim::Granted
            }
            Entry::Occupied(mut entry) if handover => Claim::TakenOver(entry.insert(key)),
            Entry::Occupied(_) => Claim::Denied,
        }
    }

    /// A name that is nobody's. Not that of the number 0, which as the id of a SERVER's peer means none.
    pub(crate) fn generate(&mut self) -> RoutingId {
        loop {
            self.generated = self.generated.wrapping_add(1).max(1);
            let id = RoutingId::generated(self.generated);
            if !self.routes.contains_key(id.as_bytes()) {
                return id;
            }
        }
    }

    /// Gives the route of `id` up, if it is still that of `key`.
    pub(crate) fn release(&mut self, id: &RoutingId, key: PeerKey) {
        if self.find(id.as_bytes()) == Some(key) {
            self.routes.remove(id);
            self.recent = None;
        }
    }

    pub(crate) fn find(&mut self, id: &[u8]) -> Option<PeerKey> {
        if let Some((recent, key)) = &self.recent
            && recent.as_bytes() == id
        {
            return Some(*key);
        }
        let (id, key) = self.routes.get_key_value(id)?;
        self.recent = Some((id.clone(), *key));
        Some(*key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: PeerKey = PeerKey { slot: 0, epoch: 1 };
    const NEW: PeerKey = PeerKey { slot: 1, epoch: 2 };

    #[test]
    fn generated_names_do_not_begin_where_those_of_another_socket_did() {
        let first = || Identities::default().generate();
        assert!((0..8).any(|_| first() != first()), "of nine pairs one differs, but in one case of 2^256");
    }

    #[test]
    fn a_taken_id_is_denied_or_taken_over() {
        let (mut table, id) = (Identities::default(), RoutingId::new("id").expect("valid"));
        assert_eq!(table.claim(&id, OLD, false), Claim::Granted);
        assert_eq!(table.claim(&id, NEW, false), Claim::Denied);
        assert_eq!(table.find(b"id"), Some(OLD));
        assert_eq!(table.claim(&id, NEW, true), Claim::TakenOver(OLD));
        table.release(&id, OLD);
        assert_eq!(table.find(b"id"), Some(NEW), "the old peer's end does not end the new route");
        table.release(&id, NEW);
        assert_eq!(table.find(b"id"), None);
    }

    #[test]
    fn generated_names_avoid_those_in_use() {
        let mut table = Identities { generated: 6, ..Identities::default() };
        table.claim(&RoutingId::generated(7), OLD, false);
        assert_eq!(table.generate(), RoutingId::generated(8));
    }

    #[test]
    fn no_generated_name_is_of_the_number_0() {
        let mut table = Identities { generated: u32::MAX, ..Identities::default() };
        assert_eq!(table.generate(), RoutingId::generated(1));
    }
}
