"""What the benches of this folder share: a stack of their own from examples/diabetes, and probes every 20 ms."""
import json, os, pathlib, shutil, socket, subprocess, sys, tempfile, threading, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = {"age": 41, "sex": 1, "bmi": 20.5, "bp": 80, "s1": 124, "s2": 48.8, "s3": 64, "s4": 2, "s5": 4.0254, "s6": 75}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def prediction(url):
    """One prediction over a new connection, with two seconds of time."""
    request = urllib.request.Request(url, json.dumps(ROW).encode(), {"content-type": "application/json"})
    assert "prediction" in json.load(urllib.request.urlopen(request, timeout=2))


class Probes:
    """Calls `ask`, which raises when it gets no answer, until told to stop."""

    def __init__(self, ask):
        self.ask, self.asked, self.lost, self.words = ask, 0, [], {}
        self.stop, self.lock, self.threads = threading.Event(), threading.Lock(), []
        self.clock = threading.Thread(target=self.run)

    def once(self):
        begun, word = time.monotonic(), None
        try:
            self.ask()
        except Exception as error:
            word = str(error)[:60] or type(error).__name__
        with self.lock:
            self.asked += 1
            if word:
                self.lost.append(begun)
                self.words[word] = self.words.get(word, 0) + 1

    def run(self):
        while not self.stop.is_set():
            thread = threading.Thread(target=self.once)
            thread.start()
            self.threads.append(thread)
            time.sleep(0.02)

    def gap(self):
        """Seconds from the first lost probe to the last."""
        return max(self.lost) - min(self.lost) if self.lost else 0.0

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


class Stack:
    """A stack file with words in capitals that stand for values, in a folder of its own; gone at the end."""

    def __init__(self, text, mlstack, compose, **values):
        self.name, self.text, self.values = f"updates{os.getpid()}", text, values
        self.mlstack, self.compose = (str(pathlib.Path(p).resolve()) for p in (mlstack, compose))
        self.folder = pathlib.Path(tempfile.mkdtemp())
        shutil.copytree(ROOT / "examples/diabetes/model", self.folder / "model")

    def write(self, **changed):
        self.values.update(changed)
        text = self.text.replace("NAME", self.name)
        for key, value in self.values.items():
            text = text.replace(key, value)
        (self.folder / "mlstack.yaml").write_text(text)

    def run(self, *command, ok=(0,)):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode not in ok:
            sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ours(self, *codes):
        """Applies with mlstack, which must end with one of `codes` (0 when there are none)."""
        done = self.run(self.mlstack, "apply", "-y", ok=codes or (0,))
        if codes:
            print("   ", "\n    ".join(done.stderr.strip().splitlines()[-6:]), file=sys.stderr)

    def theirs(self):
        """Applies with the real Docker Compose."""
        self.run(self.mlstack, "render")
        self.run(self.compose, "-f", "dist/compose/compose.yaml", "up", "-d", "--wait")

    def measure(self, what, who, ask, update):
        """Probes while `update` runs, and prints a row."""
        begun = time.monotonic()
        with Probes(ask) as probes:
            update()
            took = time.monotonic() - begun - 0.5
        row = (what, who, probes.asked, len(probes.lost), f"{probes.gap():.2f} s", f"{took:.1f} s")
        print("|", " | ".join(map(str, row)), "|", flush=True)
        if probes.words:
            print("   ", probes.words, file=sys.stderr)

    def __enter__(self):
        print("| update | by | probes | failed | from first to last | took |\n|---|---|--:|--:|--:|--:|", flush=True)
        return self

    def __exit__(self, *_):
        self.end()
        shutil.rmtree(self.folder)

    def end(self):
        """Takes everything down."""
        down = [self.compose, "-p", self.name, "down", "-v", "-t", "3"]
        subprocess.run(down, cwd=self.folder, capture_output=True)
        tags = subprocess.run(["docker", "images", "-q", "--filter", f"label=io.mlstack.stack={self.name}"],
                              capture_output=True, text=True).stdout.split()
        subprocess.run(["docker", "rmi", *tags], capture_output=True)
