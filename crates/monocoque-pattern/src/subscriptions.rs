//! Subscriptions and groups: a subscriber's own, and the forms in which they travel.
//!
//! On the wire a subscription is a command (RFC 37, "SUBSCRIBE" and "CANCEL") or, before ZMTP 3.1, a
//! message of one frame that begins with 1 or 0 (RFC 29). A DISH's membership is a command (RFC 48, "JOIN" and "LEAVE").

use monocoque_core::pipe::PipeWriter;
use monocoque_core::{Frame, Message, SocketType};

use smallvec::SmallVec;

use crate::prefix_table::PrefixTable;

const SUBSCRIBE: &str = "SUBSCRIBE";
const CANCEL: &str = "CANCEL";
const JOIN: &str = "JOIN";
const LEAVE: &str = "LEAVE";

/// How a wish is told to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WishForm {
    /// As a message that begins with 1 or 0.
    #[default]
    Message,
    /// As SUBSCRIBE or CANCEL.
    Command,
    /// As JOIN or LEAVE.
    Membership,
}

impl WishForm {
    /// How `ours` tells a peer that takes `commands` or not.
    pub(crate) fn of(ours: SocketType, commands: bool) -> Self {
        match ours {
            SocketType::Dish => Self::Membership,
            _ if commands => Self::Command,
            _ => Self::Message,
        }
    }
}

/// What a subscriber wants of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Cancel = 0,
    Subscribe = 1,
}

impl Wish {
    /// The wishes in a message of a subscriber, with their topics: each frame in message form is one. With `only_first`
    /// there are none in a message whose first frame is none.
    pub(crate) fn of_message(message: &Message, only_first: bool) -> SmallVec<[(Wish, &[u8]); 1]> {
        let none = only_first && Self::of_frame(message.first()).is_none();
        let frames = if none { &[] } else { message.frames() };
        frames.iter().filter_map(|frame| Self::of_frame(frame)).collect()
    }

    /// What is left of a message without the wishes that [`of_message`](Self::of_message) found in it, if anything is.
    pub(crate) fn without(message: &Message) -> Option<Message> {
        let mut others = message.frames().iter().filter(|frame| Self::of_frame(frame).is_none()).cloned().peekable();
        others.peek()?;
        Some(others.collect())
    }

    pub(crate) fn of_frame(frame: &[u8]) -> Option<(Wish, &[u8])> {
        match frame.split_first()? {
            (1, topic) => Some((Wish::Subscribe, topic)),
            (0, topic) => Some((Wish::Cancel, topic)),
            _ => None,
        }
    }

    /// Reads the command form.
    pub(crate) fn of_command(command: &Frame) -> Option<(Wish, &[u8])> {
        let (&name_len, rest) = command.split_first()?;
        let (name, topic) = rest.split_at_checked(usize::from(name_len))?;
        match name {
            // Which of them a peer may send, its protocol has judged.
            _ if name == SUBSCRIBE.as_bytes() || name == JOIN.as_bytes() => Some((Wish::Subscribe, topic)),
            _ if name == CANCEL.as_bytes() || name == LEAVE.as_bytes() => Some((Wish::Cancel, topic)),
            _ => None,
        }
    }

    /// The message form: what an XPUB shows, and what travels before ZMTP 3.1.
    pub(crate) fn to_message(self, topic: &[u8]) -> Message {
        let mut body = Vec::with_capacity(1 + topic.len());
        body.push(self as u8);
        body.extend_from_slice(topic);
        body.into()
    }

    /// Queues the wish for one publisher. No mark holds it back: a lost subscription loses messages.
    pub(crate) fn push(self, topic: &[u8], writer: &mut PipeWriter, form: WishForm) {
        let name = match (form, self) {
            (WishForm::Message, _) => return writer.push_unmarked(&self.to_message(topic)),
            (WishForm::Command, Wish::Subscribe) => SUBSCRIBE,
            (WishForm::Command, Wish::Cancel) => CANCEL,
            (WishForm::Membership, Wish::Subscribe) => JOIN,
            (WishForm::Membership, Wish::Cancel) => LEAVE,
        };
        writer.push_command(name, topic);
    }
}

/// What this socket is subscribed to. Each topic is counted; only its first and its last wish travel.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(PrefixTable<u32>);

impl Subscriptions {
    /// Returns whether the topic is new.
    pub(crate) fn add(&mut self, topic: &[u8]) -> bool {
        let count = self.0.entry(topic);
        *count += 1;
        *count == 1
    }

    /// Returns whether that was the last of this topic; `None` if there was none.
    pub(crate) fn remove(&mut self, topic: &[u8]) -> Option<bool> {
        let count = self.0.get_mut(topic)?;
        *count -= 1;
        let last = *count == 0;
        if last {
            self.0.remove(topic);
        }
        Some(last)
    }

    #[inline]
    pub(crate) fn matches(&self, topic: &[u8]) -> bool {
        self.0.matches(topic)
    }

    /// Different topics.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether this very topic is among them: how a DISH knows its groups.
    pub(crate) fn holds(&self, topic: &[u8]) -> bool {
        self.0.get(topic).is_some()
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &[u8]> {
        self.0.prefixes()
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::batch::Unit;
    use monocoque_core::pipe::{Mark, pipe};
    use monocoque_core::slab::Arena;

    use super::*;

    #[test]
    fn both_forms_round_trip_and_pass_a_full_pipe() {
        for form in [WishForm::Message, WishForm::Command, WishForm::Membership] {
            let (mut writer, mut reader) = pipe(Mark::messages(1), false, &Arena::new());
            writer.push(&Message::from("full now")).expect("room for one");
            for wish in [Wish::Subscribe, Wish::Cancel] {
                wish.push(b"topic", &mut writer, form);
            }
            reader.next_unit().expect("the message");
            for wish in [Wish::Subscribe, Wish::Cancel] {
                let unit = reader.next_unit().expect("a wish");
                assert_eq!(matches!(unit, Unit::Message(_)), form == WishForm::Message);
                let read = match &unit {
                    Unit::Message(message) => Wish::of_message(message, false).first().copied(),
                    Unit::Command(command) => Wish::of_command(command),
                };
                assert_eq!(read, Some((wish, &b"topic"[..])));
            }
        }
    }

    #[test]
    fn what_is_no_subscription_is_told_apart() {
        for message in [Message::new(), Message::from("text"), Message::from(["text", ""])] {
            assert!(Wish::of_message(&message, false).is_empty(), "{message:?}");
        }
        for command in ["", "\x04PING", "\x40short"] {
            assert_eq!(Wish::of_command(&Frame::from(command)), None, "{command:?}");
        }
        assert_eq!(Wish::of_message(&Message::from(b"\x01"), false)[..], [(Wish::Subscribe, &b""[..])]);
    }

    #[test]
    fn each_frame_may_be_a_wish_unless_only_the_first_may_begin_them() {
        let (a, b) = ((Wish::Subscribe, &b"a"[..]), (Wish::Cancel, &b"b"[..]));
        let first = Message::from(["\x01a", "text", "\0b"]);
        assert_eq!(Wish::of_message(&first, false)[..], [a, b]);
        assert_eq!(Wish::of_message(&first, true)[..], [a, b]);
        assert_eq!(Wish::without(&first), Some(Message::from("text")));
        let second = Message::from(["text", "\x01a"]);
        assert_eq!(Wish::of_message(&second, false)[..], [a]);
        assert!(Wish::of_message(&second, true).is_empty());
        assert_eq!(Wish::without(&Message::from(["\x01a", "\0b"])), None);
    }

    #[test]
    fn topics_are_counted() {
        let mut own = Subscriptions::default();
        assert!(own.add(b"a"));
        assert!(!own.add(b"a"));
        assert_eq!(own.remove(b"a"), Some(false));
        assert!(own.matches(b"abc"));
        assert_eq!(own.remove(b"a"), Some(true));
        assert_eq!(own.remove(b"a"), None);
        assert!(!own.matches(b"abc"));
    }
}
