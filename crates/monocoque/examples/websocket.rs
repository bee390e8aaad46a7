//! News over WebSocket, from a publisher that browsers' libraries can subscribe to. For `wss://` add `tls_identity` where
//! it binds and `tls_trust` where it connects.

use monocoque::Context;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let publisher = ctx.publisher().build()?;
    let endpoint = publisher.blocking().bind("ws://127.0.0.1:*/news")?;
    println!("bound at {endpoint}");
    let subscriber = ctx.subscriber().connect(endpoint.to_string())?;
    subscriber.subscribe("weather");
    publisher.blocking().wait_for_subscribers(1);
    publisher.blocking().send("weather: rain")?;
    println!("{:?}", subscriber.blocking().recv()?);
    Ok(())
}
