//! Many messages at once: while one is carried out, the lines that later ones need are on their way.
#![allow(clippy::indexing_slicing)]

use crate::arena::Address;
use crate::engine::Engine;
use crate::ids::Mixed;
use crate::matcher::key_of;
use crate::message::{self, Message};

/// Places of the ring that remembers what was asked for, more than any distance between two looks.
const REMEMBERED: usize = 32;
/// How many messages ahead the neighbours of orders are asked for.
const NEIGHBOURS_AHEAD: usize = 6;

/// Messages in a row, each of which is fetched some messages before its turn.
pub(crate) trait Queue {
    /// Return how many they are.
    fn count(&self) -> usize;
    /// Return a message for the first time: one after the other, each once.
    fn fetch(&mut self, index: usize) -> &Message;
    /// Return a message that was fetched.
    fn get(&self, index: usize) -> &Message;
}

impl Queue for &[Message] {
    #[inline(always)]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn fetch(&mut self, index: usize) -> &Message {
        &self[index]
    }

    #[inline(always)]
    fn get(&self, index: usize) -> &Message {
        &self[index]
    }
}

impl Engine {
    /// Carry out messages until one's events might not fit; return how many were.
    pub fn run(&mut self, messages: &[Message]) -> usize {
        self.run_queue(&mut { messages })
    }

    /// Carry out messages until one's events might not fit; return how many were.
    pub(crate) fn run_queue(&mut self, messages: &mut impl Queue) -> usize {
        // With many live orders their neighbours are asked for too; with few that costs more.
        if self.matcher.arena.live() < 100_000 {
            self.run_ahead::<false>(messages)
        } else {
            self.run_ahead::<true>(messages)
        }
    }

    /// Carry out messages, and ask for the lines that later ones need: the id's, the order's, and
    /// those of its neighbours or, of a new order, of the last in its queue.
    fn run_ahead<const FAR: bool>(&mut self, messages: &mut impl Queue) -> usize {
        let count = messages.count();
        let (ids, orders) = if FAR { (24, 14) } else { (12, 5) };
        let mut mixed = [Mixed::default(); REMEMBERED];
        let mut guesses = [0; REMEMBERED];
        for place in 0..ids.min(count) {
            mixed[place % REMEMBERED] = self.ask_for_id(messages.fetch(place));
        }
        for place in 0..orders {
            guesses[place % REMEMBERED] = self.ask_for_order(mixed[place % REMEMBERED]);
        }
        for index in 0..count {
            if !self.has_room_for_events() {
                return index;
            }
            let place = (index + orders) % REMEMBERED;
            // Past the last message this asks for what an earlier one had, or for nothing.
            let guess = self.ask_for_order(mixed[place]);
            if FAR {
                guesses[place] = guess;
                if index + NEIGHBOURS_AHEAD < count {
                    let guess = guesses[(index + NEIGHBOURS_AHEAD) % REMEMBERED];
                    self.prefetch_neighbours(messages.get(index + NEIGHBOURS_AHEAD), guess);
                }
            }
            let own = mixed[index % REMEMBERED];
            if index + ids < count {
                mixed[(index + ids) % REMEMBERED] = self.ask_for_id(messages.fetch(index + ids));
            }
            self.apply_mixed(messages.get(index), own);
        }
        count
    }

    #[inline(always)]
    fn ask_for_id(&self, message: &Message) -> Mixed {
        let mixed = self.ids.mix(message.id);
        self.ids.prefetch(mixed);
        mixed
    }

    #[inline(always)]
    fn ask_for_order(&self, mixed: Mixed) -> Address {
        let guess = self.ids.guess(mixed);
        self.matcher.arena.prefetch(guess);
        guess
    }

    #[inline(always)]
    fn prefetch_neighbours(&self, message: &Message, guess: Address) {
        let side = u32::from(message.side & 1);
        let key = key_of(side, message.price);
        // The message was not looked at yet: its book may be any number.
        let ladder = message.symbol as usize * 2 + side as usize;
        let ladder = self.matcher.ladders.get(ladder);
        let level = ladder.map_or(0, |ladder| ladder.find_near(key));
        let is_new = message.kind == message::NEW;
        let at = std::hint::select_unpredictable(is_new, level, guess);
        self.matcher.arena.prefetch_around(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Size;
    use crate::event::Reason;

    /// What is asked for ahead is asked before a message is looked at.
    #[test]
    fn a_message_in_the_largest_of_all_numbers_is_refused() {
        let mut engine = Engine::new(Size::of(2, 2, 64));
        let message = Message {
            id: u64::MAX,
            price: i64::MIN,
            quantity: u32::MAX,
            symbol: u32::MAX,
            kind: message::NEW,
            side: u8::MAX,
            tif: u8::MAX,
            flags: u8::MAX,
            account: u32::MAX,
        };
        let messages = [message; 64];
        let mut messages = messages.as_slice();
        assert_eq!(engine.run_ahead::<true>(&mut messages), 64);
        assert_eq!(engine.run_ahead::<false>(&mut messages), 64);
        assert_eq!(engine.events().len(), 128);
        let is_refused = |event: &crate::Event| event.reason == Reason::UnknownSymbol;
        assert!(engine.events().iter().all(is_refused));
    }
}
