//! One symbol's order book: price first, then time, trades at the resting order's price.
//!
//! Each side is one ordered map whose key *is* the priority, so the first entry is always the next
//! to trade, and matching, cancelling and depth are walks over that order.

use std::collections::btree_map::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};

use crate::error::EngineError;
use crate::order::{OrderId, Price, Quantity, Side};

/// A trade between an order that arrived and one that was resting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The order that was in the book, and whose price the trade has.
    pub resting_id: OrderId,
    /// The order that arrived.
    pub incoming_id: OrderId,
    /// The price of the trade.
    pub price: Price,
    /// How much of both orders was filled.
    pub quantity: Quantity,
}

/// All that rests at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthLevel {
    /// The price of every order of the level.
    pub price: Price,
    /// Shares open at this price. Wide, because a sum of many `Quantity` may not fit one.
    pub shares: i128,
    /// How many orders make them up.
    pub orders: usize,
}

/// The resting orders of one symbol.
#[derive(Debug, Clone)]
pub struct OrderBook {
    symbol: String,
    bids: BTreeMap<Priority, RestingOrder>,
    asks: BTreeMap<Priority, RestingOrder>,
    places: HashMap<OrderId, Place>,
    arrivals: u64,
}

/// Where an order stands in its side's queue: smaller trades earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Priority {
    /// The price in ticks, negated for bids, whose best is the highest.
    price_rank: i64,
    arrival: u64,
}

#[derive(Debug, Clone, Copy)]
struct RestingOrder {
    id: OrderId,
    price: Price,
    open: Quantity,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    side: Side,
    priority: Priority,
}

impl OrderBook {
    /// Open an empty book.
    #[must_use]
    pub fn new(symbol: impl Into<String>) -> Self {
        Self {
            symbol: symbol.into(),
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            places: HashMap::new(),
            arrivals: 0,
        }
    }

    /// Return the symbol whose orders these are.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Trade against what is there up to `limit`; the rest of the order stays in the book.
    ///
    /// # Errors
    /// `DuplicateOrder` when an order of this id is resting.
    pub fn submit_limit(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: Quantity,
        limit: Price,
    ) -> Result<Vec<Match>, EngineError> {
        self.refuse_duplicate(id)?;
        let (matches, open) = self.trade(id, side, quantity, Some(limit));
        if let Some(open) = open {
            self.rest(id, side, open, limit);
        }
        Ok(matches)
    }

    /// Trade against what is there at any price; the rest of the order is dropped.
    ///
    /// # Errors
    /// `DuplicateOrder` when an order of this id is resting.
    pub fn submit_market(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: Quantity,
    ) -> Result<Vec<Match>, EngineError> {
        self.refuse_duplicate(id)?;
        let (matches, _dropped) = self.trade(id, side, quantity, None);
        Ok(matches)
    }

    /// Take an order out of the book and return what was still open of it.
    ///
    /// # Errors
    /// `UnknownOrder` when it is not resting.
    pub fn cancel(&mut self, id: OrderId) -> Result<Quantity, EngineError> {
        let unknown = EngineError::UnknownOrder(id);
        let Entry::Occupied(place) = self.places.entry(id) else {
            return Err(unknown);
        };
        let Place { side, priority } = place.remove();
        let order = self.queue_mut(side).remove(&priority).ok_or(unknown)?;
        Ok(order.open)
    }

    /// Return what is still open of a resting order, or nothing when it is not resting.
    #[must_use]
    pub fn open_quantity(&self, id: OrderId) -> Option<Quantity> {
        let place = self.places.get(&id)?;
        let order = self.queue(place.side).get(&place.priority)?;
        Some(order.open)
    }

    /// Return the best level of a side: the highest bid (`Buy`) or the lowest ask (`Sell`).
    #[must_use]
    pub fn best(&self, side: Side) -> Option<DepthLevel> {
        self.levels(side).next()
    }

    /// Return the best `count` levels of a side, best first.
    #[must_use]
    pub fn depth(&self, side: Side, count: usize) -> Vec<DepthLevel> {
        self.levels(side).take(count).collect()
    }

    fn refuse_duplicate(&self, id: OrderId) -> Result<(), EngineError> {
        if self.places.contains_key(&id) {
            return Err(EngineError::DuplicateOrder(id));
        }
        Ok(())
    }

    /// Match an order against the other side; return the trades and what is left of it.
    fn trade(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: Quantity,
        limit: Option<Price>,
    ) -> (Vec<Match>, Option<Quantity>) {
        let mut matches = Vec::new();
        let mut open = Some(quantity);
        let resting_orders = match side {
            Side::Buy => &mut self.asks,
            Side::Sell => &mut self.bids,
        };
        while let (Some(wanted), Some(mut first)) = (open, resting_orders.first_entry()) {
            let resting = first.get_mut();
            if limit.is_some_and(|limit| !side.accepts(limit, resting.price)) {
                break;
            }
            let traded = wanted.min(resting.open);
            matches.push(Match {
                resting_id: resting.id,
                incoming_id: id,
                price: resting.price,
                quantity: traded,
            });
            open = wanted.after(traded);
            if let Some(left) = resting.open.after(traded) {
                resting.open = left;
            } else {
                self.places.remove(&resting.id);
                first.remove();
            }
        }
        (matches, open)
    }

    fn rest(&mut self, id: OrderId, side: Side, open: Quantity, price: Price) {
        self.arrivals += 1;
        let priority = Priority {
            price_rank: match side {
                Side::Buy => -price.ticks(),
                Side::Sell => price.ticks(),
            },
            arrival: self.arrivals,
        };
        self.places.insert(id, Place { side, priority });
        self.queue_mut(side)
            .insert(priority, RestingOrder { id, price, open });
    }

    fn levels(&self, side: Side) -> impl Iterator<Item = DepthLevel> {
        let mut orders = self.queue(side).values().peekable();
        std::iter::from_fn(move || {
            let first = orders.next()?;
            let mut level = DepthLevel {
                price: first.price,
                shares: i128::from(first.open.shares()),
                orders: 1,
            };
            while let Some(next) = orders.next_if(|next| next.price == level.price) {
                level.shares += i128::from(next.open.shares());
                level.orders += 1;
            }
            Some(level)
        })
    }

    const fn queue(&self, side: Side) -> &BTreeMap<Priority, RestingOrder> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn queue_mut(&mut self, side: Side) -> &mut BTreeMap<Priority, RestingOrder> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}
