//! Decrypted bytes that wait for the protocol within.

use monocoque_core::slab::{Arena, OutOfMemory, SlabClass, SlabMut};

/// The longest piece that is added at once: the content of a record (RFC 8446, 5.1).
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 14;

/// What was decrypted and not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    slab: Option<SlabMut>,
    /// Bytes that the protocol within needs to go on.
    need: usize,
    /// Of that, what was known when the reader last asked: what is counted is taken in steps that it has paid for.
    known: usize,
}

impl Plain {
    /// Appends `bytes`, which came out of `input`.
    pub(crate) fn push(&mut self, bytes: &[u8], input: &SlabMut, arena: &Arena) -> Result<(), OutOfMemory> {
        if self.slab.as_ref().is_none_or(|slab| slab.spare_len() < bytes.len()) {
            self.grow(bytes.len(), input, arena)?;
        }
        if let Some(slab) = &mut self.slab {
            slab.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Room for what is needed at once, and for the record that ends beyond it, so that what is long is moved once.
    fn grow(&mut self, bytes: usize, input: &SlabMut, arena: &Arena) -> Result<(), OutOfMemory> {
        let held = self.slab.as_ref().map_or(&[][..], SlabMut::filled);
        let need = if input.budget().is_some() { self.known } else { self.need };
        let wanted = (held.len() + bytes).max(if need > held.len() { need + RECORD_BYTES_MAX } else { 0 });
        let mut next = arena.room_beside(input, wanted)?;
        next.extend_from_slice(held);
        self.slab = Some(next);
        Ok(())
    }

    /// Bytes that [`push`](Self::push) may lease for what comes out of `input` bytes: a record may be among them that had
    /// begun before.
    pub(crate) fn growth(&self, input: usize) -> usize {
        let more = input + RECORD_BYTES_MAX;
        match &self.slab {
            Some(slab) if slab.spare_len() >= more => 0,
            Some(slab) if slab.capacity() >= self.need => more,
            _ => more.max(self.need + RECORD_BYTES_MAX),
        }
    }

    /// Bytes that were not taken.
    pub(crate) fn len(&self) -> usize {
        self.slab.as_ref().map_or(0, SlabMut::len)
    }

    /// Input is taken: what is needed by now was paid for.
    pub(crate) fn begin(&mut self) {
        self.known = self.need;
    }

    /// The bytes, if they are as many as were needed.
    pub(crate) fn enough(&mut self) -> Option<&mut SlabMut> {
        self.slab.as_mut().filter(|slab| slab.len() >= self.need)
    }

    /// The bytes, however many.
    pub(crate) fn whatever(&mut self, arena: &Arena) -> &mut SlabMut {
        self.slab.get_or_insert_with(|| arena.lease(SlabClass::Tiny))
    }

    /// What is needed from here on. An empty slab is given up.
    pub(crate) fn expect(&mut self, need: usize) {
        self.need = need;
        self.slab = self.slab.take().filter(|slab| !slab.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_moved_once() {
        let (arena, mut plain) = (Arena::new(), Plain::default());
        let input = arena.lease(SlabClass::Tiny);
        plain.push(&[1; 100], &input, &arena).expect("memory");
        assert!(plain.enough().is_some());
        plain.expect(1 << 20);
        let mut at = None;
        for _ in 0..(1 << 20) / RECORD_BYTES_MAX {
            assert!(plain.enough().is_none());
            plain.push(&[2; RECORD_BYTES_MAX], &input, &arena).expect("memory");
            let now = plain.slab.as_ref().map(|slab| slab.filled().as_ptr());
            assert!(at.is_none() || at == now, "moved");
            at = now;
        }
        let slab = plain.enough().expect("enough");
        assert_eq!((slab.len(), slab.filled()[99], slab.filled()[100]), (100 + (1 << 20), 1, 2));
    }

    #[test]
    fn nothing_is_held_while_nothing_waits() {
        let (arena, mut plain) = (Arena::new(), Plain::default());
        let input = arena.lease(SlabClass::Tiny);
        plain.push(b"x", &input, &arena).expect("memory");
        plain.enough().expect("enough").skip(1);
        plain.expect(0);
        assert!(plain.slab.is_none());
    }
}
