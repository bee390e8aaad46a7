//! Which mechanism connections have, and what it needs.

use std::fmt;
use std::sync::Arc;

use monocoque_zmtp::limits::CREDENTIAL_BYTES_MAX;
use monocoque_zmtp::{PlainAuthenticator, PlainClient, PlainTable, Secret, Security};

use super::SocketOption;
use crate::error::OptionError;

/// The security options of a socket. The last of them that was set decides the mechanism, as in libzmq.
#[derive(Clone, Default)]
pub(crate) struct SecurityOptions {
    mechanism: Mechanism,
    username: String,
    password: Option<Secret>,
    /// Who judges the clients of a PLAIN server; without one nobody is let in.
    judge: Option<Arc<dyn PlainAuthenticator>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mechanism {
    #[default]
    Null,
    PlainClient,
    PlainServer,
}

impl SecurityOptions {
    /// The number of the mechanism, as `ZMQ_MECHANISM` tells it.
    pub(crate) fn number(&self) -> i64 {
        match self.mechanism {
            Mechanism::Null => 0,
            Mechanism::PlainClient | Mechanism::PlainServer => 1,
        }
    }

    /// The name of the mechanism, if it is one that protects.
    pub(crate) fn name(&self) -> Option<&'static str> {
        (self.mechanism != Mechanism::Null).then_some("PLAIN")
    }

    pub(crate) fn is_plain_server(&self) -> bool {
        self.mechanism == Mechanism::PlainServer
    }

    pub(crate) fn set_plain_server(&mut self, on: bool) {
        self.mechanism = if on { Mechanism::PlainServer } else { Mechanism::Null };
    }

    /// Lets `judge` decide, and so becomes a server.
    pub(crate) fn judge_by(&mut self, judge: impl PlainAuthenticator) {
        self.judge = Some(Arc::new(judge));
        self.mechanism = Mechanism::PlainServer;
    }

    pub(crate) fn username(&self) -> Option<String> {
        self.as_plain_client(|| self.username.clone())
    }

    pub(crate) fn set_username(&mut self, username: Option<String>) {
        self.become_client(username.is_some());
        self.username = username.unwrap_or_default();
    }

    pub(crate) fn password(&self) -> Option<Vec<u8>> {
        self.as_plain_client(|| self.password.as_ref().map_or(&[][..], Secret::expose).to_vec())
    }

    pub(crate) fn set_password(&mut self, password: Option<&[u8]>) -> Result<(), String> {
        let password = password.map(Secret::new).transpose().map_err(|error| error.to_string())?;
        self.become_client(password.is_some());
        self.password = password;
        Ok(())
    }

    /// Both at once.
    pub(crate) fn set_plain(&mut self, username: String, password: &[u8]) -> Result<(), OptionError> {
        let refused = |option, rule| Err(OptionError::OutOfRange { option, rule });
        if username.len() > CREDENTIAL_BYTES_MAX {
            let rule = format!("takes text of at most {CREDENTIAL_BYTES_MAX} bytes");
            return refused(SocketOption::PLAIN_USERNAME, rule);
        }
        if let Err(rule) = self.set_password(Some(password)) {
            return refused(SocketOption::PLAIN_PASSWORD, rule);
        }
        self.set_username(Some(username));
        Ok(())
    }

    /// What sessions are told.
    pub(crate) fn session(&self) -> Security {
        match self.mechanism {
            Mechanism::Null => Security::Null,
            Mechanism::PlainClient => Security::PlainClient(Arc::new(self.client())),
            Mechanism::PlainServer => {
                Security::PlainServer(self.judge.clone().unwrap_or_else(|| Arc::new(PlainTable::default())))
            }
        }
    }

    fn client(&self) -> PlainClient {
        let password = self.password.clone().unwrap_or_default();
        PlainClient::new(&self.username, password).expect("both were measured when they were set")
    }

    fn become_client(&mut self, on: bool) {
        self.mechanism = if on { Mechanism::PlainClient } else { Mechanism::Null };
    }

    fn as_plain_client<T>(&self, told: impl FnOnce() -> T) -> Option<T> {
        (self.mechanism == Mechanism::PlainClient).then(told)
    }
}

impl fmt::Debug for SecurityOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityOptions").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}
