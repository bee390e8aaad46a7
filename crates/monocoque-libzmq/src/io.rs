//! Sending and receiving: `zmq_send`, `zmq_recv`, `zmq_msg_send`, `zmq_msg_recv` and the old names.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use libc::{c_int, c_void, size_t};
use monocoque::raw::{self, RecvRefused, SendReason};
use monocoque::{DropCause, Frame, Message, OptionValue, PeerProperties, RoutingId, SocketOption, SocketType};

use crate::errno::{EAGAIN, EFSM, EHOSTUNREACH, EINTR, EINVAL, ETERM, Errno};
use crate::guard::call;
use crate::message::{self, Msg};
use crate::socket::{Sock, live, lock};
use crate::wait;

const DONTWAIT: c_int = 1;
const SNDMORE: c_int = 2;

/// Frames of a message that is not whole yet.
#[derive(Default)]
pub(crate) struct Gathered(Vec<Frame>);

/// Frames of a message that was received and not taken whole, and of whom it is.
#[derive(Default)]
pub(crate) struct Left {
    frames: std::vec::IntoIter<Frame>,
    peer: Option<Arc<PeerProperties>>,
}

impl Sock {
    /// Sends the body of `msg`, which is empty after; after an error it is as before.
    #[inline]
    pub(crate) fn send(&self, msg: &mut Msg, flags: c_int) -> Result<(), Errno> {
        self.check()?;
        if self.leaves_of_a_turn() {
            self.give_up_rest()?;
        }
        let is_whole = flags & SNDMORE == 0 && !self.gathers.load(Ordering::Relaxed);
        if !is_whole || self.addresses_outside() {
            return self.send_part(msg, flags);
        }
        let mut message = Message::single(msg.take_frame());
        let sent = self.put(&mut message, flags);
        match sent {
            Ok(()) => msg.set_sent(),
            Err(_) => msg.put_back(message.into_single().unwrap_or_default()),
        }
        sent
    }

    /// Whether frames are left of a request or of a reply: its turn is not over for the application.
    #[inline]
    fn leaves_of_a_turn(&self) -> bool {
        matches!(self.kind, SocketType::Req | SocketType::Rep) && self.leaves.load(Ordering::Relaxed)
    }

    /// Whether what was begun is to be received to its end before anything may be sent. A relaxed REQ may give it up.
    pub(crate) fn must_read_on(&self) -> bool {
        let is_relaxed = || self.socket.option(SocketOption::REQ_RELAXED) == Ok(OptionValue::Int(1));
        self.leaves_of_a_turn() && !(self.kind == SocketType::Req && is_relaxed())
    }

    #[cold]
    fn give_up_rest(&self) -> Result<(), Errno> {
        if self.must_read_on() {
            return Err(EFSM);
        }
        *lock(&self.left) = Left::default();
        self.leaves.store(false, Ordering::Relaxed);
        self.more.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the address of a message is no frame of it in this API.
    fn addresses_outside(&self) -> bool {
        matches!(self.kind, SocketType::Server | SocketType::Peer | SocketType::Radio)
    }

    /// Sends a frame that is one of several, or needs an address.
    #[cold]
    fn send_part(&self, msg: &mut Msg, flags: c_int) -> Result<(), Errno> {
        if self.is_thread_safe() {
            return if flags & SNDMORE != 0 { Err(EINVAL) } else { self.send_addressed(msg, flags) };
        }
        let mut gathered = lock(&self.gathered);
        let is_first = gathered.0.is_empty();
        // A STREAM's message is two frames, whatever is said of the second.
        let more = flags & SNDMORE != 0 && (is_first || self.kind != SocketType::Stream);
        if is_first {
            self.let_pass(msg.as_slice(), flags)?;
        } else if more && self.kind == SocketType::Dgram {
            return Err(EINVAL);
        }
        if more {
            gathered.0.push(msg.take_frame());
            self.gathers.store(true, Ordering::Relaxed);
            msg.set_sent();
            return Ok(());
        }
        gathered.0.push(msg.take_frame());
        let mut message = Message::from(std::mem::take(&mut gathered.0));
        let mut sent = self.put(&mut message, flags);
        if let Err(error) = sent {
            let mut frames = Vec::from(message);
            msg.put_back(frames.pop().expect("pushed above"));
            if matches!(error, EINTR | ETERM) {
                // It was not decided: the same frame comes again.
                gathered.0 = frames;
                return sent;
            }
            // As with libzmq the parts before it go too, and what comes next begins a message. What lost its peer after it was
            // let pass is lost in silence.
            if matches!(self.kind, SocketType::Router | SocketType::Stream) && error == EHOSTUNREACH {
                self.hub().drops().count(DropCause::NoRoute, 1);
                drop(msg.take_frame());
                sent = Ok(());
            }
        }
        self.gathers.store(false, Ordering::Relaxed);
        if sent.is_ok() {
            msg.set_sent();
        }
        sent
    }

    /// Waits, if `flags` do not forbid it, until a message that begins with `first` could be sent.
    fn let_pass(&self, first: &[u8], flags: c_int) -> Result<(), Errno> {
        let refused = |checked: &Result<(), SendReason>| matches!(checked, Err(SendReason::Full | SendReason::NoPeer));
        let mut checked = self.hub().check_send(first);
        if refused(&checked) && raw::silence(&self.socket) {
            checked = self.hub().check_send(first);
        }
        match checked {
            Ok(()) => Ok(()),
            Err(SendReason::Full | SendReason::NoPeer) if flags & DONTWAIT == 0 => {
                self.until_writable(|| match self.hub().check_send(first) {
                    Err(SendReason::Full | SendReason::NoPeer) => None,
                    done => Some(done.map_err(Errno::from)),
                })
            }
            Err(reason) => Err(reason.into()),
        }
    }

    /// SERVER and PEER: to the peer of the message's routing id. RADIO: to the members of its group.
    fn send_addressed(&self, msg: &mut Msg, flags: c_int) -> Result<(), Errno> {
        let address = match self.kind {
            SocketType::Radio => Some(Frame::from(msg.group().unwrap_or_default().to_bytes())),
            SocketType::Server | SocketType::Peer => Some(Frame::from(&RoutingId::generated(msg.routing_id()))),
            _ => None,
        };
        let body = msg.take_frame();
        let mut message: Message = match address {
            Some(address) => Message::from([address, body]),
            None => Message::single(body),
        };
        match self.put(&mut message, flags) {
            Ok(()) => msg.set_sent(),
            Err(error) => {
                let body = Vec::from(message).pop();
                msg.put_back(body.expect("a message has a frame"));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends a whole message, waiting if it may. What was refused is unchanged.
    #[inline]
    fn put(&self, message: &mut Message, flags: c_int) -> Result<(), Errno> {
        match self.hub().try_send_from(message) {
            Ok(()) => Ok(()),
            Err(SendReason::Full | SendReason::NoPeer) => self.put_later(message, flags),
            Err(reason) => self.refused(reason),
        }
    }

    /// [`put`](Self::put) of what was refused for want of room: whoever waits for the descriptor is told of room from here on.
    #[cold]
    fn put_later(&self, message: &mut Message, flags: c_int) -> Result<(), Errno> {
        let waits = flags & DONTWAIT == 0;
        if !waits && !raw::silence(&self.socket) {
            return Err(EAGAIN);
        }
        match self.hub().try_send_from(message) {
            Ok(()) => Ok(()),
            Err(SendReason::Full | SendReason::NoPeer) if waits => self.put_waiting(message),
            Err(reason) => self.refused(reason),
        }
    }

    #[cold]
    fn put_waiting(&self, message: &mut Message) -> Result<(), Errno> {
        self.until_writable(|| match self.hub().try_send_from(message) {
            Err(SendReason::Full | SendReason::NoPeer) => None,
            Err(reason) => Some(self.refused(reason)),
            Ok(()) => Some(Ok(())),
        })
    }

    /// Repeats `attempt` whenever there may be room, for as long as a send may take.
    fn until_writable(&self, mut attempt: impl FnMut() -> Option<Result<(), Errno>>) -> Result<(), Errno> {
        let mut attempt = || self.check().map_or_else(|ended| Some(Err(ended)), |()| attempt());
        let waited = wait::until(&self.hub().signals().writable, Self::timeout(&self.send_timeout), &mut attempt);
        self.or_silent(waited, attempt)?
    }

    /// What was `waited` for. If it did not come in time, whoever waits for the descriptor is told of what comes from here on, as
    /// by a call that may not wait.
    fn or_silent<T>(&self, waited: Result<T, Errno>, attempt: impl FnOnce() -> Option<T>) -> Result<T, Errno> {
        match waited {
            Err(EAGAIN) if raw::silence(&self.socket) => attempt().ok_or(EAGAIN),
            waited => waited,
        }
    }

    #[cold]
    fn refused(&self, reason: SendReason) -> Result<(), Errno> {
        match (self.kind, reason) {
            // libzmq forgets what has an address and no body.
            (SocketType::Router | SocketType::Stream, SendReason::NoEnvelope) => Ok(()),
            (SocketType::Server | SocketType::Peer, SendReason::NoRoute(_)) => Err(EHOSTUNREACH),
            (_, reason) => Err(reason.into()),
        }
    }

    /// Receives a frame into `msg`. If none came it is empty after, as with libzmq, but for the types that look at what they
    /// have first; after any other error it is as before.
    #[inline]
    pub(crate) fn recv(&self, msg: &mut Msg, flags: c_int) -> Result<(), Errno> {
        self.check()?;
        if self.leaves.load(Ordering::Relaxed) {
            self.take_left(msg);
            return Ok(());
        }
        let (mut message, mut peer) = (Message::new(), msg.lend_peer());
        let found = self.hub().try_recv_into_with_peer(&mut message, &mut peer);
        let received = match found {
            Err(RecvRefused::Empty) => self.recv_later(&mut message, &mut peer, flags),
            found => found.map_err(Errno::from),
        };
        match received {
            Ok(()) => self.give(msg, message, peer),
            Err(_) if found == Err(RecvRefused::Empty) && !self.looks_first() => *msg = Msg::empty(),
            Err(_) => msg.give_peer_back(peer),
        }
        received
    }

    fn looks_first(&self) -> bool {
        matches!(self.kind, SocketType::XPub | SocketType::Stream)
    }

    /// [`recv`](Self::recv) where nothing was there: whoever waits for the descriptor is told of what comes from here on.
    #[cold]
    fn recv_later(
        &self,
        into: &mut Message,
        peer: &mut Option<Arc<PeerProperties>>,
        flags: c_int,
    ) -> Result<(), Errno> {
        if flags & DONTWAIT == 0 {
            return self.recv_waiting(into, peer);
        }
        let (silenced, came) = (raw::silence(&self.socket), self.hub().signals().turns().look_at_once());
        if !silenced && !came {
            return Err(EAGAIN);
        }
        Ok(self.hub().try_recv_into_with_peer(into, peer)?)
    }

    #[cold]
    fn recv_waiting(&self, into: &mut Message, peer: &mut Option<Arc<PeerProperties>>) -> Result<(), Errno> {
        let mut attempt = || match self.check() {
            Err(error) => Some(Err(error)),
            Ok(()) => match self.hub().try_recv_into_with_peer(into, peer) {
                Err(RecvRefused::Empty) => None,
                received => Some(received.map_err(Errno::from)),
            },
        };
        let waited = wait::until_arrived(self.hub().signals(), Self::timeout(&self.recv_timeout), &mut attempt);
        self.or_silent(waited, attempt)?
    }

    #[inline]
    fn give(&self, msg: &mut Msg, message: Message, peer: Option<Arc<PeerProperties>>) {
        // A small body is copied from where it was parsed: moving the frame first would wait for what was just stored there.
        if let [frame] = message.frames()
            && msg.becomes_copy_of(frame)
        {
            msg.set_peer(peer);
            self.more.store(false, Ordering::Relaxed);
            return;
        }
        match message.into_single() {
            Ok(frame) => {
                *msg = Msg::received(frame, peer);
                self.more.store(false, Ordering::Relaxed);
            }
            Err(message) => self.give_first(msg, message, peer),
        }
    }

    #[cold]
    fn give_first(&self, msg: &mut Msg, message: Message, peer: Option<Arc<PeerProperties>>) {
        let mut frames = Vec::from(message).into_iter();
        let first = frames.next().expect("a message has a frame");
        match self.kind {
            SocketType::Server | SocketType::Peer | SocketType::Dish => {
                *msg = Msg::received(frames.next().unwrap_or_default(), peer);
                if self.kind == SocketType::Dish {
                    // It came as a group, so it is none that could be refused.
                    let _ = msg.set_group(&first);
                } else {
                    msg.set_routing_id(number(&first));
                }
            }
            _ => {
                if self.kind == SocketType::Stream {
                    *lock(&self.last_id) = Some(first.to_vec());
                }
                *msg = Msg::received(first, peer.clone());
                msg.set_more(true);
                *lock(&self.left) = Left { frames, peer };
                self.leaves.store(true, Ordering::Relaxed);
            }
        }
        self.more.store(msg.is_more(), Ordering::Relaxed);
    }

    fn take_left(&self, msg: &mut Msg) {
        let mut left = lock(&self.left);
        let frame = left.frames.next().unwrap_or_default();
        let more = left.frames.len() > 0;
        *msg = Msg::received(frame, if more { left.peer.clone() } else { left.peer.take() });
        msg.set_more(more);
        self.leaves.store(more, Ordering::Relaxed);
        self.more.store(more, Ordering::Relaxed);
    }

    /// Whether a frame could be received now.
    pub(crate) fn can_recv(&self) -> bool {
        self.leaves.load(Ordering::Relaxed) || self.hub().can_recv()
    }

    /// Whether a frame could be sent now.
    pub(crate) fn can_send(&self) -> bool {
        self.gathers.load(Ordering::Relaxed)
            || self.is_always_writable()
            || !self.must_read_on() && self.hub().can_send()
    }

    /// Whether libzmq says of the type that it may be sent to, whoever is there.
    pub(crate) fn is_always_writable(&self) -> bool {
        matches!(self.kind, SocketType::Stream | SocketType::Server | SocketType::Peer | SocketType::Dish)
    }
}

/// The routing id of a SERVER's or PEER's peer, as a number: what the name that was made up counts.
pub(crate) fn number(id: &[u8]) -> u32 {
    id.last_chunk().map_or(0, |&count| u32::from_be_bytes(count))
}

/// A length as C has it; as large as it can be told.
pub(crate) fn length(len: usize) -> c_int {
    len.try_into().unwrap_or(c_int::MAX)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_send(msg: *mut Msg, socket: *mut c_void, flags: c_int) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks both of the caller.
        let (sock, msg) = unsafe { (live(socket)?, message::get(msg)?) };
        let len = msg.len();
        sock.send(msg, flags).map(|()| length(len))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendmsg(socket: *mut c_void, msg: *mut Msg, flags: c_int) -> c_int {
    // SAFETY: it asks for the same.
    unsafe { zmq_msg_send(msg, socket, flags) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_recv(msg: *mut Msg, socket: *mut c_void, flags: c_int) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks both of the caller.
        let (sock, msg) = unsafe { (live(socket)?, message::get(msg)?) };
        sock.recv(msg, flags).map(|()| length(msg.len()))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recvmsg(socket: *mut c_void, msg: *mut Msg, flags: c_int) -> c_int {
    // SAFETY: it asks for the same.
    unsafe { zmq_msg_recv(msg, socket, flags) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send(socket: *mut c_void, data: *const c_void, len: size_t, flags: c_int) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { live(socket) }?;
        // SAFETY: the same.
        let body = unsafe { crate::options::bytes(data, len) }.ok_or(EINVAL)?;
        sock.send(&mut Msg::of_frame(Frame::copy_from_slice(body)), flags).map(|()| length(len))
    })
}

/// What is sent is copied, or read at once, so that there is no difference.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send_const(socket: *mut c_void, data: *const c_void, len: size_t, flags: c_int) -> c_int {
    // SAFETY: it asks for less.
    unsafe { zmq_send(socket, data, len, flags) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recv(socket: *mut c_void, room: *mut c_void, len: size_t, flags: c_int) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { live(socket) }?;
        let mut msg = Msg::empty();
        sock.recv(&mut msg, flags)?;
        let fits = msg.len().min(len);
        if fits > 0 {
            // SAFETY: the caller promised `len` bytes of room, and the message has as many.
            unsafe { std::ptr::copy_nonoverlapping(msg.as_slice().as_ptr(), room.cast(), fits) };
        }
        Ok(length(msg.len()))
    })
}
