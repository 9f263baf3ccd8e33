//! What a segment says about where it comes from: the keys that it answers for, and what it was merged from.

use crate::codec::{Reader, Writer};

/// A half-open range of keys. A segment holds everything that its commits left within its span, which reaches beyond its
/// own keys where a merge found nothing live: the spans of a merge's outputs lie side by side, and together they are
/// those of its inputs. So, without a catalogue, the files alone tell which of them are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Inclusive.
    pub from: Vec<u8>,
    /// Exclusive.
    pub to: Vec<u8>,
}

impl Span {
    /// From a smallest to a largest key.
    pub fn of_keys((low, high): (&[u8], &[u8])) -> Self {
        Self { from: low.to_vec(), to: [high, &[0]].concat() }
    }

    /// The smallest span that holds both. Copies a bound only where `other` reaches further.
    pub fn and(mut self, other: &Self) -> Self {
        if other.from < self.from {
            self.from.clone_from(&other.from);
        }
        if other.to > self.to {
            self.to.clone_from(&other.to);
        }
        self
    }

    /// Whether they have keys in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// The part before `key` and the rest; all and nothing for `None`.
    pub fn split_at(&self, key: Option<Vec<u8>>) -> (Self, Self) {
        let middle = key.unwrap_or_else(|| self.to.clone());
        (Self { from: self.from.clone(), to: middle.clone() }, Self { from: middle, to: self.to.clone() })
    }
}

/// Where a segment comes from. Repair needs it when there is no catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The keys that it answers for.
    pub span: Span,
    /// File numbers of the segments that it was merged from, with all outputs of the same merge; none after a flush.
    pub inputs: Vec<u64>,
}

impl Origin {
    /// Appends it to the end keys of a segment.
    pub fn write(&self, out: &mut Writer) {
        out.bytes(&self.span.from).bytes(&self.span.to).u32(self.inputs.len() as u32);
        self.inputs.iter().for_each(|&input| {
            out.u64(input);
        });
    }

    /// Reads what `write` wrote behind the end keys. Segments of older builds say nothing: they answer for their own
    /// keys, because every output of a merge was whole then.
    pub fn read(reader: &mut Reader<'_>, keys: (&[u8], &[u8])) -> Option<Self> {
        if reader.rest.is_empty() {
            return Some(Self { span: Span::of_keys(keys), inputs: Vec::new() });
        }
        let span = Span { from: reader.bytes()?.to_vec(), to: reader.bytes()?.to_vec() };
        let inputs = (0..reader.u32()?).map(|_| reader.u64()).collect::<Option<_>>()?;
        Some(Self { span, inputs })
    }
}
