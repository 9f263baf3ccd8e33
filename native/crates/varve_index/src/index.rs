//! An index opened over its image and the keys it was built on.

use std::hint::unreachable_unchecked;

use varve_types::{ErrorCode, Isa, Result, VarveError};

use crate::affine::Affine;
use crate::image::{Header, Sections, damaged};
use crate::kind::{GROUP, Kind, Lookup, Trace};
#[cfg(target_arch = "x86_64")]
use crate::lanes::Avx2OneSided;
use crate::lanes::{Lanes, Scalar, for_lanes, with_lanes};
use crate::line_probe::{LineProbe, Router};
use crate::report::Report;
use crate::sparse_fences::SparseFences;
use crate::splus_tree::SplusTree;

/// Runs `$call` with the kind inside `$view`. Each kind is compiled apart, so that a fast one does not save registers
/// for a slow one.
macro_rules! each_kind {
    ($view:expr, $kind:ident => $call:expr) => {
        match $view {
            View::Affine($kind) => $call,
            View::LineProbe($kind) => $call,
            View::SplusTree($kind) => $call,
            View::SparseFences($kind) => $call,
        }
    };
}

/// A single lookup, compiled for one kind and one instruction set, see [`View::find`].
pub(crate) type Find = unsafe fn(&View<'_>, u64) -> usize;

/// # Safety
/// `isa` is available; `keys` and `out` are equally long.
#[inline(always)]
unsafe fn lower_bound_batch<K: Lookup>(isa: Isa, kind: &K, keys: &[u64], out: &mut [usize]) {
    #[inline(always)]
    unsafe fn locate<L: Lanes, K: Lookup>(kind: &K, keys: &[u64], out: &mut [usize]) {
        for (keys, out) in keys.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
            // SAFETY: as the caller vouches.
            unsafe { kind.locate_group::<L>(keys, out) };
        }
    }
    // SAFETY: as the caller vouches.
    unsafe { with_lanes!(isa, locate<K>(kind: &K, keys: &[u64], out: &mut [usize])) }
}

/// A learned index, read in place: borrows the image and the keys, owns nothing, may be shared by threads.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    view: View<'a>,
    header: Header,
    image_bytes: usize,
    isa: Isa,
    /// That of `view` on `isa`: what can be decided once is not decided again by every lookup.
    find: Find,
}

impl<'a> Index<'a> {
    /// Opens `image` over the `keys` it was built on, ascending.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when the checksum or a length is wrong, the image is not 8-byte aligned in memory (64 is
    /// faster), or it was built on other keys as far as their number, first and last tell. `STORE_NEWER_FORMAT`.
    ///
    /// Cost: one checksum over the image, and one comparison of the way to the segments with them; no allocation.
    pub fn open(image: &'a [u8], keys: &'a [u64]) -> Result<Self> {
        let header = Header::read(image)?;
        let ends = (*keys.first().unwrap_or(&0), *keys.last().unwrap_or(&0));
        if header.key_count != keys.len() as u64 || ends != (header.first_key, header.last_key) {
            return Err(damaged("the index image belongs to other keys"));
        }
        let view = View::open(kind_of_code(header.kind, header.epsilon)?, &header, image, keys)?;
        let isa = Isa::detect();
        Ok(Self { view, header, image_bytes: image.len(), isa, find: view.find(isa) })
    }

    /// The same index on another instruction set, for tests and comparisons.
    ///
    /// # Errors
    /// `ARGUMENT_INVALID` when this CPU does not have it.
    pub fn with_isa(self, isa: Isa) -> Result<Self> {
        if isa.is_available() {
            return Ok(Self { isa, find: self.view.find(isa), ..self });
        }
        let message = format!("this CPU has no {isa:?}");
        Err(VarveError::new(ErrorCode::ArgumentInvalid, message, "choose one of Isa::available()"))
    }

    /// The number of keys below `key`: the position of its first occurrence, or where it would be inserted.
    ///
    /// Cost: by kind; no allocation.
    #[inline]
    pub fn lower_bound(&self, key: u64) -> usize {
        // SAFETY: `find` is that of `view`, and its instruction set is available, by `detect` or `with_isa`.
        unsafe { (self.find)(&self.view, key) }
    }

    /// [`Self::lower_bound`], with the number of lines of keys visited beyond the first one, to be compared with
    /// [`Report::walked_mean`]. For one lookup in a thousand.
    pub fn lower_bound_traced(&self, key: u64) -> (usize, u32) {
        #[inline(always)]
        unsafe fn locate<L: Lanes>(view: &View<'_>, key: u64) -> (usize, u32) {
            let mut walked = 0;
            // SAFETY: as the caller vouches.
            let found = unsafe { view.locate::<L, u32>(key, &mut walked) };
            (found, walked)
        }
        let view = &self.view;
        // SAFETY: `isa` is available, by `detect` or `with_isa`.
        unsafe { with_lanes!(self.isa, locate(view: &View<'_>, key: u64) -> (usize, u32)) }
    }

    /// [`Self::lower_bound`] of each of `keys`, into `out`. Cache misses of 32 lookups at a time overlap, which is
    /// 3 to 10 times faster than single calls on keys outside the cache.
    ///
    /// # Panics
    /// When `keys` and `out` are not equally long.
    pub fn lower_bound_batch(&self, keys: &[u64], out: &mut [usize]) {
        assert_eq!(keys.len(), out.len(), "one answer per key");
        // SAFETY: `isa` is available, by `detect` or `with_isa`.
        unsafe { each_kind!(&self.view, kind => lower_bound_batch(self.isa, kind, keys, out)) }
    }

    /// What the build found out about this index.
    pub fn report(&self) -> Report {
        report_of(&self.header, self.view.kind(self.header.epsilon), self.image_bytes)
    }
}

pub(crate) fn report_of(header: &Header, kind: Kind, bytes: usize) -> Report {
    Report {
        kind,
        key_count: header.key_count as usize,
        bytes,
        segment_count: header.segment_count as usize,
        walked_mean: header.walked_mean,
        walked_max: header.walked_max,
        predicted_ns: header.predicted_ns,
        candidates: Vec::new(),
        fallback: None,
    }
}

/// The number of a kind in the header.
pub(crate) fn kind_code(kind: Kind) -> u32 {
    match kind {
        Kind::Affine => 0,
        Kind::LineProbe { .. } => 1,
        Kind::SplusTree => 2,
        Kind::SparseFences => 3,
    }
}

pub(crate) fn kind_of_code(code: u32, epsilon: u32) -> Result<Kind> {
    match code {
        0 => Ok(Kind::Affine),
        1 => Ok(Kind::LineProbe { epsilon }),
        2 => Ok(Kind::SplusTree),
        3 => Ok(Kind::SparseFences),
        other => Err(damaged(format!("unknown kind {other} of index"))),
    }
}

/// [`View::find`] of a line probe with a table.
///
/// # Safety
/// `view` is one, and the CPU has the instruction set of `L`.
#[inline(always)]
unsafe fn by_table<L: Lanes>(view: &View<'_>, key: u64) -> usize {
    // SAFETY: as the caller vouches.
    unsafe {
        let View::LineProbe(probe) = view else { unreachable_unchecked() };
        let Router::Table(table) = &probe.router else { unreachable_unchecked() };
        probe.locate_by_table::<L, ()>(table, key, &mut ())
    }
}

/// The same where the line probe is one-sided.
///
/// # Safety
/// As there.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
unsafe fn by_table_one_sided(view: &View<'_>, key: u64) -> usize {
    // SAFETY: as the caller vouches; a one-sided line probe has a table.
    unsafe { by_table::<Avx2OneSided>(view, key) }
}

/// The four kinds. Batches branch on them; a single lookup has its own function, see [`View::find`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    Affine(Affine),
    LineProbe(LineProbe<'a>),
    SplusTree(SplusTree<'a>),
    SparseFences(SparseFences<'a>),
}

impl<'a> View<'a> {
    /// The lookup of this view on `isa`. To call it is sound with this view alone, and where `isa` is available.
    pub(crate) fn find(&self, isa: Isa) -> Find {
        macro_rules! find {
            ($variant:ident) => {{
                #[inline(always)]
                unsafe fn locate<L: Lanes>(view: &View<'_>, key: u64) -> usize {
                    // SAFETY: the caller vouches for the view and for the CPU.
                    unsafe {
                        let View::$variant(kind) = view else { unreachable_unchecked() };
                        kind.locate::<L, ()>(key, &mut ())
                    }
                }
                for_lanes!(isa, locate(view: &View<'_>, key: u64) -> usize)
            }};
        }
        match self {
            Self::Affine(_) => find!(Affine),
            #[cfg(target_arch = "x86_64")]
            Self::LineProbe(LineProbe { is_one_sided: true, .. }) if isa == Isa::Avx2 => by_table_one_sided,
            Self::LineProbe(LineProbe { router: Router::Table(_), .. }) => {
                for_lanes!(isa, by_table(view: &View<'_>, key: u64) -> usize)
            }
            Self::LineProbe(_) => find!(LineProbe),
            Self::SplusTree(_) => find!(SplusTree),
            Self::SparseFences(_) => find!(SparseFences),
        }
    }

    /// The position that a model expects `key` at; `None` when this kind has no model.
    pub(crate) fn predict(&self, key: u64) -> Option<usize> {
        match self {
            // SAFETY: the scalar path needs nothing of the CPU.
            Self::Affine(affine) => Some(unsafe { affine.locate::<Scalar, ()>(key, &mut ()) }),
            Self::LineProbe(probe) => Some(probe.expected(key)),
            Self::SplusTree(_) | Self::SparseFences(_) => None,
        }
    }

    /// Opens the sections of `image`, all of them.
    pub(crate) fn open(kind: Kind, header: &Header, image: &'a [u8], keys: &'a [u64]) -> Result<Self> {
        let mut sections = Sections::of(image);
        let view = Self::open_in(kind, header, &mut sections, keys)?;
        sections.finish()?;
        Ok(view)
    }

    /// Takes what `kind` needs from `sections`. Of the header only `stride`, `segment_count`, first and last key are
    /// read, and only where the kind has them.
    pub(crate) fn open_in(
        kind: Kind,
        header: &Header,
        sections: &mut Sections<'a>,
        keys: &'a [u64],
    ) -> Result<Self> {
        if kind != Kind::Affine && (keys.is_empty() || keys.len() > u32::MAX as usize) {
            return Err(damaged("this kind of index cannot have this number of keys"));
        }
        Ok(match kind {
            Kind::Affine => Self::Affine(Affine::open(header, keys.len())?),
            Kind::LineProbe { .. } => {
                let segment_count = usize::try_from(header.segment_count).unwrap_or(usize::MAX);
                Self::LineProbe(LineProbe::open(sections, keys, segment_count)?)
            }
            Kind::SplusTree => Self::SplusTree(SplusTree::open(sections, keys)?),
            Kind::SparseFences => Self::SparseFences(SparseFences::open(sections, keys)?),
        })
    }

    pub(crate) fn kind(&self, epsilon: u32) -> Kind {
        match self {
            Self::Affine(_) => Kind::Affine,
            Self::LineProbe(_) => Kind::LineProbe { epsilon },
            Self::SplusTree(_) => Kind::SplusTree,
            Self::SparseFences(_) => Kind::SparseFences,
        }
    }
}

impl Lookup for View<'_> {
    #[inline(always)]
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, trace: &mut T) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { each_kind!(self, kind => kind.locate::<L, T>(key, trace)) }
    }

    #[inline(always)]
    unsafe fn locate_group<L: Lanes>(&self, keys: &[u64], out: &mut [usize]) {
        // SAFETY: as the caller vouches.
        unsafe { each_kind!(self, kind => kind.locate_group::<L>(keys, out)) }
    }
}
