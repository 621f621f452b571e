//! The full path: 64-bit ids, risk, positions and events, read by a consumer.

use std::path::Path;

use engine::control::Limit;
use engine::journal::{Durability, Journal};
use engine::message::{COLLAR, LIMIT};
use engine::{Command, Engine, EventKind, Message, Size};

use crate::file::{Digest, Workload};

/// Messages between two readings of the events.
const BATCH: usize = 256;
pub const ACCOUNTS: u32 = 64;

/// An engine and who reads its events.
pub struct Whole {
    pub engine: Engine,
    pub digest: Digest,
    journal: Option<Journal>,
}

impl Whole {
    /// Limits that are checked and never reached, so that the digest is the reference's.
    pub fn new(load: &Workload, journal: Option<&Path>) -> Self {
        let orders = u32::try_from(load.prefill).unwrap() * 5 / 4 + 4096;
        let size = Size {
            pages: 400 * load.symbols,
            ..Size::of(load.symbols, ACCOUNTS, orders)
        };
        let mut engine = Engine::new(size);
        for symbol in 0..load.symbols {
            let message = Message {
                kind: COLLAR,
                price: 1,
                symbol,
                ..Message::default()
            };
            let mut command = Command::from(message);
            command.extra.stop = 1 << 30;
            engine.command(&command);
        }
        for account in 0..ACCOUNTS {
            for (limit, value) in [
                (Limit::OrderQuantity, 1_000_000),
                (Limit::Position, 1 << 40),
                (Limit::ShortLocate, 1 << 40),
                (Limit::OrderNotional, 1 << 50),
                (Limit::GrossExposure, 1 << 55),
                (Limit::OpenOrders, 10_000_000),
                (Limit::Rate, 1 << 30),
                (Limit::Cash, 1 << 55),
            ] {
                let message = Message {
                    kind: LIMIT,
                    tif: limit as u8,
                    price: value,
                    account,
                    ..Message::default()
                };
                engine.command(&Command::from(message));
            }
        }
        assert!(
            engine
                .events()
                .iter()
                .all(|event| event.kind == EventKind::Set)
        );
        engine.clear_events();
        let journal = journal.map(|path| {
            drop(std::fs::remove_file(path));
            Journal::create(path, size, Durability::Synced).unwrap()
        });
        Self {
            engine,
            digest: Digest::default(),
            journal,
        }
    }

    pub fn run(&mut self, messages: &[Message]) {
        for batch in messages.chunks(BATCH) {
            let done = self.engine.run(batch);
            assert_eq!(done, batch.len());
            // What happened is read when what was carried out is on its way to the disk, as from Python.
            if let Some(journal) = &mut self.journal {
                journal.append_messages(batch);
                journal.commit().unwrap();
            }
            self.read();
        }
    }

    #[inline]
    fn read(&mut self) {
        for event in self.engine.events() {
            match event.kind {
                EventKind::Fill => {
                    self.digest
                        .fill(event.id, event.other, event.price, event.quantity)
                }
                EventKind::Refuse => self.digest.rejects += 1,
                EventKind::Expire => self.digest.expired += 1,
                _ => {}
            }
        }
        self.engine.clear_events();
    }

    pub fn finish(&mut self) {
        let books = self.engine.matcher();
        for ladder in 0..books.ladders.len() as u32 {
            crate::matching::walk(books, ladder, &mut self.digest);
        }
    }
}
