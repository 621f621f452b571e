//! Commands on disk: what an engine was told, so that another can be told the same.
//!
//! A journal is a header (magic, version, the engine's size) and records. A record is a length, a
//! CRC-32C and a payload: the number of commands before it, then commands, of 64 bytes or of 32 if
//! they need no more. Groups of records are written in one piece by a thread of the journal's own,
//! so that the engine goes on while the disk works. What is not whole at the end of
//! the file after a crash was never acknowledged: it is cut off and reported. What is not whole in
//! the middle is damage, and an error.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use thiserror::Error;

use crate::engine::Size;
use crate::message::{Command, Message};

pub(crate) const MAGIC: &[u8; 8] = b"TRADEJ01";
pub(crate) const HEADER_BYTES: usize = 48;
pub(crate) const RECORD_HEAD_BYTES: usize = 8;
pub(crate) const COUNT_BYTES: usize = 8;
pub(crate) const COMMAND_BYTES: usize = 64;
pub(crate) const MESSAGE_BYTES: usize = 32;
/// The bit of a record's count that says its rows are of 32 bytes.
pub(crate) const NARROW_BIT: u32 = 63;
/// Commands of one record at most: a length beyond it is damage, not a wish for memory.
pub(crate) const GROUP_MAX: usize = 1 << 20;
/// A group is handed over at the latest when it has so many bytes.
const GROUP_BYTES_MAX: usize = 1 << 17;
/// To wake the writer costs as much as 50 commands: below so many bytes a group waits for more.
const GROUP_BYTES_MIN: usize = 1 << 15;
/// Commands that are added in one piece.
const PIECE: usize = 256;
/// Groups that may wait for the disk before the engine does, 8 MB: an engine that waits finds its caches cold,
/// so it is to wait seldom. Measured with a disk of an eighth of its speed: 74 to 88 % kept.
const GROUPS_WAITING: usize = 64;

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

enum Order {
    Write(Vec<u8>),
    Tell(SyncSender<Result<u64, io::Error>>),
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    group: Vec<u8>,
    /// Where in the group the last record begins, and how wide its rows are.
    record: usize,
    width: usize,
    commands: u64,
    /// Groups handed over and not yet safe.
    groups: Arc<AtomicUsize>,
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
        let groups = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            file,
            durability,
            empties: give_back,
            waiting: Arc::clone(&groups),
            written: 0,
            groups: 0,
            failure: None,
        };
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&inbox))?;
        let (orders, writer, empties) = (Some(orders), Some(writer), Mutex::new(empties));
        Ok(Self {
            group: vec![],
            record: 0,
            width: 0,
            commands,
            groups,
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

    /// Add a command that needs no second half: half the bytes.
    #[inline]
    pub fn append_message(&mut self, message: &Message) {
        self.append_row(&message.encode());
    }

    /// Add many that need no second half.
    pub fn append_messages(&mut self, messages: &[Message]) {
        for piece in messages.chunks(PIECE) {
            if self.width != MESSAGE_BYTES || self.group.is_empty() {
                self.begin_record(MESSAGE_BYTES);
            }
            let start = self.group.len();
            self.group.resize(start + piece.len() * MESSAGE_BYTES, 0);
            let rows = self.group.get_mut(start..).unwrap_or_default();
            for (row, message) in rows.as_chunks_mut().0.iter_mut().zip(piece) {
                *row = message.encode();
            }
            self.commands += piece.len() as u64;
            if self.group.len() >= GROUP_BYTES_MAX {
                // As in `append_row`.
                drop(self.hand_over());
            }
        }
    }

    /// Add a row of 32 or 64 bytes as it is. A group that is full is handed over by itself.
    #[inline]
    pub fn append_row<const WIDTH: usize>(&mut self, row: &[u8; WIDTH]) {
        if self.width != WIDTH || self.group.is_empty() {
            self.begin_record(WIDTH);
        }
        self.group.extend_from_slice(row);
        self.commands += 1;
        if self.group.len() >= GROUP_BYTES_MAX {
            // A failure is kept by the writer, and told by the next `wait`.
            drop(self.hand_over());
        }
    }

    /// Begin a record of rows of another width, in a new group if there is none.
    fn begin_record(&mut self, width: usize) {
        if self.group.is_empty() {
            if let Ok(empties) = self.empties.get_mut()
                && let Ok(empty) = empties.try_recv()
            {
                self.group = empty;
            }
            self.group.clear();
            self.group.reserve(GROUP_BYTES_MAX + PIECE * COMMAND_BYTES);
        } else {
            self.close_record();
        }
        self.record = self.group.len();
        self.width = width;
        let is_narrow = u64::from(width == MESSAGE_BYTES);
        self.group.extend_from_slice(&[0; RECORD_HEAD_BYTES]);
        let count = self.commands | is_narrow << NARROW_BIT;
        self.group.extend_from_slice(&count.to_le_bytes());
    }

    /// Write the length of the record that is open; its checksum is the writer's work.
    fn close_record(&mut self) {
        let length = self.group.len() - self.record - RECORD_HEAD_BYTES;
        let head = (length as u64).to_le_bytes();
        let place = self
            .group
            .get_mut(self.record..self.record + RECORD_HEAD_BYTES);
        if let Some(place) = place {
            place.copy_from_slice(&head);
        }
    }

    /// Hand the group to the writer if that has nothing to do and the group is worth it, else let the
    /// group grow: the slower the disk, the larger the groups. It is safe when a later `wait` says so.
    ///
    /// # Errors
    /// `Ended` when the writer is gone.
    #[inline]
    pub fn commit(&mut self) -> Result<(), JournalError> {
        let is_busy = self.groups.load(Ordering::Relaxed) > 0;
        let enough = if is_busy {
            GROUP_BYTES_MAX
        } else {
            GROUP_BYTES_MIN
        };
        if self.group.len() < enough {
            return Ok(());
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<(), JournalError> {
        if self.group.is_empty() {
            return Ok(());
        }
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.close_record();
        let group = std::mem::take(&mut self.group);
        self.order(Order::Write(group))
    }

    /// Commit, and wait until everything appended is safe; return how many commands that is.
    ///
    /// # Errors
    /// What the disk said, or `Ended`.
    pub fn wait(&mut self) -> Result<u64, JournalError> {
        self.hand_over()?;
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

/// The thread that writes.
struct Writer {
    file: File,
    durability: Durability,
    /// Gives buffers back to be filled again.
    empties: Sender<Vec<u8>>,
    /// Groups handed over and not yet safe.
    waiting: Arc<AtomicUsize>,
    /// Groups written since the disk was last asked.
    written: usize,
    /// Groups that are safe.
    groups: u64,
    failure: Option<io::Error>,
}

impl Writer {
    /// Write group after group. The disk is asked once for all that came while it was busy.
    fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            let order = match self.written {
                0 => inbox.recv().ok(),
                GROUPS_WAITING.. => None,
                _ => inbox.try_recv().ok(),
            };
            match order {
                Some(Order::Write(group)) => self.write(group),
                Some(Order::Tell(answer)) => {
                    self.sync();
                    drop(answer.send(self.told()));
                }
                None if self.written > 0 => self.sync(),
                None => return,
            }
        }
    }

    fn write(&mut self, mut group: Vec<u8>) {
        if self.failure.is_none() {
            seal(&mut group);
            self.failure = self.file.write_all(&group).err();
        }
        self.written += 1;
        drop(self.empties.send(group));
    }

    fn sync(&mut self) {
        if self.failure.is_none() && self.durability == Durability::Synced {
            self.failure = self.file.sync_data().err();
        }
        self.groups += self.written as u64;
        self.waiting.fetch_sub(self.written, Ordering::Relaxed);
        self.written = 0;
    }

    fn told(&self) -> Result<u64, io::Error> {
        match &self.failure {
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(self.groups),
        }
    }
}

/// Write the checksum of each record of a group.
fn seal(group: &mut [u8]) {
    let mut rest = group;
    while let Some((head, after)) = rest.split_first_chunk_mut::<RECORD_HEAD_BYTES>() {
        let length = (u64::from_le_bytes(*head) & 0xFFFF_FFFF) as usize;
        let Some((payload, next)) = after.split_at_mut_checked(length) else {
            return;
        };
        let checksum = u64::from(crc32c::crc32c(payload));
        *head = (length as u64 | checksum << 32).to_le_bytes();
        rest = next;
    }
}
