//! Peers send and nobody reads: what the context holds of it stays below the ceiling, those who say little are heard, and
//! when somebody reads, everything is there in order and the memory comes back.

use std::time::Duration;

use monocoque::{
    Any, Context, DisconnectReason, Driver, DriverChoice, Event, Hwm, Limit, Message, Pull, Push, SessionError, Socket,
    SocketBuilder, SocketType, new_secret_key,
};

use crate::common::raw::{LONG, MORE, Raw, frame};
use crate::common::tls::{WSS, secure};
use crate::common::{PATIENCE, TCP, disconnected, event, eventually, number, soon, succeeded, to_number, watched_for};

const MIB: usize = 1 << 20;
const CEILING: usize = 4 * MIB;
const TEST_TIME_MAX: Duration = Duration::from_secs(100);
const WS: &str = "ws://127.0.0.1:*/";

fn limited(driver: DriverChoice) -> Context {
    Context::builder().memory_max(CEILING).io_threads(2).driver(driver).build().expect("a context")
}

/// Runs `test` with each engine that there is.
fn on_each_engine(test: impl AsyncFn(Context) + Send + 'static) {
    watched_for(TEST_TIME_MAX, move || {
        smol::block_on(test(limited(DriverChoice::Only(Driver::Poll))));
        smol::block_on(test(limited(DriverChoice::Auto)));
    });
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("told");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

fn body(sender: u64, n: u64, len: usize) -> Vec<u8> {
    let mut body = [sender.to_be_bytes(), n.to_be_bytes()].concat();
    body.resize(len.max(16), sender as u8);
    body
}

fn read(message: &Message) -> (u64, u64) {
    let body = &message[0];
    (to_number(&body[..8]), to_number(&body[8..16]))
}

/// Waits until what the context holds is as `wanted`.
async fn held(ctx: &Context, wanted: impl Fn(monocoque::MemoryStats) -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !wanted(ctx.memory()) {
        assert!(std::time::Instant::now() < deadline, "{:?}", ctx.memory());
        smol::Timer::after(Duration::from_millis(1)).await;
    }
}

/// Receives all that `senders` sent, each of them `count`, in order.
async fn receive_all(pull: &Socket<Any>, senders: usize, count: u64) {
    let mut next = vec![0; senders];
    for _ in 0..senders as u64 * count {
        let (sender, n) = read(&soon(pull.recv()).await.expect("open"));
        assert_eq!(n, next[sender as usize], "of {sender}");
        next[sender as usize] += 1;
    }
    assert!(next.iter().all(|&next| next == count));
}

/// Two sockets of the context, one of which asks and one answers.
async fn round_trips(ctx: &Context, count: u64) {
    let rep = ctx.rep().build().expect("valid");
    let endpoint = soon(rep.bind(TCP)).await.expect("free");
    let req = ctx.req().connect(endpoint.to_string()).expect("valid");
    for n in 0..count {
        req.send(number(n)).await.expect("open");
        let asked = soon(rep.recv()).await.expect("open");
        rep.send(asked).await.expect("open");
        assert_eq!(to_number(&soon(req.recv()).await.expect("open")[0]), n);
    }
}

/// Runs `test` in a process of its own, whose memory is nobody else's.
fn alone(name: &str, test: impl FnOnce()) {
    const ALONE: &str = "MONOCOQUE_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let program = std::env::current_exe().expect("known");
    let mut child = std::process::Command::new(program);
    let child = child.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().expect("it starts");
    let said = [child.stdout, child.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(child.status.success() && said[0].contains("1 passed"), "{}{}", said[0], said[1]);
}

#[test]
fn fifty_floods_that_nobody_reads_and_others_go_on() {
    alone("a_ceiling_bounds_what_peers_send::fifty_floods_that_nobody_reads_and_others_go_on", fifty_floods);
}

fn fifty_floods() {
    const SENDERS: usize = 50;
    on_each_engine(async |ctx| {
        for (len, count) in [(40, 10_000), (100_000, 10)] {
            let pull = ctx.socket(SocketType::Pull).recv_hwm(Hwm::unlimited()).build().expect("valid");
            let endpoint = soon(pull.bind(TCP)).await.expect("free").to_string();
            let mut raws: Vec<_> = (0..SENDERS).map(|_| Raw::connect_as(&endpoint, "PUSH", b"")).collect();
            let before = resident();
            let mut rests = Vec::new();
            for (sender, raw) in raws.iter_mut().enumerate() {
                let frames = (0..count).flat_map(|n| frame(0, &body(sender as u64, n, len)));
                let flood: Vec<u8> = frames.collect();
                let written = raw.flood(&flood, Duration::from_millis(50));
                rests.push(flood[written..].to_vec());
                assert!(ctx.memory().held_bytes <= CEILING, "{:?}", ctx.memory());
            }
            held(&ctx, |memory| memory.held_bytes > CEILING / 4 * 3 && memory.reads_put_off > 0).await;
            round_trips(&ctx, 200).await;
            let memory = ctx.memory();
            assert!(memory.held_bytes <= CEILING, "{memory:?}");
            let grown = resident().saturating_sub(before + rests.iter().map(Vec::len).sum::<usize>());
            assert!(grown < 4 * CEILING, "{grown} bytes resident for {memory:?}");
            // Each by itself: one that stops within a message holds memory that others wait for.
            let writes = raws.into_iter().zip(rests).map(|(mut raw, rest)| {
                std::thread::spawn(move || {
                    raw.write(&rest);
                    raw
                })
            });
            let writes = writes.collect::<Vec<_>>();
            receive_all(&pull, SENDERS, count).await;
            drop(writes);
            held(&ctx, |memory| memory.held_bytes == 0).await;
        }
    });
}

/// What both sides are told.
type Told = fn(SocketBuilder<Any>) -> SocketBuilder<Any>;

async fn flood_over(ctx: &Context, transport: &str, server: Told, client: Told) {
    const SENDERS: usize = 8;
    const LENS: [usize; 4] = [20, 700, 9_000, 200_000];
    const ROUNDS: u64 = 40;
    let pull = server(ctx.socket(SocketType::Pull).recv_hwm(Hwm::unlimited())).build().expect("valid");
    let monitor = pull.monitor();
    let endpoint = soon(pull.bind(transport)).await.expect("free").to_string();
    let theirs = Context::new();
    let pushes = std::array::from_fn::<_, SENDERS, _>(|_| {
        let push = client(theirs.socket(SocketType::Push).send_hwm(Hwm::unlimited()));
        push.connect(&endpoint).expect("valid")
    });
    for (sender, push) in pushes.iter().enumerate() {
        event(&monitor, succeeded).await;
        for n in 0..ROUNDS * LENS.len() as u64 {
            let body = body(sender as u64, n, LENS[n as usize % LENS.len()]);
            push.send(Message::from(&body[..])).await.expect("open");
        }
    }
    held(ctx, |memory| memory.reads_put_off > 0).await;
    round_trips(ctx, 50).await;
    assert!(ctx.memory().held_bytes <= CEILING, "{transport}: {:?}", ctx.memory());
    receive_all(&pull, SENDERS, ROUNDS * LENS.len() as u64).await;
    held(ctx, |memory| memory.held_bytes == 0).await;
}

#[test]
fn over_whatever_they_speak() {
    on_each_engine(async |ctx| {
        flood_over(&ctx, WS, |server| server, |client| client).await;
    });
    on_each_engine(async |ctx| {
        flood_over(&ctx, WSS, secure, secure).await;
    });
}

#[test]
fn over_curve() {
    on_each_engine(async |ctx| {
        let pull = ctx.pull().recv_hwm(Hwm::unlimited());
        let secret = new_secret_key().expect("random bytes");
        let public = secret.public();
        let pull = pull.curve_server(secret).build().expect("valid");
        let endpoint = soon(pull.bind(TCP)).await.expect("free").to_string();
        let theirs = Context::new();
        let push = theirs.push().send_hwm(Hwm::unlimited()).curve_client(public, new_secret_key().expect("random"));
        let push = push.connect(&endpoint).expect("valid");
        for n in 0..100 {
            push.send(Message::from(&body(0, n, 100_000)[..])).await.expect("open");
        }
        held(&ctx, |memory| memory.reads_put_off > 0).await;
        assert!(ctx.memory().held_bytes <= CEILING, "{:?}", ctx.memory());
        for n in 0..100 {
            assert_eq!(read(&soon(pull.recv()).await.expect("open")), (0, n));
        }
        held(&ctx, |memory| memory.held_bytes == 0).await;
    });
}

#[test]
fn a_message_that_could_never_fit_ends_its_connection_only() {
    on_each_engine(async |ctx| {
        let pull = ctx.pull().build().expect("valid");
        let endpoint = soon(pull.bind(TCP)).await.expect("free").to_string();
        let monitor = pull.monitor();
        let mut good = Raw::connect_as(&endpoint, "PUSH", b"");
        event(&monitor, succeeded).await;
        let allowed = (CEILING / 4) as u64;
        let announced = [&[LONG][..], &(allowed + 1).to_be_bytes()].concat();
        let endless = frame(MORE, &[7; 1000]).repeat(CEILING / 4 / 1000 + 1);
        for (bytes, limit) in [(announced, Limit::MessageFrame), (endless, Limit::Message)] {
            let mut bad = Raw::connect_as(&endpoint, "PUSH", b"");
            event(&monitor, succeeded).await;
            bad.write(&bytes);
            match event(&monitor, disconnected).await {
                DisconnectReason::Protocol(SessionError::LimitExceeded { limit: which, asked, allowed: most }) => {
                    assert_eq!((which, most), (limit, allowed));
                    assert!(asked > allowed, "{asked}");
                }
                reason => panic!("{reason}"),
            }
        }
        good.send(&[b"still here"]);
        assert_eq!(&soon(pull.recv()).await.expect("open")[0][..], b"still here");
        let most = vec![1; allowed as usize];
        let writes = std::thread::spawn(move || {
            good.send(&[&most]);
            good
        });
        assert_eq!(soon(pull.recv()).await.expect("open")[0].len(), allowed as usize);
        drop(writes.join());
        held(&ctx, |memory| memory.held_bytes == 0).await;
    });
}

/// A socket of `ctx` that receives, one of `theirs` that sends to it, and where.
async fn pair(ctx: &Context, theirs: &Context) -> (Socket<Pull>, Socket<Push>, String) {
    let pull = ctx.pull().build().expect("valid");
    let endpoint = soon(pull.bind(TCP)).await.expect("free").to_string();
    let push = theirs.push().connect(&endpoint).expect("valid");
    (pull, push, endpoint)
}

#[test]
fn what_the_application_keeps_counts_until_it_drops_it() {
    on_each_engine(async |ctx| {
        let theirs = Context::new();
        let (pull, push, _) = pair(&ctx, &theirs).await;
        let mut kept = Vec::new();
        push.send(Message::from(&vec![1; MIB / 2][..])).await.expect("open");
        kept.push(soon(pull.recv()).await.expect("open"));
        held(&ctx, |memory| (MIB / 2..MIB).contains(&memory.held_bytes)).await;
        assert_eq!(ctx.memory().max_bytes, Some(CEILING));
        kept.clear();
        held(&ctx, |memory| memory.held_bytes == 0).await;
    });
    assert_eq!(Context::new().memory().max_bytes, None);
}

/// `attackers` begin messages that they do not end with `beginning` each, and go on with a byte every `pause` if there is one: who
/// sends little is heard at once, who sends much when the first of them was cut off.
async fn stalled(ctx: &Context, beginning: &[u8], attackers: usize, pause: Option<Duration>) {
    let most = CEILING / 4;
    let pull = ctx.pull().build().expect("valid");
    let endpoint = soon(pull.bind(TCP)).await.expect("free").to_string();
    let monitor = pull.monitor();
    let good = Context::new().push().connect(&endpoint).expect("valid");
    let mut attackers: Vec<_> = (0..attackers).map(|_| Raw::connect_as(&endpoint, "PUSH", b"")).collect();
    for attacker in &mut attackers {
        attacker.flood(beginning, Duration::from_secs(1));
    }
    held(ctx, |memory| memory.held_bytes > CEILING / 2).await;
    good.send("little").await.expect("open");
    assert_eq!(&soon(pull.recv()).await.expect("open")[0][..], b"little");
    good.send(Message::from(&vec![3; most][..])).await.expect("open");
    let cut_off = async {
        loop {
            match monitor.recv().await.expect("open") {
                Event::Disconnected { reason: DisconnectReason::Stalled, .. } => break true,
                Event::Disconnected { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
    };
    let drip = async {
        let Some(pause) = pause else { return std::future::pending().await };
        loop {
            for attacker in &mut attackers {
                attacker.drip(&[9]);
            }
            smol::Timer::after(pause).await;
        }
    };
    let heard = async {
        assert!(in_time(cut_off).await.is_some(), "{:?}", ctx.memory());
        assert_eq!(in_time(pull.recv()).await.expect("its turn").expect("open")[0].len(), most);
    };
    smol::future::or(heard, drip).await;
}

/// `future`, which takes longer than [`soon`]; `None` if it takes too long.
async fn in_time<F: Future>(future: F) -> Option<F::Output> {
    let late = async {
        smol::Timer::after(3 * PATIENCE).await;
        None
    };
    smol::future::or(async { Some(future.await) }, late).await
}

#[test]
fn who_holds_memory_for_a_message_and_does_not_end_it_gives_way() {
    let beginning = [&[LONG][..], &(CEILING as u64 / 4).to_be_bytes(), &[1; 1000]].concat();
    on_each_engine(async move |ctx| stalled(&ctx, &beginning, 4, None).await);
}

#[test]
fn who_goes_on_byte_by_byte_gives_way_too() {
    let beginning = [&[LONG][..], &(CEILING as u64 / 4).to_be_bytes(), &[1; 1000]].concat();
    let pause = Some(Duration::from_millis(300));
    on_each_engine(async move |ctx| stalled(&ctx, &beginning, 4, pause).await);
}

#[test]
fn who_waits_for_each_other_gives_way_one_by_one() {
    let half = frame(MORE, &vec![2; CEILING / 80]).repeat(15);
    on_each_engine(async move |ctx| stalled(&ctx, &half, 7, None).await);
}

#[test]
fn who_goes_while_it_waits_for_memory_is_not_kept() {
    on_each_engine(async |ctx| {
        let theirs = Context::new();
        let (pull, push, endpoint) = pair(&ctx, &theirs).await;
        let mut kept = Vec::new();
        while ctx.memory().held_bytes < CEILING - MIB / 4 {
            push.send(Message::from(&vec![1; MIB / 8][..])).await.expect("open");
            kept.push(soon(pull.recv()).await.expect("open"));
        }
        let before = ctx.memory().reads_put_off;
        let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
        raw.flood(&frame(0, &vec![7; MIB])[..MIB / 2], Duration::from_millis(50));
        held(&ctx, |memory| memory.reads_put_off > before).await;
        // What would be enough for it never comes back: the application keeps it.
        raw.die();
        eventually(|| pull.peers() == 1).await;
    });
}
