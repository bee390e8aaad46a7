//! A publisher and two subscribers that want different topics.

use monocoque::Context;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let publisher = ctx.publisher().build()?;
    let endpoint = publisher.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let readers = ["sport", "weather"].map(|topic| {
        let (ctx, endpoint) = (ctx.clone(), endpoint.clone());
        std::thread::spawn(move || {
            let sub = ctx.subscriber().connect(endpoint).expect("a valid endpoint");
            sub.subscribe(topic);
            sub.subscribe("end");
            while let Ok(news) = sub.blocking().recv()
                && news[0] != "end"
            {
                println!("{topic}: {:?}", news[1]);
            }
        })
    });
    // No first message is lost: both subscriptions have come.
    publisher.blocking().wait_for_subscribers(2);
    for news in [["sport", "1 : 0"], ["weather", "rain"], ["politics", "talks"], ["sport", "1 : 1"], ["end", ""]] {
        publisher.blocking().send(news)?;
    }
    readers.into_iter().for_each(|reader| reader.join().expect("no panic"));
    Ok(())
}
