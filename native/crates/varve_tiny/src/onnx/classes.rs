//! Labels of a classifier, where the graph tells them.

use varve_types::Result;

use super::attributes::Attributes;
use super::proto::{GraphProto, NodeProto};
use super::tensor::{Data, Tensor, utf8};
use crate::failure::too_large;
use crate::limits::Limits;
use crate::schema::Classes;

/// Labels in the attributes of a classifier or a `ZipMap`; `integers` differs in name between operators.
pub(crate) fn labels(attributes: &Attributes<'_>, integers: &str) -> Result<Classes> {
    let (numbers, texts) = (attributes.ints(integers), attributes.texts("classlabels_strings"));
    Ok(if !numbers.is_empty() {
        Classes::Integers(numbers.to_vec())
    } else if !texts.is_empty() {
        Classes::Texts(texts.iter().map(|text| utf8(text)).collect::<Result<_>>()?)
    } else {
        Classes::None
    })
}

/// The labels of `width` outputs: those of the classifier, else of the `ZipMap`, else those that the best score
/// selects from a constant, as exported nets do.
pub(crate) fn classes_of(
    graph: &GraphProto,
    known: Classes,
    width: usize,
    limits: &Limits,
) -> Result<Classes> {
    let zipped = graph.node.iter().find(|node| node.op_type == "ZipMap");
    let mut candidates = vec![known];
    if let Some(node) = zipped {
        candidates.push(labels(&Attributes::of(node), "classlabels_int64s")?);
    }
    candidates.push(selected(graph, limits)?);
    let classes = candidates.into_iter().find(|classes| classes.len() == width).unwrap_or_default();
    let long = |label: &String| label.len() > limits.text_bytes_max;
    match &classes {
        Classes::Texts(labels) if labels.iter().any(long) => Err(too_large("a class label is too long")),
        _ => Ok(classes),
    }
}

/// `ArrayFeatureExtractor(labels, ArgMax(scores))`.
fn selected(graph: &GraphProto, limits: &Limits) -> Result<Classes> {
    let is_best = |name: &String| {
        let makes = |node: &NodeProto| node.op_type == "ArgMax" && node.output.contains(name);
        graph.node.iter().any(makes)
    };
    let selects =
        |node: &&NodeProto| node.op_type == "ArrayFeatureExtractor" && node.input.get(1).is_some_and(is_best);
    let name = graph.node.iter().find(selects).and_then(|node| node.input.first());
    let tensor = graph.initializer.iter().find(|tensor| Some(&tensor.name) == name);
    Ok(match tensor.map(|tensor| Tensor::of(tensor, limits)).transpose()?.map(|tensor| tensor.data) {
        Some(Data::Integers(labels)) => Classes::Integers(labels),
        Some(Data::Texts(labels)) => Classes::Texts(labels),
        Some(Data::Floats(_)) | None => Classes::None,
    })
}
