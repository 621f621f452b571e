//! Snapshots beside a journal: an engine on disk, so that a replay need not begin at the beginning.
//!
//! A snapshot is a header (magic, length, CRC-32C, commands, state hash) and an image. It is written
//! to a name of its own, synced, renamed and the directory synced, so that whatever moment a crash
//! chooses, a file of the final name is whole. One that is not is passed over, and reported.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::engine::{Engine, Size};
use crate::journal::JournalError;

const MAGIC: &[u8; 8] = b"TRADES01";
const HEADER_BYTES: usize = 40;
/// How many are kept: the newest, and one to fall back on.
const KEPT: usize = 2;

/// A snapshot that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub found: String,
}

/// Write a snapshot of an engine that was told `commands` commands, all of them safe in the journal
/// at `journal`; remove older ones but one. Return its path.
///
/// # Errors
/// `Io` when the disk says no: then the older ones are still there.
pub fn write(journal: &Path, engine: &Engine, commands: u64) -> Result<PathBuf, JournalError> {
    let path = named(journal, &format!("{commands:020}.snapshot"));
    let fresh = named(journal, "snapshot.new");
    let mut file = File::create(&fresh)?;
    file.write_all(&encode(engine, commands))?;
    file.sync_all()?;
    drop(file);
    fs::rename(&fresh, &path)?;
    sync_directory(&path)?;
    for (_, older) in beside(journal)?.into_iter().skip(KEPT) {
        fs::remove_file(older)?;
    }
    Ok(path)
}

/// What was found beside a journal.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest good snapshot: the engine, and how many commands it was told.
    pub newest: Option<(Engine, u64)>,
    /// Newer ones that are not good.
    pub passed_over: Vec<PassedOver>,
}

/// Find the newest good snapshot of a journal of `commands` commands to an engine of this size.
///
/// # Errors
/// `Io` when the directory cannot be read.
pub fn newest(journal: &Path, size: Size, commands: u64) -> Result<Found, JournalError> {
    let mut found = Found::default();
    for (_, path) in beside(journal)? {
        match usable(&path, size, commands) {
            Ok(snapshot) => {
                found.newest = Some(snapshot);
                break;
            }
            Err(fault) => found.passed_over.push(PassedOver { path, found: fault }),
        }
    }
    Ok(found)
}

fn usable(path: &Path, size: Size, commands: u64) -> Result<(Engine, u64), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let (engine, told) = decode(&bytes)?;
    if engine.size() != size {
        return Err("an engine of another size".to_owned());
    }
    if told > commands {
        return Err(format!(
            "{told} commands, of which the journal has {commands}"
        ));
    }
    Ok((engine, told))
}

/// Return the bytes of a snapshot.
#[must_use]
pub fn encode(engine: &Engine, commands: u64) -> Vec<u8> {
    let image = engine.image();
    let payload: Vec<u8> = [commands, engine.state_hash()]
        .iter()
        .chain(&image)
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let mut bytes = Vec::with_capacity(payload.len() + 24);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&u64::from(crc32c::crc32c(&payload)).to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

/// Return the engine of a snapshot's bytes and how many commands it was told.
///
/// # Errors
/// What is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<(Engine, u64), &'static str> {
    if bytes.first_chunk() != Some(MAGIC) {
        return Err("another beginning than TRADES01");
    }
    let words = |bytes: &[u8]| -> Vec<u64> {
        let words = bytes.as_chunks::<8>().0.iter();
        words.map(|word| u64::from_le_bytes(*word)).collect()
    };
    let payload = bytes.get(24..).ok_or("a part of it")?;
    let head = words(bytes.get(8..24).unwrap_or_default());
    if bytes.len() < HEADER_BYTES || head.first() != Some(&(payload.len() as u64)) {
        return Err("another length");
    }
    if head.get(1) != Some(&u64::from(crc32c::crc32c(payload))) {
        return Err("another checksum");
    }
    let words = words(payload);
    let [commands, hash, image @ ..] = words.as_slice() else {
        return Err("a part of it");
    };
    let engine = Engine::from_image(image).ok_or("an image of no engine")?;
    if engine.state_hash() == *hash {
        Ok((engine, *commands))
    } else {
        Err("another state hash")
    }
}

/// Return the snapshots beside a journal, newest first.
fn beside(journal: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let prefix = named(journal, "");
    let mut found = vec![];
    for entry in fs::read_dir(directory(journal))? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        let number = name
            .strip_prefix(&*prefix.to_string_lossy())
            .and_then(|rest| rest.strip_suffix(".snapshot"))
            .and_then(|number| number.parse().ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

fn named(journal: &Path, end: &str) -> PathBuf {
    let mut name = directory(journal).into_os_string();
    name.push("/");
    name.push(journal.file_name().unwrap_or_default());
    name.push(".");
    name.push(end);
    name.into()
}

fn directory(journal: &Path) -> PathBuf {
    match journal.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}
