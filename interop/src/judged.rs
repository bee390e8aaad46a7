//! A context of libzmq's in which a ZAP handler (RFC 27) judges peers.

use std::thread::{self, JoinHandle};

use crate::ffi::ZMQ_RECONNECT_IVL;
use crate::zmq::{self, Kind, Socket};

/// What a handler answers: the status, and the user id.
pub type Answer = (&'static str, &'static str);

/// A context with a ZAP handler, which ends with it.
pub struct Judged {
    context: zmq::Context,
    handler: Option<JoinHandle<()>>,
}

impl Judged {
    /// Has `judge` answer requests. It is given their frames: version, id, domain, address, identity, mechanism,
    /// credentials.
    pub fn by(judge: impl Fn(&[Vec<u8>]) -> Answer + Send + 'static) -> Self {
        let context = zmq::Context::new().expect("a context");
        let zap = context.socket(Kind::Rep).expect("a socket");
        zap.bind("inproc://zeromq.zap.01").expect("nobody else judges");
        Self { context, handler: Some(thread::spawn(move || serve(&zap, judge))) }
    }

    /// A socket of this context, which reconnects soon.
    pub fn socket(&self, kind: Kind) -> Socket {
        let socket = self.context.socket(kind).expect("a socket");
        socket.set_int(ZMQ_RECONNECT_IVL, 10).expect("taken");
        socket
    }
}

impl Drop for Judged {
    fn drop(&mut self) {
        self.context.shutdown().expect("live");
        self.handler.take().map(JoinHandle::join).expect("once").expect("the handler does not fail");
    }
}

/// Answers requests until the context is shut down.
fn serve(zap: &Socket, judge: impl Fn(&[Vec<u8>]) -> Answer) {
    loop {
        let request = match zap.recv_multipart() {
            Ok(request) => request,
            Err(error) if error.is_timeout() => continue,
            Err(_) => return,
        };
        let (status, user) = judge(&request);
        let answer = [b"1.0", &request[1][..], status.as_bytes(), b"", user.as_bytes(), b""];
        if zap.send_multipart(&answer).is_err() {
            return;
        }
    }
}
