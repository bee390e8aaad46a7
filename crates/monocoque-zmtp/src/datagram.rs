//! Messages as datagrams: RADIO and DISH over UDP (RFC 48, "UDP"), and DGRAM.

use std::net::SocketAddr;

use monocoque_core::protocol::DatagramForm;
use monocoque_core::{Frame, Message};

/// How messages of a socket type are datagrams, and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramShape {
    /// RADIO and DISH: the length of the group in one octet, the group, the body.
    Grouped,
    /// DGRAM: the body. The first frame of a message is the text of the address it goes to or comes from.
    Addressed,
}

impl DatagramForm for DatagramShape {
    fn encode(&self, message: &Message) -> Option<(Option<SocketAddr>, Vec<u8>, Frame)> {
        let [first, body] = message.frames() else { return None };
        match self {
            Self::Grouped => {
                let len = u8::try_from(first.len()).ok()?;
                Some((None, [&[len], &first[..]].concat(), body.clone()))
            }
            Self::Addressed => {
                let address = str::from_utf8(first).ok()?.parse().ok()?;
                Some((Some(address), Vec::new(), body.clone()))
            }
        }
    }

    fn decode(&self, from: SocketAddr, datagram: &[u8]) -> Option<Message> {
        match self {
            Self::Grouped => {
                let (&len, rest) = datagram.split_first()?;
                let (group, body) = rest.split_at_checked(len.into())?;
                Some(Message::from([group, body]))
            }
            Self::Addressed => {
                let from = from.to_string();
                Some(Message::from([from.as_bytes(), datagram]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from() -> SocketAddr {
        "192.0.2.1:7".parse().expect("an address")
    }

    #[test]
    fn a_group_goes_before_the_body() {
        let message = Message::from(["news", "body"]);
        let (to, head, body) = DatagramShape::Grouped.encode(&message).expect("two frames");
        assert_eq!((to, &head[..], &body[..]), (None, &b"\x04news"[..], &b"body"[..]));
        assert_eq!(DatagramShape::Grouped.decode(from(), b"\x04newsbody"), Some(message));
        assert_eq!(DatagramShape::Grouped.decode(from(), b"\0"), Some(Message::from(["", ""])));
    }

    #[test]
    fn an_address_is_a_frame_of_its_own() {
        let message = Message::from(["192.0.2.1:7", "body"]);
        let (to, head, body) = DatagramShape::Addressed.encode(&message).expect("an address");
        assert_eq!((to, head.len(), &body[..]), (Some(from()), 0, &b"body"[..]));
        assert_eq!(DatagramShape::Addressed.decode(from(), b"body"), Some(message));
    }

    #[test]
    fn what_is_of_another_shape_is_none() {
        for shape in [DatagramShape::Grouped, DatagramShape::Addressed] {
            assert_eq!(shape.encode(&Message::from("one")), None);
            assert_eq!(shape.encode(&Message::from(["a", "b", "c"])), None);
        }
        assert_eq!(DatagramShape::Addressed.encode(&Message::from(["nowhere", "x"])), None);
        assert_eq!(DatagramShape::Grouped.encode(&Message::from([vec![7; 256], vec![]])), None);
        for short in [&b""[..], b"\x01", b"\x05news"] {
            assert_eq!(DatagramShape::Grouped.decode(from(), short), None);
        }
    }
}
