//! What the two sides of a scenario do, the same for every library.

mod fan;
mod stream;
mod trip;

use std::thread;

use crate::curve::Keys;
use crate::failure::{Failure, Outcome};
use crate::library::{End, Kind, Library, Setup};
use crate::line::Line;
use crate::order::{Order, Role};

/// Plays a role on this thread; returns only if it fails, or if it has nothing more to do.
pub fn play<L: Library>(library: &'static L, order: &Order) -> Outcome {
    match order.role() {
        Role::PushPull => return pair(library, order, Role::Pull, Role::Push),
        Role::ReqRep => return pair(library, order, Role::Rep, Role::Req),
        _ => {}
    }
    library.run(async {
        match order.role() {
            Role::Push if order.peers > 1 => fan::push_many(library, order).await,
            Role::Pull if order.peers > 1 => fan::pull_many(library, order).await,
            Role::Push => stream::push(library, order).await,
            Role::Pull => stream::pull(library, order).await,
            Role::Req => trip::req(library, order).await,
            Role::Rep => trip::answer(library, order, Kind::Rep).await,
            Role::Dealer => trip::dealer(library, order).await,
            Role::Router => trip::answer(library, order, Kind::Router).await,
            Role::Churn => trip::churn(library, order).await,
            Role::Pub => fan::publish(library, order).await,
            Role::Sub => fan::subscribe(library, order).await,
            Role::PushPull | Role::ReqRep => unreachable!("played by two threads"),
        }
    })
}

/// Both roles in this process, each on a thread; the one that binds is first.
fn pair<L: Library>(library: &'static L, order: &Order, binds: Role, connects: Role) -> Outcome {
    let first = order.playing(binds);
    let second = order.playing(connects);
    // A failure of either is the failure of both, and neither ends well.
    let (sender, failures) = std::sync::mpsc::channel();
    let also = sender.clone();
    thread::spawn(move || sender.send(play(library, &first)));
    READY.wait();
    thread::spawn(move || also.send(play(library, &second)));
    failures.recv().unwrap_or_else(|_| Err(Failure::failed("a thread of the pair is gone")))
}

/// Opens when the endpoint is bound.
static READY: Gate = Gate::new();

struct Gate {
    open: std::sync::Mutex<bool>,
    opened: std::sync::Condvar,
}

impl Gate {
    const fn new() -> Self {
        Self { open: std::sync::Mutex::new(false), opened: std::sync::Condvar::new() }
    }

    fn wait(&self) {
        let open = self.open.lock().expect("nothing panics with it");
        // Not for ever: the thread that would open it may have failed, which its message says.
        let _ = self.opened.wait_timeout_while(open, std::time::Duration::from_secs(2), |open| !*open);
    }

    /// Opens it; says whether it was closed.
    fn open(&self) -> bool {
        let mut open = self.open.lock().expect("nothing panics with it");
        self.opened.notify_all();
        !std::mem::replace(&mut *open, true)
    }
}

/// Says once that the endpoint is bound.
fn bound() {
    if READY.open() {
        Line::Ready.print();
    }
}

/// Opens the socket that binds.
async fn bind<L: Library>(library: &'static L, order: &Order, kind: Kind) -> Outcome<L::Socket> {
    let socket = library.open(setup(order, kind, End::Bind)).await?;
    bound();
    Ok(socket)
}

/// Opens a socket that connects.
async fn connect<L: Library>(library: &'static L, order: &Order, kind: Kind) -> Outcome<L::Socket> {
    library.open(setup(order, kind, End::Connect)).await
}

fn setup(order: &Order, kind: Kind, end: End) -> Setup<'_> {
    Setup {
        kind,
        end,
        endpoint: &order.endpoint,
        no_drop: order.no_drop && kind == Kind::Pub,
        keys: order.curve.then(|| Keys::of(end)),
        peers: order.peers,
        bound,
    }
}

/// Whether both sides are in this process, so that one report is for both.
fn is_pair(order: &Order) -> bool {
    order.endpoint.starts_with("inproc:")
}
