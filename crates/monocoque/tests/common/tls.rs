//! A certificate of this run's own, for `wss://` on loopback.

use std::sync::LazyLock;

use monocoque::{Kind, SocketBuilder};

pub const WSS: &str = "wss://127.0.0.1:*/zeromq";

pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Identity {
    /// One that it signed itself, for `name`.
    pub fn of(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
        Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }
}

pub static LOOPBACK: LazyLock<Identity> = LazyLock::new(|| Identity::of("127.0.0.1"));

/// Who shows [`LOOPBACK`], and trusts it.
pub fn secure<K: Kind>(builder: SocketBuilder<K>) -> SocketBuilder<K> {
    builder.tls_identity(&LOOPBACK.certificate, &LOOPBACK.key).tls_trust(&LOOPBACK.certificate)
}
