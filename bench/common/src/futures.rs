//! Running futures without a runtime.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::failure::{Failure, Outcome};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, parking between its polls: for libraries whose calls block by themselves.
pub fn park_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Lets everything else that is ready on this runtime run first.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs `count` jobs at once, each on a thread of its own; returns when one fails, or all have ended.
///
/// # Errors
/// The first failure.
pub fn on_threads<F>(count: usize, job: impl Fn(usize) -> F + Clone + Send + 'static) -> Outcome
where
    F: Future<Output = Outcome> + 'static,
{
    let (sender, outcomes) = channel();
    for index in 0..count {
        let (job, sender) = (job.clone(), sender.clone());
        thread::spawn(move || sender.send(park_on(job(index))));
    }
    drop(sender);
    let ended = outcomes.iter().take(count).collect::<Outcome<Vec<()>>>()?.len();
    if ended == count { Ok(()) } else { Err(Failure::failed("a thread is gone")) }
}
