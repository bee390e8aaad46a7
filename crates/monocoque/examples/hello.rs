//! Two sockets, one message each way.

use monocoque::Context;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let rep = ctx.rep().build()?;
    let endpoint = rep.blocking().bind("tcp://127.0.0.1:*")?;
    eprintln!("bound {endpoint}");
    let req = ctx.req().connect(endpoint.to_string())?;
    let monitor = req.monitor();
    std::thread::spawn(move || {
        while let Some(event) = monitor.recv_blocking() {
            eprintln!("{event:?}");
        }
    });
    req.blocking().send("hello")?;
    println!("{:?}", rep.blocking().recv()?);
    rep.blocking().send("world")?;
    println!("{:?}", req.blocking().recv()?);
    Ok(())
}
