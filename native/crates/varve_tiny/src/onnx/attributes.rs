//! Attributes of an ONNX node by name.

use varve_types::Result;

use super::proto::{AttributeProto, NodeProto};
use super::tensor::{Tensor, utf8};
use crate::failure::{damaged, unsupported};
use crate::limits::Limits;

/// A node, read by the names of its attributes.
pub(crate) struct Attributes<'a> {
    node: &'a NodeProto,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(node: &'a NodeProto) -> Self {
        Self { node }
    }

    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.find(name).map_or(default, |attribute| attribute.f)
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| attribute.i)
    }

    pub(crate) fn text(&self, name: &str, default: &str) -> Result<String> {
        self.find(name).map_or_else(|| Ok(default.to_owned()), |attribute| utf8(&attribute.s))
    }

    pub(crate) fn floats(&self, name: &str) -> &'a [f32] {
        self.find(name).map_or(&[], |attribute| &attribute.floats)
    }

    pub(crate) fn ints(&self, name: &str) -> &'a [i64] {
        self.find(name).map_or(&[], |attribute| &attribute.ints)
    }

    pub(crate) fn texts(&self, name: &str) -> &'a [Vec<u8>] {
        self.find(name).map_or(&[], |attribute| &attribute.strings)
    }

    pub(crate) fn tensor(&self, name: &str, limits: &Limits) -> Result<Option<Tensor>> {
        let tensor = self.find(name).and_then(|attribute| attribute.t.as_ref());
        tensor.map(|tensor| Tensor::of(tensor, limits)).transpose()
    }

    /// A list of indices; none may be negative.
    pub(crate) fn indices(&self, name: &str) -> Result<Vec<usize>> {
        let indices = self.ints(name).iter().map(|index| usize::try_from(*index));
        indices.collect::<Result<_, _>>().map_err(|_| damaged(format!("{name} holds a negative index")))
    }

    /// Double tensors come under names of their own; this runtime computes in f32.
    pub(crate) fn refuse(&self, names: &[&str]) -> Result<()> {
        match names.iter().find(|name| self.find(name).is_some()) {
            Some(name) => Err(unsupported(format!("{} with {name}", self.node.op_type))),
            None => Ok(()),
        }
    }
}
