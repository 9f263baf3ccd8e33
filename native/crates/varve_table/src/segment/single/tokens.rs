//! Strings that are kept as tokens of a dictionary (OnPair; Gargiulo and Venturini, 2025).

use vortex::array::builders::VarBinViewBuilder;
use vortex::array::{ArrayRef, ExecutionCtx};
use vortex::error::{VortexResult, vortex_bail};
use vortex_onpair::{DictionaryView, OnPair, OnPairArraySlotsExt, dict_view};

use super::integers::Integers;

/// The strings of an array.
pub(in crate::segment) struct Tokens {
    array: ArrayRef,
    codes: Integers,
    /// Where the codes of each string begin, and where those of the last end.
    bounds: Integers,
}

impl Tokens {
    /// Of an array without NULL; `None` when it is encoded otherwise.
    pub(super) fn of(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Option<Self>> {
        let Some(strings) = array.as_opt::<OnPair>() else { return Ok(None) };
        let (codes, bounds) = (Integers::of(strings.codes()), Integers::of(strings.codes_offsets()));
        let (Some(codes), Some(bounds)) = (codes, bounds) else { return Ok(None) };
        if bounds.len() != array.len() + 1 {
            return Ok(None);
        }
        // Made now, for all that look values up.
        dict_view(strings, context)?;
        Ok(Some(Self { array: array.clone(), codes, bounds }))
    }

    /// Appends the strings at `places`.
    pub(super) fn append(
        &self,
        places: impl Iterator<Item = usize>,
        builder: &mut VarBinViewBuilder,
        context: &mut ExecutionCtx,
    ) -> VortexResult<()> {
        let Some(strings) = self.array.as_opt::<OnPair>() else {
            vortex_bail!("strings are of another encoding than they were")
        };
        let tokens = dict_view(strings, context)?;
        let mut text = Vec::new();
        // All bounds first: as codes of a dictionary, none waits for another.
        let bounds: Vec<(u64, u64)> =
            places.map(|place| self.bounds_of(place)).collect::<VortexResult<_>>()?;
        for (from, to) in bounds {
            text.clear();
            for at in from..to {
                let code = self.codes.bits(at as usize);
                if code >= tokens.num_tokens() as u64 {
                    vortex_bail!("a dictionary of {} tokens has none at {code}", tokens.num_tokens());
                }
                text.extend_from_slice(tokens.token(code as u16));
            }
            builder.append_value(&text);
        }
        Ok(())
    }

    /// Where the codes of the string at a place are.
    fn bounds_of(&self, place: usize) -> VortexResult<(u64, u64)> {
        let strings = self.array.len();
        if place >= strings {
            vortex_bail!("a dictionary of {strings} values has none at {place}");
        }
        let (from, to) = (self.bounds.bits(place), self.bounds.bits(place + 1));
        if from > to || to > self.codes.len() as u64 {
            vortex_bail!("the tokens from {from} to {to} are not among {}", self.codes.len());
        }
        Ok((from, to))
    }
}
