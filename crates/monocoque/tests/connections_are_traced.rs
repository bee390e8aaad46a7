//! With the feature `tracing`: the life of a connection as spans and events.

use std::io;
use std::sync::{Arc, Mutex};

use monocoque::{Context, Event, block_on_timeout};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// The lines that hold `words`, when there is one. Whoever sees an event on a monitor may be a moment ahead.
    fn with(&self, words: &str) -> Vec<String> {
        let began = std::time::Instant::now();
        loop {
            let text = String::from_utf8(self.0.lock().expect("nobody panicked").clone()).expect("text");
            let found: Vec<String> = text.lines().filter(|line| line.contains(words)).map(str::to_owned).collect();
            if !found.is_empty() {
                return found;
            }
            assert!(began.elapsed() < std::time::Duration::from_secs(30), "no '{words}' in {text}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn the_life_of_a_connection_is_told_in_its_span() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).without_time();
    subscriber.with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG).init();
    let limit = std::time::Duration::from_secs(30);
    let context = Context::new();
    let router = context.router().build().expect("valid");
    let monitor = router.monitor();
    let endpoint = router.blocking().bind("tcp://127.0.0.1:*").expect("free").to_string();
    let dealer = context.dealer().identity("worker-1").connect(&endpoint).expect("valid");
    dealer.blocking().send("x").expect("sent");
    router.blocking().recv().expect("received");
    dealer.blocking().close();
    let gone = async { while !matches!(monitor.recv().await, Some(Event::Disconnected { .. }) | None) {} };
    block_on_timeout(gone, limit).expect("the peer went in time");
    let listening = &lines.with("listening at")[0];
    assert!(listening.contains("INFO") && listening.contains("socket=ROUTER"), "{listening}");
    let accepted = &lines.with("reached by")[0];
    assert!(accepted.contains("DEBUG") && accepted.contains("connection{socket=ROUTER number=1"), "{accepted}");
    let gone = lines.with("gone: DEALER");
    assert!(gone[0].contains("peer=DEALER identity=worker-1") && gone[0].contains("closed by the peer"), "{gone:?}");
    assert!(lines.with("gone: ROUTER")[0].contains("closed by us"));
    drop(router);
    lines.with("closed tcp://");
}
