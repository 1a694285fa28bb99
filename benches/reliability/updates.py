#!/usr/bin/env python3
"""What users notice of an update: failed probes, ours beside the real Docker Compose's, on one stack in one run.

    MLSTACK_SERVER_BIN=… benches/reliability/updates.py MLSTACK DOCKER_COMPOSE

Sets up a stack of its own from examples/diabetes, without its object store, and takes it away again. Prints a table in
Markdown. A probe is one prediction over a new connection with two seconds of time; probes start every 20 ms.
"""
import json, sys

from probes import ROW, Stack, free_port, prediction

STACK = """version: 1
name: NAME
components:
  predictor:
    type: model-server
    model: model/diabetes.onnx
    resources: { memory: PREDICTOR }
    uses: [db]
    log_predictions: db
    EXPOSE
    checks:
      - request: ROW
        expect: { prediction: 82.1535, within: 0.01 }
        p95: BOUND
  db: { type: database, engine: postgres, version: "17", storage: 1Gi }
  web:
    type: frontend
    calls: predictor
    resources: { memory: WEB }
    expose: { port: PORT }
environments:
  dev: { target: compose }
"""


def main():
    port, direct = free_port(), free_port()
    page = lambda: prediction(f"http://127.0.0.1:{port}/api/predict")
    model = lambda: prediction(f"http://127.0.0.1:{direct}/predict")
    memory = (f"{mebibytes}Mi" for mebibytes in range(257, 999))
    with Stack(STACK, *sys.argv[1:3], PREDICTOR="256Mi", EXPOSE="", BOUND="10s", PORT=str(port), WEB="64Mi",
               ROW=json.dumps(ROW)) as stack:
        stack.write()
        stack.ours()

        def both(what, ask):
            for who, update in [("mlstack", stack.ours), ("Compose", stack.theirs)] * 3:
                stack.write(PREDICTOR=next(memory))
                stack.measure(what, who, ask, update)

        both("model server behind the page", page)
        stack.write(PREDICTOR=next(memory), BOUND="1us")
        too_late = "model server behind the page, its answers too late"
        stack.measure(too_late, "mlstack", page, lambda: stack.ours(8))
        stack.write(BOUND="10s", PREDICTOR=next(memory), EXPOSE=f"expose: {{ port: {direct} }}")
        stack.ours()
        both("model server with a published port", model)
        stack.write(WEB="1Mi")
        stack.measure("page with a port, the new one killed for memory", "mlstack", page, lambda: stack.ours(1, 8, 10))


if __name__ == "__main__":
    main()
