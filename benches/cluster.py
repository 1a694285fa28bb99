#!/usr/bin/env python3
"""Measures plan and apply of a stack of some 200 objects beside kubectl, on the same API server.

    benches/cluster.py --mlstack PATH --serve PATH --kubectl PATH [--runs N] [--write docs/benchmarks/cluster.md]

The server is the double of the tests (`cargo build --release -p mlstack-kube-double --example serve`), one for each program, so that
neither meets fields that the other owns. mlstack has the stack file; kubectl has what `mlstack render` makes of it. Each
is measured on the same three grounds: nothing is there, all is as wanted, one object is to be changed. Wall and CPU time and
peak memory are of whole processes, of all their children; calls are those that the server counted.

`mlstack apply` waits until what it changed serves; `kubectl apply` does not, so `kubectl rollout status` of what it changed
is measured with it. The server's clock runs a hundred times too fast, so that waiting for pods costs both next to nothing.
"""

import argparse
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

SPEED = 100
SERVICES = 50


class Server:
    """A double, and the kubeconfig to reach it."""

    def __init__(self, program: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [program, str(SPEED)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        lines = iter(self.process.stdout.readline, "---\n")
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text("".join(lines))

    def calls(self) -> tuple[int, int]:
        """How many calls came since the last time, and how many of them wrote."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        all_, writes = self.process.stdout.readline().split()
        return int(all_), int(writes)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def stack(round_: str) -> str:
    """Services with a port each: four to five objects a service."""
    lines = ["version: 1", "name: fifty", "components:"]
    for n in range(SERVICES):
        lines += [
            f"  part-{n:02}:",
            "    type: service",
            "    image: registry.example/part:1",
            "    port: 8080",
            "    resources: { cpu: 10m, memory: 16Mi }",
            f"    env: {{ ROUND: \"{round_ if n == 0 else 'one'}\" }}",
        ]
        if n % 4:
            lines.append(f"    uses: [part-{n - 1:02}]")
    return "\n".join(lines) + "\n"


def run(command: list[str], folder: Path, server: Server, codes: tuple[int, ...]) -> dict[str, float]:
    """One run of a command: seconds, MiB, calls. Fails when it ends otherwise than expected."""
    server.calls()
    environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(folder)}
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        said.seek(0)
        if os.waitstatus_to_exitcode(status) not in codes:
            raise SystemExit(f"{' '.join(command)} failed: {said.read().decode(errors='replace')}")
    calls, writes = server.calls()
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
        "calls": calls,
        "writes": writes,
    }


class Ground:
    """One program, its server, and the files it works on."""

    def __init__(self, name: str, given: argparse.Namespace, folder: Path) -> None:
        self.name, self.given = name, given
        self.folder = folder / name
        self.folder.mkdir()
        self.server = Server(given.serve, self.folder)
        self.write("one")

    def write(self, round_: str) -> None:
        """Writes what is wanted; for kubectl, rendered."""
        (self.folder / "mlstack.yaml").write_text(stack(round_))
        if self.name == "kubectl":
            shutil.rmtree(self.folder / "dist", ignore_errors=True)
            command = [self.given.mlstack, "render", "--target", "k8s"]
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
            (self.folder / "dist/k8s/kustomization.yaml").unlink()

    def objects(self) -> int:
        """How many objects there are to apply."""
        return sum(1 for file in (self.folder / "dist/k8s").glob("*.yaml"))

    def plan(self, changes: bool) -> dict[str, float]:
        if self.name == "mlstack":
            return run([self.given.mlstack, "plan", "--target", "k8s"], self.folder, self.server, (0,))
        command = [self.given.kubectl, "diff", "--server-side", "-f", "dist/k8s"]
        return run(command, self.folder, self.server, (1,) if changes else (0,))

    def apply(self, rolled: list[str]) -> dict[str, float]:
        if self.name == "mlstack":
            return run([self.given.mlstack, "apply", "-y", "--target", "k8s"], self.folder, self.server, (0,))
        apply = f"{self.given.kubectl} apply --server-side -f dist/k8s"
        waits = [f"{self.given.kubectl} -n fifty rollout status {name}" for name in rolled]
        return run(["sh", "-ec", "\n".join([apply, *waits])], self.folder, self.server, (0,))


def measure(name: str, given: argparse.Namespace, runs: int) -> tuple[dict[str, dict[str, float]], int]:
    """The medians of everything that one program does."""
    figures: dict[str, list[dict[str, float]]] = {}
    every = [f"deployment/part-{n:02}" for n in range(SERVICES)]
    objects = 0
    for turn in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            ground = Ground(name, given, Path(folder))
            try:
                if name == "kubectl":
                    objects = ground.objects()
                    # It plans nothing in a namespace that is not there, which mlstack does.
                    namespace = ["apply", "--server-side", "-f", "dist/k8s/namespace-fifty.yaml"]
                    run([given.kubectl, *namespace], ground.folder, ground.server, (0,))
                steps = [("new: plan", lambda: ground.plan(True)), ("new: apply", lambda: ground.apply(every))]
                steps += [("same: plan", lambda: ground.plan(False)), ("same: apply", lambda: ground.apply([]))]
                for step, act in steps:
                    figures.setdefault(step, []).append(act())
                ground.write(f"turn {turn}")
                figures.setdefault("one: plan", []).append(ground.plan(True))
                figures.setdefault("one: apply", []).append(ground.apply(every[:1]))
            finally:
                ground.server.stop()
    medians = {
        step: {key: statistics.median(one[key] for one in all_) for key in all_[0]} for step, all_ in figures.items()
    }
    return medians, objects


def table(figures: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """One Markdown row a program and step."""
    grounds = {"new": "nothing is there", "same": "all is as wanted", "one": "one Deployment differs"}
    names = {
        ("mlstack", "plan"): "`mlstack plan`",
        ("kubectl", "plan"): "`kubectl diff --server-side`",
        ("mlstack", "apply"): "`mlstack apply -y`",
        ("kubectl", "apply"): "`kubectl apply --server-side`, `rollout status`",
    }
    lines = ["| ground | command | wall | CPU | peak memory | calls | of them writes |", "|---|---|---|---|---|---|---|"]
    for step in figures["mlstack"]:
        ground, what = step.split(": ")
        for program in ("mlstack", "kubectl"):
            one = figures[program][step]
            command = names[program, what]
            if (program, step) == ("kubectl", "same: apply"):
                command = "`kubectl apply --server-side`"
            lines.append(
                f"| {grounds[ground]} | {command} | {one['wall']:.2f} s | {one['cpu']:.2f} s | {one['memory']:,.0f} MiB "
                f"| {one['calls']:,.0f} | {one['writes']:,.0f} |"
            )
    return lines


def build(program: str) -> str:
    """How mlstack was compiled, as far as its path tells."""
    return "mlstack is a debug build, kubectl a release" if "/debug/" in program else "release builds"


def machine() -> str:
    """What it ran on, in words."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors ({model[1] if model else platform.machine()}), Linux, load {load:.1f} at the start"


def main() -> None:
    """Measures and prints, or writes a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("mlstack", "serve", "kubectl"):
        parser.add_argument(f"--{name}", required=True, type=os.path.abspath)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    ran_on = machine()
    measured = {name: measure(name, given, given.runs) for name in ("mlstack", "kubectl")}
    objects = measured["kubectl"][1]
    lines = [
        "# A cluster, measured",
        "",
        f"Written by `benches/cluster.py`; medians of {given.runs} runs of whole processes; {build(given.mlstack)}.",
        f"The stack is {objects} objects, {SERVICES} of them Deployments. The server is the double that the tests use, on the same machine, with a clock that runs",
        "a hundred times too fast, so that next to no time is spent waiting for pods. mlstack tries a new version in a pod",
        "beside the old ones, and waits until what it changed serves and has settled; kubectl waits with `rollout status`.",
        "Calls that write are counted without dry runs.",
        "",
        f"Machine: {ran_on}.",
        "",
        *table({name: figures for name, (figures, _) in measured.items()}),
    ]
    text = "\n".join(lines) + "\n"
    if given.write:
        given.write.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
