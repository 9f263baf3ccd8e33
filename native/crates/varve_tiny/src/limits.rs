//! What a model from outside may ask for.

/// Limits on models from outside; whatever exceeds one is refused with `MODEL_TOO_LARGE` before memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a model file or an ONNX message.
    pub file_bytes_max: usize,
    /// Floats that one row occupies while it is scored: features, results of steps, and outputs.
    pub slots_max: usize,
    /// Steps of the program.
    pub steps_max: usize,
    /// Nodes of all trees, leaves included.
    pub nodes_max: usize,
    /// Trees of one forest.
    pub trees_max: usize,
    /// Weights of one dense layer, also of one ONNX tensor.
    pub weights_max: usize,
    /// Bytes of one name or label.
    pub text_bytes_max: usize,
    /// Messages of one ONNX model: nodes, attributes, tensors.
    pub messages_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 64 << 20,
            slots_max: 1 << 16,
            steps_max: 1 << 12,
            nodes_max: 1 << 22,
            trees_max: 1 << 16,
            weights_max: 1 << 23,
            text_bytes_max: 1 << 12,
            messages_max: 1 << 16,
        }
    }
}
