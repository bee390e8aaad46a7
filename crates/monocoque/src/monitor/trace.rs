//! Events for the `tracing` crate: a span for each connection from the link being up to its end, and an event for each of ours.
//! Without the feature of that name there is nothing here.

#[cfg(feature = "tracing")]
mod on {
    use monocoque_core::SocketType;
    use monocoque_pattern::PeerProperties;
    use tracing::field::{Empty, display};
    use tracing::{Level, Span, event, info_span};

    use crate::monitor::{ConnectionFacts, Event};

    /// A connection's span.
    #[derive(Debug, Clone)]
    pub(crate) struct Trace(Span);

    impl Trace {
        pub(crate) fn new(socket: SocketType, facts: &ConnectionFacts) -> Self {
            Self(info_span!(
                target: "monocoque",
                "connection",
                %socket,
                number = facts.connection,
                endpoint = &*facts.endpoint,
                remote = &*facts.remote,
                peer = Empty,
                identity = Empty,
            ))
        }

        /// The handshake has told more.
        pub(crate) fn ready(&self, peer: &PeerProperties) {
            peer.socket_type.map(|kind| self.0.record("peer", display(kind)));
            peer.identity.as_ref().map(|id| self.0.record("identity", display(id)));
        }
    }

    /// Tells an event, in the span of the connection that it is about.
    pub(crate) fn tell(socket: SocketType, of: Option<&Trace>, event: &Event) {
        let parent = of.and_then(|trace| trace.0.id());
        macro_rules! tell {
            ($level:ident) => {
                match parent {
                    Some(parent) => event!(target: "monocoque", parent: parent, Level::$level, "{event}"),
                    None => event!(target: "monocoque", Level::$level, %socket, "{event}"),
                }
            };
        }
        match event {
            Event::BindFailed { .. }
            | Event::AcceptFailed { .. }
            | Event::TooManyHandshakes { .. }
            | Event::ConnectGivenUp { .. }
            | Event::HandshakeFailed { .. } => tell!(WARN),
            Event::ConnectDelayed { .. }
            | Event::ConnectRetried { .. }
            | Event::Connected(_)
            | Event::Accepted(_)
            | Event::Lagged(_) => tell!(DEBUG),
            _ => tell!(INFO),
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use monocoque_core::SocketType;
    use monocoque_pattern::PeerProperties;

    use crate::monitor::{ConnectionFacts, Event};

    #[derive(Debug, Clone)]
    pub(crate) struct Trace;

    impl Trace {
        pub(crate) fn new(_: SocketType, _: &ConnectionFacts) -> Self {
            Self
        }

        pub(crate) fn ready(&self, _: &PeerProperties) {}
    }

    pub(crate) fn tell(_: SocketType, _: Option<&Trace>, _: &Event) {}
}

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{Trace, tell};
#[cfg(feature = "tracing")]
pub(crate) use on::{Trace, tell};
