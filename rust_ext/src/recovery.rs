//! Reading a journal: every whole group, no other, and the engine they make.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;

use crate::engine::{Engine, Size};
use crate::journal::{
    COMMAND_BYTES, COUNT_BYTES, GROUP_MAX, HEADER_BYTES, JournalError, MAGIC, MESSAGE_BYTES,
    NARROW_BIT, RECORD_HEAD_BYTES,
};
use crate::message::{Command, Message};

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

/// Read a journal, cut off a torn end, and rebuild the engine.
///
/// # Errors
/// `Header` or `Damaged` when the file is not a whole journal; `Io` when the disk says no.
pub fn recover(path: &Path) -> Result<Recovered, JournalError> {
    let mut bytes = vec![];
    File::open(path)?.read_to_end(&mut bytes)?;
    let recovered = replay(&bytes)?;
    if let Some(cut) = recovered.cut {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(cut.offset)?;
        file.sync_all()?;
    }
    Ok(recovered)
}

/// Rebuild an engine from a journal's bytes.
///
/// # Errors
/// `Header` or `Damaged`.
pub fn replay(bytes: &[u8]) -> Result<Recovered, JournalError> {
    let size = size_of_header(bytes)?;
    let mut engine = Engine::new(check_size(size)?);
    let (mut commands, mut at) = (0, HEADER_BYTES);
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        match record(rest, commands) {
            Ok((is_narrow, rows)) => {
                commands += carry_out(&mut engine, is_narrow, rows);
                at += RECORD_HEAD_BYTES + COUNT_BYTES + rows.len();
            }
            Err((found, true)) => {
                let (offset, bytes) = (at as u64, rest.len() as u64);
                let cut = Some(Cut {
                    offset,
                    bytes,
                    found,
                });
                return Ok(Recovered {
                    engine,
                    commands,
                    cut,
                });
            }
            Err((found, false)) => {
                return Err(JournalError::Damaged {
                    offset: at as u64,
                    found,
                });
            }
        }
    }
    Ok(Recovered {
        engine,
        commands,
        cut: None,
    })
}

fn carry_out(engine: &mut Engine, is_narrow: bool, rows: &[u8]) -> u64 {
    let mut count = 0;
    let mut tell = |command: Command| {
        engine.command(&command);
        engine.clear_events();
        count += 1;
    };
    if is_narrow {
        let rows = rows.as_chunks().0.iter();
        rows.for_each(|row| tell(Message::decode(row).into()));
    } else {
        rows.as_chunks()
            .0
            .iter()
            .for_each(|row| tell(Command::decode(row)));
    }
    count
}

/// A header that asks for more than a process can hold is damage.
fn check_size(size: Size) -> Result<Size, JournalError> {
    let lines = u64::from(size.books) * u64::from(size.accounts);
    let fits = lines <= 1 << 24
        && size.books <= 1 << 16
        && size.orders <= 1 << 24
        && size.pages <= 1 << 24
        && size.events <= 1 << 26;
    if fits {
        Ok(size)
    } else {
        Err(JournalError::Header)
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
