//! What goes in and what comes out, by name.

/// The names of the classes that a classifier's outputs stand for, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Classes {
    /// Not a classifier, or one whose labels are not known.
    #[default]
    None,
    /// Integer labels.
    Integers(Vec<i64>),
    /// Text labels.
    Texts(Vec<String>),
}

impl Classes {
    /// How many labels there are.
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Integers(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }

    /// True when there are no labels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The inputs and outputs of a model; both are rows of f32.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Names of the features, in the order of a row.
    pub features: Vec<String>,
    /// Names of the outputs, in the order of an answer: one per target, or one score per class.
    pub outputs: Vec<String>,
    /// Labels of the outputs of a classifier; empty, or as many as outputs.
    pub classes: Classes,
}
