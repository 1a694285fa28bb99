"""The client speaks to a server: a stub that answers with the committed model."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import data
import run_inference


class Stub(HTTPServer):
    """A server with one model; `shift` makes its answers wrong, `status` makes them errors."""

    session: Any
    shift = 0.0
    status = 200
    raw: bytes | None = None

    def answer(self, request: dict[str, float]) -> bytes:
        if self.raw is not None:
            return self.raw
        row = data.as_row(request).astype(np.float32).reshape(1, -1)
        prediction = self.session.run(None, {"X": row})[0].item() + self.shift
        return json.dumps({"prediction": prediction}).encode()


class Handler(BaseHTTPRequestHandler):
    """POST /predict, and nothing else."""

    server: Stub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = self.path == "/predict" and self.headers["Content-Type"] == "application/json"
        content = self.server.answer(json.loads(body)) if found else b"not here"
        self.send_response(self.server.status if found else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def stub(here: Path) -> Iterator[Stub]:
    server = Stub(("127.0.0.1", 0), Handler)
    server.session = onnxruntime.InferenceSession(here / "model" / "diabetes.onnx")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def url(stub: Stub) -> str:
    return f"http://127.0.0.1:{stub.server_port}"


@pytest.mark.parametrize("compare", sorted(run_inference.COMPARISONS))
def test_right_answers_pass(stub: Stub, compare: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_inference.main(["--url", url(stub), "--compare", compare]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all("as expected" in line for line in lines)


@pytest.mark.parametrize("compare", sorted(run_inference.COMPARISONS))
def test_wrong_answers_fail(stub: Stub, compare: str, capsys: pytest.CaptureFixture[str]) -> None:
    stub.shift = 0.01
    assert run_inference.main(["--url", url(stub), "--compare", compare]) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_one_request_without_an_expectation(
    stub: Stub, parts: data.Split, capsys: pytest.CaptureFixture[str]
) -> None:
    request = json.dumps(data.as_request(parts.x_train[0]))
    assert run_inference.main(["--url", url(stub) + "/", "--json", request]) == 0
    out = capsys.readouterr().out
    assert "ms" in out
    assert "expected" not in out


def test_an_error_shows_what_the_server_said(
    stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.status, stub.raw = 422, b'{"error": "age: required"}'
    assert run_inference.main(["--url", url(stub)]) == 1
    assert "answered 422" in (err := capsys.readouterr().err)
    assert "age: required" in err


@pytest.mark.parametrize("raw", [b"hello", b"[]", b"{}", b'{"prediction": null}', b'"prediction"'])
def test_something_else_than_a_prediction_is_an_error(
    stub: Stub, raw: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.raw = raw
    assert run_inference.main(["--url", url(stub)]) == 1
    assert "did not answer with a prediction" in capsys.readouterr().err


def test_no_server_is_an_error(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    address = url(stub)
    stub.server_close()
    assert run_inference.main(["--url", address]) == 1
    assert "cannot be reached" in capsys.readouterr().err


def test_the_client_needs_python_alone(stub: Stub, here: Path) -> None:
    """-S hides installed packages: what still imports is the standard library."""
    command = [sys.executable, "-S", str(here / "run_inference.py"), "--url", url(stub)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("as expected") == 6
