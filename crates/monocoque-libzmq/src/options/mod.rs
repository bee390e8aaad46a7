//! `zmq_setsockopt`, `zmq_getsockopt`, `zmq_join` and `zmq_leave`.

mod form;

use std::ffi::CStr;
use std::sync::atomic::Ordering;

use libc::{c_char, c_int, c_void, size_t};
use monocoque::{OptionError, OptionValue, SocketOption, SocketType, z85};

use crate::errno::{EINVAL, EMFILE, ENOTSUP, Errno};
use crate::guard::status;
use crate::poll::POLLOUT;
use crate::socket::{Sock, get, live, lock};
use form::{Form, KEY_BYTES, KEY_TEXT_BYTES, Known, known};

const SUBSCRIBE: c_int = 6;
const UNSUBSCRIBE: c_int = 7;
const RCVMORE: c_int = 13;
const FD: c_int = 14;
const EVENTS: c_int = 15;
const TYPE: c_int = 16;
const RCVTIMEO: c_int = 27;
const SNDTIMEO: c_int = 28;
const LAST_ENDPOINT: c_int = 32;
const TCP_ACCEPT_FILTER: c_int = 38;
const ZAP_DOMAIN: c_int = 55;
const HEARTBEAT_TTL: c_int = 76;
const HEARTBEAT_TIMEOUT: c_int = 77;
const THREAD_SAFE: c_int = 81;
const SOCKS_PROXY: c_int = 68;
const USE_FD: c_int = 89;
const BINDTODEVICE: c_int = 92;
const ROUTER_NOTIFY: c_int = 97;
const RECONNECT_STOP: c_int = 109;
const STREAM_ROUTING_ID: c_int = 5;

/// The longest name of a network interface, in bytes with its zero.
const DEVICE_BYTES_MAX: usize = libc::IFNAMSIZ;

/// Bytes that a caller passes; `None` for no pointer with a length.
///
/// # Safety
/// `data` is null or has `len` bytes, as long as they are in use.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: size_t) -> Option<&'a [u8]> {
    match len {
        0 => Some(&[]),
        _ if data.is_null() => None,
        // SAFETY: the caller promised so many.
        _ => Some(unsafe { std::slice::from_raw_parts(data.cast(), len) }),
    }
}

/// Fills the room of a caller: zeros first, as libzmq has it, then `value`.
///
/// # Errors
/// `EINVAL` if there is too little of it.
///
/// # Safety
/// `room` has `*len` bytes.
pub(crate) unsafe fn answer(value: &[u8], room: *mut c_void, len: *mut size_t) -> Result<(), Errno> {
    // SAFETY: the caller promised it.
    let len = unsafe { len.as_mut() }.ok_or(EINVAL)?;
    if *len < value.len() || (room.is_null() && !value.is_empty()) {
        return Err(EINVAL);
    }
    if !room.is_null() {
        // SAFETY: there is room for `*len` bytes, which is at least as many as the value has.
        unsafe {
            room.cast::<u8>().write_bytes(0, *len);
            std::ptr::copy_nonoverlapping(value.as_ptr(), room.cast(), value.len());
        }
    }
    *len = value.len();
    Ok(())
}

impl Sock {
    /// Sets an option; `value` is `None` for a null pointer.
    fn set_option(&self, option: c_int, value: Option<&[u8]>) -> Result<(), Errno> {
        let known = known(option).filter(|known| known.sets).ok_or(EINVAL)?;
        if matches!(option, SUBSCRIBE | UNSUBSCRIBE) && self.kind == SocketType::XPub && !self.is_manual() {
            return Err(EINVAL);
        }
        if option == USE_FD {
            let fd = Form::Int.number(value.unwrap_or_default())?;
            if fd < -1 {
                return Err(EINVAL);
            }
            self.use_fd.store(fd as c_int, Ordering::Relaxed);
            return Ok(());
        }
        let parsed = parse(known, value)?;
        match self.socket.set_option(SocketOption(option as u16), parsed) {
            Ok(()) => self.note(option, value.unwrap_or_default()),
            Err(OptionError::DoesNotApply { .. } | OptionError::NotHere { .. } | OptionError::Unknown { .. }) => {
                let kept = known.kept.ok_or(EINVAL)?;
                let value = kept.judge(self.kind, known.form, value.unwrap_or_default())?;
                lock(&self.kept).insert(option, value);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is kept here too.
    fn note(&self, option: c_int, value: &[u8]) -> Result<(), Errno> {
        let timeout = match option {
            RCVTIMEO => &self.recv_timeout,
            SNDTIMEO => &self.send_timeout,
            RECONNECT_STOP => {
                lock(&self.kept).insert(option, value.to_vec());
                return Ok(());
            }
            _ => return Ok(()),
        };
        let ms = value.try_into().map(c_int::from_ne_bytes).map_err(|_| EINVAL)?;
        timeout.store(ms, Ordering::Relaxed);
        Ok(())
    }

    fn is_manual(&self) -> bool {
        let is_set = |option| self.socket.option(option) == Ok(OptionValue::Int(1));
        is_set(SocketOption::XPUB_MANUAL) || is_set(SocketOption::XPUB_MANUAL_LAST_VALUE)
    }

    /// The bytes of an option's value.
    fn option(&self, option: c_int) -> Result<Vec<u8>, Errno> {
        let known = known(option).filter(|known| known.reads).ok_or(EINVAL)?;
        let int = |number: c_int| Ok(number.to_ne_bytes().to_vec());
        match option {
            RCVMORE => return int(self.more.load(Ordering::Relaxed).into()),
            FD if self.is_thread_safe() => return Err(EINVAL),
            FD if self.socket.event_fd().is_err() => return Err(EMFILE),
            EVENTS => return int(self.events_now()?),
            TYPE => return int(self.kind as c_int),
            LAST_ENDPOINT => return Ok([lock(&self.last_endpoint).as_bytes(), &[0]].concat()),
            THREAD_SAFE => return int(self.is_thread_safe().into()),
            USE_FD => return int(self.use_fd.load(Ordering::Relaxed)),
            ROUTER_NOTIFY if !matches!(self.kind, SocketType::Router | SocketType::Rep) => return int(0),
            // With the bits that mean nothing.
            RECONNECT_STOP => {
                if let Some(set) = lock(&self.kept).get(&option) {
                    return Ok(set.clone());
                }
            }
            STREAM_ROUTING_ID if self.kind == SocketType::Stream => {
                if let Some(id) = lock(&self.last_id).clone() {
                    return Ok(id);
                }
            }
            _ => {}
        }
        match self.socket.option(SocketOption(option as u16)) {
            Ok(value) => Ok(write(known.form, value)),
            Err(error) => {
                let kept = known.kept.ok_or(error)?;
                let set = lock(&self.kept).get(&option).cloned();
                Ok(match known.form {
                    Form::Text => [set.unwrap_or_default().as_slice(), &[0]].concat(),
                    Form::Bytes | Form::Key | Form::Id => set.unwrap_or_default(),
                    _ => set.unwrap_or_else(|| known.form.write(kept.default)),
                })
            }
        }
    }

    /// What can be done now, 1 to receive and 2 to send; the descriptor of the socket is silent until something changes.
    fn events_now(&self) -> Result<c_int, Errno> {
        self.check()?;
        let OptionValue::Int(events) = self.socket.option(SocketOption::EVENTS)? else { return Err(EINVAL) };
        let leaves = self.leaves.load(Ordering::Relaxed);
        let gathers = self.gathers.load(Ordering::Relaxed);
        let events = if self.must_read_on() { events & !i64::from(POLLOUT) } else { events };
        let writable = gathers || self.is_always_writable();
        Ok(events as c_int | c_int::from(leaves) | c_int::from(writable) << 1)
    }
}

/// What the caller's bytes are to the option.
fn parse(known: &Known, value: Option<&[u8]>) -> Result<OptionValue, Errno> {
    match (known.number, value) {
        (ZAP_DOMAIN, None) | (TCP_ACCEPT_FILTER, Some([])) => return Err(EINVAL),
        (BINDTODEVICE, Some(name)) if name.len() > DEVICE_BYTES_MAX => return Err(EINVAL),
        _ => {}
    }
    // Read as C reads text, whatever length is told.
    let is_text = matches!(known.number, TCP_ACCEPT_FILTER | SOCKS_PROXY);
    let value = value.map(|value| if is_text { until_zero(value) } else { value });
    match known.form {
        Form::Bytes => Ok(match value {
            Some(bytes) => OptionValue::Bytes(bytes.to_vec()),
            None => OptionValue::Bytes(Vec::new()),
        }),
        // Callers tell any length, also one that they have not got: it is looked at before the bytes are.
        Form::Key if value.is_none() => Err(EINVAL),
        Form::Key if value.is_some_and(|key| !is_key_len(key.len())) => Err(EINVAL),
        Form::Text | Form::AnyText | Form::Key => match value {
            None => Ok(OptionValue::Unset),
            Some([]) if known.form != Form::AnyText => Err(EINVAL),
            Some(bytes) => Ok(OptionValue::Bytes(bytes.to_vec())),
        },
        Form::Id => match value {
            None => Ok(OptionValue::Int(-1)),
            // No number is below nothing: -1 is somebody, if nobody that there is.
            Some(id) => Form::Int.number(id).map(|id| OptionValue::Int((id as u32).into())),
        },
        form => number(known.number, form.number(value.unwrap_or_default())?).map(OptionValue::Int),
    }
}

/// The text that ends at the first zero byte.
fn until_zero(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len())]
}

/// What libzmq makes of a number before it judges it.
fn number(option: c_int, number: i64) -> Result<i64, Errno> {
    match option {
        // It is divided by a hundred first.
        HEARTBEAT_TTL if (-99..0).contains(&number) => Ok(0),
        // It begins as -1, and is not set to that.
        HEARTBEAT_TIMEOUT if number < 0 => Err(EINVAL),
        // Other bits are taken and mean nothing.
        RECONNECT_STOP => Ok(number & 7),
        _ => Ok(number),
    }
}

/// Raw, or as text with or without a zero at its end.
fn is_key_len(len: usize) -> bool {
    len == KEY_BYTES || len == KEY_TEXT_BYTES || len == KEY_TEXT_BYTES - 1
}

fn write(form: Form, value: OptionValue) -> Vec<u8> {
    let mut bytes = match value {
        OptionValue::Int(number) => return form.write(number),
        OptionValue::Text(text) => text.into_bytes(),
        OptionValue::Bytes(bytes) => bytes,
        _ => Vec::new(),
    };
    if matches!(form, Form::Text | Form::AnyText) {
        bytes.push(0);
    }
    bytes
}

/// A key as the room for it asks: raw, or as text with a zero at its end. One that is not set is zeros.
fn key(value: Vec<u8>, room: usize) -> Result<Vec<u8>, Errno> {
    let raw = if value.is_empty() { vec![0; KEY_BYTES] } else { value };
    match room {
        KEY_BYTES => Ok(raw),
        KEY_TEXT_BYTES => Ok([z85::encode(raw).map_err(|_| EINVAL)?.as_bytes(), &[0]].concat()),
        _ => Err(EINVAL),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_setsockopt(
    socket: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: size_t,
) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { get(socket) }?;
        sock.check_option()?;
        // SAFETY: the same.
        let bytes = unsafe { bytes(value, len) }.ok_or(EINVAL)?;
        sock.set_option(option, (!value.is_null()).then_some(bytes))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_getsockopt(
    socket: *mut c_void,
    option: c_int,
    room: *mut c_void,
    len: *mut size_t,
) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { get(socket) }?;
        sock.check_option()?;
        let mut value = sock.option(option)?;
        // SAFETY: the same.
        let room_bytes = *unsafe { len.as_ref() }.ok_or(EINVAL)?;
        match known(option) {
            Some(known) if known.form == Form::Key => value = key(value, room_bytes)?,
            Some(known) if known.is_read_exactly() && room_bytes != value.len() => return Err(EINVAL),
            _ => {}
        }
        // SAFETY: the same.
        unsafe { answer(&value, room, len) }
    })
}

/// # Safety
/// As the manual asks it.
unsafe fn with_group(
    socket: *mut c_void,
    group: *const c_char,
    change: impl FnOnce(&Sock, &[u8]) -> Result<bool, Errno>,
) -> c_int {
    status(|| {
        // SAFETY: the caller promised both.
        let (sock, group) = unsafe { (live(socket)?, (!group.is_null()).then(|| CStr::from_ptr(group))) };
        if sock.kind != SocketType::Dish {
            return Err(ENOTSUP);
        }
        let changed = change(sock, group.ok_or(EINVAL)?.to_bytes())?;
        if changed { Ok(()) } else { Err(EINVAL) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_join(socket: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { with_group(socket, group, |sock, group| sock.socket.join(group).map_err(|_| EINVAL)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_leave(socket: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { with_group(socket, group, |sock, group| Ok(sock.socket.leave(group))) }
}
