//! The upgrade of an HTTP request to WebSocket (RFC 6455, 4), and the sub-protocols of ZWS 2.0.
//!
//! Which sub-protocol is spoken says which mechanism is: there is no greeting. A path is asked for and not judged, as
//! with libzmq: whatever stands between may have changed it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use httparse::{EMPTY_HEADER, Status};
use monocoque_zmtp::Beginning;
use sha1::{Digest, Sha1};

use crate::error::UpgradeFault;

/// The longest head of a request or response that is read, in bytes: what libzmq reads.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;

/// Bytes of the nonce that a client sends.
pub(crate) const NONCE_BYTES: usize = 16;

/// What a server appends to a client's key (RFC 6455, 1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const CONNECTION: &str = "Connection";
const UPGRADE: &str = "Upgrade";
const KEY: &str = "Sec-WebSocket-Key";
const VERSION: &str = "Sec-WebSocket-Version";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const ACCEPT: &str = "Sec-WebSocket-Accept";

/// The sub-protocol without a mechanism, in which each peer begins with its identity.
const BARE: &str = "ZWS2.0";

/// The sub-protocols of one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoken {
    pub(crate) mechanism: &'static str,
    /// The one without a mechanism too.
    pub(crate) bare: bool,
}

impl Spoken {
    /// How peers begin that speak the sub-protocol `name`; `None` if it is not ours.
    fn beginning(self, name: &str) -> Option<Beginning> {
        match name.strip_prefix(BARE)? {
            "" if self.bare => Some(Beginning::Identity),
            rest if rest.strip_prefix('/') == Some(self.mechanism) => Some(Beginning::Mechanism),
            _ => None,
        }
    }
}

/// The whole head of a message, judged, in so many bytes; `None` while it is not all there.
pub(crate) type Judged<T> = Option<(usize, T)>;

/// What a client says first.
pub(crate) fn request(host: &str, path: &str, nonce: [u8; NONCE_BYTES], spoken: Spoken) -> Bytes {
    let key = BASE64.encode(nonce);
    let mut protocols = format!("{BARE}/{}", spoken.mechanism);
    if spoken.bare {
        protocols.push_str(&format!(",{BARE}"));
    }
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}: websocket\r\n{CONNECTION}: Upgrade\r\n{KEY}: {key}\r\n\
         {PROTOCOL}: {protocols}\r\n{VERSION}: 13\r\n\r\n"
    )
    .into()
}

/// Judges what has come of a client's request; gives what to answer, and how to begin.
pub(crate) fn judge_request(bytes: &[u8], ours: Spoken) -> Result<Judged<(Bytes, Beginning)>, UpgradeFault> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let Status::Complete(len) = request.parse(bytes).map_err(not_http)? else { return part(bytes) };
    if request.method != Some("GET") {
        return Err(UpgradeFault::Method);
    }
    check_version(request.version)?;
    let headers = Headers(request.headers);
    headers.check_upgrade()?;
    if headers.one(VERSION) != Some("13") {
        return Err(UpgradeFault::Version);
    }
    // spec: 6455, server-side requirements — a base64-encoded value that, when decoded, is 16 bytes long.
    let key = headers.one(KEY).ok_or(UpgradeFault::Header(KEY))?;
    if BASE64.decode(key).map(|nonce| nonce.len()) != Ok(NONCE_BYTES) {
        return Err(UpgradeFault::Header(KEY));
    }
    let (chosen, beginning) = choose(&headers, ours)?;
    let accept = accept(key);
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\n{UPGRADE}: websocket\r\n{CONNECTION}: Upgrade\r\n\
         {ACCEPT}: {accept}\r\n{PROTOCOL}: {chosen}\r\n\r\n"
    );
    Ok(Some((len, (response.into(), beginning))))
}

/// What a client is answered whose request is refused.
pub(crate) fn refusal(fault: &UpgradeFault) -> Bytes {
    let (status, extra) = match fault {
        // spec: 6455, server-side requirements — upgrade required, and the version that is understood.
        UpgradeFault::Version => ("426 Upgrade Required", format!("{VERSION}: 13\r\n")),
        UpgradeFault::HeadTooLong { .. } => ("431 Request Header Fields Too Large", String::new()),
        _ => ("400 Bad Request", String::new()),
    };
    format!("HTTP/1.1 {status}\r\n{extra}{CONNECTION}: close\r\nContent-Length: 0\r\n\r\n").into()
}

/// Judges what has come of the server's response to our request; gives how to begin.
pub(crate) fn judge_response(
    bytes: &[u8],
    nonce: [u8; NONCE_BYTES],
    ours: Spoken,
) -> Result<Judged<Beginning>, UpgradeFault> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let Status::Complete(len) = response.parse(bytes).map_err(not_http)? else { return part(bytes) };
    check_version(response.version)?;
    match response.code {
        Some(101) => {}
        status => return Err(UpgradeFault::Status { status: status.unwrap_or_default() }),
    }
    let headers = Headers(response.headers);
    headers.check_upgrade()?;
    if headers.one(ACCEPT) != Some(accept(&BASE64.encode(nonce)).as_str()) {
        return Err(UpgradeFault::Accept);
    }
    // spec: 6455, client requirements — an extension or sub-protocol that was not asked for fails the connection.
    if headers.all(EXTENSIONS).next().is_some() {
        return Err(UpgradeFault::Header(EXTENSIONS));
    }
    let chosen = headers.one(PROTOCOL).ok_or(UpgradeFault::Header(PROTOCOL))?;
    let beginning = ours.beginning(chosen).ok_or_else(|| UpgradeFault::NotOffered(shown(chosen)))?;
    Ok(Some((len, beginning)))
}

fn part<T>(bytes: &[u8]) -> Result<Judged<T>, UpgradeFault> {
    if bytes.len() >= HEAD_BYTES_MAX {
        return Err(UpgradeFault::HeadTooLong { max: HEAD_BYTES_MAX });
    }
    Ok(None)
}

fn not_http(error: httparse::Error) -> UpgradeFault {
    UpgradeFault::NotHttp(match error {
        httparse::Error::HeaderName => "a header has a malformed name",
        httparse::Error::HeaderValue => "a header has a malformed value",
        httparse::Error::NewLine => "a line does not end as it must",
        httparse::Error::Status => "the status is malformed",
        httparse::Error::TooManyHeaders => "there are too many headers",
        httparse::Error::Version => "the version is malformed",
        httparse::Error::Token => "the first line is malformed",
    })
}

fn check_version(minor: Option<u8>) -> Result<(), UpgradeFault> {
    if minor == Some(1) { Ok(()) } else { Err(UpgradeFault::NotHttp("it is HTTP/1.0")) }
}

/// The first sub-protocol in the client's order that is for our mechanism.
fn choose<'h>(headers: &Headers<'h>, ours: Spoken) -> Result<(&'h str, Beginning), UpgradeFault> {
    let found = headers.all(PROTOCOL).find_map(|offer| ours.beginning(offer).map(|beginning| (offer, beginning)));
    found.ok_or_else(|| {
        let offers: Vec<&str> = headers.all(PROTOCOL).collect();
        UpgradeFault::SubProtocol { ours: ours.mechanism, theirs: shown(&offers.join(",")) }
    })
}

fn accept(key: &str) -> String {
    BASE64.encode(Sha1::new().chain_update(key).chain_update(ACCEPT_SUFFIX).finalize())
}

/// What a peer said, cut and printable.
fn shown(text: &str) -> String {
    const SHOWN_BYTES_MAX: usize = 64;
    text.as_bytes()[..text.len().min(SHOWN_BYTES_MAX)].escape_ascii().to_string()
}

struct Headers<'h>(&'h [httparse::Header<'h>]);

impl<'h> Headers<'h> {
    /// The items of the comma-separated lists in all headers of this name; those that are no text are left out.
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'h str> {
        let named = self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        let values = named.filter_map(|header| str::from_utf8(header.value).ok());
        values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
    }

    /// The value, if it is there once.
    fn one(&self, name: &'static str) -> Option<&'h str> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    // spec: 6455, opening handshake — Upgrade has "websocket" and Connection has "Upgrade", in any case.
    fn check_upgrade(&self) -> Result<(), UpgradeFault> {
        for (name, token) in [(UPGRADE, "websocket"), (CONNECTION, "upgrade")] {
            if !self.all(name).any(|item| item.eq_ignore_ascii_case(token)) {
                return Err(UpgradeFault::Header(name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 45, with its key.
    const REQUEST: &str = "GET /zeromq HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\
        Sec-WebSocket-Protocol: ZWS2.0,ZWS2.0/NULL\r\nSec-WebSocket-Version: 13\r\nOrigin: http://example.com\r\n\r\n";
    const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\nSec-WebSocket-Protocol: ZWS2.0\r\n\r\n";

    fn nonce() -> [u8; NONCE_BYTES] {
        BASE64.decode("x3JJHMbDL1EzLkh9GBhXDw==").expect("of the RFC").try_into().expect("16 bytes")
    }

    const OURS: Spoken = Spoken { mechanism: "NULL", bare: true };

    fn judge(request: &str) -> Result<Judged<(Bytes, Beginning)>, UpgradeFault> {
        judge_request(request.as_bytes(), OURS)
    }

    #[test]
    fn the_examples_of_the_rfc_are_request_and_answer() {
        let answer = Bytes::from_static(RESPONSE.as_bytes());
        assert_eq!(judge(REQUEST), Ok(Some((REQUEST.len(), (answer, Beginning::Identity)))));
        let judged = judge_response(RESPONSE.as_bytes(), nonce(), OURS);
        assert_eq!(judged, Ok(Some((RESPONSE.len(), Beginning::Identity))));
    }

    #[test]
    fn our_request_is_one_that_we_accept_for_its_mechanism_and_no_other() {
        for mechanism in ["NULL", "PLAIN", "CURVE"] {
            let ours = Spoken { mechanism, bare: false };
            let request = request("[::1]:80", "/a?b", nonce(), ours);
            assert!(request.starts_with(b"GET /a?b HTTP/1.1\r\nHost: [::1]:80\r\n"));
            let (_, (answer, beginning)) = judge_request(&request, ours).expect("sound").expect("whole");
            assert_eq!(beginning, Beginning::Mechanism);
            assert_eq!(judge_response(&answer, nonce(), ours), Ok(Some((answer.len(), beginning))));
            let other = Spoken { mechanism: if mechanism == "NULL" { "PLAIN" } else { "NULL" }, bare: true };
            assert!(matches!(judge_request(&request, other), Err(UpgradeFault::SubProtocol { .. })));
            assert!(matches!(judge_response(&answer, nonce(), other), Err(UpgradeFault::NotOffered(_))));
        }
    }

    #[test]
    fn who_judges_peers_takes_none_without_a_mechanism() {
        let judges = Spoken { bare: false, ..OURS };
        let (_, (_, beginning)) = judge_request(REQUEST.as_bytes(), judges).expect("sound").expect("whole");
        assert_eq!(beginning, Beginning::Mechanism);
        let request = REQUEST.replace("ZWS2.0,ZWS2.0/NULL", "ZWS2.0");
        assert!(matches!(judge_request(request.as_bytes(), judges), Err(UpgradeFault::SubProtocol { .. })));
    }

    #[test]
    fn headers_may_be_lists_come_twice_and_be_of_any_case() {
        let request = REQUEST
            .replace("Connection: Upgrade", "connection: keep-alive, UPGRADE")
            .replace("Upgrade: websocket", "UPGRADE: WebSocket")
            .replace(
                "Sec-WebSocket-Protocol: ZWS2.0,",
                "sec-websocket-protocol: soap , zws\r\nSec-WebSocket-Protocol: ",
            );
        let (_, (_, beginning)) = judge(&request).expect("sound").expect("whole");
        assert_eq!(beginning, Beginning::Mechanism);
    }

    #[test]
    fn each_part_is_a_part() {
        for cut in 0..REQUEST.len() {
            assert_eq!(judge(&REQUEST[..cut]), Ok(None), "{cut}");
        }
        for cut in 0..RESPONSE.len() {
            assert_eq!(judge_response(&RESPONSE.as_bytes()[..cut], nonce(), OURS), Ok(None), "{cut}");
        }
    }

    #[test]
    fn each_fault_of_a_request_is_named_and_answered() {
        let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(HEAD_BYTES_MAX));
        let many = REQUEST.replace("Origin:", &format!("{}Origin:", "X: y\r\n".repeat(HEADERS_MAX)));
        for (request, fault, status) in [
            (REQUEST.replace("GET", "POST"), UpgradeFault::Method, "400"),
            (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), UpgradeFault::NotHttp("it is HTTP/1.0"), "400"),
            (REQUEST.replace("websocket", "h2c"), UpgradeFault::Header("Upgrade"), "400"),
            (REQUEST.replace(": Upgrade", ": close"), UpgradeFault::Header("Connection"), "400"),
            (REQUEST.replace("x3JJ", ""), UpgradeFault::Header("Sec-WebSocket-Key"), "400"),
            (REQUEST.replace("x3JJ", "????"), UpgradeFault::Header("Sec-WebSocket-Key"), "400"),
            (REQUEST.replace("13", "8"), UpgradeFault::Version, "426"),
            (
                REQUEST.replace("ZWS2.0,ZWS2.0/NULL", "ZWS2.0/CURVE"),
                UpgradeFault::SubProtocol { ours: "NULL", theirs: "ZWS2.0/CURVE".into() },
                "400",
            ),
            ("\u{1}\u{2}".into(), UpgradeFault::NotHttp("the first line is malformed"), "400"),
            (many, UpgradeFault::NotHttp("there are too many headers"), "400"),
            (long, UpgradeFault::HeadTooLong { max: HEAD_BYTES_MAX }, "431"),
        ] {
            assert_eq!(judge(&request), Err(fault.clone()), "{request}");
            assert!(refusal(&fault).starts_with(format!("HTTP/1.1 {status}").as_bytes()), "{fault}");
        }
    }

    #[test]
    fn each_fault_of_a_response_is_named() {
        for (response, fault) in [
            (RESPONSE.replace("101 Switching", "404 Not"), UpgradeFault::Status { status: 404 }),
            (RESPONSE.replace("HSmr", "hsmr"), UpgradeFault::Accept),
            (RESPONSE.replace("Accept", "X"), UpgradeFault::Accept),
            (RESPONSE.replace("Protocol: ZWS2.0", "X: y"), UpgradeFault::Header("Sec-WebSocket-Protocol")),
            (RESPONSE.replace("ZWS2.0", "ZWS3.0"), UpgradeFault::NotOffered("ZWS3.0".into())),
            (
                RESPONSE.replace("Upgrade: w", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: w"),
                UpgradeFault::Header("Sec-WebSocket-Extensions"),
            ),
            ("\u{ff}".into(), UpgradeFault::NotHttp("the version is malformed")),
        ] {
            assert_eq!(judge_response(response.as_bytes(), nonce(), OURS), Err(fault), "{response}");
        }
    }
}
