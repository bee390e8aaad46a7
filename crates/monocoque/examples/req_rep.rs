//! Ten requests in flight at once over one REQ socket, to two servers, under tokio.

use std::time::Duration;

use monocoque::Context;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let req = ctx.req().build()?;
    for name in ["first", "second"] {
        let rep = ctx.rep().bind("tcp://127.0.0.1:*").await?;
        req.connect(rep.last_endpoint().expect("just bound").to_string())?;
        tokio::spawn(async move {
            while let Ok(question) = rep.recv().await {
                rep.send((question.first().to_vec(), name)).await.expect("it is our turn");
            }
        });
    }
    let asking = (0..10).map(|n| {
        let req = req.clone();
        tokio::spawn(async move { req.request_timeout(format!("question {n}"), Duration::from_secs(5)).await })
    });
    for answer in asking.collect::<Vec<_>>() {
        println!("{:?}", answer.await??);
    }
    Ok(())
}
