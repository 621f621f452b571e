//! The workload files of the protocol, and the digest every engine must reach on them.

use std::path::Path;

use engine::Message;

const HEADER_BYTES: usize = 64;
const RECORD_BYTES: usize = 32;

/// One workload: the messages, the first `prefill` of which build the standing book.
pub struct Workload {
    pub name: String,
    pub symbols: u32,
    pub prefill: usize,
    pub id_max: u64,
    pub messages: Vec<Message>,
    expected: String,
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl Workload {
    /// Read `<path>` and `<path>.json`.
    pub fn read(path: &Path) -> Self {
        let bytes =
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(
            &bytes[..8],
            b"LOBWORK1",
            "{}: not a workload",
            path.display()
        );
        let expected = std::fs::read_to_string(path.with_extension("bin.json")).unwrap();
        let (records, _) = bytes[HEADER_BYTES..].as_chunks::<RECORD_BYTES>();
        Self {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            symbols: u32::from_le_bytes(bytes[12..16].try_into().unwrap()),
            prefill: usize::try_from(word(&bytes, 24)).unwrap(),
            id_max: word(&bytes, 48),
            messages: records.iter().map(Message::decode).collect(),
            expected,
        }
    }

    /// Panic unless every figure of the digest is what the reference book had.
    pub fn verify(&self, digest: &Digest, who: &str) {
        for (name, actual) in digest.figures() {
            let expected = self.figure(name);
            assert_eq!(actual, expected, "{who} on {}: {name}", self.name);
        }
    }

    /// Panic unless the trades are the reference book's; of a book that does not show its orders.
    #[allow(dead_code)] // the peer's
    pub fn verify_trades(&self, digest: &Digest, who: &str) {
        for (name, actual) in digest.figures() {
            if ["fills", "volume", "notional", "hash"].contains(&name) {
                assert_eq!(actual, self.figure(name), "{who} on {}: {name}", self.name);
            }
        }
    }

    fn figure(&self, name: &str) -> String {
        let start = self.expected.find(&format!("\"{name}\"")).unwrap() + name.len() + 3;
        let end = self.expected[start..].find([',', '\n']).unwrap() + start;
        self.expected[start..end]
            .trim()
            .trim_matches('"')
            .to_owned()
    }
}

/// What was observed, summed so that any difference shows. All sums wrap.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
pub struct Digest {
    pub fills: u64,
    volume: u64,
    notional: u64,
    hash: u64,
    pub rejects: u64,
    pub expired: u64,
    live_orders: u64,
    live_qty: u64,
    book_hash: u64,
}

impl Digest {
    #[inline]
    pub fn fill(&mut self, taker: u64, maker: u64, price: i64, quantity: u32) {
        let (price, quantity) = (price as u64, u64::from(quantity));
        self.fills += 1;
        self.volume = self.volume.wrapping_add(quantity);
        self.notional = self.notional.wrapping_add(price.wrapping_mul(quantity));
        self.hash = self
            .hash
            .wrapping_mul(0x0100_0000_01B3)
            .wrapping_add(taker.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_add(maker.wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
            .wrapping_add(price.wrapping_mul(0x1656_67B1_9E37_79F9))
            .wrapping_add(quantity);
    }

    /// Add one resting order; symbols ascending, bids first, in matching order.
    pub fn resting(&mut self, id: u64, price: i64, open: u32) {
        self.live_orders += 1;
        self.live_qty += u64::from(open);
        self.book_hash = self
            .book_hash
            .wrapping_mul(0x0100_0000_01B3)
            .wrapping_add(id.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_add((price as u64).wrapping_mul(0x1656_67B1_9E37_79F9))
            .wrapping_add(u64::from(open));
    }

    fn figures(&self) -> [(&'static str, String); 9] {
        [
            ("fills", self.fills.to_string()),
            ("volume", self.volume.to_string()),
            ("notional", self.notional.to_string()),
            ("rejects", self.rejects.to_string()),
            ("expired", self.expired.to_string()),
            ("hash", format!("{:016x}", self.hash)),
            ("live_orders", self.live_orders.to_string()),
            ("live_qty", self.live_qty.to_string()),
            ("book_hash", format!("{:016x}", self.book_hash)),
        ]
    }
}
