//! A ROUTER knows its peers by name: it answers each of them, and speaks to one unasked.

use monocoque::{Context, Routed, RoutingId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let router = ctx.router().router_mandatory(true).build()?;
    let endpoint = router.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let dealers = [("ann", "hello"), ("bob", "hi")].map(|(name, text)| {
        let dealer = ctx.dealer().identity(name).connect(&endpoint).expect("a valid endpoint");
        dealer.blocking().send(text).expect("queued until connected");
        dealer
    });
    for _ in &dealers {
        let Routed { id, message } = router.blocking().recv()?;
        println!("{id} says {message:?}");
        router.blocking().send((id, "welcome"))?;
    }
    router.blocking().send((RoutingId::new("bob")?, "one more thing"))?;
    if let Err(error) = router.blocking().send((RoutingId::new("eve")?, "anyone?")) {
        println!("{error}");
    }
    let [ann, bob] = dealers;
    println!("ann got {:?}", ann.blocking().recv()?);
    println!("bob got {:?} and {:?}", bob.blocking().recv()?, bob.blocking().recv()?);
    Ok(())
}
