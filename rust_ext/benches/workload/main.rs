//! The whole engine on the workloads of the protocol: `make bench`, or
//! `cargo bench --bench workload -- DIRECTORY [w1 w100 w1deep]`.
//!
//! Thread CPU time of 64 chunks, the median of each chunk over `RUNS` (7) runs; every run's digest
//! must be the reference book's. With `ROUNDS=3` each figure is the median of three such. The figure in brackets is the least instead of the median: on a
//! machine that does other things, it says what the median would be without them.
#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod clock;
mod file;
mod latency;
mod matching;
mod parts;
mod whole;

use std::path::{Path, PathBuf};

use clock::Chunks;
use file::Workload;
use matching::Matching;
use whole::Whole;

/// The goals, in ns per message: workload, match only must and aim, full path the same.
const GOALS: [(&str, [f64; 4]); 3] = [
    ("w1", [18.0, 13.0, 32.0, 26.0]),
    ("w100", [35.0, 24.0, 50.0, 40.0]),
    ("w1deep", [60.0, 33.0, 110.0, 56.0]),
];

/// The same of what risk and positions add to the full path.
const RISK_GOALS: [(&str, f64, f64); 2] = [("w1", 8.0, 7.0), ("w100", 12.0, 10.0)];

fn runs() -> usize {
    std::env::var("RUNS").map_or(7, |runs| runs.parse().unwrap())
}

/// Measure `ROUNDS` (1) times: the median of the medians, the least of the least.
fn rounds(measure: impl Fn() -> (f64, f64)) -> (f64, f64) {
    let count = std::env::var("ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let found: Vec<(f64, f64)> = (0..count).map(|_| measure()).collect();
    let least = found.iter().map(|(_, least)| *least);
    (
        clock::median(found.iter().map(|(median, _)| *median).collect()),
        least.fold(f64::INFINITY, f64::min),
    )
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

fn full_path(load: &Workload, journal: Option<&Path>) -> (f64, f64) {
    let mut chunks = Chunks::default();
    for _ in 0..runs() {
        let mut engine = Whole::new(load, journal);
        let (prefill, timed) = load.messages.split_at(load.prefill);
        engine.run(prefill);
        chunks.run(timed, |part| engine.run(part));
        engine.finish();
        load.verify(&engine.digest, "full path");
    }
    chunks.ns_per_message(load.messages.len() - load.prefill)
}

fn line(what: &str, name: &str, (median, least): (f64, f64), must: f64, aim: f64) {
    let verdict = match median {
        ns if ns <= aim => "aim",
        ns if ns <= must => "must",
        _ => "-",
    };
    println!("{what:<12} {name:<7} {median:7.1} ({least:6.1}) {must:6.0} {aim:6.0}   {verdict}");
}

fn journalled(load: &Workload, without: (f64, f64), directory: &Path) {
    let path = directory.join("bench.journal");
    let with = rounds(|| full_path(load, Some(&path)));
    let kept = 100.0 * without.0 / with.0;
    println!(
        "journal on   {:<7} {:7.1} ({:6.1})   {kept:.0} % kept ({:.0} %); must 80, aim 90",
        load.name,
        with.0,
        with.1,
        100.0 * without.1 / with.1
    );
}

/// What the full path took without risk and positions: `BARE` is what this bench printed when it was
/// built with the feature `bare`, as `make bench` does.
fn bare(name: &str) -> Option<(f64, f64)> {
    let printed = std::env::var("BARE").ok()?;
    let mut words = printed.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == name).then_some(words)
    })?;
    let mut number = || words.next()?.parse().ok();
    Some((number()?, number()?))
}

/// Print what the full path takes, for a run with everything to read from `BARE`.
fn print_bare(directory: &Path) {
    for (name, ..) in RISK_GOALS {
        let load = Workload::read(&directory.join(format!("{name}s.bin")));
        let (median, least) = rounds(|| full_path(&load, None));
        println!("{name} {median} {least}");
    }
}

fn main() {
    let words = || {
        std::env::args()
            .skip(1)
            .filter(|word| !word.starts_with('-'))
    };
    let directory = words()
        .next()
        .unwrap_or_else(|| "target/workloads".to_owned());
    let directory = PathBuf::from(directory);
    if cfg!(feature = "bare") {
        return print_bare(&directory);
    }
    let wanted: Vec<String> = words().skip(1).collect();
    println!("what         load     median  (least)   must    aim   reached (ns per message)");
    for (name, [must, aim, full_must, full_aim]) in GOALS {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == name) {
            continue;
        }
        let dense = Workload::read(&directory.join(format!("{name}.bin")));
        let floor = rounds(|| parts::floor(&dense));
        println!("floor        {name:<7} {:7.1} ({:6.1})", floor.0, floor.1);
        line("match only", name, rounds(|| match_only(&dense)), must, aim);
        drop(dense);
        let sparse = Workload::read(&directory.join(format!("{name}s.bin")));
        let full = rounds(|| full_path(&sparse, None));
        line("full path", name, full, full_must, full_aim);
        if let Some((_, must, aim)) = RISK_GOALS.iter().find(|(load, ..)| *load == name) {
            if let Some(bare) = bare(name) {
                let added = (full.0 - bare.0, full.1 - bare.1);
                line("risk added", name, added, *must, *aim);
            }
            let alone = rounds(|| parts::risk(&sparse));
            println!("risk alone   {name:<7} {:7.1} ({:6.1})", alone.0, alone.1);
        }
        if name == "w1" {
            journalled(&sparse, full, &directory);
            latency::print(&sparse);
        }
    }
}
