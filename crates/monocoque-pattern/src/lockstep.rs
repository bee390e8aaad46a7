//! Lockstep: whose turn it is in REQ and REP, and the envelopes that lead answers home.
//!
//! An envelope is every frame up to and including the first empty one (RFC 28). A REP keeps it for the
//! answer. A REQ sends an envelope of the empty frame alone, or of a four-byte id and the empty frame;
//! the id tells answers apart when more than one request may be in flight.

use std::collections::HashMap;

use monocoque_core::{Frame, Message};

use crate::PeerKey;
use crate::identity::anywhere;

const ID_BYTES: usize = size_of::<u32>();

/// Whose turn it is at a REP.
#[derive(Debug, Default)]
pub(crate) enum Turn {
    #[default]
    Receive,
    Answer {
        to: PeerKey,
        envelope: Vec<Frame>,
    },
}

/// Whether `message` is a request: an envelope and something behind it.
pub(crate) fn is_request(message: &Message) -> bool {
    envelope_len(message).is_some()
}

fn envelope_len(message: &Message) -> Option<usize> {
    let delimiter = message.frames().iter().position(|frame| frame.is_empty())?;
    (delimiter + 1 < message.len()).then_some(delimiter + 1)
}

/// Splits a request into its envelope and its body.
pub(crate) fn open_request(message: Message) -> (Vec<Frame>, Message) {
    let len = envelope_len(&message).expect("only requests are opened");
    message.split_front(len).expect("a body follows the envelope")
}

/// Puts an answer behind the envelope of its request.
pub(crate) fn seal_answer(mut envelope: Vec<Frame>, body: Message) -> Message {
    envelope.extend(body);
    envelope.into()
}

/// A REQ's strict request.
#[derive(Debug, Default)]
enum Strict {
    #[default]
    Idle,
    /// Asked, with `id` in the envelope if requests are correlated.
    Waiting {
        /// `None` when that peer's link is gone: no answer will come.
        from: Option<u32>,
        id: Option<u32>,
    },
    Answered(Message),
}

#[derive(Debug)]
struct Asked {
    from: Option<u32>,
    answer: Option<Message>,
}

/// Whom an incoming answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// The strict request.
    Strict,
    /// A request by id.
    Id(u32),
    /// Nobody: it was dropped.
    Nobody,
}

/// What a REQ has asked: at most one request in strict alternation, and any number by id.
#[derive(Debug)]
pub(crate) struct Requests {
    strict: Strict,
    asked: HashMap<u32, Asked>,
    last_id: u32,
}

impl Default for Requests {
    /// Ids begin anywhere: a reply to a socket that is gone is none to the next of its name.
    fn default() -> Self {
        Self { strict: Strict::default(), asked: HashMap::default(), last_id: anywhere() }
    }
}

impl Requests {
    /// Whether a strict request may be sent now.
    pub(crate) fn may_ask(&self, relaxed: bool) -> bool {
        relaxed || matches!(self.strict, Strict::Idle | Strict::Waiting { from: None, .. })
    }

    /// Whether a strict request is unanswered, or its answer not received yet.
    pub(crate) fn may_receive(&self) -> bool {
        !matches!(self.strict, Strict::Idle)
    }

    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.strict, Strict::Answered(_))
    }

    /// An id that no request in flight has.
    pub(crate) fn fresh_id(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            let strict = matches!(self.strict, Strict::Waiting { id, .. } if id == Some(self.last_id));
            if !strict && !self.asked.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// The strict request went to `slot`. Returns how many answers that makes void: one that nobody took.
    pub(crate) fn ask_strict(&mut self, slot: u32, id: Option<u32>) -> u64 {
        let before = std::mem::replace(&mut self.strict, Strict::Waiting { from: Some(slot), id });
        u64::from(matches!(before, Strict::Answered(_)))
    }

    /// The request `id` went to `slot`.
    pub(crate) fn ask(&mut self, slot: u32, id: u32) {
        self.asked.insert(id, Asked { from: Some(slot), answer: None });
    }

    /// The link in `slot` is gone, and what it was asked with it.
    pub(crate) fn link_gone(&mut self, slot: u32) {
        let requests = self.asked.values_mut().map(|asked| &mut asked.from);
        let strict = match &mut self.strict {
            Strict::Waiting { from, .. } => Some(from),
            _ => None,
        };
        requests.chain(strict).filter(|from| **from == Some(slot)).for_each(|from| *from = None);
    }

    /// Keeps an incoming answer for whoever waits for it.
    pub(crate) fn sort(&mut self, slot: u32, mut message: Message) -> Addressee {
        let id = match message.frames() {
            [delimiter, _, ..] if delimiter.is_empty() => None,
            [id, delimiter, _, ..] if id.len() == ID_BYTES && delimiter.is_empty() => {
                id.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
            }
            _ => return Addressee::Nobody,
        };
        if matches!(self.strict, Strict::Waiting { from, id: wanted } if from == Some(slot) && wanted == id) {
            strip(&mut message, id);
            self.strict = Strict::Answered(message);
            return Addressee::Strict;
        }
        let Some(asked) = id.and_then(|id| self.asked.get_mut(&id)) else { return Addressee::Nobody };
        if asked.from != Some(slot) || asked.answer.is_some() {
            return Addressee::Nobody;
        }
        strip(&mut message, id);
        asked.answer = Some(message);
        id.map_or(Addressee::Nobody, Addressee::Id)
    }

    /// The strict request's answer, if it is in; then it is the application's turn to ask again.
    pub(crate) fn take_strict(&mut self) -> Option<Message> {
        match std::mem::take(&mut self.strict) {
            Strict::Answered(message) => Some(message),
            other => {
                self.strict = other;
                None
            }
        }
    }

    /// The answer to request `id`, if it is in; then the id is free.
    pub(crate) fn take(&mut self, id: u32) -> Option<Message> {
        let answer = self.asked.get_mut(&id)?.answer.take()?;
        self.asked.remove(&id);
        Some(answer)
    }

    /// Nobody waits for `id` any more. Returns how many answers that makes void.
    pub(crate) fn forget(&mut self, id: u32) -> u64 {
        let forgotten = self.asked.remove(&id).and_then(|asked| asked.answer);
        u64::from(forgotten.is_some())
    }
}

/// Puts the envelope of a request before its body.
pub(crate) fn wrap(message: &mut Message, id: Option<u32>) {
    message.push_front(Frame::new());
    if let Some(id) = id {
        message.push_front(&id.to_be_bytes());
    }
}

/// Takes the envelope of [`wrap`] off again.
pub(crate) fn strip(message: &mut Message, id: Option<u32>) {
    if id.is_some() {
        message.pop_front();
    }
    message.pop_front();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: Option<u32>, body: &str) -> Message {
        let mut message = Message::from(body);
        wrap(&mut message, id);
        message
    }

    #[test]
    fn envelopes_of_any_depth_are_restored() {
        let request = Message::from(["hop 2", "hop 1", "", "body", "", "more"]);
        assert!(is_request(&request));
        let (envelope, body) = open_request(request);
        assert_eq!(body, Message::from(["body", "", "more"]));
        assert_eq!(seal_answer(envelope, Message::from("answer")), Message::from(["hop 2", "hop 1", "", "answer"]));
    }

    #[test]
    fn a_request_has_a_delimiter_and_a_body() {
        assert!(!is_request(&Message::from("body")));
        assert!(!is_request(&Message::from(["id", ""])));
        assert!(!is_request(&Message::new()));
        assert!(is_request(&Message::from(["", ""])));
    }

    #[test]
    fn a_strict_answer_comes_from_the_peer_that_was_asked() {
        let mut requests = Requests::default();
        assert!(requests.may_ask(false) && !requests.may_receive());
        requests.ask_strict(7, None);
        assert!(!requests.may_ask(false) && requests.may_ask(true));
        assert_eq!(requests.sort(8, answer(None, "wrong peer")), Addressee::Nobody);
        assert_eq!(requests.sort(7, Message::from("no delimiter")), Addressee::Nobody);
        assert_eq!(requests.sort(7, answer(None, "right")), Addressee::Strict);
        assert_eq!(requests.sort(7, answer(None, "twice")), Addressee::Nobody);
        assert_eq!(requests.take_strict(), Some(Message::from("right")));
        assert!(requests.may_ask(false));
    }

    #[test]
    fn requests_by_id_and_the_strict_one_coexist() {
        let mut requests = Requests::default();
        requests.ask_strict(0, None);
        let (a, b) = (requests.fresh_id(), requests.fresh_id());
        requests.ask(0, a);
        requests.ask(1, b);
        assert_eq!(requests.sort(1, answer(Some(b), "b")), Addressee::Id(b));
        assert_eq!(requests.sort(0, answer(None, "strict")), Addressee::Strict);
        assert_eq!(requests.sort(1, answer(Some(a), "a of the wrong peer")), Addressee::Nobody);
        assert_eq!(requests.sort(0, answer(Some(a), "a")), Addressee::Id(a));
        assert_eq!(requests.sort(0, answer(Some(a), "a again")), Addressee::Nobody);
        assert_eq!(requests.take(a), Some(Message::from("a")));
        assert_eq!(requests.forget(b), 1);
        assert_eq!(requests.take(b), None);
        assert_eq!(requests.take_strict(), Some(Message::from("strict")));
    }

    #[test]
    fn ids_in_flight_are_not_given_again() {
        let mut requests = Requests::default();
        let (strict, kept) = (requests.fresh_id(), requests.fresh_id());
        requests.ask_strict(0, Some(strict));
        requests.ask(0, kept);
        requests.last_id = strict.wrapping_sub(1);
        let next = requests.fresh_id();
        assert!(next != strict && next != kept);
    }

    #[test]
    fn a_link_that_goes_frees_the_turn() {
        let mut requests = Requests::default();
        requests.ask_strict(3, None);
        requests.link_gone(4);
        assert!(!requests.may_ask(false));
        requests.link_gone(3);
        assert!(requests.may_ask(false) && requests.may_receive());
        assert_eq!(requests.sort(3, answer(None, "another link in its slot")), Addressee::Nobody);
    }
}
