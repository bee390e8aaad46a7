//! `--echo` sends everything back to where it came from, and goes on when nobody is there any more.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::start;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn a_stream_echoes_what_its_clients_say_and_not_that_they_came() {
    let mut stream = start("stream @tcp://127.0.0.1:* --echo");
    let address = stream.told("bound tcp://");
    for n in 0..3 {
        let mut client = TcpStream::connect(&address).expect("it is bound");
        client.set_read_timeout(PATIENCE).expect("an open socket");
        for said in ["hello", "again"] {
            client.write_all(said.as_bytes()).unwrap_or_else(|error| panic!("client {n}: {error}"));
            let mut heard = [0; 5];
            client.read_exact(&mut heard).unwrap_or_else(|error| panic!("client {n}: {error}"));
            assert_eq!(heard, said.as_bytes());
        }
    }
    stream.interrupt();
    stream.end().fine();
}
