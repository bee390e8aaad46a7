//! A forwarder: publishers and subscribers know the proxy's two endpoints, and not each other.

use monocoque::{Context, Proxy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let front = ctx.xsub().bind("tcp://127.0.0.1:*").await?;
    let back = ctx.xpub().bind("tcp://127.0.0.1:*").await?;
    let front_at = front.last_endpoint().expect("just bound").to_string();
    let back_at = back.last_endpoint().expect("just bound").to_string();
    let mut proxy = Proxy::new(&front, &back);
    let steering = proxy.steering();
    let forwarder = tokio::spawn(async move { proxy.run().await });
    let publishers = [ctx.publisher().connect(&front_at)?, ctx.publisher().connect(&front_at)?];
    let sub = ctx.subscriber().connect(&back_at)?;
    sub.subscribe("news");
    for (n, publisher) in publishers.iter().enumerate() {
        // The subscription has passed through the proxy.
        publisher.wait_for_subscribers(1).await;
        publisher.send(["news", &format!("from publisher {n}")]).await?;
    }
    for _ in &publishers {
        println!("{:?}", sub.recv().await?);
    }
    steering.terminate();
    forwarder.await??;
    println!("{}", steering.statistics());
    Ok(())
}
