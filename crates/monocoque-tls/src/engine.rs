//! rustls' connection of either side: bytes in, bytes out.
//!
//! The buffered interface of rustls, not the unbuffered one: that wants to see again what it has not discarded whenever
//! something is encrypted, and panics where it does not.

use std::fmt;
use std::io::{BufRead, IoSlice, Write};

use bytes::Bytes;
use monocoque_core::slab::{Arena, SlabMut};
use rustls::{ClientConnection, Connection, ServerConnection};

use crate::config::{Role, TlsConfig};
use crate::error::TlsFault;
use crate::plain::{Plain, RECORD_BYTES_MAX};

/// What a record takes beside its content, at most: header, explicit nonce, type and tag.
const RECORD_OVERHEAD_MAX: usize = 64;

/// The connection.
pub(crate) struct Engine {
    connection: Box<Connection>,
    /// About as many bytes wait to be written.
    waiting: usize,
    /// The peer has said that nothing more comes.
    has_ended: bool,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.connection {
            Connection::Client(_) => "Client",
            Connection::Server(_) => "Server",
        })
    }
}

impl Engine {
    pub(crate) fn new(config: &TlsConfig) -> Result<Self, TlsFault> {
        let mut connection: Connection = match &config.0 {
            Role::Client(config, name) => ClientConnection::new(config.clone(), name.clone())?.into(),
            Role::Server(config) => ServerConnection::new(config.clone())?.into(),
        };
        // What is given is bounded by the pipe that it comes from, and must not be taken in part.
        connection.set_buffer_limit(None);
        Ok(Self { connection: Box::new(connection), waiting: 0, has_ended: false })
    }

    /// Takes bytes off the front of `input` and decrypts them into `plain`; returns how many were taken.
    pub(crate) fn decrypt(&mut self, input: &SlabMut, plain: &mut Plain, arena: &Arena) -> Result<usize, TlsFault> {
        let taken = self.connection.read_tls(&mut input.filled())?;
        let judged = self.connection.process_new_packets();
        let mut reader = self.connection.reader();
        loop {
            let len = match reader.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => {
                    plain.push(bytes, input, arena).map_err(|error| TlsFault::Ours(error.to_string()))?;
                    bytes.len()
                }
                // Nothing for now.
                Err(_) => break,
            };
            reader.consume(len);
        }
        self.has_ended = judged?.peer_has_closed();
        Ok(taken)
    }

    /// Whether the peer has said that nothing more of this connection comes.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Encrypts `segments`, or keeps them until the handshake is done.
    pub(crate) fn encrypt(&mut self, segments: &[Bytes]) -> Result<(), TlsFault> {
        let content = segments.iter().map(Bytes::len).sum::<usize>();
        if content == 0 {
            return Ok(());
        }
        self.waiting += content + (content / RECORD_BYTES_MAX + 1) * RECORD_OVERHEAD_MAX;
        let mut slices: Vec<IoSlice<'_>> = segments.iter().map(|segment| IoSlice::new(segment)).collect();
        let mut slices = &mut slices[..];
        while slices.iter().any(|slice| !slice.is_empty()) {
            let taken = self.connection.writer().write_vectored(slices)?;
            IoSlice::advance_slices(&mut slices, taken);
        }
        Ok(())
    }

    /// Says that nothing more comes.
    pub(crate) fn close(&mut self) {
        if !self.connection.is_handshaking() {
            self.connection.send_close_notify();
        }
    }

    /// Appends what is to be written by now: what was encrypted, what TLS itself has to say, or why it gives up.
    pub(crate) fn say(&mut self, write: &mut Vec<Bytes>) -> Result<(), TlsFault> {
        if !self.connection.wants_write() {
            return Ok(());
        }
        let mut said = Vec::with_capacity(std::mem::take(&mut self.waiting));
        while self.connection.wants_write() {
            self.connection.write_tls(&mut said)?;
        }
        write.push(said.into());
        Ok(())
    }
}
