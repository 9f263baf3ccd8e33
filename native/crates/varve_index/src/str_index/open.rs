//! Reading the image of a byte-string index in place, and checking every length in it.
//!
//! Sections: length of the common prefix (one word); the prefix; node records, eight words each (start and end,
//! depth, head offset, entries and a flag in bit 32, kind, segments, stride, zero); offsets of the separators;
//! their text; for each node its heads, its targets if the flag is set, and its numeric index.

use varve_types::{Isa, Result};

use super::build::NODE_WORDS;
use super::{KIND_STRINGS, Node, Separators, StrIndex};
use crate::image::{Header, Sections, damaged};
use crate::index::{View, kind_of_code};

impl<'a> StrIndex<'a> {
    pub(super) fn from_sections(
        header: Header,
        mut sections: Sections<'a>,
        image_bytes: usize,
    ) -> Result<Self> {
        if header.kind != KIND_STRINGS || header.key_count >= 1 << 31 {
            return Err(damaged("the image is not one of byte strings"));
        }
        // The first separator is not stored.
        let count = (header.key_count as usize).saturating_sub(1);
        let prefix_bytes = size(sections.words(1)?[0])?;
        let prefix = sections.bytes(prefix_bytes)?;
        let node_count = size(header.stride)?;
        if (node_count == 0) != (count == 0) {
            return Err(damaged("separators without a node"));
        }
        let record_words = node_count.checked_mul(NODE_WORDS).ok_or_else(|| damaged("too many nodes"))?;
        let records = sections.words(record_words)?;
        let offsets = sections.words((count + 1).div_ceil(2))?;
        let text = sections.bytes(size(header.first_key)?)?;
        let separators = Separators { offsets, text };
        if (0..count).any(|at| separators.offset(at) > separators.offset(at + 1))
            || separators.offset(count) != text.len()
        {
            return Err(damaged("the separators do not fill their text"));
        }
        let nodes = records
            .chunks_exact(NODE_WORDS)
            .map(|record| open_node(record, count, &separators, &mut sections))
            .collect::<Result<Vec<_>>>()?;
        sections.finish()?;
        Ok(Self { nodes, separators, prefix, header, image_bytes, isa: Isa::detect() })
    }
}

fn size(word: u64) -> Result<usize> {
    usize::try_from(word).map_err(|_| damaged("a length is too large"))
}

fn open_node<'a>(
    record: &[u64],
    separator_count: usize,
    separators: &Separators<'a>,
    sections: &mut Sections<'a>,
) -> Result<Node<'a>> {
    let (start, end) = (record[0] as u32, (record[0] >> 32) as u32);
    let (entries, has_targets) = (record[3] as u32 as usize, record[3] >> 32 != 0);
    let (depth, head_at) = (record[1] as usize, record[2] as usize);
    // Without targets entry `e` is separator `start + e`.
    let named = has_targets || entries == end.wrapping_sub(start) as usize;
    if start > end || end as usize > separator_count || depth > head_at || !named || entries == 0 {
        return Err(damaged("a node is out of range"));
    }
    let shared =
        separators.get(start as usize).get(depth..head_at).ok_or_else(|| damaged("a node is too deep"))?;
    let heads = sections.words(entries)?;
    let targets = if has_targets { sections.words(entries.div_ceil(2))? } else { &[] };
    let numbers = Header {
        first_key: heads[0],
        last_key: heads[entries - 1],
        segment_count: record[5],
        stride: record[6],
        ..Header::default()
    };
    let kind = u32::try_from(record[4]).map_err(|_| damaged("unknown kind of index in a node"))?;
    let index = View::open_in(kind_of_code(kind, 0)?, &numbers, sections, heads)?;
    Ok(Node { start, end, depth, shared, heads, targets, index })
}
