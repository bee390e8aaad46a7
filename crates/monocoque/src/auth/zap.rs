//! Asking a socket of this context about peers (RFC 27).

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use monocoque_core::{Endpoint, RoutingId, SocketType};
use monocoque_zmtp::zap::{self, ENDPOINT};
use monocoque_zmtp::{Applicant, Authenticator, Grant, Judging, NoVerdict, Verdict};

use crate::context::ContextInner;
use crate::core::Core;
use crate::inproc;
use crate::kind::Any;
use crate::options::Options;
use crate::socket::Socket;

/// How a socket asks.
#[derive(Debug, Clone)]
pub(crate) struct ZapRules {
    /// What peers want into.
    pub(crate) domain: String,
    /// Whether nobody is let in where nobody is there to be asked.
    pub(crate) needed: bool,
    /// Whether a handler that goes away keeps its peers waiting, as with libzmq, until they go or the time is over.
    pub(crate) patient: bool,
}

/// Has whoever is bound to the endpoint of ZAP judge.
pub(crate) struct ZapClient {
    pub(crate) context: Arc<ContextInner>,
    pub(crate) identity: Option<RoutingId>,
    pub(crate) rules: ZapRules,
}

impl Authenticator for ZapClient {
    fn judge(&self, applicant: Applicant) -> Judging {
        let endpoint: Endpoint = ENDPOINT.parse().expect("a constant");
        let Some(socket) = self.connect(&endpoint) else {
            return if self.rules.needed {
                Verdict::Unjudged(NoVerdict::NoHandler).into()
            } else {
                Verdict::Accepted(Grant::default()).into()
            };
        };
        let identity = self.identity.as_ref().map_or(&[][..], RoutingId::as_bytes);
        let request = zap::request(&applicant, &self.rules.domain, identity);
        let patient = self.rules.patient;
        let asking = Asking(socket);
        Judging::later(async move {
            let sent = asking.0.try_send(request);
            let answer = if sent.is_ok() { answer(&asking.0).await } else { None };
            match answer {
                None if patient => pending().await,
                None => Verdict::Unjudged(NoVerdict::HandlerGone),
                Some(verdict) => verdict,
            }
        })
    }
}

impl ZapClient {
    /// A socket that is joined to the handler, if there is one.
    fn connect(&self, endpoint: &Endpoint) -> Option<Socket<Any>> {
        let Endpoint::Inproc(name) = endpoint else { return None };
        if !inproc::is_bound(&self.context, name.as_str()) {
            return None;
        }
        let mut options = Options::new(SocketType::Dealer);
        options.linger = Some(Duration::ZERO);
        let core = Core::uncounted(&self.context, options);
        inproc::connect(&core, endpoint.clone(), name.as_str(), None).ok()?;
        Some(Socket::new(core))
    }
}

/// A socket that asks. What it asked and nobody has taken yet goes with it: the peer has gone, and a handler that is slower than
/// peers come would answer for the dead.
struct Asking(Socket<Any>);

impl Drop for Asking {
    fn drop(&mut self) {
        inproc::retract(self.0.core());
    }
}

/// The handler's answer; `None` if it went away.
async fn answer(socket: &Socket<Any>) -> Option<Verdict> {
    let (mut answered, mut gone) = (pin!(socket.recv()), pin!(socket.until_alone()));
    poll_fn(|cx| {
        if let Poll::Ready(answer) = answered.as_mut().poll(cx) {
            return Poll::Ready(answer.ok().map(|answer| zap::verdict(&answer)));
        }
        gone.as_mut().poll(cx).map(|_| None)
    })
    .await
}
