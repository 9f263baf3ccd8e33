//! Signposts: a line for each run that tells where in its block a key's entry begins, before the block itself is here.
//!
//! A point read waits for memory twice: for the block's fingerprints, then for the entry that they point at. The
//! signposts of a segment lie side by side, a sixty-fourth of its bytes, so that a cache holds them where it cannot
//! hold the blocks; both lines of the block are then asked for at once.
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 1 | shape: 0 none, 1 even, 2 uneven |
//! | 2 | 2 | even: where the first entry begins |
//! | 4 | 2 | even: bytes of an entry |
//! | 8 | 56 | even: fingerprints |
//! | 8 | 28 | uneven: fingerprints |
//! | 36 | 28 | uneven: the line of the block in which each entry begins |
//!
//! Entries that have no room here are found all the same: a signpost only hints, so that a wrong one costs time and
//! never an answer, and nobody needs to verify it before its use.

use super::block::{Block, matches64};
use crate::limits::BLOCK_BYTES;

/// Bytes of a signpost: a cache line.
pub const SIGNPOST_BYTES: usize = 64;

const NONE: u8 = 0;
const EVEN: u8 = 1;
const UNEVEN: u8 = 2;

const FIRST_AT: usize = 2;
const SIZE_AT: usize = 4;
const PRINTS_AT: usize = 8;
/// Entries that an uneven signpost can tell of.
const UNEVEN_MAX: usize = 28;
const LINES_AT: usize = PRINTS_AT + UNEVEN_MAX;
const LINE: usize = 64;

/// See the head of the file; any bytes are one.
#[derive(Clone, Copy)]
pub struct Signpost<'a>(&'a [u8; SIGNPOST_BYTES]);

/// The signpost of a finished block, `run`; all zeros when it is large or has too many entries.
pub fn signpost(run: &[u8]) -> [u8; SIGNPOST_BYTES] {
    Block::header(run).and_then(|block| draw(&block, run)).unwrap_or([NONE; SIGNPOST_BYTES])
}

fn draw(block: &Block, run: &[u8]) -> Option<[u8; SIGNPOST_BYTES]> {
    let mut line = [NONE; SIGNPOST_BYTES];
    let prints = block.fingerprints(run)?;
    if let Some((first, suffix, value)) = block.fixed_stride() {
        line[0] = EVEN;
        line[FIRST_AT..][..2].copy_from_slice(&(first as u16).to_le_bytes());
        line[SIZE_AT..][..2].copy_from_slice(&((suffix + value) as u16).to_le_bytes());
        line[PRINTS_AT..].get_mut(..prints.len())?.copy_from_slice(prints);
    } else {
        line[0] = UNEVEN;
        for (at, print) in prints.iter().enumerate().take(UNEVEN_MAX) {
            line[PRINTS_AT + at] = *print;
            line[LINES_AT + at] = (block.start_of(run, at)? / LINE) as u8;
        }
    }
    Some(line)
}

impl<'a> Signpost<'a> {
    pub fn of(line: &'a [u8; SIGNPOST_BYTES]) -> Self {
        Self(line)
    }

    /// Asks for the lines of `block` that a key with this fingerprint needs, behind the first one.
    ///
    /// One key in seven shares its fingerprint with another entry of its block; the second is asked for as well.
    #[inline(always)]
    pub fn follow(self, fingerprint: u8, block: *const u8) {
        if self.0[0] == UNEVEN {
            // The ends of the entries, which lie behind the fingerprints.
            crate::prefetch::read(block.wrapping_add(LINE));
            crate::prefetch::read(block.wrapping_add(2 * LINE));
        }
        let hits = self.hits(fingerprint);
        if hits == 0 {
            return;
        }
        self.ask(hits.trailing_zeros() as usize, block);
        let others = hits & (hits - 1);
        if others != 0 {
            self.ask(others.trailing_zeros() as usize, block);
        }
    }

    /// Bit `i` is set when entry `i` has this fingerprint.
    #[inline(always)]
    fn hits(self, fingerprint: u8) -> u64 {
        let hits = matches64(self.0, fingerprint) >> PRINTS_AT;
        match self.0[0] {
            NONE => 0,
            UNEVEN => hits & ((1 << UNEVEN_MAX) - 1),
            _ => hits,
        }
    }

    /// Where in its block `entry` begins, or the line in which it does.
    #[inline(always)]
    fn place(self, entry: usize) -> usize {
        let at = if self.0[0] == UNEVEN {
            LINE * usize::from(self.0[(LINES_AT + entry) % SIGNPOST_BYTES])
        } else {
            self.number(FIRST_AT) + entry * self.number(SIZE_AT)
        };
        at % BLOCK_BYTES
    }

    #[inline(always)]
    fn ask(self, entry: usize, block: *const u8) {
        // The processor itself fetches what follows in order.
        let first = block.wrapping_add(self.place(entry));
        crate::prefetch::read(first);
        crate::prefetch::read(first.wrapping_add(LINE));
    }

    #[inline(always)]
    fn number(self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::{BlockBuilder, write_large};
    use super::*;

    /// A block of these entries, `(key, value)`, each with its position as its fingerprint.
    fn block(entries: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<u8> {
        let (mut builder, mut bytes) = (BlockBuilder::default(), Vec::new());
        for (at, (key, value)) in entries.iter().enumerate() {
            assert!(builder.add(key, value.as_deref(), at as u8 + 1));
        }
        builder.finish(&mut bytes, 1, 2);
        bytes
    }

    /// Where the signpost of a block of these entries leads for each of them.
    fn check(name: &str, entries: &[(Vec<u8>, Option<Vec<u8>>)], shape: u8, told: usize) {
        let bytes = block(entries);
        let header = Block::parse(&bytes).unwrap();
        let line = signpost(&bytes);
        assert_eq!(line[0], shape, "{name}");
        let told_of = |at: usize| {
            let signpost = Signpost::of(&line);
            let hits = signpost.hits(at as u8 + 1);
            (hits != 0).then(|| signpost.place(hits.trailing_zeros() as usize))
        };
        for at in 0..entries.len() {
            let start = header.start_of(&bytes, at).unwrap();
            let expected = if shape == UNEVEN { start / LINE * LINE } else { start };
            assert_eq!(told_of(at), (at < told).then_some(expected), "{name}, entry {at}");
        }
        assert_eq!(told_of(entries.len()), None, "{name}: a fingerprint that no entry has");
    }

    #[test]
    fn they_lead_to_the_entries() {
        let entries = |count: usize, value_of: &dyn Fn(usize) -> Option<usize>| -> Vec<_> {
            let key = |n: usize| format!("user{n:08}").into_bytes();
            (0..count).map(|n| (key(n), value_of(n).map(|bytes| vec![n as u8; bytes]))).collect()
        };
        check("even", &entries(35, &|_| Some(90)), EVEN, 35);
        check("one entry", &entries(1, &|_| Some(3000)), EVEN, 1);
        check("as many as there is room for", &entries(56, &|_| Some(40)), EVEN, 56);
        check("one more", &entries(57, &|_| Some(40)), NONE, 0);
        check("tombstones alone", &entries(20, &|_| None), UNEVEN, 20);
        check("uneven", &entries(20, &|n| Some(7 * n)), UNEVEN, 20);
        check("uneven, with tombstones", &entries(20, &|n| (n % 3 != 0).then_some(100)), UNEVEN, 20);
        check("uneven, more than there is room for", &entries(40, &|n| Some(n)), UNEVEN, UNEVEN_MAX);
    }

    #[test]
    fn a_large_entry_has_none() {
        let mut run = Vec::new();
        write_large(&mut run, b"key", Some(&[1; 9000]), 1, 2);
        assert_eq!(signpost(&run), [NONE; SIGNPOST_BYTES]);
    }

    /// Damaged ones lead anywhere in the block, and nowhere else.
    #[test]
    fn any_bytes_are_one() {
        let mut line = [0; SIGNPOST_BYTES];
        for shape in 0..=255 {
            line.fill(255);
            line[0] = shape;
            let signpost = Signpost::of(&line);
            signpost.follow(255, line.as_ptr());
            assert!((0..64).all(|entry| signpost.place(entry) < BLOCK_BYTES), "{shape}");
        }
    }
}
