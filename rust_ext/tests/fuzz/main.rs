//! Rows of any bytes: each is a command or a refusal, whole; never a panic, never a broken book.
//!
//! `FUZZ=10000000 cargo test --release --test fuzz` for the long run.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../differential/random.rs"]
mod random;

use engine::message::*;
use engine::{Command, Engine, EventKind, Message, Size};
use random::Random;

fn rounds(default: u64) -> u64 {
    std::env::var("FUZZ").map_or(default, |rounds| rounds.parse().unwrap())
}

const EDGES: [u64; 12] = [
    0,
    1,
    2,
    1 << 20,
    1 << 31,
    (1 << 31) - 1,
    1 << 40,
    1 << 56,
    1 << 60,
    1 << 63,
    (1 << 63) - 1,
    u64::MAX,
];

/// A row whose numbers lie at the edges of what fits, or anywhere.
fn any_row(random: &mut Random) -> [u8; 64] {
    let mut row = [0; 64];
    let (words, _) = row.as_chunks_mut::<8>();
    for word in words {
        let near = EDGES[random.below(EDGES.len() as u64) as usize].wrapping_add(random.below(3));
        let number = match random.below(4) {
            0 => random.next(),
            1 => near,
            2 => near.wrapping_neg(),
            _ => random.below(8),
        };
        *word = number.to_le_bytes();
    }
    row
}

/// A likely command with one of its fields at an edge.
fn nearly(random: &mut Random) -> Command {
    let mut command = random.command();
    let edge = EDGES[random.below(EDGES.len() as u64) as usize].wrapping_sub(random.below(3));
    match random.below(8) {
        0 => command.message.price = edge.cast_signed(),
        1 => command.message.price = -(edge.cast_signed() >> 23),
        2 => command.message.quantity = edge as u32,
        3 => command.extra.stop = edge.cast_signed(),
        4 => command.extra.expires = edge,
        5 => command.extra.display = edge as u32,
        6 => command.message.id = edge,
        _ => {}
    }
    command
}

/// A ticket of an order that may be live, or a number near one, or any number.
fn any_ticket(random: &mut Random, engine: &Engine) -> u64 {
    let ticket = engine.ticket_of(random.below(20));
    match random.below(4) {
        0 => ticket.wrapping_add(random.below(9)).wrapping_sub(4),
        1 => ticket ^ 1 << random.below(64),
        2 => random.next(),
        _ => ticket,
    }
}

#[test]
fn a_row_that_is_read_and_written_is_the_row_but_for_its_unused_bytes() {
    let mut random = Random(21);
    for _ in 0..rounds(100_000) {
        let mut row = any_row(&mut random);
        let command = Command::decode(&row);
        row[54..].fill(0);
        assert_eq!(command.encode(), row);
        assert_eq!(Command::decode(&command.encode()), command);
        let first: &[u8; 32] = row.first_chunk().unwrap();
        assert_eq!(&Message::decode(first).encode(), first);
    }
}

#[test]
fn whatever_rows_come_the_engine_stays_sound_and_answers_each() {
    let rounds = rounds(60_000);
    let mut random = Random(22);
    let mut engine = Engine::new(Size::of(2, 3, 12));
    for round in 0..rounds {
        if round % 500 == 0 {
            engine = Engine::new(Size::of(2, 3, 12));
        }
        let command = match random.below(5) {
            0 => Command::decode(&any_row(&mut random)),
            1 => random.command(),
            _ => nearly(&mut random),
        };
        let before = engine.state_hash();
        if random.below(8) == 0 {
            let ticket = any_ticket(&mut random, &engine);
            let live = engine.live() - u32::from(engine.order_of(ticket).is_some());
            let is_done = engine.cancel_ticket(ticket);
            assert_eq!(
                (engine.live(), is_done),
                (live, engine.state_hash() != before)
            );
            assert_eq!(engine.events().len(), usize::from(is_done));
            engine.clear_events();
            continue;
        }
        if random.below(2) == 0 && command.extra == Extra::default() {
            engine.apply(&command.message);
        } else {
            engine.command(&command);
        }
        assert!(!engine.events().is_empty(), "{command:?}");
        if engine.events()[0].kind == EventKind::Refuse {
            assert_eq!(engine.events().len(), 1, "{command:?}");
            assert_eq!(engine.state_hash(), before, "{command:?}");
        }
        engine.clear_events();
        engine.assert_sound();
    }
}
