//! Two sockets with exactly one peer each, and a frame at a time either way.

use monocoque::Context;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let near = ctx.channel().build()?;
    let far = ctx.channel().connect(near.blocking().bind("inproc://channel")?.to_string())?;
    for word in ["one", "two", "three"] {
        near.blocking().send(word)?;
        let heard = far.blocking().recv()?;
        far.blocking().send(heard.first().to_ascii_uppercase())?;
        println!("{:?}", near.blocking().recv()?);
    }
    Ok(())
}
