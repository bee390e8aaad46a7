//! Who is let in: keys, certificates, a policy over them, and sockets that are asked.

mod certificate;
mod keys;
mod policy;
mod store;
mod zap;

pub use certificate::{Certificate, CertificateError};
pub(crate) use keys::ENTROPY;
pub use keys::new_secret_key;
pub use policy::AccessPolicy;
pub use store::CertificateStore;
pub(crate) use zap::{ZapClient, ZapRules};
