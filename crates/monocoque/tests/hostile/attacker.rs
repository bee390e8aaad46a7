//! A client that knows how to shake hands, and does with its bytes what it likes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use monocoque::{PublicKey, SecretKey, SocketType, new_secret_key};
use monocoque_core::Protocol;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Output, Side};
use monocoque_core::slab::SlabMut;
use monocoque_zmtp::{CurveClient, Entropy, PeerInfo, Security, Session, SessionConfig};

/// How long the server may take to answer, or to close.
const PATIENCE: Duration = Duration::from_secs(10);

pub const ENTROPY: Entropy = Entropy::new(|bytes| {
    bytes.iter_mut().for_each(|byte| *byte = fastrand::u8(..));
    true
});

/// One connection.
pub struct Attacker {
    stream: TcpStream,
    session: Session,
    input: SlabMut,
    pub ready: bool,
}

/// The end of the port in an endpoint.
pub fn connect(endpoint: &str) -> TcpStream {
    let address = endpoint.strip_prefix("tcp://").expect("tcp");
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_nodelay(true).expect("ours");
    stream
}

impl Attacker {
    /// Connects, as a client of `server` that is let in if it behaves.
    pub fn new(endpoint: &str, server: PublicKey) -> Self {
        Self::with(endpoint, server, new_secret_key().expect("random bytes"))
    }

    fn with(endpoint: &str, server: PublicKey, secret: SecretKey) -> Self {
        let mut config = SessionConfig::new(SocketType::Dealer);
        let public = secret.public();
        config.security = Security::CurveClient(Arc::new(CurveClient { server, secret, public, entropy: ENTROPY }));
        let session = Session::new(config, Side::Dialer);
        Self { stream: connect(endpoint), session, input: SlabMut::exact(64 * 1024).expect("memory"), ready: false }
    }

    /// What it would say first.
    pub fn begin(&mut self) -> Vec<u8> {
        let mut out = Output::default();
        self.session.connected(Instant::now(), &mut out);
        self.take(out)
    }

    /// What it would say to what the server said; `None` if the server closed.
    pub fn answer(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 4096];
        let count = match self.stream.read(&mut bytes) {
            Ok(0) => return None,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.answer(),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => return None,
            Err(error) => panic!("the server neither answers nor closes: {error}"),
        };
        self.input.extend_from_slice(&bytes[..count]);
        let mut out = Output::default();
        // What our own side thinks of the answer is of no interest.
        let _ = self.session.received(Instant::now(), &mut self.input, &mut out);
        Some(self.take(out))
    }

    fn take(&mut self, mut out: Output<PeerInfo>) -> Vec<u8> {
        self.ready |= out.ready.take().is_some();
        out.write.concat()
    }

    /// Says `bytes`; whether the server still listens.
    pub fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Shakes hands as it should.
    pub fn shake_hands(&mut self) {
        let mut words = self.begin();
        while !self.ready {
            self.say(&words);
            words = self.answer().expect("the server lets it in");
        }
        self.say(&words);
    }

    /// The box of a message.
    pub fn sealed(&mut self, body: &[u8]) -> Vec<u8> {
        let mut frame = vec![0, body.len() as u8];
        frame.extend_from_slice(body);
        let mut batch = Batch::default();
        batch.push(frame.into(), 1);
        let mut out = Output::default();
        self.session.send(Instant::now(), &mut batch, &mut out).expect("ready");
        self.take(out)
    }

    /// Whether the server closes, whatever it says before.
    pub fn is_closed(&mut self) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }
}
