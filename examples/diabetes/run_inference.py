"""Ask a served model and, if wanted, check its answers.

Asks for the rows in `model/diabetes.golden.json`, or for one row given as JSON.
Needs Python alone; `--compare onnx` and `--compare sklearn` import what they name.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypedDict

Request: TypeAlias = dict[str, float]
Expected: TypeAlias = Callable[[Request], float | None]

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 10.0


class PredictionError(Exception):
    """The server could not be reached, or did not answer with a prediction."""


class GoldenRow(TypedDict):
    """A request and scikit-learn's answer to it."""

    request: Request
    prediction: float


@dataclass(frozen=True)
class Answer:
    """One prediction, how long it took, and what was expected if anything was."""

    prediction: float
    milliseconds: float
    expected: float | None

    def agrees(self, tolerance: float) -> bool:
        """Say whether the prediction is what was expected; anything is, if nothing was."""
        return self.expected is None or abs(self.prediction - self.expected) <= tolerance


def predict(url: str, request: Request) -> float:
    """Return the prediction of the server at `url` for one request."""
    body = json.dumps(request).encode()
    headers = {"Content-Type": "application/json"}
    call = urllib.request.Request(f"{url.rstrip('/')}/predict", data=body, headers=headers)
    try:
        with urllib.request.urlopen(call, timeout=TIMEOUT_SECONDS) as response:
            return float(json.load(response)["prediction"])
    except urllib.error.HTTPError as error:
        detail = error.read().decode(errors="replace").strip()
        raise PredictionError(f"{call.full_url} answered {error.code}: {detail}") from error
    except OSError as error:
        raise PredictionError(f"{call.full_url} cannot be reached: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PredictionError(f"{call.full_url} did not answer with a prediction") from error


def ask(url: str, request: Request, expected: Expected) -> Answer:
    """Predict one request and time it."""
    start = time.perf_counter()
    prediction = predict(url, request)
    milliseconds = (time.perf_counter() - start) * 1000
    return Answer(prediction, milliseconds, expected(request))


def expect_golden(model: Path) -> Expected:
    """Expect what the golden file says, and nothing for other requests."""
    known = {key(row["request"]): row["prediction"] for row in golden_rows(model)}
    return lambda request: known.get(key(request))


def expect_onnx(model: Path) -> Expected:
    """Expect what ONNX Runtime makes of the same file."""
    import onnxruntime

    from data import as_row

    session = onnxruntime.InferenceSession(model)

    def expected(request: Request) -> float:
        row = as_row(request).astype("float32").reshape(1, -1)
        return float(session.run(None, {"X": row})[0].item())

    return expected


def expect_sklearn(model: Path) -> Expected:
    """Expect what scikit-learn answers: trains the model anew, then asks it."""
    from data import as_row, split
    from model import RELEASES, train

    fitted = train(RELEASES[model.name], split())
    return lambda request: float(fitted.predict(as_row(request).reshape(1, -1))[0])


COMPARISONS: dict[str, Callable[[Path], Expected]] = {
    "golden": expect_golden,
    "onnx": expect_onnx,
    "sklearn": expect_sklearn,
}


def golden_rows(model: Path) -> list[GoldenRow]:
    """Read the golden file that lies beside a model."""
    text = model.with_suffix(".golden.json").read_text(encoding="utf-8")
    rows: list[GoldenRow] = json.loads(text)["rows"]
    return rows


def key(request: Request) -> tuple[tuple[str, float], ...]:
    """Identify a request whatever the order of its fields."""
    return tuple(sorted(request.items()))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Ask a served model and check its answers.")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where it is served")
    parser.add_argument("--model", type=Path, default=HERE / "model" / "diabetes.onnx")
    parser.add_argument("--json", type=json.loads, help="one request, instead of the golden rows")
    parser.add_argument("--compare", choices=sorted(COMPARISONS), default="golden")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    return parser.parse_args(argv)


def line(answer: Answer, tolerance: float) -> str:
    """Print one answer on one line."""
    text = f"{answer.prediction:10.4f}  {answer.milliseconds:6.1f} ms"
    if answer.expected is None:
        return text
    verdict = "as expected" if answer.agrees(tolerance) else "DIFFERS"
    return f"{text}  {verdict} ({answer.expected:.4f})"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 if all answers agree, 1 if not."""
    args = arguments(argv)
    requests = [args.json] if args.json else [row["request"] for row in golden_rows(args.model)]
    expected = COMPARISONS[args.compare](args.model)
    try:
        answers = [ask(args.url, request, expected) for request in requests]
    except PredictionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for answer in answers:
        print(line(answer, args.tolerance))
    return 0 if all(answer.agrees(args.tolerance) for answer in answers) else 1


if __name__ == "__main__":
    raise SystemExit(main())
