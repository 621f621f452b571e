//! The one arena in which every order and every price level lives, linked by 32-bit addresses.
//!
//! The arena is cells of 8 bytes. A price level is one cell, the head and tail of a ring; 64 levels
//! that follow each other are a page. An order is four cells, half a cache line. Because a level is
//! a cell like any other, an order leaves its queue by two writes and no question: whether it was
//! first, last or alone makes no branch. See docs/engine-memory.svg.
//!
//! An address that is out of range can only come from a broken invariant; then the index panics,
//! which is the answer wanted, and costs nothing measurable.
#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use crate::memory::Memory;
use crate::prefetch::prefetch;

/// A cell's place in the arena; 0 is nowhere.
pub type Address = u32;

/// Price levels of one page.
pub const PAGE_LEVELS: u32 = 64;
/// Cells of one order.
pub const ORDER_CELLS: u32 = 4;

/// What an order carries beside its place: 24 bytes of its 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The client's name for it.
    pub id: u64,
    /// Shares that stand in the queue.
    pub open: u32,
    /// The level it stands at.
    pub level: Address,
    /// Its risk line: account and symbol.
    pub line: u32,
    /// How often the slot was used (24 bits), and flags (8 bits).
    pub meta: u32,
}

/// A page of levels: which of them have orders, and where on which ladder they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page {
    /// Bit n: level n has orders. A page without orders is free.
    pub occupied: u64,
    /// The key of its first level, over 64.
    pub number: i64,
    /// The ladder it belongs to.
    pub ladder: u32,
    /// The next free page, while it is free.
    next_free: Address,
}

/// The arena.
#[derive(Debug, Clone)]
pub struct Arena {
    cells: Memory<[u32; 2]>,
    pages: Vec<Page>,
    free_page: Address,
    fresh_page: Address,
    pages_left: u32,
    free_order: Address,
    fresh_order: Address,
    first_order: Address,
    live: u32,
    capacity: u32,
}

const NEXT: usize = 0;
const PREV: usize = 1;

impl Arena {
    /// Reserve room for `orders` orders and `pages` pages; memory is touched only when used.
    #[must_use]
    pub fn new(orders: u32, pages: u32) -> Self {
        let first_order = (pages + 1) * PAGE_LEVELS;
        let cells = first_order as usize + orders as usize * ORDER_CELLS as usize;
        Self {
            cells: Memory::zeroed(cells),
            pages: vec![Page::default(); pages as usize + 1],
            free_page: 0,
            fresh_page: PAGE_LEVELS,
            pages_left: pages,
            free_order: 0,
            fresh_order: first_order,
            first_order,
            live: 0,
            capacity: orders,
        }
    }

    /// Return how many orders there are.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// Return how many orders there may be.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Whether there may be no room for another order: no slot, or no page in case it needs one.
    #[inline(always)]
    #[must_use]
    pub const fn is_short(&self) -> bool {
        // The smaller of the two, asked once.
        let slots = self.capacity.wrapping_sub(self.live);
        let least = if slots < self.pages_left {
            slots
        } else {
            self.pages_left
        };
        least == 0
    }

    /// Return the number of an order's slot, 0 upwards.
    #[must_use]
    pub const fn slot(&self, at: Address) -> u32 {
        (at - self.first_order) / ORDER_CELLS
    }

    /// Return the address of a slot.
    #[must_use]
    pub const fn address(&self, slot: u32) -> Address {
        self.first_order + slot * ORDER_CELLS
    }

    /// Return how many slots were ever used.
    #[must_use]
    pub const fn slots_used(&self) -> u32 {
        self.slot(self.fresh_order)
    }

    /// Whether another page can be had.
    #[must_use]
    pub const fn has_page(&self) -> bool {
        self.pages_left != 0
    }

    /// Take a page for a stretch of a ladder. Only after `has_page`.
    pub fn take_page(&mut self, ladder: u32, number: i64) -> Address {
        self.pages_left -= 1;
        let mut at = self.free_page;
        if at == 0 {
            at = self.fresh_page;
            self.fresh_page += PAGE_LEVELS;
            // An empty level is a ring of itself; a page given back is left that way.
            for cell in at..at + PAGE_LEVELS {
                self.cells[cell as usize] = [cell; 2];
            }
        } else {
            self.free_page = self.page(at).next_free;
        }
        *self.page_mut(at) = Page {
            occupied: 0,
            number,
            ladder,
            next_free: 0,
        };
        at
    }

    /// Give back a page without orders.
    pub fn give_page(&mut self, at: Address) {
        let at = at & !(PAGE_LEVELS - 1);
        self.page_mut(at).next_free = self.free_page;
        self.free_page = at;
        self.pages_left += 1;
    }

    /// Return the page of a level.
    #[inline]
    #[must_use]
    pub fn page(&self, level: Address) -> &Page {
        &self.pages[(level / PAGE_LEVELS) as usize]
    }

    /// Return the page of a level, to change it.
    #[inline]
    pub fn page_mut(&mut self, level: Address) -> &mut Page {
        &mut self.pages[(level / PAGE_LEVELS) as usize]
    }

    /// Return the key of a level: its price, negated for bids.
    #[inline]
    #[must_use]
    pub fn key(&self, level: Address) -> i64 {
        (self.page(level).number << 6) | i64::from(level % PAGE_LEVELS)
    }

    /// Return the order that follows in the ring; the level itself after the last.
    #[inline]
    #[must_use]
    pub fn next(&self, at: Address) -> Address {
        self.cells[at as usize][NEXT]
    }

    /// Return the order at an address.
    #[inline(always)]
    #[must_use]
    pub fn order(&self, at: Address) -> Order {
        let [_, [low, high], [open, level], [line, meta]] = *self.order_cells(at);
        Order {
            id: u64::from(high) << 32 | u64::from(low),
            open,
            level,
            line,
            meta,
        }
    }

    /// Return the order at any number; None unless an order that is live begins there.
    #[inline(always)]
    #[must_use]
    pub fn order_if_live(&self, at: Address) -> Option<Order> {
        let cells = self.cells.get(at as usize..at as usize + 4)?;
        // The first order's address is a multiple as well: pages lie before it.
        let is_slot = at >= self.first_order && at.is_multiple_of(ORDER_CELLS);
        (is_slot & (cells[2][1] != 0)).then(|| self.order(at))
    }

    /// Return the id of the order at an address.
    #[inline]
    #[must_use]
    pub fn id(&self, at: Address) -> u64 {
        let [low, high] = self.cells[at as usize + 1];
        u64::from(high) << 32 | u64::from(low)
    }

    /// Return the generation and flags of a slot, in use or not.
    #[inline]
    #[must_use]
    pub fn meta(&self, at: Address) -> u32 {
        self.cells[at as usize + 3][1]
    }

    /// Change the shares an order shows.
    #[inline]
    pub fn set_open(&mut self, at: Address, open: u32) {
        self.cells[at as usize + 2][0] = open;
    }

    /// Return where the next order will be; 0 when there is no room.
    #[inline]
    #[must_use]
    pub fn room(&self) -> Address {
        if self.free_order != 0 {
            self.free_order
        } else if (self.fresh_order as usize) < self.cells.len() {
            self.fresh_order
        } else {
            0
        }
    }

    /// Put an order at the end of its level's queue. Only when there is room.
    ///
    /// The slot's generation is kept; of `order.meta` only the flags are taken.
    #[inline(always)]
    pub fn append(&mut self, order: &Order) -> Address {
        let mut at = self.free_order;
        if at == 0 {
            at = self.fresh_order;
            self.fresh_order += ORDER_CELLS;
        } else {
            self.free_order = self.cells[at as usize][NEXT];
        }
        // At most as many as there are slots.
        self.live = self.live.wrapping_add(1);
        let level = order.level;
        let last = self.cells[level as usize][PREV];
        let cells = self.order_cells_mut(at);
        cells[0] = [level, last];
        cells[1] = [order.id as u32, (order.id >> 32) as u32];
        cells[2] = [order.open, level];
        cells[3] = [order.line, cells[3][1] & !0xFF | order.meta & 0xFF];
        self.cells[last as usize][NEXT] = at;
        self.cells[level as usize][PREV] = at;
        at
    }

    /// Take an order out of its queue and free its slot; return whether its level is empty now.
    #[inline(always)]
    pub fn unlink(&mut self, at: Address) -> bool {
        let free = self.free_order;
        let cells = self.order_cells_mut(at);
        let [next, prev] = cells[0];
        let level = cells[2][1];
        cells[0] = [free, 0];
        cells[2] = [0, 0];
        cells[3][1] = cells[3][1].wrapping_add(0x100);
        self.cells[prev as usize][NEXT] = next;
        self.cells[next as usize][PREV] = prev;
        self.free_order = at;
        self.live = self.live.wrapping_sub(1);
        (next == level) & (prev == level)
    }

    /// Return the free slots that were used before, the next one to be used first, with their metas.
    #[must_use]
    pub fn free_slots(&self) -> Vec<(u32, u32)> {
        let mut slots = vec![];
        let mut at = self.free_order;
        while at != 0 {
            slots.push((self.slot(at), self.meta(at)));
            at = self.next(at);
        }
        slots
    }

    /// Let the next order have this slot, as if it had been freed last. For rebuilding an arena.
    pub fn next_slot_is(&mut self, slot: u32, meta: u32) {
        let at = self.address(slot);
        self.cells[at as usize][NEXT] = 0;
        self.cells[at as usize + 3][1] = meta;
        self.free_order = at;
    }

    /// Say which slots were used and which of them are free, the next one first.
    pub fn set_free_slots(&mut self, used: u32, free: &[(u32, u32)]) {
        self.fresh_order = self.address(used);
        self.free_order = 0;
        for (slot, meta) in free.iter().rev() {
            let after = self.free_order;
            self.next_slot_is(*slot, *meta);
            let at = self.free_order;
            self.cells[at as usize][NEXT] = after;
        }
    }

    /// Ask for the cache line of an order.
    #[inline]
    pub fn prefetch(&self, at: Address) {
        prefetch(&self.cells, at as usize);
    }

    /// Ask for the cache lines of an order's neighbours.
    #[inline]
    pub fn prefetch_around(&self, at: Address) {
        let [next, prev] = self.cells[at as usize];
        prefetch(&self.cells, next as usize);
        prefetch(&self.cells, prev as usize);
    }

    #[inline(always)]
    fn order_cells(&self, at: Address) -> &[[u32; 2]; 4] {
        let at = at as usize;
        match self.cells[at..at + 4].first_chunk() {
            Some(cells) => cells,
            None => unreachable!("an order is four cells"),
        }
    }

    #[inline(always)]
    fn order_cells_mut(&mut self, at: Address) -> &mut [[u32; 2]; 4] {
        let at = at as usize;
        match self.cells[at..at + 4].first_chunk_mut() {
            Some(cells) => cells,
            None => unreachable!("an order is four cells"),
        }
    }
}
