//! One ONNX node after another as steps. Whatever is not here is refused by name.

use varve_types::Result;

use super::attributes::Attributes;
use super::classes::labels;
use super::ensemble::{self, Post};
use super::graph::{Translation, Value};
use super::proto::{NodeProto, data_type};
use super::tensor::{Tensor, exact};
use crate::dense::Dense;
use crate::failure::{damaged, unsupported};
use crate::step::{Norm, Op, Operand, Pair, Second, Softmax, Span, Unary};

/// Translates one node and enters its outputs.
pub(crate) fn translate<'a>(translation: &mut Translation<'a>, node: &'a NodeProto) -> Result<()> {
    let value = match node.domain.as_str() {
        "" | "ai.onnx" => default_domain(translation, node)?,
        "ai.onnx.ml" => ml_domain(translation, node)?,
        other => return Err(unsupported(format!("operator {} of {other}", node.op_type))),
    };
    // Classifiers put labels first; only their scores are entered.
    let scores = usize::from(matches!(node.op_type.as_str(), "TreeEnsembleClassifier" | "LinearClassifier"));
    let name = node.output.get(scores).ok_or_else(|| damaged(format!("{} has no output", node.op_type)))?;
    translation.values.insert(name, value);
    Ok(())
}

fn default_domain(t: &mut Translation<'_>, node: &NodeProto) -> Result<Value> {
    let attributes = Attributes::of(node);
    match node.op_type.as_str() {
        "Add" => pair(t, node, Pair::Add),
        "Sub" => pair(t, node, Pair::Sub),
        "Mul" => pair(t, node, Pair::Mul),
        "Div" => pair(t, node, Pair::Div),
        "Min" if node.input.len() == 2 => pair(t, node, Pair::Min),
        "Max" if node.input.len() == 2 => pair(t, node, Pair::Max),
        "MatMul" => mat_mul(t, node),
        "Gemm" => gemm(t, node, &attributes),
        "Identity" | "Dropout" => Ok(t.value(node, 0)?.clone()),
        "Constant" => {
            let tensor = attributes.tensor("value", t.limits)?;
            tensor.map(Value::Constant).ok_or_else(|| unsupported("Constant that is not a tensor"))
        }
        "Cast" => cast(t, node, attributes.int("to", 0)),
        "Clip" => clip(t, node, &attributes),
        "Concat" => concat(t, node),
        "Gather" if attributes.int("axis", 0) == 1 => gather(t, node),
        "Reshape" => reshape(t, node),
        "Flatten" if attributes.int("axis", 1) == 1 => Ok(t.value(node, 0)?.clone()),
        "Softmax" => softmax(t, node, &attributes, Softmax::Plain),
        "LogSoftmax" => softmax(t, node, &attributes, Softmax::Log),
        name => {
            let op = unary_named(name, &attributes).ok_or_else(|| unsupported(format!("operator {name}")))?;
            let from = t.columns(node, 0)?;
            t.push(Op::Unary { from, op })
        }
    }
}

/// Defaults of parameters are those of the ONNX operator schemas.
fn unary_named(name: &str, attributes: &Attributes<'_>) -> Option<Unary> {
    Some(match name {
        "Relu" => Unary::Relu,
        "LeakyRelu" => Unary::LeakyRelu { alpha: attributes.float("alpha", 0.01) },
        "Sigmoid" => Unary::Sigmoid,
        "HardSigmoid" => {
            Unary::HardSigmoid { alpha: attributes.float("alpha", 0.2), beta: attributes.float("beta", 0.5) }
        }
        "Tanh" => Unary::Tanh,
        "Elu" => Unary::Elu { alpha: attributes.float("alpha", 1.0) },
        "Selu" => Unary::Selu {
            alpha: attributes.float("alpha", 1.673_263_2),
            gamma: attributes.float("gamma", 1.050_701),
        },
        "Softplus" => Unary::Softplus,
        "Softsign" => Unary::Softsign,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Sqrt" => Unary::Sqrt,
        "Abs" => Unary::Abs,
        "Neg" => Unary::Neg,
        _ => return None,
    })
}

fn ml_domain(t: &mut Translation<'_>, node: &NodeProto) -> Result<Value> {
    let attributes = Attributes::of(node);
    match node.op_type.as_str() {
        "TreeEnsembleRegressor" => ensemble::regressor(t, node, false),
        "TreeEnsemble" => ensemble::regressor(t, node, true),
        "TreeEnsembleClassifier" => ensemble::classifier(t, node),
        "LinearRegressor" => {
            let targets = usize::try_from(attributes.int("targets", 1)).unwrap_or(0);
            let scores = linear(t, node, &attributes, targets)?;
            match Post::of(&attributes)? {
                Post::None => Ok(Value::Columns(scores)),
                _ => Err(unsupported("LinearRegressor with a post transform")),
            }
        }
        "LinearClassifier" => linear_classifier(t, node, &attributes),
        "Scaler" => {
            let from = t.columns(node, 0)?;
            let or =
                |values: &[f32], default| if values.is_empty() { vec![default] } else { values.to_vec() };
            let (offset, scale) = (or(attributes.floats("offset"), 0.0), or(attributes.floats("scale"), 1.0));
            t.push(Op::Scale { from, offset, scale })
        }
        "Imputer" => {
            let from = t.columns(node, 0)?;
            let values = attributes.floats("imputed_value_floats").to_vec();
            if values.is_empty() {
                return Err(unsupported("Imputer of integers"));
            }
            t.push(Op::Impute { from, replaced: attributes.float("replaced_value_float", 0.0), values })
        }
        "Normalizer" => {
            let from = t.columns(node, 0)?;
            let norm = match attributes.text("norm", "MAX")?.as_str() {
                "L1" => Norm::L1,
                "L2" => Norm::L2,
                "MAX" => Norm::Max,
                other => return Err(unsupported(format!("norm {other}"))),
            };
            t.push(Op::Normalize { from, norm })
        }
        "Binarizer" => {
            let from = t.columns(node, 0)?;
            let threshold = attributes.float("threshold", 0.0);
            t.push(Op::Unary { from, op: Unary::Binarize { threshold } })
        }
        "OneHotEncoder" => one_hot(t, node, &attributes),
        "LabelEncoder" => label_encoder(t, node, &attributes),
        "ArrayFeatureExtractor" => gather(t, node),
        "FeatureVectorizer" => concat(t, node),
        name => Err(unsupported(format!("operator {name}"))),
    }
}

fn operand(t: &Translation<'_>, node: &NodeProto, at: usize) -> Result<Operand> {
    match t.value(node, at)? {
        Value::Columns(span) => Ok(Operand::Columns(*span)),
        Value::Constant(tensor) => row_of(tensor).map(Operand::Constants),
    }
}

/// A constant that is the same for every row: of shape [], [n] or [1, n].
fn row_of(tensor: &Tensor) -> Result<Vec<f32>> {
    let lead = tensor.dims.split_last().map_or(&[][..], |(_, lead)| lead);
    if lead.len() <= 1 && lead.iter().all(|dim| *dim == 1) {
        tensor.floats()
    } else {
        Err(unsupported(format!("arithmetic with a constant of shape {:?}", tensor.dims)))
    }
}

fn pair(t: &mut Translation<'_>, node: &NodeProto, op: Pair) -> Result<Value> {
    if op == Pair::Add
        && let Some(value) = bias(t, node)?
    {
        return Ok(value);
    }
    let (a, b) = (operand(t, node, 0)?, operand(t, node, 1)?);
    if matches!((&a, &b), (Operand::Constants(_), Operand::Constants(_))) {
        return Err(unsupported(format!("{} of two constants", node.op_type)));
    }
    t.push(Op::Pair { op, a, b })
}

/// `Add` of a constant to a layer that has no bias yet and that nothing else reads becomes its bias.
fn bias(t: &mut Translation<'_>, node: &NodeProto) -> Result<Option<Value>> {
    for (layer_at, constant_at) in [(0, 1), (1, 0)] {
        let (Value::Columns(span), Value::Constant(tensor)) =
            (t.value(node, layer_at)?, t.value(node, constant_at)?)
        else {
            continue;
        };
        let (span, bias) = (*span, row_of(tensor)?);
        let read_once = t.readers.get(node.input[layer_at].as_str()) == Some(&1);
        if let Some(last) = t.program.steps.last_mut()
            && let Op::Dense { layer, .. } = &mut last.op
            && read_once
            && last.to == span
            && layer.bias.iter().all(|value| *value == 0.0)
            && bias.len() == layer.outputs
        {
            layer.bias = bias;
            return Ok(Some(Value::Columns(span)));
        }
    }
    Ok(None)
}

fn mat_mul(t: &mut Translation<'_>, node: &NodeProto) -> Result<Value> {
    let from = t.columns(node, 0)?;
    let weights = t.constant(node, 1)?.ok_or_else(|| damaged("MatMul lacks its weights"))?;
    let (inputs, outputs) = matrix(weights)?;
    let layer = Dense::new(inputs, outputs, &weights.floats()?, vec![0.0; outputs]);
    push_dense(t, from, layer)
}

fn matrix(tensor: &Tensor) -> Result<(usize, usize)> {
    match tensor.dims[..] {
        [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
        _ => Err(unsupported(format!("a product with weights of shape {:?}", tensor.dims))),
    }
}

fn push_dense(t: &mut Translation<'_>, from: Span, layer: Dense) -> Result<Value> {
    if layer.inputs != from.width {
        return Err(damaged(format!("a layer of {} inputs reads {} columns", layer.inputs, from.width)));
    }
    t.push(Op::Dense { from, layer })
}

fn gemm(t: &mut Translation<'_>, node: &NodeProto, attributes: &Attributes<'_>) -> Result<Value> {
    let from = t.columns(node, 0)?;
    if attributes.int("transA", 0) != 0 {
        return Err(unsupported("Gemm with transA"));
    }
    let tensor = t.constant(node, 1)?.ok_or_else(|| damaged("Gemm lacks its weights"))?;
    let (rows, columns) = matrix(tensor)?;
    let mut weights = tensor.floats()?;
    let (inputs, outputs) = if attributes.int("transB", 0) == 0 {
        (rows, columns)
    } else {
        weights = transposed(&weights, columns);
        (columns, rows)
    };
    let alpha = attributes.float("alpha", 1.0);
    weights.iter_mut().for_each(|weight| *weight *= alpha);
    let beta = attributes.float("beta", 1.0);
    let mut bias = t.constant(node, 2)?.map_or_else(|| Ok(vec![0.0]), row_of)?;
    bias.iter_mut().for_each(|bias| *bias *= beta);
    if bias.len() == 1 {
        bias = vec![bias[0]; outputs];
    }
    push_dense(t, from, Dense::new(inputs, outputs, &weights, bias))
}

/// Rows of `width` numbers, as columns.
fn transposed(weights: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| weights.iter().skip(column).step_by(width).copied()).collect()
}

fn cast(t: &mut Translation<'_>, node: &NodeProto, to: i64) -> Result<Value> {
    let value = t.value(node, 0)?.clone();
    let Value::Columns(from) = value else { return Ok(value) };
    match i32::try_from(to).unwrap_or(0) {
        data_type::FLOAT => Ok(value),
        data_type::INT64 | data_type::INT32 => t.push(Op::Unary { from, op: Unary::Trunc }),
        other => Err(unsupported(format!("Cast to element type {other}"))),
    }
}

/// Bounds are attributes up to operator set 10, inputs since.
fn clip(t: &mut Translation<'_>, node: &NodeProto, attributes: &Attributes<'_>) -> Result<Value> {
    let bound = |at: usize, name: &str, default: f32| -> Result<f32> {
        match t.constant(node, at)? {
            Some(tensor) => {
                let values = tensor.floats()?;
                values.first().copied().ok_or_else(|| damaged("Clip has an empty bound"))
            }
            None => Ok(attributes.float(name, default)),
        }
    };
    let (low, high) = (bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?);
    let from = t.columns(node, 0)?;
    t.push(Op::Unary { from, op: Unary::Clip { low, high } })
}

fn concat(t: &mut Translation<'_>, node: &NodeProto) -> Result<Value> {
    let axis = Attributes::of(node).int("axis", 1);
    if axis != 1 && axis != -1 {
        return Err(unsupported(format!("Concat along axis {axis}")));
    }
    let mut columns = Vec::new();
    for at in 0..node.input.len() {
        let span = t.columns(node, at)?;
        if columns.len() + span.width > t.limits.slots_max {
            return Err(crate::failure::too_large("a concatenation of too many columns"));
        }
        columns.extend(span.start as u32..span.end() as u32);
    }
    t.push(Op::Gather { columns })
}

fn gather(t: &mut Translation<'_>, node: &NodeProto) -> Result<Value> {
    let from = t.columns(node, 0)?;
    let indices = t.constant(node, 1)?.ok_or_else(|| damaged(format!("{} lacks indices", node.op_type)))?;
    let width = from.width as i64;
    let mut columns = Vec::new();
    for &index in indices.integers()? {
        let index = if index < 0 { index + width } else { index };
        if !(0..width).contains(&index) {
            return Err(damaged(format!("{} reads column {index} of {width}", node.op_type)));
        }
        columns.push((from.start as i64 + index) as u32);
    }
    t.push(Op::Gather { columns })
}

/// Only reshapes that leave rows as they are: to [-1, width], [0, width] or [0, -1].
fn reshape(t: &mut Translation<'_>, node: &NodeProto) -> Result<Value> {
    let from = t.columns(node, 0)?;
    let shape = t.constant(node, 1)?.ok_or_else(|| damaged("Reshape lacks a shape"))?.integers()?;
    match shape {
        [-1 | 0, width] if *width == from.width as i64 => Ok(Value::Columns(from)),
        [0, -1] => Ok(Value::Columns(from)),
        other => Err(unsupported(format!("Reshape of rows of {} to {other:?}", from.width))),
    }
}

fn softmax(
    t: &mut Translation<'_>,
    node: &NodeProto,
    attributes: &Attributes<'_>,
    kind: Softmax,
) -> Result<Value> {
    let axis = attributes.int("axis", if t.opset < 13 { 1 } else { -1 });
    if axis != 1 && axis != -1 {
        return Err(unsupported(format!("{} along axis {axis}", node.op_type)));
    }
    let from = t.columns(node, 0)?;
    t.push(Op::Softmax { from, kind })
}

/// `coefficients` of shape [targets, features] and `intercepts` as a layer.
fn linear(
    t: &mut Translation<'_>,
    node: &NodeProto,
    attributes: &Attributes<'_>,
    targets: usize,
) -> Result<Span> {
    let from = t.columns(node, 0)?;
    let coefficients = attributes.floats("coefficients");
    let intercepts = attributes.floats("intercepts");
    let bias =
        if intercepts.is_empty() { vec![0.0; targets.min(coefficients.len())] } else { intercepts.to_vec() };
    if targets == 0 || targets.checked_mul(from.width) != Some(coefficients.len()) || bias.len() != targets {
        return Err(damaged(format!("the coefficients of {} do not match its input", node.op_type)));
    }
    let layer = Dense::new(from.width, targets, &transposed(coefficients, from.width), bias);
    t.program.push(Op::Dense { from, layer }, t.limits)
}

fn linear_classifier(
    t: &mut Translation<'_>,
    node: &NodeProto,
    attributes: &Attributes<'_>,
) -> Result<Value> {
    t.classes = labels(attributes, "classlabels_ints")?;
    let post = Post::of(attributes)?;
    let targets = attributes.floats("intercepts").len();
    let scores = linear(t, node, attributes, targets)?;
    if targets != 1 {
        return post.push(t, scores);
    }
    match post {
        Post::None => t.push(Op::Second { from: scores, kind: Second::Complement }),
        _ => Err(unsupported("LinearClassifier of one score with a post transform")),
    }
}

fn one_hot(t: &mut Translation<'_>, node: &NodeProto, attributes: &Attributes<'_>) -> Result<Value> {
    let categories = attributes.ints("cats_int64s").iter().map(|category| exact(*category));
    let categories: Vec<f32> = categories.collect::<Result<_>>()?;
    if categories.is_empty() {
        return Err(unsupported("OneHotEncoder of texts"));
    }
    if attributes.int("zeros", 1) == 0 {
        return Err(unsupported("OneHotEncoder that fails on unknown categories"));
    }
    let from = t.columns(node, 0)?;
    // The operator compares integers.
    let Value::Columns(from) = t.push(Op::Unary { from, op: Unary::Trunc })? else {
        return Err(damaged("OneHotEncoder of a constant"));
    };
    t.push(Op::OneHot { from, categories })
}

fn label_encoder(t: &mut Translation<'_>, node: &NodeProto, attributes: &Attributes<'_>) -> Result<Value> {
    let numbers = |kind: &str| -> Result<Vec<f32>> {
        let integers = attributes.ints(&format!("{kind}_int64s"));
        if integers.is_empty() {
            Ok(attributes.floats(&format!("{kind}_floats")).to_vec())
        } else {
            integers.iter().map(|value| exact(*value)).collect()
        }
    };
    let (keys, values) = (numbers("keys")?, numbers("values")?);
    if keys.is_empty() || values.is_empty() {
        return Err(unsupported("LabelEncoder of texts or tensors"));
    }
    let other = if attributes.ints("values_int64s").is_empty() {
        attributes.float("default_float", -0.0)
    } else {
        exact(attributes.int("default_int64", -1))?
    };
    let from = t.columns(node, 0)?;
    t.push(Op::Encode { from, keys, values, other })
}
