//! What `wss://` needs: certificates, keys and trust.

use std::fmt;

use monocoque_core::endpoint::{Endpoint, Host, WsEndpoint};
use monocoque_core::protocol::Side;
use monocoque_tls::{TlsConfig, TlsConfigError, check_certificates, check_key, check_name};

use crate::error::OptionError;

/// The TLS options of a socket, each judged when it was set.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    certificates: Option<String>,
    key: Option<String>,
    trusted: Option<String>,
    /// The name that a server's certificate must be for, if not that of the endpoint.
    name: Option<String>,
    pub(crate) trust_system: bool,
}

/// Without the key.
impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("name", &self.name)
            .field("trust_system", &self.trust_system)
            .finish_non_exhaustive()
    }
}

fn checked(text: Option<&[u8]>, check: fn(&str) -> Result<(), TlsConfigError>) -> Result<Option<String>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let text = str::from_utf8(text).map_err(|_| "takes text".to_owned())?;
    check(text).map_err(|error| error.to_string())?;
    Ok(Some(text.to_owned()))
}

/// Text as an option has it.
fn told(text: &Option<String>) -> Option<Vec<u8>> {
    text.clone().map(String::into_bytes)
}

impl TlsOptions {
    pub(crate) fn certificates(&self) -> Option<Vec<u8>> {
        told(&self.certificates)
    }

    pub(crate) fn set_certificates(&mut self, pem: Option<&[u8]>) -> Result<(), String> {
        self.certificates = checked(pem, check_certificates)?;
        Ok(())
    }

    pub(crate) fn key(&self) -> Option<Vec<u8>> {
        told(&self.key)
    }

    pub(crate) fn set_key(&mut self, pem: Option<&[u8]>) -> Result<(), String> {
        self.key = checked(pem, check_key)?;
        Ok(())
    }

    pub(crate) fn trusted(&self) -> Option<Vec<u8>> {
        told(&self.trusted)
    }

    pub(crate) fn set_trusted(&mut self, pem: Option<&[u8]>) -> Result<(), String> {
        self.trusted = checked(pem, check_certificates)?;
        Ok(())
    }

    pub(crate) fn name(&self) -> Option<Vec<u8>> {
        told(&self.name)
    }

    pub(crate) fn set_name(&mut self, name: Option<&[u8]>) -> Result<(), String> {
        self.name = checked(name, check_name)?;
        Ok(())
    }

    /// TLS for what is bound or connected at `endpoint`.
    pub(crate) fn config(&self, endpoint: &WsEndpoint, side: Side) -> Result<TlsConfig, OptionError> {
        let refused = |why: String| OptionError::Tls { endpoint: Endpoint::Ws(endpoint.clone()), why };
        match side {
            Side::Listener => {
                let (Some(certificates), Some(key)) = (&self.certificates, &self.key) else {
                    return Err(refused("a server needs a certificate and its key (tls_identity)".to_owned()));
                };
                TlsConfig::server(certificates, key)
            }
            Side::Dialer => {
                let name = self.name.clone().unwrap_or_else(|| name_of(endpoint.target().host()));
                TlsConfig::client(&name, self.trusted.as_deref(), self.trust_system)
            }
        }
        .map_err(|error| refused(error.to_string()))
    }
}

/// What the certificate of a host must be for.
fn name_of(host: &Host) -> String {
    match host {
        Host::V6 { addr, .. } => addr.to_string(),
        host => host.to_string(),
    }
}
