//! Slabs as buffers of completion IO. All unsafe code of this crate is in this file.

use std::mem::MaybeUninit;

use compio::buf::{IoBuf, IoBufMut, SetLen};
use monocoque_core::slab::SlabMut;

/// The spare room of a slab, owned by a read operation until its completion.
///
/// To compio the buffer is empty with the spare room as its capacity: `as_init` is what the operation has
/// filled, which starts as nothing.
#[derive(Debug)]
pub(crate) struct Spare {
    slab: SlabMut,
    read: usize,
}

impl Spare {
    pub(crate) fn new(slab: SlabMut) -> Self {
        Self { slab, read: 0 }
    }

    /// Gives the slab back with the first `count` bytes of its spare room filled.
    ///
    /// # Safety
    /// The kernel has written `count` bytes.
    pub(crate) unsafe fn into_slab(mut self, count: usize) -> SlabMut {
        debug_assert_eq!(self.read, 0, "reads are counted by their result");
        // SAFETY: initialised: the caller passes what the completed read reported; `advance` asserts the bound.
        unsafe { self.slab.advance(count) };
        self.slab
    }
}

impl IoBuf for Spare {
    fn as_init(&self) -> &[u8] {
        &[]
    }
}

impl SetLen for Spare {
    unsafe fn set_len(&mut self, len: usize) {
        // SAFETY note: nothing is exposed by this; `into_slab` is where filled bytes are declared.
        self.read = len;
    }
}

impl IoBufMut for Spare {
    fn as_uninit(&mut self) -> &mut [MaybeUninit<u8>] {
        self.slab.spare()
    }
}

/// Reads at once into the spare room of `slab`, without waiting.
///
/// # Errors
/// As `recv(2)`; `WouldBlock` when nothing is there.
pub(crate) fn recv_now(fd: impl std::os::fd::AsFd, slab: &mut SlabMut) -> std::io::Result<usize> {
    let (filled, _) = rustix::net::recv(fd, slab.spare(), rustix::net::RecvFlags::DONTWAIT)?;
    let count = filled.0.len();
    // SAFETY: initialised: `recv` returned the initialised front of the spare room, `count` bytes long.
    unsafe { slab.advance(count) };
    Ok(count)
}

/// Takes the slab back from a completed read.
pub(crate) fn complete(result: std::io::Result<usize>, spare: Spare) -> (std::io::Result<usize>, SlabMut) {
    let count = *result.as_ref().unwrap_or(&0);
    // SAFETY: initialised: `count` is what the completion of the read into this very buffer reported.
    let slab = unsafe { spare.into_slab(count) };
    (result, slab)
}
