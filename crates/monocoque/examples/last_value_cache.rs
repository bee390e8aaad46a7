//! A last-value cache: whoever subscribes late gets the newest value of its topic at once.

use std::collections::HashMap;
use std::error::Error;

use monocoque::{Context, Interest, Message, Poller, Socket, Sub, XPub};

/// Passes news on and keeps the last of each topic, until one of the sockets is closed.
fn serve(news: &Socket<Sub>, readers: &Socket<XPub>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut last = HashMap::<Vec<u8>, Message>::new();
    let mut poller = Poller::new();
    poller.add(news, Interest::READABLE, 0)?;
    poller.add(readers, Interest::READABLE, 1)?;
    while poller.wait_blocking(None)?.iter().all(|ready| !ready.closed) {
        while let Ok(message) = news.try_recv() {
            last.insert(message[0].to_vec(), message.clone());
            readers.blocking().send(message)?;
        }
        while let Ok(wish) = readers.try_recv() {
            if let Some((1, topic)) = wish[0].split_first()
                && let Some(message) = last.get(topic)
            {
                readers.blocking().send(message.clone())?;
            }
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let ctx = Context::new();
    let news = ctx.subscriber().build()?;
    news.subscribe("");
    // Verbose: told of every subscriber, not only of the first of each topic.
    let readers = ctx.xpub().xpub_verbose(true).build()?;
    let news_at = news.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let readers_at = readers.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let stop = news.clone();
    let cache = std::thread::spawn(move || serve(&news, &readers));

    let early = ctx.subscriber().connect(&readers_at)?;
    early.subscribe("weather");
    let publisher = ctx.publisher().connect(&news_at)?;
    publisher.blocking().wait_for_subscribers(1);
    for weather in ["rain", "clouds", "sun"] {
        publisher.blocking().send(["weather", weather])?;
    }
    // What this one has heard, the cache has kept. It may itself have come late for the first ones.
    while early.blocking().recv()?[1] != "sun" {}
    let late = ctx.subscriber().connect(&readers_at)?;
    late.subscribe("weather");
    let heard = late.blocking().recv()?;
    assert_eq!(heard, ["weather", "sun"].into());
    println!("who came late heard of the {:?}", heard[1]);
    stop.blocking().close();
    cache.join().expect("no panic")
}
