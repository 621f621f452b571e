//! How long single operations take, at the far end.

use std::time::Instant;

use crate::clock::median;
use crate::file::Workload;
use crate::whole::Whole;

const PERCENTILES: [(&str, f64, f64, f64); 3] = [
    ("p99", 0.99, 200.0, 190.0),
    ("p99.9", 0.999, 350.0, 320.0),
    ("p99.99", 0.9999, 700.0, 560.0),
];

/// Print the percentiles of the full path, per message: the median of each over the runs, wall time
/// less what looking at the clock takes.
pub fn print(load: &Workload) {
    let clock = (0..10_000)
        .map(|_| elapsed(Instant::now()))
        .fold(f64::INFINITY, f64::min);
    let mut found = PERCENTILES.map(|_| vec![]);
    for _ in 0..crate::runs() {
        let mut times = one_run(load);
        times.sort_by(f64::total_cmp);
        for (values, (_, part, ..)) in found.iter_mut().zip(PERCENTILES) {
            values.push(times[(times.len() as f64 * part) as usize] - clock);
        }
    }
    for (values, (name, _, must, aim)) in found.into_iter().zip(PERCENTILES) {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        crate::line("one message", name, (median(values), least), must, aim);
    }
}

fn elapsed(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}

fn one_run(load: &Workload) -> Vec<f64> {
    let mut whole = Whole::new(load, None);
    let (prefill, timed) = load.messages.split_at(load.prefill);
    whole.run(prefill);
    let mut times = Vec::with_capacity(timed.len());
    for message in timed {
        let start = Instant::now();
        whole.engine.apply(message);
        times.push(elapsed(start));
        if whole.engine.events().len() > 256 {
            whole.engine.clear_events();
        }
    }
    times
}
