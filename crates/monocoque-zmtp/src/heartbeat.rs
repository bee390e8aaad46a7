//! Signs of life: when to send PING, and how long silence may last (RFC 37, "Connection Heartbeating").
//!
//! Any byte of the peer is a sign of life, not only a PONG. Two watches run: one over our PING, one over the
//! time to live that the peer named in its own. Heartbeats are configured by us, so they run with peers of
//! ZMTP 3.0 too, as in libzmq: its versions 4.2 to 4.3 announce 3.0 and answer PING.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::command::{self, Command, PING, PONG};
use crate::config::Heartbeat;
use crate::error::{PeerMisbehaved, SessionError};
use crate::limits::{PING_CONTEXT_BYTES_MAX, TTL_MAX};

const TTL_UNIT: Duration = Duration::from_millis(100);

/// A time within which something must come.
#[derive(Debug, Clone, Copy)]
struct Watch {
    allowed: Duration,
    /// `None` when it is beyond what the clock can tell.
    until: Option<Instant>,
}

impl Watch {
    fn new(now: Instant, allowed: Duration) -> Self {
        Self { allowed, until: now.checked_add(allowed) }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The heartbeat of one connection: nothing as long as neither side asks for one.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Option<Box<Beats>>);

#[derive(Debug, Default)]
struct Beats {
    interval: Option<Duration>,
    timeout: Option<Duration>,
    ttl: Option<Duration>,
    next_ping: Option<Instant>,
    /// Runs from our PING to the peer's next byte.
    reply: Option<Watch>,
    /// Runs from the peer's PING to its next byte.
    promise: Option<Watch>,
}

impl Pulse {
    pub(crate) fn new(heartbeat: Heartbeat) -> Self {
        let some = |duration: Option<Duration>| duration.filter(|duration| !duration.is_zero());
        let beats = some(heartbeat.interval).map(|interval| Beats {
            interval: Some(interval),
            timeout: some(heartbeat.timeout.or(Some(interval))),
            ttl: heartbeat.ttl,
            ..Beats::default()
        });
        Self(beats.map(Box::new))
    }

    /// The peer is ready: the first PING is an interval away.
    pub(crate) fn start(&mut self, now: Instant) {
        if let Some(beats) = &mut self.0 {
            beats.rest(now);
        }
    }

    /// Something came.
    // spec: 37/ZMTP, heartbeating — any incoming traffic should be treated as a sign of life.
    pub(crate) fn heard(&mut self) {
        if let Some(beats) = &mut self.0 {
            (beats.reply, beats.promise) = (None, None);
        }
    }

    /// What was not heard before `now` is not held against the peer.
    pub(crate) fn forgive(&mut self, now: Instant) {
        let Some(beats) = &mut self.0 else { return };
        for watch in [&mut beats.reply, &mut beats.promise].into_iter().flatten() {
            *watch = Watch::new(now, watch.allowed);
        }
    }

    /// The next moment at which something is to be done.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let beats = self.0.as_ref()?;
        let until = |watch: Option<Watch>| watch.and_then(|watch| watch.until);
        [beats.next_ping, until(beats.reply), until(beats.promise)].into_iter().flatten().min()
    }

    /// Whether the peer was silent for too long.
    pub(crate) fn judge(&self, now: Instant) -> Result<(), SessionError> {
        self.0.as_ref().map_or(Ok(()), |beats| beats.judge(now))
    }

    /// Time has passed: the PING that is due, if one is.
    pub(crate) fn poll(&mut self, now: Instant) -> Result<Option<Bytes>, SessionError> {
        let Some(beats) = &mut self.0 else { return Ok(None) };
        beats.judge(now)?;
        if beats.next_ping.is_none_or(|at| now < at) {
            return Ok(None);
        }
        beats.rest(now);
        if beats.reply.is_none() {
            beats.reply = beats.timeout.map(|timeout| Watch::new(now, timeout));
        }
        Ok(Some(command::encode(PING, &encode_ttl(beats.ttl))))
    }

    /// Takes a PING: appends the PONG to `replies` and, if nothing came behind the PING yet, holds the
    /// peer to its time to live.
    pub(crate) fn pinged(
        &mut self,
        now: Instant,
        ping: Command<'_>,
        is_last: bool,
        replies: &mut Vec<u8>,
    ) -> Result<(), PeerMisbehaved> {
        // spec: 37/ZMTP, heartbeating — ping = command-size %d4 "PING" ping-ttl ping-context.
        let (ttl, context) = ping.data.split_first_chunk::<2>().ok_or(PeerMisbehaved::PingTooShort(ping.data.len()))?;
        let ttl = TTL_UNIT * u32::from(u16::from_be_bytes(*ttl));
        if is_last && !ttl.is_zero() {
            self.0.get_or_insert_default().promise = Some(Watch::new(now, ttl));
        } else if let Some(beats) = &mut self.0 {
            beats.promise = None;
        }
        // spec: 37/ZMTP, heartbeating — the PONG echoes the context, of at most 16 octets. Cut, as in libzmq.
        command::put(replies, PONG, &context[..context.len().min(PING_CONTEXT_BYTES_MAX)]);
        Ok(())
    }
}

impl Beats {
    /// The next PING is an interval away.
    fn rest(&mut self, now: Instant) {
        self.next_ping = self.interval.and_then(|interval| now.checked_add(interval));
    }

    fn judge(&self, now: Instant) -> Result<(), SessionError> {
        // spec: 37/ZMTP, heartbeating — a connection is dead when nothing came within a time-out after a
        // PING of ours, or within the TTL after a PING of the peer.
        if let Some(watch) = self.reply.filter(|watch| watch.is_over(now)) {
            return Err(SessionError::HeartbeatTimeout { allowed: watch.allowed });
        }
        if let Some(watch) = self.promise.filter(|watch| watch.is_over(now)) {
            return Err(SessionError::TtlExpired { ttl: watch.allowed });
        }
        Ok(())
    }
}

/// Judges a PONG; that it came has been noted already.
pub(crate) fn check_pong(pong: Command<'_>) -> Result<(), PeerMisbehaved> {
    // spec: 37/ZMTP, heartbeating — ping-context = 0*16OCTET.
    if pong.data.len() > PING_CONTEXT_BYTES_MAX {
        return Err(PeerMisbehaved::PongContext(pong.data.len()));
    }
    Ok(())
}

fn encode_ttl(ttl: Option<Duration>) -> [u8; 2] {
    let units = ttl.unwrap_or_default().min(TTL_MAX).as_millis() / TTL_UNIT.as_millis();
    u16::try_from(units).expect("cut at the most that fits").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ttl_is_rounded_down_and_cut() {
        let ttl = |ms| u16::from_be_bytes(encode_ttl(Some(Duration::from_millis(ms))));
        assert_eq!(
            [ttl(0), ttl(99), ttl(100), ttl(2_590), ttl(6_553_500), ttl(7_000_000)],
            [0, 0, 1, 25, 65535, 65535]
        );
        assert_eq!(encode_ttl(None), [0, 0]);
    }

    #[test]
    fn the_timeout_is_the_interval_unless_told() {
        let pulse = |interval, timeout| Pulse::new(Heartbeat { interval, timeout, ttl: None });
        let timeout = |interval, timeout| pulse(interval, timeout).0.and_then(|beats| beats.timeout);
        assert_eq!(timeout(Some(SECOND), None), Some(SECOND));
        assert_eq!(timeout(Some(SECOND), Some(2 * SECOND)), Some(2 * SECOND));
        assert_eq!(timeout(Some(SECOND), Some(Duration::ZERO)), None);
        assert_eq!(timeout(None, None), None);
    }

    #[test]
    fn an_endless_interval_never_ends() {
        let now = Instant::now();
        let mut pulse = Pulse::new(Heartbeat { interval: Some(Duration::MAX), ..Heartbeat::default() });
        pulse.start(now);
        assert_eq!(pulse.deadline(), None);
        assert_eq!(pulse.poll(now), Ok(None));
    }

    #[test]
    fn forgiveness_restarts_what_runs_and_nothing_else() {
        let now = Instant::now();
        let mut pulse = Pulse::new(Heartbeat::default());
        pulse.forgive(now);
        assert_eq!(pulse.deadline(), None);
        let ping = Command { name: PING, data: b"\0\x0a" };
        assert_eq!(pulse.pinged(now, ping, true, &mut Vec::new()), Ok(()));
        assert_eq!(pulse.deadline(), Some(now + SECOND));
        pulse.forgive(now + SECOND);
        assert_eq!(pulse.deadline(), Some(now + 2 * SECOND));
        assert_eq!(pulse.poll(now + SECOND), Ok(None));
        assert_eq!(pulse.poll(now + 2 * SECOND), Err(SessionError::TtlExpired { ttl: SECOND }));
    }
}
