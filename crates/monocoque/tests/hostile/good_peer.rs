//! A server, and a client of it that is to notice nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use monocoque::{Context, DisconnectReason, Event, Monitor, PublicKey, Rep, SessionError, Socket, new_secret_key};

/// A server under attack, and its good client.
pub struct Served {
    pub endpoint: String,
    pub key: PublicKey,
    pub rep: Socket<Rep>,
    pub monitor: Monitor,
    asked: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Served {
    /// Begins; `half_open` connections may be in their handshakes.
    pub fn new(half_open: usize) -> Self {
        let ctx = Context::new();
        let (secret, client) = (new_secret_key().expect("random"), new_secret_key().expect("random"));
        let key = secret.public();
        let rep = ctx
            .rep()
            .curve_server(secret)
            .half_open_max(half_open)
            .half_open_host_max(half_open)
            .build()
            .expect("valid");
        let endpoint = rep.blocking().bind("tcp://127.0.0.1:*").expect("free").to_string();
        let monitor = rep.monitor();
        let req = Context::new().req().curve_client(key, client).connect(&endpoint).expect("sound");
        let (asked, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (answering, asking, counted) = (rep.clone(), Arc::clone(&done), Arc::clone(&asked));
        let serve = thread::spawn(move || {
            while let Ok(question) = answering.blocking().recv() {
                // An attacker that was let in may be gone by now.
                let _ = answering.blocking().send(question);
            }
        });
        let ask = thread::spawn(move || {
            while !asking.load(Ordering::Relaxed) {
                req.blocking().send("still there?").expect("sent");
                assert_eq!(req.blocking().recv().expect("answered"), "still there?".into());
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { endpoint, key, rep, monitor, asked, done, threads: vec![serve, ask] }
    }

    /// The good client was answered again, after this was called.
    pub fn still_serves(&self) {
        let before = self.asked.load(Ordering::Relaxed);
        while self.asked.load(Ordering::Relaxed) < before + 2 {
            assert!(!self.threads[1].is_finished(), "the good client failed");
            thread::yield_now();
        }
    }

    /// Why the next connection ended that broke a rule.
    pub fn broken_rule(&self) -> SessionError {
        loop {
            match self.monitor.recv_blocking().expect("the socket is open") {
                Event::HandshakeFailed { reason: DisconnectReason::Protocol(error), .. }
                | Event::Disconnected { reason: DisconnectReason::Protocol(error), .. } => return error,
                _ => {}
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if thread::panicking() {
            return;
        }
        let ask = self.threads.pop().expect("begun");
        ask.join().expect("the good client was answered throughout");
        let _ = monocoque::block_on(self.rep.clone().close());
        self.threads.pop().expect("begun").join().expect("the server runs to its end");
    }
}
