//! What the parts cost without Python, one at a time: `cargo bench --bench engine`.
//!
//! The whole, as streams of messages, is `--bench workload`.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use engine::message::{CANCEL, IOC, MODIFY, Message, NEW};
use engine::{Engine, Size};

const LEVELS: u32 = 50;
const BEST_BID: i64 = 10_000;

fn order(id: u64, side: u8, price: i64, quantity: u32) -> Message {
    Message {
        id,
        price,
        quantity,
        kind: NEW,
        side,
        ..Message::default()
    }
}

/// Ten bids and ten asks of 100 shares at each of 50 prices; ids from 1 on.
fn full_book() -> Engine {
    let mut engine = Engine::new(Size::of(1, 2, 4096));
    for id in 0..LEVELS * 20 {
        let (side, away) = ((id % 2) as u8, i64::from(id / 20));
        let price = if side == 0 {
            BEST_BID - away
        } else {
            BEST_BID + 1 + away
        };
        engine.apply(&order(u64::from(id) + 1, side, price, 100));
    }
    engine.clear_events();
    engine
}

fn tell(engine: &mut Engine, messages: &[Message]) {
    for message in black_box(messages) {
        engine.apply(message);
    }
    engine.clear_events();
}

fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a book of 1,000 orders");
    let mut engine = full_book();
    let rest = order(5_000, 0, BEST_BID, 100);
    let cancel = Message {
        kind: CANCEL,
        ..rest
    };
    group.bench_function("rest an order and cancel it", |bencher| {
        bencher.iter(|| tell(&mut engine, &[rest, cancel]));
    });
    let [more, less] = [200, 100].map(|quantity| Message {
        id: 1,
        price: BEST_BID,
        quantity,
        kind: MODIFY,
        ..Message::default()
    });
    group.bench_function("enlarge an order and shrink it", |bencher| {
        bencher.iter(|| tell(&mut engine, &[more, less]));
    });
    let taker = Message {
        tif: IOC,
        account: 1,
        ..order(5_001, 0, BEST_BID + 1, 100)
    };
    let back = order(5_002, 1, BEST_BID + 1, 100);
    group.bench_function("fill an order and put one in its place", |bencher| {
        bencher.iter(|| tell(&mut engine, &[taker, back]));
    });
    group.bench_function("ask whether an order would be refused", |bencher| {
        bencher.iter(|| black_box(&engine).refusal_of(&black_box(rest).into()));
    });
    group.finish();
}

criterion_group!(benches, parts);
criterion_main!(benches);
