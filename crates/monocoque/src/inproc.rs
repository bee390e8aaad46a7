//! Inproc: two sockets of one context joined by pipes with no link between.
//!
//! All of it happens in the caller's thread: what one socket sends, another can receive in its very next call.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use monocoque_core::pipe::PipeReader;
use monocoque_core::sync::Mutex;
use monocoque_core::{Endpoint, RoutingId, SocketType};
use monocoque_io::Stopper;
use monocoque_pattern::{LinkId, PeerFacts, PeerKey, PeerProperties};

use crate::context::ContextInner;
use crate::core::{Core, Role};
use crate::error::{BindError, ConnectError};
use crate::options::Marks;

/// The inproc names of one context.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    names: Mutex<HashMap<String, Name>>,
    joints: Mutex<Vec<Joint>>,
}

#[derive(Debug, Default)]
struct Name {
    bound: Weak<Core>,
    /// Sockets that connected before anyone bound.
    waiting: Vec<Waiting>,
}

impl Name {
    /// Whether anybody is bound to it, or waits for that.
    fn is_used(&self) -> bool {
        self.bound.strong_count() > 0 || !self.waiting.is_empty()
    }
}

/// A socket that waits for a name to be bound, and the pipe that it may fill meanwhile.
#[derive(Debug)]
struct Waiting {
    core: Weak<Core>,
    facts: PeerFacts,
    link: LinkId,
    outgoing: PipeReader,
}

/// Two sockets that are joined.
#[derive(Debug)]
struct Joint {
    ends: [JointEnd; 2],
}

#[derive(Debug)]
struct JointEnd {
    core: Weak<Core>,
    link: LinkId,
    key: PeerKey,
}

fn facts_of(core: &Core, endpoint: &Endpoint) -> PeerFacts {
    let options = core.options();
    let (socket_type, identity) = (core.socket_type(), options.identity.clone());
    let mut properties = PeerProperties::default();
    properties.endpoint = endpoint.to_string().into();
    properties.local = Arc::clone(&properties.endpoint);
    properties.address = Arc::clone(&properties.endpoint);
    properties.socket_type = Some(socket_type);
    properties.identity.clone_from(&identity);
    properties.metadata.clone_from(&options.metadata);
    PeerFacts { socket_type, identity, commands: true, properties: Some(Arc::new(properties)) }
}

/// Binds `name`; whoever waits for it is joined.
pub(crate) fn bind(core: &Arc<Core>, name: &str, endpoint: Endpoint) -> Result<(), BindError> {
    let registry = &core.context.inproc;
    let waiting = {
        let mut names = registry.names.lock();
        let entry = names.entry(name.to_owned()).or_default();
        if entry.bound.upgrade().is_some_and(|bound| !bound.is_closing()) {
            return Err(BindError::InUse { endpoint: endpoint.to_string() });
        }
        entry.bound = Arc::downgrade(core);
        // The others wait for one that suits them.
        entry.waiting.extract_if(.., |waiting| joins(core, waiting.facts.socket_type)).collect::<Vec<_>>()
    };
    if !core.add(endpoint.to_string(), endpoint.clone(), Role::BoundInproc, Stopper::new()) {
        registry.names.lock().entry(name.to_owned()).or_default().waiting.extend(waiting);
        close(core);
        return Err(BindError::Closed);
    }
    for waiting in waiting {
        match waiting.core.upgrade() {
            Some(from) => join(&from, waiting.link, waiting.outgoing, core, &endpoint),
            None => inherit(core, waiting),
        }
    }
    Ok(())
}

/// Whether `core` is joined to a socket of this type.
fn joins(core: &Core, theirs: SocketType) -> bool {
    core.socket_type().accepts(theirs) || core.options().as_libzmq
}

/// What `core` is shown of the type of a socket that it is joined to: one that suits it.
fn shown(core: &Core, mut facts: PeerFacts) -> PeerFacts {
    if !core.socket_type().accepts(facts.socket_type) {
        facts.socket_type = core.socket_type().peers()[0];
    }
    facts
}

/// Takes what a socket sent that connected, and was closed, before anyone bound.
fn inherit(core: &Core, waiting: Waiting) {
    let link = core.hub.open();
    let (writer, _) = core.direct_pipe();
    if core.hub.attach(link, writer).is_ok()
        && let Ok(key) = core.hub.up(link, shown(core, waiting.facts), waiting.outgoing)
    {
        core.hub.down(key);
    }
    core.hub.release(link);
}

/// Whether a socket is bound to `name`.
pub(crate) fn is_bound(context: &ContextInner, name: &str) -> bool {
    let names = context.inproc.names.lock();
    names.get(name).and_then(|entry| entry.bound.upgrade()).is_some_and(|bound| !bound.is_closing())
}

/// Connects to `name`, now or when it is bound.
pub(crate) fn connect(
    core: &Arc<Core>,
    endpoint: Endpoint,
    inproc: &str,
    name: Option<RoutingId>,
) -> Result<LinkId, ConnectError> {
    let registry = &core.context.inproc;
    let mut names = registry.names.lock();
    let bound = names.get(inproc).and_then(|name| name.bound.upgrade()).filter(|bound| !bound.is_closing());
    check_types(core, bound.as_deref(), &endpoint)?;
    let link = core.open_link(name)?;
    let (writer, outgoing) = core.direct_pipe();
    if core.hub.attach(link, writer).is_err() {
        core.hub.release(link);
        return Err(ConnectError::Busy(core.socket_type()));
    }
    if !core.add(endpoint.to_string(), endpoint.clone(), Role::ConnectedInproc(link), Stopper::new()) {
        core.hub.close_link(link);
        return Err(ConnectError::Closed);
    }
    let Some(bound) = bound else {
        let name = names.entry(inproc.to_owned()).or_default();
        name.waiting.push(Waiting { core: Arc::downgrade(core), facts: facts_of(core, &endpoint), link, outgoing });
        return Ok(link);
    };
    drop(names);
    join(core, link, outgoing, &bound, &endpoint);
    Ok(link)
}

fn check_types(core: &Core, bound: Option<&Core>, endpoint: &Endpoint) -> Result<(), ConnectError> {
    match bound.map(Core::socket_type) {
        Some(theirs) if !joins(core, theirs) => {
            let ours = core.socket_type();
            Err(ConnectError::Incompatible { ours, theirs, endpoint: endpoint.to_string() })
        }
        _ => Ok(()),
    }
}

/// Joins the connecting socket `from` to the bound socket `to`. The mark of each pipe is the sum of both sides'.
fn join(from: &Arc<Core>, link: LinkId, outgoing: PipeReader, to: &Arc<Core>, at: &Endpoint) {
    let (ours, theirs) = (from.marks(), to.marks());
    outgoing.set_mark(ours.send.joined(theirs.recv));
    let (mut writer, incoming) = to.direct_pipe();
    writer.set_mark(theirs.send.joined(ours.recv));
    let to_link = to.hub.open();
    // Either end may ask for the last message only.
    if to.conflates_incoming() {
        from.hub.set_conflated(link);
        outgoing.conflate();
    }
    if from.conflates_incoming() {
        to.hub.set_conflated(to_link);
        writer.conflate();
    }
    let attached = to.hub.attach(to_link, writer).is_ok();
    let Some(to_key) = attached.then(|| to.hub.up(to_link, shown(to, facts_of(from, at)), outgoing).ok()).flatten()
    else {
        // The bound socket takes no further peer: what was queued for it is lost, and counted.
        to.hub.release(to_link);
        from.hub.detach(link);
        return;
    };
    let Ok(key) = from.hub.up(link, shown(from, facts_of(to, at)), incoming) else {
        to.hub.down(to_key);
        to.hub.release(to_link);
        return;
    };
    let ends = [
        JointEnd { core: Arc::downgrade(from), link, key },
        JointEnd { core: Arc::downgrade(to), link: to_link, key: to_key },
    ];
    from.context.inproc.joints.lock().push(Joint { ends });
    // One of them may have closed, or left, before it could see this joint.
    let is_over = |(core, link): &(&Arc<Core>, LinkId)| core.is_closing() || !core.hub.has_link(*link);
    [(from, link), (to, to_link)].into_iter().filter(is_over).for_each(|(core, link)| {
        part(core, Some(link));
    });
}

/// Gives all pipes of `core` new marks. Those of a joint have the sum of both sides'.
pub(crate) fn set_marks(core: &Core, marks: Marks) {
    let joints = core.context.inproc.joints.lock();
    let others = joints.iter().filter_map(|joint| match &joint.ends {
        [end, other] | [other, end] if std::ptr::eq(end.core.as_ptr(), core) => Some((end.link, other.core.upgrade()?)),
        _ => None,
    });
    let others: Vec<(LinkId, Marks)> = others.map(|(link, other)| (link, other.marks())).collect();
    drop(joints);
    core.hub.set_marks(|link| match others.iter().find(|(joined, _)| *joined == link) {
        Some((_, theirs)) => (marks.send.joined(theirs.recv), theirs.send.joined(marks.recv)),
        None => (marks.send, marks.recv),
    });
}

/// Takes a connected name off `core`. What it sent may still be received there, and by whoever binds the name later; what it
/// received is gone.
pub(crate) fn disconnect(core: &Core, link: LinkId) {
    core.hub.leave_link(link);
    let mut names = core.context.inproc.names.lock();
    forget(&mut names, core, Some(link));
    drop(names);
    part(core, Some(link));
}

/// Frees a bound name. Sockets that are joined stay joined.
pub(crate) fn unbind(core: &Core, endpoint: &Endpoint) {
    if let Endpoint::Inproc(name) = endpoint {
        let mut names = core.context.inproc.names.lock();
        if let Some(entry) = names.get_mut(name.as_str())
            && std::ptr::eq(entry.bound.as_ptr(), core)
        {
            entry.bound = Weak::new();
            if !entry.is_used() {
                names.remove(name.as_str());
            }
        }
    }
}

/// The socket is closed: its peers are told, and may still receive what it sent.
pub(crate) fn close(core: &Core) {
    part(core, None);
    let mut names = core.context.inproc.names.lock();
    names.values_mut().filter(|entry| std::ptr::eq(entry.bound.as_ptr(), core)).for_each(|entry| {
        entry.bound = Weak::new();
    });
    forget(&mut names, core, None);
}

/// What `core` sent before anyone bound waits on; a pipe with nothing in it does not.
fn forget(names: &mut HashMap<String, Name>, core: &Core, link: Option<LinkId>) {
    let spent = |w: &Waiting| {
        std::ptr::eq(w.core.as_ptr(), core) && link.is_none_or(|link| w.link == link) && w.outgoing.queued() == 0
    };
    names.retain(|_, name| {
        name.waiting.retain(|waiting| !spent(waiting));
        name.is_used()
    });
}

/// Takes `core` off its peers, with all that it sent and they have not received.
pub(crate) fn retract(core: &Core) {
    part_as(core, None, |peer, end| {
        peer.hub.close_link(end.link);
    });
}

/// Parts the joints of `core`, or the one of its `link`: the other ends lose their peer.
fn part(core: &Core, link: Option<LinkId>) {
    part_as(core, link, |peer, end| {
        peer.hub.down(end.key);
        peer.hub.release(end.link);
        peer.forget_joined(end.link);
    });
}

fn part_as(core: &Core, link: Option<LinkId>, lose: impl Fn(&Core, &JointEnd)) {
    let ours = |end: &JointEnd| std::ptr::eq(end.core.as_ptr(), core) && link.is_none_or(|link| end.link == link);
    let parted: Vec<Joint> =
        core.context.inproc.joints.lock().extract_if(.., |joint| joint.ends.iter().any(ours)).collect();
    for end in parted.iter().flat_map(|joint| &joint.ends).filter(|end| !ours(end)) {
        if let Some(peer) = end.core.upgrade() {
            lose(&peer, end);
        }
    }
}
