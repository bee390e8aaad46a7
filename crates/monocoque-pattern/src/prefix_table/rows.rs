//! Sorted entries in chunks: what is inserted or removed moves those of one chunk, not all.
//!
//! A full chunk is split in two. Two neighbours that are a half together are one again. So chunks are split and
//! merged at most once for a quarter of a chunk's worth of changes, whatever their order; and there are few of them,
//! because two neighbours always hold more than a half. No chunk is empty.

use std::cmp::Ordering;

#[cfg(test)]
use super::effort;

/// Entries of a chunk: moving half of them costs about as much as the rest of a subscription.
pub(super) const CHUNK_ENTRIES_MAX: usize = 512;

/// Neighbours of so few entries together are merged.
pub(super) const MERGED_ENTRIES_MAX: usize = CHUNK_ENTRIES_MAX / 2;

/// A prefix and its value.
type Row<V> = (Box<[u8]>, V);

/// Where a row is, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    chunk: usize,
    at: usize,
}

/// Rows sorted by prefix.
#[derive(Debug)]
pub(super) struct Rows<V> {
    chunks: Vec<Vec<Row<V>>>,
    len: usize,
}

impl<V> Default for Rows<V> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<V> Rows<V> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row<V>> {
        self.chunks.iter().flatten()
    }

    /// The first rows, in one piece: all of them if they are few.
    #[inline]
    pub(super) fn first_chunk(&self) -> &[Row<V>] {
        self.chunks.first().map_or(&[], |chunk| chunk)
    }

    #[inline]
    pub(super) fn row(&self, place: Place) -> &Row<V> {
        &self.chunks[place.chunk][place.at]
    }

    pub(super) fn value_mut(&mut self, place: Place) -> &mut V {
        &mut self.chunks[place.chunk][place.at].1
    }

    /// Where `prefix` is; else where it would be.
    pub(super) fn find(&self, prefix: &[u8]) -> Result<Place, Place> {
        let chunk = self.chunk_of(prefix);
        let Some(rows) = self.chunks.get(chunk) else { return Err(Place::default()) };
        let found = rows.binary_search_by(|row| order(&row.0, prefix));
        found.map(|at| Place { chunk, at }).map_err(|at| Place { chunk, at })
    }

    /// Inserts a row where [`find`](Self::find) said that it would be, and tells where it is now.
    pub(super) fn insert(&mut self, place: Place, row: Row<V>) -> Place {
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let place = if self.chunks[place.chunk].len() < CHUNK_ENTRIES_MAX { place } else { self.split(place) };
        let chunk = &mut self.chunks[place.chunk];
        #[cfg(test)]
        effort::moved(chunk.len() - place.at);
        make_room(chunk);
        chunk.insert(place.at, row);
        self.len += 1;
        place
    }

    pub(super) fn remove(&mut self, place: Place) {
        let chunk = &mut self.chunks[place.chunk];
        #[cfg(test)]
        effort::moved(chunk.len() - place.at);
        chunk.remove(place.at);
        self.len -= 1;
        self.merge_around(place.chunk);
    }

    /// Keeps the rows for which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&[u8], &mut V) -> bool) {
        self.chunks.retain_mut(|chunk| {
            chunk.retain_mut(|(prefix, value)| keep(prefix, value));
            !chunk.is_empty()
        });
        self.chunks.dedup_by(|upper, lower| merge(lower, upper));
        self.len = self.chunks.iter().map(Vec::len).sum();
    }

    /// The last row that does not sort behind `topic`; if there is none, the very first, which is not looked at. There
    /// are rows.
    ///
    /// Each row that `topic` begins with is this one or begins it: what sorts between a prefix of the topic and
    /// the topic begins with that prefix.
    #[inline]
    pub(super) fn last_up_to(&self, topic: &[u8]) -> Place {
        let chunk = self.chunk_of(topic);
        let found = self.chunks[chunk][1..].binary_search_by(|row| order(&row.0, topic));
        // Behind the first row there are as many as do not sort behind the topic.
        let at = found.map_or_else(|behind| behind, |found| found + 1);
        Place { chunk, at }
    }

    /// The place behind `place`. There is a row behind that in `place`.
    #[inline]
    pub(super) fn next(&self, place: Place) -> Place {
        if place.at + 1 < self.chunks[place.chunk].len() {
            Place { at: place.at + 1, ..place }
        } else {
            Place { chunk: place.chunk + 1, at: 0 }
        }
    }

    /// The first row from `from` on that does not sort before `wanted`. The row in `last` does not, and all of
    /// these rows have their first `known` bytes in common with `wanted`, which are not looked at again.
    ///
    /// It is often the very first, so that is looked at before the rest is searched.
    #[inline]
    pub(super) fn seek(&self, from: Place, last: Place, known: usize, wanted: &[u8]) -> Place {
        let wanted = &wanted[known..];
        let before = |row: &Row<V>| order(&row.0[known..], wanted).is_lt();
        if from == last || !before(self.row(from)) {
            return from;
        }
        let chunk = self.chunk_to_seek(from, last, before);
        let start = if chunk == from.chunk { from.at } else { 0 };
        let end = if chunk == last.chunk { last.at } else { self.chunks[chunk].len() };
        // The first of them sorts before.
        let at = start + 1 + partition_near(&self.chunks[chunk][start + 1..end], before);
        if at == self.chunks[chunk].len() { Place { chunk: chunk + 1, at: 0 } } else { Place { chunk, at } }
    }

    /// The last chunk between `from` and `last` whose first row is `before`; the row in `from` is.
    #[inline]
    fn chunk_to_seek(&self, from: Place, last: Place, before: impl Fn(&Row<V>) -> bool) -> usize {
        let later = &self.chunks[from.chunk + 1..=last.chunk];
        from.chunk + partition_near(later, |chunk| before(&chunk[0]))
    }

    /// The last chunk whose first row does not sort behind `topic`; the first one if there is none.
    #[inline]
    fn chunk_of(&self, topic: &[u8]) -> usize {
        let later = self.chunks.get(1..).unwrap_or_default();
        later.partition_point(|chunk| order(&chunk[0].0, topic).is_le())
    }

    /// Splits the chunk of `place`; tells where that is now.
    fn split(&mut self, place: Place) -> Place {
        let lower = &mut self.chunks[place.chunk];
        let upper = lower.split_off(CHUNK_ENTRIES_MAX / 2);
        lower.shrink_to_fit();
        let len = lower.len();
        #[cfg(test)]
        effort::moved(upper.len());
        self.chunks.insert(place.chunk + 1, upper);
        if place.at <= len { place } else { Place { chunk: place.chunk + 1, at: place.at - len } }
    }

    /// A row of `chunk` was removed: it is no chunk any more, or one with a neighbour, or stays as it is.
    fn merge_around(&mut self, chunk: usize) {
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
            return;
        }
        for lower in [chunk.checked_sub(1), Some(chunk)].into_iter().flatten() {
            if let Some([lower_rows, upper_rows]) = self.chunks.get_mut(lower..lower + 2)
                && merge(lower_rows, upper_rows)
            {
                self.chunks.remove(lower + 1);
                return;
            }
        }
    }
}

/// Moves what is in `upper` to `lower`, if both are few.
fn merge<V>(lower: &mut Vec<Row<V>>, upper: &mut Vec<Row<V>>) -> bool {
    let are_few = lower.len() + upper.len() <= MERGED_ENTRIES_MAX;
    if are_few {
        #[cfg(test)]
        effort::moved(upper.len());
        lower.append(upper);
    }
    are_few
}

/// Room for some more, where a vector by itself would take as much again. Chunks are of few sizes, so that one takes
/// the place that another left.
fn make_room<V>(chunk: &mut Vec<Row<V>>) {
    if chunk.len() == chunk.capacity() {
        chunk.reserve_exact((chunk.len() / 4).clamp(4, 64));
    }
}

/// How many of the first `items` are `before`, like all before them. Those at the front are looked at first.
#[inline]
fn partition_near<T>(items: &[T], before: impl Fn(&T) -> bool) -> usize {
    let mut start = 0;
    let mut probe = 0;
    while let Some(item) = items.get(probe) {
        if !before(item) {
            break;
        }
        start = probe + 1;
        probe = probe * 4 + 1;
    }
    let end = probe.min(items.len());
    start + items[start..end].partition_point(before)
}

/// How `prefix` and `topic` sort.
///
/// Prefixes of 8 to 16 bytes are common, and two words each: to call a function takes longer than to compare those.
#[inline]
fn order(prefix: &[u8], topic: &[u8]) -> Ordering {
    #[cfg(test)]
    effort::compared(prefix, topic);
    let len = prefix.len().min(topic.len());
    match (words(&prefix[..len]), words(&topic[..len])) {
        (Some(a), Some(b)) => a.cmp(&b).then(prefix.len().cmp(&topic.len())),
        _ => prefix.cmp(topic),
    }
}

/// The first and the last eight of 8 to 16 bytes, which sort as these sort.
#[inline]
fn words(bytes: &[u8]) -> Option<(u64, u64)> {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => Some((u64::from_be_bytes(*first), u64::from_be_bytes(*last))),
        _ => None,
    }
}

#[cfg(test)]
impl<V> Rows<V> {
    /// What always holds of chunks. Returns how many there are.
    pub(super) fn check(&self) -> usize {
        let lens: Vec<_> = self.chunks.iter().map(Vec::len).collect();
        assert!(lens.iter().all(|len| (1..=CHUNK_ENTRIES_MAX).contains(len)), "{lens:?}");
        assert!(lens.windows(2).all(|pair| pair[0] + pair[1] > MERGED_ENTRIES_MAX), "{lens:?}");
        assert_eq!(self.len, lens.iter().sum::<usize>());
        assert!(self.iter().is_sorted_by(|lower, upper| lower.0 < upper.0));
        lens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_sort_as_slices_do() {
        for len in 0..40 {
            for other in 0..40 {
                let (a, mut b) = (vec![0x80; len], vec![0x80; other]);
                assert_eq!(order(&a, &b), a.cmp(&b));
                for differs in 0..other {
                    for byte in [0x7f, 0x81] {
                        b[differs] = byte;
                        assert_eq!(order(&a, &b), a.cmp(&b), "{len} {other} {differs}");
                    }
                    b[differs] = 0x80;
                }
            }
        }
    }
}
