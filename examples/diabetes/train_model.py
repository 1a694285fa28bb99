"""Train, judge and export one model of this example.

Without arguments it makes `model/diabetes.onnx` and its two companions anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import export
from data import split
from model import RELEASES, Metrics, evaluate, train

HERE = Path(__file__).parent


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a model, print how good it is, export it.")
    parser.add_argument("release", nargs="?", choices=RELEASES, default="diabetes.onnx")
    parser.add_argument("--out", type=Path, default=HERE / "model", help="folder to write into")
    return parser.parse_args(argv)


def report(name: str, metrics: Metrics) -> str:
    """Say how good a model is, in one line."""
    return (
        f"{name:<10} R² {metrics.cv_r2:6.3f} (cross-validated on training rows)   "
        f"R² {metrics.test_r2:6.3f}, MAE {metrics.test_mae:5.1f} (held-out rows)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = arguments(argv)
    parts = split()
    name = RELEASES[args.release]
    fitted = train(name, parts)
    print(report("mean", evaluate("mean", train("mean", parts), parts)))
    print(report(name, evaluate(name, fitted, parts)))
    for file in export.write(fitted, parts, args.out / args.release):
        print(f"wrote {file} ({file.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
