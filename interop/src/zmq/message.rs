//! One message part in libzmq's own storage.

use std::ffi::{CStr, c_char};
use std::slice;

use super::{Result, c_string, check};
use crate::ffi;

/// A message part, for calls that copy nothing and for the metadata that bytes alone do not carry.
///
/// Receiving into it again and again costs no allocation of ours.
pub struct Message(
    // Boxed, since libzmq allows a message to move only through its own functions.
    Box<ffi::zmq_msg_t>,
);

impl Message {
    /// An empty message.
    pub fn new() -> Self {
        let mut message = Box::new(ffi::zmq_msg_t::uninitialised());
        // SAFETY: the pointer is to writable storage of the right size, not yet initialised.
        unsafe { ffi::zmq_msg_init(&mut *message) };
        Self(message)
    }

    /// A message with a copy of `data`.
    ///
    /// # Errors
    /// `ENOMEM` if libzmq cannot allocate it.
    pub fn from_slice(data: &[u8]) -> Result<Self> {
        let mut message = Box::new(ffi::zmq_msg_t::uninitialised());
        // SAFETY: the storage is writable and not yet initialised, and `data` is readable for its length;
        // on failure libzmq leaves nothing to close, and `message` is plain memory.
        check(unsafe { ffi::zmq_msg_init_buffer(&mut *message, data.as_ptr().cast(), data.len()) })?;
        Ok(Self(message))
    }

    /// The bytes.
    pub fn data(&self) -> &[u8] {
        // SAFETY: an initialised message has `size` readable bytes at `data` until it is changed, which
        // needs `&mut self`; libzmq does not write through the pointer here. The pointer is not null: it
        // is inside the message or to an allocation, even for length zero.
        unsafe {
            let data = ffi::zmq_msg_data((&raw const *self.0).cast_mut());
            slice::from_raw_parts(data.cast::<u8>().cast_const(), ffi::zmq_msg_size(&*self.0))
        }
    }

    /// Whether more parts of the same message follow this received one.
    pub fn more(&self) -> bool {
        // SAFETY: the message is initialised.
        unsafe { ffi::zmq_msg_more(&*self.0) == 1 }
    }

    /// The routing id of the peer that sent this to a SERVER or PEER; zero if it has none.
    pub fn routing_id(&self) -> u32 {
        // SAFETY: the message is initialised and only read.
        unsafe { ffi::zmq_msg_routing_id((&raw const *self.0).cast_mut()) }
    }

    /// Chooses the peer to which a SERVER or PEER will send this.
    ///
    /// # Errors
    /// `EINVAL` for zero.
    pub fn set_routing_id(&mut self, routing_id: u32) -> Result<()> {
        // SAFETY: the message is initialised and exclusively borrowed.
        check(unsafe { ffi::zmq_msg_set_routing_id(&mut *self.0, routing_id) }).map(drop)
    }

    /// The group under which a DISH received this; empty if it has none.
    pub fn group(&self) -> String {
        // SAFETY: the message is initialised and only read; the result is copied before it can change.
        unsafe { text(ffi::zmq_msg_group((&raw const *self.0).cast_mut())) }.unwrap_or_default()
    }

    /// Chooses the group to which a RADIO will send this.
    ///
    /// # Errors
    /// `EINVAL` for more than 255 bytes.
    pub fn set_group(&mut self, group: &str) -> Result<()> {
        let group = c_string(group)?;
        // SAFETY: the message is initialised and exclusively borrowed, the string outlives the call.
        check(unsafe { ffi::zmq_msg_set_group(&mut *self.0, group.as_ptr()) }).map(drop)
    }

    /// A property of the connection that brought this message, such as `Socket-Type` or `User-Id`.
    pub fn property(&self, name: &str) -> Option<String> {
        let name = c_string(name).ok()?;
        // SAFETY: the message is initialised and only read; the result, null if there is no such
        // property, lives as long as the message and is copied.
        unsafe { text(ffi::zmq_msg_gets(&*self.0, name.as_ptr())) }
    }

    pub(super) fn raw(&mut self) -> *mut ffi::zmq_msg_t {
        &mut *self.0
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("len", &self.data().len()).field("more", &self.more()).finish()
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is initialised (a sent one is left as an empty one) and closed only here.
        unsafe { ffi::zmq_msg_close(&mut *self.0) };
    }
}

/// A copy of a C string.
///
/// # Safety
/// `text` is null or points to a terminated string that stays unchanged during the call.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and terminated and unchanged by the caller's promise.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
