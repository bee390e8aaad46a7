//! Two tasks on one compio runtime that talk both ways at once: no other thread takes part.

use monocoque::{Context, local_runtime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    local_runtime()?.block_on(async {
        let ctx = Context::local()?;
        let left = ctx.pair().bind("ipc://*").await?;
        let right = ctx.pair().connect(left.last_endpoint().expect("just bound").to_string())?;
        let ((to_right, from_right), (to_left, from_left)) = (left.split(), right.split());
        let echo = compio::runtime::spawn(async move {
            while let Ok(message) = from_left.recv().await {
                to_left.send(message).await.expect("the socket is open");
            }
        });
        for n in 1..=3 {
            to_right.send(format!("message {n}")).await?;
            println!("echoed {:?}", from_right.recv().await?);
        }
        drop(echo);
        Ok(())
    })
}
