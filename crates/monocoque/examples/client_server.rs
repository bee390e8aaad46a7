//! A server answers two clients, each by the routing id that its message came with.

use monocoque::{Context, Routed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let server = ctx.server().build()?;
    let endpoint = server.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let clients = [ctx.client().connect(&endpoint)?, ctx.client().connect(&endpoint)?];
    for (number, client) in clients.iter().enumerate() {
        client.blocking().send(format!("question {number}"))?;
    }
    for _ in &clients {
        let Routed { id, message } = server.blocking().recv()?;
        println!("{id} asks {message:?}");
        // Not in lockstep: any number of answers, at any time.
        server.blocking().send((id.clone(), "first answer"))?;
        server.blocking().send((id, "second answer"))?;
    }
    for client in &clients {
        println!("{:?}, {:?}", client.blocking().recv()?, client.blocking().recv()?);
    }
    Ok(())
}
