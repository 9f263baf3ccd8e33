//! The lazily linked skiplist over the arena's nodes.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::arena::{Arena, HEIGHT_MAX, Node};

/// Links of the list's head, and how far the arena is linked.
pub struct Order {
    links: [AtomicU32; HEIGHT_MAX],
    /// Nodes linked.
    linked: AtomicU64,
    /// Arena offset up to which every node is linked; 0 before the first time.
    linked_end: AtomicU32,
    linking: Mutex<()>,
}

impl Order {
    pub fn new() -> Self {
        Self {
            links: [const { AtomicU32::new(0) }; HEIGHT_MAX],
            linked: AtomicU64::new(0),
            linked_end: AtomicU32::new(0),
            linking: Mutex::new(()),
        }
    }

    /// Nodes linked so far.
    pub fn linked(&self) -> u64 {
        self.linked.load(Ordering::Relaxed)
    }

    /// Links every node published before the call.
    pub fn bring_up_to_date(&self, arena: &Arena) {
        let wanted = arena.end();
        if self.linked_end.load(Ordering::Acquire) >= wanted {
            return;
        }
        let _linking = self.linking.lock();
        let end = arena.end();
        let mut at = self.linked_end.load(Ordering::Relaxed).max(arena.first());
        let mut waiting: Vec<(u64, u32)> = Vec::new();
        while at < end {
            let node = arena.at(at);
            waiting.push((node.head(), at));
            at += node.bytes() as u32;
        }
        waiting.sort_unstable_by(|left, right| {
            left.0.cmp(&right.0).then_with(|| {
                let (a, b) = (arena.at(left.1), arena.at(right.1));
                // Later in the arena is newer: it comes first (module invariants 3 and 4).
                a.key().cmp(b.key()).then(right.1.cmp(&left.1))
            })
        });
        let mut finger = [0u32; HEIGHT_MAX];
        for &(_, offset) in &waiting {
            self.link(arena, offset, &mut finger);
        }
        self.linked.fetch_add(waiting.len() as u64, Ordering::Relaxed);
        self.linked_end.store(end, Ordering::Release);
    }

    /// The first node at or behind (`key`, `sequence`) in list order; 0 when there is none.
    pub fn seek(&self, arena: &Arena, key: &[u8], key_head: u64, sequence: u64) -> u32 {
        let mut from = 0;
        for level in (0..HEIGHT_MAX).rev() {
            loop {
                let next = self.next(arena, from, level);
                match arena.node(next) {
                    Some(node) if precedes(&node, next, (key, key_head, sequence, u32::MAX)) => from = next,
                    _ => break,
                }
            }
        }
        self.next(arena, from, 0)
    }

    /// The last node whose key is below `key` (or the last of all for `None`); 0 when there is none.
    pub fn seek_before(&self, arena: &Arena, key: Option<(&[u8], u64)>) -> u32 {
        let mut from = 0;
        for level in (0..HEIGHT_MAX).rev() {
            loop {
                let next = self.next(arena, from, level);
                let Some(node) = arena.node(next) else { break };
                if key.is_some_and(|(key, head)| !precedes(&node, next, (key, head, u64::MAX, u32::MAX))) {
                    break;
                }
                from = next;
            }
        }
        from
    }

    /// The node behind `offset` (the head for 0) on `level`.
    #[inline]
    pub fn next(&self, arena: &Arena, offset: u32, level: usize) -> u32 {
        match arena.node(offset) {
            Some(node) => node.link(level).load(Ordering::Acquire),
            None => self.links[level].load(Ordering::Acquire),
        }
    }

    /// Links one node; `finger` holds the predecessors of the node linked before, which sorts earlier.
    fn link(&self, arena: &Arena, offset: u32, finger: &mut [u32; HEIGHT_MAX]) {
        let node = arena.at(offset);
        let place = (node.key(), node.head(), node.sequence(), offset);
        let mut moved = None;
        for level in (0..HEIGHT_MAX).rev() {
            let mut from = moved.unwrap_or(finger[level]);
            loop {
                let next = self.next(arena, from, level);
                match arena.node(next) {
                    Some(candidate) if precedes(&candidate, next, place) => {
                        from = next;
                        moved = Some(next);
                    }
                    _ => break,
                }
            }
            finger[level] = from;
        }
        for (level, &previous) in finger.iter().enumerate().take(node.height()) {
            node.link(level).store(self.next(arena, previous, level), Ordering::Relaxed);
            match arena.node(previous) {
                Some(previous) => previous.link(level).store(offset, Ordering::Release),
                None => self.links[level].store(offset, Ordering::Release),
            }
        }
        for predecessor in finger.iter_mut().take(node.height()) {
            *predecessor = offset;
        }
    }
}

/// A place in list order: key, its head, sequence, arena offset (`u32::MAX` for "before every node of
/// that key and sequence").
type Place<'a> = (&'a [u8], u64, u64, u32);

/// True when `node`, which lies at `offset`, sorts before `place`.
#[inline]
fn precedes(node: &Node<'_>, offset: u32, place: Place<'_>) -> bool {
    let (key, key_head, sequence, position) = place;
    let order = node.head().cmp(&key_head).then_with(|| node.key().cmp(key));
    order.then_with(|| (sequence, position).cmp(&(node.sequence(), offset))).is_lt()
}
