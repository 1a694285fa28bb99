"""The peer: FastAPI and scikit-learn, written as most tutorials write it. MODEL names a joblib file."""

import os

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, create_model

saved = joblib.load(os.environ["MODEL"])
model, names = saved["model"], saved["features"]
Row = create_model("Row", __base__=BaseModel, **{name: (float, ...) for name in names})
app = FastAPI()


@app.post("/predict")
def predict(row: Row) -> dict[str, float]:
    """Predict one row."""
    values = np.array([[getattr(row, name) for name in names]])
    return {"prediction": float(model.predict(values)[0])}
