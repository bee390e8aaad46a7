//! Which lengths the prefixes of a table have.

/// Distinct lengths, each with how many prefixes have it.
///
/// One that no prefix has any more is kept until half of them are so: what comes and goes moves none of the others.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    /// Ascending.
    list: Vec<(usize, usize)>,
    unused: usize,
}

impl Lengths {
    pub(super) fn count(&mut self, length: usize) {
        match self.list.binary_search_by_key(&length, |&(other, _)| other) {
            Ok(at) => {
                self.unused -= usize::from(self.list[at].1 == 0);
                self.list[at].1 += 1;
            }
            Err(at) => self.list.insert(at, (length, 1)),
        }
    }

    pub(super) fn discount(&mut self, length: usize) {
        let at = self.list.binary_search_by_key(&length, |&(other, _)| other).expect("a present length is counted");
        self.list[at].1 -= 1;
        self.unused += usize::from(self.list[at].1 == 0);
        if self.unused * 2 > self.list.len() {
            self.list.retain(|&(_, count)| count > 0);
            self.unused = 0;
        }
    }

    /// Those of at most `max` bytes that a prefix has, ascending.
    #[inline]
    pub(super) fn up_to(&self, max: usize) -> impl Iterator<Item = usize> {
        let fitting = self.list.iter().take_while(move |&&(length, _)| length <= max);
        fitting.filter(|&&(_, count)| count > 0).map(|&(length, _)| length)
    }
}

#[cfg(test)]
impl Lengths {
    /// What always holds. Returns how many prefixes are counted.
    pub(super) fn check(&self) -> usize {
        assert!(self.list.is_sorted_by(|lower, upper| lower.0 < upper.0));
        let unused = self.list.iter().filter(|&&(_, count)| count == 0).count();
        assert_eq!(unused, self.unused);
        assert!(unused * 2 <= self.list.len());
        self.list.iter().map(|&(_, count)| count).sum()
    }
}
