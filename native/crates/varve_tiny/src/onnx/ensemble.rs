//! Tree ensembles as steps: derived columns, the forest, and what ONNX Runtime makes of its scores.

use varve_types::Result;

use super::attributes::Attributes;
use super::classes::labels;
use super::graph::{Translation, Value};
use super::proto::NodeProto;
use super::trees::{self, Ensemble};
use crate::failure::{damaged, too_large, unsupported};
use crate::forest::Aggregate;
use crate::forest::grow::{Columns, RawNode, Settings, grow};
use crate::step::{Op, Second, Softmax, Span, Unary};

/// What turns scores into answers (ONNX-ML `post_transform`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
}

impl Post {
    pub(crate) fn of(attributes: &Attributes<'_>) -> Result<Self> {
        match attributes.text("post_transform", "NONE")?.as_str() {
            "NONE" => Ok(Self::None),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX" => Ok(Self::Softmax),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            other => Err(unsupported(format!("post transform {other}"))),
        }
    }

    /// Transforms several scores.
    pub(crate) fn push(self, translation: &mut Translation<'_>, from: Span) -> Result<Value> {
        match self {
            Self::None => Ok(Value::Columns(from)),
            Self::Logistic => translation.push(Op::Unary { from, op: Unary::Sigmoid }),
            Self::Softmax => translation.push(Op::Softmax { from, kind: Softmax::Plain }),
            Self::SoftmaxZero => translation.push(Op::Softmax { from, kind: Softmax::Zero }),
        }
    }
}

/// `TreeEnsembleRegressor` and, with `version_5`, `TreeEnsemble`.
pub(crate) fn regressor(
    translation: &mut Translation<'_>,
    node: &NodeProto,
    version_5: bool,
) -> Result<Value> {
    let attributes = Attributes::of(node);
    let (ensemble, post) = if version_5 {
        let post = match attributes.int("post_transform", 0) {
            0 => Post::None,
            1 => Post::Softmax,
            2 => Post::Logistic,
            3 => Post::SoftmaxZero,
            other => return Err(unsupported(format!("post transform {other}"))),
        };
        (trees::version_5(&attributes, translation.limits)?, post)
    } else {
        (trees::version_3(&attributes, "target")?, Post::of(&attributes)?)
    };
    let targets = usize::try_from(attributes.int("n_targets", 1)).unwrap_or(0);
    let base = attributes.floats("base_values").to_vec();
    let from = translation.columns(node, 0)?;
    let scores = push_forest(translation, from, ensemble, targets, base)?;
    // ONNX Runtime leaves a single target as it is, whatever transform it names.
    if targets == 1 { Ok(Value::Columns(scores)) } else { post.push(translation, scores) }
}

/// `TreeEnsembleClassifier`: the scores; the labels go to the schema.
pub(crate) fn classifier(translation: &mut Translation<'_>, node: &NodeProto) -> Result<Value> {
    let attributes = Attributes::of(node);
    let mut ensemble = trees::version_3(&attributes, "class")?;
    let post = Post::of(&attributes)?;
    let classes = labels(&attributes, "classlabels_int64s")?;
    let count = classes.len();
    translation.classes = classes;
    if count == 0 {
        return Err(damaged("a classifier without class labels"));
    }
    let base = attributes.floats("base_values").to_vec();
    let weights = attributes.floats("class_weights");
    let scores_second = attributes.ints("class_ids").iter().any(|id| *id != 0);
    let from = translation.columns(node, 0)?;
    if count != 2 || scores_second {
        if count == 2 && !base.is_empty() && scores_second && attributes.ints("class_ids").contains(&0) {
            // ONNX Runtime answers with one of the two scores only.
            return Err(unsupported("a classifier of two classes with scores and base values for both"));
        }
        let scores = push_forest(translation, from, ensemble, count, base)?;
        return post.push(translation, scores);
    }
    // One score for two classes. Base values for both mean a pair of scores, of which only the first gets votes.
    if base.len() == 2 {
        let scores = push_forest(translation, from, ensemble, 2, base)?;
        return post.push(translation, scores);
    }
    ensemble.aggregate = Aggregate::Sum;
    let scores = push_forest(translation, from, ensemble, 1, base)?;
    let kind = if weights.iter().all(|weight| *weight >= 0.0) {
        Second::Complement
    } else if post == Post::Logistic {
        Second::Logistic
    } else {
        Second::Negative
    };
    translation.push(Op::Second { from: scores, kind })
}

fn push_forest(
    translation: &mut Translation<'_>,
    from: Span,
    ensemble: Ensemble,
    targets: usize,
    base: Vec<f32>,
) -> Result<Span> {
    if targets == 0 || targets > translation.limits.slots_max {
        return Err(too_large(format!("a forest of {targets} targets")));
    }
    // Vectors of leaves are as long as there are targets: bound their product before any exists.
    let leaves = ensemble.nodes.iter().filter(|node| matches!(node, RawNode::Leaf { .. })).count();
    if targets > 1 && leaves.saturating_mul(targets) > translation.limits.weights_max {
        return Err(too_large(format!("{leaves} leaves with {targets} scores each")));
    }
    if !base.is_empty() && base.len() != targets {
        return Err(unsupported(format!("{} base values for {targets} targets", base.len())));
    }
    let mut columns = Columns::over(from.start, from.width, translation.program.slots());
    let settings = Settings { targets, base, aggregate: ensemble.aggregate };
    let forest = grow(&ensemble.nodes, &ensemble.roots, settings, &mut columns, translation.limits)?;
    let derived = columns.into_derived();
    if !derived.is_empty() {
        translation.push(Op::Derive { columns: derived })?;
    }
    translation.program.push(Op::Forest { forest }, translation.limits)
}
