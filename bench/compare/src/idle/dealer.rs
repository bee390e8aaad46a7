//! The least that a ROUTER takes for a DEALER.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a router may take to answer one of us.
const PATIENCE: Duration = Duration::from_secs(5);

/// Signature, version 3.0, mechanism NULL, not as server, filler.
const GREETING: [u8; 64] = {
    let mut bytes = [0; 64];
    bytes[0] = 0xff;
    bytes[8] = 1;
    bytes[9] = 0x7f;
    bytes[10] = 3;
    bytes[12] = b'N';
    bytes[13] = b'U';
    bytes[14] = b'L';
    bytes[15] = b'L';
    bytes
};

/// A command frame of 28 bytes: READY, with the one property that is required.
const READY: &[u8] = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER";

/// A connection that has shaken hands.
#[derive(Debug)]
pub struct Dealer(TcpStream);

impl Dealer {
    /// Connects and shakes hands; on return the router's side has sent its last word of it.
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut dealer = Self(stream);
        dealer.0.write_all(&GREETING)?;
        dealer.0.read_exact(&mut [0; 64]).map_err(silence)?;
        dealer.0.write_all(READY)?;
        dealer.frame()?;
        Ok(dealer)
    }

    /// Sends a message of one frame and awaits the answer.
    pub fn ask(&mut self) -> io::Result<()> {
        self.0.write_all(&[0, 1, b'?'])?;
        // What comes between (a PING, say) is a command, whose flag is 4.
        while self.frame()? & 4 != 0 {}
        Ok(())
    }

    /// Reads one short frame and gives its flags.
    fn frame(&mut self) -> io::Result<u8> {
        let mut header = [0; 2];
        self.0.read_exact(&mut header).map_err(silence)?;
        let [flags, length] = header;
        if flags & 2 != 0 {
            return Err(io::Error::new(ErrorKind::InvalidData, "a long frame"));
        }
        self.0.read_exact(&mut vec![0; usize::from(length)])?;
        Ok(flags)
    }
}

/// A read that waited too long is refused as if it would have had to wait.
fn silence(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, format!("no answer within {PATIENCE:?}")),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::READY;

    #[test]
    fn the_ready_command_is_as_long_as_it_says() {
        assert_eq!(usize::from(READY[1]), READY.len() - 2);
    }
}
