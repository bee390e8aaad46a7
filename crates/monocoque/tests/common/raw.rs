//! A peer that speaks ZMTP 3.1 by hand, on a blocking socket; of older versions, the bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::Socket;

use super::PATIENCE;

pub const MORE: u8 = 1;
pub const LONG: u8 = 2;
pub const COMMAND: u8 = 4;

pub struct Raw {
    socket: Socket,
}

pub struct RawListener {
    listener: TcpListener,
    pub endpoint: String,
}

impl RawListener {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("tcp://{}", listener.local_addr().expect("bound"));
        Self { listener, endpoint }
    }

    /// A link, before any handshake.
    pub fn accept(&self) -> Raw {
        // On Linux this is the time-out of accept too.
        let listener = Socket::from(self.listener.try_clone().expect("a descriptor"));
        listener.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        let (stream, _) = self.listener.accept().expect("a peer");
        Raw::new(OwnedFd::from(stream).into())
    }

    /// A link that is ready.
    pub fn accept_as(&self, socket_type: &str) -> Raw {
        let mut raw = self.accept();
        raw.shake_hands(socket_type, b"");
        raw
    }
}

pub fn greeting(minor: u8, mechanism: &str) -> [u8; 64] {
    let mut greeting = [0; 64];
    (greeting[0], greeting[8], greeting[9], greeting[10], greeting[11]) = (0xff, 1, 0x7f, 3, minor);
    greeting[12..12 + mechanism.len()].copy_from_slice(mechanism.as_bytes());
    greeting
}

pub fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = match u8::try_from(body.len()) {
        Ok(len) => vec![flags, len],
        Err(_) => [&[flags | LONG][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    bytes.extend_from_slice(body);
    bytes
}

pub fn command(name: &str, data: &[u8]) -> Vec<u8> {
    frame(COMMAND, &[&[name.len() as u8], name.as_bytes(), data].concat())
}

pub fn message(frames: &[&[u8]]) -> Vec<u8> {
    let last = frames.len() - 1;
    frames.iter().enumerate().flat_map(|(at, body)| frame(if at < last { MORE } else { 0 }, body)).collect()
}

pub fn ready(socket_type: &str, identity: &[u8]) -> Vec<u8> {
    let property = |name: &str, value: &[u8]| {
        [&[name.len() as u8], name.as_bytes(), &(value.len() as u32).to_be_bytes(), value].concat()
    };
    let mut properties = property("Socket-Type", socket_type.as_bytes());
    if !identity.is_empty() {
        properties.extend(property("Identity", identity));
    }
    command("READY", &properties)
}

impl Raw {
    fn new(socket: Socket) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("an open socket");
        Self { socket }
    }

    /// A link to a bound endpoint, before any handshake.
    pub fn connect(endpoint: &str) -> Self {
        if let Some(path) = endpoint.strip_prefix("ipc://") {
            return Self::new(OwnedFd::from(UnixStream::connect(path).expect("a listener")).into());
        }
        let address = endpoint.strip_prefix("tcp://").expect("a network endpoint");
        let stream = std::net::TcpStream::connect(address).expect("a listener");
        stream.set_nodelay(true).expect("an open socket");
        Self::new(OwnedFd::from(stream).into())
    }

    /// A link that is ready.
    pub fn connect_as(endpoint: &str, socket_type: &str, identity: &[u8]) -> Self {
        let mut raw = Self::connect(endpoint);
        raw.shake_hands(socket_type, identity);
        raw
    }

    pub fn shake_hands(&mut self, socket_type: &str, identity: &[u8]) {
        self.write(&greeting(1, "NULL"));
        self.write(&ready(socket_type, identity));
        self.read_greeting();
    }

    /// The peer's greeting and READY.
    pub fn read_greeting(&mut self) {
        let theirs: [u8; 64] = self.read_exact(64).try_into().expect("64 bytes");
        assert_eq!((theirs[0], theirs[9], theirs[10]), (0xff, 0x7f, 3), "a greeting");
        let (flags, body) = self.frame().expect("READY");
        assert_eq!((flags & COMMAND, &body[..6]), (COMMAND, &b"\x05READY"[..]));
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the peer takes it");
    }

    /// As much as the peer takes; gives up after `limit` without progress. Returns how much that was.
    pub fn flood(&mut self, bytes: &[u8], limit: Duration) -> usize {
        self.socket.set_write_timeout(Some(limit)).expect("an open socket");
        let mut written = 0;
        while written < bytes.len() {
            match self.socket.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the link is up: {error}"),
            }
        }
        self.socket.set_write_timeout(Some(PATIENCE)).expect("an open socket");
        written
    }

    /// [`write`](Self::write), unless the peer has gone.
    pub fn drip(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    pub fn send(&mut self, frames: &[&[u8]]) {
        self.write(&message(frames));
    }

    pub fn subscribe(&mut self, topic: &[u8]) {
        self.write(&command("SUBSCRIBE", topic));
    }

    /// The next `len` bytes, whatever they mean.
    pub fn read_exact(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.socket.read_exact(&mut bytes).expect("the peer sends it");
        bytes
    }

    /// The next frame; `None` when the peer has closed in between.
    pub fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut flags = Vec::new();
        match Read::by_ref(&mut self.socket).take(1).read_to_end(&mut flags) {
            Ok(0) => return None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("nothing came: {error}"),
            Ok(_) => {}
        }
        let len = match flags[0] & LONG {
            0 => u64::from(self.read_exact(1)[0]),
            _ => u64::from_be_bytes(self.read_exact(8).try_into().expect("eight bytes")),
        };
        Some((flags[0], self.read_exact(len as usize)))
    }

    /// [`frame`](Self::frame), when the connection may also end within it.
    fn frame_or_part(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = vec![0; 2];
        self.socket.read_exact(&mut header).ok()?;
        let len = match header[0] & LONG {
            0 => u64::from(header[1]),
            _ => {
                let mut rest = [0; 7];
                self.socket.read_exact(&mut rest).ok()?;
                u64::from_be_bytes([&header[1..], &rest].concat().try_into().expect("eight bytes"))
            }
        };
        let mut body = vec![0; len as usize];
        self.socket.read_exact(&mut body).ok()?;
        Some((header[0], body))
    }

    /// The next message, without the commands before it; `None` when the peer has closed.
    pub fn recv(&mut self) -> Option<Vec<Vec<u8>>> {
        self.message(Self::frame)
    }

    fn message(&mut self, next: impl Fn(&mut Self) -> Option<(u8, Vec<u8>)>) -> Option<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = next(self)?;
            if flags & COMMAND != 0 {
                continue;
            }
            frames.push(body);
            if flags & MORE == 0 {
                return Some(frames);
            }
        }
    }

    /// Tells the peer that nothing more comes, and reads all that it still has to say.
    pub fn leave(mut self) -> Vec<Vec<Vec<u8>>> {
        self.stop_sending();
        std::iter::from_fn(|| self.message(Self::frame_or_part)).collect()
    }

    pub fn stop_sending(&self) {
        // The peer may have closed already.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Dies without a word: the peer sees a reset.
    pub fn die(self) {
        // On a Unix socket a plain close is all there is.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }

    /// Reads until the peer closes; returns the bytes.
    pub fn until_closed(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.socket.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the peer does not close: {error}"),
        }
        bytes
    }
}
