//! Another book on the same workload in the same run, and how much longer it takes: `make bench`.
//!
//! The peer is `lobster`, a published order book crate without dependencies: one book, a tree of queues, no
//! accounts and no risk. So it is held against matching alone, on w1. It has no IOC and no modify:
//! the one is a limit order and a cancel of what is left, the other a cancel and a new order. Its
//! trades must be the reference book's; its final book it does not show by id, so that is not compared.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code
)]

#[path = "../../workload/clock.rs"]
mod clock;
#[path = "../../workload/file.rs"]
mod file;
#[path = "../../workload/matching.rs"]
mod matching;

use std::path::Path;

use clock::Chunks;
use engine::Message;
use engine::message::{CANCEL, IOC, MODIFY};
use file::{Digest, Workload};
use lobster::{OrderBook, OrderEvent, OrderType, Side};
use matching::Matching;

/// Runs of a round: it is slow, and steady.
const RUNS: usize = 3;

struct Peer {
    book: OrderBook,
    digest: Digest,
}

impl Peer {
    fn new(load: &Workload) -> Self {
        Self {
            book: OrderBook::new(load.prefill * 2 + 100_000, 16, false),
            digest: Digest::default(),
        }
    }

    fn run(&mut self, messages: &[Message]) {
        messages.iter().for_each(|message| self.apply(message));
    }

    fn apply(&mut self, message: &Message) {
        let id = u128::from(message.id);
        if message.kind == CANCEL || message.kind == MODIFY {
            self.book.execute(OrderType::Cancel { id });
        }
        if message.kind == CANCEL {
            return;
        }
        let side = if message.side == 0 {
            Side::Bid
        } else {
            Side::Ask
        };
        let (qty, price) = (u64::from(message.quantity), message.price as u64);
        let told = self.book.execute(OrderType::Limit {
            id,
            side,
            qty,
            price,
        });
        let is_whole = matches!(told, OrderEvent::Filled { .. });
        if let OrderEvent::Filled { fills, .. } | OrderEvent::PartiallyFilled { fills, .. } = told {
            for fill in fills {
                let maker = fill.order_2 as u64;
                self.digest
                    .fill(message.id, maker, fill.price as i64, fill.qty as u32);
            }
        }
        if message.tif == IOC && !is_whole {
            self.book.execute(OrderType::Cancel { id });
        }
    }
}

/// Measure one round of both, run by run.
fn round(load: &Workload) -> [(f64, f64); 2] {
    let (prefill, timed) = load.messages.split_at(load.prefill);
    let mut chunks = [Chunks::default(), Chunks::default()];
    for _ in 0..RUNS {
        let mut own = Matching::new(load);
        own.run(prefill, false);
        chunks[0].run(timed, |part| own.run(part, false));
        own.finish();
        load.verify(&own.digest, "match only");
        let mut peer = Peer::new(load);
        peer.run(prefill);
        chunks[1].run(timed, |part| peer.run(part));
        load.verify_trades(&peer.digest, "the peer");
    }
    chunks.map(|chunks| chunks.ns_per_message(timed.len()))
}

fn main() {
    let directory = std::env::args().nth(1).unwrap();
    let rounds: usize = std::env::args()
        .nth(2)
        .map_or(1, |rounds| rounds.parse().unwrap());
    let load = Workload::read(&Path::new(&directory).join("w1.bin"));
    let found: Vec<[(f64, f64); 2]> = (0..rounds).map(|_| round(&load)).collect();
    let [own, peer] = [0, 1].map(|who| {
        let median = clock::median(found.iter().map(|round| round[who].0).collect());
        let least = found.iter().map(|round| round[who].1);
        (median, least.fold(f64::INFINITY, f64::min))
    });
    println!("match only   w1      {:7.1} ({:6.1})", own.0, own.1);
    println!(
        "lobster 0.7  w1      {:7.1} ({:6.1})   {:.1} times as long, the same trades",
        peer.0,
        peer.1,
        peer.0 / own.0
    );
}
