//! Commands on disk: what an engine was told, so that another can be told the same.
//!
//! A journal is a header (magic, version, the engine's size) and records. A record is a length, a
//! CRC-32C and a payload: the number of commands before it, then commands of 64 bytes. One record
//! is one group: everything appended between two commits, written in one piece by a thread of the
//! journal's own, so that the engine goes on while the disk works. What is not whole at the end of
//! the file after a crash was never acknowledged: it is cut off and reported. What is not whole in
//! the middle is damage, and an error.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use thiserror::Error;

use crate::engine::{Engine, Size};
use crate::message::Command;

const MAGIC: &[u8; 8] = b"TRADEJ01";
const HEADER_BYTES: usize = 48;
const RECORD_HEAD_BYTES: usize = 8;
const COUNT_BYTES: usize = 8;
const COMMAND_BYTES: usize = 64;
/// Commands of one record at most: a length beyond it is damage, not a wish for memory.
const GROUP_MAX: usize = 1 << 20;
/// Groups that may wait for the disk before the engine does.
const GROUPS_WAITING: usize = 8;

/// When a group is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the disk says so: `fdatasync` after each group.
    Synced,
    /// When the operating system has it: survives the process, not the machine.
    Written,
}

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The disk said no.
    #[error("journal: {0}")]
    Io(#[from] io::Error),
    /// It is not a journal, or one of another version.
    #[error("journal: expected a header of {HEADER_BYTES} bytes beginning TRADEJ01, found another")]
    Header,
    /// A record is not whole, and others follow it.
    #[error("journal: expected a whole record at byte {offset}, found {found}")]
    Damaged {
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The thread that writes has ended.
    #[error("journal: expected its writer to run, was ended by an earlier error")]
    Ended,
}

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

enum Order {
    Write(Vec<u8>),
    Tell(SyncSender<Result<u64, io::Error>>),
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    group: Vec<u8>,
    commands: u64,
    orders: Option<SyncSender<Order>>,
    // Behind a lock only because Python wants to be able to share it; never contended.
    empties: Mutex<Receiver<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
}

fn header(size: Size) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let numbers = [size.books, size.accounts, size.orders, size.pages].map(u64::from);
    let words = numbers.into_iter().chain([size.events as u64]);
    let (magic, rest) = bytes.split_at_mut(8);
    magic.copy_from_slice(MAGIC);
    for (place, word) in rest.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    bytes
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

impl Journal {
    /// Begin a journal for an engine of this size, in a file that does not exist yet.
    ///
    /// # Errors
    /// `Io` when it exists, or the disk says no.
    pub fn create(path: &Path, size: Size, durability: Durability) -> Result<Self, JournalError> {
        let mut file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(path)?;
        file.write_all(&header(size))?;
        file.sync_all()?;
        Self::over(file, 0, durability)
    }

    /// Go on with a journal that was recovered.
    ///
    /// # Errors
    /// `Io` when the disk says no.
    pub fn resume(
        path: &Path,
        commands: u64,
        durability: Durability,
    ) -> Result<Self, JournalError> {
        let file = OpenOptions::new().append(true).open(path)?;
        Self::over(file, commands, durability)
    }

    fn over(file: File, commands: u64, durability: Durability) -> Result<Self, JournalError> {
        let (orders, inbox) = sync_channel(GROUPS_WAITING);
        let (give_back, empties) = channel();
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_groups(file, durability, &inbox, &give_back))?;
        let (orders, writer, empties) = (Some(orders), Some(writer), Mutex::new(empties));
        Ok(Self {
            group: vec![],
            commands,
            orders,
            empties,
            writer,
        })
    }

    /// Add a command to the group.
    #[inline]
    pub fn append(&mut self, command: &Command) {
        self.append_row(&command.encode());
    }

    /// Add a command as it is written. A group that is full is committed by itself.
    #[inline]
    pub fn append_row(&mut self, row: &[u8; COMMAND_BYTES]) {
        if self.group.is_empty() {
            self.begin_group();
        }
        self.group.extend_from_slice(row);
        self.commands += 1;
        if self.group.len() > GROUP_MAX / 16 * COMMAND_BYTES {
            // A failure is kept by the writer, and told by the next `wait`.
            drop(self.commit());
        }
    }

    fn begin_group(&mut self) {
        if let Ok(empties) = self.empties.get_mut()
            && let Ok(empty) = empties.try_recv()
        {
            self.group = empty;
        }
        self.group.clear();
        self.group.extend_from_slice(&[0; RECORD_HEAD_BYTES]);
        self.group.extend_from_slice(&self.commands.to_le_bytes());
    }

    /// Hand the group to the writer; it is safe when a later `wait` says so.
    ///
    /// # Errors
    /// `Ended` when an earlier write failed.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let mut group = std::mem::take(&mut self.group);
        let (head, payload) = group.split_at_mut(RECORD_HEAD_BYTES);
        let length = u32::try_from(payload.len()).map_err(|_| JournalError::Ended)?;
        let (first, second) = head.split_at_mut(4);
        first.copy_from_slice(&length.to_le_bytes());
        second.copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        self.order(Order::Write(group))
    }

    /// Commit, and wait until everything appended is safe; return how many commands that is.
    ///
    /// # Errors
    /// What the disk said, or `Ended`.
    pub fn wait(&mut self) -> Result<u64, JournalError> {
        self.commit()?;
        let (answer, told) = sync_channel(1);
        self.order(Order::Tell(answer))?;
        told.recv().map_err(|_| JournalError::Ended)??;
        Ok(self.commands)
    }

    fn order(&self, order: Order) -> Result<(), JournalError> {
        let orders = self.orders.as_ref().ok_or(JournalError::Ended)?;
        orders.send(order).map_err(|_| JournalError::Ended)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // What was not committed was not asked for; the writer finishes what was.
        drop(self.orders.take());
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

fn write_groups(
    mut file: File,
    durability: Durability,
    inbox: &Receiver<Order>,
    give_back: &std::sync::mpsc::Sender<Vec<u8>>,
) {
    let mut failure: Option<io::Error> = None;
    let mut groups = 0;
    for order in inbox {
        match order {
            Order::Write(_) if failure.is_some() => {}
            Order::Write(group) => {
                let done = file.write_all(&group).and_then(|()| match durability {
                    Durability::Synced => file.sync_data(),
                    Durability::Written => Ok(()),
                });
                failure = done.err();
                groups += 1;
                drop(give_back.send(group));
            }
            Order::Tell(answer) => {
                let told = failure.as_ref().map_or(Ok(groups), |error| {
                    Err(io::Error::new(error.kind(), error.to_string()))
                });
                drop(answer.send(told));
            }
        }
    }
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
            Ok(payload) => {
                for row in payload.as_chunks::<COMMAND_BYTES>().0 {
                    engine.command(&Command::decode(row));
                    engine.clear_events();
                    commands += 1;
                }
                at += RECORD_HEAD_BYTES + COUNT_BYTES + payload.len();
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
fn record(rest: &[u8], commands: u64) -> Result<&[u8], (&'static str, bool)> {
    let Some(head) = word(rest, 0) else {
        return Err(("the beginning of one", true));
    };
    let (length, checksum) = ((head & 0xFFFF_FFFF) as usize, (head >> 32) as u32);
    let groups = length
        .checked_sub(COUNT_BYTES)
        .filter(|bytes| bytes % COMMAND_BYTES == 0);
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
    if word(payload, 0) != Some(commands) {
        return Err(("a record from elsewhere", false));
    }
    payload.get(COUNT_BYTES..).ok_or(("a part of one", true))
}
