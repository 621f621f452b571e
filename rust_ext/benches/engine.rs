//! What the parts cost without Python: `cargo bench`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use engine::{DeskState, OrderBook, Price, ProposedOrder, Quantity, RiskGate, RiskLimits, Side};

const ORDERS_PER_LEVEL: u64 = 10;
const LEVELS: i64 = 50;
const BEST_BID_TICKS: i64 = 1_000_000;

fn shares(count: i64) -> Quantity {
    Quantity::new(count).unwrap()
}

fn price(ticks: i64) -> Price {
    Price::new(ticks).unwrap()
}

/// 500 bids and 500 asks of 100 shares, a cent apart; ids 0 to 999, bids first.
fn full_book() -> OrderBook {
    let mut book = OrderBook::new("SPY");
    let mut id = 0;
    for (side, away) in [(Side::Buy, -100), (Side::Sell, 100)] {
        let best = BEST_BID_TICKS + if side == Side::Sell { 100 } else { 0 };
        for level in 0..LEVELS {
            for _ in 0..ORDERS_PER_LEVEL {
                let limit = price(best + level * away);
                book.submit_limit(id, side, shares(100), limit).unwrap();
                id += 1;
            }
        }
    }
    book
}

fn order_book(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order book of 1,000 orders");
    let mut book = full_book();
    group.bench_function("rest a limit order and cancel it", |bencher| {
        bencher.iter(|| {
            let limit = price(black_box(BEST_BID_TICKS));
            book.submit_limit(5_000, Side::Buy, shares(100), limit)
                .unwrap();
            book.cancel(5_000).unwrap()
        });
    });
    group.bench_function("market order through 25 orders", |bencher| {
        bencher.iter_batched_ref(
            full_book,
            |book| {
                book.submit_market(5_000, Side::Buy, shares(black_box(2_450)))
                    .unwrap()
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("best bid", |bencher| {
        bencher.iter(|| black_box(&book).best(Side::Buy));
    });
    group.finish();
}

fn risk_gate(criterion: &mut Criterion) {
    let gate = RiskGate::new(RiskLimits {
        order_quantity_max: 1_000,
        order_notional_ticks_max: 1_000_000_000,
        position_quantity_max: 5_000,
        position_notional_ticks_max: 5_000_000_000,
        price_collar_bps_max: 500,
        daily_loss_ticks_max: 50_000_000,
    })
    .unwrap();
    let order = ProposedOrder {
        side: Side::Buy,
        quantity: shares(100),
        limit: Some(price(1_001_000)),
    };
    let desk = DeskState {
        reference_price: price(BEST_BID_TICKS),
        position_quantity: 200,
        day_pnl_ticks: -1_000_000,
    };
    criterion.bench_function("risk check of an order that passes", |bencher| {
        bencher.iter(|| gate.check(black_box(&order), black_box(&desk)));
    });
}

criterion_group!(benches, order_book, risk_gate);
criterion_main!(benches);
