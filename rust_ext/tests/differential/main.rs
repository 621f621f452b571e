//! Random commands of every kind, carried out by the engine and by a plain reference: after each
//! command both told the same and agree on every order, position and sum.
//!
//! `COMMANDS=10000000 cargo test --release --test differential` for the long run.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

mod control;
mod random;
mod reference;
mod trading;

use engine::event::{EventKind, Reason};
use engine::message::CANCEL;
use engine::{Command, Engine, Message, Size};
use random::Random;
use reference::{Reference, Told};

const BOOKS: u32 = 2;
const ACCOUNTS: u32 = 3;
const CAPACITY: u32 = 16;

fn told(engine: &Engine) -> Vec<Told> {
    engine
        .events()
        .iter()
        .map(|event| {
            let maker = if event.kind == EventKind::Fill {
                event.other
            } else {
                0
            };
            (
                event.kind,
                event.reason,
                event.id,
                maker,
                event.price,
                event.quantity,
            )
        })
        .collect()
}

/// Hold every order, position and sum against the reference.
fn assert_same_state(engine: &Engine, reference: &Reference) {
    for symbol in 0..BOOKS {
        for side in 0..2 {
            let expected: Vec<_> = (reference.makers(symbol, 1 - side).iter())
                .map(|n| &reference.live[*n])
                .map(|live| {
                    (
                        live.id(),
                        live.command.message.price,
                        live.shown,
                        live.total,
                    )
                })
                .collect();
            let queue: Vec<_> = engine
                .queue(symbol, side.into())
                .map(|o| (o.id, o.price, o.open, o.total))
                .collect();
            assert_eq!(queue, expected);
        }
    }
    for account in 0..ACCOUNTS {
        let (orders, gross, reserved) = reference.sums(account);
        let owner = engine.account(account).unwrap();
        let cash = reference.owners[account as usize].cash;
        let sums = (
            i64::from(owner.open_orders),
            owner.gross,
            owner.reserved,
            owner.cash,
        );
        assert_eq!(sums, (orders, gross, reserved, cash));
        for symbol in 0..BOOKS {
            let line = engine.position(account, symbol).unwrap();
            let held = &reference.held[account as usize][symbol as usize];
            let expected = (held.position, held.cost, held.realised);
            assert_eq!((line.position, line.cost, line.realised), expected);
        }
    }
}

/// How often each kind of event and each reason was told.
#[derive(Default)]
struct Tally {
    kinds: [u64; 12],
    reasons: [u64; Reason::ALL.len()],
}

/// Carry out a cancel by the order's ticket, if it is the cancel of an order that is live.
fn cancel_by_ticket(engine: &mut Engine, message: &Message) -> bool {
    let ticket = engine.ticket_of(message.id);
    let Some((at, _)) = engine.order_of(ticket) else {
        return false;
    };
    let named = engine.cancel_of(at);
    let is_its = (named.account, named.symbol) == (message.account, message.symbol);
    message.kind == CANCEL && is_its && engine.cancel_ticket(ticket)
}

fn compare(seed: u64, commands: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let size = Size {
        pages: 400,
        ..Size::of(BOOKS, ACCOUNTS, CAPACITY)
    };
    let mut engine = Engine::new(size);
    let mut reference = Reference::new(BOOKS as usize, ACCOUNTS as usize, CAPACITY as usize);
    let mut done: Vec<Command> = vec![];
    for count in 0..commands {
        let command = random.command();
        engine.clear_events();
        reference.told.clear();
        if count % 2 == 0 || !cancel_by_ticket(&mut engine, &command.message) {
            engine.command(&command);
        }
        reference.apply(&command);
        done.push(command);
        let last = &done[done.len().saturating_sub(3)..];
        assert_eq!(
            told(&engine),
            reference.told,
            "seed {seed}, command {count}: {last:?}"
        );
        for (kind, reason, ..) in &reference.told {
            tally.kinds[*kind as usize] += 1;
            tally.reasons[*reason as usize] += 1;
        }
        engine.assert_sound();
        if count % 8 == 0 {
            assert_same_state(&engine, &reference);
        }
    }
    assert_same_state(&engine, &reference);
}

/// So many commands meet every rule and cause every event.
const FOR_ALL: u64 = 200_000;

#[test]
fn the_engine_tells_what_a_plain_reference_tells() {
    let commands: u64 = std::env::var("COMMANDS").map_or(FOR_ALL, |count| count.parse().unwrap());
    let seeds: u64 = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    let each = 20_000.min(commands);
    let mut tally = Tally::default();
    for seed in 0..commands / each {
        compare(seeds + seed, each, &mut tally);
    }
    if commands < FOR_ALL {
        // Under Miri: too few to meet every rule.
        return;
    }
    assert!(
        tally.kinds[1..].iter().all(|count| *count > 0),
        "events: {:?}",
        tally.kinds
    );
    // Sums come nowhere near 64 bits here; that rule has its own test.
    let unseen: Vec<_> = (Reason::ALL.iter())
        .filter(|reason| tally.reasons[**reason as usize] == 0 && **reason != Reason::Overflow)
        .collect();
    assert!(unseen.is_empty(), "reasons never told: {unseen:?}");
}
