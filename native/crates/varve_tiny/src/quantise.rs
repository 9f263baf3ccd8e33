//! int8 weights for the dense layers of a model.

use crate::dense::Weights;
use crate::model::Model;
use crate::step::Op;

/// See [`Model::quantised`].
pub(crate) fn quantised(model: &Model) -> Model {
    let mut model = model.clone();
    for step in &mut model.program.steps {
        if let Op::Dense { layer, .. } = &mut step.op
            && matches!(layer.weights, Weights::F32(_))
        {
            *layer = layer.to_int8();
        }
    }
    model
}
