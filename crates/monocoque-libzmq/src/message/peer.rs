//! What a message knows of its peer, and the texts that `zmq_msg_gets` has told of it.

use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;

use libc::c_char;
use monocoque::PeerProperties;

/// What is known of a message's peer: a pointer, because a message has room for no more.
///
/// It is that of the properties themselves until somebody asks for a text. Texts are kept with the message from then on:
/// they are promised as long as it lives. The lowest bit tells the two apart.
#[repr(transparent)]
pub(crate) struct Peer(NonNull<()>);

/// A peer that somebody asked about.
struct Asked {
    properties: Arc<PeerProperties>,
    told: Vec<(String, CString)>,
}

const ASKED: usize = 1;
const _: () = assert!(align_of::<PeerProperties>() > ASKED && align_of::<Asked>() > ASKED);

impl Peer {
    #[inline]
    pub(crate) fn new(properties: Arc<PeerProperties>) -> Self {
        let raw = Arc::into_raw(properties).cast_mut().cast();
        Self(NonNull::new(raw).expect("no Arc is at zero"))
    }

    /// The same for another message.
    pub(crate) fn share(&self) -> Self {
        if let Some(asked) = self.asked() {
            return Self::new(Arc::clone(&asked.properties));
        }
        // SAFETY: it is one of `Arc::into_raw`, of which this adds a count.
        unsafe { Arc::increment_strong_count(self.0.as_ptr().cast::<PeerProperties>()) };
        Self(self.0)
    }

    pub(crate) fn properties(&self) -> &PeerProperties {
        match self.asked() {
            Some(asked) => &asked.properties,
            // SAFETY: it is one of `Arc::into_raw`, whose count this has.
            None => unsafe { self.0.cast().as_ref() },
        }
    }

    /// A property as text that lives as long as this.
    pub(crate) fn text(&mut self, name: &CStr) -> Option<*const c_char> {
        let name = name.to_str().ok()?;
        if let Some(known) = self.asked().and_then(|asked| asked.told.iter().find(|(known, _)| known == name)) {
            return Some(known.1.as_ptr());
        }
        let mut value = self.properties().by_libzmq_name(name)?;
        // C ends there anyway.
        value.truncate(value.iter().position(|&byte| byte == 0).unwrap_or(value.len()));
        let text = CString::new(value).ok()?;
        let asked = self.ask();
        asked.told.push((name.to_owned(), text));
        asked.told.last().map(|(_, text)| text.as_ptr())
    }

    /// Whether texts of it are kept here.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.0.addr().get() & ASKED != 0
    }

    /// The properties, without texts.
    #[inline]
    pub(crate) fn into_properties(self) -> Arc<PeerProperties> {
        if let Some(asked) = self.asked() {
            return Arc::clone(&asked.properties);
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: it is one of `Arc::into_raw`, whose count goes with it.
        unsafe { Arc::from_raw(this.0.as_ptr().cast::<PeerProperties>()) }
    }

    fn asked(&self) -> Option<&Asked> {
        let is_asked = self.is_asked();
        let at = self.0.as_ptr().cast::<u8>().wrapping_sub(ASKED).cast::<Asked>();
        // SAFETY: the bit says that it is a box of this.
        is_asked.then(|| unsafe { &*at })
    }

    fn ask(&mut self) -> &mut Asked {
        if self.asked().is_none() {
            // SAFETY: it is one of `Arc::into_raw`, whose count goes into what replaces it.
            let properties = unsafe { Arc::from_raw(self.0.as_ptr().cast::<PeerProperties>()) };
            let asked = Box::into_raw(Box::new(Asked { properties, told: Vec::new() }));
            let marked = asked.cast::<u8>().wrapping_add(ASKED).cast();
            self.0 = NonNull::new(marked).expect("no box is at zero");
        }
        let at = self.0.as_ptr().cast::<u8>().wrapping_sub(ASKED).cast::<Asked>();
        // SAFETY: it is marked, so it is a box of this, and `self` is borrowed for as long.
        unsafe { &mut *at }
    }
}

impl Drop for Peer {
    #[inline]
    fn drop(&mut self) {
        if self.asked().is_some() {
            let at = self.0.as_ptr().cast::<u8>().wrapping_sub(ASKED).cast::<Asked>();
            // SAFETY: the bit says that it is a box of this, which nobody else has.
            drop(unsafe { Box::from_raw(at) });
        } else {
            // SAFETY: it is one of `Arc::into_raw`, whose count this has.
            drop(unsafe { Arc::from_raw(self.0.as_ptr().cast::<PeerProperties>()) });
        }
    }
}
