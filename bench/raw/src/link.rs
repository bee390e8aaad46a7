//! Streams over tcp and ipc, and the ways of waiting for them.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use bench_common::{Failure, Outcome};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How a read waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// In the kernel.
    Block,
    /// Asking again and again, letting others run between.
    Yield,
    /// Asking again and again.
    Spin,
}

enum Address<'a> {
    Tcp(&'a str),
    Ipc(&'a str),
}

fn parse(endpoint: &str) -> Outcome<Address<'_>> {
    if let Some(address) = endpoint.strip_prefix("tcp://") {
        Ok(Address::Tcp(address))
    } else if let Some(path) = endpoint.strip_prefix("ipc://") {
        Ok(Address::Ipc(path))
    } else {
        Err(Failure::unsupported("there is no wire inside a process"))
    }
}

pub enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

impl Listener {
    pub fn bind(endpoint: &str) -> Outcome<Self> {
        Ok(match parse(endpoint)? {
            Address::Tcp(address) => Self::Tcp(TcpListener::bind(address)?),
            Address::Ipc(path) => {
                // A path that an earlier run left behind; there need not be one.
                let _ = fs::remove_file(path);
                Self::Ipc(UnixListener::bind(path)?)
            }
        })
    }

    pub fn accept(&self, wait: Wait) -> Outcome<Stream> {
        match self {
            Self::Tcp(listener) => Stream::of_tcp(listener.accept()?.0, wait),
            Self::Ipc(listener) => Stream::of_ipc(listener.accept()?.0, wait),
        }
    }
}

pub struct Stream {
    pipe: Pipe,
    wait: Wait,
}

enum Pipe {
    Tcp(TcpStream),
    Ipc(UnixStream),
}

impl Stream {
    pub fn connect(endpoint: &str, wait: Wait) -> Outcome<Self> {
        match parse(endpoint)? {
            Address::Tcp(address) => Self::of_tcp(TcpStream::connect(address)?, wait),
            Address::Ipc(path) => Self::of_ipc(UnixStream::connect(path)?, wait),
        }
    }

    fn of_tcp(stream: TcpStream, wait: Wait) -> Outcome<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(wait != Wait::Block)?;
        Ok(Self { pipe: Pipe::Tcp(stream), wait })
    }

    fn of_ipc(stream: UnixStream, wait: Wait) -> Outcome<Self> {
        stream.set_nonblocking(wait != Wait::Block)?;
        Ok(Self { pipe: Pipe::Ipc(stream), wait })
    }

    /// Reads once, waiting for the first byte; zero at the end.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Self { pipe, wait } = self;
        wait.until(|| match pipe {
            Pipe::Tcp(stream) => stream.read(into),
            Pipe::Ipc(stream) => stream.read(into),
        })
    }

    /// Writes everything.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Self { pipe, wait } = self;
        while !bytes.is_empty() {
            let written = wait.until(|| match pipe {
                Pipe::Tcp(stream) => stream.write(bytes),
                Pipe::Ipc(stream) => stream.write(bytes),
            })?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

impl Wait {
    /// Tries until it need not wait.
    fn until(self, mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match attempt() {
                Err(error) if error.kind() == ErrorKind::WouldBlock && self != Self::Block => {
                    if self == Self::Yield {
                        thread::yield_now();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.pipe {
            Pipe::Tcp(stream) => stream.as_fd(),
            Pipe::Ipc(stream) => stream.as_fd(),
        }
    }
}

/// Waits until at least one of the streams can be read; which ones.
pub fn ready<'a>(streams: impl Iterator<Item = &'a Stream>) -> io::Result<Vec<usize>> {
    let mut fds: Vec<PollFd<'_>> = streams.map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN)).collect();
    poll(&mut fds, PollTimeout::NONE)?;
    Ok(fds.iter().enumerate().filter(|(_, fd)| fd.any() == Some(true)).map(|(at, _)| at).collect())
}
