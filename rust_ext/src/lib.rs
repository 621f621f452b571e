//! Order matching and pre-trade risk in one pass, as a deterministic state machine.
//!
//! Commands go in, events come out. An [`Engine`] holds many books and many accounts, both numbered
//! from 0, and has no clock, no randomness and no I/O: the same commands give the same events and
//! the same [`Engine::state_hash`]. Numbers are integers: prices in ticks, quantities in shares,
//! money in ticks times shares. What cannot be done is a [`EventKind::Refuse`] with one [`Reason`],
//! the limit and the finding, and changes nothing.
//!
//! ```
//! use engine::{Command, Engine, EventKind, Message, Reason, Size, message};
//!
//! let mut engine = Engine::new(Size::of(1, 2, 100));
//! let order = |id, account, side, price, quantity| Message {
//!     id, account, side, price, quantity, kind: message::NEW, ..Message::default()
//! };
//!
//! // Account 0 sells 10 at 51; account 1 buys 4 and would pay 52: it trades at the resting price.
//! engine.apply(&order(1, 0, 1, 51, 10));
//! engine.apply(&order(2, 1, 0, 52, 4));
//! let kinds: Vec<_> = engine.events().iter().map(|event| event.kind).collect();
//! assert_eq!(kinds, [EventKind::Accept, EventKind::Accept, EventKind::Fill]);
//! assert_eq!(engine.events()[2].price, 51);
//! assert_eq!(engine.position(1, 0).map(|line| (line.position, line.cost)), Some((4, 204)));
//! engine.clear_events();
//!
//! // A limit is a command like any other, and refuses in the same pass.
//! let most = Message { kind: message::LIMIT, tif: 0, price: 5, account: 1, ..Message::default() };
//! engine.apply(&most);
//! assert_eq!(engine.refusal_of(&order(3, 1, 0, 50, 6).into()), Some((Reason::OrderQuantity, 5, 6)));
//!
//! // What an order rarely needs is in a command's second half: an expiry, a stop, an iceberg.
//! let mut iceberg = Command::from(order(4, 0, 0, 49, 100));
//! iceberg.message.flags = message::ICEBERG;
//! iceberg.extra.display = 10;
//! engine.command(&iceberg);
//! assert_eq!(engine.levels(0, 0).next().map(|level| (level.price, level.shares)), Some((49, 10)));
//! ```
//!
//! Where to look:
//!
//! - [`message`] is what can be told, [`event`] what is told back, [`control::Limit`] what can be
//!   limited, [`view`] what can be looked at: levels, queues, positions, bars.
//! - [`journal`] writes commands to disk, [`snapshot`] an engine, [`recovery`] rebuilds from both.
//! - [`engine`] is the path of a plain order; [`matcher`], [`ladder`], [`arena`] and [`risk`]
//!   are its parts, each usable alone, and [`special`] what few orders meet.
//! - The rules with an example each, and a picture of the memory, are docs/engine.md; the Python
//!   face is behind the feature `python`.
//!
//! Cost is counted in cache lines and mispredicted branches: see docs/engine.md for what each
//! measured number is limited by. An index that is out of range can only come from a broken
//! invariant, and panics; [`Engine::assert_sound`] looks at all of them, after every command in a
//! debug build.
#![deny(unsafe_code)]

mod admission;
mod ahead;
mod amend;
pub mod arena;
mod auction;
pub mod book;
mod bucket;
mod cancel;
pub mod control;
pub mod engine;
pub mod event;
mod ids;
mod image;
pub mod journal;
pub mod ladder;
pub mod matcher;
mod memory;
pub mod message;
pub mod money;
pub mod prefetch;
pub mod recovery;
pub mod risk;
pub mod snapshot;
mod soundness;
pub mod special;
mod state;
mod taker;
mod telling;
pub mod view;

#[cfg(feature = "python")]
mod python;
#[cfg(feature = "python")]
mod python_answer;
#[cfg(feature = "python")]
mod python_arguments;
#[cfg(feature = "python")]
mod python_batch;
#[cfg(feature = "python")]
mod python_desk;
#[cfg(feature = "python")]
mod python_engine;
#[cfg(feature = "python")]
mod python_events;
#[cfg(feature = "python")]
mod python_number;
#[cfg(feature = "python")]
mod python_raw;
#[cfg(feature = "python")]
mod python_recovery;

pub use engine::{Engine, Size};
pub use event::{Event, EventKind, Reason};
pub use message::{Command, Message};
