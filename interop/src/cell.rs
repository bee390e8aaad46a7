//! One cell of the matrix: a socket of ours, one of libzmq's, who binds, over what, and what they say.
//!
//! The conversation follows from the two types. Everything said is checked frame by frame, and nothing is
//! said before it is certain to be heard.

use std::sync::LazyLock;
use std::time::Duration;

use monocoque::SocketType::{
    Channel, Client, Dealer, Dish, Gather, Peer, Pub, Radio, Rep, Req, Router, Scatter, Server, XPub, XSub,
};
use monocoque::{Frame, Message, SocketType};
use tempfile::TempDir;

use crate::deadline::eventually;
use crate::party::{Local, Ours, Party, Shared, Theirs};

const OUR_NAME: &str = "ours";
const THEIR_NAME: &str = "theirs";

/// Around every limit of framing and buffering: inline bodies, short frames, slabs, gathered writes.
pub const BODY_BYTES: [usize; 12] =
    [0, 1, 70, 71, 255, 256, 8191, 8192, 64 * 1024 - 9, 64 * 1024, 300 * 1024, 1024 * 1024];
/// Between two looks at something that can only be asked for.
const MOMENT: Duration = Duration::from_millis(10);
/// The largest body that is tried.
pub const HUGE_BYTES: usize = 64 * 1024 * 1024;

/// Who binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binder {
    /// Monocoque binds, libzmq connects.
    We,
    /// libzmq binds, Monocoque connects.
    They,
}

/// Over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Loopback, a port that the system chooses.
    Tcp,
    /// A path in a folder of the test's own.
    Ipc,
    /// WebSocket over loopback, a port that the system chooses.
    Ws,
}

/// One cell of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Monocoque's socket.
    pub ours: SocketType,
    /// libzmq's socket.
    pub theirs: SocketType,
    /// Who binds.
    pub binder: Binder,
    /// Over what.
    pub transport: Transport,
}

impl Cell {
    /// Messages of every shape and of all of [`BODY_BYTES`], in each direction that the types have.
    pub fn talk(self) {
        self.exchange(&Shared::new(self.ours, OUR_NAME), shapes());
    }

    /// [`talk`](Self::talk), with our socket in local placement.
    pub fn talk_locally(self) {
        self.exchange(&Local::new(self.ours, OUR_NAME), shapes());
    }

    /// A body of [`HUGE_BYTES`] in each direction that the types have, alone and as part of a message.
    pub fn talk_hugely(self) {
        static HUGE: LazyLock<Frame> = LazyLock::new(|| body(HUGE_BYTES));
        let parted = Message::multipart([Frame::from("before"), HUGE.clone(), Frame::from("after")]);
        self.exchange(&Shared::new(self.ours, OUR_NAME), [Message::single(HUGE.clone()), parted]);
    }

    fn exchange(self, ours: &dyn Ours, messages: impl IntoIterator<Item = Message>) {
        let theirs = Theirs::new(self.theirs, THEIR_NAME);
        let _folder = self.join(ours, &theirs);
        ours.wait_for_peer();
        self.subscribe(ours, &theirs);
        for message in messages {
            self.say(ours, &theirs, &message);
        }
    }

    /// Frames of all of [`BODY_BYTES`] between two types that send single ones, in each direction that the types have.
    pub fn talk_singly(self) {
        let ours = Shared::new(self.ours, OUR_NAME);
        let theirs = Theirs::new(self.theirs, THEIR_NAME);
        if self.ours == Peer {
            return self.talk_by_name(&ours, &theirs);
        }
        let _folder = self.join(&ours, &theirs);
        ours.wait_for_peer();
        join_group(self.ours, &ours, &theirs);
        for bytes in BODY_BYTES {
            let message = Message::single(body(bytes));
            match (self.ours, self.theirs) {
                (Client, _) => ask(&ours, &theirs, &message),
                (Server, _) => ask(&theirs, &ours, &message),
                (Scatter, _) => pass(&ours, &theirs, &message),
                (Gather, _) => pass(&theirs, &ours, &message),
                (Channel, _) => {
                    pass(&ours, &theirs, &message);
                    pass(&theirs, &ours, &message);
                }
                (Radio, _) => send_to_groups(&ours, &theirs, &message),
                (Dish, _) => send_to_groups(&theirs, &ours, &message),
                pair => unreachable!("{pair:?} is no pair of single frames"),
            }
        }
    }

    /// Between PEERs whoever connects knows a name, and speaks first; what is said before the connection waits.
    fn talk_by_name(self, ours: &Shared, theirs: &Theirs) {
        let (_folder, wildcard) = self.endpoint();
        let (speaks, hears): (&dyn Party, &dyn Party) = match self.binder {
            Binder::We => (theirs, ours),
            Binder::They => (ours, theirs),
        };
        let name = speaks.connect_peer(&hears.bind(&wildcard));
        for bytes in BODY_BYTES {
            let message = behind(Frame::from(&name), &Message::single(body(bytes)));
            speaks.send(message.clone());
            let heard = hears.recv();
            assert!(heard.frames()[1..] == message.frames()[1..], "{bytes} bytes arrive");
            hears.send(heard);
            assert!(speaks.recv() == message, "{bytes} bytes come back");
        }
    }

    /// Where to bind, and the folder that it is in if it is in one.
    fn endpoint(self) -> (Option<TempDir>, String) {
        match self.transport {
            Transport::Tcp => (None, "tcp://127.0.0.1:*".to_owned()),
            Transport::Ws => (None, "ws://127.0.0.1:*/zeromq".to_owned()),
            Transport::Ipc => {
                let folder = tempfile::tempdir().expect("a folder");
                let endpoint = format!("ipc://{}/socket", folder.path().display());
                (Some(folder), endpoint)
            }
        }
    }

    fn join(self, ours: &dyn Ours, theirs: &Theirs) -> Option<TempDir> {
        let (folder, endpoint) = self.endpoint();
        match self.binder {
            Binder::We => theirs.connect(&ours.bind(&endpoint)),
            Binder::They => ours.connect(&theirs.bind(&endpoint)),
        }
        folder
    }

    /// Has the subscribing side, if there is one, subscribe to everything, and waits until the publisher knows.
    fn subscribe(self, ours: &dyn Ours, theirs: &Theirs) {
        if self.ours.publishes() {
            subscribe_to_all(theirs, self.theirs);
            eventually("the subscription arrives", || {
                theirs.take_note();
                ours.has_subscriber_within(MOMENT).then_some(())
            });
            if self.ours == XPub {
                assert_eq!(ours.recv(), Message::from(&[1]));
            }
        } else if self.theirs.publishes() {
            subscribe_to_all(ours, self.ours);
            if self.theirs == XPub {
                assert_eq!(theirs.recv(), Message::from(&[1]));
            } else {
                // A PUB of libzmq tells nobody when it knows, so it is asked for a message until one comes.
                eventually("the subscription arrives", || {
                    theirs.send(Message::from("probe"));
                    ours.recv_within(MOMENT)
                });
                theirs.send(Message::from("begin"));
                eventually("the probes end", || (ours.recv() == Message::from("begin")).then_some(()));
            }
        }
    }

    /// Says `message` in every direction. We begin where both may, since then theirs knows us when it answers.
    fn say(self, ours: &dyn Ours, theirs: &Theirs, message: &Message) {
        let (our_end, their_end) =
            (End::of(self.ours, self.theirs, THEIR_NAME), End::of(self.theirs, self.ours, OUR_NAME));
        let there = || tell(ours, &our_end, theirs, &their_end, message);
        let back = || tell(theirs, &their_end, ours, &our_end, message);
        if asks(self.theirs, self.ours) {
            back();
            return there();
        }
        if flows(self.ours, self.theirs) {
            there();
        }
        if flows(self.theirs, self.ours) {
            back();
        }
    }
}

/// `message` with `front` before it.
fn behind(front: Frame, message: &Message) -> Message {
    std::iter::once(front).chain(message.frames().iter().cloned()).collect()
}

fn pass(from: &dyn Party, to: &dyn Party, message: &Message) {
    from.send(message.clone());
    assert!(to.recv() == *message, "{message:?} arrives");
}

/// A CLIENT asks, a SERVER answers by the name that it was shown.
fn ask(client: &dyn Party, server: &dyn Party, message: &Message) {
    client.send(message.clone());
    let asked = server.recv();
    assert!(asked.frames()[1..] == *message.frames(), "{message:?} arrives");
    server.send(asked);
    assert!(client.recv() == *message, "{message:?} comes back");
}

const GROUP: &str = "group";

/// Has the DISH, if there is one, join a group, and waits until the RADIO knows.
fn join_group(our_type: SocketType, ours: &Shared, theirs: &Theirs) {
    if our_type == Radio {
        theirs.subscribe(GROUP.as_bytes());
        eventually("the membership arrives", || {
            theirs.take_note();
            ours.has_subscriber_within(MOMENT).then_some(())
        });
    } else if our_type == Dish {
        ours.subscribe(GROUP.as_bytes());
        // A RADIO of libzmq tells nobody when it knows, so it is asked for a message until one comes.
        let of_group = |text: &str| behind(Frame::from(GROUP), &Message::from(text));
        eventually("the membership arrives", || {
            theirs.send(of_group("probe"));
            ours.recv_within(MOMENT)
        });
        theirs.send(of_group("begin"));
        eventually("the probes end", || (ours.recv() == of_group("begin")).then_some(()));
    }
}

/// The RADIO sends to the group of the DISH, and to others whose names only resemble it.
fn send_to_groups(radio: &dyn Party, dish: &dyn Party, message: &Message) {
    let of = |group: &str| behind(Frame::from(group), message);
    ["grou", GROUP, "groups"].into_iter().for_each(|group| radio.send(of(group)));
    assert!(dish.recv() == of(GROUP), "{message:?} arrives, and nothing else");
}

fn subscribe_to_all(party: &(impl Party + ?Sized), socket_type: SocketType) {
    match socket_type {
        XSub => party.send(Message::from(&[1])),
        _ => party.subscribe(b""),
    }
}

/// Whether `from` must speak first because `to` can only answer.
fn asks(from: SocketType, to: SocketType) -> bool {
    to == Rep || from == Req
}

/// Whether messages of users pass from one type to the other.
fn flows(from: SocketType, to: SocketType) -> bool {
    // A PUB throws away what its subscribers send; an XPUB gives it to its user.
    from.sends() && to.receives() && to != Pub
}

/// What a type shows its user in front of a message: the same when it sends and when it receives.
struct End(Vec<Frame>);

impl End {
    fn of(own: SocketType, other: SocketType, other_name: &str) -> Self {
        let mut envelope = Vec::new();
        if own == Router {
            envelope.push(Frame::from(other_name));
        }
        if matches!(own, Router | Dealer) && matches!(other, Req | Rep) {
            envelope.push(Frame::new());
        }
        Self(envelope)
    }

    fn wrap(&self, message: &Message) -> Message {
        self.0.iter().chain(message.frames()).cloned().collect()
    }
}

fn tell(from: &(impl Party + ?Sized), from_end: &End, to: &(impl Party + ?Sized), to_end: &End, message: &Message) {
    from.send(from_end.wrap(message));
    let received = to.recv();
    // Not `assert_eq`: where bodies differ, its output is no help.
    assert!(received == to_end.wrap(message), "sent {message:?}, but received {received:?}");
}

/// A body whose bytes tell their place. It begins with neither 0 nor 1, which would be a subscription from an XSUB.
pub fn body(bytes: usize) -> Frame {
    Frame::from((0..bytes).map(|at| (at.wrapping_mul(31) % 251) as u8 | 0x80).collect::<Vec<u8>>())
}

/// Every shape of message: one frame of each size, several frames, and empty frames in each place.
fn shapes() -> Vec<Message> {
    let mut shapes: Vec<Message> = BODY_BYTES.into_iter().map(|bytes| Message::single(body(bytes))).collect();
    shapes.push(BODY_BYTES.into_iter().map(body).collect());
    shapes.extend([
        Message::from(["first", "second", "third"]),
        Message::from(["", "behind an empty frame"]),
        Message::from(["before an empty frame", ""]),
        Message::from(["around", "", "an empty frame"]),
        Message::from(["", "", ""]),
    ]);
    shapes.push((0..1000).map(|at| body(at % 300)).collect());
    shapes
}

/// Tests for every way of joining each pair of types: `MODULE: OURS THEIRS;` gives six, named
/// `MODULE::tcp_we_bind` and so on, that call the method of [`Cell`] named first.
#[macro_export]
macro_rules! cells {
    ($method:ident: $($name:ident: $ours:ident $theirs:ident;)*) => {
        /// Every pair above: our type, theirs.
        pub const PAIRS: &[(monocoque::SocketType, monocoque::SocketType)] =
            &[$((monocoque::SocketType::$ours, monocoque::SocketType::$theirs)),*];

        $(mod $name {
            $crate::cells!(@ $method $ours $theirs tcp_we_bind Tcp We);
            $crate::cells!(@ $method $ours $theirs tcp_they_bind Tcp They);
            $crate::cells!(@ $method $ours $theirs ipc_we_bind Ipc We);
            $crate::cells!(@ $method $ours $theirs ipc_they_bind Ipc They);
            $crate::cells!(@ $method $ours $theirs ws_we_bind Ws We);
            $crate::cells!(@ $method $ours $theirs ws_they_bind Ws They);
        })*
    };
    (@ $method:ident $ours:ident $theirs:ident $name:ident $transport:ident $binder:ident) => {
        #[test]
        fn $name() {
            let cell = $crate::cell::Cell {
                ours: monocoque::SocketType::$ours,
                theirs: monocoque::SocketType::$theirs,
                binder: $crate::cell::Binder::$binder,
                transport: $crate::cell::Transport::$transport,
            };
            cell.$method();
        }
    };
}
