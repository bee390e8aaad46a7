//! TLS as a protocol around another one.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use monocoque_core::Protocol;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Need, Output};
use monocoque_core::slab::{Arena, SlabMut};

use crate::config::TlsConfig;
use crate::engine::Engine;
use crate::error::{TlsError, TlsFault};
use crate::plain::Plain;

/// The protocol `P` over TLS.
///
/// What `P` says before the handshake is done waits for it. The deadlines of `P` run from the beginning, and so include
/// the handshake of TLS.
#[derive(Debug)]
pub struct Tls<P> {
    within: P,
    config: TlsConfig,
    arena: Arena,
    /// There from [`connected`](Protocol::connected) on.
    engine: Option<Engine>,
    /// Why there is none, and since when that is known.
    fault: Option<(Instant, TlsFault)>,
    plain: Plain,
    /// The protocol within is to be called again, though nothing came.
    unblocked: bool,
}

type Out<P> = Output<<P as Protocol>::Peer>;
type Failure<P> = TlsError<<P as Protocol>::Error>;

impl<P: Protocol> Tls<P> {
    /// `within` over TLS; what is decrypted is kept in slabs of `arena`.
    pub fn new(within: P, config: TlsConfig, arena: Arena) -> Self {
        Self { within, config, arena, engine: None, fault: None, plain: Plain::default(), unblocked: false }
    }

    /// Calls the protocol within; what it wants written is encrypted, also if it failed.
    fn call<T>(
        &mut self,
        out: &mut Out<P>,
        call: impl FnOnce(&mut P, &mut Plain, &mut Out<P>) -> Result<T, P::Error>,
    ) -> Result<T, Failure<P>> {
        let before = std::mem::take(&mut out.write);
        let result = call(&mut self.within, &mut self.plain, out).map_err(TlsError::Within);
        let said = std::mem::replace(&mut out.write, before);
        if let Some(engine) = &mut self.engine {
            engine.encrypt(&said)?;
            engine.say(&mut out.write)?;
        }
        result
    }

    /// Decrypts what of `input` is at its front and gives it on; whether there may be more.
    fn advance(&mut self, now: Instant, input: &mut SlabMut, out: &mut Out<P>) -> Result<bool, Failure<P>> {
        let Some(engine) = &mut self.engine else { return Ok(false) };
        let decrypted = engine.decrypt(input, &mut self.plain, &self.arena);
        // An answer of TLS itself, or the alert that tells the peer why we give up.
        engine.say(&mut out.write)?;
        // What came before a fault is given on.
        self.call(out, |within, plain, out| {
            if let Some(bytes) = plain.enough() {
                let Need(need) = within.received(now, bytes, out)?;
                plain.expect(need);
            }
            Ok(())
        })?;
        input.skip(decrypted?);
        match &mut self.engine {
            Some(engine) if engine.has_ended() => {
                // It may wait for the same of us.
                engine.close();
                engine.say(&mut out.write)?;
                Err(TlsFault::Closed.into())
            }
            _ => Ok(!input.is_empty()),
        }
    }
}

impl<P: Protocol> Protocol for Tls<P> {
    type Peer = P::Peer;
    type Error = TlsError<P::Error>;

    fn connected(&mut self, now: Instant, out: &mut Output<P::Peer>) {
        let made = Engine::new(&self.config).map(|engine| self.engine = Some(engine)).map_err(TlsError::Tls);
        let said = self.call(out, |within, _, out| {
            within.connected(now, out);
            Ok(())
        });
        if let Err(TlsError::Tls(fault)) = made.and(said) {
            self.fault = Some((now, fault));
        }
    }

    fn received(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<P::Peer>,
    ) -> Result<Need, TlsError<P::Error>> {
        if std::mem::take(&mut self.unblocked) {
            let arena = self.arena.clone();
            self.call(out, |within, plain, out| {
                let Need(need) = within.received(now, plain.whatever(&arena), out)?;
                plain.expect(need);
                Ok(())
            })?;
        }
        self.plain.begin();
        while self.advance(now, input, out)? {}
        Ok(Need(0))
    }

    fn beside(&self, input: usize) -> usize {
        let plain = self.plain.growth(input);
        plain + self.within.beside(plain.max(input))
    }

    fn unfinished(&self) -> usize {
        self.plain.len() + self.within.unfinished()
    }

    fn poll_unblocked(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let unblocked = ready!(self.within.poll_unblocked(cx));
        self.unblocked = unblocked;
        Poll::Ready(unblocked)
    }

    fn send(&mut self, now: Instant, batch: &mut Batch, out: &mut Output<P::Peer>) -> Result<(), TlsError<P::Error>> {
        self.call(out, |within, _, out| within.send(now, batch, out))
    }

    fn finish(&mut self, out: &mut Output<P::Peer>) {
        let said = self.call(out, |within, _, out| {
            within.finish(out);
            Ok(())
        });
        if let (Ok(()), Some(engine)) = (said, &mut self.engine) {
            engine.close();
            // What cannot be said is not missed: the link ends too.
            let _ = engine.say(&mut out.write);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.fault.as_ref().map(|(since, _)| *since).or_else(|| self.within.deadline())
    }

    fn timeout(&mut self, now: Instant, out: &mut Output<P::Peer>) -> Result<(), TlsError<P::Error>> {
        if let Some((_, fault)) = &self.fault {
            return Err(fault.clone().into());
        }
        self.call(out, |within, _, out| within.timeout(now, out))
    }

    fn judge(&mut self, now: Instant) -> Result<(), TlsError<P::Error>> {
        self.within.judge(now).map_err(TlsError::Within)
    }

    fn left(&self) -> Option<TlsError<P::Error>> {
        self.within.left().map(TlsError::Within)
    }

    fn forgive(&mut self, now: Instant) {
        self.within.forgive(now);
    }
}
