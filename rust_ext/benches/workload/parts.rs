//! Parts of the path by themselves: what the harness costs, and what risk and positions do.

use std::hint::black_box;

use engine::message::{MODIFY, NEW};
use engine::risk::{Ask, Risk};
use engine::{Event, EventKind, Message};

use crate::clock::Chunks;
use crate::file::Workload;
use crate::whole::{ACCOUNTS, Whole};

/// The floor: read each message and touch a table of its id, and nothing else.
pub fn floor(load: &Workload) -> (f64, f64) {
    let mut chunks = Chunks::default();
    let timed = &load.messages[load.prefill..];
    for _ in 0..crate::runs() {
        let mut table = vec![0_u64; load.id_max as usize + 1];
        chunks.run(timed, |part| {
            for message in part {
                let entry = &mut table[message.id as usize];
                *entry = entry.wrapping_add(u64::from(message.quantity) ^ message.price as u64);
            }
        });
        black_box(table);
    }
    chunks.ns_per_message(timed.len())
}

/// One thing that risk is asked or told.
enum Step {
    Ask(Ask, usize, usize),
    Rest(Place, u64, u32),
    Leave(Place, u64, u32, bool),
    Trade(Place, Place, i64, u32),
}

/// A line, its account, and a side.
type Place = (usize, usize, usize);

/// Risk and positions: every check, reservation, release and fill of the workload, alone, less what
/// reading the list of them takes.
pub fn risk(load: &Workload) -> (f64, f64) {
    let mut whole = Whole::new(load, None);
    let (prefill, timed) = load.messages.split_at(load.prefill);
    let before = steps(&mut whole, prefill);
    let steps = steps(&mut whole, timed);
    let (mut alone, mut reading) = (Chunks::default(), Chunks::default());
    for _ in 0..crate::runs() {
        let mut risk = Risk::new(ACCOUNTS, load.symbols);
        before.iter().for_each(|step| take(&mut risk, step));
        alone.run(&steps, |part| {
            part.iter().for_each(|step| take(&mut risk, step))
        });
        black_box(risk);
        let mut sums = [0; 4];
        reading.run(&steps, |part| {
            part.iter().for_each(|step| read(&mut sums, step))
        });
        black_box(sums);
    }
    let alone = alone.ns_per_message(timed.len());
    let reading = reading.ns_per_message(timed.len());
    (alone.0 - reading.0, alone.1 - reading.1)
}

#[inline(always)]
fn take(risk: &mut Risk, step: &Step) {
    match step {
        Step::Ask(ask, line, account) => {
            assert!(!risk.breaches(*line, *account, ask));
            risk.count(*account, ask.now);
        }
        Step::Rest((line, account, side), price, shares) => {
            risk.reserve(*line, *account, *side, *price, *shares);
        }
        Step::Leave((line, account, side), price, shares, ends) => {
            risk.release((*line, *account), *side, *price, *shares, *ends);
        }
        Step::Trade(taker, maker, price, shares) => {
            risk.fill((maker.0, maker.1), maker.2, *price, *shares);
            risk.fill((taker.0, taker.1), taker.2, *price, *shares);
        }
    }
}

/// Do nothing of a step but look at all of it; as many ways to go as in `take`.
#[inline(always)]
fn read(sums: &mut [u64; 4], step: &Step) {
    let place = |(line, account, side): &Place| (line + account + side) as u64;
    match step {
        Step::Ask(ask, line, account) => {
            sums[0] += ask.price + u64::from(ask.quantity) + (line + account + ask.side) as u64;
        }
        Step::Rest(own, price, shares) => sums[1] += place(own) ^ (price + u64::from(*shares)),
        Step::Leave(own, price, shares, ends) => {
            sums[2] += place(own) ^ (price + u64::from(*shares) + u64::from(*ends));
        }
        Step::Trade(taker, maker, price, shares) => {
            sums[3] ^= (place(taker) + place(maker)) ^ (*price as u64 + u64::from(*shares));
        }
    }
}

/// Run messages, and return what risk has to do with each.
fn steps(whole: &mut Whole, messages: &[Message]) -> Vec<Step> {
    let mut steps = vec![];
    for message in messages {
        whole.engine.apply(message);
        for event in whole.engine.events() {
            note(&mut steps, event);
        }
        let last = whole.engine.events().last();
        // What neither traded nor expired rests.
        if let Some(event) = last
            && matches!(message.kind, NEW | MODIFY)
            && matches!(
                event.kind,
                EventKind::Accept | EventKind::Modify | EventKind::Fill
            )
            && event.open > 0
        {
            steps.push(Step::Rest(place(event), message.price as u64, event.open));
        }
        whole.engine.clear_events();
    }
    steps
}

fn place(event: &Event) -> Place {
    let line = event.symbol as usize * ACCOUNTS as usize + event.account as usize;
    (line, event.account as usize, usize::from(event.side))
}

fn note(steps: &mut Vec<Step>, event: &Event) {
    let own = place(event);
    let (price, shares) = (event.price as u64, event.quantity);
    let ask = Ask {
        side: own.2,
        quantity: shares,
        price,
        now: 0,
    };
    match event.kind {
        EventKind::Accept => steps.push(Step::Ask(ask, own.0, own.1)),
        EventKind::Modify => {
            // What it was before is not told; the work is the same.
            steps.push(Step::Leave(own, price, shares, true));
            steps.push(Step::Ask(ask, own.0, own.1));
        }
        EventKind::Cancel => steps.push(Step::Leave(own, price, shares, true)),
        EventKind::Fill => {
            let line = own.0 - own.1 + event.other_account as usize;
            let maker = (line, event.other_account as usize, own.2 ^ 1);
            steps.push(Step::Leave(maker, price, shares, event.fact == 0));
            steps.push(Step::Trade(own, maker, event.price, shares));
        }
        _ => {}
    }
}
