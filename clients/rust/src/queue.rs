//! The queue between the program and the background thread: bounded, and never in the way.
//!
//! The program puts in and goes on; the thread waits here for what to do next. What is full loses
//! its oldest item, which is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::report::Report;
use crate::sample::Sample;
use crate::time::now_ms;
use crate::words::{Known, hash_of};

/// Reports that wait at most. They travel at once, so that many wait only while the server is away.
const REPORTS_MAX: usize = 1000;
/// Bytes of a body before compression, about; Pharos takes 10 MiB.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Bytes of all samples that wait, about: long labels must not make the queue's bound a large one.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Items of a batch that Pharos takes.
const ITEMS_MAX: usize = 10_000;

/// When a batch is ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) batch_interval: Duration,
    pub(crate) batch_items_max: usize,
    pub(crate) queue_items_max: usize,
    pub(crate) instruments_interval: Duration,
    pub(crate) heartbeat: Duration,
}

/// What the thread does next.
#[derive(Debug)]
pub(crate) enum Work {
    Send(Report),
    SendBatch(Vec<Sample>),
    ReadInstruments,
    End,
}

/// What became of an item that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    Taken,
    /// Taken, and the oldest dropped.
    Full,
    /// Pharos would not take it, for this reason.
    Refused(&'static str),
    Closed,
}

#[derive(Default)]
struct State {
    known: Known,
    samples: VecDeque<Sample>,
    samples_bytes: usize,
    reports: VecDeque<Report>,
    /// When the oldest sample has waited long enough.
    batch_at: Option<Instant>,
    /// When the instruments are read next.
    instruments_at: Option<Instant>,
    /// What the service said of itself last, and when it is said again.
    status: Option<Report>,
    beat_at: Option<Instant>,
    /// How many samples and reports were ever put in, and how many have left.
    n_put: [u64; 2],
    n_left: [u64; 2],
    /// Up to where somebody waits for samples and reports to leave.
    flush_until: [u64; 2],
    /// Readings of the instruments: the one that somebody waits for, the last begun and ended.
    reading_asked: u64,
    reading_begun: u64,
    reading_ended: u64,
    is_closing: bool,
    /// Sent as the last thing of all.
    farewell: Option<Report>,
    has_ended: bool,
}

impl State {
    /// Somebody waits for the end or for what was put in: nothing waits for its time.
    fn hurries(&self) -> bool {
        self.is_closing || !has_left(self.n_left, self.flush_until)
    }

    /// Asks for a reading that begins from here on, if there are instruments. Returns its number.
    fn ask_reading(&mut self) -> u64 {
        if self.instruments_at.is_some() {
            self.reading_asked = self.reading_begun + 1;
        }
        self.reading_asked
    }

    /// Drops the oldest samples until there is room for one of so many bytes. Returns how many.
    fn make_room(&mut self, items_max: usize, n_bytes: usize) -> u64 {
        let mut n_dropped = 0;
        while self.samples.len() >= items_max || self.samples_bytes + n_bytes > QUEUE_BYTES_MAX {
            let Some(oldest) = self.samples.pop_front() else { break };
            self.samples_bytes -= oldest.size_bytes();
            n_dropped += 1;
        }
        self.n_left[0] += n_dropped;
        n_dropped
    }

    fn take_batch(&mut self, items_max: usize, now: Instant, interval: Duration) -> Vec<Sample> {
        let mut n_bytes = 0;
        let mut batch = Vec::with_capacity(self.samples.len().min(items_max));
        while batch.len() < items_max && n_bytes < BODY_BYTES_MAX {
            let Some(sample) = self.samples.pop_front() else { break };
            n_bytes += sample.size_bytes();
            batch.push(sample);
        }
        self.samples_bytes -= n_bytes;
        self.batch_at = (!self.samples.is_empty()).then(|| now + interval);
        batch
    }
}

/// Samples and reports up to these have left.
fn has_left(n_left: [u64; 2], until: [u64; 2]) -> bool {
    n_left.iter().zip(until).all(|(left, until)| *left >= until)
}

/// See the module.
pub(crate) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes who waits for a flush or the end.
    settled: Condvar,
    pub(crate) n_dropped: AtomicU64,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            work: Condvar::new(),
            settled: Condvar::new(),
            n_dropped: AtomicU64::new(0),
        }
    }

    // A panic elsewhere must not become one here, and no update leaves the state half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a value of now in. The hot path: one lock, one look at the clock, and no copy of the
    /// words once they are known.
    pub(crate) fn put_sample(&self, name: &str, value: f64, labels: &[(&str, &str)]) -> Put {
        let hash = hash_of(name, labels);
        let timestamp_ms = now_ms();
        let mut state = self.lock();
        if state.is_closing {
            self.n_dropped.fetch_add(1, Relaxed);
            return Put::Closed;
        }
        let words = match state.known.find(hash, name, labels) {
            Ok(words) => words,
            Err(reason) => return Put::Refused(reason),
        };
        let n_bytes = words.size_bytes;
        let n_dropped = state.make_room(self.limits.queue_items_max, n_bytes);
        if n_dropped > 0 {
            self.n_dropped.fetch_add(n_dropped, Relaxed);
        }
        state.samples.push_back(Sample { words, value, timestamp_ms });
        state.samples_bytes += n_bytes;
        state.n_put[0] += 1;
        let is_first = state.batch_at.is_none();
        if is_first {
            state.batch_at = Some(Instant::now() + self.limits.batch_interval);
        }
        if is_first || state.samples.len() == self.limits.batch_items_max {
            self.work.notify_one();
        }
        if n_dropped > 0 { Put::Full } else { Put::Taken }
    }

    pub(crate) fn put_report(&self, report: Report) -> Put {
        let mut state = self.lock();
        if state.is_closing {
            return Put::Closed;
        }
        let is_full = state.reports.len() >= REPORTS_MAX;
        if is_full {
            state.reports.pop_front();
            state.n_left[1] += 1;
        }
        state.reports.push_back(report);
        state.n_put[1] += 1;
        self.work.notify_one();
        if is_full { Put::Full } else { Put::Taken }
    }

    /// Puts the service's state in and repeats it from now on. Silence means that nobody knows.
    pub(crate) fn put_status(&self, report: Report, is_repeated: bool) -> Put {
        let mut state = self.lock();
        state.status = is_repeated.then(|| report.clone());
        state.beat_at = is_repeated.then(|| Instant::now() + self.limits.heartbeat);
        drop(state);
        self.put_report(report)
    }

    /// From now on the instruments are read every interval.
    pub(crate) fn watch_instruments(&self) {
        let mut state = self.lock();
        if state.instruments_at.is_none() {
            state.instruments_at = Some(Instant::now() + self.limits.instruments_interval);
            self.work.notify_one();
        }
    }

    pub(crate) fn n_waiting(&self) -> usize {
        self.lock().samples.len()
    }

    /// Waits until all that was put in has been sent or given up. False after `timeout`.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        let until = state.n_put;
        state.flush_until = until;
        let reading = state.ask_reading();
        self.work.notify_one();
        self.wait(state, timeout, |state| {
            state.has_ended || (has_left(state.n_left, until) && state.reading_ended >= reading)
        })
    }

    /// Lets nothing in any more and waits until what is here and the farewell have left. False
    /// after `timeout`.
    pub(crate) fn close(&self, farewell: Option<Report>, timeout: Duration) -> bool {
        let mut state = self.lock();
        if !state.is_closing {
            state.is_closing = true;
            state.farewell = farewell;
            state.ask_reading();
            self.work.notify_one();
        }
        self.wait(state, timeout, |state| state.has_ended)
    }

    fn wait(
        &self,
        state: MutexGuard<'_, State>,
        timeout: Duration,
        is_done: impl Fn(&State) -> bool,
    ) -> bool {
        let waited = self.settled.wait_timeout_while(state, timeout, |state| !is_done(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_done(&state)
    }

    /// Waits for what to do next. Only the background thread calls this.
    pub(crate) fn next(&self) -> Work {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if let Some(work) = self.due(&mut state, now) {
                return work;
            }
            let times = [state.batch_at, state.instruments_at, state.beat_at];
            let at = times.into_iter().flatten().min();
            let pause =
                at.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(now));
            let waited = self.work.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn due(&self, state: &mut State, now: Instant) -> Option<Work> {
        let hurries = state.hurries();
        if let Some(report) = state.reports.pop_front() {
            return Some(Work::Send(report));
        }
        let is_past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_past(state.beat_at) && !state.is_closing {
            state.beat_at = Some(now + self.limits.heartbeat);
            if let Some(report) = state.status.clone() {
                state.n_put[1] += 1;
                return Some(Work::Send(report));
            }
        }
        let is_full = state.samples.len() >= self.limits.batch_items_max;
        if !state.samples.is_empty() && (hurries || is_full || is_past(state.batch_at)) {
            let items_max = self.limits.batch_items_max.min(ITEMS_MAX);
            return Some(Work::SendBatch(state.take_batch(
                items_max,
                now,
                self.limits.batch_interval,
            )));
        }
        if is_past(state.instruments_at) || state.reading_asked > state.reading_begun {
            state.instruments_at = Some(now + self.limits.instruments_interval);
            state.reading_begun += 1;
            return Some(Work::ReadInstruments);
        }
        if !state.is_closing {
            return None;
        }
        Some(state.farewell.take().map_or(Work::End, Work::Send))
    }

    /// The thread has done this: so many samples, so many reports have left.
    pub(crate) fn done(&self, n_samples: usize, n_reports: usize) {
        let mut state = self.lock();
        state.n_left[0] += n_samples as u64;
        state.n_left[1] += n_reports as u64;
        self.settled.notify_all();
    }

    /// The instruments were read and sent.
    pub(crate) fn done_instruments(&self) {
        let mut state = self.lock();
        state.reading_ended = state.reading_begun;
        self.settled.notify_all();
    }

    /// The thread ends: nobody waits any more. Returns how many samples were left behind.
    pub(crate) fn end(&self) -> usize {
        let mut state = self.lock();
        state.is_closing = true;
        state.has_ended = true;
        state.reports.clear();
        state.samples_bytes = 0;
        self.settled.notify_all();
        std::mem::take(&mut state.samples).len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(batch_items_max: usize, queue_items_max: usize) -> Queue {
        let hour = Duration::from_secs(3600);
        Queue::new(Limits {
            batch_interval: hour,
            batch_items_max,
            queue_items_max,
            instruments_interval: hour,
            heartbeat: hour,
        })
    }

    fn put(queue: &Queue, step: usize) -> Put {
        queue.put_sample("step", step as f64, &[])
    }

    proptest! {
        /// Whatever the limits: the newest leave in order, the others are counted.
        #[test]
        fn the_newest_leave_in_order(n in 0..200_usize, batch in 1..50_usize, room in 1..100_usize) {
            let queue = queue(batch, room);
            for step in 0..n {
                put(&queue, step);
            }
            queue.close(None, Duration::ZERO);
            let mut left = Vec::new();
            while let Work::SendBatch(samples) = queue.next() {
                prop_assert!(!samples.is_empty() && samples.len() <= batch);
                left.extend(samples.iter().map(|sample| sample.value as usize));
            }
            prop_assert_eq!(left, (n.saturating_sub(room)..n).collect::<Vec<_>>());
            let n_dropped = queue.n_dropped.load(Relaxed) as usize;
            prop_assert_eq!(n_dropped, n.saturating_sub(room));
        }
    }

    #[test]
    fn a_batch_stays_below_what_the_server_takes() {
        let queue = queue(10_000, 10_000);
        let text = "x".repeat(4000);
        for _ in 0..3000 {
            queue.put_sample("m", 1.0, &[("text", &text)]);
        }
        queue.close(None, Duration::ZERO);
        let Work::SendBatch(batch) = queue.next() else { panic!("there are samples") };
        assert!(crate::sample::batch_body(&batch, "s").len() < 10 << 20);
        assert!(batch.len() < 3000);
    }

    #[test]
    fn long_labels_do_not_make_the_queue_large() {
        let queue = queue(100_000, 100_000);
        let text = "x".repeat(4000);
        let labels: Vec<String> = (0..60).map(|label| label.to_string()).collect();
        let labels: Vec<(&str, &str)> = labels.iter().map(|label| (&**label, &*text)).collect();
        let n_put = (0..400).filter(|_| queue.put_sample("m", 1.0, &labels) == Put::Taken);
        let n_kept = n_put.count();
        assert!((100..300).contains(&n_kept), "{n_kept}");
        assert_eq!(queue.n_waiting(), n_kept);
        queue.close(None, Duration::ZERO);
        while matches!(queue.next(), Work::SendBatch(_)) {}
        assert_eq!(queue.lock().samples_bytes, 0);
    }

    #[test]
    fn a_flush_during_a_reading_wants_another_one() {
        let queue = queue(10, 10);
        queue.watch_instruments();
        queue.flush(Duration::ZERO);
        assert!(matches!(queue.next(), Work::ReadInstruments));
        queue.flush(Duration::ZERO);
        queue.done_instruments();
        assert_eq!(queue.lock().reading_ended, 1);
        assert!(matches!(queue.next(), Work::ReadInstruments));
        queue.done_instruments();
        assert_eq!(queue.lock().reading_ended, 2);
    }

    #[test]
    fn the_farewell_is_last() {
        let queue = queue(10, 10);
        put(&queue, 1);
        let alert = Report::alert("s", "t", "m", crate::Severity::Info);
        queue.put_report(alert.clone());
        queue.close(Some(alert), Duration::ZERO);
        let work: Vec<Work> = (0..4).map(|_| queue.next()).collect();
        let [Work::Send(_), Work::SendBatch(_), Work::Send(_), Work::End] = &work[..] else {
            panic!("{work:?}")
        };
    }

    #[test]
    fn a_flush_of_nothing_does_not_wait_for_later_items() {
        let queue = queue(10, 10);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !matches!(queue.next(), Work::End) {
                    queue.done(0, 1);
                }
                queue.end();
            });
            assert!(queue.flush(Duration::from_secs(30)));
            assert!(queue.close(None, Duration::from_secs(30)));
        });
        assert_eq!(put(&queue, 1), Put::Closed);
    }
}
