//! How each type sends and receives: the halves of `try_send` and `try_recv` that need more than one line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use monocoque_core::limits::GROUP_BYTES_MAX;
use monocoque_core::stats::DropCause;
use monocoque_core::{Message, RoutingId};

use crate::config::SendRule;
use crate::hub::Hub;
use crate::lockstep::{Addressee, Turn, open_request, seal_answer, strip, wrap};
use crate::receiving::RecvSide;
use crate::sending::SendSide;
use crate::subscriptions::Wish;
use crate::{PeerProperties, RecvRefused, SendReason};

impl Hub {
    #[inline]
    pub(crate) fn publish(&self, message: &Message) -> Result<(), SendReason> {
        // A subscription that arrived before this send must act on it.
        if self.signals.has_ready() {
            self.upstream();
        }
        if self.last_value.load(Ordering::Relaxed) {
            return self.publish_to_last(message);
        }
        self.send_to_many(|send| send.publish(message))
    }

    /// Sends to many. A thread that is ahead of them lets others run: it may have the core that they need to make room.
    #[inline]
    fn send_to_many(&self, to_each: impl FnOnce(&mut SendSide) -> Result<(), SendReason>) -> Result<(), SendReason> {
        let mut send = self.send.lock();
        let sent = to_each(&mut send);
        let gives_way = sent.is_ok() && send.outlets.gives_way();
        drop(send);
        if gives_way && let Some(give_way) = self.give_way {
            give_way();
        }
        sent
    }

    fn publish_to_last(&self, message: &Message) -> Result<(), SendReason> {
        let mut recv = self.recv.lock();
        let Some(last) = recv.inbox.last else {
            drop(recv);
            return self.send_to_many(|send| send.publish(message));
        };
        self.send.lock().publish_to(last, message)?;
        recv.inbox.last = None;
        Ok(())
    }

    /// Puts a wish of the peer whose notice was received last in force, in the words of the application.
    pub(crate) fn grant(&self, wish: Wish, topic: &[u8]) -> bool {
        let recv = self.recv.lock();
        let mut send = self.send.lock();
        let peer = recv.inbox.last.filter(|&peer| recv.config.is_manual() && send.outlets.is_current(peer));
        if let Some(peer) = peer {
            send.topics.apply(peer.slot, wish, topic);
        }
        peer.is_some()
    }

    /// Whether a message that begins with `first` would be taken now, for whoever has no more of it yet: what it says of
    /// room, of a peer and of the turn is what [`try_send`](Self::try_send) would say.
    ///
    /// # Errors
    /// [`SendReason`]. Where there is no room, `Signals::writable` fires when there is.
    pub fn check_send(&self, first: &[u8]) -> Result<(), SendReason> {
        if self.is_closed() {
            return Err(SendReason::Closed);
        }
        match self.send_rule {
            SendRule::Route => self.send.lock().check_route(&self.signals, first),
            SendRule::Ask | SendRule::Answer if !self.is_turn_to_send() => Err(SendReason::State),
            SendRule::Balance | SendRule::BalanceSingle | SendRule::BalanceAddressed | SendRule::Ask => {
                let has_room = self.send.lock().any_room(&self.signals);
                has_room.then_some(()).ok_or(SendReason::Full)
            }
            SendRule::Nowhere => Err(SendReason::Unsupported),
            SendRule::Publish => self.check_publish(first),
            SendRule::Answer | SendRule::Radiate | SendRule::Upstream => Ok(()),
        }
    }

    fn check_publish(&self, first: &[u8]) -> Result<(), SendReason> {
        if self.signals.has_ready() {
            self.upstream();
        }
        let to_last = self.last_value.load(Ordering::Relaxed);
        let only = if to_last { self.recv.lock().inbox.last } else { None };
        self.send.lock().check_publish(first, only)
    }

    /// ROUTER, STREAM, SERVER, PEER: whether the peer of `id` has room; `None` if there is no such peer.
    pub fn has_room_for(&self, id: &[u8]) -> Option<bool> {
        self.send.lock().room_of(id)
    }

    fn is_turn_to_send(&self) -> bool {
        let recv = self.recv.lock();
        match self.send_rule {
            SendRule::Ask => recv.requests.may_ask(recv.config.req_relaxed),
            _ => matches!(recv.turn, Turn::Answer { .. }),
        }
    }

    /// A RADIO's message is its group and one frame.
    pub(crate) fn radiate(&self, message: &Message) -> Result<(), SendReason> {
        match message.frames() {
            [group, _] if group.len() <= GROUP_BYTES_MAX => {}
            [_, _, _, ..] => return Err(SendReason::Parts),
            _ => return Err(SendReason::NoEnvelope),
        }
        if self.signals.has_ready() {
            self.upstream();
        }
        self.send_to_many(|send| send.radiate(message))
    }

    pub(crate) fn send_single(&self, message: &mut Message) -> Result<(), SendReason> {
        if message.len() > 1 {
            return Err(if self.is_closed() { SendReason::Closed } else { SendReason::Parts });
        }
        self.send.lock().balance(&self.signals, message).map(|_| ())
    }

    /// A DGRAM's message is the text of an address and one frame.
    pub(crate) fn send_addressed(&self, message: &mut Message) -> Result<(), SendReason> {
        if self.is_closed() {
            return Err(SendReason::Closed);
        }
        let is_address = |frame: &[u8]| str::from_utf8(frame).is_ok_and(|text| text.parse::<SocketAddr>().is_ok());
        match message.frames() {
            [address, _] if is_address(address) => {}
            [_, _, _, ..] => return Err(SendReason::Parts),
            _ => return Err(SendReason::NoEnvelope),
        }
        self.send.lock().balance(&self.signals, message).map(|_| ())
    }

    pub(crate) fn send_upstream(&self, message: &Message) -> Result<(), SendReason> {
        let wishes = Wish::of_message(message, self.recv.lock().config.only_first_subscribe);
        if wishes.is_empty() {
            return self.send.lock().send_upstream(message);
        }
        if self.is_closed() {
            return Err(SendReason::Closed);
        }
        for (wish, topic) in wishes {
            self.wish(wish, topic);
        }
        Wish::without(message).map_or(Ok(()), |message| self.send.lock().send_upstream(&message))
    }

    pub(crate) fn wish(&self, wish: Wish, topic: &[u8]) -> bool {
        let mut recv = self.recv.lock();
        let (known, travels) = match wish {
            // Each travels: an XPUB may report them all.
            Wish::Subscribe => {
                recv.own.add(topic);
                (true, true)
            }
            Wish::Cancel => {
                let last = recv.own.remove(topic);
                (last.is_some(), last.unwrap_or(false) || recv.config.xsub_verbose_unsubscribe)
            }
        };
        if travels {
            self.send.lock().send_wish(wish, topic);
        }
        known
    }

    /// Groups are not counted: a DISH is a member once, or not.
    pub(crate) fn join_or_leave(&self, wish: Wish, group: &[u8]) -> bool {
        let mut recv = self.recv.lock();
        let changes = recv.own.holds(group) != (wish == Wish::Subscribe);
        if changes {
            match wish {
                Wish::Subscribe => drop(recv.own.add(group)),
                Wish::Cancel => drop(recv.own.remove(group)),
            }
            self.send.lock().send_wish(wish, group);
        }
        changes
    }

    pub(crate) fn ask(&self, message: &mut Message) -> Result<(), SendReason> {
        let mut recv = self.recv.lock();
        if !recv.requests.may_ask(recv.config.req_relaxed) {
            return Err(if self.is_closed() { SendReason::Closed } else { SendReason::State });
        }
        let id = recv.config.req_correlate.then(|| recv.requests.fresh_id());
        // What is there before the request is sent is no reply to it. With an id that shows by itself.
        let others = id.is_none() && recv.sort_answers(&self.signals, Addressee::Nobody);
        wrap(message, id);
        let asked = self.send.lock().balance(&self.signals, message);
        match asked {
            Ok(slot) => self.drops.count(DropCause::Unexpected, recv.requests.ask_strict(slot, id)),
            Err(_) => strip(message, id),
        }
        drop(recv);
        if others {
            self.signals.readable.wake_all();
        }
        asked.map(|_| ())
    }

    pub(crate) fn answer(&self, message: &mut Message) -> Result<(), SendReason> {
        if self.is_closed() {
            return Err(SendReason::Closed);
        }
        let mut recv = self.recv.lock();
        match std::mem::take(&mut recv.turn) {
            Turn::Receive => Err(SendReason::State),
            Turn::Answer { to, envelope } => {
                self.send.lock().answer(to, &mut seal_answer(envelope, std::mem::take(message)));
                Ok(())
            }
        }
    }

    pub(crate) fn send_labelled(&self, message: &mut Message) -> Result<(), SendReason> {
        let id = message.pop_front().ok_or(SendReason::NoEnvelope)?;
        let sent = self.route(&id, message);
        if sent.is_err() {
            message.push_front(id);
        }
        sent
    }

    pub(crate) fn route(&self, id: &[u8], message: &mut Message) -> Result<(), SendReason> {
        if self.send_rule != SendRule::Route {
            return Err(SendReason::Unsupported);
        }
        if self.socket_type.is_single() && message.len() > 1 {
            return Err(SendReason::Parts);
        }
        self.send.lock().route(&self.signals, id, message)
    }

    pub(crate) fn recv_labelled(&self) -> Result<Message, RecvRefused> {
        let (mut id, mut message) = (RoutingId::generated(0), Message::new());
        self.try_recv_from(&mut id, &mut message)?;
        message.push_front(&id);
        Ok(message)
    }

    pub(crate) fn recv_request(&self) -> Result<Message, RecvRefused> {
        self.take_request(&mut self.recv.lock())
    }

    pub(crate) fn take_request(&self, recv: &mut RecvSide) -> Result<Message, RecvRefused> {
        if matches!(recv.turn, Turn::Answer { .. }) {
            return Err(self.out_of_turn());
        }
        let received = recv.next(&self.signals).ok_or_else(|| self.nothing())?;
        let (envelope, body) = open_request(received.message);
        recv.turn = Turn::Answer { to: received.key, envelope };
        Ok(body)
    }

    pub(crate) fn recv_reply(&self) -> Result<Message, RecvRefused> {
        self.recv_reply_and(|_| ()).map(|(message, ())| message)
    }

    /// [`recv_reply`](Self::recv_reply), and what `also` finds at that moment.
    pub(crate) fn recv_reply_and<T>(&self, also: impl FnOnce(&mut RecvSide) -> T) -> Result<(Message, T), RecvRefused> {
        let mut recv = self.recv.lock();
        if !recv.requests.may_receive() {
            return Err(self.out_of_turn());
        }
        let mut others = false;
        if !recv.requests.is_answered() {
            others = recv.sort_answers(&self.signals, Addressee::Strict);
        }
        let reply = recv.requests.take_strict().map(|reply| (reply, also(&mut recv)));
        drop(recv);
        if others {
            self.signals.readable.wake_all();
        }
        reply.ok_or_else(|| self.nothing())
    }

    pub(crate) fn recv_notice(&self) -> Result<(Message, Option<Arc<PeerProperties>>), RecvRefused> {
        // What more there is to take in wakes whoever waits.
        if self.signals.has_ready() {
            self.upstream();
        }
        let next = self.recv.lock().inbox.next();
        next.ok_or_else(|| self.nothing())
    }

    /// It is not the turn to receive, and never will be of a socket that is closed.
    #[cold]
    fn out_of_turn(&self) -> RecvRefused {
        if self.is_closed() { RecvRefused::Closed } else { RecvRefused::State }
    }

    /// Nothing is there now. Of a closed socket nothing will be, unless something was left to the next call.
    #[cold]
    pub(crate) fn nothing(&self) -> RecvRefused {
        if self.is_closed() && !self.signals.has_ready() { RecvRefused::Closed } else { RecvRefused::Empty }
    }
}
