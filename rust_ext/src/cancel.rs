//! Taking one order out: by who owns it, or by its id alone.
#![allow(clippy::cast_possible_truncation)]

use crate::arena::{Address, Order};
use crate::engine::{Engine, SLOW};
use crate::event::{EventKind, Reason};
use crate::ids::Mixed;
use crate::matcher::key_of;
use crate::message::{self, Message};

/// Where in an order's `meta` is how often its place was used.
const GENERATION_SHIFT: u32 = 8;

impl Engine {
    #[inline(always)]
    pub(crate) fn cancel(&mut self, message: &Message, mixed: Mixed) {
        let found = self.ids.find_mixed(&self.matcher.arena, message.id, mixed);
        if found.at == 0 || !self.is_own(message, found.at) {
            return self.refuse(message, (Reason::UnknownId, 0, 0));
        }
        let order = self.matcher.arena.order(found.at);
        if order.meta & SLOW != 0 {
            return self.end_order(found.at, EventKind::Cancel, Reason::None);
        }
        self.ids.remove(&self.matcher.arena, found.entry);
        let gone = self.leave(message, found.at, &order);
        self.tell(EventKind::Cancel, &gone, 0);
    }

    /// Return the ticket of a live order, the engine's own name for it; 0 when it is not live.
    ///
    /// It says where the order is and how often the place was used: no other order ever had it, up
    /// to 2^24 orders of one place later.
    #[must_use]
    pub fn ticket_of(&self, id: u64) -> u64 {
        let at = self.ids.find(&self.matcher.arena, id).at;
        if at == 0 {
            return 0;
        }
        u64::from(self.matcher.arena.meta(at) >> GENERATION_SHIFT) << u32::BITS | u64::from(at)
    }

    /// Return the order of a ticket, while it is live.
    #[inline(always)]
    #[must_use]
    pub fn order_of(&self, ticket: u64) -> Option<(Address, Order)> {
        let at = ticket as Address;
        let order = self.matcher.arena.order_if_live(at)?;
        let is_it = u64::from(order.meta >> GENERATION_SHIFT) == ticket >> u32::BITS;
        is_it.then_some((at, order))
    }

    /// Return the command that cancels an order.
    #[must_use]
    pub fn cancel_of(&self, at: Address) -> Message {
        let owner = self.standing(at);
        Message {
            id: owner.order.id,
            account: owner.account,
            symbol: owner.symbol,
            kind: message::CANCEL,
            ..Message::default()
        }
    }

    /// Cancel an order by its ticket; when it is no longer live nothing happens, and that is told.
    #[inline(always)]
    pub fn cancel_ticket(&mut self, ticket: u64) -> bool {
        let Some((at, order)) = self.order_of(ticket) else {
            return false;
        };
        if order.meta & SLOW != 0 {
            self.end_order(at, EventKind::Cancel, Reason::None);
        } else {
            let mixed = self.ids.mix(order.id);
            let gone = self.leave(&self.named(&order), at, &order);
            // Where this is written is known last, and what is read after a write waits until that is known:
            // 4 ns of a cancel by ticket.
            self.tell(EventKind::Cancel, &gone, 0);
            self.ids.forget(&self.matcher.arena, mixed, at);
        }
        self.assert_sound_in_debug();
        true
    }

    /// Return who owns a plain order, in a message.
    // The ladder knows the book; a stop's, which is beyond the books', is not asked for it.
    #[inline(always)]
    fn named(&self, order: &Order) -> Message {
        let symbol = self.matcher.arena.page(order.level).ladder >> 1;
        Message {
            id: order.id,
            account: order
                .line
                .wrapping_sub(symbol.wrapping_mul(self.size.accounts)),
            symbol,
            ..Message::default()
        }
    }

    /// Take a plain order out of its book and its owner's sums; return what it was, in the message.
    #[inline(always)]
    fn leave(&mut self, message: &Message, at: Address, order: &Order) -> Message {
        let (key, ladder) = self.matcher.remove(at, order.level);
        let side = (ladder & 1) as usize;
        let owner = (order.line as usize, message.account as usize);
        self.risk
            .release(owner, side, key.unsigned_abs(), order.open, true);
        Message {
            price: key_of(ladder & 1, key),
            side: side as u8,
            quantity: order.open,
            ..*message
        }
    }

    /// Whether the order is of the account and the book that a command names.
    #[inline(always)]
    pub(crate) fn is_own(&self, message: &Message, at: Address) -> bool {
        // A line of an account there is belongs to one book only, so a book that is not there has none.
        let line = self.matcher.arena.order(at).line as usize;
        message.account < self.size.accounts && line == self.line(message.symbol, message.account)
    }
}
