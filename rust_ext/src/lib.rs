//! The hot path: an order book and a pre-trade risk gate, in integers only.
//!
//! Prices are ticks of $0.0001, amounts of money are the same ticks, quantities are whole shares.
//! Nothing here reads a clock, a file or a random number: the same calls give the same answers.
//! Everything but `python` is plain Rust and is tested without Python.
#![deny(unsafe_code)]

mod admission;
mod amend;
pub mod arena;
mod auction;
pub mod book;
pub mod control;
pub mod engine;
pub mod event;
pub mod ids;
mod image;
pub mod journal;
pub mod ladder;
pub mod matcher;
mod memory;
pub mod message;
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
mod python_desk;
#[cfg(feature = "python")]
mod python_engine;
#[cfg(feature = "python")]
mod python_number;
#[cfg(feature = "python")]
mod python_raw;
#[cfg(feature = "python")]
mod python_recovery;

pub use engine::{Engine, Size};
pub use event::{Event, EventKind, Reason};
pub use message::{Command, Message};
