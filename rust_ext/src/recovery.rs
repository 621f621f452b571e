//! Reading a journal: every whole group, no other, and the engine they make.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::Path;

use crate::engine::{Engine, Size};
use crate::journal::{
    COMMAND_BYTES, COUNT_BYTES, GROUP_MAX, HEADER_BYTES, JournalError, MAGIC, MESSAGE_BYTES,
    NARROW_BIT, RECORD_HEAD_BYTES,
};
use crate::message::{Command, Message};
use crate::snapshot::{self, PassedOver};

/// What was cut off the end of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Where the file ends now.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
    /// Why.
    pub found: &'static str,
}

/// What a journal gave back.
#[derive(Debug)]
pub struct Recovered {
    /// The engine after every command of the journal.
    pub engine: Engine,
    /// How many they were.
    pub commands: u64,
    /// What was cut off, if anything was.
    pub cut: Option<Cut>,
    /// How many commands the snapshot had been told that this began with, if it did.
    pub from_snapshot: Option<u64>,
    /// Newer snapshots that could not be used.
    pub passed_over: Vec<PassedOver>,
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at + 8)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

fn size_of_header(bytes: &[u8]) -> Result<Size, JournalError> {
    if bytes.len() < HEADER_BYTES || bytes.first_chunk() != Some(MAGIC) {
        return Err(JournalError::Header);
    }
    let number = |n: usize| {
        let word = word(bytes, 8 + n * 8).ok_or(JournalError::Header)?;
        u32::try_from(word).map_err(|_| JournalError::Header)
    };
    let events = number(4)? as usize;
    Ok(Size {
        books: number(0)?,
        accounts: number(1)?,
        orders: number(2)?,
        pages: number(3)?,
        events,
    })
}

/// Read a journal, cut off a torn end, and rebuild the engine: from the newest good snapshot beside
/// it and what came after, or from the beginning.
///
/// # Errors
/// `Header` or `Damaged` when the file is not a whole journal; `Io` when the disk says no.
pub fn recover(path: &Path) -> Result<Recovered, JournalError> {
    let mut bytes = vec![];
    File::open(path)?.read_to_end(&mut bytes)?;
    let read = read(&bytes)?;
    if let Some(cut) = read.cut {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(cut.offset)?;
        file.sync_all()?;
    }
    let found = snapshot::newest(path, read.size, read.commands)?;
    Ok(Recovered {
        passed_over: found.passed_over,
        ..read.carry_out(found.newest)
    })
}

/// Rebuild an engine from a journal's bytes alone.
///
/// # Errors
/// `Header` or `Damaged`.
pub fn replay(bytes: &[u8]) -> Result<Recovered, JournalError> {
    Ok(read(bytes)?.carry_out(None))
}

/// A journal's commands, as they lie in its records.
struct Read<'a> {
    size: Size,
    records: Vec<(bool, &'a [u8])>,
    commands: u64,
    cut: Option<Cut>,
}

fn read(bytes: &[u8]) -> Result<Read<'_>, JournalError> {
    let size = size_of_header(bytes)?;
    let mut read = Read {
        size: size.checked().ok_or(JournalError::Header)?,
        records: vec![],
        commands: 0,
        cut: None,
    };
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let (offset, bytes) = (at as u64, rest.len() as u64);
        match record(rest, read.commands) {
            Ok((is_narrow, rows)) => {
                let width = if is_narrow {
                    MESSAGE_BYTES
                } else {
                    COMMAND_BYTES
                };
                read.commands += (rows.len() / width) as u64;
                read.records.push((is_narrow, rows));
                at += RECORD_HEAD_BYTES + COUNT_BYTES + rows.len();
            }
            Err((found, true)) => {
                read.cut = Some(Cut {
                    offset,
                    bytes,
                    found,
                });
                return Ok(read);
            }
            Err((found, false)) => return Err(JournalError::Damaged { offset, found }),
        }
    }
    Ok(read)
}

impl Read<'_> {
    /// Tell a snapshot's engine, or a new one, every command it was not told yet.
    fn carry_out(self, snapshot: Option<(Engine, u64)>) -> Recovered {
        let from_snapshot = snapshot.as_ref().map(|(_, told)| *told);
        let (mut engine, told) = snapshot.unwrap_or_else(|| (Engine::new(self.size), 0));
        let rows = self.records.iter().flat_map(|(is_narrow, rows)| {
            let (narrow, wide) = if *is_narrow {
                (rows.as_chunks().0, &[][..])
            } else {
                (&[][..], rows.as_chunks().0)
            };
            let narrow = narrow.iter().map(|row| Message::decode(row).into());
            narrow.chain(wide.iter().map(Command::decode))
        });
        for command in rows.skip(usize::try_from(told).unwrap_or(usize::MAX)) {
            engine.command(&command);
            engine.clear_events();
        }
        Recovered {
            engine,
            commands: self.commands,
            cut: self.cut,
            from_snapshot,
            passed_over: vec![],
        }
    }
}

/// Return a record's commands, or what is wrong with it and whether it is the torn end.
fn record(rest: &[u8], commands: u64) -> Result<(bool, &[u8]), (&'static str, bool)> {
    let Some(head) = word(rest, 0) else {
        return Err(("the beginning of one", true));
    };
    let (length, checksum) = ((head & 0xFFFF_FFFF) as usize, (head >> 32) as u32);
    let groups = length
        .checked_sub(COUNT_BYTES)
        .filter(|bytes| bytes % MESSAGE_BYTES == 0);
    if groups.is_none_or(|bytes| bytes == 0 || bytes > GROUP_MAX * COMMAND_BYTES) {
        // A tail of zeros is what a file that grew before it was written looks like.
        let is_end = rest.iter().all(|byte| *byte == 0);
        return Err(("a length no record has", is_end));
    }
    let Some(payload) = rest.get(RECORD_HEAD_BYTES..RECORD_HEAD_BYTES + length) else {
        return Err(("a part of one", true));
    };
    if crc32c::crc32c(payload) != checksum {
        let is_end = rest.len() == RECORD_HEAD_BYTES + length;
        return Err(("another checksum", is_end));
    }
    let (count, rows) = (word(payload, 0), payload.get(COUNT_BYTES..));
    let (Some(count), Some(rows)) = (count, rows) else {
        return Err(("a part of one", true));
    };
    let is_narrow = count >> NARROW_BIT == 1;
    let is_whole = is_narrow || rows.len().is_multiple_of(COMMAND_BYTES);
    if count & !(1 << NARROW_BIT) != commands || !is_whole {
        return Err(("a record from elsewhere", false));
    }
    Ok((is_narrow, rows))
}
