//! The sorted prefix table: which prefixes does a topic begin with?
//!
//! Rows sorted by prefix, in chunks. Few are compared one by one, up to the first that sorts behind the topic. Of many
//! the last is sought that does not sort behind the topic: what it has in common with the topic, every prefix of
//! the topic lies in. Mostly no shorter prefix has a length that is present; else the table is walked from its front to
//! there, along the topic, and no byte of the topic is compared twice.

#[cfg(test)]
mod effort;
mod lengths;
mod rows;

use std::ops::ControlFlow;

use lengths::Lengths;
use rows::{Place, Rows};

/// Up to this many entries a scan over neighbours costs less than searching.
const SCAN_ENTRIES_MAX: usize = 16;

const _: () = assert!(SCAN_ENTRIES_MAX <= rows::MERGED_ENTRIES_MAX, "what is scanned is one chunk");

/// Prefixes, each with a value.
#[derive(Debug)]
pub(crate) struct PrefixTable<V> {
    rows: Rows<V>,
    lengths: Lengths,
}

impl<V> Default for PrefixTable<V> {
    fn default() -> Self {
        Self { rows: Rows::default(), lengths: Lengths::default() }
    }
}

impl<V: Default> PrefixTable<V> {
    /// The value of `prefix`; a default one is inserted if there is none.
    pub(crate) fn entry(&mut self, prefix: &[u8]) -> &mut V {
        let place = self.rows.find(prefix).unwrap_or_else(|place| {
            self.lengths.count(prefix.len());
            self.rows.insert(place, (prefix.into(), V::default()))
        });
        self.rows.value_mut(place)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The value of this very prefix.
    pub(crate) fn get(&self, prefix: &[u8]) -> Option<&V> {
        let place = self.rows.find(prefix).ok()?;
        Some(&self.rows.row(place).1)
    }

    pub(crate) fn get_mut(&mut self, prefix: &[u8]) -> Option<&mut V> {
        let place = self.rows.find(prefix).ok()?;
        Some(self.rows.value_mut(place))
    }

    pub(crate) fn remove(&mut self, prefix: &[u8]) {
        if let Ok(place) = self.rows.find(prefix) {
            self.rows.remove(place);
            self.lengths.discount(prefix.len());
        }
    }

    /// Keeps the entries for which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&[u8], &mut V) -> bool) {
        let lengths = &mut self.lengths;
        self.rows.retain(|prefix, value| {
            let kept = keep(prefix, value);
            if !kept {
                lengths.discount(prefix.len());
            }
            kept
        });
    }

    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.rows.iter().map(|(prefix, _)| &**prefix)
    }

    /// Visits the value of each prefix of `topic`, shortest first, until told to stop.
    #[inline]
    pub(crate) fn walk(&self, topic: &[u8], visit: impl FnMut(&V) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.rows.len() <= SCAN_ENTRIES_MAX { self.scan(topic, visit) } else { self.search(topic, visit) }
    }

    /// Whether `topic` begins with any of the prefixes.
    #[inline]
    pub(crate) fn matches(&self, topic: &[u8]) -> bool {
        self.walk(topic, |_| ControlFlow::Break(())).is_break()
    }

    fn scan(&self, topic: &[u8], mut visit: impl FnMut(&V) -> ControlFlow<()>) -> ControlFlow<()> {
        for (prefix, value) in self.rows.first_chunk() {
            if begins_with(topic, prefix) {
                visit(value)?;
            } else if **prefix > *topic {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    fn search(&self, topic: &[u8], mut visit: impl FnMut(&V) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut from = Place::default();
        if let Some((prefix, value)) = self.rows.first_chunk().first()
            && prefix.is_empty()
        {
            visit(value)?;
            from = self.rows.next(from);
        }
        let last = self.rows.last_up_to(topic);
        let (longest, value) = self.rows.row(last);
        let shared = common(longest, topic);
        // From here to the last one all rows begin with the first `known` bytes of the topic.
        let (mut known, mut length_min) = (0, 1);
        for length in self.lengths.up_to(shared) {
            if length < length_min {
                continue;
            }
            if length == longest.len() {
                return visit(value);
            }
            let place = self.rows.seek(from, last, known, &topic[..length]);
            let (prefix, value) = self.rows.row(place);
            known += common(&prefix[known..], &topic[known..]);
            if prefix.len() == known {
                visit(value)?;
            }
            if place == last {
                break;
            }
            // A prefix of the topic that this row begins with too would lie before it.
            (from, length_min) = (self.rows.next(place), known + 1);
        }
        ControlFlow::Continue(())
    }
}

/// Whether `topic` begins with `prefix`. The empty one is the commonest, and nothing is compared for it: it lies at
/// address 1, and to load no bytes from an address that is not mapped takes a vector unit longer than all else that a
/// small message needs.
#[inline]
fn begins_with(topic: &[u8], prefix: &[u8]) -> bool {
    prefix.is_empty() || topic.starts_with(prefix)
}

/// How many bytes both begin with.
#[inline]
fn common(prefix: &[u8], topic: &[u8]) -> usize {
    #[cfg(test)]
    effort::compared(prefix, topic);
    let len = prefix.len().min(topic.len());
    let (prefix, topic) = (&prefix[..len], &topic[..len]);
    let mut at = 0;
    while let (Some(a), Some(b)) = (prefix[at..].first_chunk(), topic[at..].first_chunk()) {
        match agreeing(a, b) {
            8 => at += 8,
            agreed => return at + agreed,
        }
    }
    match (prefix.last_chunk(), topic.last_chunk()) {
        // What these eight have in common with those before is equal.
        (Some(a), Some(b)) => len - 8 + agreeing(a, b),
        _ => prefix.iter().zip(topic).take_while(|(a, b)| a == b).count(),
    }
}

/// How many of the first of eight bytes are equal.
#[inline]
fn agreeing(a: &[u8; 8], b: &[u8; 8]) -> usize {
    (u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b)).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests;
