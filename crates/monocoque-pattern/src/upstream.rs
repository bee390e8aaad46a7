//! What a publisher takes in of its subscribers: their wishes, which act, and messages, which an XPUB receives.
//!
//! It does so under both locks of the hub, on the way of a send or a receive: so each call does a bounded amount of
//! work and leaves the rest for the next, of a long message too.

use std::sync::Arc;

use monocoque_core::batch::Unit;
use monocoque_core::stats::DropCause;
use monocoque_core::{Frame, Message, SocketType};

use crate::config::RecvRule;
use crate::publish::Change;
use crate::receiving::RecvSide;
use crate::sending::SendSide;
use crate::subscriptions::Wish;
use crate::{PeerKey, PeerProperties, Signals};

/// What one call takes in of what subscribers sent, so that a flood of theirs does not hold senders up: so many
/// commands, or frames of messages, of a short topic. A wish takes about a microsecond with a million topics.
const UPSTREAM_WORK_MAX: usize = 10_000;

/// To compare and to keep so many bytes of a topic counts as one more.
const WORK_BYTES: usize = 512;

/// A message of which some frames are taken in.
#[derive(Debug)]
struct Partly {
    of: PeerKey,
    /// What was known of the peer then.
    properties: Option<Arc<PeerProperties>>,
    message: Message,
    taken: usize,
    has_wishes: bool,
}

/// How far a publisher got with what its subscribers sent.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    partly: Option<Partly>,
    /// What the present call may still do.
    work: usize,
}

impl Upstream {
    fn spend(&mut self, topic: &[u8]) {
        self.work = self.work.saturating_sub(1 + topic.len() / WORK_BYTES);
    }

    /// Forgets the message of the link in `slot` that was taken in partly; whether there was one.
    pub(crate) fn clear(&mut self, slot: u32) -> bool {
        self.partly.take_if(|partly| partly.of.slot == slot).is_some()
    }
}

impl RecvSide {
    /// Takes in what subscribers have sent. Returns whether any subscription changed.
    pub(crate) fn take_upstream(&mut self, signals: &Signals, send: &mut SendSide) -> bool {
        self.upstream.work = UPSTREAM_WORK_MAX;
        let (mut changed, mut last) = (false, None);
        if let Some(partly) = self.upstream.partly.take() {
            last = Some(partly.of);
            changed = self.take_frames(partly, send);
        }
        while self.upstream.work > 0 {
            let Some(unit) = self.next_unit(signals) else { return changed };
            let of = self.fair.sender();
            last = Some(of);
            changed |= match unit {
                Unit::Command(command) => self.take_command(of, &command, send),
                Unit::Message(message) => self.take_message(of, message, send),
            };
        }
        // The ring keeps the rest; the note brings the next call here.
        last.into_iter().for_each(|of| signals.leave_ready(of));
        changed
    }

    fn take_command(&mut self, of: PeerKey, command: &Frame, send: &mut SendSide) -> bool {
        self.upstream.spend(command);
        Wish::of_command(command).is_some_and(|(wish, topic)| self.take_in(of, wish, topic, send))
    }

    fn take_message(&mut self, of: PeerKey, message: Message, send: &mut SendSide) -> bool {
        let properties = self.fair.properties(of).cloned();
        let first_is_none = Wish::of_frame(message.first()).is_none();
        // A DISH has no message form.
        let none = self.config.socket_type == SocketType::Radio || (self.config.only_first_subscribe && first_is_none);
        if none {
            self.upstream.spend(&[]);
            self.keep(message, properties);
            return false;
        }
        self.take_frames(Partly { of, properties, message, taken: 0, has_wishes: false }, send)
    }

    /// Takes in the wishes in what is left of a message, as far as the work goes, and keeps the rest of it when it is
    /// done.
    fn take_frames(&mut self, mut partly: Partly, send: &mut SendSide) -> bool {
        let mut changed = false;
        while let Some(frame) = partly.message.frames().get(partly.taken) {
            if self.upstream.work == 0 {
                self.upstream.partly = Some(partly);
                return changed;
            }
            let wish = Wish::of_frame(frame);
            self.upstream.spend(wish.map_or(&[], |(_, topic)| topic));
            if let Some((wish, topic)) = wish {
                partly.has_wishes = true;
                changed |= self.take_in(partly.of, wish, topic, send);
            }
            partly.taken += 1;
        }
        let Partly { message, properties, has_wishes, .. } = partly;
        let user = if has_wishes { Wish::without(&message) } else { Some(message) };
        user.into_iter().for_each(|message| self.keep(message, properties.clone()));
        changed
    }

    /// Takes in a subscriber's wish; whether that changed anything.
    fn take_in(&mut self, of: PeerKey, wish: Wish, topic: &[u8], send: &mut SendSide) -> bool {
        // The subscriptions of a life died with it.
        if !send.outlets.is_current(of) {
            return false;
        }
        let topics = if self.config.is_manual() { &mut send.wished } else { &mut send.topics };
        let change = topics.apply(of.slot, wish, topic);
        self.notice(of, wish, topic, change);
        change != Change::None
    }

    /// Keeps a subscriber's message for the application, if it receives any.
    fn keep(&mut self, message: Message, properties: Option<Arc<PeerProperties>>) {
        let notices = self.rule == RecvRule::Notices;
        if !(notices && self.inbox.deliver(message, properties)) {
            self.drops.count(if notices { DropCause::Full } else { DropCause::Unexpected }, 1);
        }
    }

    /// Tells the application of an XPUB what changed.
    pub(crate) fn notice(&mut self, of: PeerKey, wish: Wish, topic: &[u8], change: Change) {
        let told = match wish {
            _ if self.config.is_manual() => true,
            _ if change == Change::Topic => true,
            Wish::Subscribe => self.config.xpub_verbose || self.config.xpub_verboser,
            Wish::Cancel => self.config.xpub_verboser,
        };
        if told && self.rule == RecvRule::Notices {
            self.inbox.notice(of, self.fair.properties(of).cloned(), wish, topic);
        }
    }

    /// What a peer that goes had subscribed to is taken back.
    pub(crate) fn take_back(&mut self, of: PeerKey, send: &mut SendSide) {
        if self.config.is_manual() {
            send.topics.drop_peer(of.slot, |_, _| ());
        }
        let told = if self.config.is_manual() { &mut send.wished } else { &mut send.topics };
        told.drop_peer(of.slot, |topic, change| self.notice(of, Wish::Cancel, topic, change));
    }
}
