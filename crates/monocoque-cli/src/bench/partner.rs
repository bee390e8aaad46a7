//! The other side of a measurement: this program, started again, or a thread of it for inproc.
//!
//! A partner connects, does its part, and prints what it used as one line of JSON. It stops when its input
//! closes, so that it never outlives the process that started it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use monocoque::{Context, Frame, Message};
use serde::{Deserialize, Serialize};

use super::print_json;
use super::usage::{cpu_time, raise_descriptors, resident_bytes};
use crate::exit::{Failure, note};
use crate::placement::Placement;

/// How long a partner whose starter is gone may take to end in good order.
const GRACE: Duration = Duration::from_secs(5);

/// What a partner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Sends as fast as it can.
    Push,
    /// Answers what it is asked.
    Rep,
    /// Connects many times, and is silent.
    Idle,
}

/// Options of a partner.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct PartnerArgs {
    pub part: Part,
    pub connect: String,
    #[arg(long, default_value_t = 0)]
    pub size: usize,
    /// Messages to send; until told to stop if there is no number.
    #[arg(long)]
    pub count: Option<u64>,
    #[arg(long, default_value_t = 1)]
    pub peers: usize,
    #[arg(long, default_value_t = 1000)]
    pub hwm: u32,
    #[arg(long, value_enum, default_value_t = Placement::Shared)]
    pub placement: Placement,
}

impl PartnerArgs {
    /// As words of a command line.
    fn words(&self) -> Vec<String> {
        let part = match self.part {
            Part::Push => "push",
            Part::Rep => "rep",
            Part::Idle => "idle",
        };
        let options = [
            ("--size", Some(self.size.to_string())),
            ("--count", self.count.map(|count| count.to_string())),
            ("--peers", Some(self.peers.to_string())),
            ("--hwm", Some(self.hwm.to_string())),
            ("--placement", Some(self.placement.to_string())),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        [part.to_owned(), self.connect.clone()].into_iter().chain(given.flatten()).collect()
    }
}

/// What a partner did and used.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct PartnerReport {
    pub messages: u64,
    pub cpu_ns: u64,
    pub resident_bytes_before: u64,
    pub resident_bytes_after: u64,
}

/// A message that ends a stream of messages of `size` bytes.
pub fn last_message(size: usize) -> Message {
    if size == 0 { Message::from("end") } else { Message::new() }
}

/// Whether `message` ends a stream of messages of `size` bytes.
#[inline]
pub fn is_last(message: &Message, size: usize) -> bool {
    message.byte_len() != size
}

/// Runs as a partner of the process that holds our input open.
pub fn run(args: &PartnerArgs) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    std::thread::spawn(move || {
        // Whatever is read and however it ends: nobody wants us any more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stopped.store(true, Ordering::Relaxed);
        std::thread::sleep(GRACE);
        std::process::exit(1);
    });
    let report = args.placement.run(async |context| match args.part {
        Part::Push => push(&context, args, &stop).await,
        Part::Rep => rep(&context, args).await,
        Part::Idle => idle(&context, args).await,
    })?;
    print_json(&report)?;
    Ok(std::io::stdout().flush()?)
}

/// Sends until the count is reached or `stop`, then one last message.
pub async fn push(context: &Context, args: &PartnerArgs, stop: &AtomicBool) -> Result<PartnerReport, Failure> {
    let hwm = monocoque::Hwm::messages(args.hwm);
    let socket = context.push().hwm(hwm).linger(Duration::from_secs(10)).connect(&args.connect)?;
    socket.wait_for_peers(1).await;
    let body = Frame::from(vec![b'm'; args.size]);
    let count = args.count.unwrap_or(u64::MAX);
    let begun = cpu_time();
    let mut messages = 0;
    while messages < count && !stop.load(Ordering::Relaxed) {
        socket.send(body.clone()).await?;
        messages += 1;
    }
    socket.send(last_message(args.size)).await?;
    let undelivered = socket.close().await.undelivered;
    if undelivered > 0 {
        return Err(Failure::Undelivered(format!("{undelivered} messages were not sent")));
    }
    let cpu_ns = (cpu_time() - begun).as_nanos() as u64;
    Ok(PartnerReport { messages, cpu_ns, ..PartnerReport::default() })
}

/// Answers until a last message comes.
pub async fn rep(context: &Context, args: &PartnerArgs) -> Result<PartnerReport, Failure> {
    let socket = context.rep().linger(Duration::from_secs(10)).connect(&args.connect)?;
    let mut messages = 0;
    let mut begun = cpu_time();
    loop {
        let request = socket.recv().await?;
        let is_over = is_last(&request, args.size);
        socket.send(request).await?;
        if is_over {
            break;
        }
        messages += 1;
        if messages == 1 {
            begun = cpu_time();
        }
    }
    socket.close().await;
    Ok(PartnerReport { messages, cpu_ns: (cpu_time() - begun).as_nanos() as u64, ..PartnerReport::default() })
}

/// Connects `peers` sockets, tells how much memory they take, and waits to be stopped.
async fn idle(context: &Context, args: &PartnerArgs) -> Result<PartnerReport, Failure> {
    raise_descriptors();
    // The I/O thread is not a connection's.
    context.driver()?;
    let resident_bytes_before = resident_bytes().unwrap_or_default();
    let connect = |_| context.dealer().linger(Duration::ZERO).connect(&args.connect);
    let sockets = (0..args.peers).map(connect).collect::<Result<Vec<_>, _>>()?;
    for socket in &sockets {
        socket.wait_for_peers(1).await;
    }
    let resident_bytes_after = resident_bytes().unwrap_or_default();
    print_json(&PartnerReport { resident_bytes_before, resident_bytes_after, ..PartnerReport::default() })?;
    std::io::stdout().flush()?;
    // Our input closes when we are no longer wanted, and ends the process.
    std::future::pending().await
}

/// A partner in a process of its own. Stopped when dropped.
#[derive(Debug)]
pub struct Partner {
    child: Child,
    input: Option<ChildStdin>,
    reports: mpsc::Receiver<PartnerReport>,
    /// Whether it may end without a report.
    is_dismissed: Arc<AtomicBool>,
}

impl Partner {
    /// Starts this program again to play a part.
    pub fn start(args: &PartnerArgs) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "partner"]).args(args.words());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |error| Failure::other(format!("cannot start the other side: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let (reported, reports) = mpsc::channel();
        let is_dismissed = Arc::new(AtomicBool::new(false));
        let dismissed = Arc::clone(&is_dismissed);
        std::thread::spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()).map_while(Result::ok) {
                // The measurement may have failed meanwhile, and with it the receiver.
                let _ = serde_json::from_str(&line).map(|report| reported.send(report));
                dismissed.store(true, Ordering::Relaxed);
            }
            if !dismissed.load(Ordering::Relaxed) {
                // Its messages are being waited for, without end.
                note!("monocoque: the other side of the measurement failed");
                std::process::exit(5);
            }
        });
        Ok(Self { child, input, reports, is_dismissed })
    }

    /// Tells it to come to an end.
    pub fn stop(&mut self) {
        self.input = None;
    }

    /// The report that it prints.
    pub fn report(&self) -> Result<PartnerReport, Failure> {
        self.reports.recv().map_err(|_| Failure::other("the other side did not report"))
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.is_dismissed.store(true, Ordering::Relaxed);
        // It has reported or is of no use any more; either way it is not left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: PartnerArgs,
    }

    #[test]
    fn a_partner_is_told_all_that_it_needs() {
        let args = |part, count| PartnerArgs {
            part,
            connect: "ipc://@x".into(),
            size: 7,
            count,
            peers: 3,
            hwm: 0,
            placement: Placement::Local,
        };
        for args in [args(Part::Push, Some(9)), args(Part::Rep, None), args(Part::Idle, None)] {
            let words = std::iter::once("partner".to_owned()).chain(args.words());
            assert_eq!(Line::try_parse_from(words).expect("sound").args, args);
        }
    }
}
