//! TLS below any protocol of Monocoque, sans-IO, by rustls.
//!
//! A [`Tls`] is a [`Protocol`](monocoque_core::Protocol) around another one: it decrypts what comes and gives it on, and
//! encrypts what the other wants written, so that links and connections know nothing of it. It holds no socket. Its
//! randomness, and the clock that certificates are judged by, are those of rustls.
//!
//! | file | owns |
//! |---|---|
//! | `layer` | the [`Protocol`](monocoque_core::Protocol) impl |
//! | `engine` | rustls' connection of either side: bytes in, bytes out |
//! | `plain` | decrypted bytes that wait for the protocol within |
//! | `config` | certificates, keys, trust and names, from PEM |
//! | `trust` | which server a client trusts |
//! | `error` | why a connection is given up |
//!
//! Not here: certificates of clients, and sub-protocols of TLS.

#![forbid(unsafe_code)]

mod config;
mod engine;
mod error;
mod layer;
mod plain;
mod trust;

pub use config::{TlsConfig, TlsConfigError, check_certificates, check_key, check_name};
pub use error::{TlsError, TlsFault};
pub use layer::Tls;
