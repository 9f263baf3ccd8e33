"""Trains the models of suite `tiny` and writes them as ONNX, gzipped, beside this file.

    pip install -r ../../native/crates/varve_tiny/fixtures/requirements.txt
    python make.py

The data is Friedman's first regression problem with 16 features (scikit-learn's make_friedman1), 20,000 rows, seed 42:
trees trained on it have the uneven shapes that trees of real data have. `forest-100x6` has 100 trees of depth 6 at most,
`forest-500x8` 500 of depth 8, both by LightGBM; `net` is scikit-learn's MLPRegressor, 16-64-32-1.
"""

import gzip
from pathlib import Path

import lightgbm as lgb
import numpy as np
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType as LightFloats
from skl2onnx import to_onnx
from sklearn.datasets import make_friedman1
from sklearn.neural_network import MLPRegressor

SEED = 42
FEATURES = 16
HERE = Path(__file__).parent


def save(name, model):
    """Without a time stamp, so that the same training gives the same file."""
    (HERE / f"{name}.onnx.gz").write_bytes(gzip.compress(model.SerializeToString(), 9, mtime=0))


def forest(name, trees, depth, x, y):
    model = lgb.LGBMRegressor(
        n_estimators=trees,
        max_depth=depth,
        num_leaves=2**depth - 1,
        learning_rate=0.05,
        random_state=SEED,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    )
    model.fit(x, y)
    inputs = [("X", LightFloats([None, FEATURES]))]
    save(name, onnxmltools.convert_lightgbm(model, name, initial_types=inputs, target_opset=15))


def main():
    x, y = make_friedman1(n_samples=20_000, n_features=FEATURES, noise=1.0, random_state=SEED)
    x = x.astype(np.float32)
    forest("forest-100x6", 100, 6, x, y)
    forest("forest-500x8", 500, 8, x, y)
    net = MLPRegressor(hidden_layer_sizes=(64, 32), activation="relu", max_iter=50, random_state=SEED)
    net.fit(x, y)
    save("net", to_onnx(net, x[:1], name="net", target_opset=15))


if __name__ == "__main__":
    main()
