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
}

impl Plain {
    pub(crate) fn push(&mut self, bytes: &[u8], arena: &Arena) -> Result<(), OutOfMemory> {
        if self.slab.as_ref().is_none_or(|slab| slab.spare_len() < bytes.len()) {
            self.grow(bytes.len(), arena)?;
        }
        if let Some(slab) = &mut self.slab {
            slab.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Room for what is needed at once, and for the record that ends beyond it, so that what is long is moved once.
    fn grow(&mut self, bytes: usize, arena: &Arena) -> Result<(), OutOfMemory> {
        let held = self.slab.as_ref().map_or(&[][..], SlabMut::filled);
        let wanted = (held.len() + bytes).max(if self.need > held.len() { self.need + RECORD_BYTES_MAX } else { 0 });
        let mut next = match SlabClass::fitting(wanted) {
            Some(class) => arena.lease(class),
            None => SlabMut::exact(wanted)?,
        };
        next.extend_from_slice(held);
        self.slab = Some(next);
        Ok(())
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
        plain.push(&[1; 100], &arena).expect("memory");
        assert!(plain.enough().is_some());
        plain.expect(1 << 20);
        let mut at = None;
        for _ in 0..(1 << 20) / RECORD_BYTES_MAX {
            assert!(plain.enough().is_none());
            plain.push(&[2; RECORD_BYTES_MAX], &arena).expect("memory");
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
        plain.push(b"x", &arena).expect("memory");
        plain.enough().expect("enough").skip(1);
        plain.expect(0);
        assert!(plain.slab.is_none());
    }
}
