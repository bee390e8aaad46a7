//! What each option is in C: its form, whether it is read, set, and of which sockets, and what stands in for one that
//! there is nothing for here.

use libc::c_int;
use monocoque::{SocketType, z85};

use crate::errno::{EINVAL, Errno};

/// What an option's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Int,
    /// An `int` that is 0 or 1.
    Flag,
    /// An `int` of which all but 0 is 1.
    AnyFlag,
    /// An `int` of which all above 0 is 1, and nothing is below.
    Switch,
    Long,
    Unsigned,
    Bytes,
    /// Read with a zero at its end; not set to nothing.
    Text,
    /// The same, and it may be set to nothing.
    AnyText,
    /// 32 bytes, or Z85.
    Key,
    /// A user, group or process.
    Id,
}

/// One option.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) number: c_int,
    pub(super) form: Form,
    pub(super) reads: bool,
    pub(super) sets: bool,
    /// Where there is nothing for it to act on, it is kept as it was set.
    pub(super) kept: Option<Kept>,
}

/// What an option that is kept begins with, its least and its most, and the sockets that keep it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) default: i64,
    min: i64,
    max: i64,
    of: &'static [SocketType],
}

impl Kept {
    /// `value` as it is read back of a socket of this type.
    ///
    /// # Errors
    /// `EINVAL` for what libzmq refuses too.
    pub(super) fn judge(&self, of: SocketType, form: Form, value: &[u8]) -> Result<Vec<u8>, Errno> {
        if !self.of.contains(&of) {
            return Err(EINVAL);
        }
        match form {
            Form::Key => raw_key(value),
            form if form.is_bytes() => Ok(value.to_vec()),
            _ => match form.number(value)? {
                number if (self.min..=self.max).contains(&number) => Ok(form.write(number)),
                _ => Err(EINVAL),
            },
        }
    }
}

pub(super) const KEY_BYTES: usize = 32;
/// In Z85, and a zero.
pub(super) const KEY_TEXT_BYTES: usize = 41;

/// The 32 bytes of a key that may be text.
fn raw_key(key: &[u8]) -> Result<Vec<u8>, Errno> {
    match key.len() {
        KEY_BYTES => Ok(key.to_vec()),
        _ => z85::decode(&key[..key.len().min(KEY_TEXT_BYTES - 1)]).map_err(|_| EINVAL),
    }
}

impl Form {
    fn is_bytes(self) -> bool {
        matches!(self, Self::Bytes | Self::Text | Self::AnyText | Self::Key | Self::Id)
    }

    /// The number that `value` writes.
    pub(super) fn number(self, value: &[u8]) -> Result<i64, Errno> {
        if let Self::Long | Self::Unsigned = self {
            return value.try_into().map(i64::from_ne_bytes).map_err(|_| EINVAL);
        }
        let int = value.try_into().map(c_int::from_ne_bytes).map_err(|_| EINVAL)?;
        Ok(i64::from(match self {
            Self::AnyFlag => (int != 0).into(),
            Self::Switch if int >= 0 => (int != 0).into(),
            Self::Switch => return Err(EINVAL),
            _ => int,
        }))
    }

    /// The bytes of `number`.
    pub(super) fn write(self, number: i64) -> Vec<u8> {
        match self {
            Self::Long | Self::Unsigned => number.to_ne_bytes().to_vec(),
            _ => (number as c_int).to_ne_bytes().to_vec(),
        }
    }
}

impl Known {
    /// Whether it is read into just as much room as it takes. More is too much, but for what libzmq's sockets tell of themselves.
    pub(super) fn is_read_exactly(&self) -> bool {
        const OF_THE_SOCKET: [c_int; 5] = [13, 14, 15, 81, 116]; // RCVMORE, FD, EVENTS, THREAD_SAFE, TOPICS_COUNT
        !self.form.is_bytes() && !OF_THE_SOCKET.contains(&self.number)
    }
}

pub(super) fn known(option: c_int) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.number == option)
}

const fn both(number: c_int, form: Form) -> Known {
    Known { number, form, reads: true, sets: true, kept: None }
}

const fn read_only(number: c_int, form: Form) -> Known {
    Known { sets: false, ..both(number, form) }
}

const fn set_only(number: c_int, form: Form) -> Known {
    Known { reads: false, ..both(number, form) }
}

/// Kept where it does nothing.
const fn kept(number: c_int, form: Form, default: i64, min: i64, max: i64) -> Known {
    Known { kept: Some(Kept { default, min, max, of: &SocketType::ALL }), ..both(number, form) }
}

/// Kept by sockets that are of another type in libzmq underneath, where it does nothing.
const fn by(of: &'static [SocketType], known: Known, max: i64) -> Known {
    Known { kept: Some(Kept { default: 0, min: 0, max, of }), ..known }
}

const INT_MAX: i64 = c_int::MAX as i64;
const INT_MIN: i64 = c_int::MIN as i64;

/// A PUB is an XPUB there that receives nothing, and a REP a ROUTER whose envelopes it keeps.
const PUB: &[SocketType] = &[SocketType::Pub];
const REP: &[SocketType] = &[SocketType::Rep];

const KNOWN: &[Known] = &[
    both(4, Form::Unsigned),                   // AFFINITY
    both(5, Form::Bytes),                      // ROUTING_ID
    set_only(6, Form::Bytes),                  // SUBSCRIBE
    set_only(7, Form::Bytes),                  // UNSUBSCRIBE
    kept(8, Form::Int, 100, 1, INT_MAX),       // RATE
    kept(9, Form::Int, 10_000, 0, INT_MAX),    // RECOVERY_IVL
    both(11, Form::Int),                       // SNDBUF
    both(12, Form::Int),                       // RCVBUF
    read_only(13, Form::Int),                  // RCVMORE
    read_only(14, Form::Int),                  // FD
    read_only(15, Form::Int),                  // EVENTS
    read_only(16, Form::Int),                  // TYPE
    both(17, Form::Int),                       // LINGER
    both(18, Form::Int),                       // RECONNECT_IVL
    both(19, Form::Int),                       // BACKLOG
    both(21, Form::Int),                       // RECONNECT_IVL_MAX
    both(22, Form::Long),                      // MAXMSGSIZE
    both(23, Form::Int),                       // SNDHWM
    both(24, Form::Int),                       // RCVHWM
    kept(25, Form::Int, 1, 1, INT_MAX),        // MULTICAST_HOPS
    both(27, Form::Int),                       // RCVTIMEO
    both(28, Form::Int),                       // SNDTIMEO
    both(31, Form::Flag),                      // IPV4ONLY
    read_only(32, Form::Text),                 // LAST_ENDPOINT
    by(REP, set_only(33, Form::Switch), 1),    // ROUTER_MANDATORY
    both(34, Form::Int),                       // TCP_KEEPALIVE
    both(35, Form::Int),                       // TCP_KEEPALIVE_CNT
    both(36, Form::Int),                       // TCP_KEEPALIVE_IDLE
    both(37, Form::Int),                       // TCP_KEEPALIVE_INTVL
    set_only(38, Form::Bytes),                 // TCP_ACCEPT_FILTER
    both(39, Form::Flag),                      // IMMEDIATE
    by(PUB, set_only(40, Form::Switch), 1),    // XPUB_VERBOSE
    by(REP, set_only(41, Form::Switch), 1),    // ROUTER_RAW
    both(42, Form::Flag),                      // IPV6
    read_only(43, Form::Int),                  // MECHANISM
    kept(44, Form::Flag, 0, 0, 1),             // PLAIN_SERVER
    kept(45, Form::Text, 0, 0, 0),             // PLAIN_USERNAME
    kept(46, Form::Text, 0, 0, 0),             // PLAIN_PASSWORD
    kept(47, Form::Flag, 0, 0, 1),             // CURVE_SERVER
    kept(48, Form::Key, 0, 0, 0),              // CURVE_PUBLICKEY
    kept(49, Form::Key, 0, 0, 0),              // CURVE_SECRETKEY
    kept(50, Form::Key, 0, 0, 0),              // CURVE_SERVERKEY
    by(REP, set_only(51, Form::Switch), 1),    // PROBE_ROUTER
    set_only(52, Form::Switch),                // REQ_CORRELATE
    set_only(53, Form::Switch),                // REQ_RELAXED
    kept(54, Form::Flag, 0, 0, 1),             // CONFLATE
    kept(55, Form::Text, 0, 0, 0),             // ZAP_DOMAIN
    by(REP, set_only(56, Form::Switch), 1),    // ROUTER_HANDOVER
    both(57, Form::Int),                       // TOS
    set_only(58, Form::Id),                    // IPC_FILTER_PID
    set_only(59, Form::Id),                    // IPC_FILTER_UID
    set_only(60, Form::Id),                    // IPC_FILTER_GID
    by(REP, set_only(61, Form::Bytes), 0),     // CONNECT_ROUTING_ID
    both(66, Form::Int),                       // HANDSHAKE_IVL
    both(68, Form::Text),                      // SOCKS_PROXY
    set_only(69, Form::Switch),                // XPUB_NODROP
    by(PUB, set_only(71, Form::Switch), 1),    // XPUB_MANUAL
    set_only(72, Form::Bytes),                 // XPUB_WELCOME_MSG
    set_only(73, Form::Flag),                  // STREAM_NOTIFY
    kept(74, Form::AnyFlag, 0, 0, 1),          // INVERT_MATCHING
    both(75, Form::Int),                       // HEARTBEAT_IVL
    both(76, Form::Int),                       // HEARTBEAT_TTL
    both(77, Form::Int),                       // HEARTBEAT_TIMEOUT
    by(PUB, set_only(78, Form::Switch), 1),    // XPUB_VERBOSER
    both(79, Form::Int),                       // CONNECT_TIMEOUT
    both(80, Form::Int),                       // TCP_MAXRT
    read_only(81, Form::Int),                  // THREAD_SAFE
    kept(84, Form::Int, 1500, 1, INT_MAX),     // MULTICAST_MAXTPDU
    both(89, Form::Int),                       // USE_FD
    both(92, Form::Text),                      // BINDTODEVICE
    kept(93, Form::AnyFlag, 0, 0, 1),          // ZAP_ENFORCE_DOMAIN
    kept(94, Form::AnyFlag, 0, 0, 1),          // LOOPBACK_FASTPATH
    set_only(95, Form::Bytes),                 // METADATA
    kept(96, Form::AnyFlag, 1, 0, 1),          // MULTICAST_LOOP
    by(REP, both(97, Form::Int), 3),           // ROUTER_NOTIFY
    by(PUB, set_only(98, Form::Switch), 1),    // XPUB_MANUAL_LAST_VALUE
    both(99, Form::AnyText),                   // SOCKS_USERNAME
    both(100, Form::AnyText),                  // SOCKS_PASSWORD
    kept(101, Form::Int, 8192, 1, INT_MAX),    // IN_BATCH_SIZE
    kept(102, Form::Int, 8192, 1, INT_MAX),    // OUT_BATCH_SIZE
    set_only(103, Form::Bytes),                // WSS_KEY_PEM
    set_only(104, Form::Bytes),                // WSS_CERT_PEM
    set_only(105, Form::Bytes),                // WSS_TRUST_PEM
    set_only(106, Form::Bytes),                // WSS_HOSTNAME
    set_only(107, Form::Flag),                 // WSS_TRUST_SYSTEM
    set_only(108, Form::Switch),               // ONLY_FIRST_SUBSCRIBE
    both(109, Form::Int),                      // RECONNECT_STOP
    kept(110, Form::Bytes, 0, 0, 0),           // HELLO_MSG
    kept(111, Form::Bytes, 0, 0, 0),           // DISCONNECT_MSG
    both(112, Form::Int),                      // PRIORITY
    kept(113, Form::Int, 0, INT_MIN, INT_MAX), // BUSY_POLL
    kept(114, Form::Bytes, 0, 0, 0),           // HICCUP_MSG
    set_only(115, Form::AnyFlag),              // XSUB_VERBOSE_UNSUBSCRIBE
    read_only(116, Form::Int),                 // TOPICS_COUNT
];
