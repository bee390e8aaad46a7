//! Two sides of a small protocol over TLS, in memory: whatever pieces the bytes come in.

use std::time::{Duration, Instant};

use bytes::Bytes;
use monocoque_core::Protocol;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Blame, Need, Output, ProtocolError};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_core::wire::{EncodedHeader, Header};
use monocoque_tls::{Tls, TlsConfig, TlsError, TlsFault};

/// Frames as a pipe holds them, after a frame that says hello.
#[derive(Debug, Default)]
struct Plain {
    ready: bool,
    finished: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("silence")]
struct Silence;

impl ProtocolError for Silence {
    fn blame(&self) -> Blame {
        Blame::Silence
    }
}

fn frame(body: &[u8]) -> Vec<u8> {
    [EncodedHeader::new(0, body.len()).as_slice(), body].concat()
}

impl Protocol for Plain {
    type Peer = ();
    type Error = Silence;

    fn connected(&mut self, _now: Instant, out: &mut Output<()>) {
        out.write.push(frame(b"hello").into());
    }

    fn received(&mut self, _now: Instant, input: &mut SlabMut, out: &mut Output<()>) -> Result<Need, Silence> {
        while let Some(header) = Header::parse(input.filled()) {
            let len = header.header_len + header.body_len as usize;
            if input.len() < len {
                return Ok(Need(len));
            }
            let frame = input.split_to(len);
            if std::mem::replace(&mut self.ready, true) {
                out.deliver.push(frame, 1);
            } else {
                out.ready = Some(());
            }
        }
        Ok(Need(if input.is_empty() { 0 } else { 9 }))
    }

    fn send(&mut self, _now: Instant, batch: &mut Batch, out: &mut Output<()>) -> Result<(), Silence> {
        out.write.append(&mut batch.segments);
        batch.clear();
        Ok(())
    }

    fn finish(&mut self, out: &mut Output<()>) {
        self.finished = true;
        out.write.push(frame(b"bye").into());
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn timeout(&mut self, _now: Instant, _out: &mut Output<()>) -> Result<(), Silence> {
        Err(Silence)
    }
}

/// One side with what has come for it.
struct End {
    tls: Tls<Plain>,
    input: Vec<u8>,
    ready: bool,
    got: Vec<u8>,
}

impl End {
    fn new(config: TlsConfig) -> Self {
        Self { tls: Tls::new(Plain::default(), config, Arena::new()), input: Vec::new(), ready: false, got: Vec::new() }
    }

    /// Calls, and returns what is to be written.
    fn act<T>(&mut self, call: impl FnOnce(&mut Tls<Plain>, &mut Output<()>) -> T) -> (Vec<u8>, T) {
        let mut out = Output::default();
        let result = call(&mut self.tls, &mut out);
        self.ready |= out.ready.is_some();
        self.got.extend(out.deliver.segments.concat());
        (out.write.concat(), result)
    }

    /// Takes `bytes`, at most `piece` at once.
    fn take(&mut self, bytes: &[u8], piece: usize) -> Result<Vec<u8>, TlsError<Silence>> {
        let mut said = Vec::new();
        for bytes in bytes.chunks(piece) {
            self.input.extend_from_slice(bytes);
            let mut slab = SlabMut::exact(self.input.len()).expect("memory");
            slab.extend_from_slice(&self.input);
            let (write, result) = self.act(|tls, out| tls.received(Instant::now(), &mut slab, out));
            said.extend(write);
            self.input = slab.filled().to_vec();
            let Need(need) = result?;
            assert!(need == 0 || need > self.input.len(), "{need} of {}", self.input.len());
        }
        Ok(said)
    }
}

struct Identity {
    certificate: String,
    key: String,
}

fn identity(name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
    Identity { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

fn server(identity: &Identity) -> End {
    End::new(TlsConfig::server(&identity.certificate, &identity.key).expect("sound"))
}

fn client(name: &str, trusted: Option<&str>) -> End {
    End::new(TlsConfig::client(name, trusted, false).expect("sound"))
}

/// Lets both talk until neither has anything to say.
fn talk(a: &mut End, b: &mut End, piece: usize) -> Result<(), TlsError<Silence>> {
    let (mut to_b, ()) = a.act(|tls, out| tls.connected(Instant::now(), out));
    let (mut to_a, ()) = b.act(|tls, out| tls.connected(Instant::now(), out));
    while !to_a.is_empty() || !to_b.is_empty() {
        let said = b.take(&std::mem::take(&mut to_b), piece)?;
        to_a.extend(said);
        to_b = a.take(&std::mem::take(&mut to_a), piece)?;
    }
    Ok(())
}

fn pass(from: &mut End, to: &mut End, frames: &[Vec<u8>], piece: usize) {
    let mut batch = Batch::default();
    frames.iter().for_each(|frame| batch.push(Bytes::from(frame.clone()), 1));
    let (wire, result) = from.act(|tls, out| tls.send(Instant::now(), &mut batch, out));
    assert_eq!(result, Ok(()));
    let answer = to.take(&wire, piece).expect("sound");
    assert_eq!(answer, b"");
    assert_eq!(to.got, frames.concat());
    to.got.clear();
}

#[test]
fn in_pieces_of_any_size() {
    let identity = identity("localhost");
    for piece in [1, 7, 500, 20_000, usize::MAX] {
        let (mut a, mut b) = (client("localhost", Some(&identity.certificate)), server(&identity));
        talk(&mut a, &mut b, piece).expect("they trust each other");
        assert!(a.ready && b.ready);
        let frames = [0, 1, 100, 16_384, 40_000, 300_000].map(|len| frame(&vec![len as u8; len]));
        let few = if piece == 1 { 4 } else { frames.len() };
        pass(&mut a, &mut b, &frames[..few], piece);
        pass(&mut b, &mut a, &frames[..few], piece);
    }
}

#[test]
fn the_end_is_told_within_and_by_tls() {
    let identity = identity("localhost");
    let (mut a, mut b) = (client("localhost", Some(&identity.certificate)), server(&identity));
    talk(&mut a, &mut b, usize::MAX).expect("they trust each other");
    let (wire, ()) = a.act(|tls, out| tls.finish(out));
    // In two records: the alert is its own.
    let mut slab = SlabMut::exact(wire.len()).expect("memory");
    slab.extend_from_slice(&wire);
    let (answer, result) = b.act(|tls, out| tls.received(Instant::now(), &mut slab, out));
    let error = result.expect_err("nothing more comes");
    assert!(error.is_end() && matches!(error, TlsError::Tls(TlsFault::Closed)));
    assert_eq!(b.got, frame(b"bye"));
    // The peer may wait for the same before it closes.
    assert!(a.take(&answer, usize::MAX).is_err_and(|error| error.is_end()));
}

#[test]
fn a_certificate_must_be_trusted_and_for_the_name() {
    let (ours, other) = (identity("localhost"), identity("localhost"));
    for (name, trusted) in
        [("localhost", Some(&other.certificate)), ("localhost", None), ("host", Some(&ours.certificate))]
    {
        let (mut a, mut b) = (client(name, trusted.map(String::as_str)), server(&ours));
        let error = talk(&mut a, &mut b, usize::MAX).expect_err("not trusted");
        assert!(matches!(&error, TlsError::Tls(TlsFault::Certificate(_))), "{error}");
        assert_eq!(error.blame(), Blame::Incompatible);
        assert!(!a.ready && !b.ready && a.got.is_empty());
    }
}

/// As `openssl req -x509` makes one: an authority's, which signed itself.
fn authority(name: &str) -> Identity {
    let key = rcgen::KeyPair::generate().expect("made");
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("made").pem();
    Identity { certificate, key: key.serialize_pem() }
}

#[test]
fn an_authority_may_be_a_server_if_it_is_the_one_that_is_trusted() {
    let (ours, other) = (authority("localhost"), authority("localhost"));
    let (mut a, mut b) = (client("localhost", Some(&ours.certificate)), server(&ours));
    talk(&mut a, &mut b, usize::MAX).expect("it is named");
    assert!(a.ready && b.ready);
    for (name, trusted) in [("localhost", &other), ("example.org", &ours)] {
        let (mut a, mut b) = (client(name, Some(&trusted.certificate)), server(&ours));
        let error = talk(&mut a, &mut b, usize::MAX).expect_err("not trusted");
        assert!(matches!(&error, TlsError::Tls(TlsFault::Certificate(_))), "{error}");
    }
}

#[test]
fn the_peer_is_told_why_it_is_refused() {
    let identity = identity("localhost");
    let (mut a, mut b) = (client("localhost", None), server(&identity));
    let (hello, ()) = a.act(|tls, out| tls.connected(Instant::now(), out));
    b.act(|tls, out| tls.connected(Instant::now(), out));
    let flight = b.take(&hello, usize::MAX).expect("sound");
    let mut slab = SlabMut::exact(flight.len()).expect("memory");
    slab.extend_from_slice(&flight);
    let (alert, result) = a.act(|tls, out| tls.received(Instant::now(), &mut slab, out));
    assert!(result.is_err());
    let error = b.take(&alert, usize::MAX).expect_err("refused");
    assert!(matches!(&error, TlsError::Tls(TlsFault::Alert(_))), "{error}");
}

#[test]
fn who_speaks_no_tls_is_refused_at_once() {
    let identity = identity("localhost");
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\xff\0\0\0\0\0\0\0\x01\x7f", &[0x16, 3, 1, 0xff, 0xff, 0]] {
        let mut b = server(&identity);
        b.act(|tls, out| tls.connected(Instant::now(), out));
        let error = b.take(bytes, usize::MAX).expect_err("no TLS");
        assert!(matches!(&error, TlsError::Tls(TlsFault::Misbehaved(_))), "{error}");
        assert_eq!(error.blame(), Blame::PeerMisbehaved);
    }
}

#[test]
fn deadlines_are_those_of_the_protocol_within() {
    let identity = identity("localhost");
    let mut b = server(&identity);
    b.act(|tls, out| tls.connected(Instant::now(), out));
    assert_eq!(b.tls.deadline(), None);
    let (_, result) = b.act(|tls, out| tls.timeout(Instant::now() + Duration::from_secs(1), out));
    assert_eq!(result, Err(TlsError::Within(Silence)));
}
