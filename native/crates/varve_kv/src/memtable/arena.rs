//! The arena: nodes one after another in anonymous memory, and the hash index over them.
//!
//! Node, 8-byte aligned: `u64 sequence, u64 head, u32 chain, u32 older, u32 key length | height << 24 |
//! tombstone << 31, u32 value length, u32 tag, u32 links[height], key, value`.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use memmap2::MmapMut;

use crate::batch::Op;
use crate::hash::head;

/// Height of the tallest tower; branching 4.
pub const HEIGHT_MAX: usize = 12;

const LINKS: usize = 36;
const TOMBSTONE: u32 = 1 << 31;
const KEY_MASK: u32 = 0x00ff_ffff;

/// Upper bound of a node's bytes beyond its key and value.
pub const NODE_BYTES_EXTRA: usize = LINKS + 4 * HEIGHT_MAX + 8;

/// Node memory and hash index of one memtable.
pub struct Arena {
    /// Owns the memory; everything goes through `base`.
    _memory: MmapMut,
    base: *mut u8,
    capacity: usize,
    /// Nodes begin here: behind the hash index, never 0, so that 0 can mean "none".
    first: usize,
    /// End of the published nodes.
    used: AtomicUsize,
    shift: u32,
}

// SAFETY: the memory is only written by the single writer before it publishes a node, and through
// atomics afterwards (invariants 1 and 2 of the module).
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

/// A published node.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    at: *const u8,
    _arena: &'a Arena,
}

impl Arena {
    /// An arena for `bytes` of nodes (at most 3 GiB).
    pub fn new(bytes: usize) -> io::Result<Self> {
        let slots = (bytes / 64).next_power_of_two().clamp(1024, 1 << 24);
        let first = slots * 4;
        let capacity = first + bytes.next_multiple_of(8);
        if capacity > u32::MAX as usize {
            return Err(io::Error::other("a memtable is limited to 4 GiB"));
        }
        let mut memory = MmapMut::map_anon(capacity)?;
        let base = memory.as_mut_ptr();
        Ok(Self {
            _memory: memory,
            base,
            capacity,
            first,
            used: AtomicUsize::new(first),
            shift: 64 - slots.trailing_zeros(),
        })
    }

    /// Bytes of nodes.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire) - self.first
    }

    /// Bytes of nodes that fit.
    pub fn capacity(&self) -> usize {
        self.capacity - self.first
    }

    /// Offset of the first node.
    pub fn first(&self) -> u32 {
        self.first as u32
    }

    /// Offset behind the last published node.
    pub fn end(&self) -> u32 {
        self.used.load(Ordering::Acquire) as u32
    }

    /// Appends and publishes a node. The caller is the only writer and checked the room.
    pub fn insert(&self, op: Op<'_>, sequence: u64, key_hash: u64) {
        let at = self.used.load(Ordering::Relaxed);
        let value = op.value.unwrap_or_default();
        let height = height_of(at as u64 ^ key_hash);
        let key_at = LINKS + 4 * height;
        let bytes = (key_at + op.key.len() + value.len()).next_multiple_of(8);
        assert!(at + bytes <= self.capacity, "has_room was checked before the insertion");

        let bucket = self.bucket(key_hash);
        let (previous, existing) = self.locate(bucket, op.key, key_hash);
        let chain = match existing {
            Some(node) => node.chain().load(Ordering::Relaxed),
            None => bucket.load(Ordering::Relaxed),
        };
        let older = existing.map_or(0, |node| self.offset_of(node));
        let tombstone = if op.value.is_none() { TOMBSTONE } else { 0 };
        let meta = op.key.len() as u32 | ((height as u32) << 24) | tombstone;
        // SAFETY: `at..at + bytes` is inside the memory, 8-byte aligned, and not published yet, so only
        // this writer touches it. Links start as zero, which fresh anonymous memory is.
        unsafe {
            let node = self.base.add(at);
            node.cast::<u64>().write(sequence);
            node.add(8).cast::<u64>().write(head(op.key));
            node.add(16).cast::<u32>().write(chain);
            node.add(20).cast::<u32>().write(older);
            node.add(24).cast::<u32>().write(meta);
            node.add(28).cast::<u32>().write(value.len() as u32);
            node.add(32).cast::<u32>().write(tag_of(key_hash));
            node.add(key_at).copy_from_nonoverlapping(op.key.as_ptr(), op.key.len());
            node.add(key_at + op.key.len()).copy_from_nonoverlapping(value.as_ptr(), value.len());
        }
        match (existing, previous) {
            (Some(_), Some(previous)) => previous.chain().store(at as u32, Ordering::Release),
            _ => bucket.store(at as u32, Ordering::Release),
        }
        self.used.store(at + bytes, Ordering::Release);
    }

    /// The newest version of `key`.
    #[inline]
    pub fn find(&self, key: &[u8], key_hash: u64) -> Option<Node<'_>> {
        self.locate(self.bucket(key_hash), key, key_hash).1
    }

    /// Loads the bucket's cache line.
    #[inline]
    pub fn prefetch(&self, key_hash: u64) {
        crate::prefetch::read(std::ptr::from_ref(self.bucket(key_hash)).cast());
    }

    /// The node at `offset`; `None` for 0.
    #[inline]
    pub fn node(&self, offset: u32) -> Option<Node<'_>> {
        // SAFETY: offsets other than 0 come from published links and stay inside the memory.
        (offset != 0).then(|| Node { at: unsafe { self.base.add(offset as usize) }, _arena: self })
    }

    /// The node at an offset known to be one.
    #[inline]
    pub fn at(&self, offset: u32) -> Node<'_> {
        debug_assert!(offset as usize >= self.first && (offset as usize) < self.capacity);
        // SAFETY: as in `node`.
        Node { at: unsafe { self.base.add(offset as usize) }, _arena: self }
    }

    #[inline]
    fn offset_of(&self, node: Node<'_>) -> u32 {
        (node.at as usize - self.base as usize) as u32
    }

    #[inline]
    fn bucket(&self, key_hash: u64) -> &AtomicU32 {
        let slot = (key_hash >> self.shift) as usize;
        // SAFETY: `shift` leaves exactly the bits of a slot number; the index precedes `first`.
        unsafe { &*self.base.cast::<AtomicU32>().add(slot) }
    }

    /// Finds `key` in its chain, with the node before it when it is not the first.
    #[inline]
    fn locate(&self, bucket: &AtomicU32, key: &[u8], key_hash: u64) -> (Option<Node<'_>>, Option<Node<'_>>) {
        let mut previous = None;
        let mut offset = bucket.load(Ordering::Acquire);
        while let Some(node) = self.node(offset) {
            if node.tag() == tag_of(key_hash) && node.key() == key {
                return (previous, Some(node));
            }
            offset = node.chain().load(Ordering::Acquire);
            previous = Some(node);
        }
        (None, None)
    }
}

// SAFETY of every access below: a `Node` only exists for a published offset, whose fixed fields were
// written before publication and never change; the two link fields are atomics.
impl<'a> Node<'a> {
    #[inline]
    pub fn sequence(&self) -> u64 {
        // SAFETY: see above.
        unsafe { self.at.cast::<u64>().read() }
    }

    #[inline]
    pub fn head(&self) -> u64 {
        // SAFETY: see above.
        unsafe { self.at.add(8).cast::<u64>().read() }
    }

    #[inline]
    pub fn older(&self) -> u32 {
        // SAFETY: see above.
        unsafe { self.at.add(20).cast::<u32>().read() }
    }

    #[inline]
    fn tag(&self) -> u32 {
        // SAFETY: see above.
        unsafe { self.at.add(32).cast::<u32>().read() }
    }

    #[inline]
    fn meta(&self) -> u32 {
        // SAFETY: see above.
        unsafe { self.at.add(24).cast::<u32>().read() }
    }

    #[inline]
    pub fn height(&self) -> usize {
        ((self.meta() >> 24) & 0x7f) as usize
    }

    #[inline]
    pub fn key(&self) -> &'a [u8] {
        let len = (self.meta() & KEY_MASK) as usize;
        // SAFETY: see above.
        unsafe { std::slice::from_raw_parts(self.at.add(LINKS + 4 * self.height()), len) }
    }

    /// `None` for a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        let meta = self.meta();
        if meta & TOMBSTONE != 0 {
            return None;
        }
        let start = LINKS + 4 * self.height() + (meta & KEY_MASK) as usize;
        // SAFETY: see above.
        unsafe {
            let len = self.at.add(28).cast::<u32>().read() as usize;
            Some(std::slice::from_raw_parts(self.at.add(start), len))
        }
    }

    /// Bytes of the node: the next one of the arena begins behind them.
    pub fn bytes(&self) -> usize {
        // SAFETY: see above.
        let value = unsafe { self.at.add(28).cast::<u32>().read() } as usize;
        (LINKS + 4 * self.height() + (self.meta() & KEY_MASK) as usize + value).next_multiple_of(8)
    }

    #[inline]
    pub fn link(&self, level: usize) -> &'a AtomicU32 {
        debug_assert!(level < self.height());
        // SAFETY: see above; `level` is below the height.
        unsafe { &*self.at.add(LINKS + 4 * level).cast::<AtomicU32>() }
    }

    #[inline]
    fn chain(&self) -> &'a AtomicU32 {
        // SAFETY: see above.
        unsafe { &*self.at.add(16).cast::<AtomicU32>() }
    }
}

#[inline]
fn tag_of(key_hash: u64) -> u32 {
    key_hash as u32
}

/// 1 with probability 3/4, 2 with 3/16, and so on.
fn height_of(seed: u64) -> usize {
    let bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
    (1 + (bits.trailing_zeros() / 2) as usize).min(HEIGHT_MAX)
}
