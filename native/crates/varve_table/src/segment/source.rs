//! Reading a mapped segment: each part is verified against its checksum when it is first asked for.
//!
//! Vortex itself has no checksums. A part is what the footer lists: the chunk of a column, a dictionary, a zone map.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use vortex::array::buffer::BufferHandle;
use vortex::buffer::ByteBuffer;
use vortex::error::{VortexResult, vortex_err};
use vortex::file::SegmentSpec;
use vortex::layout::segments::{SegmentFuture, SegmentId, SegmentSource};

/// What a part that fails its checksum is called in the error; looked for in texts of Vortex, to tell damage
/// from other failures.
pub const DAMAGE: &str = "fails its checksum";

/// A mapped segment as Vortex reads it. A part is looked at when its future is polled: Vortex asks for the parts of all
/// chunks first, and lets go of those that zone maps rule out.
pub(super) struct VerifiedSource(Arc<Parts>);

struct Parts {
    map: Bytes,
    name: String,
    parts: Arc<[SegmentSpec]>,
    sums: Box<[u32]>,
    /// One bit per part that was verified.
    verified: Box<[AtomicU64]>,
    /// Bytes that were asked for, each as often as it was.
    requested: Arc<AtomicU64>,
}

impl VerifiedSource {
    /// `sums` has the crc32c of each of `parts`; what is asked for is counted in `requested`.
    pub(super) fn new(
        (map, name): (Bytes, String),
        parts: Arc<[SegmentSpec]>,
        sums: &[u32],
        requested: &Arc<AtomicU64>,
    ) -> Self {
        let verified = (0..parts.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let requested = Arc::clone(requested);
        Self(Arc::new(Parts { map, name, parts, sums: sums.into(), verified, requested }))
    }
}

impl Parts {
    fn read(&self, id: SegmentId) -> VortexResult<BufferHandle> {
        let at = *id as usize;
        let spec = self.parts.get(at).ok_or_else(|| vortex_err!("segment {} has no part {at}", self.name))?;
        let range = spec.byte_range();
        let bytes = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok())
            .filter(|(start, end)| start <= end && *end <= self.map.len())
            .map(|(start, end)| self.map.slice(start..end))
            .ok_or_else(|| vortex_err!("part {at} of segment {} lies outside", self.name))?;
        self.requested.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let (word, bit) = (&self.verified[at / 64], 1u64 << (at % 64));
        if word.load(Ordering::Relaxed) & bit == 0 {
            if self.sums.get(at) != Some(&crc32c::crc32c(&bytes)) {
                return Err(vortex_err!("part {at} of segment {} {DAMAGE}", self.name));
            }
            word.fetch_or(bit, Ordering::Relaxed);
        }
        // The map is aligned to pages and Vortex aligns parts within the file; a copied map may be less aligned.
        Ok(BufferHandle::new_host(ByteBuffer::from(bytes).aligned(spec.alignment)))
    }
}

impl SegmentSource for VerifiedSource {
    fn request(&self, id: SegmentId) -> SegmentFuture {
        let parts = Arc::clone(&self.0);
        async move { parts.read(id) }.boxed()
    }
}
