//! Certificates, keys, trust and names, from PEM.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::trust::Trust;

/// Our side of TLS, shared by all connections of an endpoint.
#[derive(Clone)]
pub struct TlsConfig(pub(crate) Role);

#[derive(Clone)]
pub(crate) enum Role {
    Client(Arc<ClientConfig>, ServerName<'static>),
    Server(Arc<ServerConfig>),
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Role::Client(_, name) => f.debug_tuple("Client").field(name).finish(),
            Role::Server(_) => f.write_str("Server"),
        }
    }
}

/// Why TLS cannot be had as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// There is no certificate in the text, or one that is malformed.
    #[error("takes certificates as PEM text")]
    Certificates,
    /// There is no private key in the text.
    #[error("takes a private key as PEM text")]
    Key,
    /// The certificate and the key do not go together, or are of a kind that is not there.
    #[error("the certificate and the key do not go together: {0}")]
    Pair(String),
    /// The name is neither a host name nor an address.
    #[error("takes a host name or an address")]
    Name,
    /// What the system trusts cannot be read.
    #[error("the certificates that the system trusts cannot be read: {0}")]
    SystemTrust(String),
    /// The cryptography has no version of TLS that we speak.
    #[error("TLS cannot be had: {0}")]
    Unavailable(String),
}

/// Judges text that is to hold certificates.
///
/// # Errors
/// [`TlsConfigError::Certificates`].
pub fn check_certificates(pem: &str) -> Result<(), TlsConfigError> {
    certificates(pem).map(drop)
}

/// Judges text that is to hold a private key.
///
/// # Errors
/// [`TlsConfigError::Key`].
pub fn check_key(pem: &str) -> Result<(), TlsConfigError> {
    key(pem).map(drop)
}

/// Judges text that is to be the name of a server.
///
/// # Errors
/// [`TlsConfigError::Name`].
pub fn check_name(name: &str) -> Result<(), TlsConfigError> {
    server_name(name).map(drop)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(TlsConfigError::Certificates)
}

fn key(pem: &str) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| TlsConfigError::Key)
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsConfigError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsConfigError::Name)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unavailable(error: rustls::Error) -> TlsConfigError {
    TlsConfigError::Unavailable(error.to_string())
}

impl TlsConfig {
    /// A server that shows the chain `certificates`, its own first, and proves it with `private_key`.
    ///
    /// # Errors
    /// [`TlsConfigError`] by what is wrong with them.
    pub fn server(certificates_pem: &str, private_key_pem: &str) -> Result<Self, TlsConfigError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(unavailable)?.with_no_client_auth();
        let config = builder.with_single_cert(certificates(certificates_pem)?, key(private_key_pem)?);
        let config = config.map_err(|error| TlsConfigError::Pair(error.to_string()))?;
        Ok(Self(Role::Server(Arc::new(config))))
    }

    /// A client that connects to `name`, whose certificate must be for it, and signed by one of `trusted_pem` or, with
    /// `trust_system`, by one that the system trusts. Reads files of the system for that.
    ///
    /// # Errors
    /// [`TlsConfigError`] by what is wrong with them.
    pub fn client(name: &str, trusted_pem: Option<&str>, trust_system: bool) -> Result<Self, TlsConfigError> {
        let mut roots = RootCertStore::empty();
        let named = trusted_pem.map(certificates).transpose()?.unwrap_or_default();
        for certificate in &named {
            roots.add(certificate.clone()).map_err(|_| TlsConfigError::Certificates)?;
        }
        if trust_system {
            let found = rustls_native_certs::load_native_certs();
            if let ([], Some(error)) = (found.certs.as_slice(), found.errors.first()) {
                return Err(TlsConfigError::SystemTrust(error.to_string()));
            }
            // A system may hold certificates that are good for nothing here.
            roots.add_parsable_certificates(found.certs);
        }
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(unavailable)?;
        let builder = if roots.is_empty() {
            builder.with_root_certificates(roots)
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
            let verifier = verifier.map_err(|error| TlsConfigError::Unavailable(error.to_string()))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Trust { verifier, named }))
        };
        let config = builder.with_no_client_auth();
        Ok(Self(Role::Client(Arc::new(config), server_name(name)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pem_is_refused() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(check_certificates(""), Err(TlsConfigError::Certificates));
        assert_eq!(check_certificates("certificate"), Err(TlsConfigError::Certificates));
        assert_eq!(check_key(pem), Err(TlsConfigError::Key));
        assert_eq!(check_name("a b"), Err(TlsConfigError::Name));
        assert_eq!((check_name("example.org"), check_name("::1")), (Ok(()), Ok(())));
        assert!(matches!(TlsConfig::client("a", Some(pem), false), Err(TlsConfigError::Certificates)));
    }

    #[test]
    fn a_key_must_be_that_of_the_certificate() {
        let made = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let (one, other) = (made(), made());
        let server = |key: &str| TlsConfig::server(&one.cert.pem(), key);
        assert!(server(&one.signing_key.serialize_pem()).is_ok());
        assert!(matches!(server(&other.signing_key.serialize_pem()), Err(TlsConfigError::Pair(_))));
    }
}
