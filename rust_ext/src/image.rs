//! An engine as a row of 64-bit words, and back: all that decides what it will do.
//!
//! What is not here follows from it: levels and pages from the orders, the id table from their ids,
//! expiries from their times. Slots are here, used and free, because an order's slot decides when
//! its turn comes in a mass cancel.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::Order;
use crate::book::{Bar, Book, Phase};
use crate::engine::{Engine, Rare, Size, TIF_SHIFT};
use crate::ladder::NO_KEY;
use crate::message;
use crate::risk::{Account, Line};

/// The words that are left to be read; every reading says whether it was there.
struct Words<'a>(std::slice::Iter<'a, u64>);

impl Words<'_> {
    fn word(&mut self) -> Option<u64> {
        self.0.next().copied()
    }

    fn signed(&mut self) -> Option<i64> {
        self.word().map(u64::cast_signed)
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.word()?).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        (self.0.len() > 0).then_some(self.word()? == 1)
    }

    fn pair(&mut self) -> Option<(i64, i64)> {
        Some((self.signed()?, self.signed()?))
    }
}

fn put(words: &mut Vec<u64>, numbers: &[i64]) {
    words.extend(numbers.iter().map(|number| number.cast_unsigned()));
}

impl Engine {
    /// Write everything about the engine but its events.
    #[must_use]
    pub fn image(&self) -> Vec<u64> {
        let size = self.size;
        let mut words: Vec<u64> = [size.books, size.accounts, size.orders, size.pages]
            .map(u64::from)
            .to_vec();
        words.extend([size.events as u64, self.now, self.risk.rate_window]);
        words.push(u64::from(self.risk.all_halted));
        self.books
            .iter()
            .for_each(|book| put_book(&mut words, book));
        for line in &self.risk.lines {
            put_line(&mut words, line);
        }
        for (account, owner) in self.risk.accounts.iter().enumerate() {
            put_account(&mut words, owner);
            words.push(u64::from(self.risk.open_orders_max[account]));
            words.push(u64::from(self.risk.halted[account]));
        }
        let free = self.matcher.arena.free_slots();
        words.push(u64::from(self.matcher.arena.slots_used()));
        words.push(free.len() as u64);
        words.extend(
            free.iter()
                .map(|(slot, meta)| u64::from(*slot) << 32 | u64::from(*meta)),
        );
        for ladder in 0..self.matcher.ladders.len() {
            self.put_orders(&mut words, ladder);
        }
        words
    }

    fn put_orders(&self, words: &mut Vec<u64>, ladder: usize) {
        let ladder = &self.matcher.ladders[ladder];
        let count_at = words.len();
        words.push(0);
        let mut key = ladder.best;
        while key != NO_KEY {
            let level = ladder.find(key);
            let mut at = self.matcher.arena.next(level);
            while at != level {
                let order = self.matcher.arena.order(at);
                let slot = self.matcher.arena.slot(at);
                put(words, &[key]);
                words.push(u64::from(slot) << 32 | u64::from(order.meta));
                words.push(order.id);
                words.push(u64::from(order.open) << 32 | u64::from(order.line));
                put_rare(words, &self.rare[slot as usize]);
                words[count_at] += 1;
                at = self.matcher.arena.next(at);
            }
            key = ladder.after(&self.matcher.arena, key);
        }
    }

    /// Make the engine of an image; nothing when it is not one.
    #[must_use]
    pub fn from_image(words: &[u64]) -> Option<Self> {
        let mut words = Words(words.iter());
        let size = Size {
            books: words.small()?,
            accounts: words.small()?,
            orders: words.small()?,
            pages: words.small()?,
            events: words.small()? as usize,
        };
        let mut engine = Self::new(size.checked()?);
        engine.now = words.word()?;
        engine.risk.rate_window = words.word()?;
        engine.risk.all_halted = words.flag()?;
        for book in &mut engine.books {
            *book = book_of(&mut words)?;
        }
        for line in &mut engine.risk.lines {
            *line = line_of(&mut words)?;
        }
        for account in 0..engine.risk.accounts.len() {
            engine.risk.accounts[account] = account_of(&mut words)?;
            engine.risk.open_orders_max[account] = words.small()?;
            engine.risk.halted[account] = words.flag()?;
        }
        engine.take_slots(&mut words)?;
        (words.0.len() == 0).then_some(engine)
    }

    /// Read the slots, and put every order into its own at the end of its queue.
    fn take_slots(&mut self, words: &mut Words<'_>) -> Option<()> {
        let (used, count) = (words.small()?, words.small()?);
        if used > self.size.orders || count > used {
            return None;
        }
        let free: Option<Vec<_>> = (0..count)
            .map(|_| words.word().map(|word| ((word >> 32) as u32, word as u32)))
            .collect();
        let mut taken = vec![false; used as usize];
        for ladder in 0..self.matcher.ladders.len() as u32 {
            for _ in 0..words.small()? {
                self.take_order(words, ladder, &mut taken)?;
            }
        }
        let free = free?;
        for (slot, _) in &free {
            let place = taken.get_mut(*slot as usize)?;
            if std::mem::replace(place, true) {
                return None;
            }
        }
        taken.iter().all(|taken| *taken).then_some(())?;
        self.matcher.arena.set_free_slots(used, &free);
        Some(())
    }

    fn take_order(&mut self, words: &mut Words<'_>, ladder: u32, taken: &mut [bool]) -> Option<()> {
        let key = words.signed()?;
        let [place, id, size] = [words.word()?, words.word()?, words.word()?];
        let (slot, meta) = ((place >> 32) as u32, place as u32);
        let rare = rare_of(words)?;
        let order = Order {
            id,
            open: (size >> 32) as u32,
            level: 0,
            line: size as u32,
            meta,
        };
        let is_new = !std::mem::replace(taken.get_mut(slot as usize)?, true);
        let is_line = (order.line as usize) < self.risk.lines.len();
        let is_price = key.unsigned_abs() <= message::PRICE_MAX.unsigned_abs();
        let found = self.ids.find(&self.matcher.arena, id);
        if !(is_new && is_line && is_price && order.open > 0 && found.at == 0) {
            return None;
        }
        self.matcher.arena.next_slot_is(slot, meta);
        let at = self.matcher.rest(ladder, key, order);
        if at == 0 {
            return None;
        }
        self.ids.enter(&self.matcher.arena, id, at);
        self.rare[slot as usize] = rare;
        if (meta >> TIF_SHIFT & 7) as u8 == message::GTD {
            self.expiries.insert((rare.expires, slot));
        }
        Some(())
    }
}

fn put_rare(words: &mut Vec<u64>, rare: &Rare) {
    words.push(u64::from(rare.hidden) << 32 | u64::from(rare.display));
    words.extend([rare.expires, rare.limit.cast_unsigned(), rare.reserved_at]);
    words.push(u64::from(rare.self_trade));
}

fn rare_of(words: &mut Words<'_>) -> Option<Rare> {
    let shown = words.word()?;
    Some(Rare {
        hidden: (shown >> 32) as u32,
        display: shown as u32,
        expires: words.word()?,
        limit: words.signed()?,
        reserved_at: words.word()?,
        self_trade: u8::try_from(words.word()?).ok()?,
    })
}

fn put_book(words: &mut Vec<u64>, book: &Book) {
    let Book {
        band, collar, bar, ..
    } = book;
    put(words, &[band.0, band.1, collar.0, collar.1, book.tick]);
    put(words, &[book.lot.into(), book.phase as i64]);
    put(words, &[book.last.is_some().into(), book.last.unwrap_or(0)]);
    put(words, &[bar.open, bar.high, bar.low, bar.close]);
    words.extend([bar.volume, bar.fills]);
}

fn book_of(words: &mut Words<'_>) -> Option<Book> {
    let mut book = Book {
        band: words.pair()?,
        collar: words.pair()?,
        tick: words.signed().filter(|tick| *tick > 0)?,
        lot: words.small().filter(|lot| *lot > 0)?,
        phase: Phase::of(u8::try_from(words.word()?).ok()?)?,
        ..Book::default()
    };
    let (is_traded, last) = (words.flag()?, words.signed()?);
    book.last = is_traded.then_some(last);
    book.bar = Bar {
        open: words.signed()?,
        high: words.signed()?,
        low: words.signed()?,
        close: words.signed()?,
        volume: words.word()?,
        fills: words.word()?,
    };
    book.settle();
    Some(book)
}

fn put_line(words: &mut Vec<u64>, line: &Line) {
    put(
        words,
        &[line.position, line.open[0], line.open[1], line.cost],
    );
    put(words, &[line.realised, line.position_max, line.located]);
    words.push(u64::from(line.order_max) << 32 | u64::from(line.fills));
}

fn line_of(words: &mut Words<'_>) -> Option<Line> {
    let line = Line {
        position: words.signed()?,
        open: [words.signed()?, words.signed()?],
        cost: words.signed()?,
        realised: words.signed()?,
        position_max: words.signed()?,
        located: words.signed()?,
        ..Line::default()
    };
    let last = words.word()?;
    Some(Line {
        order_max: (last >> 32) as u32,
        fills: last as u32,
        ..line
    })
}

fn put_account(words: &mut Vec<u64>, owner: &Account) {
    put(words, &[owner.gross, owner.gross_max, owner.notional_max]);
    put(words, &[owner.cash, owner.reserved]);
    words.push(owner.rate_ends);
    let counts = [owner.open_orders, owner.open_orders_max, owner.rate_count];
    words.extend(counts.map(u64::from));
    words.push(owner.rate_max.into());
}

fn account_of(words: &mut Words<'_>) -> Option<Account> {
    Some(Account {
        gross: words.signed()?,
        gross_max: words.signed()?,
        notional_max: words.signed()?,
        cash: words.signed()?,
        reserved: words.signed()?,
        rate_ends: words.word()?,
        open_orders: words.small()?,
        open_orders_max: words.small()?,
        rate_count: words.small()?,
        rate_max: words.small()?,
    })
}
