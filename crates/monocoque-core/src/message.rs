//! A message of one or more frames, sent and received whole.

use std::fmt;

use bytes::Bytes;

use crate::slab::View;
use crate::{Frame, wire};

/// One or more frames that are queued, routed and delivered as a unit.
///
/// A message made of nothing is one empty frame: ZeroMQ has no message without a frame.
///
/// ```
/// use monocoque_core::Message;
///
/// let message = Message::from(("header", vec![1u8, 2, 3]));
/// assert_eq!(message.len(), 2);
/// assert_eq!(message[0], *b"header");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Message(Parts);

#[derive(Clone)]
enum Parts {
    One(Frame),
    /// Never empty.
    Many(Vec<Frame>),
}

impl PartialEq for Parts {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Parts {}

impl Parts {
    #[inline]
    fn as_slice(&self) -> &[Frame] {
        match self {
            Parts::One(frame) => std::slice::from_ref(frame),
            Parts::Many(frames) => frames,
        }
    }
}

impl Message {
    /// One empty frame.
    pub const fn new() -> Self {
        Self(Parts::One(Frame::new()))
    }

    /// A message of one frame.
    #[inline]
    pub fn single(frame: impl Into<Frame>) -> Self {
        Self(Parts::One(frame.into()))
    }

    /// A message of `frames`; of one empty frame if there are none.
    pub fn multipart<F: Into<Frame>>(frames: impl IntoIterator<Item = F>) -> Self {
        frames.into_iter().map(Into::into).collect()
    }

    /// The frames, at least one.
    #[inline]
    pub fn frames(&self) -> &[Frame] {
        self.0.as_slice()
    }

    /// Number of frames, at least one.
    #[allow(clippy::len_without_is_empty)] // a message always has a frame
    #[inline]
    pub fn len(&self) -> usize {
        self.frames().len()
    }

    /// Bytes of all bodies together.
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.frames().iter().map(|frame| frame.len()).sum()
    }

    /// The first frame.
    pub fn first(&self) -> &Frame {
        &self.frames()[0]
    }

    /// The last frame: the body, by the custom of REQ and ROUTER.
    pub fn last(&self) -> &Frame {
        self.frames().last().expect("a message has at least one frame")
    }

    /// Appends a frame.
    pub fn push_back(&mut self, frame: impl Into<Frame>) {
        self.make_many().push(frame.into());
    }

    /// Puts a frame before the others.
    pub fn push_front(&mut self, frame: impl Into<Frame>) {
        self.make_many().insert(0, frame.into());
    }

    /// The frame of a message that has one only.
    ///
    /// # Errors
    /// The message, if it has several.
    #[inline]
    pub fn into_single(self) -> Result<Frame, Message> {
        match self.0 {
            Parts::One(frame) => Ok(frame),
            Parts::Many(mut frames) if frames.len() == 1 => Ok(frames.pop().expect("there is one")),
            many => Err(Self(many)),
        }
    }

    /// Takes the first frame off; `None`, and the message unchanged, if it is the only one.
    pub fn pop_front(&mut self) -> Option<Frame> {
        match &mut self.0 {
            Parts::One(_) => None,
            Parts::Many(frames) if frames.len() < 2 => None,
            Parts::Many(frames) => Some(frames.remove(0)),
        }
    }

    /// Splits after the first `count` frames: those, and the rest.
    ///
    /// Returns the message unchanged in `Err` unless at least one frame would remain in the rest.
    pub fn split_front(self, count: usize) -> Result<(Vec<Frame>, Message), Message> {
        if count >= self.len() {
            return Err(self);
        }
        let mut frames = Vec::from(self);
        let rest = match frames.len() - count {
            1 => frames.pop().expect("a frame remains").into(),
            _ => frames.split_off(count).into(),
        };
        Ok((frames, rest))
    }

    /// The only frame of the message, which loses all others.
    #[inline]
    pub(crate) fn only_frame(&mut self) -> &mut Frame {
        if let Parts::Many(_) = &self.0 {
            self.0 = Parts::One(Frame::new());
        }
        match &mut self.0 {
            Parts::One(frame) => frame,
            Parts::Many(_) => unreachable!("replaced just above"),
        }
    }

    fn make_many(&mut self) -> &mut Vec<Frame> {
        if let Parts::One(frame) = &mut self.0 {
            let mut frames = Vec::with_capacity(FRAMES_FEW);
            frames.push(std::mem::take(frame));
            self.0 = Parts::Many(frames);
        }
        match &mut self.0 {
            Parts::Many(frames) => frames,
            Parts::One(_) => unreachable!("replaced just above"),
        }
    }
}

/// Bytes of `frames` as a pipe holds them: headers and bodies.
#[inline]
pub(crate) fn encoded_len(frames: &[Frame]) -> usize {
    let of = |frame: &Frame| wire::header_len(frame.len()) + frame.len();
    match frames {
        [frame] => of(frame),
        frames => frames.iter().map(of).sum(),
    }
}

/// Room for an envelope and a body, so that putting one before the other allocates once.
pub(crate) const FRAMES_FEW: usize = 4;

/// A message on its way out: given to its only receiver, or lent to each of many.
pub trait Outgoing {
    /// The frames, at least one.
    fn frames(&self) -> &[Frame];

    /// The body of a frame: moved out of a message that is given, which spares the count of its holders.
    fn body(&mut self, index: usize) -> Bytes;

    /// The whole message as a pipe holds it, if that was written down before.
    #[inline]
    fn encoded(&self) -> Option<&View> {
        None
    }
}

impl Outgoing for &Message {
    #[inline]
    fn frames(&self) -> &[Frame] {
        Message::frames(self)
    }

    fn body(&mut self, index: usize) -> Bytes {
        self.frames()[index].clone().into_bytes()
    }
}

impl Outgoing for &mut Message {
    #[inline]
    fn frames(&self) -> &[Frame] {
        Message::frames(self)
    }

    fn body(&mut self, index: usize) -> Bytes {
        let frame = match &mut self.0 {
            Parts::One(frame) => frame,
            Parts::Many(frames) => &mut frames[index],
        };
        std::mem::take(frame).into_bytes()
    }
}

impl Outgoing for &[Frame] {
    fn frames(&self) -> &[Frame] {
        self
    }

    fn body(&mut self, index: usize) -> Bytes {
        self[index].clone().into_bytes()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames()).finish()
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

impl std::ops::Index<usize> for Message {
    type Output = Frame;

    fn index(&self, index: usize) -> &Frame {
        &self.frames()[index]
    }
}

impl FromIterator<Frame> for Message {
    fn from_iter<I: IntoIterator<Item = Frame>>(frames: I) -> Self {
        let mut frames = frames.into_iter();
        let Some(first) = frames.next() else {
            return Self::new();
        };
        let Some(second) = frames.next() else {
            return Self(Parts::One(first));
        };
        let mut all = Vec::with_capacity(2 + frames.size_hint().0);
        all.extend([first, second]);
        all.extend(frames);
        Self(Parts::Many(all))
    }
}

/// Iterates over the frames of a [`Message`] by value.
#[derive(Debug)]
pub struct IntoIter(IterRepr);

#[derive(Debug)]
enum IterRepr {
    One(Option<Frame>),
    Many(std::vec::IntoIter<Frame>),
}

impl Iterator for IntoIter {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        match &mut self.0 {
            IterRepr::One(frame) => frame.take(),
            IterRepr::Many(frames) => frames.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            IterRepr::One(frame) => usize::from(frame.is_some()),
            IterRepr::Many(frames) => frames.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for IntoIter {}

impl IntoIterator for Message {
    type Item = Frame;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(match self.0 {
            Parts::One(frame) => IterRepr::One(Some(frame)),
            Parts::Many(frames) => IterRepr::Many(frames.into_iter()),
        })
    }
}

impl<'a> IntoIterator for &'a Message {
    type Item = &'a Frame;
    type IntoIter = std::slice::Iter<'a, Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.frames().iter()
    }
}

impl From<Message> for Vec<Frame> {
    fn from(message: Message) -> Self {
        match message.0 {
            Parts::One(frame) => vec![frame],
            Parts::Many(frames) => frames,
        }
    }
}

impl From<Frame> for Message {
    #[inline]
    fn from(frame: Frame) -> Self {
        Self(Parts::One(frame))
    }
}

impl From<Vec<Frame>> for Message {
    fn from(frames: Vec<Frame>) -> Self {
        if frames.len() > 1 { Self(Parts::Many(frames)) } else { frames.into_iter().collect() }
    }
}

macro_rules! from_body {
    ($($body:ty),*) => {$(
        impl From<$body> for Message {
            fn from(body: $body) -> Self {
                Self::single(body)
            }
        }
    )*};
}
from_body!(Bytes, Vec<u8>, String, &[u8], &str);

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(body: &[u8; N]) -> Self {
        Self::single(body)
    }
}

impl<F: Into<Frame>, const N: usize> From<[F; N]> for Message {
    fn from(frames: [F; N]) -> Self {
        Self::multipart(frames)
    }
}

macro_rules! from_tuple {
    ($($name:ident)+) => {
        impl<$($name: Into<Frame>),+> From<($($name,)+)> for Message {
            #[allow(non_snake_case)] // the type parameters name the fields too
            fn from(($($name,)+): ($($name,)+)) -> Self {
                Self::multipart([$($name.into()),+] as [Frame; _])
            }
        }
    };
}
from_tuple!(A B);
from_tuple!(A B C);
from_tuple!(A B C D);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_no_larger_than_a_frame() {
        assert_eq!(size_of::<Message>(), size_of::<Frame>());
    }

    #[test]
    fn nothing_is_one_empty_frame() {
        let none: [&str; 0] = [];
        assert_eq!(Message::from(none), Message::new());
        assert_eq!(Message::new().len(), 1);
        assert_eq!(Message::new().pop_front(), None::<Frame>);
    }

    #[test]
    fn frames_go_on_and_come_off_both_ends() {
        let mut message = Message::from("body");
        message.push_front("");
        message.push_front("id");
        assert_eq!(message, Message::from(["id", "", "body"]));
        assert_eq!(message.pop_front().expect("three frames"), "id");
        let (front, rest) = message.split_front(1).expect("two frames");
        assert_eq!((front[0].len(), rest), (0, Message::from("body")));
        assert!(Message::from("only").split_front(1).is_err());
    }

    #[test]
    fn one_frame_of_many_equals_one_frame() {
        let mut message = Message::from(("a", "b"));
        message.pop_front();
        assert_eq!(message, Message::from("b"));
        assert_eq!(message.into_iter().len(), 1);
    }
}
