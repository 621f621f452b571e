//! The protocol's clock: thread CPU time over 64 chunks, the median of each chunk over the runs.

use rustix::time::{ClockId, clock_gettime};

pub const CHUNKS: usize = 64;

/// CPU time of this thread, in nanoseconds.
pub fn cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Times of the chunks of several runs.
#[derive(Default)]
pub struct Chunks {
    runs: Vec<[f64; CHUNKS]>,
}

impl Chunks {
    /// Measure one run: `work` is called with each chunk of `messages`.
    pub fn run<T>(&mut self, messages: &[T], mut work: impl FnMut(&[T])) {
        let mut times = [0.0; CHUNKS];
        let count = messages.len();
        for (chunk, time) in times.iter_mut().enumerate() {
            let part = &messages[count * chunk / CHUNKS..count * (chunk + 1) / CHUNKS];
            let start = cpu_ns();
            work(part);
            *time = cpu_ns() - start;
        }
        self.runs.push(times);
    }

    /// Nanoseconds per message: the median of each chunk over the runs, and the least.
    pub fn ns_per_message(&self, messages: usize) -> (f64, f64) {
        let times = |chunk: usize| self.runs.iter().map(|run| run[chunk]).collect();
        let total: f64 = (0..CHUNKS).map(|chunk| median(times(chunk))).sum();
        let least = |times: Vec<f64>| times.into_iter().fold(f64::INFINITY, f64::min);
        let quiet: f64 = (0..CHUNKS).map(|chunk| least(times(chunk))).sum();
        (total / messages as f64, quiet / messages as f64)
    }
}

/// The middle of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
