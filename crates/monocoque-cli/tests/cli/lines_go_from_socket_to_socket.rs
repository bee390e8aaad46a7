//! Lines in one program's input come out of the other's output, all of them and in order.

use crate::harness::{ipc, run, start};

#[test]
fn pushed_lines_are_pulled() {
    let (_directory, endpoint) = ipc();
    let pull = start(&format!("pull @{endpoint} --count 1000"));
    let lines: Vec<_> = (0..1000).map(|number| format!("line {number}")).collect();
    run(&format!("push {endpoint}"), &(lines.join("\n") + "\n")).fine();
    assert_eq!(pull.end().fine(), lines);
}

#[test]
fn the_end_of_the_input_loses_nothing() {
    let (_directory, endpoint) = ipc();
    let push = start(&format!("push --bind {endpoint}")).feed("only\nhalf a line");
    assert_eq!(run(&format!("pull --connect {endpoint} -n 2"), "").fine(), ["only", "half a line"]);
    push.end().fine();
}

#[test]
fn lines_are_dealt_out_in_turn() {
    let (_directory, endpoint) = ipc();
    let pulls = [(); 2].map(|()| start(&format!("pull {endpoint} --count 2")));
    run(&format!("push @{endpoint} --wait-peers 2"), "a\nb\nc\nd\n").fine();
    let mut all = pulls.map(|pull| pull.end().fine()).concat();
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d"]);
}

#[test]
fn a_pair_talks_both_ways() {
    let mut one = start("pair @tcp://127.0.0.1:*");
    let endpoint = one.told("bound ");
    let mut other = start(&format!("pair {endpoint}"));
    one.say("hello\n");
    assert_eq!(other.line(), "hello");
    other.say("hello yourself\n");
    assert_eq!(one.line(), "hello yourself");
    one.interrupt();
    one.end().fine();
}

#[test]
fn given_messages_are_repeated_at_their_pace() {
    let (_directory, endpoint) = ipc();
    let pull = start(&format!("pull @{endpoint} --count 5"));
    let begun = std::time::Instant::now();
    run(&format!("push {endpoint} -m a -m b --count 5 --interval 20"), "").fine();
    assert!(begun.elapsed() >= std::time::Duration::from_millis(80), "four intervals of 20 ms");
    assert_eq!(pull.end().fine(), ["a", "b", "a", "b", "a"]);
}

#[test]
fn datagrams_and_raw_streams_are_lines_too() {
    let mut dgram = start("dgram @udp://127.0.0.1:* --count 1");
    let at = dgram.told("bound udp://");
    run("dgram @udp://127.0.0.1:* --count 0", &format!("{at}\thello\n")).fine();
    assert!(dgram.end().fine()[0].ends_with("\thello"));
    let mut stream = start("stream @tcp://127.0.0.1:* --count 1 -o stream_notify=off");
    let at = stream.told("bound tcp://");
    let mut plain = std::net::TcpStream::connect(at).expect("it listens");
    std::io::Write::write_all(&mut plain, b"raw").expect("room");
    assert!(stream.end().fine()[0].ends_with("\traw"));
}

#[test]
fn a_radio_reaches_a_dish_over_udp() {
    let mut dish = start("dish @udp://127.0.0.1:* -g clock --count 1");
    let endpoint = dish.told("bound ");
    run(&format!("radio {endpoint} -g clock -m noon --timeout 20000"), "").fine();
    assert_eq!(dish.end().fine(), ["clock\tnoon"]);
}

#[test]
fn given_messages_are_repeated_where_answers_are_counted() {
    let mut echo = start("pair @tcp://127.0.0.1:* --echo");
    let endpoint = echo.told("bound ");
    assert_eq!(run(&format!("pair {endpoint} -m ping --count 3"), "").fine(), ["ping"; 3]);
    echo.interrupt();
    echo.end().fine();
}
