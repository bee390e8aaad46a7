//! The hub's other side: links that open, come up, go down and close.
//!
//! ```text
//! open ─▶ attach ─▶ up ─▶ down ─▶ up … ─▶ close_link      a connect endpoint
//! open ─▶ attach ─▶ up ─▶ down ─▶ release                 an accepted connection
//! open ─▶ (attach ─▶ up ─▶ down ─▶ detach) … ─▶ close_link   one that queues only while connected
//! ```

use std::sync::Arc;

use monocoque_core::pipe::{PipeReader, PipeWriter};
use monocoque_core::stats::DropCause;
use monocoque_core::{Message, RoutingId, SocketType};

use crate::config::{RecvRule, SendRule};
use crate::hub::Hub;
use crate::identity::Claim;
use crate::lockstep::Addressee;
use crate::receiving::RecvSide;
use crate::sending::{Owner, SendSide};
use crate::signals::arrival_waker;
use crate::subscriptions::{Wish, WishForm};
use crate::{Busy, HubConfig, LinkId, PeerFacts, PeerKey, UpRefused};

impl Hub {
    /// Names a new link.
    pub fn open(&self) -> LinkId {
        let slot = self.recv.lock().fair.allocate();
        self.send.lock().outlets.open(slot)
    }

    /// Gives a link its outgoing pipe. The round robin counts it from here on, connected or not.
    ///
    /// A pipe that the link had before is thrown away with what is in it.
    ///
    /// # Errors
    /// [`Busy`] if this is a PAIR or CHANNEL and another link has a pipe, or the link or the socket is closed.
    pub fn attach(&self, link: LinkId, writer: PipeWriter) -> Result<(), Busy> {
        let mut send = self.send.lock();
        let single = self.socket_type.is_exclusive();
        if send.closed || send.outlets.of(link).is_none() || (single && send.outlets.has_other(link.slot)) {
            return Err(Busy);
        }
        let heals = self.send_rule.balances() || self.send_rule == SendRule::Route;
        let owner = Arc::new(Owner::new(&self.send, &self.signals, link.slot, heals));
        writer.set_waker(&Arc::clone(&owner).into());
        writer.set_in_hand(self.signals.in_hand.clone());
        writer.set_hand_over(owner);
        let replaced = send.attach(self.send_rule, link.slot, writer);
        drop(send);
        self.count_lost(DropCause::PeerGone, replaced);
        self.signals.writable.wake_all();
        Ok(())
    }

    /// The link is connected and the handshake is done: a new life begins. One that was not ended is ended.
    ///
    /// A SUB or XSUB queues all its subscriptions before the peer counts. A ROUTER enters the peer's routing
    /// id, or makes one up, also for one that begins with a zero byte unless `reserved_names`. If the id is
    /// another's, that one loses its route with `router_handover`; without, the new peer stays connected and is never
    /// heard, as with libzmq. What a ROUTER had queued for another id on this link is dropped and counted.
    ///
    /// # Errors
    /// [`UpRefused`]; the link is as before.
    pub fn up(&self, link: LinkId, facts: PeerFacts, mut reader: PipeReader) -> Result<PeerKey, UpRefused> {
        let (ours, theirs) = (self.socket_type, facts.socket_type);
        if !ours.accepts(theirs) {
            return Err(UpRefused::Incompatible { ours, theirs });
        }
        let mut recv = self.recv.lock();
        let mut send = self.send.lock();
        let outlet = send.outlets.of(link).ok_or(UpRefused::Closed)?;
        if outlet.writer.is_none() {
            return Err(UpRefused::Detached);
        }
        outlet.form = WishForm::of(ours, facts.commands);
        let before = send.outlets.current(link.slot);
        before.into_iter().for_each(|life| self.take_leave(&mut recv, &mut send, life));
        self.end_life(&mut recv, &mut send, link.slot);
        let key = send.outlets.begin_life(link.slot);
        let label = match self.send_rule {
            SendRule::Route => self.introduce(&mut recv, &mut send, key, facts.identity),
            _ => None,
        };
        let outlet = send.outlets.at(link.slot);
        greetings(&recv.config).into_iter().rev().for_each(|message| outlet.greet(&message));
        recv.own.topics().for_each(|topic| outlet.tell(Wish::Subscribe, topic));
        if recv.config.router_notify.connect {
            reader.say(&Message::new(), true);
        }
        let mut unread = false;
        if self.listens() {
            reader.set_waker(&arrival_waker(&self.signals, key, self.publishes()));
            unread = !reader.is_spent();
        }
        recv.fair.admit(key, reader, label, facts.properties);
        drop((send, recv));
        if unread {
            // The pipe calls when something comes. What came before is ours to tell of.
            self.signals.leave_ready(key);
        }
        // The end of a life may leave notices and replies.
        if unread || before.is_some() {
            self.signals.readable.wake_all();
        }
        self.signals.peers.wake_all();
        self.signals.writable.wake_all();
        Ok(key)
    }

    /// The connection of this life is lost. A life that ended before is ignored.
    ///
    /// What it sent stays readable. What is queued for it waits for the next life, except: a SUB's or
    /// XSUB's subscriptions, which are sent again then; a REP's answers, which were for this life (counted).
    /// The peer's own subscriptions end; an XPUB is told.
    pub fn down(&self, key: PeerKey) {
        self.lose(key, false);
    }

    /// [`down`](Self::down) of a connection that will be made again: what the socket says to its application of that is
    /// said.
    pub fn interrupted(&self, key: PeerKey) {
        self.lose(key, true);
    }

    fn lose(&self, key: PeerKey, again: bool) {
        let mut recv = self.recv.lock();
        let mut send = self.send.lock();
        if !send.outlets.is_current(key) {
            return;
        }
        let hiccup = recv.config.hiccup.clone().filter(|_| again);
        hiccup.iter().for_each(|message| self.say(&mut recv, key, message));
        self.take_leave(&mut recv, &mut send, key);
        self.end_life(&mut recv, &mut send, key.slot);
        drop((send, recv));
        self.announce();
    }

    /// Tells the application that a peer went, behind what it sent.
    fn take_leave(&self, recv: &mut RecvSide, send: &mut SendSide, of: PeerKey) {
        if send.outlets.at(of.slot).parting {
            return;
        }
        let notice = recv.config.router_notify.disconnect.then(Message::new);
        let told: Vec<Message> = notice.into_iter().chain(recv.config.disconnect.clone()).collect();
        told.iter().for_each(|message| self.say(recv, of, message));
    }

    /// The socket says something to its own application, as if the peer had sent it last.
    fn say(&self, recv: &mut RecvSide, of: PeerKey, message: &Message) {
        recv.fair.say(of, message);
        self.signals.leave_ready(of);
    }

    /// Takes the link's outgoing pipe off; returns how many messages were in it (counted as
    /// [`DropCause::PeerGone`]). Ends the life, if there is one. What was received stays readable, and a
    /// new pipe may be attached later.
    pub fn detach(&self, link: LinkId) -> usize {
        self.part(link, Farewell::Told, |_, _| ()).0
    }

    /// [`detach`](Self::detach), and the link is no more: an accepted connection ended. What was received
    /// stays readable.
    pub fn release(&self, link: LinkId) -> usize {
        let close = |recv: &mut RecvSide, send: &mut SendSide| {
            send.close(link.slot);
            recv.fair.leave(link.slot);
        };
        self.part(link, Farewell::Told, close).0
    }

    /// The application disconnects: both queues are destroyed, and the link is no more. Returns how many
    /// messages were in both (counted as [`DropCause::PeerGone`]).
    pub fn close_link(&self, link: LinkId) -> usize {
        self.break_off(link, Farewell::Untold)
    }

    /// The application disconnects, and the link is no more; what is queued for the peer stays in the pipe, which is finished,
    /// for whoever holds its other end; whether there was a pipe. What was received is destroyed (counted as
    /// [`DropCause::PeerGone`]).
    pub fn leave_link(&self, link: LinkId) -> bool {
        let had_pipe = self.send.lock().outlets.of(link).is_some_and(|outlet| outlet.writer.is_some());
        self.break_off(link, Farewell::Lingering);
        had_pipe
    }

    /// The connection of `link` ends when what is queued for it is written. Nothing more is.
    pub fn finish_link(&self, link: LinkId) {
        let mut send = self.send.lock();
        if send.outlets.of(link).is_some() {
            send.balancer.leave(link.slot);
            send.outlets.finish(link.slot);
        }
    }

    fn break_off(&self, link: LinkId, farewell: Farewell) -> usize {
        let (unsent, (peeked, unread)) = self.part(link, farewell, |recv, send| {
            let unread = recv.clear(&self.signals, link.slot);
            send.close(link.slot);
            recv.fair.leave(link.slot);
            unread
        });
        let unread = peeked + unread.count();
        self.drops.count(DropCause::PeerGone, unread as u64);
        unsent + unread
    }

    /// PUB, XPUB: takes in the subscriptions that wait in incoming pipes.
    ///
    /// Every send and receive does it first. Whoever delivers into the pipes calls it too, so that
    /// `wait_for_subscribers` needs no send to see them.
    pub fn upstream(&self) {
        if !self.publishes() {
            return;
        }
        let mut recv = self.recv.lock();
        let mut send = self.send.lock();
        let changed = recv.take_upstream(&self.signals, &mut send);
        drop((send, recv));
        // Who saw less than there is must look again.
        let more = self.signals.has_ready();
        if changed || more {
            self.signals.peers.wake_all();
        }
        if more {
            self.signals.readable.wake_all();
        }
    }

    /// Ends the life of `slot`, if there is one: nothing is addressed to it any more.
    fn end_life(&self, recv: &mut RecvSide, send: &mut SendSide, slot: u32) {
        let Some(key) = send.outlets.current(slot) else { return };
        if self.publishes() {
            // What it subscribed to before it went was in force, and an XPUB is told of both.
            recv.take_upstream(&self.signals, send);
            recv.take_back(key, send);
        }
        if self.recv_rule == RecvRule::Replies {
            // Nobody may ever ask for them, so they are not left in the pipe.
            recv.sort_answers(&self.signals, Addressee::Nobody);
        }
        send.outlets.end_life(slot);
        match self.send_rule {
            SendRule::Route => {
                let outlet = send.outlets.at(slot);
                match &outlet.identity {
                    Some(id) if outlet.named => drop(send.identities.claim(id, PeerKey::absent(slot), true)),
                    Some(id) => send.identities.release(id, key),
                    None => {}
                }
                send.balancer.leave(slot);
            }
            SendRule::Answer => {
                self.count_lost(DropCause::PeerGone, send.outlets.discard(slot));
            }
            _ if self.socket_type.subscribes() => {
                send.outlets.discard(slot);
            }
            _ => {}
        }
        let came = recv.fair.flow(key.slot);
        recv.past.add(came.emptied());
        recv.outlive(key);
        if self.listens() {
            recv.fair.fade(key);
        } else {
            recv.fair.kill(key);
        }
    }

    /// Enters a peer into a ROUTER's tables; returns the label of its messages if it got a route.
    fn introduce(
        &self,
        recv: &mut RecvSide,
        send: &mut SendSide,
        key: PeerKey,
        told: Option<RoutingId>,
    ) -> Option<RoutingId> {
        let outlet = send.outlets.at(key.slot);
        let id = match self.socket_type {
            SocketType::Router if !outlet.named => told.filter(|id| recv.config.reserved_names || !id.is_generated()),
            // The socket's own name for the link, life after life.
            _ => outlet.identity.clone(),
        };
        let id = id.unwrap_or_else(|| send.identities.generate());
        let named = send.outlets.at(key.slot).named;
        let handover = named || recv.config.router_handover || self.socket_type != SocketType::Router;
        let before = send.outlets.at(key.slot).identity.replace(id.clone());
        if before.as_ref() != Some(&id) {
            self.count_lost(DropCause::PeerGone, send.outlets.discard(key.slot));
        }
        match send.identities.claim(&id, key, handover) {
            Claim::Denied => return None,
            Claim::Granted => {}
            // Its own name of before.
            Claim::TakenOver(old) if old.slot == key.slot => {}
            Claim::TakenOver(old) => {
                send.balancer.leave(old.slot);
                recv.outlive(old);
                recv.fair.fade(old);
            }
        }
        send.balancer.enter(key.slot);
        Some(id)
    }

    /// Ends the life, which is told of if that is to be read, and takes the pipe off, then does what else the occasion asks for. Returns how many messages were
    /// in the pipe, and what that gave.
    fn part<T: Default>(
        &self,
        link: LinkId,
        farewell: Farewell,
        also: impl FnOnce(&mut RecvSide, &mut SendSide) -> T,
    ) -> (usize, T) {
        let mut recv = self.recv.lock();
        let mut send = self.send.lock();
        if send.outlets.of(link).is_none() {
            return (0, T::default());
        }
        match (farewell, send.outlets.current(link.slot)) {
            (Farewell::Told, Some(key)) => self.take_leave(&mut recv, &mut send, key),
            (Farewell::Lingering, _) => send.outlets.let_go(link.slot),
            _ => {}
        }
        self.end_life(&mut recv, &mut send, link.slot);
        recv.requests.link_gone(link.slot);
        send.balancer.leave(link.slot);
        let unsent = self.count_lost(DropCause::PeerGone, send.outlets.detach(link.slot));
        let given = also(&mut recv, &mut send);
        drop((send, recv));
        self.announce();
        (unsent, given)
    }

    /// A peer went: whoever waits may find things changed. Who waits for what peers send has been told of what this one sent.
    fn announce(&self) {
        self.signals.peers.wake_all();
        self.signals.writable.wake_all();
        let may_be_told = matches!(self.recv_rule, RecvRule::Requests | RecvRule::Replies | RecvRule::Notices);
        if may_be_told || self.signals.has_ready() {
            self.signals.readable.wake_all();
        }
    }

    fn publishes(&self) -> bool {
        self.socket_type.publishes()
    }

    /// Whether anyone ever reads the incoming pipes.
    fn listens(&self) -> bool {
        self.recv_rule != RecvRule::Nothing || self.publishes()
    }
}

/// How a link is parted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    /// The application is told; what is queued for the peer is thrown away.
    Told,
    /// So it is, and the application, which wants it so, is not told.
    Untold,
    /// What is queued for the peer goes on its way.
    Lingering,
}

/// What a new peer is sent before everything else.
fn greetings(config: &HubConfig) -> Vec<Message> {
    let HubConfig { xpub_welcome, hello, probe_router, .. } = config;
    let probe = probe_router.then(Message::new);
    xpub_welcome.iter().chain(hello).cloned().chain(probe).collect()
}

#[cfg(test)]
mod tests {
    use monocoque_core::pipe::{Mark, pipe};
    use monocoque_core::slab::Arena;

    use super::*;

    fn join(hub: &Hub, theirs: SocketType, mark: u32) -> (LinkId, PipeWriter, PipeReader) {
        let arena = Arena::new();
        let (writer, from_hub) = pipe(Mark::messages(mark), false, &arena);
        let (to_hub, reader) = pipe(Mark::messages(mark), false, &arena);
        let link = hub.open();
        hub.attach(link, writer).expect("room for a peer");
        let identity = Some(RoutingId::new("peer").expect("valid"));
        hub.up(link, PeerFacts { socket_type: theirs, identity, commands: true, properties: None }, reader)
            .expect("attached");
        (link, to_hub, from_hub)
    }

    #[test]
    fn connections_that_come_and_go_leave_nothing_behind() {
        for kind in SocketType::ALL {
            let hub = Hub::new(HubConfig::new(kind));
            for round in 0..100 {
                let (link, mut to_hub, _from_hub) = join(&hub, kind.peers()[0], 10);
                assert_eq!(link.slot, 0, "{kind} in round {round}");
                to_hub.push(&Message::from(["", "unread if nobody receives"])).expect("room");
                hub.release(link);
                while hub.try_recv().is_ok() {
                    _ = hub.try_send(Message::from("a REP's turn to receive comes after this"));
                }
                hub.upstream();
            }
        }
    }

    #[test]
    fn notes_of_room_do_not_pile_up_in_a_router_that_never_balances() {
        let hub = Hub::new(HubConfig::new(SocketType::Router));
        let (_link, _to_hub, mut from_hub) = join(&hub, SocketType::Dealer, 1);
        for _ in 0..10 {
            (0..2).for_each(|_| hub.try_send(Message::from(["peer", "x"])).expect("sent or dropped"));
            assert!(from_hub.next_unit().is_some() && hub.signals.has_room());
            hub.try_send(Message::from(["nobody", "x"])).expect("dropped");
            assert!(!hub.signals.has_room());
        }
    }
}
