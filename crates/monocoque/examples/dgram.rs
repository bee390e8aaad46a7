//! DGRAM talks UDP with any program, and a RADIO reaches a DISH over UDP, without a connection.

use std::net::UdpSocket;

use monocoque::{Addressed, Context, Group};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let dgram = ctx.dgram().build()?;
    let at = dgram.blocking().bind("udp://127.0.0.1:*")?.to_string();
    let plain = UdpSocket::bind("127.0.0.1:0")?;
    plain.send_to(b"hello", at.trim_start_matches("udp://"))?;
    let Addressed { address, message } = dgram.blocking().recv()?;
    println!("{address} says {message:?}");
    dgram.blocking().send((address, "welcome"))?;
    let mut answer = [0; 100];
    println!("{} bytes came back", plain.recv(&mut answer)?);

    let dish = ctx.dish().build()?;
    dish.join("weather")?;
    let at = dish.blocking().bind("udp://127.0.0.1:*")?.to_string();
    let radio = ctx.radio().connect(at)?;
    radio.blocking().send((Group::new("weather")?, "sunny"))?;
    println!("{:?}", dish.blocking().recv()?);
    Ok(())
}
