//! The whole engine on the workloads of `gen_orders.py`: `cargo bench --bench workload -- DIR`.
#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod clock;
mod file;
mod matching;
mod whole;

use std::path::PathBuf;

use clock::Chunks;
use file::Workload;
use matching::Matching;
use whole::Whole;

fn runs() -> usize {
    std::env::var("RUNS").map_or(7, |runs| runs.parse().unwrap())
}

fn match_only(load: &Workload) -> (f64, f64) {
    let mut chunks = Chunks::default();
    for _ in 0..runs() {
        let mut engine = Matching::new(load);
        let (prefill, timed) = load.messages.split_at(load.prefill);
        let ahead = load.prefill > 200_000;
        engine.run(prefill, false);
        chunks.run(timed, |part| engine.run(part, ahead));
        engine.finish();
        load.verify(&engine.digest, "match only");
    }
    chunks.ns_per_message(load.messages.len() - load.prefill)
}

fn full_path(load: &Workload) -> (f64, f64) {
    let mut chunks = Chunks::default();
    for _ in 0..runs() {
        let mut engine = Whole::new(load);
        let (prefill, timed) = load.messages.split_at(load.prefill);
        engine.run(prefill);
        chunks.run(timed, |part| engine.run(part));
        engine.finish();
        load.verify(&engine.digest, "full path");
    }
    chunks.ns_per_message(load.messages.len() - load.prefill)
}

fn main() {
    let directory = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let directory = PathBuf::from(directory.unwrap_or_else(|| "target/workloads".to_owned()));
    for name in std::env::args()
        .skip(2)
        .filter(|word| !word.starts_with('-'))
    {
        let load = Workload::read(&directory.join(format!("{name}.bin")));
        if load.id_max < 100_000_000 {
            println!("match only {name}: {:.1?} ns", match_only(&load));
        }
        println!("full path {name}: {:.1?} ns", full_path(&load));
    }
}
