//! From a client's 64-bit order id to the order: a table of cache lines, at most half full.
//!
//! A line is a bucket of eight entries: eight tags of 16 bits, then eight addresses; the id itself is in
//! the order, whose line is needed anyway. The tags of a bucket are compared at once, because which
//! is taken cannot be predicted, and a look is one line whatever it finds. What finds its bucket full goes on
//! to the next, and the bucket remembers that; taking out of it fetches back what had gone on, so there are
//! no tombstones and the table never has to be rebuilt.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Arena};
use crate::bucket::{Bucket, ENTRIES, Entry, first};
use crate::memory::Memory;
use crate::prefetch::prefetch;

/// The table.
#[derive(Debug, Clone)]
pub struct IdTable {
    buckets: Memory<Bucket>,
}

/// An id as the table sees it; worth keeping while the id is needed more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mixed {
    /// 16 bits of the id, mixed so that patterns in it do not matter; never 0 once mixed.
    tag: u32,
    /// The bucket where it belongs.
    home: u32,
}

/// What a look into the table found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The order, or 0.
    pub at: Address,
    /// The order's entry; of no meaning without an order.
    pub entry: Entry,
}

/// Where an id goes that is not there; as long as nothing else happens to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacancy {
    entry: Entry,
    tag: u32,
}

const NOT_FOUND: Found = Found {
    at: 0,
    entry: Entry::of(0, 0),
};

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
        let mixed = (wide >> 64) as u64 ^ wide as u64;
        // Both are below 2^32, so the product wraps nowhere.
        let home = (mixed >> 32).wrapping_mul(self.buckets.len() as u64) >> 32;
        Mixed {
            tag: u32::from(mixed as u16 | 1),
            home: home as u32,
        }
    }

    /// Return the bucket where an id belongs that this table has mixed.
    // Asking whether it is there was measured at 0.5 ns a message.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn home(&self, mixed: Mixed) -> &Bucket {
        debug_assert!((mixed.home as usize) < self.buckets.len());
        // SAFETY: `mix` made it a part of the count of buckets, which never changes.
        unsafe { self.buckets.get_unchecked(mixed.home as usize) }
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn home_mut(&mut self, mixed: Mixed) -> &mut Bucket {
        debug_assert!((mixed.home as usize) < self.buckets.len());
        // SAFETY: as of `home`.
        unsafe { self.buckets.get_unchecked_mut(mixed.home as usize) }
    }

    /// Return the bucket of an entry that this table has named.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn bucket_of(&mut self, entry: Entry) -> &mut Bucket {
        debug_assert!(entry.bucket() < self.buckets.len());
        // SAFETY: an entry is made from the number of a bucket that was looked at.
        unsafe { self.buckets.get_unchecked_mut(entry.bucket()) }
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
        let (home, bucket) = (mixed.home as usize, self.home(mixed));
        let hits = bucket.of_tag(mixed.tag);
        if hits != 0 {
            let at = bucket.orders[first(hits)];
            if arena.id(at) == id {
                let entry = Entry::of(home, first(hits));
                return Found { at, entry };
            }
        } else if bucket.ran_over == 0 {
            return NOT_FOUND;
        }
        self.find_further(arena, id, mixed)
    }

    #[cold]
    fn find_further(&self, arena: &Arena, id: u64, mixed: Mixed) -> Found {
        let mut number = mixed.home as usize;
        loop {
            let bucket = &self.buckets[number];
            let mut hits = bucket.of_tag(mixed.tag);
            while hits != 0 {
                let at = bucket.orders[first(hits)];
                if arena.id(at) == id {
                    let entry = Entry::of(number, first(hits));
                    return Found { at, entry };
                }
                hits &= !(3 << (2 * first(hits)));
            }
            if bucket.ran_over == 0 || bucket.free() != 0 {
                return NOT_FOUND;
            }
            number = self.next(number);
        }
    }

    /// Return the entry that an order of a new id would have; None when the id is there.
    #[inline(always)]
    #[must_use]
    pub fn vacancy(&mut self, arena: &Arena, id: u64, mixed: Mixed) -> Option<Vacancy> {
        let (home, bucket) = (mixed.home as usize, self.home(mixed));
        let free = bucket.free();
        if (bucket.of_tag(mixed.tag) | bucket.ran_over == 0) && free != 0 {
            return Some(Vacancy {
                entry: Entry::of(home, first(free)),
                tag: mixed.tag,
            });
        }
        self.vacancy_further(arena, id, mixed)
    }

    #[cold]
    fn vacancy_further(&mut self, arena: &Arena, id: u64, mixed: Mixed) -> Option<Vacancy> {
        if self.find_further(arena, id, mixed).at != 0 {
            return None;
        }
        let mut number = mixed.home as usize;
        while self.buckets[number].free() == 0 {
            // Should the order not come after all, this was said for nothing and costs a look.
            self.buckets[number].ran_over = 1;
            number = self.next(number);
        }
        Some(Vacancy {
            entry: Entry::of(number, first(self.buckets[number].free())),
            tag: mixed.tag,
        })
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
    pub fn insert(&mut self, Vacancy { entry, tag }: Vacancy, at: Address) {
        let bucket = self.bucket_of(entry);
        bucket.tags[entry.place()] = tag as u16;
        bucket.orders[entry.place()] = at;
    }

    /// Enter an order under an id that is not there.
    pub fn enter(&mut self, arena: &Arena, id: u64, at: Address) {
        match self.vacancy(arena, id, self.mix(id)) {
            Some(vacancy) => self.insert(vacancy, at),
            None => unreachable!("an id is looked for before its order is taken"),
        }
    }

    /// Take an entry out; the arena still has the orders of all others.
    #[inline(always)]
    pub fn remove(&mut self, arena: &Arena, entry: Entry) {
        let bucket = self.bucket_of(entry);
        bucket.tags[entry.place()] = 0;
        if bucket.ran_over != 0 {
            self.fetch_back(arena, entry);
        }
    }

    /// Fill the entry that became free, in a bucket that ran over, with one that had to go on from there.
    #[inline(never)]
    fn fetch_back(&mut self, arena: &Arena, mut hole: Entry) {
        let count = self.buckets.len();
        let mut number = self.next(hole.bucket());
        while number != hole.bucket() {
            let bucket = self.buckets[number];
            let gone_on = (number + count - hole.bucket()) % count;
            let from_home = |at: Address| {
                let belongs = self.mix(arena.id(at)).home as usize;
                (number + count - belongs) % count
            };
            let may = |place: &usize| {
                bucket.tags[*place] != 0 && from_home(bucket.orders[*place]) >= gone_on
            };
            let from = (0..ENTRIES).find(may);
            let (was_full, ran_over) = (bucket.free() == 0, bucket.ran_over != 0);
            if let Some(from) = from {
                let to = &mut self.buckets[hole.bucket()];
                to.tags[hole.place()] = bucket.tags[from];
                to.orders[hole.place()] = bucket.orders[from];
                self.buckets[number].tags[from] = 0;
                hole = Entry::of(number, from);
                if !ran_over {
                    return;
                }
            } else if !(was_full && ran_over) {
                break;
            }
            number = self.next(number);
        }
        // Nothing that is there had to go on.
        self.buckets[hole.bucket()].ran_over = 0;
    }

    /// Find the entry of an order by where it is: cheaper than by id, and surely there.
    #[inline(always)]
    #[must_use]
    pub fn entry_of(&self, mixed: Mixed, at: Address) -> Entry {
        let (home, bucket) = (mixed.home as usize, self.home(mixed));
        let hits = bucket.of_tag(mixed.tag);
        if hits != 0 && bucket.orders[first(hits)] == at {
            return Entry::of(home, first(hits));
        }
        self.entry_further(mixed, at)
    }

    #[cold]
    fn entry_further(&self, mixed: Mixed, at: Address) -> Entry {
        let mut number = mixed.home as usize;
        loop {
            let bucket = &self.buckets[number];
            let is_it = |place: &usize| bucket.tags[*place] != 0 && bucket.orders[*place] == at;
            if let Some(place) = (0..ENTRIES).find(is_it) {
                return Entry::of(number, place);
            }
            number = self.next(number);
        }
    }

    /// Take the entry of an order out; as `remove` of `entry_of`.
    #[inline(always)]
    pub fn forget(&mut self, arena: &Arena, mixed: Mixed, at: Address) {
        let bucket = self.home_mut(mixed);
        let hits = bucket.of_tag(mixed.tag);
        if hits != 0 && bucket.orders[first(hits)] == at && bucket.ran_over == 0 {
            bucket.tags[first(hits)] = 0;
            return;
        }
        self.forget_further(arena, mixed, at);
    }

    #[cold]
    fn forget_further(&mut self, arena: &Arena, mixed: Mixed, at: Address) {
        let entry = self.entry_of(mixed, at);
        self.remove(arena, entry);
    }

    /// Ask for the line of an id.
    #[inline(always)]
    pub fn prefetch(&self, mixed: Mixed) {
        prefetch(&self.buckets, mixed.home as usize);
    }

    /// Return what probably is the order of an id, for asking for its cache line; any if there is none.
    #[inline(always)]
    #[must_use]
    pub fn guess(&self, mixed: Mixed) -> Address {
        let bucket = self.home(mixed);
        bucket.orders[first(bucket.of_tag(mixed.tag))]
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
            let (found, home) = (table.find(&arena, id), table.mix(id));
            assert_eq!(found.at, expected.get(&id).copied().unwrap_or(0), "{step}");
            if found.at != 0 {
                assert_eq!(table.vacancy(&arena, id, home), None);
                assert_eq!(table.entry_of(home, found.at), found.entry);
                table.remove(&arena, found.entry);
                arena.unlink(found.at);
                expected.remove(&id);
            } else if expected.len() < ROOM as usize - 8 {
                let (open, line, meta) = (1, 0, 0);
                let at = arena.append(&Order {
                    id,
                    open,
                    level,
                    line,
                    meta,
                });
                let vacancy = table.vacancy(&arena, id, home).unwrap();
                ran_over += u64::from(vacancy.entry.bucket() != home.home as usize);
                table.insert(vacancy, at);
                expected.insert(id, at);
            }
        }
        assert!(ran_over > STEPS / 20, "{ran_over}");
        // Emptied, it has forgotten that buckets ran over: a look is one line again.
        for (id, at) in expected {
            let entry = table.entry_of(table.mix(id), at);
            table.remove(&arena, entry);
        }
        let still = table.buckets.iter().filter(|bucket| bucket.ran_over != 0);
        assert_eq!(still.count(), 0);
    }
}
