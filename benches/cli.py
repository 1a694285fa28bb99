#!/usr/bin/env python3
"""Measures the command line: a plan of 1,000 components, a no-op apply beside Docker Compose's, `version`.

    benches/cli.py --mlstack PATH [--server PATH] [--compose PATH] [--runs N] [--write docs/benchmarks/cli.md]

Every figure is of whole processes: wall time by the clock, CPU time and peak memory as the operating system accounts
for a finished child. Two commands that are compared run in turn (A B A B …), after one run each that does not count.
The no-op apply needs a Docker engine with the images of `examples/diabetes`; without `--compose` it is left out.
`terraform` is measured beside the plan where it is installed.
"""

import argparse
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = 1000


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> dict[str, float]:
    """One run of a command: wall and CPU seconds, peak memory in MiB. Fails when the command does."""
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed: {errors}")
    return {
        "wall": time.monotonic() - begun,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
    }


def compare(commands: dict[str, list[str]], folder: Path, runs: int, environment: dict[str, str] | None = None):
    """The median of each figure for each command, run in turn."""
    figures = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            measured = run(command, folder, environment)
            if turn > 0:
                figures[name].append(measured)
    return {
        name: {key: statistics.median(one[key] for one in all_) for key in all_[0]} for name, all_ in figures.items()
    }


def large_stack() -> str:
    """A stack of services in chains of ten, each with variables, limits and a check."""
    lines = ["version: 1", "name: thousand", "components:"]
    for n in range(COMPONENTS):
        lines += [
            f"  part-{n:04}:",
            "    type: service",
            "    image: example.com/team/part:1.4",
            "    resources: { cpu: 100m, memory: 64Mi }",
            f"    env: {{ NUMBER: \"{n}\", LEVEL: info }}",
            "    healthcheck: { command: [\"/app/part\", \"check\"] }",
        ]
        if n % 10:
            lines.append(f"    uses: [part-{n - 1:04}]")
    return "\n".join(lines) + "\n"


def plan(mlstack: str, runs: int) -> list[str]:
    """The rows of the plan of a thousand components."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mlstack.yaml").write_text(large_stack())
        commands = {f"`mlstack plan --offline`, {COMPONENTS:,} services": [mlstack, "plan", "--offline", "-q"]}
        rows = table(compare(commands, folder, runs))
    terraform = shutil.which("terraform")
    if not terraform:
        return [*rows, "| `terraform plan` | not installed here | | |"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.tf").write_text(f'resource "terraform_data" "part" {{\n  count = {COMPONENTS}\n  input = count.index\n}}\n')
        subprocess.run([terraform, "init"], cwd=folder, check=True, capture_output=True)
        commands = {f"`terraform plan`, {COMPONENTS:,} `terraform_data`": [terraform, "plan", "-refresh=false"]}
        return rows + table(compare(commands, folder, max(3, runs // 3)))


def no_op(mlstack: str, server: str | None, compose: str, runs: int) -> list[str]:
    """The rows of an apply that has nothing to do, on a running example."""
    stack = f"bench-{os.getpid()}"
    environment = {"MLSTACK_SERVER_BIN": server} if server else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples/diabetes/model", folder / "model")
        text = (ROOT / "examples/diabetes/mlstack.yaml").read_text()
        text = text.replace("name: diabetes", f"name: {stack}").replace("port: 8080", "port: 28080")
        (folder / "mlstack.yaml").write_text(text.replace("port: 3000", "port: 23000"))
        full = {**os.environ, **environment}
        try:
            subprocess.run([mlstack, "up"], cwd=folder, env=full, check=True, capture_output=True)
            subprocess.run([mlstack, "render"], cwd=folder, env=full, check=True, capture_output=True)
            commands = {
                "`mlstack apply -y`, nothing to do": [mlstack, "apply", "-y"],
                "`docker compose up -d`, nothing to do": [compose, "-f", "dist/compose/compose.yaml", "up", "-d"],
            }
            return table(compare(commands, folder, runs, environment))
        finally:
            names = ["--destroy-data", "db-data", "--destroy-data", "artifacts-data"]
            subprocess.run([mlstack, "destroy", "-y", *names], cwd=folder, env=full, check=False, capture_output=True)


def table(figures: dict[str, dict[str, float]]) -> list[str]:
    """One Markdown row a command."""
    return [
        f"| {name} | {one['wall'] * 1000:,.0f} ms | {one['cpu'] * 1000:,.0f} ms | {one['memory']:,.0f} MiB |"
        for name, one in figures.items()
    ]


def machine() -> str:
    """What it ran on, in words."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors ({model[1] if model else platform.machine()}), Linux, load {load:.1f} at the start"


def main() -> None:
    """Measures and prints, or writes a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mlstack", required=True, type=os.path.abspath)
    parser.add_argument("--server", type=os.path.abspath)
    parser.add_argument("--compose", type=os.path.abspath)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    lines = [
        "# The command line, measured",
        "",
        "Written by `benches/cli.py`; medians of whole processes, release build.",
        f"Machine: {machine()}.",
        "",
        "| command | wall | CPU | peak memory |",
        "|---|---|---|---|",
        *table(compare({"`mlstack version`": [given.mlstack, "version"]}, ROOT, given.runs)),
        *plan(given.mlstack, given.runs),
    ]
    if given.compose:
        lines += no_op(given.mlstack, given.server, given.compose, given.runs)
    text = "\n".join(lines) + "\n"
    if given.write:
        given.write.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
