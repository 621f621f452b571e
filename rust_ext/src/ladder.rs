//! One side of one book: which prices have orders, and the best of them.
//!
//! A price is turned into a key that is better when it is smaller, so bids (negated) and asks are
//! the same code. Keys live on pages of 64; a window of 64 x 64 pages is found through a table and
//! two levels of bitmap (the third is in the page itself), so the best price is three
//! count-trailing-zeros away. The window moves with the price; pages beyond its far end wait in an
//! ordered map, so a price may be anywhere. No page of the map is better than one of the window.
#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]

use std::collections::BTreeMap;

use crate::arena::{Address, Arena};

/// The key of a side without orders: worse than any price.
pub const NO_KEY: i64 = i64::MAX;

const WINDOW_PAGES: i64 = 64 * 64;

/// The prices of one side of one book.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// The best key, or `NO_KEY`.
    pub best: i64,
    /// The number of the window's first page.
    base: i64,
    /// Bit n: word n of `words` is not zero.
    top: u64,
    /// Bit n of word m: page 64 m + n of the window has orders.
    words: Box<[u64; 64]>,
    /// The address of each page of the window; 0 where none has orders.
    table: Box<[Address]>,
    far: BTreeMap<i64, Address>,
    name: u32,
}

impl Ladder {
    /// Return an empty ladder; `name` is its index, which its pages carry.
    #[must_use]
    pub fn new(name: u32) -> Self {
        Self {
            best: NO_KEY,
            base: 0,
            top: 0,
            words: Box::new([0; 64]),
            table: vec![0; WINDOW_PAGES as usize].into_boxed_slice(),
            far: BTreeMap::new(),
            name,
        }
    }

    /// Return the level of a key that has orders, or 0.
    #[inline(always)]
    #[must_use]
    pub fn find(&self, key: i64) -> Address {
        let place = (key >> 6).wrapping_sub(self.base) as u64;
        let page = match self.table.get(place as usize) {
            Some(page) => *page,
            None => self.far.get(&(key >> 6)).copied().unwrap_or(0),
        };
        if page == 0 {
            0
        } else {
            page | (key & 63) as u32
        }
    }

    /// Return the level of a key if it is in the window and has orders near; for asking ahead.
    #[inline(always)]
    #[must_use]
    pub fn find_near(&self, key: i64) -> Address {
        let place = (key >> 6).wrapping_sub(self.base) as u64;
        let page = self.table.get(place as usize).copied().unwrap_or(0);
        page | (key & 63) as u32
    }

    /// Return the level of a key, with a page under it; 0 when there is no page to be had.
    #[inline(always)]
    pub fn level(&mut self, arena: &mut Arena, key: i64) -> Address {
        let place = (key >> 6).wrapping_sub(self.base) as u64;
        match self.table.get(place as usize) {
            Some(page) if *page != 0 => *page | (key & 63) as u32,
            _ => self.new_level(arena, key),
        }
    }

    #[cold]
    fn new_level(&mut self, arena: &mut Arena, key: i64) -> Address {
        match self.new_page(arena, key >> 6) {
            0 => 0,
            page => page | (key & 63) as u32,
        }
    }

    /// Note that a level has orders.
    #[inline(always)]
    pub fn occupy(&mut self, arena: &mut Arena, level: Address, key: i64) {
        arena.page_mut(level).occupied |= 1 << (level & 63);
        self.best = self.best.min(key);
    }

    /// Note whether a level is empty now, after an order left it.
    #[inline(always)]
    pub fn left(&mut self, arena: &mut Arena, level: Address, key: i64, empty: bool) {
        let page = arena.page_mut(level);
        page.occupied &= !(u64::from(empty) << (level & 63));
        if (page.occupied == 0) | (empty & (key == self.best)) {
            self.settle(arena, level, key);
        }
    }

    /// Give back the level's page if it is empty, and look for the best again if it was there.
    #[inline(never)]
    fn settle(&mut self, arena: &mut Arena, level: Address, key: i64) {
        let page = arena.page(level);
        if page.occupied == 0 {
            let number = page.number;
            let place = number.wrapping_sub(self.base) as u64;
            if let Some(entry) = self.table.get_mut(place as usize) {
                *entry = 0;
                self.clear(place as usize);
            } else {
                self.far.remove(&number);
            }
            arena.give_page(level);
        }
        if key == self.best {
            self.seek(arena);
        }
    }

    /// Find the best key.
    fn seek(&mut self, arena: &Arena) {
        if self.top == 0 {
            let Some((&number, _)) = self.far.first_key_value() else {
                self.best = NO_KEY;
                return;
            };
            self.recentre(number);
        }
        let word = self.top.trailing_zeros() as usize;
        let place = word * 64 + self.words[word].trailing_zeros() as usize;
        let page = arena.page(self.table[place]);
        self.best = page.number << 6 | i64::from(page.occupied.trailing_zeros());
    }

    /// Return the next key after `key` that has orders, or `NO_KEY`.
    #[must_use]
    pub fn after(&self, arena: &Arena, key: i64) -> i64 {
        let Some(key) = key.checked_add(1) else {
            return NO_KEY;
        };
        let number = key >> 6;
        let here = self.find(number << 6);
        if here != 0 {
            let rest = arena.page(here).occupied >> (key & 63);
            if rest != 0 {
                return key + i64::from(rest.trailing_zeros());
            }
        }
        let page = self.page_after(number);
        if page == 0 {
            return NO_KEY;
        }
        let page = arena.page(page);
        page.number << 6 | i64::from(page.occupied.trailing_zeros())
    }

    fn page_after(&self, number: i64) -> Address {
        let from = number.saturating_add(1).saturating_sub(self.base).max(0) as usize;
        let mut word = from / 64;
        let mut mask = !0 << (from % 64);
        while word < 64 {
            let found = self.words[word] & mask;
            if found != 0 {
                return self.table[word * 64 + found.trailing_zeros() as usize];
            }
            word += 1;
            mask = !0;
        }
        self.far
            .range(number.saturating_add(1)..)
            .next()
            .map_or(0, |(_, page)| *page)
    }

    fn new_page(&mut self, arena: &mut Arena, number: i64) -> Address {
        if let Some(page) = self.far.get(&number) {
            return *page;
        }
        if !arena.has_page() {
            return 0;
        }
        let page = arena.take_page(self.name, number);
        let place = number.wrapping_sub(self.base);
        if self.best == NO_KEY || place < 0 {
            self.recentre(number);
        }
        self.enter(number, page);
        page
    }

    /// Put a page where it belongs: into the window, or beyond it.
    fn enter(&mut self, number: i64, page: Address) {
        let place = number.wrapping_sub(self.base) as u64;
        if let Some(entry) = self.table.get_mut(place as usize) {
            *entry = page;
            self.words[place as usize / 64] |= 1 << (place % 64);
            self.top |= 1 << (place / 64);
        } else {
            self.far.insert(number, page);
        }
    }

    fn clear(&mut self, place: usize) {
        let word = &mut self.words[place / 64];
        *word &= !(1 << (place % 64));
        if *word == 0 {
            self.top &= !(1 << (place / 64));
        }
    }

    /// Move the window so that a page is in the middle of its near half. Rare: a move of prices by
    /// a hundred thousand ticks.
    #[cold]
    fn recentre(&mut self, number: i64) {
        let mut pages = std::mem::take(&mut self.far);
        for (place, entry) in self.table.iter_mut().enumerate() {
            if *entry != 0 {
                pages.insert(self.base + place as i64, std::mem::take(entry));
            }
        }
        *self.words = [0; 64];
        self.top = 0;
        self.base = number - WINDOW_PAGES / 4;
        for (number, page) in pages {
            self.enter(number, page);
        }
    }
}
