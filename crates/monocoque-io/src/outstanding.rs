//! How much of what was written the peer's system does not have yet.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, ioctl};

/// `SIOCOUTQ`: of TCP what is not acknowledged, of a Unix socket what the peer has not read.
const OUTSTANDING: Opcode = 0x5411;

/// Bytes that were written to the stream socket `fd` and may still be lost.
pub(crate) fn outstanding(fd: impl AsFd) -> io::Result<usize> {
    // SAFETY: the operation writes one `int`, which is what the getter has room for, and touches nothing else.
    let bytes = unsafe { ioctl(fd, Getter::<OUTSTANDING, c_int>::new())? };
    Ok(bytes.unsigned_abs() as usize)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_the_peer_has_is_not_outstanding() {
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
        assert_eq!(outstanding(&ours).expect("a socket"), 0);
        ours.write_all(b"on its way").expect("room");
        assert!(outstanding(&ours).expect("a socket") > 0);
        theirs.read_exact(&mut [0; 10]).expect("it is there");
        assert_eq!(outstanding(&ours).expect("a socket"), 0);
    }
}
