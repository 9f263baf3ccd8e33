//! From an ONNX message to a program: decode, find what the scored output needs, translate node by node.
//!
//! Only what the output depends on is translated, so a branch that computes labels costs nothing and may use
//! operators that are unknown here. External data is refused: a model is one message.

mod attributes;
mod classes;
mod ensemble;
mod graph;
mod operators;
mod proto;
mod tensor;
mod trees;
mod wire;

use prost::Message;
use varve_types::Result;

use crate::failure::{damaged, too_large};
use crate::limits::Limits;
use crate::model::Model;
use proto::ModelProto;

/// See [`Model::from_onnx`].
pub(crate) fn import(bytes: &[u8], limits: &Limits) -> Result<Model> {
    if bytes.len() > limits.file_bytes_max {
        return Err(too_large(format!("an ONNX model of {} bytes", bytes.len())));
    }
    wire::check(bytes, limits)?;
    let model =
        ModelProto::decode(bytes).map_err(|cause| damaged("the bytes are no ONNX model").caused_by(cause))?;
    let graph = model.graph.filter(|graph| !graph.node.is_empty() && model.ir_version > 0);
    let graph = graph.ok_or_else(|| damaged("the bytes are no ONNX model: there is no graph in them"))?;
    graph::translate(&graph, &model.opset_import, limits)
}
