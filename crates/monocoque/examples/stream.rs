//! A web server in a few lines: a STREAM talks to programs that know nothing of ZeroMQ.

use std::io::{Read, Write};
use std::net::TcpStream;

use monocoque::{Context, Routed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let stream = ctx.stream().stream_notify(false).build()?;
    let endpoint = stream.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let mut browser = TcpStream::connect(endpoint.trim_start_matches("tcp://"))?;
    browser.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let Routed { id, message } = stream.blocking().recv()?;
    println!("{id} says {message:?}");
    stream.blocking().send((id.clone(), "HTTP/1.0 200 OK\r\n\r\nHello"))?;
    // An empty message ends the connection when everything before it is sent.
    stream.blocking().send((id, ""))?;
    let mut page = String::new();
    browser.read_to_string(&mut page)?;
    println!("{page}");
    Ok(())
}
