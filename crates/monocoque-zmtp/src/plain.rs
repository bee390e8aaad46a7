//! PLAIN (RFC 24): a user name and a password, readable to whoever can read the connection.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::{Applicant, Authenticator, Credentials, Judging, Verdict};
use crate::command::{self, Command, ERROR, HELLO, INITIATE, READY, WELCOME};
use crate::config::SessionConfig;
use crate::error::{PeerMisbehaved, SessionError};
use crate::limits::CREDENTIAL_BYTES_MAX;
use crate::mechanism::Step;
use crate::metadata;
use crate::secret::{Secret, TooLong};

/// What a PLAIN server of libzmq 4.3.5 says instead of a size and "ERROR": it writes a C string, `"\x05ERROR"`, whose
/// escape takes the E as a third digit.
const ERROR_OF_LIBZMQ: &[u8] = b"^RROR";

/// Users and their passwords. An empty table lets nobody in.
#[derive(Debug, Clone, Default)]
pub struct PlainTable {
    users: HashMap<Box<[u8]>, Secret>,
}

impl PlainTable {
    /// A table of `users`, each with its password; of a user that is there twice the last one counts.
    ///
    /// # Errors
    /// [`TooLong`] for a name or password of more than 255 bytes.
    pub fn new<U: AsRef<[u8]>, P: AsRef<[u8]>>(users: impl IntoIterator<Item = (U, P)>) -> Result<Self, TooLong> {
        let entry = |(username, password): (U, P)| Ok((checked(username.as_ref())?.into(), Secret::new(password)?));
        Ok(Self { users: users.into_iter().map(entry).collect::<Result<_, _>>()? })
    }
}

impl PlainTable {
    /// Whether this user with this password is let in.
    fn accepts(&self, username: &[u8], password: &Secret) -> bool {
        // An unknown user costs a comparison too, so that the time does not tell which names there are.
        let known = self.users.get(username);
        let is_known = u8::from(known.is_some()).ct_eq(&1);
        (known.unwrap_or(password).matches(password) & is_known).into()
    }
}

/// Lets users in under their own names, and nobody without PLAIN.
impl Authenticator for PlainTable {
    fn judge(&self, applicant: Applicant) -> Judging {
        match &applicant.credentials {
            Credentials::Plain { username, password } if self.accepts(username, password) => {
                Verdict::accept(String::from_utf8_lossy(username)).into()
            }
            _ => Verdict::deny().into(),
        }
    }
}

/// What a PLAIN client tells of itself.
#[derive(Clone)]
pub struct PlainClient {
    username: Box<[u8]>,
    password: Secret,
}

impl PlainClient {
    /// A user and its password; either may be empty.
    ///
    /// # Errors
    /// [`TooLong`] for more than 255 bytes.
    pub fn new(username: impl AsRef<[u8]>, password: Secret) -> Result<Self, TooLong> {
        Ok(Self { username: checked(username.as_ref())?.into(), password })
    }

    // spec: 24/ZMTP-PLAIN, grammar — hello = username password, each a size of one octet and that many octets.
    fn hello(&self) -> Bytes {
        let (username, password) = (&self.username, self.password.expose());
        let sizes = [username.len() as u8, password.len() as u8];
        let data = Zeroizing::new([&sizes[..1], username, &sizes[1..], password].concat());
        command::encode(HELLO, &data)
    }
}

impl fmt::Debug for PlainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainClient").finish_non_exhaustive()
    }
}

fn checked(name: &[u8]) -> Result<&[u8], TooLong> {
    if name.len() <= CREDENTIAL_BYTES_MAX { Ok(name) } else { Err(TooLong(name.len())) }
}

/// Parses what a server says.
pub(crate) fn parse(body: &[u8]) -> Result<Command<'_>, PeerMisbehaved> {
    // exception: 37/ZMTP, formal grammar — the name is neither sized nor of letters, and the reason behind it is as it
    // should be: without this a wrong password could not be told from a broken peer.
    match body.strip_prefix(ERROR_OF_LIBZMQ) {
        Some(data) => Ok(Command { name: ERROR, data }),
        None => Command::parse(body),
    }
}

/// How far a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// HELLO goes out first; WELCOME is awaited.
    Hello,
    /// INITIATE went out; READY is awaited.
    Initiate,
}

impl Client {
    pub(crate) fn open(client: &PlainClient) -> Bytes {
        client.hello()
    }

    pub(crate) fn receive(&mut self, command: Command<'_>, config: &SessionConfig) -> Result<Step, SessionError> {
        match (*self, command.name) {
            (Self::Hello, WELCOME) if command.data.is_empty() => {
                *self = Self::Initiate;
                Ok(Step::Say(command::encode(INITIATE, &metadata::encode(config))))
            }
            (Self::Hello, WELCOME) => Err(PeerMisbehaved::MalformedCommand(WELCOME).into()),
            (Self::Initiate, READY) => Ok(Step::Done { metadata: command.data.to_vec(), answer: None }),
            // spec: 24/ZMTP-PLAIN, grammar — the server may answer HELLO and INITIATE with ERROR.
            (_, ERROR) => Err(SessionError::HandshakeRefused { reason: command.error_reason()? }),
            _ => Err(command.unwelcome().into()),
        }
    }
}

/// How far a server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// HELLO is awaited; nothing is said before it.
    Listening,
    /// The client is judged.
    Judging,
    /// WELCOME went out; INITIATE is awaited.
    Welcomed,
}

impl Server {
    pub(crate) fn receive(&mut self, command: Command<'_>, config: &SessionConfig) -> Result<Step, SessionError> {
        match (*self, command.name) {
            (Self::Listening, HELLO) => {
                let (username, password) = credentials(command.data)?;
                let malformed = |_| PeerMisbehaved::MalformedCommand(HELLO);
                let password = Secret::new(password).map_err(malformed)?;
                *self = Self::Judging;
                Ok(Step::Ask(Credentials::Plain { username: username.into(), password }))
            }
            (Self::Welcomed, INITIATE) => {
                let answer = command::encode(READY, &metadata::encode(config));
                Ok(Step::Done { metadata: command.data.to_vec(), answer: Some(answer) })
            }
            // An ERROR too: it is the server's to refuse.
            _ => Err(command.unwelcome().into()),
        }
    }

    /// The client is let in.
    pub(crate) fn admitted(&mut self) -> Step {
        *self = Self::Welcomed;
        Step::Say(command::encode(WELCOME, &[]))
    }
}

/// The user name and the password in a HELLO, which has nothing behind them.
fn credentials(data: &[u8]) -> Result<(&[u8], &[u8]), PeerMisbehaved> {
    let parsed = sized(data).and_then(|(username, rest)| Some((username, sized(rest)?)));
    match parsed {
        Some((username, (password, []))) => Ok((username, password)),
        _ => Err(PeerMisbehaved::MalformedCommand(HELLO)),
    }
}

/// A size of one octet and that many octets, and what is behind them.
fn sized(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&size, rest) = data.split_first()?;
    rest.split_at_checked(size.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lets_in_whom_it_has_with_the_right_password_only() {
        let table = PlainTable::new([("ann", "secret"), ("bob", ""), ("ann", "newer")]).expect("short");
        for (username, password, accepted) in [
            ("ann", "newer", true),
            ("ann", "secret", false),
            ("ann", "newer\0", false),
            ("ann", "", false),
            ("bob", "", true),
            ("bob", "x", false),
            ("eve", "newer", false),
            ("", "", false),
        ] {
            assert_eq!(
                table.accepts(username.as_bytes(), &Secret::new(password).expect("short")),
                accepted,
                "{username} {password}"
            );
        }
        assert!(!PlainTable::default().accepts(b"", &Secret::default()));
        assert_eq!(PlainTable::new([([0; 256], "")]).err(), Some(TooLong(256)));
    }

    #[test]
    fn hello_is_two_sized_strings_and_nothing_else() {
        let client = PlainClient::new("admin", Secret::new("pw").expect("short")).expect("short");
        assert_eq!(client.hello(), b"\x04\x0f\x05HELLO\x05admin\x02pw"[..]);
        assert!(!format!("{client:?}").contains("admin"));
        assert_eq!(credentials(b"\x05admin\x02pw"), Ok((&b"admin"[..], &b"pw"[..])));
        assert_eq!(credentials(b"\0\0"), Ok((&b""[..], &b""[..])));
        for malformed in [&b""[..], b"\0", b"\x05admi", b"\x05admin", b"\x05admin\x03pw", b"\x05admin\x02pw!"] {
            assert_eq!(credentials(malformed), Err(PeerMisbehaved::MalformedCommand("HELLO")), "{malformed:?}");
        }
    }
}
