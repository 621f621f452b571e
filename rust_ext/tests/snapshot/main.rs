//! Snapshots: the engine that comes back is the one that was written, or it is said why not.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../differential/random.rs"]
mod random;

use std::path::{Path, PathBuf};

use engine::journal::{Durability, Journal};
use engine::recovery::{recover, replay};
use engine::{Engine, Size, snapshot};
use random::Random;

const SIZE: fn() -> Size = || Size {
    pages: 400,
    ..Size::of(2, 3, 40)
};

/// A directory of this test's own, empty, and a journal's path in it.
fn place(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("tradeops-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&directory));
    std::fs::create_dir(&directory).unwrap();
    directory.join("engine.journal")
}

fn gone(journal: &Path) {
    std::fs::remove_dir_all(journal.parent().unwrap()).unwrap();
}

/// Tell an engine and its journal so many commands.
fn tell(engine: &mut Engine, journal: &mut Journal, random: &mut Random, commands: u64) {
    for _ in 0..commands {
        let command = random.command();
        engine.command(&command);
        engine.clear_events();
        journal.append(&command);
    }
    journal.wait().unwrap();
}

/// Write a journal of 300 commands with snapshots after 100 and 200; return the last state.
fn written(journal: &Path) -> u64 {
    let mut engine = Engine::new(SIZE());
    let mut file = Journal::create(journal, SIZE(), Durability::Written).unwrap();
    let mut random = Random(3);
    for commands in [100, 200] {
        tell(&mut engine, &mut file, &mut random, 100);
        snapshot::write(journal, &engine, commands).unwrap();
    }
    tell(&mut engine, &mut file, &mut random, 100);
    engine.state_hash()
}

fn snapshot_of(journal: &Path, commands: u64) -> PathBuf {
    let name = journal.file_name().unwrap().to_string_lossy();
    journal.with_file_name(format!("{name}.{commands:020}.snapshot"))
}

#[test]
fn what_comes_back_tells_the_same_and_is_the_same_after_every_command_that_follows() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut engine = Engine::new(SIZE());
        for _ in 0..1_000 + seed * 97 {
            engine.command(&random.command());
            engine.clear_events();
        }
        let (mut again, commands) = snapshot::decode(&snapshot::encode(&engine, 7)).unwrap();
        assert_eq!((commands, again.image()), (7, engine.image()));
        again.assert_sound();
        for _ in 0..1_000 {
            let command = random.command();
            engine.command(&command);
            again.command(&command);
            assert_eq!(again.events(), engine.events());
            assert_eq!(again.state_hash(), engine.state_hash());
            engine.clear_events();
            again.clear_events();
        }
    }
}

#[test]
fn a_replay_begins_with_the_newest_snapshot_and_ends_as_without_one() {
    let journal = place("newest");
    let last = written(&journal);
    let recovered = recover(&journal).unwrap();
    assert_eq!(
        (recovered.from_snapshot, recovered.commands),
        (Some(200), 300)
    );
    assert_eq!(recovered.engine.state_hash(), last);
    assert!(recovered.passed_over.is_empty());
    let alone = replay(&std::fs::read(&journal).unwrap()).unwrap();
    assert_eq!(
        (alone.from_snapshot, alone.engine.state_hash()),
        (None, last)
    );
    gone(&journal);
}

#[test]
fn a_torn_or_damaged_snapshot_is_passed_over_with_a_report() {
    let journal = place("torn");
    let last = written(&journal);
    let newest = snapshot_of(&journal, 200);
    let bytes = std::fs::read(&newest).unwrap();
    let mut other = bytes.clone();
    other[60] ^= 1;
    for (content, found) in [
        (&bytes[..bytes.len() / 2], "another length"),
        (&bytes[..5], "another beginning than TRADES01"),
        (&other, "another checksum"),
    ] {
        std::fs::write(&newest, content).unwrap();
        let recovered = recover(&journal).unwrap();
        assert_eq!(recovered.from_snapshot, Some(100));
        assert_eq!(recovered.passed_over.len(), 1);
        assert_eq!(recovered.passed_over[0].path, newest);
        assert_eq!(recovered.passed_over[0].found, found);
        assert_eq!(recovered.engine.state_hash(), last);
    }
    std::fs::write(snapshot_of(&journal, 100), b"TRADES01").unwrap();
    let recovered = recover(&journal).unwrap();
    assert_eq!(
        (recovered.from_snapshot, recovered.passed_over.len()),
        (None, 2)
    );
    assert_eq!(recovered.engine.state_hash(), last);
    gone(&journal);
}

#[test]
fn a_snapshot_of_more_than_the_journal_has_or_of_another_engine_is_passed_over() {
    let journal = place("ahead");
    let last = written(&journal);
    let other = Engine::new(Size::of(1, 1, 8));
    let ahead = replay(&std::fs::read(&journal).unwrap()).unwrap().engine;
    std::fs::write(snapshot_of(&journal, 250), snapshot::encode(&other, 250)).unwrap();
    std::fs::write(snapshot_of(&journal, 999), snapshot::encode(&ahead, 999)).unwrap();
    let recovered = recover(&journal).unwrap();
    let found: Vec<_> = (recovered.passed_over.iter().map(|one| one.found.as_str())).collect();
    let expected = [
        "999 commands, of which the journal has 300",
        "an engine of another size",
    ];
    assert_eq!(found, expected);
    assert_eq!(recovered.from_snapshot, Some(200));
    assert_eq!(recovered.engine.state_hash(), last);
    gone(&journal);
}

#[test]
fn only_the_two_newest_are_kept_and_nothing_half_written() {
    let journal = place("kept");
    let engine = Engine::new(SIZE());
    drop(Journal::create(&journal, SIZE(), Durability::Written).unwrap());
    for commands in [1, 2, 30] {
        snapshot::write(&journal, &engine, commands).unwrap();
    }
    let mut left: Vec<_> = std::fs::read_dir(journal.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    left.sort();
    let expected = [
        journal.clone(),
        snapshot_of(&journal, 2),
        snapshot_of(&journal, 30),
    ];
    assert_eq!(left, expected);
    gone(&journal);
}

#[test]
fn cut_at_any_byte_or_changed_at_any_it_is_no_snapshot() {
    let mut random = Random(9);
    let mut engine = Engine::new(SIZE());
    (0..500).for_each(|_| engine.command(&random.command()));
    let bytes = snapshot::encode(&engine, 500);
    for at in 0..bytes.len() {
        assert!(snapshot::decode(&bytes[..at]).is_err());
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(snapshot::decode(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn words_that_never_were_an_engine_are_refused_and_never_a_panic() {
    let rounds: u64 = std::env::var("FUZZ").map_or(3_000, |rounds| rounds.parse().unwrap());
    let mut random = Random(11);
    let mut engine = Engine::new(SIZE());
    (0..500).for_each(|_| engine.command(&random.command()));
    let image = engine.image();
    for _ in 0..rounds {
        let mut words = image.clone();
        for _ in 0..1 + random.below(4) {
            // The sizes stay: what they cost to reserve is not the subject.
            let at = 5 + random.below(words.len() as u64 - 5) as usize;
            match random.below(4) {
                0 => words.truncate(at),
                1 => words.insert(at, random.next()),
                2 => words[at] = random.below(50),
                _ => words[at] = random.next(),
            }
            if words.len() < 6 {
                break;
            }
        }
        let _ = Engine::from_image(&words).map(|engine| engine.state_hash());
    }
}
