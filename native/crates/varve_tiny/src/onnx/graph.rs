//! The graph around the operators: inputs, the scored output, the order of nodes, names.

use std::collections::{HashMap, HashSet};

use varve_types::Result;

use super::classes::classes_of;
use super::operators;
use super::proto::{GraphProto, NodeProto, OperatorSetIdProto, ValueInfoProto, data_type};
use super::tensor::Tensor;
use crate::failure::{damaged, too_large, unsupported};
use crate::limits::Limits;
use crate::model::Model;
use crate::program::Program;
use crate::schema::{Classes, Schema};
use crate::step::{Op, Span};

/// What a name of the graph stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Columns of every row.
    Columns(Span),
    Constant(Tensor),
}

/// The translation so far.
pub(crate) struct Translation<'a> {
    pub(crate) program: Program,
    pub(crate) values: HashMap<&'a str, Value>,
    /// How many nodes read a name; a bias may move into a layer that only one reads.
    pub(crate) readers: HashMap<&'a str, usize>,
    pub(crate) classes: Classes,
    /// Version of the default operator set.
    pub(crate) opset: i64,
    pub(crate) limits: &'a Limits,
}

impl Translation<'_> {
    /// The columns that input `at` of a node stands for; a constant becomes no columns.
    pub(crate) fn columns(&self, node: &NodeProto, at: usize) -> Result<Span> {
        match self.value(node, at)? {
            Value::Columns(span) => Ok(*span),
            Value::Constant(_) => Err(unsupported(format!("{} of a constant", node.op_type))),
        }
    }

    pub(crate) fn value(&self, node: &NodeProto, at: usize) -> Result<&Value> {
        let name = node.input.get(at).ok_or_else(|| damaged(format!("{} lacks an input", node.op_type)))?;
        self.values.get(name.as_str()).ok_or_else(|| damaged(format!("nothing computes the input {name:?}")))
    }

    /// The constant at input `at`; `None` when the input is left out.
    pub(crate) fn constant(&self, node: &NodeProto, at: usize) -> Result<Option<&Tensor>> {
        if node.input.get(at).is_none_or(String::is_empty) {
            return Ok(None);
        }
        match self.value(node, at)? {
            Value::Constant(tensor) => Ok(Some(tensor)),
            Value::Columns(_) => Err(unsupported(format!("{} whose parameters are computed", node.op_type))),
        }
    }

    pub(crate) fn push(&mut self, op: Op) -> Result<Value> {
        self.program.push(op, self.limits).map(Value::Columns)
    }
}

/// The model of a graph.
pub(crate) fn translate(graph: &GraphProto, opsets: &[OperatorSetIdProto], limits: &Limits) -> Result<Model> {
    let mut values = HashMap::new();
    for tensor in &graph.initializer {
        values.insert(tensor.name.as_str(), Value::Constant(Tensor::of(tensor, limits)?));
    }
    let features = features_of(graph, &mut values, limits)?;
    let (name, output) = scored_output(graph)?;
    let needed = needed_nodes(graph, output)?;
    let mut readers = HashMap::from([(output, 1)]);
    for name in needed.iter().flat_map(|at| &graph.node[*at].input) {
        *readers.entry(name.as_str()).or_insert(0) += 1;
    }
    let opset = opsets.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
    let mut translation = Translation {
        program: Program::new(features.len()),
        values,
        readers,
        classes: Classes::None,
        opset: opset.map_or(1, |set| set.version),
        limits,
    };
    translation.program.check(limits)?;
    for at in needed {
        operators::translate(&mut translation, &graph.node[at])?;
    }
    let Some(Value::Columns(span)) = translation.values.get(output) else {
        return Err(unsupported(format!("the output {output:?} does not depend on the features")));
    };
    let mut program = translation.program;
    program.output = *span;
    program.check(limits)?;
    let classes = classes_of(graph, translation.classes, span.width, limits)?;
    let outputs = numbered(name, span.width);
    Ok(Model { schema: Schema { features, outputs, classes }, program })
}

/// Names the inputs, and enters them as consecutive columns.
fn features_of<'a>(
    graph: &'a GraphProto,
    values: &mut HashMap<&'a str, Value>,
    limits: &Limits,
) -> Result<Vec<String>> {
    let mut features = Vec::new();
    for input in &graph.input {
        // Old exporters list constants among the inputs.
        if values.contains_key(input.name.as_str()) {
            continue;
        }
        let width = width_of(input)?;
        let start = 1 + features.len();
        if start + width > limits.slots_max || input.name.len() > limits.text_bytes_max {
            return Err(too_large(format!("{} features", features.len() + width)));
        }
        features.extend(numbered(&input.name, width));
        values.insert(&input.name, Value::Columns(Span { start, width }));
    }
    if features.is_empty() { Err(unsupported("a model without inputs")) } else { Ok(features) }
}

fn numbered(name: &str, width: usize) -> Vec<String> {
    if width == 1 { vec![name.to_owned()] } else { (0..width).map(|at| format!("{name}[{at}]")).collect() }
}

/// The columns of an input of shape [rows, columns].
fn width_of(input: &ValueInfoProto) -> Result<usize> {
    let name = &input.name;
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| unsupported(format!("input {name} is not a tensor")))?;
    if !matches!(tensor.elem_type, data_type::FLOAT | data_type::INT64 | data_type::INT32) {
        return Err(unsupported(format!("input {name} is of element type {}, not float", tensor.elem_type)));
    }
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let [_, columns] = dims else {
        return Err(unsupported(format!("input {name} does not have the shape [rows, columns]")));
    };
    usize::try_from(columns.dim_value)
        .ok()
        .filter(|columns| *columns > 0)
        .ok_or_else(|| unsupported(format!("input {name} does not say how many columns it has")))
}

/// The name of the first output that is a float tensor, or the scores that a `ZipMap` makes into maps.
fn scored_output(graph: &GraphProto) -> Result<(&str, &str)> {
    for output in &graph.output {
        let tensor = output.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        if tensor.is_some_and(|tensor| tensor.elem_type == data_type::FLOAT) {
            return Ok((&output.name, &output.name));
        }
        let makes = |node: &&NodeProto| node.op_type == "ZipMap" && node.output.contains(&output.name);
        if let Some(input) = graph.node.iter().find(makes).and_then(|node| node.input.first()) {
            return Ok((&output.name, input));
        }
    }
    Err(unsupported("a model without an output of type float"))
}

/// Indices of the nodes that `output` depends on, in an order in which they can run.
fn needed_nodes(graph: &GraphProto, output: &str) -> Result<Vec<usize>> {
    let mut makers = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if makers.insert(name.as_str(), at).is_some() {
                return Err(damaged(format!("two nodes compute {name:?}")));
            }
        }
    }
    let mut needed = HashSet::new();
    let mut open = vec![output];
    while let Some(name) = open.pop() {
        if let Some(&at) = makers.get(name)
            && needed.insert(at)
        {
            open.extend(graph.node[at].input.iter().map(String::as_str));
        }
    }
    // ONNX orders nodes topologically; one that is not reads a name that nothing has computed yet.
    let mut order: Vec<usize> = needed.into_iter().collect();
    order.sort_unstable();
    Ok(order)
}
