//! A forwarder: publishers and subscribers know the proxy's two endpoints, and not each other.

use monocoque::{Context, SocketType, proxy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let front = ctx.socket(SocketType::XSub).bind("tcp://127.0.0.1:*").await?;
    let back = ctx.socket(SocketType::XPub).bind("tcp://127.0.0.1:*").await?;
    let [front_at, back_at] = [&front, &back].map(|socket| socket.last_endpoint().expect("just bound").to_string());
    let stop = front.clone();
    let forwarder = tokio::spawn(async move { proxy(&front, &back, None).await });
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
    stop.close().await;
    println!("{}", forwarder.await?);
    Ok(())
}
