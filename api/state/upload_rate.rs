//! How fast an upload arrives. Only the time in which the client is waited for counts: where Rollcall is
//! busy, nobody is slow.

use std::time::{Duration, Instant};

/// The time after which it can be told how fast a client is; a client that sends nothing is given up after it too.
pub const WINDOW: Duration = Duration::from_secs(15);

/// The time after which it can be told well enough to give its place to somebody who waits.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// The slowest client that is waited for, in bytes a second: a line of 32 kbit/s.
const LEAST: Rate = Rate::per_second(4 * 1024);

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// A rate of so many.
    pub const fn per_second(bytes: u64) -> Self {
        Self(bytes)
    }
}

/// What came in a time of waiting.
#[derive(Clone, Copy, Default)]
struct Span {
    bytes: u64,
    waited: Duration,
}

impl Span {
    fn rate(self) -> Rate {
        let milliseconds = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
        Rate(self.bytes.saturating_mul(1000) / milliseconds.max(1))
    }
}

/// How fast a client sends: in the window that runs, and in the one before.
pub struct RateMeter {
    last: Span,
    current: Span,
    /// How long the client has been waited for in all.
    waited: Duration,
    /// Since when the client is waited for; none while Rollcall works on what came.
    waiting_since: Option<Instant>,
}

impl RateMeter {
    /// The meter of a client that is waited for since then.
    pub fn since(now: Instant) -> Self {
        Self {
            last: Span::default(),
            current: Span::default(),
            waited: Duration::ZERO,
            waiting_since: Some(now),
        }
    }

    /// Notes that the client is waited for from now on.
    pub fn waits(&mut self, now: Instant) {
        self.waiting_since = Some(now);
    }

    /// Notes that so many bytes have come; `false` where a whole window brought too few.
    pub fn received(&mut self, bytes: usize, now: Instant) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.current.bytes = self.current.bytes.saturating_add(bytes);
        let waited = self.waiting(now);
        self.current.waited += waited;
        self.waited += waited;
        self.waiting_since = None;
        if self.current.waited < WINDOW {
            return true;
        }
        self.last = std::mem::take(&mut self.current);
        self.last.rate() >= LEAST
    }

    /// How fast the client was of late; none before that can be told.
    fn rate(&self, now: Instant) -> Option<Rate> {
        let of_late = Span {
            bytes: self.last.bytes + self.current.bytes,
            waited: self.last.waited + self.current.waited + self.waiting(now),
        };
        (of_late.waited >= FIRST_LOOK).then(|| of_late.rate())
    }

    /// How fast the client was of late, and how long it has been waited for in all.
    pub fn so_far(&self, now: Instant) -> (Option<Rate>, Duration) {
        (self.rate(now), self.waited + self.waiting(now))
    }

    fn waiting(&self, now: Instant) -> Duration {
        let since = self.waiting_since.unwrap_or(now);
        now.saturating_duration_since(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Receives so many bytes after each second of waiting; tells after how many seconds it was too slow.
    fn too_slow_after(bytes_a_second: usize) -> Option<u32> {
        let mut now = Instant::now();
        let mut meter = RateMeter::since(now);
        (1..=60).find(|_| {
            meter.waits(now);
            now += SECOND;
            !meter.received(bytes_a_second, now)
        })
    }

    #[test]
    fn whoever_sends_next_to_nothing_is_found_out_and_a_slow_line_is_not() {
        for trickle in [0, 1, 4095] {
            assert_eq!(too_slow_after(trickle), Some(15), "{trickle}");
        }
        assert_eq!(too_slow_after(4096), None);
    }

    #[test]
    fn time_in_which_rollcall_is_busy_does_not_count() {
        let mut now = Instant::now();
        let mut meter = RateMeter::since(now);
        for _ in 0..100 {
            meter.waits(now);
            now += SECOND / 10;
            assert!(meter.received(1000, now));
            now += SECOND * 30;
        }
        assert_eq!(meter.rate(now), Some(Rate::per_second(10_000)));
    }

    #[test]
    fn what_was_sent_long_ago_does_not_make_a_client_fast() {
        let mut now = Instant::now();
        let mut meter = RateMeter::since(now);
        assert_eq!(meter.rate(now), None);
        meter.waits(now);
        now += SECOND;
        meter.received(10_000_000, now);
        for _ in 0..40 {
            meter.waits(now);
            now += SECOND;
            meter.received(5000, now);
        }
        assert_eq!(meter.rate(now), Some(Rate::per_second(5000)));
        // Silence counts while it lasts.
        meter.waits(now);
        now += SECOND * 75;
        assert!(meter.rate(now) < Some(Rate::per_second(2000)));
    }
}
