//! Endpoints that are taken off a socket: nothing more is sent there, and what was sent before goes on its way for as long as
//! the socket lingers.

use std::sync::Arc;
use std::time::Duration;

use monocoque_core::stats::DropCause;
use monocoque_io::Stopper;

use crate::core::{Core, Entry, Role};
use crate::inproc;

/// An endpoint that is no longer the socket's, but has connections.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// Ends its connections when it is dropped.
    pub(crate) entry: Entry,
    number: u64,
    /// Ends the timer. Held for its drop.
    _timer: Stopper,
}

impl Core {
    /// How long what was sent to an endpoint that is taken off may take to get there, if it may at all.
    fn leave_time(&self) -> Option<Option<Duration>> {
        let linger = self.options().linger;
        // What a subscriber sends is of no use to a publisher that it does not hear any more.
        let lingers = linger != Some(Duration::ZERO) && !self.socket_type().subscribes() && !self.is_closing();
        lingers.then_some(linger)
    }

    /// Ends the connection of an endpoint that was taken off the socket. What was received of it is gone.
    pub(crate) fn disconnect(self: &Arc<Self>, entry: Entry) {
        match (&entry.role, self.leave_time()) {
            (Role::ConnectedInproc(link), _) => inproc::disconnect(self, *link),
            (Role::ConnectedDatagrams(link), _) => {
                self.hub.close_link(*link);
            }
            (Role::Connected(target), None) => {
                self.hub.close_link(target.link);
                target.retire();
            }
            (Role::Connected(target), Some(time)) => {
                target.leave();
                let had_pipe = self.hub.leave_link(target.link);
                if had_pipe && !target.is_spent() {
                    self.let_leave(entry, time);
                } else {
                    target.retire();
                }
            }
            (Role::Bound(_) | Role::BoundInproc | Role::BoundDatagrams, _) => {}
        }
    }

    /// Ends accepting at an endpoint that was taken off the socket, and the connections that were accepted there. What was
    /// received of them may still be read.
    pub(crate) fn unbind(self: &Arc<Self>, entry: Entry) {
        inproc::unbind(self, &entry.endpoint);
        let (Role::Bound(_), Some(time)) = (&entry.role, self.leave_time()) else { return };
        // From here on nobody gets ready there.
        entry.stopper.stop();
        // One that is not there yet is finished when it is (`ZmtpHost::ready`).
        let links: Vec<_> =
            self.events.registry().accepted_at(&entry.endpoint.to_string()).map(|live| live.link).collect();
        links.iter().flatten().for_each(|link| self.hub.finish_link(*link));
        if !links.is_empty() {
            self.let_leave(entry, time);
        }
    }

    /// Keeps `entry` until its connections have ended, or the `time` is over.
    fn let_leave(self: &Arc<Self>, entry: Entry, time: Option<Duration>) {
        let timer = Stopper::new();
        let (number, ends) = (self.connection_number(), timer.listen());
        self.state.lock().leaving.push(Leaving { entry, number, _timer: timer });
        if let Some(time) = time {
            let core = Arc::downgrade(self);
            self.context.after(time, ends, move || {
                if let Some(core) = core.upgrade() {
                    core.end_leaving(number);
                }
            });
        }
        // It may have ended before it was there to be found.
        self.forget_left();
    }

    /// The time of one that leaves is over: what did not get there is lost, and counted.
    fn end_leaving(&self, number: u64) {
        let mut state = self.state.lock();
        let Some(at) = state.leaving.iter().position(|leaving| leaving.number == number) else { return };
        let leaving = state.leaving.remove(at);
        let lost = leaving.entry.role.queued();
        leaving.entry.role.retire();
        state.lost += if self.is_closing() { lost } else { 0 };
        drop(state);
        self.hub.drops().count(DropCause::Linger, lost as u64);
    }

    /// Forgets those that leave of which no connection is left.
    pub(crate) fn forget_left(&self) {
        if self.state.lock().leaving.is_empty() {
            return;
        }
        let registry = self.events.registry();
        let has_left = |leaving: &mut Leaving| match &leaving.entry.role {
            Role::Connected(target) => target.is_retired(),
            _ => registry.accepted_at(&leaving.entry.endpoint.to_string()).next().is_none(),
        };
        let left: Vec<Leaving> = self.state.lock().leaving.extract_if(.., has_left).collect();
        drop(registry);
        drop(left);
    }
}
