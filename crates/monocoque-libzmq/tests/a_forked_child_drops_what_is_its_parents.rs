//! What a forked child drops of its parent's ends nothing there, and waits for no thread that the child has not got.

use std::time::{Duration, Instant};

use monocoque::Context;

#[test]
fn and_ends() {
    let context = Context::new();
    let pull = context.pull().build().expect("valid");
    let endpoint = pull.blocking().bind("tcp://127.0.0.1:0").expect("free").to_string();
    let push = context.push().connect(&endpoint).expect("valid");
    push.blocking().send("before").expect("open");
    assert_eq!(&pull.blocking().recv().expect("open")[0][..], b"before");
    // SAFETY: the child drops what it has of its own, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop((push, pull, context));
        // SAFETY: it takes any number, and comes not back.
        unsafe { libc::_exit(7) };
    }
    let (mut status, until) = (0, Instant::now() + Duration::from_secs(20));
    // SAFETY: the child is ours, and there is room for its status.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if Instant::now() > until {
            // SAFETY: the same.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status}");
    push.blocking().send("after").expect("open");
    assert_eq!(&pull.blocking().recv().expect("open")[0][..], b"after");
}
