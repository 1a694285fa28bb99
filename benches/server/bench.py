"""The same model behind FastAPI + uvicorn + scikit-learn and behind mlstack-server, one after the other, as a table.

Needs `wrk` on the path and the packages of requirements.txt. CPU a request is user + system time of the server's whole
process tree over the requests it answered: the figure that a busy machine changes least. wrk is a closed loop: its
latencies leave out the time a request would have waited to be sent.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import joblib
import numpy as np
import psutil
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PORT = 18_473
CONNECTIONS = (1, 16, 64)
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass
class Server:
    """One server to measure: how it starts, and what it needs on disk."""

    name: str
    command: list[str]
    env: dict[str, str]
    disk: int


@dataclass
class Result:
    """What was measured of one server with one model, a list for each number of connections."""

    cold_ms: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    rate: dict[int, list[float]] = field(default_factory=dict)
    p50: dict[int, list[float]] = field(default_factory=dict)
    p99: dict[int, list[float]] = field(default_factory=dict)
    cpu_us: dict[int, list[float]] = field(default_factory=dict)
    failed: int = 0


def models(folder: Path) -> dict[str, dict[str, object]]:
    """Train both models on scikit-learn's diabetes data (not scaled) and write them in both forms."""
    data = load_diabetes(scaled=False)
    x, y = np.asarray(data.data, dtype=np.float32), data.target
    features = [{"name": name, "type": "float"} for name in data.feature_names]
    signature = {"version": 1, "task": "regression", "target": "progression", "features": features}
    kinds = {"LinearRegression": LinearRegression(), "RandomForest(100)": RandomForestRegressor(100, random_state=0)}
    written = {}
    for name, estimator in kinds.items():
        fitted = estimator.fit(x, y)
        stem = folder / re.sub(r"\W", "", name)
        joblib.dump({"model": fitted, "features": data.feature_names}, f"{stem}.joblib")
        Path(f"{stem}.onnx").write_bytes(to_onnx(fitted, x[:1], target_opset=17).SerializeToString())
        Path(f"{stem}.signature.json").write_text(json.dumps(signature))
        row = dict(zip(data.feature_names, map(float, x[0]), strict=True))
        written[name] = {"stem": str(stem), "row": row, "want": float(fitted.predict(x[:1])[0])}
    return written


def servers(stem: str, binary: Path) -> list[Server]:
    """What is compared, for one model."""
    uvicorn = [sys.executable, "-m", "uvicorn", "peer:app", "--app-dir", str(HERE), "--port", str(PORT)]
    quiet = ["--log-level", "warning", "--no-access-log"]
    return [
        Server("FastAPI + uvicorn + scikit-learn", [*uvicorn, *quiet], {"MODEL": f"{stem}.joblib"}, environment()),
        Server(
            "mlstack-server",
            [str(binary), "--model", f"{stem}.onnx", "--port", str(PORT), "--log-level", "error"],
            {},
            binary.stat().st_size,
        ),
    ]


def environment() -> int:
    """Bytes of the packages that the peer needs to serve: training and export tools are left out."""
    site = Path(np.__file__).parents[1]
    left_out = re.compile(r"pip|setuptools|onnx|skl2onnx|psutil|google|ml_dtypes|protobuf", re.IGNORECASE)
    entries = [entry for entry in site.iterdir() if not left_out.match(entry.name)]
    return sum(file.stat().st_size for entry in entries for file in [entry, *entry.rglob("*")] if file.is_file())


def ask(body: bytes) -> float | None:
    """One prediction; none while the server is not there."""
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/predict", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return float(json.load(answer)["prediction"])
    except (urllib.error.URLError, ConnectionError):
        return None


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all below it."""
    return [process, *process.children(recursive=True)]


def cpu(process: psutil.Process) -> float:
    """User and system seconds of a process tree."""
    return sum(sum(one.cpu_times()[:2]) for one in tree(process))


def load(connections: int, seconds: int, script: Path) -> tuple[int, float, float, float, int]:
    """Requests, requests a second, p50 and p99 in ms, failures."""
    url = f"http://127.0.0.1:{PORT}/predict"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    percentile = {p: float(n) * UNITS[unit] for p, n, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)\s", text)}
    total = int(re.search(r"(\d+) requests in", text).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return total, rate, percentile["50"], percentile["99"], int(failed.group(1)) if failed else 0


def measure(server: Server, model: dict[str, object], seconds: int, result: Result, folder: Path) -> None:
    """One round: start, first prediction, load, stop."""
    body = json.dumps(model["row"]).encode()
    script = folder / "post.lua"
    script.write_text(f'wrk.method="POST" wrk.headers["content-type"]="application/json" wrk.body=[[{body.decode()}]]')
    begun = time.perf_counter()
    child = subprocess.Popen(server.command, env={**os.environ, **server.env})
    try:
        while (got := ask(body)) is None:
            if child.poll() is not None or time.perf_counter() - begun > 60:
                sys.exit(f"{server.name} does not start")
            time.sleep(0.001)
        result.cold_ms.append((time.perf_counter() - begun) * 1e3)
        if abs(got - model["want"]) > 1e-3 * abs(model["want"]):
            sys.exit(f"{server.name} answers {got}, scikit-learn {model['want']}")
        process = psutil.Process(child.pid)
        load(16, 1, script)
        for connections in CONNECTIONS:
            before = cpu(process)
            total, rate, p50, p99, failed = load(connections, seconds, script)
            result.failed += failed
            spent = (cpu(process) - before) / total * 1e6
            figures = ((result.rate, rate), (result.p50, p50), (result.p99, p99), (result.cpu_us, spent))
            for table, figure in figures:
                table.setdefault(connections, []).append(figure)
        result.rss_mb.append(sum(one.memory_info().rss for one in tree(process)) / 1e6)
    finally:
        child.terminate()
        child.wait(30)


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(results: dict[str, Result], disks: dict[str, int]) -> list[str]:
    """One model's results as Markdown, and what the second server is to the first."""
    head = ["", *results]
    rows: list[list[str]] = []
    for connections in CONNECTIONS:
        for label, pick in (("requests/s", "rate"), ("p50 ms", "p50"), ("p99 ms", "p99"), ("CPU µs/request", "cpu_us")):
            figures = [median(getattr(result, pick)[connections]) for result in results.values()]
            rows.append([f"{label}, {connections} connections", *figures])
    rows.append(["memory, MB", *(median(result.rss_mb) for result in results.values())])
    rows.append(["start to first prediction, ms", *(median(result.cold_ms) for result in results.values())])
    rows.append(["on disk, MB (packages / program)", *(disk / 1e6 for disk in disks.values())])
    rows.append(["failed requests", *(float(result.failed) for result in results.values())])
    lines = [f"| {' | '.join([*head, 'ratio'])} |", "|---|" + "---|" * (len(head))]
    for label, first, second in rows:
        ratio = "" if 0 in (first, second) else f"{max(first, second) / min(first, second):.0f}×"
        lines.append(f"| {label} | {number(first)} | {number(second)} | {ratio} |")
    return lines


def main() -> None:
    """Measure and write docs/benchmarks/server.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/mlstack-server")
    parser.add_argument("--seconds", type=int, default=5, help="of load for each number of connections")
    parser.add_argument("--rounds", type=int, default=3, help="each server in turn, this many times; medians are shown")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/benchmarks/server.md")
    args = parser.parse_args()
    sections = []
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, model in models(folder).items():
            compared = servers(str(model["stem"]), args.binary)
            results = {server.name: Result() for server in compared}
            for _ in range(args.rounds):
                for server in compared:
                    measure(server, model, args.seconds, results[server.name], folder)
            sections += ["", f"## {name}, diabetes, 10 features", ""]
            sections += table(results, {server.name: server.disk for server in compared})
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    text = [
        "# The model server beside FastAPI",
        "",
        "Written by `python benches/server/bench.py` (packages: `benches/server/requirements.txt`; load: `wrk`, one",
        "thread, on the same machine, single rows with named features; one worker each). Medians of",
        f"{args.rounds} rounds of {args.seconds} s, the servers in turn. {machine}, load average {before:.1f} before the run:",
        "a busy machine lowers requests/s and raises latencies of both; compare CPU a request first.",
        *sections,
        "",
    ]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text("\n".join(text))
    print(args.output.read_text())


if __name__ == "__main__":
    main()
