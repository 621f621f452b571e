//! From a client's 64-bit order id to the order: a table of cache lines, at most half full.
//!
//! A line is a bucket of eight entries: eight tags, then eight addresses; the id itself is in the order,
//! whose line is needed anyway. All tags of a bucket are compared at once, because which is taken cannot
//! be predicted, and a look is one line whatever it finds. What finds its bucket full goes to the next;
//! taking out of a full bucket fetches back what had gone on, so there are no tombstones and the
//! table never has to be rebuilt.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Arena};
use crate::memory::{Blank, Memory};
use crate::prefetch::prefetch;

const ENTRIES: usize = 8;

/// One line of the table. An entry whose tag is 0 is free.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    tags: [u32; ENTRIES],
    orders: [Address; ENTRIES],
}

// SAFETY: numbers, and a multiple of their alignment.
#[allow(unsafe_code)]
unsafe impl Blank for Bucket {}

/// The table.
#[derive(Debug, Clone)]
pub struct IdTable {
    buckets: Memory<Bucket>,
}

/// What a look into the table found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The order, or 0.
    pub at: Address,
    /// Its entry, or the one a new order of this id would have.
    pub entry: u32,
    /// The id's tag.
    pub tag: u32,
}

impl Bucket {
    /// Return one bit for each entry of a tag, and above them one for each free entry.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    #[allow(unsafe_code)]
    fn look(&self, tag: u32) -> u32 {
        use core::arch::x86_64::{
            _mm_cmpeq_epi32, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32, _mm_set_epi32,
            _mm_set1_epi32, _mm_setzero_si128,
        };
        let tags = self.tags.map(u32::cast_signed);
        // SAFETY: every x86-64 has SSE2, and nothing here takes an address.
        unsafe {
            let (low, high) = (
                _mm_set_epi32(tags[3], tags[2], tags[1], tags[0]),
                _mm_set_epi32(tags[7], tags[6], tags[5], tags[4]),
            );
            let (wanted, none) = (_mm_set1_epi32(tag.cast_signed()), _mm_setzero_si128());
            let hits = _mm_packs_epi32(_mm_cmpeq_epi32(low, wanted), _mm_cmpeq_epi32(high, wanted));
            let free = _mm_packs_epi32(_mm_cmpeq_epi32(low, none), _mm_cmpeq_epi32(high, none));
            _mm_movemask_epi8(_mm_packs_epi16(hits, free)).cast_unsigned()
        }
    }

    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    fn look(&self, tag: u32) -> u32 {
        let bits = |wanted: u32| {
            let places = self.tags.iter().enumerate();
            places
                .map(|(place, tag)| u32::from(*tag == wanted) << place)
                .sum::<u32>()
        };
        bits(tag) | bits(0) << ENTRIES
    }
}

/// The entries in a look that have the tag.
const HITS: u32 = (1 << ENTRIES) - 1;

impl IdTable {
    /// Reserve room for `orders` ids.
    #[must_use]
    pub fn new(orders: u32) -> Self {
        // One more than half full is: then there is always a bucket that is not full.
        let buckets = orders as usize * 2 / ENTRIES + 1;
        Self {
            buckets: Memory::zeroed(buckets),
        }
    }

    /// Mix an id so that patterns in it do not matter; never 0.
    #[inline]
    #[must_use]
    pub const fn tag(id: u64) -> u32 {
        let wide = (id ^ 0x2545_F491_4F6C_DD1D) as u128 * 0x9E37_79B9_7F4A_7C15;
        let tag = ((wide >> 64) as u64 ^ wide as u64) as u32;
        tag | (tag == 0) as u32
    }

    /// Return the bucket where a tag belongs.
    #[inline]
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.buckets.len() as u64) >> 32) as usize
    }

    /// Look for an id.
    #[inline(always)]
    #[must_use]
    pub fn find(&self, arena: &Arena, id: u64) -> Found {
        let tag = Self::tag(id);
        let home = self.home(tag);
        let bucket = &self.buckets[home];
        let look = bucket.look(tag);
        // The first hit, else the first free entry: they are above the hits.
        let place = look.trailing_zeros() as usize % ENTRIES;
        let entry = (home * ENTRIES + place) as u32;
        if look & HITS != 0 {
            let at = bucket.orders[place];
            if arena.id(at) == id {
                return Found { at, entry, tag };
            }
        } else if look != 0 {
            return Found { at: 0, entry, tag };
        }
        self.find_further(arena, id)
    }

    #[cold]
    fn find_further(&self, arena: &Arena, id: u64) -> Found {
        let tag = Self::tag(id);
        let mut number = self.home(tag);
        loop {
            let bucket = &self.buckets[number];
            let of = |place: usize| (number * ENTRIES + place) as u32;
            for place in 0..ENTRIES {
                let at = bucket.orders[place];
                if bucket.tags[place] == tag && arena.id(at) == id {
                    let entry = of(place);
                    return Found { at, entry, tag };
                }
            }
            if let Some(place) = bucket.tags.iter().position(|tag| *tag == 0) {
                let entry = of(place);
                return Found { at: 0, entry, tag };
            }
            number = self.next(number);
        }
    }

    fn next(&self, number: usize) -> usize {
        if number + 1 < self.buckets.len() {
            number + 1
        } else {
            0
        }
    }

    /// Enter an order under an id that was looked for and not found; nothing happened in between.
    #[inline]
    pub fn insert(&mut self, found: Found, at: Address) {
        let entry = found.entry as usize;
        let bucket = &mut self.buckets[entry / ENTRIES];
        bucket.tags[entry % ENTRIES] = found.tag;
        bucket.orders[entry % ENTRIES] = at;
    }

    /// Take an entry out.
    #[inline(always)]
    pub fn remove(&mut self, entry: u32) {
        let (number, place) = (entry as usize / ENTRIES, entry as usize % ENTRIES);
        let bucket = &mut self.buckets[number];
        let was_full = bucket.look(0) == 0;
        bucket.tags[place] = 0;
        if was_full {
            self.fetch_back(number, place);
        }
    }

    /// Fill the entry that became free in a full bucket with one that had to go on from there.
    #[inline(never)]
    fn fetch_back(&mut self, mut hole: usize, mut place: usize) {
        let count = self.buckets.len();
        let mut number = self.next(hole);
        while number != hole {
            let bucket = self.buckets[number];
            let gone_on = (number + count - hole) % count;
            let from_home = |tag: u32| (number + count - self.home(tag)) % count;
            let may = |tag: &u32| *tag != 0 && from_home(*tag) >= gone_on;
            let is_full = bucket.look(0) == 0;
            if let Some(from) = bucket.tags.iter().position(may) {
                let to = &mut self.buckets[hole];
                to.tags[place] = bucket.tags[from];
                to.orders[place] = bucket.orders[from];
                self.buckets[number].tags[from] = 0;
                (hole, place) = (number, from);
            }
            if !is_full {
                return;
            }
            number = self.next(number);
        }
    }

    /// Find the entry of an order by where it is: cheaper than by id, and surely there.
    #[inline]
    #[must_use]
    pub fn entry_of(&self, id: u64, at: Address) -> u32 {
        let tag = Self::tag(id);
        let mut number = self.home(tag);
        loop {
            let bucket = &self.buckets[number];
            let mut hits = bucket.look(tag) & HITS;
            while hits != 0 {
                let place = hits.trailing_zeros() as usize % ENTRIES;
                if bucket.orders[place] == at {
                    return (number * ENTRIES + place) as u32;
                }
                hits &= hits - 1;
            }
            number = self.next(number);
        }
    }

    /// Ask for the line of an id.
    #[inline]
    pub fn prefetch(&self, id: u64) {
        prefetch(&self.buckets, self.home(Self::tag(id)));
    }

    /// Return what probably is the order of an id, for asking for its cache line; 0 if there is none.
    #[inline]
    #[must_use]
    pub fn guess(&self, id: u64) -> Address {
        let tag = Self::tag(id);
        let bucket = &self.buckets[self.home(tag)];
        let hits = bucket.look(tag) & HITS;
        let at = bucket.orders[hits.trailing_zeros() as usize % ENTRIES];
        std::hint::select_unpredictable(hits != 0, at, 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::arena::Order;

    const ROOM: u32 = 400;

    fn mixed(number: u64) -> u64 {
        let wide = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (wide ^ wide >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
    }

    /// A table as full as it may be: buckets run over, and are fetched back from, all the time.
    #[test]
    fn a_full_table_finds_what_was_entered_and_nothing_else() {
        let mut arena = Arena::new(ROOM, 1);
        let level = arena.take_page(0, 0);
        let mut table = IdTable::new(ROOM / 2);
        let mut expected: HashMap<u64, Address> = HashMap::new();
        let mut ran_over = 0;
        for step in 0..200_000 {
            let id = mixed(step) % 600;
            let found = table.find(&arena, id);
            assert_eq!(found.at, expected.get(&id).copied().unwrap_or(0), "{step}");
            if found.at != 0 {
                assert_eq!(table.entry_of(id, found.at), found.entry);
                table.remove(found.entry);
                arena.unlink(found.at);
                expected.remove(&id);
            } else if expected.len() < ROOM as usize - 8 {
                ran_over += u32::from(found.entry as usize / ENTRIES != table.home(found.tag));
                let (open, line, meta) = (1, 0, 0);
                let at = arena.append(&Order {
                    id,
                    open,
                    level,
                    line,
                    meta,
                });
                table.insert(found, at);
                expected.insert(id, at);
            }
        }
        assert!(ran_over > 10_000, "{ran_over}");
    }
}
