//! From a client's 64-bit order id to the order: an open-addressing table at most half full.
//!
//! An entry is 8 bytes, the hash and the address; the id itself is in the order, whose cache line
//! is needed anyway. Deleting shifts back what follows, so there are no tombstones and the table
//! never has to be rebuilt.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Arena};
use crate::prefetch::prefetch;

/// The table.
#[derive(Debug, Clone)]
pub struct IdTable {
    entries: Vec<[u32; 2]>,
    mask: u32,
}

/// What a look into the table found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The order, or 0.
    pub at: Address,
    /// Its entry, or the one a new order of this id would have.
    pub entry: u32,
    /// The id's hash.
    pub hash: u32,
}

impl IdTable {
    /// Reserve room for `orders` ids.
    #[must_use]
    pub fn new(orders: u32) -> Self {
        let size = (orders.max(8) as usize * 2).next_power_of_two();
        Self {
            entries: vec![[0; 2]; size],
            mask: (size - 1) as u32,
        }
    }

    /// Mix an id so that patterns in it do not matter.
    #[inline]
    #[must_use]
    pub const fn hash(id: u64) -> u32 {
        let wide = (id ^ 0x2545_F491_4F6C_DD1D) as u128 * 0x9E37_79B9_7F4A_7C15;
        ((wide >> 64) as u64 ^ wide as u64) as u32
    }

    /// Look for an id.
    ///
    /// Four entries are looked at together, because whether the first is taken cannot be predicted.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    #[must_use]
    pub fn find(&self, arena: &Arena, id: u64) -> Found {
        let hash = Self::hash(id);
        let home = hash & self.mask;
        let (mut hits, mut free) = (0_u32, 0_u32);
        for step in 0..4 {
            let [tag, at] = self.entries[(home.wrapping_add(step) & self.mask) as usize];
            hits |= u32::from((tag == hash) & (at != 0)) << step;
            free |= u32::from(at == 0) << step;
        }
        if hits != 0 {
            let entry = home.wrapping_add(hits.trailing_zeros()) & self.mask;
            let at = self.entries[entry as usize][1];
            if arena.id(at) == id {
                return Found { at, entry, hash };
            }
        } else if free != 0 {
            let entry = home.wrapping_add(free.trailing_zeros()) & self.mask;
            return Found { at: 0, entry, hash };
        }
        self.find_further(arena, id)
    }

    #[cold]
    fn find_further(&self, arena: &Arena, id: u64) -> Found {
        let hash = Self::hash(id);
        let mut entry = hash & self.mask;
        loop {
            let [tag, at] = self.entries[entry as usize];
            if at == 0 || (tag == hash && arena.id(at) == id) {
                return Found { at, entry, hash };
            }
            entry = (entry + 1) & self.mask;
        }
    }

    /// Enter an order under an id that was looked for and not found; nothing happened in between.
    #[inline]
    pub fn insert(&mut self, found: Found, at: Address) {
        self.entries[found.entry as usize] = [found.hash, at];
    }

    /// Take an entry out.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub fn remove(&mut self, entry: u32) {
        let (mut moves, mut free) = (0_u32, 8_u32);
        for step in 1..4 {
            let look = entry.wrapping_add(step) & self.mask;
            let [tag, at] = self.entries[look as usize];
            let may = (look.wrapping_sub(tag) & self.mask) >= step;
            moves |= u32::from(may & (at != 0)) << (step - 1);
            free |= u32::from(at == 0) << (step - 1);
        }
        // Nothing before the next free entry wants to move up into this one.
        if free != 8 && moves & (free.wrapping_sub(1) & !free) == 0 {
            self.entries[entry as usize] = [0; 2];
        } else {
            self.remove_and_shift(entry);
        }
    }

    #[inline(never)]
    fn remove_and_shift(&mut self, entry: u32) {
        let mut hole = entry;
        let mut look = entry;
        loop {
            look = (look + 1) & self.mask;
            let [tag, at] = self.entries[look as usize];
            if at == 0 {
                break;
            }
            // It may move up into the hole if that is not before its home.
            let from_home = look.wrapping_sub(tag) & self.mask;
            if from_home >= (look.wrapping_sub(hole) & self.mask) {
                self.entries[hole as usize] = [tag, at];
                hole = look;
            }
        }
        self.entries[hole as usize] = [0; 2];
    }

    /// Find the entry of an order by where it is: cheaper than by id, and surely there.
    #[inline]
    #[must_use]
    pub fn entry_of(&self, id: u64, at: Address) -> u32 {
        let mut entry = Self::hash(id) & self.mask;
        while self.entries[entry as usize][1] != at {
            entry = (entry + 1) & self.mask;
        }
        entry
    }

    /// Ask for the entry of an id.
    #[inline]
    pub fn prefetch(&self, id: u64) {
        prefetch(&self.entries, (Self::hash(id) & self.mask) as usize);
    }

    /// Return what probably is the order of an id, for asking for its cache line.
    #[inline]
    #[must_use]
    pub fn guess(&self, id: u64) -> Address {
        self.entries[(Self::hash(id) & self.mask) as usize][1]
    }
}
