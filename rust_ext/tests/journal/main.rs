//! The journal: killed at any moment, cut at any byte, changed at any bit.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../differential/random.rs"]
mod random;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

use engine::journal::{Durability, Journal};
use engine::recovery::{recover, replay};
use engine::{Engine, Size, snapshot};
use random::Random;

const SIZE: fn() -> Size = || Size {
    pages: 400,
    ..Size::of(2, 3, 40)
};

/// A place of this test's own, empty.
fn place(name: &str) -> PathBuf {
    let name = format!("tradeops-journal-{}-{name}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    drop(std::fs::remove_dir_all(&directory));
    std::fs::create_dir(&directory).unwrap();
    directory.join("engine.journal")
}

/// An engine after the first `commands` of a seed.
fn after(seed: u64, commands: u64) -> Engine {
    let mut random = Random(seed);
    let mut engine = Engine::new(SIZE());
    for _ in 0..commands {
        engine.command(&random.command());
        engine.clear_events();
    }
    engine
}

/// Append a command in as few bytes as it needs.
fn append(journal: &mut Journal, command: &engine::Command) {
    if command.extra == engine::message::Extra::default() {
        journal.append_message(&command.message);
    } else {
        journal.append(command);
    }
}

/// Write `groups` groups of commands of a seed; return the file's bytes.
fn written(seed: u64, groups: u64) -> (PathBuf, Vec<u8>, u64) {
    let path = place(&format!("written-{seed}"));
    let mut journal = Journal::create(&path, SIZE(), Durability::Written).unwrap();
    let (mut random, mut sizes) = (Random(seed), Random(seed + 1));
    let mut commands = 0;
    for _ in 0..groups {
        for _ in 0..1 + sizes.below(20) {
            append(&mut journal, &random.command());
            commands += 1;
        }
        assert_eq!(journal.wait().unwrap(), commands);
    }
    drop(journal);
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes, commands)
}

#[test]
fn a_replay_has_the_state_of_the_original() {
    let (path, _, commands) = written(1, 200);
    let recovered = recover(&path).unwrap();
    assert_eq!((recovered.commands, recovered.cut), (commands, None));
    assert_eq!(
        recovered.engine.state_hash(),
        after(1, commands).state_hash()
    );
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn a_journal_goes_on_where_it_was_left() {
    let (path, _, commands) = written(2, 3);
    let mut journal = Journal::resume(&path, commands, Durability::Synced).unwrap();
    journal.append(&Random(9).command());
    assert_eq!(journal.wait().unwrap(), commands + 1);
    drop(journal);
    assert_eq!(recover(&path).unwrap().commands, commands + 1);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn cut_at_any_byte_it_keeps_every_whole_group_and_no_other() {
    let (path, bytes, commands) = written(3, 5);
    let hashes: Vec<u64> = (0..=commands)
        .map(|commands| after(3, commands).state_hash())
        .collect();
    for length in 48..bytes.len() {
        let recovered = replay(&bytes[..length]).unwrap();
        let expected = hashes[recovered.commands as usize];
        assert_eq!(recovered.engine.state_hash(), expected);
        assert!(
            recovered
                .cut
                .is_none_or(|cut| cut.offset + cut.bytes == length as u64)
        );
    }
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let cut = recover(&path).unwrap().cut.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), cut.offset);
    assert!(recover(&path).unwrap().cut.is_none());
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let (path, bytes, commands) = written(4, 3);
    for at in 48..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        if let Ok(recovered) = replay(&changed) {
            assert!(recovered.cut.is_some(), "byte {at}");
            assert!(recovered.commands < commands, "byte {at}");
        }
    }
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn any_bytes_are_a_journal_or_an_error_and_never_a_panic() {
    let (path, bytes, _) = written(5, 4);
    let rounds: u64 = std::env::var("FUZZ").map_or(3_000, |rounds| rounds.parse().unwrap());
    let mut random = Random(77);
    for _ in 0..rounds {
        let mut mangled = bytes.clone();
        for _ in 0..1 + random.below(8) {
            let at = random.below(mangled.len() as u64) as usize;
            match random.below(4) {
                0 => mangled.truncate(at.max(1)),
                1 => drop(mangled.splice(at..at, random.next().to_le_bytes())),
                // The header's sizes stay small: what they cost to reserve is not the subject.
                _ if at >= 48 => mangled[at] = random.next() as u8,
                _ => {}
            }
        }
        if let Ok(recovered) = replay(&mangled) {
            recovered.engine.assert_sound();
        }
    }
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

/// Not a test of its own: the process that is killed. It says what is safe, line by line.
#[test]
fn victim() {
    let Ok(path) = std::env::var("JOURNAL_VICTIM") else {
        return;
    };
    let mut journal = Journal::create(path.as_ref(), SIZE(), Durability::Synced).unwrap();
    let (mut random, mut sizes) = (Random(6), Random(7));
    let mut engine = Engine::new(SIZE());
    loop {
        for _ in 0..1 + sizes.below(50) {
            let command = random.command();
            append(&mut journal, &command);
            engine.command(&command);
            engine.clear_events();
        }
        let safe = journal.wait().unwrap();
        println!("safe {safe}");
        if sizes.below(4) == 0 {
            snapshot::write(path.as_ref(), &engine, safe).unwrap();
        }
    }
}

#[test]
fn killed_at_any_moment_it_loses_nothing_that_was_safe_and_invents_nothing() {
    let kills: u64 = std::env::var("KILLS").map_or(10, |kills| kills.parse().unwrap());
    let mut random = Random(5);
    let mut with_snapshot = 0;
    for kill in 0..kills {
        let path = place(&format!("killed-{kill}"));
        let mut victim = Process::new(std::env::current_exe().unwrap())
            .args(["victim", "--exact", "--nocapture"])
            .env("JOURNAL_VICTIM", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut safe = 0;
        let mut read = |line: Option<std::io::Result<String>>| {
            let line = line.and_then(Result::ok)?;
            let number = line
                .split("safe ")
                .nth(1)
                .and_then(|number| number.parse().ok());
            safe = number.unwrap_or(safe);
            Some(())
        };
        for _ in 0..4 + random.below(40) {
            read(lines.next());
        }
        for _ in 0..random.below(200_000) {
            std::hint::spin_loop();
        }
        victim.kill().unwrap();
        while read(lines.next()).is_some() {}
        victim.wait().unwrap();
        let recovered = recover(&path).unwrap();
        assert!(
            recovered.commands >= safe,
            "lost: {safe} were safe, {} are there",
            recovered.commands
        );
        let expected = after(6, recovered.commands).state_hash();
        assert_eq!(recovered.engine.state_hash(), expected);
        assert!(
            recovered.passed_over.is_empty(),
            "a snapshot is whole or not there"
        );
        with_snapshot += u64::from(recovered.from_snapshot.is_some());
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
    assert!(with_snapshot > 0, "no kill met a snapshot");
}
