//! Peers of one type: whoever connects knows what to call the other, and speaks first.

use monocoque::{Context, Routed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let (ann, bob) = (ctx.peer().build()?, ctx.peer().build()?);
    let endpoint = bob.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let bob_to_ann = ann.connect_peer(&endpoint)?;
    // It waits in the queue of that name until the connection is there.
    ann.blocking().send((bob_to_ann, "hello, bob"))?;
    let Routed { id, message } = bob.blocking().recv()?;
    println!("bob hears {message:?} from {id}");
    bob.blocking().send((id, "hello, ann"))?;
    println!("ann hears {:?}", ann.blocking().recv()?.message);
    Ok(())
}
