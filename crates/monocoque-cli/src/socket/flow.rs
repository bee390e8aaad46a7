//! How messages move between the lines of input and output and a socket: four flows for all types.
//!
//! PUB, PUSH, RADIO and SCATTER send; SUB, PULL, DISH and GATHER receive; REQ asks and REP answers in lockstep; the others do both at once,
//! and end with the direction that the type is about.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::sync::mpsc;
use std::time::Duration;

use monocoque::{Any, Message, RecvError, SendError, Socket, SocketType, TryRecvError, block_on_timeout};

use super::input::{Pace, Source};
use super::lines;
use crate::args::{Job, Sending};
use crate::exit::Failure;
use crate::format::Lines;

/// Where a flow's end is told; `None` is an interrupt.
pub type Ended = mpsc::Sender<Option<Result<(), Failure>>>;

/// Moves the messages of one command.
#[derive(Clone)]
pub struct Flow {
    socket: Socket<Any>,
    job: Job,
    lines: Lines,
    /// How long a peer, room or the next message is waited for.
    limit: Duration,
    ended: Ended,
}

impl Flow {
    pub fn new(socket: Socket<Any>, job: Job, ended: Ended) -> Self {
        Self { lines: lines(&job), limit: job.common.timeout.unwrap_or(Duration::MAX), socket, job, ended }
    }

    /// Moves messages until the input ends, the count is reached, or nothing happens for too long.
    pub fn run(&self) -> Result<(), Failure> {
        match (self.job.kind, &self.job.sending) {
            (SocketType::Rep, _) => self.answer(),
            (SocketType::Req, Some(sending)) => self.ask(sending),
            (kind, Some(sending)) if !kind.receives() => self.send_all(sending, self.job.common.count),
            (_, Some(_)) if self.job.echo => self.receive_all(),
            (SocketType::XPub, Some(sending)) => {
                let receiving = self.clone();
                std::thread::spawn(move || receiving.beside(Self::receive_endlessly));
                self.send_all(sending, self.job.common.count)
            }
            (_, Some(sending)) if self.job.common.count == Some(0) => self.send_all(sending, None),
            (_, Some(_)) => {
                let sending = self.clone();
                std::thread::spawn(move || sending.beside(Self::send_meanwhile));
                self.receive_all()
            }
            (_, None) => self.receive_all(),
        }
    }

    /// Runs the direction that the command does not end with: only its failure ends the command.
    fn beside(&self, direction: fn(&Self) -> Result<(), Failure>) {
        if let Err(failure) = direction(self) {
            // Nobody listens any more when the command has ended.
            let _ = self.ended.send(Some(Err(failure)));
        }
    }

    fn send_meanwhile(&self) -> Result<(), Failure> {
        let Some(sending) = &self.job.sending else { return Ok(()) };
        // Of lines from the input all are sent, however many come back.
        let count = self.job.common.count.filter(|_| !sending.message.is_empty());
        self.send_all(sending, count)
    }

    fn receive_endlessly(&self) -> Result<(), Failure> {
        let mut flow = self.clone();
        (flow.job.common.count, flow.limit) = (None, Duration::MAX);
        flow.receive_all()
    }

    fn send_all(&self, sending: &Sending, count: Option<u64>) -> Result<(), Failure> {
        let mut source = Source::new(&sending.message, count.is_some(), self.lines.clone())?;
        self.wait_for_peers(sending)?;
        let mut pace = Pace::new(sending);
        let mut sent = 0;
        while count.is_none_or(|count| sent < count)
            && let Some(message) = source.next()?
        {
            pace.wait();
            if !self.send(message)? {
                break;
            }
            sent += 1;
        }
        Ok(())
    }

    fn receive_all(&self) -> Result<(), Failure> {
        let mut out = Output::new(self.lines.clone());
        let mut received = 0;
        while self.job.common.count.is_none_or(|count| received < count)
            && let Some(message) = self.receive(&mut out)?
        {
            out.write(&message)?;
            if self.job.echo && !self.echo(message)? {
                break;
            }
            received += 1;
        }
        out.flush()
    }

    /// Sends a message back to where it came from; `false` if the socket was closed. Who has gone meanwhile does without.
    fn echo(&self, message: Message) -> Result<bool, Failure> {
        // Of a STREAM it says that a peer has come or gone; sent back it would close the connection.
        let is_notice =
            self.job.kind == SocketType::Stream && message.frames().last().is_some_and(|body| body.is_empty());
        if is_notice {
            return Ok(true);
        }
        match block_on_timeout(self.socket.send(message), self.limit) {
            Some(Err(SendError::NoRoute(_))) => Ok(true),
            sent => was_sent(sent),
        }
    }

    /// REQ: a line, its answer, the next line.
    fn ask(&self, sending: &Sending) -> Result<(), Failure> {
        let count = self.job.common.count;
        let mut source = Source::new(&sending.message, count.is_some(), self.lines.clone())?;
        self.wait_for_peers(sending)?;
        let mut out = Output::new(self.lines.clone());
        let mut pace = Pace::new(sending);
        let mut asked = 0;
        while count.is_none_or(|count| asked < count)
            && let Some(message) = source.next()?
        {
            pace.wait();
            if !self.send(message)? {
                break;
            }
            let Some(reply) = self.receive(&mut out)? else { break };
            out.write(&reply)?;
            out.flush()?;
            asked += 1;
        }
        Ok(())
    }

    /// REP: a request, its answer, the next request.
    fn answer(&self) -> Result<(), Failure> {
        let fixed: Vec<String> = self.job.reply.iter().cloned().collect();
        let mut source = match self.job.echo {
            true => None,
            false => Some(Source::new(&fixed, true, self.lines.clone())?),
        };
        let mut out = Output::new(self.lines.clone());
        let mut answered = 0;
        while self.job.common.count.is_none_or(|count| answered < count)
            && let Some(request) = self.receive(&mut out)?
        {
            out.write(&request)?;
            let reply = match &mut source {
                None => Some(request),
                Some(source) => {
                    out.flush()?;
                    source.next()?
                }
            };
            let Some(reply) = reply else { break };
            if !self.send(reply)? {
                break;
            }
            answered += 1;
        }
        out.flush()
    }

    /// Waits for as many peers, or subscribers of a publisher, as were asked for.
    fn wait_for_peers(&self, sending: &Sending) -> Result<(), Failure> {
        let count = if sending.no_wait { 0 } else { sending.wait_peers };
        let came = if self.job.kind.publishes() {
            block_on_timeout(self.socket.wait_for_subscribers(count), self.limit)
        } else {
            block_on_timeout(self.socket.wait_for_peers(count), self.limit)
        };
        let who = if self.job.kind.publishes() { "subscriber" } else { "peer" };
        came.ok_or_else(|| Failure::TimedOut(format!("no {who} came (waiting for {count}; see --no-wait)")))
    }

    /// Sends, waiting for room; `false` if the socket was closed.
    fn send(&self, mut message: Message) -> Result<bool, Failure> {
        if let Some(group) = &self.job.group {
            message.push_front(group.as_str());
        }
        was_sent(block_on_timeout(self.socket.send(message), self.limit))
    }

    /// The next message, printing the ones before it if it is not there yet; `None` if the socket was closed.
    fn receive(&self, out: &mut Output) -> Result<Option<Message>, Failure> {
        match self.socket.try_recv() {
            Ok(message) => return Ok(Some(message)),
            Err(TryRecvError::Failed(RecvError::Closed)) => return Ok(None),
            Err(TryRecvError::Failed(error)) => return Err(error.into()),
            Err(_) => out.flush()?,
        }
        match block_on_timeout(self.socket.recv(), self.limit) {
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(RecvError::Closed)) => Ok(None),
            Some(Err(error)) => Err(error.into()),
            None => Err(Failure::TimedOut("no message came".into())),
        }
    }
}

/// Whether a message was sent, or the socket closed.
fn was_sent(sent: Option<Result<(), SendError>>) -> Result<bool, Failure> {
    match sent {
        Some(Ok(())) => Ok(true),
        Some(Err(SendError::Closed(_))) => Ok(false),
        Some(Err(error)) => Err(error.into()),
        None => Err(Failure::TimedOut("no peer had room for a message".into())),
    }
}

/// Messages printed as lines: at once to a terminal, else when there is nothing else to do.
struct Output {
    lines: Lines,
    out: BufWriter<StdoutLock<'static>>,
    is_terminal: bool,
}

impl Output {
    fn new(lines: Lines) -> Self {
        let out = io::stdout().lock();
        let is_terminal = out.is_terminal();
        Self { lines, out: BufWriter::new(out), is_terminal }
    }

    fn write(&mut self, message: &Message) -> Result<(), Failure> {
        self.lines.write(message, &mut self.out)?;
        if self.is_terminal { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        // `StdoutLock` buffers lines of its own.
        Ok(self.out.flush()?)
    }
}
