//! Waiting for a link to have something to read, which goes on while nobody polls it: a connection that is idle waits so, and
//! no operation is given up because of what is written meanwhile.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A wait for `link`, begun when it is asked for first, in a place that its user has.
pub(super) struct Readable<'l, 'w, L, F> {
    link: &'l L,
    begin: fn(&'l L) -> F,
    wait: RefCell<Pin<&'w mut Option<F>>>,
}

/// What the read pump knows of it.
pub(super) trait Wait {
    /// Ready once a read is worth a try.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<'l, 'w, L, F> Readable<'l, 'w, L, F> {
    pub(super) fn new(link: &'l L, begin: fn(&'l L) -> F, wait: Pin<&'w mut Option<F>>) -> Self {
        Self { link, begin, wait: RefCell::new(wait) }
    }
}

impl<L, F: Future<Output = io::Result<()>>> Wait for Readable<'_, '_, L, F> {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wait = self.wait.borrow_mut();
        if wait.is_none() {
            wait.set(Some((self.begin)(self.link)));
        }
        let result = ready!(wait.as_mut().as_pin_mut().expect("it has begun").poll(cx));
        wait.set(None);
        Poll::Ready(result)
    }
}
