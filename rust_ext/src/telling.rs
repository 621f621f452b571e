//! The engine's events: written as things happen, read when the caller likes.

use crate::engine::Engine;
use crate::event::{Event, EventKind, Reason};
use crate::message::Message;
use crate::risk::Facts;

impl Engine {
    /// Return what has happened since the events were last cleared.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Forget the events; their room is used again.
    pub fn clear_events(&mut self) {
        self.events.clear();
    }

    /// Hand out the events for a vector to write the next ones into.
    #[must_use]
    pub const fn exchange_events(&mut self, empty: Vec<Event>) -> Vec<Event> {
        std::mem::replace(&mut self.events, empty)
    }

    /// Whether a command's events fit: two of each live order and a few more. Only what more than two
    /// portions of many icebergs cause may make the room grow.
    #[inline]
    #[must_use]
    pub fn has_room_for_events(&self) -> bool {
        let most = 2 * self.matcher.arena.live() as usize + 16;
        self.events.len() + most <= self.size.events
    }

    /// Whether one event more fits: all that is told of a cancel, which makes room for two.
    #[inline(always)]
    #[must_use]
    pub const fn has_room_for_an_event(&self) -> bool {
        self.events.len() < self.size.events
    }

    /// Write an event about a command's order.
    #[inline(always)]
    pub(crate) fn tell(&mut self, kind: EventKind, message: &Message, open: u32) {
        self.events.push(Event {
            id: message.id,
            other: 0,
            price: message.price,
            fact: 0,
            time: self.now,
            quantity: message.quantity,
            open,
            symbol: message.symbol,
            account: message.account,
            other_account: 0,
            kind,
            reason: Reason::None,
            side: message.side,
            flags: message.flags,
        });
    }

    pub(crate) fn expire(&mut self, message: &Message, left: u32) {
        let message = Message {
            quantity: left,
            ..*message
        };
        self.tell(EventKind::Expire, &message, 0);
    }

    /// Write why a command changed nothing.
    #[cold]
    pub(crate) fn refuse(&mut self, message: &Message, (reason, limit, actual): Facts) {
        self.tell(EventKind::Refuse, message, 0);
        if let Some(event) = self.events.last_mut() {
            event.reason = reason;
            event.other = limit.cast_unsigned();
            event.fact = actual;
        }
    }
}
