//! rustls' connection of either side: bytes in, bytes out.
//!
//! The buffered interface of rustls, not the unbuffered one: that wants to see again what it has not discarded whenever
//! something is encrypted, and panics where it does not.

use std::fmt;
use std::io::{BufRead, IoSlice, Write};

use bytes::Bytes;
use monocoque_core::slab::Arena;
use rustls::{ClientConnection, Connection, ServerConnection};

use crate::config::{Role, TlsConfig};
use crate::error::TlsFault;
use crate::plain::Plain;

/// The connection.
pub(crate) struct Engine(Box<Connection>);

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
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
        Ok(Self(Box::new(connection)))
    }

    /// Takes bytes off the front of `input` and decrypts them into `plain`; returns how many were taken: none if the
    /// peer has said that nothing more of this connection comes.
    pub(crate) fn decrypt(&mut self, mut input: &[u8], plain: &mut Plain, arena: &Arena) -> Result<usize, TlsFault> {
        let taken = self.0.read_tls(&mut input)?;
        let judged = self.0.process_new_packets();
        let mut reader = self.0.reader();
        loop {
            let len = match reader.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => {
                    plain.push(bytes, arena).map_err(|error| TlsFault::Ours(error.to_string()))?;
                    bytes.len()
                }
                // Nothing for now.
                Err(_) => break,
            };
            reader.consume(len);
        }
        judged?;
        Ok(taken)
    }

    /// Encrypts `segments`, or keeps them until the handshake is done.
    pub(crate) fn encrypt(&mut self, segments: &[Bytes]) -> Result<(), TlsFault> {
        let mut slices: Vec<IoSlice<'_>> = segments.iter().map(|segment| IoSlice::new(segment)).collect();
        let mut slices = &mut slices[..];
        while slices.iter().any(|slice| !slice.is_empty()) {
            let taken = self.0.writer().write_vectored(slices)?;
            IoSlice::advance_slices(&mut slices, taken);
        }
        Ok(())
    }

    /// Says that nothing more comes.
    pub(crate) fn close(&mut self) {
        if !self.0.is_handshaking() {
            self.0.send_close_notify();
        }
    }

    /// Appends what is to be written by now: what was encrypted, what TLS itself has to say, or why it gives up.
    pub(crate) fn say(&mut self, write: &mut Vec<Bytes>) -> Result<(), TlsFault> {
        let mut said = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut said)?;
        }
        if !said.is_empty() {
            write.push(said.into());
        }
        Ok(())
    }
}
