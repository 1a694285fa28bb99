#!/usr/bin/env python3
"""How fast `mlstack lsp` answers: on a stack file, and on one of a thousand components.

    cargo build --release -p mlstack
    benches/lsp.py --mlstack target/release/mlstack

Prints a table of medians, from a message sent to its answer read, over stdin and stdout, and the most memory it took.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import time

ROUNDS = 20
EXAMPLE = pathlib.Path(__file__).parent.parent / "examples/diabetes/mlstack.yaml"


def thousand():
    """A thousand services in a row, each with a reference to the first."""
    parts = [
        f"  c{i}:\n    type: service\n    image: nginx:1.29.3\n    resources: {{cpu: 500m, memory: 64Mi}}\n"
        f"    env: {{A: '${{c0.host}}'}}\n" + (f"    uses: [c{i - 1}]\n" if i else "")
        for i in range(1000)
    ]
    return "version: 1\nname: big\ncomponents:\n" + "".join(parts)


class Server:
    def __init__(self, executable):
        self.process = subprocess.Popen([executable, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.id = 0
        self.ask("initialize", {"capabilities": {}})

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def read(self):
        length = int(self.process.stdout.readline().split(b":")[1])
        self.process.stdout.readline()
        return json.loads(self.process.stdout.read(length))

    def ask(self, method, params):
        self.id += 1
        self.send(id=self.id, method=method, params=params)
        while True:
            answer = self.read()
            if answer.get("id") == self.id:
                return answer["result"]

    def memory(self):
        """The most that was resident until now."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        return f"{kib / 1024:.0f} MiB"

    def tell(self, method, params):
        """Sends, and waits for the diagnostics that come of it."""
        self.send(method=method, params=params)
        return self.read()["params"]["diagnostics"]


def median(work):
    took = []
    for i in range(ROUNDS):
        start = time.perf_counter()
        work(i)
        took.append(time.perf_counter() - start)
    return f"{statistics.median(took) * 1000:.1f} ms"


def measure(executable, path, text, component):
    server, uri = Server(executable), path.as_uri()
    item = {"uri": uri, "languageId": "yaml", "version": 0, "text": text}
    assert server.tell("textDocument/didOpen", {"textDocument": item}) == [], "the file is right"
    lines = text.splitlines()
    name = next(i for i, line in enumerate(lines) if line == f"  {component}:")
    about = {"textDocument": {"uri": uri}, "position": {"line": name, "character": 3}}
    blank = {"start": {"line": name + 1, "character": 0}, "end": {"line": name + 1, "character": 0}}

    def typed(i):
        """One letter, there and gone."""
        start = {"line": 1, "character": 0}
        end = {"line": 1, "character": i % 2}
        change = {"range": {"start": start, "end": end}, "text": "" if i % 2 else "x"}
        document = {"uri": uri, "version": i}
        server.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def fresh(method, params):
        """A question about a text that was just changed: nothing is known of it yet."""

        def work(i):
            change = {"range": blank, "text": "    \n"} if i % 2 == 0 else {
                "range": {"start": blank["start"], "end": {"line": name + 2, "character": 0}}, "text": ""}
            document = {"uri": uri, "version": i}
            server.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
            start = time.perf_counter()
            assert server.ask(method, params) is not None
            return time.perf_counter() - start

        return f"{statistics.median(work(i) for i in range(ROUNDS)) * 1000:.1f} ms"

    key = {**about, "position": {"line": name + 1, "character": 4}}
    row = [median(typed), fresh("textDocument/completion", key), fresh("textDocument/hover", about)]
    row.append(median(lambda _: server.ask("textDocument/references", {**about, "context": {}})))
    row.append(server.memory())
    server.ask("shutdown", None)
    server.send(method="exit")
    assert server.process.wait() == 0
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mlstack", required=True)
    executable = parser.parse_args().mlstack
    print("| stack file | a letter → diagnostics | completion | hover | references | memory |\n|---|---|---|---|---|---|")
    text = thousand()
    for title, path, text, component in [
        (f"examples/diabetes, {len(EXAMPLE.read_text().splitlines())} lines", EXAMPLE, EXAMPLE.read_text(), "db"),
        (f"1,000 components, {len(text) // 1024} KiB", pathlib.Path("/nowhere/mlstack.yaml"), text, "c0"),
    ]:
        print("| " + " | ".join([title, *measure(executable, path.absolute().resolve(), text, component)]) + " |")


main()
