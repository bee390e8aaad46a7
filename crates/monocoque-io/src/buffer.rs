//! Reading into the spare room of a slab.

use std::io;
use std::os::fd::AsFd;

use monocoque_core::slab::SlabMut;
use rustix::net::{RecvFlags, recv};

/// Reads at once into the spare room of `slab`, `most` bytes of it, without waiting.
///
/// # Errors
/// As `recv(2)`; `WouldBlock` when nothing is there.
pub(crate) fn recv_now(fd: impl AsFd, slab: &mut SlabMut, most: usize) -> io::Result<usize> {
    let room = most.min(slab.spare_len());
    let (filled, _) = recv(fd, &mut slab.spare()[..room], RecvFlags::DONTWAIT)?;
    let count = filled.0.len();
    // SAFETY: initialised: `recv` returned the initialised front of the spare room, `count` bytes long.
    unsafe { slab.advance(count) };
    Ok(count)
}
