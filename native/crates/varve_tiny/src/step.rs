//! The steps of a program: each reads columns of a row that earlier steps wrote, and writes its own after them.

use varve_types::Result;

use crate::dense::Dense;
use crate::failure::damaged;
use crate::forest::Forest;
use crate::limits::Limits;

/// Columns `start..start + width` of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) width: usize,
}

impl Span {
    pub(crate) fn end(self) -> usize {
        self.start.saturating_add(self.width)
    }
}

/// An operand of [`Op::Pair`]: columns, or constants; one of either serves every column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Columns(Span),
    Constants(Vec<f32>),
}

impl Operand {
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Columns(span) => span.width,
            Self::Constants(values) => values.len(),
        }
    }
}

/// Arithmetic on two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
}

/// A function of one number; the ONNX operators of these names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unary {
    Relu,
    LeakyRelu {
        alpha: f32,
    },
    Sigmoid,
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
    Tanh,
    Elu {
        alpha: f32,
    },
    Selu {
        alpha: f32,
        gamma: f32,
    },
    Softplus,
    Softsign,
    Exp,
    Log,
    Sqrt,
    Abs,
    Neg,
    /// To the integer towards zero, as a cast does.
    Trunc,
    Clip {
        low: f32,
        high: f32,
    },
    /// 1 above the threshold, else 0.
    Binarize {
        threshold: f32,
    },
}

/// How a row is scaled to length one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Norm {
    L1,
    L2,
    Max,
}

/// How a row of scores becomes probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Softmax {
    Plain,
    Log,
    /// Zeros stay near zero instead of counting as e^0 (ONNX-ML `SOFTMAX_ZERO`).
    Zero,
}

/// How one score becomes two, for a classifier of two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Second {
    /// `1 - s, s`
    Complement,
    /// `-s, s`
    Negative,
    /// `logistic(-s), logistic(s)`
    Logistic,
}

/// A column that a forest compares beside its features.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Derived {
    /// The column with NaN as -∞.
    NanAsLow { slot: u32 },
    /// 1 where the column is in `set`, or is NaN and `missing`; else 0.
    Member { slot: u32, set: Vec<f32>, missing: bool },
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// Replaces what equals `replaced` (also NaN) by the value of its column; one value serves all.
    Impute {
        from: Span,
        replaced: f32,
        values: Vec<f32>,
    },
    /// `(x - offset) * scale` per column.
    Scale {
        from: Span,
        offset: Vec<f32>,
        scale: Vec<f32>,
    },
    Pair {
        op: Pair,
        a: Operand,
        b: Operand,
    },
    Unary {
        from: Span,
        op: Unary,
    },
    Normalize {
        from: Span,
        norm: Norm,
    },
    /// Per column, one output per category.
    OneHot {
        from: Span,
        categories: Vec<f32>,
    },
    /// Values for keys; `other` for the rest.
    Encode {
        from: Span,
        keys: Vec<f32>,
        values: Vec<f32>,
        other: f32,
    },
    Gather {
        columns: Vec<u32>,
    },
    Softmax {
        from: Span,
        kind: Softmax,
    },
    Second {
        from: Span,
        kind: Second,
    },
    Derive {
        columns: Vec<Derived>,
    },
    Dense {
        from: Span,
        layer: Dense,
    },
    Forest {
        forest: Forest,
    },
}

/// An operation and the columns that it writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) to: Span,
}

impl Op {
    /// Columns that the operation writes.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Impute { from, .. }
            | Self::Scale { from, .. }
            | Self::Unary { from, .. }
            | Self::Normalize { from, .. }
            | Self::Encode { from, .. }
            | Self::Softmax { from, .. } => from.width,
            Self::Pair { a, b, .. } => a.width().max(b.width()),
            Self::OneHot { from, categories } => from.width.saturating_mul(categories.len()),
            Self::Gather { columns } => columns.len(),
            Self::Second { .. } => 2,
            Self::Derive { columns } => columns.len(),
            Self::Dense { layer, .. } => layer.outputs,
            Self::Forest { forest } => forest.targets,
        }
    }

    /// Holds that the operation reads only columns below `columns`, and that its parts fit together.
    ///
    /// # Errors
    /// `MODEL_DAMAGED`; what [`Forest::check`] finds.
    pub(crate) fn check(&self, columns: usize, limits: &Limits) -> Result<()> {
        let inside = |span: Span| span.width > 0 && span.end() <= columns;
        let fits = |values: &[f32], span: Span| values.len() == 1 || values.len() == span.width;
        let slot = |slot: &u32| (*slot as usize) < columns;
        let good = match self {
            Self::Impute { from, values, .. } => inside(*from) && fits(values, *from),
            Self::Scale { from, offset, scale } => inside(*from) && fits(offset, *from) && fits(scale, *from),
            Self::Pair { a, b, .. } => {
                let width = self.width();
                [a, b].into_iter().all(|operand| {
                    (operand.width() == width || operand.width() == 1)
                        && !matches!(operand, Operand::Columns(span) if !inside(*span))
                }) && width > 0
            }
            Self::Unary { from, .. } | Self::Normalize { from, .. } | Self::Softmax { from, .. } => {
                inside(*from)
            }
            Self::OneHot { from, categories } => inside(*from) && !categories.is_empty(),
            Self::Encode { from, keys, values, .. } => inside(*from) && keys.len() == values.len(),
            Self::Gather { columns } => !columns.is_empty() && columns.iter().all(slot),
            Self::Second { from, .. } => inside(*from) && from.width == 1,
            Self::Derive { columns } => columns.iter().all(|column| match column {
                Derived::NanAsLow { slot: at } | Derived::Member { slot: at, .. } => slot(at),
            }),
            Self::Dense { from, layer } => {
                inside(*from)
                    && layer.inputs == from.width
                    && layer.outputs > 0
                    && layer.bias.len() == layer.outputs
            }
            Self::Forest { forest } => return forest.check(columns, limits),
        };
        if good { Ok(()) } else { Err(damaged(format!("{} does not fit its columns", self.name()))) }
    }

    /// The operation's name in messages and descriptions.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Impute { .. } => "impute",
            Self::Scale { .. } => "scale",
            Self::Pair { .. } => "pair",
            Self::Unary { .. } => "unary",
            Self::Normalize { .. } => "normalize",
            Self::OneHot { .. } => "one-hot",
            Self::Encode { .. } => "encode",
            Self::Gather { .. } => "gather",
            Self::Softmax { .. } => "softmax",
            Self::Second { .. } => "second-class",
            Self::Derive { .. } => "derive",
            Self::Dense { .. } => "dense",
            Self::Forest { .. } => "forest",
        }
    }
}
