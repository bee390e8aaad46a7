//! The sorted prefix table: which prefixes does a topic begin with?
//!
//! One sorted vector. Few entries are compared one by one, up to the first that sorts behind the topic.
//! Many are searched: once for each distinct length that is present and fits, each search beginning
//! where the one before ended, because a longer prefix of the same topic never sorts before a shorter.

use std::ops::ControlFlow;

/// Up to this many entries a scan over neighbours costs less than searching.
const SCAN_ENTRIES_MAX: usize = 16;

/// Prefixes, each with a value.
#[derive(Debug, Default)]
pub(crate) struct PrefixTable<V> {
    /// Sorted by prefix.
    entries: Vec<(Box<[u8]>, V)>,
    /// Distinct lengths of the prefixes, ascending, each with how many prefixes have it.
    lengths: Vec<(usize, usize)>,
}

impl<V: Default> PrefixTable<V> {
    /// The value of `prefix`; a default one is inserted if there is none.
    pub(crate) fn entry(&mut self, prefix: &[u8]) -> &mut V {
        let at = match self.position(prefix) {
            Ok(at) => at,
            Err(at) => {
                self.entries.insert(at, (prefix.into(), V::default()));
                self.count_length(prefix.len());
                at
            }
        };
        &mut self.entries[at].1
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The value of this very prefix.
    pub(crate) fn get(&self, prefix: &[u8]) -> Option<&V> {
        let at = self.position(prefix).ok()?;
        Some(&self.entries[at].1)
    }

    pub(crate) fn get_mut(&mut self, prefix: &[u8]) -> Option<&mut V> {
        let at = self.position(prefix).ok()?;
        Some(&mut self.entries[at].1)
    }

    pub(crate) fn remove(&mut self, prefix: &[u8]) {
        if let Ok(at) = self.position(prefix) {
            self.entries.remove(at);
            discount_length(&mut self.lengths, prefix.len());
        }
    }

    /// Keeps the entries for which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&[u8], &mut V) -> bool) {
        let lengths = &mut self.lengths;
        self.entries.retain_mut(|(prefix, value)| {
            let kept = keep(prefix, value);
            if !kept {
                discount_length(lengths, prefix.len());
            }
            kept
        });
    }

    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(|(prefix, _)| &**prefix)
    }

    /// Visits the value of each prefix of `topic`, shortest first, until told to stop.
    #[inline]
    pub(crate) fn walk(&self, topic: &[u8], visit: impl FnMut(&V) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.entries.len() <= SCAN_ENTRIES_MAX { self.scan(topic, visit) } else { self.search(topic, visit) }
    }

    /// Whether `topic` begins with any of the prefixes.
    #[inline]
    pub(crate) fn matches(&self, topic: &[u8]) -> bool {
        self.walk(topic, |_| ControlFlow::Break(())).is_break()
    }

    fn scan(&self, topic: &[u8], mut visit: impl FnMut(&V) -> ControlFlow<()>) -> ControlFlow<()> {
        for (prefix, value) in &self.entries {
            if begins_with(topic, prefix) {
                visit(value)?;
            } else if **prefix > *topic {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    fn search(&self, topic: &[u8], mut visit: impl FnMut(&V) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut rest = &self.entries[..];
        for &(length, _) in &self.lengths {
            let Some(wanted) = topic.get(..length) else { break };
            if length == 0 {
                // It sorts before all others.
                visit(&rest[0].1)?;
                rest = &rest[1..];
                continue;
            }
            match rest.binary_search_by(|(prefix, _)| (**prefix).cmp(wanted)) {
                Ok(at) => {
                    visit(&rest[at].1)?;
                    rest = &rest[at + 1..];
                }
                Err(at) => rest = &rest[at..],
            }
        }
        ControlFlow::Continue(())
    }

    fn position(&self, prefix: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| (**other).cmp(prefix))
    }

    fn count_length(&mut self, length: usize) {
        match self.lengths.binary_search_by_key(&length, |&(other, _)| other) {
            Ok(at) => self.lengths[at].1 += 1,
            Err(at) => self.lengths.insert(at, (length, 1)),
        }
    }
}

/// Whether `topic` begins with `prefix`. The empty one is the commonest, and nothing is compared for it: it lies at address 1, and
/// to load no bytes from an address that is not mapped takes a vector unit longer than all else that a small message needs.
#[inline]
fn begins_with(topic: &[u8], prefix: &[u8]) -> bool {
    prefix.is_empty() || topic.starts_with(prefix)
}

fn discount_length(lengths: &mut Vec<(usize, usize)>, length: usize) {
    let at = lengths.binary_search_by_key(&length, |&(other, _)| other).expect("a present length is counted");
    lengths[at].1 -= 1;
    if lengths[at].1 == 0 {
        lengths.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn matched(table: &PrefixTable<Vec<u8>>, topic: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let _ = table.walk(topic, |value| {
            found.push(value.clone());
            ControlFlow::Continue(())
        });
        found
    }

    fn insert(table: &mut PrefixTable<Vec<u8>>, prefix: &[u8]) {
        *table.entry(prefix) = prefix.to_vec();
    }

    #[test]
    fn the_empty_prefix_matches_everything_and_is_found_first() {
        let mut table = PrefixTable::default();
        insert(&mut table, b"a");
        insert(&mut table, b"");
        assert_eq!(matched(&table, b"ab"), [b"".to_vec(), b"a".to_vec()]);
        assert_eq!(matched(&table, b""), [b"".to_vec()]);
        table.remove(b"");
        assert!(!table.matches(b""));
    }

    /// Few letters and short words, so that prefixes nest; sometimes more of them than are scanned.
    fn words(count: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
        let letter = prop::sample::select(vec![0u8, b'a', b'b', 255]);
        prop::collection::vec(prop::collection::vec(letter, 0..5), 0..count)
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_set_of_prefixes_holds(
            added in words(60), removed in words(30), cut in any::<u8>(), topics in words(20)
        ) {
            let (mut table, mut naive) = (PrefixTable::default(), HashSet::new());
            for word in &added {
                insert(&mut table, word);
                naive.insert(word.clone());
            }
            for word in &removed {
                table.remove(word);
                naive.remove(word);
            }
            table.retain(|prefix, _| prefix.first() != Some(&cut));
            naive.retain(|prefix| prefix.first() != Some(&cut));
            for topic in &topics {
                let mut expected: Vec<_> = naive.iter().filter(|prefix| topic.starts_with(prefix)).cloned().collect();
                expected.sort_by_key(Vec::len);
                prop_assert_eq!(matched(&table, topic), expected);
            }
            let total: usize = table.lengths.iter().map(|&(_, count)| count).sum();
            prop_assert_eq!(total, naive.len());
        }
    }
}
