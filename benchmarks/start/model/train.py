"""Trains the delay model of `npm start` and writes delays.onnx and delays.json.

    npm run setup
    node benchmarks/start/model/export-features.mjs OUT
    pip install lightgbm==4.7.0 onnxmltools==1.16.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1
    python benchmarks/start/model/train.py OUT

It learns from 15 January to 31 May and is judged on June, which it has not seen: later than anything it learned.
The first two weeks only fill the slow averages. The features come from src/delay-model/features.ts.
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import onnxruntime
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

here = Path(__file__).parent
source = Path(sys.argv[1])
features = np.fromfile(source / "features.f32", np.float32).reshape(-1, 10)
delays = np.clip(np.fromfile(source / "delays.i16", np.int16).astype(np.float64), -60, 240)
minutes = np.fromfile(source / "minutes.u32", np.uint32)


def first_minute(day: str) -> int:
    return int(np.datetime64(day, "m").astype(np.int64))


train = (minutes >= first_minute("2001-01-15")) & (minutes < first_minute("2001-06-01"))
test = minutes >= first_minute("2001-06-01")

# Small on purpose: 60 trees of at most 16 leaves are enough for most of what these features can say.
model = lightgbm.LGBMRegressor(
    n_estimators=60,
    num_leaves=16,
    max_depth=6,
    learning_rate=0.1,
    min_child_samples=200,
    random_state=7,
    deterministic=True,
    force_row_wise=True,
    n_jobs=2,
    verbose=-1,
)
model.fit(features[train], delays[train])

onnx = convert_lightgbm(model, initial_types=[("features", FloatTensorType([None, 10]))], zipmap=False, target_opset=15)
onnx.doc_string = "Minutes late at arrival of a flight that is about to leave; made by train.py."
(here / "delays.onnx").write_bytes(onnx.SerializeToString())

session = onnxruntime.InferenceSession(here / "delays.onnx")
predict = lambda rows: session.run(None, {session.get_inputs()[0].name: rows})[0].reshape(-1)


def rmse(prediction: np.ndarray) -> float:
    return float(np.sqrt(np.mean((delays[test] - prediction) ** 2)))


hour = minutes % 1440 // 60
mean_of_hour = np.array([delays[train & (hour == h)].mean() for h in range(24)])
samples = features[test][:: test.sum() // 24][:24]
facts = {
    "trainedOn": ["2001-01-15", "2001-05-31"],
    "testedOn": ["2001-06-01", "2001-07-01"],
    "trainRows": int(train.sum()),
    "testRows": int(test.sum()),
    "trees": 60,
    "meanDelay": float(delays[train].mean()),
    "meanDelayOfHour": [round(float(v), 4) for v in mean_of_hour],
    "rmse": {
        "model": rmse(predict(features[test])),
        "meanOfHour": rmse(mean_of_hour[hour[test]]),
        "mean": rmse(np.full(test.sum(), delays[train].mean())),
    },
    "samples": [
        {"features": [float(v) for v in row], "minutesLate": float(p)} for row, p in zip(samples, predict(samples))
    ],
    "versions": {
        "lightgbm": lightgbm.__version__,
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
    },
}
(here / "delays.json").write_text(json.dumps(facts, indent=2) + "\n")
print(json.dumps(facts["rmse"], indent=2))
