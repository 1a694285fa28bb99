#!/usr/bin/env python3
"""What users notice of an update: failed probes, ours beside the real Docker Compose's, on one stack in one run.

    MLSTACK_SERVER_BIN=… benches/reliability/updates.py MLSTACK DOCKER_COMPOSE

Sets up a stack of its own from examples/diabetes, without its object store, and takes it away again. Prints a table in
Markdown. A probe is one prediction over a new connection with two seconds of time; probes start every 20 ms.
"""
import json, os, pathlib, shutil, socket, subprocess, sys, tempfile, threading, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLSTACK, COMPOSE = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
ROW = {"age": 41, "sex": 1, "bmi": 20.5, "bp": 80, "s1": 124, "s2": 48.8, "s3": 64, "s4": 2, "s5": 4.0254, "s6": 75}
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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Probes:
    """Asks the page's way to the model until told to stop."""

    def __init__(self, url):
        self.url, self.asked, self.lost, self.words = url, 0, 0, {}
        self.stop, self.lock, self.threads = threading.Event(), threading.Lock(), []
        self.clock = threading.Thread(target=self.run)

    def once(self):
        try:
            request = urllib.request.Request(self.url, json.dumps(ROW).encode(), {"content-type": "application/json"})
            good, word = "prediction" in json.load(urllib.request.urlopen(request, timeout=2)), "other"
        except Exception as error:
            good, word = False, str(error)[:60]
        with self.lock:
            self.asked += 1
            if not good:
                self.lost += 1
                self.words[word] = self.words.get(word, 0) + 1

    def run(self):
        while not self.stop.is_set():
            thread = threading.Thread(target=self.once)
            thread.start()
            self.threads.append(thread)
            time.sleep(0.02)

    def __enter__(self):
        self.clock.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        time.sleep(0.5)
        self.stop.set()
        self.clock.join()
        for thread in self.threads:
            thread.join()


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    shutil.copytree(ROOT / "examples/diabetes/model", folder / "model")
    name, port, direct = f"updates{os.getpid()}", free_port(), free_port()
    values = {"NAME": name, "PORT": str(port), "PREDICTOR": "256Mi", "WEB": "64Mi", "BOUND": "10s",
              "ROW": json.dumps(ROW), "EXPOSE": ""}

    def write(**changed):
        values.update(changed)
        text = STACK
        for key in ("PREDICTOR", "EXPOSE", "BOUND", "NAME", "PORT", "WEB", "ROW"):
            text = text.replace(key, values[key])
        (folder / "mlstack.yaml").write_text(text)

    def run(*command, ok=(0,)):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode not in ok:
            sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ours(*codes):
        done = run(MLSTACK, "apply", "-y", ok=codes or (0,))
        if codes:
            print("   ", "\n    ".join(done.stderr.strip().splitlines()[-6:]), file=sys.stderr)

    def compose():
        run(MLSTACK, "render")
        run(COMPOSE, "-f", "dist/compose/compose.yaml", "up", "-d", "--wait")

    page, model = f"http://127.0.0.1:{port}/api/predict", f"http://127.0.0.1:{direct}/predict"

    def measure(what, who, url, update):
        begun = time.monotonic()
        with Probes(url) as probes:
            update()
            took = time.monotonic() - begun - 0.5
        print(f"| {what} | {who} | {probes.asked} | {probes.lost} | {took:.1f} s |", flush=True)
        if probes.words:
            print("   ", probes.words, file=sys.stderr)

    try:
        write()
        ours()
        print("| update | by | probes | failed | took |\n|---|---|--:|--:|--:|", flush=True)
        for memory in ("257Mi", "258Mi", "259Mi"):
            write(PREDICTOR=memory)
            measure("model server behind the page", "mlstack", page, ours)
        for memory in ("260Mi", "261Mi"):
            write(PREDICTOR=memory)
            measure("model server behind the page", "Compose", page, compose)
        write(PREDICTOR="262Mi", BOUND="1us")
        measure("model server behind the page, its answers too late", "mlstack", page, lambda: ours(8))
        write(BOUND="10s", PREDICTOR="263Mi", EXPOSE=f"expose: {{ port: {direct} }}")
        ours()
        for memory in ("264Mi", "265Mi"):
            write(PREDICTOR=memory)
            measure("model server with a published port", "mlstack", model, ours)
        for memory in ("266Mi", "267Mi"):
            write(PREDICTOR=memory)
            measure("model server with a published port", "Compose", model, compose)
        write(WEB="1Mi")
        measure("page with a port, the new one killed for memory", "mlstack", page, lambda: ours(1, 8, 10))
    finally:
        subprocess.run([COMPOSE, "-p", name, "down", "-v", "-t", "3"], cwd=folder, capture_output=True)
        tags = subprocess.run(["docker", "images", "-q", "--filter", f"label=io.mlstack.stack={name}"],
                              capture_output=True, text=True).stdout.split()
        subprocess.run(["docker", "rmi", *tags], capture_output=True)
        shutil.rmtree(folder)


main()
