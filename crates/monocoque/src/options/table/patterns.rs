//! How messages are routed.

use monocoque_core::SocketType::{
    self, Client, Dealer, Dish, Peer, Pub, Radio, Req, Router, Server, Stream, Sub, XPub, XSub,
};
use monocoque_pattern::RouterNotify;

use crate::core::Core;
use crate::options::Options;
use crate::options::SocketOption;
use crate::options::spec::{Form, OptionSpec, OptionValue};

pub(super) const GREETERS: &[SocketType] = &[Router, Dealer, Client, Server, Peer];
pub(super) const HICCUPS: &[SocketType] = &[Dealer, Client, Peer];

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(SocketOption::SUBSCRIBE, "Subscribes to all that begins with these bytes", Form::Done(subscribe))
        .of(&[Sub, XPub])
        .at_once()
        .by("subscribe"),
    OptionSpec::new(SocketOption::UNSUBSCRIBE, "Takes one subscription back", Form::Done(unsubscribe))
        .of(&[Sub, XPub])
        .at_once()
        .by("unsubscribe"),
    OptionSpec::new(
        SocketOption::TOPICS_COUNT,
        "Different topics that peers, or this socket, subscribed to",
        Form::Told(|core| OptionValue::Int(core.hub.topics() as i64)),
    )
    .of(&[Pub, XPub, Sub, XSub, Radio, Dish])
    .by("topics"),
    switch(
        SocketOption::ROUTER_MANDATORY,
        "What has no route is an error, and what has no room waits, instead of a counted drop",
        |options| options.hub.router_mandatory,
        |options, on| options.hub.router_mandatory = on,
    )
    .of(&[Router])
    .by("router_mandatory"),
    switch(
        SocketOption::ROUTER_HANDOVER,
        "A new peer with a known routing id takes it over",
        |options| options.hub.router_handover,
        |options, on| options.hub.router_handover = on,
    )
    .of(&[Router])
    .by("router_handover"),
    switch(
        SocketOption::PROBE_ROUTER,
        "Sends an empty message to each new peer, so that a ROUTER there learns this socket's name",
        |options| options.hub.probe_router,
        |options, on| options.hub.probe_router = on,
    )
    .of(&[Router, Dealer, Req])
    .by("probe_router"),
    OptionSpec::new(
        SocketOption::ROUTER_NOTIFY,
        "An empty message is received of each peer that comes (1), goes (2), or both (3)",
        Form::Int {
            min: 0,
            max: 3,
            get: |options| {
                let notify = options.hub.router_notify;
                i64::from(notify.connect) | i64::from(notify.disconnect) << 1
            },
            set: |options, bits| {
                options.hub.router_notify = RouterNotify { connect: bits & 1 != 0, disconnect: bits & 2 != 0 };
            },
        },
    )
    .of(&[Router])
    .at_once()
    .by("router_notify"),
    OptionSpec::new(
        SocketOption::STREAM_NOTIFY,
        "An empty message is received of each connection that comes and that goes",
        Form::Flag {
            get: |options| options.hub.router_notify.connect,
            set: |options, on| options.hub.router_notify = RouterNotify { connect: on, disconnect: on },
        },
    )
    .of(&[Stream])
    .at_once()
    .by("stream_notify"),
    OptionSpec::new(
        SocketOption::ROUTER_RAW,
        "Connections speak no protocol, as those of a STREAM",
        Form::Flag {
            get: |options| options.hub.raw,
            set: |options, on| {
                let was = std::mem::replace(&mut options.hub.raw, on);
                if on != was {
                    options.hub.router_notify = RouterNotify { connect: on, disconnect: on };
                }
            },
        },
    )
    .of(&[Router])
    .by("router_raw"),
    switch(
        SocketOption::REQ_CORRELATE,
        "An id goes before every request; a reply with another is dropped",
        |options| options.hub.req_correlate,
        |options, on| options.hub.req_correlate = on,
    )
    .of(&[Req])
    .by("correlate"),
    switch(
        SocketOption::REQ_RELAXED,
        "A second send before the reply gives the first request up; a late reply to that is known by REQ_CORRELATE only, which `relaxed` turns on too",
        |options| options.hub.req_relaxed,
        |options, on| options.hub.req_relaxed = on,
    )
    .of(&[Req])
    .by("relaxed"),
    switch(
        SocketOption::XPUB_VERBOSE,
        "Every subscription is reported, not only the first of a topic",
        |options| options.hub.xpub_verbose,
        |options, on| (options.hub.xpub_verbose, options.hub.xpub_verboser) = (on, false),
    )
    .of(&[XPub])
    .by("xpub_verbose"),
    switch(
        SocketOption::XPUB_VERBOSER,
        "Every subscription is reported, and every one that is taken back",
        |options| options.hub.xpub_verboser,
        |options, on| (options.hub.xpub_verbose, options.hub.xpub_verboser) = (false, on),
    )
    .of(&[XPub])
    .by("xpub_verboser"),
    switch(
        SocketOption::XPUB_MANUAL,
        "Subscriptions are told, and not in force until they are granted",
        |options| options.hub.xpub_manual,
        |options, on| options.hub.xpub_manual = on,
    )
    .of(&[XPub])
    .by("xpub_manual"),
    switch(
        SocketOption::XPUB_MANUAL_LAST_VALUE,
        "Manual, and the message after a notice goes to the peer of that notice only",
        |options| options.hub.xpub_manual_last_value,
        |options, on| options.hub.xpub_manual_last_value = on,
    )
    .of(&[XPub])
    .by("xpub_manual_last_value"),
    OptionSpec::new(
        SocketOption::XPUB_WELCOME_MSG,
        "What each new peer is sent before everything else",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.hub.xpub_welcome.as_ref().map(|message| message.first().to_vec()),
            set: |options, bytes| {
                options.hub.xpub_welcome = bytes.filter(|bytes| !bytes.is_empty()).map(Into::into);
                Ok(())
            },
        },
    )
    .of(&[Pub, XPub])
    .at_once()
    .by("welcome"),
    switch(
        SocketOption::XPUB_NODROP,
        "Waits for a full subscriber instead of dropping its copy",
        |options| options.hub.no_drop,
        |options, on| options.hub.no_drop = on,
    )
    .of(&[Pub, XPub, Radio])
    .by("no_drop"),
    switch(
        SocketOption::INVERT_MATCHING,
        "Messages go to those whose subscriptions do not match; set on both sides",
        |options| options.hub.invert_matching,
        |options, on| options.hub.invert_matching = on,
    )
    .of(&[Pub, XPub, Sub])
    .by("invert_matching"),
    switch(
        SocketOption::ONLY_FIRST_SUBSCRIBE,
        "A subscriber's message whose first frame is no subscription has none in its other frames",
        |options| options.hub.only_first_subscribe,
        |options, on| options.hub.only_first_subscribe = on,
    )
    .of(&[Pub, XPub, XSub])
    .by("only_first_subscribe"),
    switch(
        SocketOption::XSUB_VERBOSE_UNSUBSCRIBE,
        "Every subscription that is taken back is told, not only the last of a topic",
        |options| options.hub.xsub_verbose_unsubscribe,
        |options, on| options.hub.xsub_verbose_unsubscribe = on,
    )
    .of(&[XSub])
    .by("xsub_verbose_unsubscribe"),
];

const fn switch(
    option: SocketOption,
    about: &'static str,
    get: fn(&Options) -> bool,
    set: fn(&mut Options, bool),
) -> OptionSpec {
    OptionSpec::new(option, about, Form::Flag { get, set }).at_once()
}

fn subscribe(core: &Core, topic: &[u8]) {
    match core.socket_type() {
        XPub => drop(core.hub.grant_subscription(topic)),
        _ => core.hub.subscribe(topic),
    }
}

fn unsubscribe(core: &Core, topic: &[u8]) {
    match core.socket_type() {
        XPub => core.hub.revoke_subscription(topic),
        _ => core.hub.unsubscribe(topic),
    };
}
