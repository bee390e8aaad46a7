//! ZAP (RFC 27): who judges peers may be a socket at [`ENDPOINT`], which is asked and answers in messages.

use std::borrow::Cow;

use monocoque_core::Message;

use crate::auth::{Applicant, Credentials, Grant, NoVerdict, Refusal, Verdict};
use crate::curve::keys::{KEY_BYTES, PublicKey};
use crate::error::PeerMisbehaved;
use crate::metadata::{self, Properties};
use crate::secret::Secret;

/// Where the handler is bound.
pub const ENDPOINT: &str = "inproc://zeromq.zap.01";

const VERSION: &[u8] = b"1.0";
/// A socket asks once for each connection, so that there is nothing to tell apart.
const REQUEST_ID: &[u8] = b"1";

/// A request, as a handler gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZapRequest {
    /// What the answer has to carry.
    pub request_id: Vec<u8>,
    /// The part of the application that the peer wants into (`ZMQ_ZAP_DOMAIN`).
    pub domain: String,
    /// The routing id of the socket that asks.
    pub identity: Vec<u8>,
    /// The peer, and what it showed.
    pub applicant: Applicant,
}

/// Why a message is no request of ZAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZapRequestError {
    /// It does not have the frames of one: version, request id, domain, address, identity, mechanism, credentials.
    #[error("not the frames of a ZAP request")]
    Frames,
    /// It is of another version than 1.0.
    #[error("a ZAP request of an unknown version")]
    Version,
    /// A mechanism that is not known here.
    #[error("a ZAP request of an unknown mechanism")]
    Mechanism,
    /// The credentials are not those of the mechanism.
    #[error("the credentials in a ZAP request are malformed")]
    Credentials,
}

/// The request about `applicant`, behind the empty frame that a REP or ROUTER expects.
pub fn request(applicant: &Applicant, domain: &str, identity: &[u8]) -> Message {
    let Applicant { address, credentials } = applicant;
    let mechanism = credentials.mechanism().as_bytes();
    let head = [&b""[..], VERSION, REQUEST_ID, domain.as_bytes(), address.as_bytes(), identity, mechanism];
    let shown: Vec<&[u8]> = match credentials {
        Credentials::Null => vec![],
        Credentials::Plain { username, password } => vec![username, password.expose()],
        Credentials::Curve { key } => vec![key.as_bytes()],
    };
    Message::multipart(head.into_iter().chain(shown))
}

/// What the answer to a [`request`] says, its empty frame included.
pub fn verdict(answer: &Message) -> Verdict {
    match judge(answer) {
        Ok(verdict) => verdict,
        Err(fault) => Verdict::Unjudged(fault),
    }
}

fn judge(answer: &Message) -> Result<Verdict, NoVerdict> {
    let [delimiter, version, id, status, _text, user_id, metadata] = answer.frames() else {
        return Err(NoVerdict::Malformed);
    };
    if !delimiter.is_empty() {
        return Err(NoVerdict::Malformed);
    }
    if version[..] != *VERSION {
        return Err(NoVerdict::Version);
    }
    if id[..] != *REQUEST_ID {
        return Err(NoVerdict::RequestId);
    }
    let refusal = match &status[..] {
        b"200" => None,
        b"300" => Some(Refusal::Temporary),
        b"400" => Some(Refusal::Denied),
        b"500" => Some(Refusal::Internal),
        _ => return Err(NoVerdict::Status),
    };
    // spec: 27/ZAP, ZAP responses — the metadata are judged whatever the status, as libzmq does.
    let metadata: Result<Vec<_>, PeerMisbehaved> = Properties::new(metadata).collect();
    let metadata = metadata.map_err(|_| NoVerdict::Metadata)?;
    let metadata = metadata.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    let user_id = String::from_utf8_lossy(user_id).into_owned();
    Ok(refusal.map_or(Verdict::Accepted(Grant { user_id, metadata }), Verdict::Refused))
}

impl ZapRequest {
    /// Reads the message of a request, as a REP gets it: without the empty frame.
    ///
    /// # Errors
    /// [`ZapRequestError`]. Who cannot answer a request need not: the peer is not let in.
    pub fn parse(message: &Message) -> Result<Self, ZapRequestError> {
        let [version, request_id, domain, address, identity, mechanism, shown @ ..] = message.frames() else {
            return Err(ZapRequestError::Frames);
        };
        if version[..] != *VERSION {
            return Err(ZapRequestError::Version);
        }
        let credentials = match (&mechanism[..], shown) {
            (b"NULL", []) => Credentials::Null,
            (b"PLAIN", [username, password]) => {
                let password = Secret::new(password).map_err(|_| ZapRequestError::Credentials)?;
                Credentials::Plain { username: username[..].into(), password }
            }
            (b"CURVE", [key]) => {
                let key: [u8; KEY_BYTES] = key[..].try_into().map_err(|_| ZapRequestError::Credentials)?;
                Credentials::Curve { key: PublicKey::from_bytes(key) }
            }
            (b"NULL" | b"PLAIN" | b"CURVE", _) => return Err(ZapRequestError::Credentials),
            _ => return Err(ZapRequestError::Mechanism),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self {
            request_id: request_id.to_vec(),
            domain: text(domain),
            identity: identity.to_vec(),
            applicant: Applicant::new(text(address), credentials),
        })
    }

    /// The message that answers with `verdict`. One that nobody gave is a failure of who judges: 500.
    ///
    /// Metadata whose names are not those of properties (letters, digits and `-_.+`) are left out.
    pub fn answer(&self, verdict: &Verdict) -> Message {
        let (status, text, grant) = match verdict {
            Verdict::Accepted(grant) => (200, "OK".into(), Cow::Borrowed(grant)),
            Verdict::Refused(refusal) => {
                let text = match refusal {
                    Refusal::Temporary => "try again",
                    Refusal::Denied => "denied",
                    Refusal::Internal => "internal error",
                };
                (refusal.status(), text.to_owned(), Cow::default())
            }
            Verdict::Unjudged(why) => (Refusal::Internal.status(), why.to_string(), Cow::default()),
        };
        let mut encoded = Vec::new();
        for (name, value) in grant.metadata.iter().filter(|(name, _)| metadata::is_name(name.as_bytes())) {
            metadata::put(&mut encoded, name, value);
        }
        let status = status.to_string();
        let frames = [VERSION, &self.request_id, status.as_bytes(), text.as_bytes(), grant.user_id.as_bytes()];
        Message::multipart(frames.into_iter().chain([&encoded[..]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_delimiter(request: Message) -> Message {
        Message::multipart(request.frames()[1..].iter().map(|frame| &frame[..]))
    }

    fn with_delimiter(answer: &Message) -> Message {
        Message::multipart(std::iter::once(&b""[..]).chain(answer.frames().iter().map(|frame| &frame[..])))
    }

    fn applicants() -> [Applicant; 3] {
        let password = Secret::new("secret").expect("short");
        [
            Credentials::Null,
            Credentials::Plain { username: (*b"ann").into(), password },
            Credentials::Curve { key: PublicKey::from_bytes([7; 32]) },
        ]
        .map(|credentials| Applicant::new("10.1.2.3", credentials))
    }

    #[test]
    fn a_request_has_the_frames_of_the_rfc() {
        let [_, plain, _] = applicants();
        let frames = request(&plain, "shop", b"me");
        let wanted = ["", "1.0", "1", "shop", "10.1.2.3", "me", "PLAIN", "ann", "secret"];
        assert_eq!(frames, Message::multipart(wanted.map(str::as_bytes)));
    }

    #[test]
    fn what_is_asked_and_answered_is_understood() {
        let mut grant = Grant { user_id: "ann".into(), metadata: vec![("X-Team".into(), b"red".to_vec())] };
        for applicant in applicants() {
            let asked = ZapRequest::parse(&without_delimiter(request(&applicant, "shop", b"me"))).expect("sound");
            assert_eq!(
                (&asked.applicant, asked.domain.as_str(), &asked.identity[..]),
                (&applicant, "shop", &b"me"[..])
            );
            let said = [
                Verdict::Accepted(grant.clone()),
                Verdict::deny(),
                Verdict::Refused(Refusal::Temporary),
                Verdict::Refused(Refusal::Internal),
            ];
            for wanted in said {
                assert_eq!(verdict(&with_delimiter(&asked.answer(&wanted))), wanted);
            }
            grant.metadata.clear();
        }
    }

    #[test]
    fn each_fault_of_an_answer_is_named() {
        let cases: [(&[&str], NoVerdict); 7] = [
            (&["", "1.0", "1", "200", "OK", "ann"], NoVerdict::Malformed),
            (&["", "1.0", "1", "200", "OK", "ann", "", ""], NoVerdict::Malformed),
            (&["x", "1.0", "1", "200", "OK", "ann", ""], NoVerdict::Malformed),
            (&["", "1.1", "1", "200", "OK", "ann", ""], NoVerdict::Version),
            (&["", "1.0", "2", "200", "OK", "ann", ""], NoVerdict::RequestId),
            (&["", "1.0", "1", "201", "OK", "ann", ""], NoVerdict::Status),
            (&["", "1.0", "1", "400", "no", "", "\x03X"], NoVerdict::Metadata),
        ];
        for (frames, fault) in cases {
            let answer = Message::multipart(frames.iter().map(|frame| frame.as_bytes()));
            assert_eq!(verdict(&answer), Verdict::Unjudged(fault), "{frames:?}");
        }
    }

    #[test]
    fn each_fault_of_a_request_is_named() {
        let cases: [(&[&str], ZapRequestError); 5] = [
            (&["1.0", "1", "", "", ""], ZapRequestError::Frames),
            (&["2.0", "1", "", "", "", "NULL"], ZapRequestError::Version),
            (&["1.0", "1", "", "", "", "GSSAPI", "x"], ZapRequestError::Mechanism),
            (&["1.0", "1", "", "", "", "PLAIN", "x"], ZapRequestError::Credentials),
            (&["1.0", "1", "", "", "", "CURVE", "short"], ZapRequestError::Credentials),
        ];
        for (frames, fault) in cases {
            let request = Message::multipart(frames.iter().map(|frame| frame.as_bytes()));
            assert_eq!(ZapRequest::parse(&request), Err(fault), "{frames:?}");
        }
    }
}
