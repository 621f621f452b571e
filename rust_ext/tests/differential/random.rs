//! Commands that meet each other often: few prices, few ids, few accounts, and some nonsense.

use engine::Command;
use engine::message::*;

/// A small generator: the same seed gives the same commands.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn price(&mut self) -> i64 {
        match self.below(200) {
            0 => -(self.below(20) as i64),
            1 => 1 << self.below(50),
            2 => 100 + 300_000 * self.below(5) as i64,
            _ => 90 + self.below(21) as i64,
        }
    }

    pub fn command(&mut self) -> Command {
        let kind = match self.below(100) {
            0..58 => NEW,
            58..75 => CANCEL,
            75..90 => MODIFY,
            _ => 4 + self.below(12) as u8,
        };
        let message = Message {
            id: self.below(60),
            price: self.price(),
            quantity: if self.one_in(200) {
                self.next() as u32
            } else {
                self.below(30) as u32
            },
            symbol: if self.one_in(300) {
                2
            } else {
                self.below(2) as u32
            },
            kind,
            side: if self.one_in(500) {
                7
            } else {
                self.below(2) as u8
            },
            tif: if self.one_in(500) {
                9
            } else {
                [0, 0, 0, 1, 2, 3, 4][self.below(7) as usize]
            },
            flags: [0, 0, 0, 0, 1, 2, 4, 6, 8, 0][self.below(10) as usize],
            account: if self.one_in(300) {
                3
            } else {
                self.below(3) as u32
            },
        };
        let mut command = Command::from(message);
        command.extra.stop = self.price();
        command.extra.expires = 1 + self.below(300_000);
        command.extra.display = self.below(8) as u32;
        command.extra.self_trade = self.below(5) as u8;
        if kind > MODIFY {
            self.rare(&mut command);
            if (kind, command.message.tif) == (LIMIT, 9) && !self.one_in(5) {
                command.extra.stop = command.message.price * self.below(200) as i64;
            }
        } else if self.one_in(2) {
            // Half of the orders are of the plainest kind, for the fast path.
            command.message.flags = 0;
            command.message.tif &= 1;
            command.extra = Extra::default();
        }
        command
    }

    /// Make a control command likely, and not so harsh that nothing happens after it.
    fn rare(&mut self, command: &mut Command) {
        let message = &mut command.message;
        command.extra.scope = self.below(8) as u8;
        message.flags = 0;
        match message.kind {
            PHASE => message.tif = [0, 0, 1, 1, 1, 2, 3][self.below(7) as usize],
            UNCROSS | BAR => {}
            BAND | COLLAR => {
                message.price = 80 + self.below(15) as i64;
                command.extra.stop = 105 + self.below(20) as i64;
                if self.one_in(2) {
                    (message.price, command.extra.stop) = (-PRICE_MAX, PRICE_MAX);
                }
            }
            RULES => {
                let odd = self.one_in(4);
                message.price = if odd { self.below(4) as i64 } else { 1 };
                message.quantity = if odd { self.below(4) as u32 } else { 1 };
            }
            HALT => message.flags = u8::from(self.one_in(3)),
            LIMIT => self.limit(message),
            _ => {}
        }
    }

    fn limit(&mut self, message: &mut Message) {
        message.tif = self.below(11) as u8;
        let loose = self.one_in(2);
        message.price = match message.tif {
            0 => 10 + self.below(30) as i64,
            3 => 1_000 + self.below(4_000) as i64,
            1 | 2 => 20 + self.below(200) as i64,
            5 => 2 + self.below(20) as i64,
            6 => 5 + self.below(100) as i64,
            7 => self.below(1_000) as i64,
            8 => 500 + self.below(6_000) as i64,
            9 => self.below(40) as i64 - 20,
            _ => 20_000 + self.below(1 << 20) as i64,
        };
        if loose && message.tif != 7 && message.tif != 9 {
            message.price = 1 << 50;
        }
    }
}
