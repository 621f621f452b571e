//! From a client's 64-bit order id to the order: a table of cache lines, at most half full.
//!
//! A line is a bucket of eight entries: eight tags, in halves, then eight addresses; the id itself is in
//! the order, whose line is needed anyway. The low halves of a bucket are compared at once, because which
//! is taken cannot be predicted, and a look is one line whatever it finds. What finds its bucket full goes to the next;
//! taking out of a full bucket fetches back what had gone on, so there are no tombstones and the
//! table never has to be rebuilt.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Arena};
use crate::memory::{Blank, Memory};
use crate::prefetch::prefetch;

const ENTRIES: usize = 8;

/// One line of the table. An entry whose low half is 0 is free.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    low: [u16; ENTRIES],
    high: [u16; ENTRIES],
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

/// An id as the table sees it; worth keeping while the id is needed more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mixed {
    /// The id, mixed so that patterns in it do not matter; its low half is never 0 once mixed.
    tag: u32,
    /// The bucket where it belongs.
    home: u32,
}

/// What a look into the table found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The order, or 0.
    pub at: Address,
    /// The order's entry, or the one a new order of this id would have.
    pub entry: Entry,
    /// The id's tag.
    tag: u32,
}

/// Where an id goes that is not there; as long as nothing else happens to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacancy {
    number: u32,
    tag: u32,
}

impl Found {
    /// Where the id would go; None when it is there.
    #[must_use]
    pub fn vacancy(self) -> Option<Vacancy> {
        let (number, tag) = (self.entry.number, self.tag);
        (self.at == 0).then_some(Vacancy { number, tag })
    }
}

/// A place in the table, and whether its bucket had a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    number: u32,
    is_of_full: bool,
}

impl Bucket {
    /// Return one bit for each entry that may be of a tag, and above them one for each free entry.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    #[allow(unsafe_code)]
    fn look(&self, tag: u32) -> u32 {
        use core::arch::x86_64::{
            _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_packs_epi16, _mm_set_epi16, _mm_set1_epi16,
            _mm_setzero_si128,
        };
        let low = self.low.map(u16::cast_signed);
        // SAFETY: every x86-64 has SSE2, and nothing here takes an address.
        unsafe {
            let low = _mm_set_epi16(
                low[7], low[6], low[5], low[4], low[3], low[2], low[1], low[0],
            );
            let hits = _mm_cmpeq_epi16(low, _mm_set1_epi16(tag as i16));
            let free = _mm_cmpeq_epi16(low, _mm_setzero_si128());
            _mm_movemask_epi8(_mm_packs_epi16(hits, free)).cast_unsigned()
        }
    }

    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    fn look(&self, tag: u32) -> u32 {
        let bits = |wanted: u16| {
            let places = self.low.iter().enumerate();
            places
                .map(|(place, low)| u32::from(*low == wanted) << place)
                .sum::<u32>()
        };
        bits(tag as u16) | bits(0) << ENTRIES
    }

    /// Return an entry's tag; of a free entry it has no meaning.
    fn tag(&self, place: usize) -> u32 {
        u32::from(self.high[place]) << 16 | u32::from(self.low[place])
    }
}

/// The entries in a look that have the tag.
const HITS: u32 = (1 << ENTRIES) - 1;

/// Return the number of an entry.
const fn number_of(bucket: u32, place: u32) -> u32 {
    // Buckets are fewer than 2^24.
    bucket.wrapping_mul(ENTRIES as u32) | place
}

/// Whether a look saw no free entry.
const fn is_full(look: u32) -> bool {
    look >> ENTRIES == 0
}

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

    /// Mix an id so that patterns in it do not matter.
    #[inline(always)]
    #[must_use]
    pub fn mix(&self, id: u64) -> Mixed {
        let wide = u128::from(id ^ 0x2545_F491_4F6C_DD1D) * 0x9E37_79B9_7F4A_7C15;
        let tag = ((wide >> 64) as u64 ^ wide as u64) as u32;
        let tag = tag | u32::from(tag as u16 == 0);
        let home = self.home(tag) as u32;
        Mixed { tag, home }
    }

    /// Return the bucket where a tag belongs.
    #[inline(always)]
    fn home(&self, tag: u32) -> usize {
        // Both are below 2^32, so the product wraps nowhere.
        (u64::from(tag).wrapping_mul(self.buckets.len() as u64) >> 32) as usize
    }

    /// Look for an id.
    #[inline(always)]
    #[must_use]
    pub fn find(&self, arena: &Arena, id: u64) -> Found {
        self.find_mixed(arena, id, self.mix(id))
    }

    /// Look for an id that was mixed before.
    #[inline(always)]
    #[must_use]
    pub fn find_mixed(&self, arena: &Arena, id: u64, mixed: Mixed) -> Found {
        let Mixed { tag, home } = mixed;
        let bucket = &self.buckets[home as usize];
        let look = bucket.look(tag);
        // The first hit, else the first free entry: they are above the hits.
        let place = look.trailing_zeros() as usize % ENTRIES;
        let entry = Entry {
            number: number_of(home, place as u32),
            is_of_full: is_full(look),
        };
        if look & HITS != 0 {
            let at = bucket.orders[place];
            if arena.id(at) == id {
                return Found { at, entry, tag };
            }
        } else if look != 0 {
            return Found { at: 0, entry, tag };
        }
        self.find_further(arena, id, mixed)
    }

    /// Return the entry that an order of a new id would have; None when the id is there.
    #[inline(always)]
    #[must_use]
    pub fn vacancy(&self, arena: &Arena, id: u64, mixed: Mixed) -> Option<Vacancy> {
        let look = self.buckets[mixed.home as usize].look(mixed.tag);
        if look & HITS == 0 && look != 0 {
            let place = look.trailing_zeros() % ENTRIES as u32;
            return Some(Vacancy {
                number: number_of(mixed.home, place),
                tag: mixed.tag,
            });
        }
        self.find_further(arena, id, mixed).vacancy()
    }

    #[cold]
    fn find_further(&self, arena: &Arena, id: u64, Mixed { tag, home }: Mixed) -> Found {
        let mut number = home as usize;
        loop {
            let bucket = &self.buckets[number];
            let look = bucket.look(tag);
            let of = |place: u32| Entry {
                number: number_of(number as u32, place),
                is_of_full: is_full(look),
            };
            let mut hits = look & HITS;
            while hits != 0 {
                let place = hits.trailing_zeros();
                let at = bucket.orders[place as usize % ENTRIES];
                if arena.id(at) == id {
                    let entry = of(place);
                    return Found { at, entry, tag };
                }
                hits &= hits - 1;
            }
            if !is_full(look) {
                let entry = of((look >> ENTRIES).trailing_zeros());
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
    #[inline(always)]
    pub fn insert(&mut self, vacancy: Vacancy, at: Address) {
        let entry = vacancy.number as usize;
        let bucket = &mut self.buckets[entry / ENTRIES];
        bucket.low[entry % ENTRIES] = vacancy.tag as u16;
        bucket.high[entry % ENTRIES] = (vacancy.tag >> 16) as u16;
        bucket.orders[entry % ENTRIES] = at;
    }

    /// Enter an order under an id that is not there.
    pub fn enter(&mut self, arena: &Arena, id: u64, at: Address) {
        match self.vacancy(arena, id, self.mix(id)) {
            Some(vacancy) => self.insert(vacancy, at),
            None => unreachable!("an id is looked for before its order is taken"),
        }
    }

    /// Take an entry out.
    #[inline(always)]
    pub fn remove(&mut self, entry: Entry) {
        let place = entry.number as usize;
        let (number, place) = (place / ENTRIES, place % ENTRIES);
        self.buckets[number].low[place] = 0;
        if entry.is_of_full {
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
            let may =
                |place: &usize| bucket.low[*place] != 0 && from_home(bucket.tag(*place)) >= gone_on;
            let was_full = is_full(bucket.look(0));
            if let Some(from) = (0..ENTRIES).find(may) {
                let to = &mut self.buckets[hole];
                to.low[place] = bucket.low[from];
                to.high[place] = bucket.high[from];
                to.orders[place] = bucket.orders[from];
                self.buckets[number].low[from] = 0;
                (hole, place) = (number, from);
            }
            if !was_full {
                return;
            }
            number = self.next(number);
        }
    }

    /// Find the entry of an order by where it is: cheaper than by id, and surely there.
    #[inline]
    #[must_use]
    pub fn entry_of(&self, Mixed { tag, home }: Mixed, at: Address) -> Entry {
        let mut number = home as usize;
        loop {
            let bucket = &self.buckets[number];
            let look = bucket.look(tag);
            let mut hits = look & HITS;
            while hits != 0 {
                let place = hits.trailing_zeros();
                if bucket.orders[place as usize % ENTRIES] == at {
                    return Entry {
                        number: number_of(number as u32, place),
                        is_of_full: is_full(look),
                    };
                }
                hits &= hits - 1;
            }
            number = self.next(number);
        }
    }

    /// Ask for the line of an id.
    #[inline(always)]
    pub fn prefetch(&self, mixed: Mixed) {
        prefetch(&self.buckets, mixed.home as usize);
    }

    /// Return what probably is the order of an id, for asking for its cache line; 0 if there is none.
    #[inline(always)]
    #[must_use]
    pub fn guess(&self, mixed: Mixed) -> Address {
        let bucket = &self.buckets[mixed.home as usize];
        let hits = bucket.look(mixed.tag) & HITS;
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
    /// Miri takes a thousand times as long for each.
    const STEPS: u64 = if cfg!(miri) { 3_000 } else { 200_000 };

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
        for step in 0..STEPS {
            let id = mixed(step) % 600;
            let found = table.find(&arena, id);
            assert_eq!(found.at, expected.get(&id).copied().unwrap_or(0), "{step}");
            if found.at != 0 {
                assert_eq!(table.entry_of(table.mix(id), found.at), found.entry);
                table.remove(found.entry);
                arena.unlink(found.at);
                expected.remove(&id);
            } else if expected.len() < ROOM as usize - 8 {
                ran_over +=
                    u64::from(found.entry.number as usize / ENTRIES != table.home(found.tag));
                let (open, line, meta) = (1, 0, 0);
                let at = arena.append(&Order {
                    id,
                    open,
                    level,
                    line,
                    meta,
                });
                let vacancy = found.vacancy();
                assert_eq!(vacancy, table.vacancy(&arena, id, table.mix(id)));
                table.insert(vacancy.unwrap(), at);
                expected.insert(id, at);
            }
        }
        assert!(ran_over > STEPS / 20, "{ran_over}");
    }
}
