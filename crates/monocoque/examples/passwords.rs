//! A server that lets in whom it has a password of, and tells who it does not.

use monocoque::{Context, Event, PlainTable};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let users = PlainTable::new([("ann", "correct horse"), ("bob", "battery staple")])?;
    let rep = ctx.rep().plain_server(true).authenticator(users).build()?;
    let monitor = rep.monitor();
    let endpoint = rep.blocking().bind("tcp://127.0.0.1:*")?.to_string();

    let ann = ctx.req().plain("ann", "correct horse").connect(&endpoint)?;
    ann.blocking().send("may I?")?;
    let question = rep.blocking().recv()?;
    rep.blocking().send("you may")?;
    println!("{question:?}: {:?}", ann.blocking().recv()?);

    let _eve = ctx.req().plain("eve", "guess").connect(&endpoint)?;
    while let Some(event) = monitor.recv_blocking() {
        if let Event::HandshakeFailed { .. } = event {
            println!("{event}");
            break;
        }
    }
    Ok(())
}
