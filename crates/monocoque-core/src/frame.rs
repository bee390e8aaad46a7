//! One part of a message.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::limits::INLINE_BYTES_MAX;
use crate::slab::SlabMut;

/// One part of a [`Message`](crate::Message): small bodies inline, larger ones shared by reference count.
///
/// Cloning never copies more than [`INLINE_BYTES_MAX`] bytes.
#[derive(Clone)]
pub struct Frame(Repr);

#[derive(Clone)]
enum Repr {
    Inline(Inline),
    Shared(Bytes),
    /// Never copied into a pipe, however small.
    Lent(Bytes),
}

/// A small body. The bytes come first, so that copying a frame loads them as they were stored: a load that
/// spans two stores waits for both.
#[derive(Clone, Copy)]
#[repr(C)]
struct Inline {
    data: [u8; INLINE_BYTES_MAX],
    len: Len,
}

macro_rules! lens {
    ($($len:ident)*) => {
        /// Bytes of a small body, in a word that is stored and loaded whole. The values that it has not are left to `Repr` and to
        /// `Message`, which so need no tag of their own.
        #[derive(Clone, Copy)]
        #[repr(u64)]
        enum Len {
            $($len,)*
        }

        impl Len {
            const ALL: [Len; INLINE_BYTES_MAX + 1] = [$(Len::$len),*];
        }
    };
}
lens! {
    L0 L1 L2 L3 L4 L5 L6 L7 L8 L9 L10 L11 L12 L13 L14 L15 L16 L17 L18 L19 L20 L21 L22 L23 L24 L25 L26 L27 L28
    L29 L30 L31 L32 L33 L34 L35 L36 L37 L38 L39 L40 L41 L42 L43 L44 L45 L46 L47 L48 L49 L50 L51 L52 L53 L54
    L55 L56 L57 L58 L59 L60 L61 L62 L63 L64
}

impl Inline {
    const fn new(data: [u8; INLINE_BYTES_MAX], len: usize) -> Self {
        Self { data, len: Len::ALL[len] }
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        &self.data[..self.len as usize]
    }
}

impl Frame {
    /// The empty frame: ZeroMQ's delimiter.
    pub const fn new() -> Self {
        Self(Repr::Inline(Inline::new([0; INLINE_BYTES_MAX], 0)))
    }

    /// Copies `body`: inline when small, else into memory of its own.
    #[inline]
    pub fn copy_from_slice(body: &[u8]) -> Self {
        if body.len() > INLINE_BYTES_MAX {
            return Self(Repr::Shared(Bytes::copy_from_slice(body)));
        }
        let mut data = [0; INLINE_BYTES_MAX];
        data[..body.len()].copy_from_slice(body);
        Self(Repr::Inline(Inline::new(data, body.len())))
    }

    /// A body whose owner wants to know when it was sent: `body` is let go of when it was written to the network, received
    /// over inproc or dropped, not before. Any other that is small is copied when it is sent, and let go of at once.
    pub fn lent(body: Bytes) -> Self {
        if body.is_empty() { Self::new() } else { Self(Repr::Lent(body)) }
    }

    /// Whether a pipe holds the body itself, not a copy of it; bodies that are not lent from `bytes_min` bytes on.
    #[inline]
    pub(crate) fn goes_by_reference(&self, bytes_min: usize) -> bool {
        match &self.0 {
            Repr::Inline(_) => false,
            Repr::Shared(bytes) => bytes.len() >= bytes_min,
            Repr::Lent(_) => true,
        }
    }

    /// Becomes the range `[from, from + len)` of `chunk`: copied inline when small, so that it pins no slab.
    #[inline]
    pub(crate) fn assign(&mut self, chunk: &Bytes, from: usize, len: usize) {
        if len > INLINE_BYTES_MAX {
            self.0 = Repr::Shared(chunk.slice(from..from + len));
            return;
        }
        // A copy of fixed size costs a fraction of one whose size is known only at run time; what it takes
        // beyond `len` is never shown.
        match (chunk[from..].first_chunk::<INLINE_BYTES_MAX>(), &mut self.0) {
            (Some(data), Repr::Inline(inline)) => {
                inline.data = *data;
                inline.len = Len::ALL[len];
            }
            (Some(data), shared) => *shared = Repr::Inline(Inline::new(*data, len)),
            (None, _) => *self = Self::copy_from_slice(&chunk[from..from + len]),
        }
    }

    /// The body.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(inline) => inline.as_slice(),
            Repr::Shared(bytes) | Repr::Lent(bytes) => bytes,
        }
    }

    /// The body as shared bytes: no copy if it was not inline.
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Inline(inline) => Bytes::copy_from_slice(inline.as_slice()),
            Repr::Shared(bytes) | Repr::Lent(bytes) => bytes,
        }
    }

    /// Becomes `body`; returns what it shared before.
    #[inline]
    pub(crate) fn replace(&mut self, body: Bytes) -> Option<Bytes> {
        match std::mem::replace(self, Self::from(body)).0 {
            Repr::Inline(_) => None,
            Repr::Shared(bytes) | Repr::Lent(bytes) => Some(bytes),
        }
    }

    /// The shared bytes, unless the body is inline.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline(_) => None,
            Repr::Shared(bytes) | Repr::Lent(bytes) => Some(bytes),
        }
    }

    /// Appends the body to `slab`, which has room for it.
    #[inline]
    pub(crate) fn encode(&self, slab: &mut SlabMut) {
        match &self.0 {
            Repr::Inline(inline) => slab.extend_from_front(&inline.data, inline.len as usize),
            Repr::Shared(bytes) | Repr::Lent(bytes) => slab.extend_from_slice(bytes),
        }
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Frame {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_BYTES_MAX: usize = 32;
        let body = self.as_slice();
        write!(f, "\"{}\"", body[..body.len().min(SHOWN_BYTES_MAX)].escape_ascii())?;
        if body.len() > SHOWN_BYTES_MAX {
            write!(f, "… ({} bytes)", body.len())?;
        }
        Ok(())
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Frame {
    fn eq(&self, other: &T) -> bool {
        self.as_slice() == other.as_ref()
    }
}

impl Eq for Frame {}

impl From<Bytes> for Frame {
    #[inline]
    fn from(body: Bytes) -> Self {
        if body.len() <= INLINE_BYTES_MAX { Self::copy_from_slice(&body) } else { Self(Repr::Shared(body)) }
    }
}

impl From<Vec<u8>> for Frame {
    fn from(body: Vec<u8>) -> Self {
        Bytes::from(body).into()
    }
}

impl From<String> for Frame {
    fn from(body: String) -> Self {
        body.into_bytes().into()
    }
}

impl From<&[u8]> for Frame {
    fn from(body: &[u8]) -> Self {
        Self::copy_from_slice(body)
    }
}

impl<const N: usize> From<&[u8; N]> for Frame {
    fn from(body: &[u8; N]) -> Self {
        Self::copy_from_slice(body)
    }
}

impl From<&str> for Frame {
    fn from(body: &str) -> Self {
        Self::copy_from_slice(body.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_small_and_bodies_inline_up_to_the_limit() {
        assert_eq!(size_of::<Frame>(), 72);
        let at = Frame::from(vec![1; INLINE_BYTES_MAX]);
        let above = Frame::from(vec![1; INLINE_BYTES_MAX + 1]);
        assert!(at.shared().is_none() && above.shared().is_some());
        assert_eq!((at.len(), above.len()), (INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1));
    }

    #[test]
    fn shared_bodies_are_not_copied() {
        let bytes = Bytes::from(vec![5; 4096]);
        let at = bytes.as_ptr();
        assert_eq!(Frame::from(bytes).clone().into_bytes().as_ptr(), at);
    }

    #[test]
    fn debug_is_bounded() {
        assert_eq!(format!("{:?}", Frame::from("a\n")), r#""a\n""#);
        assert!(format!("{:?}", Frame::from(vec![0; 1 << 20])).len() < 200);
    }
}
