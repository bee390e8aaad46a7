//! Connections that are silent: they are no tasks, and one descriptor waits for all those of a runtime.
//!
//! A connection that has nothing to do is a task which waits, with an operation of the engine in flight. When that lasts it
//! gives both up: what is left of it is kept here, in one piece, until its link has something to read (`epoll`), there is
//! something to write, or it is stopped. Then it is a task again. A connection that has just begun is parked after some
//! [`SOON`], since many only wait; one that came from here after [`LATER`], so that whoever speaks now and then pays for it
//! seldom.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::{Future, poll_fn, ready};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use compio::driver::op::Interest;
use rustix::event::epoll;

use crate::connection::{Begin, Stay, yield_now};
use crate::mailbox::{LocalFuture, Mailbox};
use crate::placement::Home;
use crate::readiness::until;
use crate::task::{Stillness, Task};

/// Between two looks at those that have just begun.
const SOON: Duration = Duration::from_millis(1);
/// Between two looks at those that were parked before.
const LATER: Duration = Duration::from_secs(1);
/// Events that are taken at once.
const EVENTS_MAX: usize = 64;
/// Looks in a row before the other tasks of the thread have their turn: some are parked, with system calls each.
const LOOKS_MAX: usize = 64;

/// Who is parked.
pub(crate) trait Guest {
    /// What is readable when it has something to do.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Has `waker` called when it has something to do for another reason; whether it has nothing to do by now.
    fn waits(&mut self, waker: &Waker) -> bool;

    /// What it does from here on, and where it goes when it is silent again.
    fn leave(self: Box<Self>, home: Home, begin: Begin, stay: Stay) -> LocalFuture;
}

/// Where one is parked, and which of those that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    place: u32,
    generation: u32,
}

impl Key {
    fn number(self) -> u64 {
        u64::from(self.place) << 32 | u64::from(self.generation)
    }

    fn of(number: u64) -> Self {
        Self { place: (number >> 32) as u32, generation: number as u32 }
    }
}

/// One runtime's. Lives on its thread.
#[derive(Debug, Clone)]
pub(crate) struct Parking(Rc<Lot>);

#[derive(Debug)]
struct Lot {
    mailbox: Arc<Mailbox>,
    /// Made at first need.
    epoll: OnceCell<Arc<OwnedFd>>,
    places: RefCell<Vec<Place>>,
    vacant: RefCell<Vec<u32>>,
    is_closed: Cell<bool>,
    /// The task that waits for `epoll`, while anybody is parked.
    watch: RefCell<Watch>,
    soon: Rounds,
    later: Rounds,
}

#[derive(Default)]
struct Place {
    generation: u32,
    guest: Option<Box<dyn Guest>>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("taken", &self.guest.is_some()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
enum Watch {
    #[default]
    None,
    Begun,
    Waits(Waker),
}

/// Those that are to be parked if they are idle for longer.
#[derive(Debug)]
struct Rounds {
    every: Duration,
    idle: RefCell<Vec<Weak<Task>>>,
    /// A task looks at them.
    runs: Cell<bool>,
}

impl Rounds {
    fn new(every: Duration) -> Self {
        Self { every, idle: RefCell::default(), runs: Cell::new(false) }
    }
}

impl Home {
    /// Connections that are silent, and no tasks while they are.
    pub fn parked(&self) -> usize {
        self.parking.0.taken()
    }

    /// The task that is being polled has nothing to do.
    pub(crate) fn rests(&self, stay: Stay) {
        let Some(rounds) = self.parking.rounds(stay) else { return };
        let Some(task) = self.spin.current() else { return };
        task.turn(Stillness::New);
        if task.list(true) {
            return;
        }
        rounds.idle.borrow_mut().push(Rc::downgrade(&task));
        if !rounds.runs.replace(true) {
            compio::runtime::spawn(go_rounds(self.clone(), stay)).detach();
        }
    }

    /// The task that is being polled may have something to do again; `false` if it is to be parked instead.
    pub(crate) fn works_again(&self) -> bool {
        self.spin.current().is_none_or(|task| task.turn(Stillness::None) != Stillness::Parting)
    }

    /// Parks `guest`, unless it has something to do by now, or the system has no means for it.
    pub(crate) fn park(&self, mut guest: Box<dyn Guest>) {
        let lot = &*self.parking.0;
        let key = lot.claim();
        let bell = Waker::from(Arc::new(Bell { key, rung: AtomicBool::new(false), mailbox: Arc::clone(&lot.mailbox) }));
        let waits = guest.waits(&bell);
        if !waits || lot.is_closed.get() || lot.watch_for(guest.descriptor(), key).is_err() {
            lot.vacate(key);
            // What the system or the runtime refused is not asked for again and again.
            let stay = if waits { Stay::Here } else { Stay::Later };
            return self.start(guest.leave(self.clone(), Begin::Called, stay));
        }
        lot.places.borrow_mut()[key.place as usize].guest = Some(guest);
        let mut watch = lot.watch.borrow_mut();
        if matches!(*watch, Watch::None) {
            *watch = Watch::Begun;
            drop(watch);
            compio::runtime::spawn(watch_over(self.clone())).detach();
        }
    }

    /// Whoever is parked leaves, and nobody is parked any more: the mailbox ends, so that bells would not be heard, or those
    /// who are parked cannot be waited for.
    pub(crate) fn close_parking(&self) {
        let lot = &*self.parking.0;
        lot.is_closed.set(true);
        self.send_off(lot.keys(), Begin::Called, Stay::Here);
    }

    fn send_off(&self, keys: Vec<Key>, begin: Begin, stay: Stay) {
        let guests = keys.into_iter().filter_map(|key| self.parking.0.take(key));
        guests.for_each(|guest| self.start(guest.leave(self.clone(), begin, stay)));
    }
}

impl Parking {
    /// For the runtime of `mailbox`.
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self(Rc::new(Lot {
            mailbox,
            epoll: OnceCell::new(),
            places: RefCell::default(),
            vacant: RefCell::default(),
            is_closed: Cell::default(),
            watch: RefCell::default(),
            soon: Rounds::new(SOON),
            later: Rounds::new(LATER),
        }))
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.0.mailbox
    }

    fn rounds(&self, stay: Stay) -> Option<&Rounds> {
        match stay {
            _ if self.0.is_closed.get() => None,
            Stay::Here => None,
            Stay::Soon => Some(&self.0.soon),
            Stay::Later => Some(&self.0.later),
        }
    }
}

impl Lot {
    /// Places where somebody is.
    fn taken(&self) -> usize {
        self.places.borrow().len() - self.vacant.borrow().len()
    }

    fn claim(&self) -> Key {
        let mut places = self.places.borrow_mut();
        let place = self.vacant.borrow_mut().pop().unwrap_or_else(|| {
            places.push(Place::default());
            (places.len() - 1) as u32
        });
        Key { place, generation: places[place as usize].generation }
    }

    /// Who was there is known there no more.
    fn vacate(&self, key: Key) -> Option<Box<dyn Guest>> {
        let mut places = self.places.borrow_mut();
        let place = &mut places[key.place as usize];
        place.generation = place.generation.wrapping_add(1);
        self.vacant.borrow_mut().push(key.place);
        place.guest.take()
    }

    /// Has `epoll` tell when there is something to read.
    fn watch_for(&self, descriptor: Option<BorrowedFd<'_>>, key: Key) -> io::Result<()> {
        let descriptor = descriptor.ok_or(io::ErrorKind::Unsupported)?;
        let epoll = match self.epoll.get() {
            Some(epoll) => epoll,
            None => {
                let made = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
                self.epoll.get_or_init(|| made)
            }
        };
        // Told once: who is told of leaves.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ONESHOT;
        Ok(epoll::add(epoll, descriptor, epoll::EventData::new_u64(key.number()), flags)?)
    }

    /// Whoever is parked there leaves.
    fn take(&self, key: Key) -> Option<Box<dyn Guest>> {
        let is_there = |place: &Place| place.generation == key.generation && place.guest.is_some();
        if !self.places.borrow().get(key.place as usize).is_some_and(is_there) {
            return None;
        }
        let guest = self.vacate(key)?;
        if let (Some(epoll), Some(descriptor)) = (self.epoll.get(), guest.descriptor()) {
            // It was added, and is open.
            let _ = epoll::delete(epoll, descriptor);
        }
        if self.taken() == 0
            && let Watch::Waits(waker) = &*self.watch.borrow()
        {
            waker.wake_by_ref();
        }
        Some(guest)
    }

    /// Some of those that have something to read.
    fn readable(&self) -> io::Result<Vec<Key>> {
        let Some(epoll) = self.epoll.get() else { return Ok(Vec::new()) };
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let now = rustix::event::Timespec::default();
        epoll::wait(epoll, rustix::buffer::spare_capacity(&mut events), Some(&now))?;
        Ok(events.iter().map(|event: &epoll::Event| Key::of(event.data.u64())).collect())
    }

    /// All that are parked.
    fn keys(&self) -> Vec<Key> {
        let places = self.places.borrow();
        let taken = places.iter().enumerate().filter(|(_, place)| place.guest.is_some());
        taken.map(|(index, place)| Key { place: index as u32, generation: place.generation }).collect()
    }
}

/// Looks again and again at those that are idle, while there are any: who is idle at two looks in a row is parked.
async fn go_rounds(home: Home, stay: Stay) {
    let Some(rounds) = home.parking.rounds(stay) else { return };
    loop {
        compio::time::sleep(rounds.every).await;
        for (looks, task) in rounds.idle.take().into_iter().enumerate() {
            if looks % LOOKS_MAX == LOOKS_MAX - 1 {
                yield_now().await;
            }
            if task.upgrade().is_some_and(|task| stays_listed(&task, &home)) {
                rounds.idle.borrow_mut().push(task);
            }
        }
        if rounds.idle.borrow().is_empty() {
            return rounds.runs.set(false);
        }
    }
}

/// Looks at `task`; whether it is looked at again.
fn stays_listed(task: &Rc<Task>, home: &Home) -> bool {
    let stillness = task.turn(Stillness::None);
    task.list(stillness == Stillness::New);
    match stillness {
        Stillness::None | Stillness::Parting => {}
        Stillness::New => {
            task.turn(Stillness::Lasting);
        }
        Stillness::Lasting => {
            task.turn(Stillness::Parting);
            if task.poll(&home.spin).is_some_and(|polled| polled.is_ready()) {
                // Its own place in the runtime is left.
                task.wake();
            }
        }
    }
    stillness == Stillness::New
}

/// Waits for those that are parked, as long as there are any.
async fn watch_over(home: Home) {
    let lot = &*home.parking.0;
    while let Some(epoll) = lot.epoll.get().filter(|_| lot.taken() > 0) {
        let mut readable = pin!(until(Arc::clone(epoll), Interest::Readable));
        let told = poll_fn(|cx| {
            if lot.taken() == 0 {
                return Poll::Ready(Ok(()));
            }
            *lot.watch.borrow_mut() = Watch::Waits(cx.waker().clone());
            readable.as_mut().poll(cx)
        });
        match told.await.and_then(|()| lot.readable()) {
            Ok(keys) => home.send_off(keys, Begin::Readable, Stay::Later),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // They cannot be waited for here, and wait by themselves.
            Err(_) => home.close_parking(),
        }
    }
    *lot.watch.borrow_mut() = Watch::None;
}

/// Calls who is parked, from any thread, whatever locks that holds.
struct Bell {
    key: Key,
    rung: AtomicBool,
    mailbox: Arc<Mailbox>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let key = self.key;
        // A runtime that has ended has nobody to be called.
        let _ = self.mailbox.post(Box::new(move |home: Home| match home.parking.0.take(key) {
            Some(guest) => guest.leave(home, Begin::Called, Stay::Later),
            None => Box::pin(ready(())),
        }));
    }
}
