#!/usr/bin/env python3
"""Kills the real Docker Compose, and mlstack beside it, at even instants of an update, and counts what one more run mends.

    benches/kill.py --compose PATH [--mlstack PATH] [--instants N]

The stack has a volume, two networks and three services (`busybox:1`); the update gives two of the services another
environment. Each program first measures how long its update takes undisturbed. Then it is killed (SIGKILL) at N even
instants of that time, and run again once. It converged when that run ends with 0, exactly the containers, networks and
volumes that belong to it are there under their names and running, the volume holds what was written before, and a third
run replaces no container. Needs a Docker engine; removes only what carries the label of its own projects.
"""

import argparse
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

WAIT = "trap 'exit 0' TERM; sleep 3600 & wait"
NAMES = ["api", "store", "worker"]


def compose_file(name: str, round_: str) -> str:
    service = f'image: "busybox:1"\n    command: [sh, -c, "{WAIT}"]\n    environment: {{ ROUND: "{round_}" }}'
    still = service.replace(f'"{round_}"', '"ONE"')
    return f"""name: {name}
services:
  store:
    {service}
    networks: [back]
    volumes: [kept:/kept]
  api:
    {service}
    networks: [back, front]
    depends_on: [store]
    ports: ["127.0.0.1::8080"]
  worker:
    {still}
    networks: [back]
networks: {{ back: {{ internal: true }}, front: {{}} }}
volumes: {{ kept: {{}} }}
"""


def stack_file(name: str, round_: str) -> str:
    def service(name: str, more: str, round_: str) -> str:
        limits = "resources: { cpu: 200m, memory: 32Mi }"
        command = f'command: [sh, -c, "{WAIT}"]'
        return f'  {name}: {{ type: service, image: "busybox:1", {more}env: {{ ROUND: "{round_}" }}, {command}, {limits} }}\n'

    return (
        f"version: 1\nname: {name}\ncomponents:\n"
        + service("store", "volumes: [{ name: kept, path: /kept }], ", round_)
        + service("api", "uses: [store], port: 8080, expose: { port: PORT }, ", round_).replace("PORT", str(free_port()))
        + service("worker", "", "ONE")
    )


PORTS: list[int] = []


def free_port() -> int:
    """The same one for the whole run."""
    if not PORTS:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            PORTS.append(listener.getsockname()[1])
    return PORTS[0]


def docker(*arguments: str) -> list[str]:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.splitlines()


class Peer:
    """One program, with a project of its own."""

    def __init__(self, program: str, up: list[str], file: str, text):
        self.program, self.up, self.file, self.text = program, [program, *up], file, text
        self.name = f"kill{os.getpid()}{Path(program).name.replace('-', '')}"
        self.folder = tempfile.TemporaryDirectory()
        self.label = f"label=com.docker.compose.project={self.name}"

    def start(self, round_: str) -> subprocess.Popen:
        (Path(self.folder.name) / self.file).write_text(self.text(self.name, round_))
        return subprocess.Popen(
            self.up, cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def run(self, round_: str) -> int:
        return self.start(round_).wait(timeout=300)

    def things(self) -> dict[str, list[str]]:
        return {
            "containers": sorted(docker("ps", "-a", "--filter", self.label, "--format", "{{.Names}} {{.State}}")),
            "networks": sorted(docker("network", "ls", "--filter", self.label, "--format", "{{.Name}}")),
            "volumes": sorted(docker("volume", "ls", "--filter", self.label, "--format", "{{.Name}}")),
        }

    def ids(self) -> list[str]:
        return sorted(docker("ps", "-aq", "--no-trunc", "--filter", self.label))

    def in_store(self, *command: str) -> list[str]:
        return docker("exec", f"{self.name}-store-1", *command)

    def wrong(self, round_: str) -> str | None:
        """What the run after a kill leaves to be desired."""
        if (code := self.run(round_)) != 0:
            return f"the next run ends with {code}"
        expected = {
            "containers": [f"{self.name}-{service}-1 running" for service in NAMES],
            "networks": [f"{self.name}_back", f"{self.name}_front"],
            "volumes": [f"{self.name}_kept"],
        }
        if (things := self.things()) != expected:
            return f"left {things}"
        if self.in_store("cat", "/kept/mark") != ["kept"]:
            return "the data is lost"
        before = self.ids()
        return "a third run replaces containers" if self.run(round_) != 0 or self.ids() != before else None

    def measure(self, instants: int) -> tuple[int, list[str]]:
        assert self.run("ONE") == 0, f"{self.program} cannot start the stack"
        self.in_store("sh", "-c", "echo kept > /kept/mark")
        begun = time.monotonic()
        assert self.run("TWO") == 0
        length, failures = time.monotonic() - begun, []
        for instant in range(instants):
            round_ = "ONE" if instant % 2 == 0 else "TWO"
            child = self.start(round_)
            time.sleep(length * (instant + 0.5) / instants)
            child.send_signal(signal.SIGKILL)
            child.wait()
            if wrong := self.wrong(round_):
                failures.append(f"at {(instant + 0.5) / instants:.2f} of {length:.1f} s: {wrong}")
                self.sweep(keep_data=True)
                assert self.run(round_) == 0
                self.in_store("sh", "-c", "echo kept > /kept/mark")
        return instants - len(failures), failures

    def sweep(self, keep_data: bool = False) -> None:
        for container in docker("ps", "-aq", "--filter", self.label):
            subprocess.run(["docker", "rm", "-fv", container], capture_output=True)
        for network in docker("network", "ls", "-q", "--filter", self.label):
            subprocess.run(["docker", "network", "rm", network], capture_output=True)
        for volume in [] if keep_data else docker("volume", "ls", "-q", "--filter", self.label):
            subprocess.run(["docker", "volume", "rm", volume], capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compose", required=True)
    parser.add_argument("--mlstack")
    parser.add_argument("--instants", type=int, default=40)
    arguments = parser.parse_args()
    peers = [Peer(arguments.compose, ["up", "-d", "--wait"], "compose.yaml", compose_file)]
    if arguments.mlstack:
        peers.append(Peer(arguments.mlstack, ["apply", "-y"], "mlstack.yaml", stack_file))
    for peer in peers:
        try:
            converged, failures = peer.measure(arguments.instants)
            print(f"{Path(peer.program).name}: {converged} of {arguments.instants} converged", flush=True)
            print("".join(f"  {failure}\n" for failure in failures), end="", flush=True)
        finally:
            peer.sweep()


if __name__ == "__main__":
    main()
