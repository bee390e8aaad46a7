//! What lies in the 64 bytes of a `zmq_msg_t`.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | the kind of body; 0 after close |
//! | 1 | flags |
//! | 2 | the length of a body that lies here |
//! | 4..8 | routing id |
//! | 8..16 | what is known of the peer |
//! | 16..24 | the group |
//! | 24..64 | the body: here, owned by this message, or shared |

use std::alloc::Layout;
use std::ffi::{CStr, CString};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;
use std::sync::Arc;

use bytes::Bytes;
use libc::{c_char, c_void};
use monocoque::{Frame, PeerProperties};

use super::peer::Peer;
use crate::errno::{EFAULT, EINVAL, ENOMEM, Errno};

/// Bodies up to this many bytes lie in the message.
pub(crate) const INLINE_BYTES_MAX: usize = 40;
/// Bodies up to this many bytes lie in a [`Frame`].
const FRAME_INLINE_BYTES_MAX: usize = 64;
/// The longest group, without its final zero.
const GROUP_BYTES_MAX: usize = 255;

// A closed message, or memory that never was one, hardly has one of these.
const INLINE: u8 = 0xa1;
const OWNED: u8 = 0xa2;
const SHARED: u8 = 0xa3;
const CLOSED: u8 = 0;

/// More frames of the message follow.
const MORE: u8 = 1;
/// The body may be another message's too.
const IS_SHARED: u8 = 2;
/// The body is a user's memory, with a function to be called when it was sent.
const IS_LENT: u8 = 4;

/// `zmq_msg_t`.
#[repr(C, align(8))]
pub struct Msg {
    kind: u8,
    flags: u8,
    inline_len: u8,
    _unused: u8,
    routing_id: u32,
    peer: Option<Peer>,
    /// A `CString` given away, or null.
    group: *mut c_char,
    body: Body,
}

#[repr(C)]
union Body {
    inline: [MaybeUninit<u8>; INLINE_BYTES_MAX],
    owned: Owned,
    shared: ManuallyDrop<Bytes>,
}

/// Memory as a boxed slice has it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Owned {
    data: *mut u8,
    len: usize,
}

const _: () = assert!(size_of::<Msg>() == 64 && align_of::<Msg>() == align_of::<*const ()>());

impl Msg {
    const fn with(kind: u8, flags: u8, inline_len: u8, body: Body) -> Self {
        Self { kind, flags, inline_len, _unused: 0, routing_id: 0, peer: None, group: ptr::null_mut(), body }
    }

    /// Nothing.
    pub(crate) const fn empty() -> Self {
        Self::with(INLINE, 0, 0, Body { inline: [MaybeUninit::uninit(); INLINE_BYTES_MAX] })
    }

    /// Room for `size` bytes, of no value.
    pub(crate) fn with_size(size: usize) -> Result<Self, Errno> {
        if size <= INLINE_BYTES_MAX {
            let body = Body { inline: [MaybeUninit::new(0); INLINE_BYTES_MAX] };
            return Ok(Self::with(INLINE, 0, size as u8, body));
        }
        let layout = Layout::array::<u8>(size).map_err(|_| ENOMEM)?;
        // SAFETY: it is larger than nothing.
        let data = unsafe { std::alloc::alloc(layout) };
        if data.is_null() {
            return Err(ENOMEM);
        }
        Ok(Self::with(OWNED, 0, 0, Body { owned: Owned { data, len: size } }))
    }

    /// A body that is shared from the start.
    pub(crate) fn with_bytes(bytes: Bytes, is_shared: bool) -> Self {
        let flags = if is_shared { IS_SHARED } else { 0 };
        Self::with(SHARED, flags, 0, Body { shared: ManuallyDrop::new(bytes) })
    }

    /// A body that the user gets back when it was sent.
    pub(crate) fn lent(bytes: Bytes) -> Self {
        let mut msg = Self::with_bytes(bytes, false);
        msg.flags = IS_LENT;
        msg
    }

    /// A received frame.
    #[inline]
    pub(crate) fn of_frame(frame: Frame) -> Self {
        if frame.len() > INLINE_BYTES_MAX {
            return Self::of_large(frame);
        }
        let mut msg = Self::empty();
        msg.inline_len = frame.len() as u8;
        // SAFETY: both are as long, and apart.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr(), (&raw mut msg.body).cast(), frame.len()) };
        msg
    }

    /// Becomes a received frame, without peer, if that needs no memory but what this message has; whether it did.
    #[inline]
    pub(crate) fn becomes_copy_of(&mut self, frame: &Frame) -> bool {
        let (len, is_here) = (frame.len(), self.kind == INLINE);
        let fits = if is_here { len <= INLINE_BYTES_MAX } else { self.kind == OWNED && len == self.len() };
        if !fits || len > FRAME_INLINE_BYTES_MAX {
            return false;
        }
        if is_here {
            self.inline_len = len as u8;
        }
        // SAFETY: there is room for as many bytes, and the body of an owned message is nobody else's.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr(), self.data().cast(), len) };
        self.forget_circumstances();
        true
    }

    /// A received frame, and the peer that it came from; none of a peer of this process, of which several may receive one body.
    #[inline]
    pub(crate) fn received(frame: Frame, peer: Option<Arc<PeerProperties>>) -> Self {
        let mut msg = Self::of_frame(frame);
        if peer.is_none() && msg.kind == SHARED && !msg.bytes().is_unique() {
            msg.flags |= IS_SHARED;
        }
        msg.set_peer(peer);
        msg
    }

    /// A received frame that has no room here. One that lies in the frame itself is copied, any other is shared.
    fn of_large(frame: Frame) -> Self {
        if frame.len() > FRAME_INLINE_BYTES_MAX {
            return Self::with_bytes(frame.into_bytes(), false);
        }
        let Ok(mut msg) = Self::with_size(frame.len()) else {
            return Self::with_bytes(frame.into_bytes(), false);
        };
        // SAFETY: there is room for as many bytes as the frame has.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr(), msg.data().cast(), frame.len()) };
        msg
    }

    /// # Errors
    /// `EFAULT` for one that was closed, or is none.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Errno> {
        if matches!(self.kind, INLINE | OWNED | SHARED) { Ok(()) } else { Err(EFAULT) }
    }

    /// Where the body is. Writing there is the caller's business, as the manual has it.
    #[inline]
    pub(crate) fn data(&mut self) -> *mut c_void {
        match self.kind {
            INLINE => (&raw mut self.body).cast(),
            // SAFETY: the kind says which it is.
            OWNED => unsafe { self.body.owned.data }.cast(),
            SHARED => self.bytes().as_ptr().cast_mut().cast(),
            _ => ptr::null_mut(),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self.kind {
            INLINE => self.inline_len.into(),
            // SAFETY: the kind says which it is.
            OWNED => unsafe { self.body.owned.len },
            SHARED => self.bytes().len(),
            _ => 0,
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        let data: *const u8 = match self.kind {
            INLINE => (&raw const self.body).cast(),
            // SAFETY: the kind says which it is.
            OWNED => unsafe { self.body.owned.data },
            SHARED => return self.bytes(),
            _ => return &[],
        };
        // SAFETY: so many bytes are there; that they have a value is what the manual asks of who asked for the room.
        unsafe { std::slice::from_raw_parts(data, self.len()) }
    }

    fn bytes(&self) -> &Bytes {
        debug_assert_eq!(self.kind, SHARED);
        // SAFETY: the kind says which it is.
        unsafe { &self.body.shared }
    }

    /// Takes the body out, and leaves nothing.
    #[inline]
    pub(crate) fn take_frame(&mut self) -> Frame {
        let frame = match self.kind {
            INLINE => Frame::copy_from_slice(self.as_slice()),
            OWNED if self.len() <= FRAME_INLINE_BYTES_MAX => {
                let frame = Frame::copy_from_slice(self.as_slice());
                self.free_owned();
                frame
            }
            _ if self.flags & IS_LENT != 0 => Frame::lent(self.take_bytes()),
            _ => Frame::from(self.take_bytes()),
        };
        (self.kind, self.inline_len) = (INLINE, 0);
        frame
    }

    /// Puts a body back that was taken out: what it is the body of was refused.
    pub(crate) fn put_back(&mut self, frame: Frame) {
        debug_assert!(self.kind == INLINE && self.inline_len == 0);
        let is_lent = self.flags & IS_LENT != 0;
        let with_body = if is_lent { Self::lent(frame.into_bytes()) } else { Self::of_frame(frame) };
        (self.kind, self.inline_len) = (with_body.kind, with_body.inline_len);
        let with_body = ManuallyDrop::new(with_body);
        // SAFETY: the body is moved out of what is not dropped, and nothing that it replaces needs a drop.
        self.body = unsafe { ptr::read(&raw const with_body.body) };
    }

    /// Its body was sent: it is empty now, of nobody and to nobody.
    #[inline]
    pub(crate) fn set_sent(&mut self) {
        debug_assert!(self.kind == INLINE && self.inline_len == 0);
        self.forget_circumstances();
    }

    /// Forgets all but the body.
    #[inline]
    fn forget_circumstances(&mut self) {
        (self.flags, self.routing_id, self.peer) = (0, 0, None);
        if !self.group.is_null() {
            self.clear_group();
        }
    }

    /// Gives the memory of an owned body back; what is left has none.
    fn free_owned(&mut self) {
        debug_assert_eq!(self.kind, OWNED);
        self.kind = CLOSED;
        // SAFETY: the kind said which it was, and says no more that it is there.
        let Owned { data, len } = unsafe { self.body.owned };
        // SAFETY: it was allocated as such a box is.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(data.cast::<MaybeUninit<u8>>(), len)) });
    }

    /// The body, which is not inline; what is left has none.
    fn take_bytes(&mut self) -> Bytes {
        let kind = std::mem::replace(&mut self.kind, CLOSED);
        match kind {
            // SAFETY: the kind says which it is, and says no more that it is there.
            SHARED => unsafe { ManuallyDrop::take(&mut self.body.shared) },
            OWNED => {
                // SAFETY: the same.
                let owned = unsafe { self.body.owned };
                let slice = ptr::slice_from_raw_parts_mut(owned.data, owned.len);
                // SAFETY: it was allocated as such a box is; its bytes have values, as the manual asks of who asked for the room.
                Bytes::from(unsafe { Box::from_raw(slice) })
            }
            _ => Bytes::new(),
        }
    }

    /// A message with the same body, and all that is told with it.
    pub(crate) fn share(&mut self) -> Self {
        if self.kind == INLINE {
            let mut copy = Self::of_frame(Frame::copy_from_slice(self.as_slice()));
            copy.flags = self.flags;
            return self.tell_all(copy);
        }
        let bytes = self.take_bytes();
        let mut copy = Self::with_bytes(bytes.clone(), true);
        self.kind = SHARED;
        self.body = Body { shared: ManuallyDrop::new(bytes) };
        self.flags |= IS_SHARED;
        copy.flags = self.flags;
        self.tell_all(copy)
    }

    fn tell_all(&self, mut copy: Self) -> Self {
        copy.routing_id = self.routing_id;
        copy.peer = self.peer.as_ref().map(Peer::share);
        copy.group = self.group().map_or(ptr::null_mut(), |group| group.to_owned().into_raw());
        copy
    }

    /// It is no message any more.
    #[inline]
    pub(crate) fn close(&mut self) {
        self.peer = None;
        if !self.group.is_null() {
            self.clear_group();
        }
        match self.kind {
            INLINE => self.kind = CLOSED,
            OWNED => self.free_owned(),
            _ => drop(self.take_bytes()),
        }
    }

    pub(crate) fn is_more(&self) -> bool {
        self.flags & MORE != 0
    }

    #[inline]
    pub(crate) fn set_more(&mut self, more: bool) {
        self.flags = if more { self.flags | MORE } else { self.flags & !MORE };
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.flags & IS_SHARED != 0
    }

    pub(crate) fn routing_id(&self) -> u32 {
        self.routing_id
    }

    pub(crate) fn set_routing_id(&mut self, id: u32) {
        self.routing_id = id;
    }

    pub(crate) fn peer(&mut self) -> Option<&mut Peer> {
        self.peer.as_mut()
    }

    #[inline]
    pub(crate) fn set_peer(&mut self, peer: Option<Arc<PeerProperties>>) {
        self.peer = peer.map(Peer::new);
    }

    /// The peer, to be kept if the next message is of it too; not one that somebody asked about.
    #[inline]
    pub(crate) fn lend_peer(&mut self) -> Option<Arc<PeerProperties>> {
        self.peer.take_if(|peer| !peer.is_asked()).map(Peer::into_properties)
    }

    /// What was [lent](Self::lend_peer) and not needed.
    pub(crate) fn give_peer_back(&mut self, lent: Option<Arc<PeerProperties>>) {
        if lent.is_some() {
            self.set_peer(lent);
        }
    }

    pub(crate) fn group(&self) -> Option<&CStr> {
        // SAFETY: what is not null was a `CString`, and is this message's own.
        (!self.group.is_null()).then(|| unsafe { CStr::from_ptr(self.group) })
    }

    /// # Errors
    /// `EINVAL` for one that is too long.
    pub(crate) fn set_group(&mut self, group: &[u8]) -> Result<(), Errno> {
        if group.len() > GROUP_BYTES_MAX {
            return Err(EINVAL);
        }
        self.clear_group();
        self.group = CString::new(group).map_err(|_| EINVAL)?.into_raw();
        Ok(())
    }

    fn clear_group(&mut self) {
        let group = std::mem::replace(&mut self.group, ptr::null_mut());
        if !group.is_null() {
            // SAFETY: it was a `CString`, and is nobody's any more.
            drop(unsafe { CString::from_raw(group) });
        }
    }
}

/// What C forgets is leaked; what Rust has is not.
impl Drop for Msg {
    fn drop(&mut self) {
        if self.check().is_ok() {
            self.close();
        }
    }
}
