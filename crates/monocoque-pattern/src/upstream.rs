//! What a publisher takes in of its subscribers: their wishes, which act, and messages, which an XPUB receives.

use monocoque_core::batch::Unit;
use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};

use crate::config::RecvRule;
use crate::publish::Change;
use crate::receiving::RecvSide;
use crate::sending::SendSide;
use crate::subscriptions::Wish;
use crate::{PeerKey, Signals};

/// Units that one call takes in of what subscribers sent, so that a flood of theirs does not hold senders up.
const UPSTREAM_UNITS_MAX: u32 = 10_000;

impl RecvSide {
    /// Takes in what subscribers have sent. Returns whether any subscription changed.
    pub(crate) fn take_upstream(&mut self, signals: &Signals, send: &mut SendSide) -> bool {
        let mut changed = false;
        for budget in (0..UPSTREAM_UNITS_MAX).rev() {
            let Some(unit) = self.next_unit(signals) else { break };
            let key = self.fair.sender();
            if budget == 0 {
                // The ring keeps the rest; the note brings the next call here.
                signals.leave_ready(key);
            }
            match unit {
                Unit::Command(command) => {
                    let wish = Wish::of_command(&command);
                    changed |= wish.is_some_and(|(wish, topic)| self.take_in(key, wish, topic, send));
                }
                // A DISH has no message form.
                Unit::Message(message) if self.config.socket_type != SocketType::Radio => {
                    let wishes = Wish::of_message(&message, self.config.only_first_subscribe);
                    let has_wishes = !wishes.is_empty();
                    for (wish, topic) in wishes {
                        changed |= self.take_in(key, wish, topic, send);
                    }
                    let user = if has_wishes { Wish::without(&message) } else { Some(message) };
                    user.into_iter().for_each(|message| self.keep(key, message));
                }
                Unit::Message(message) => self.keep(key, message),
            }
        }
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
    fn keep(&mut self, of: PeerKey, message: Message) {
        let notices = self.rule == RecvRule::Notices;
        let properties = self.fair.properties(of).cloned();
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
