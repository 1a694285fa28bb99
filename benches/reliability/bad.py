#!/usr/bin/env python3
"""A bad image on each service: how many probes of the version before it fail.

    MLSTACK_SERVER_BIN=… benches/reliability/bad.py MLSTACK DOCKER_COMPOSE

Sets up the stack of examples/diabetes and gives its database, its object store and its page one image after the other that
is missing, ends at once, never becomes healthy, or ends only where it finds data; makes and removes those images too.
Prints a table in Markdown. Probes start every 20 ms, each over a new connection with two seconds of time: the database
must answer the first packet of its protocol, the others an HTTP request.
"""
import pathlib, socket, subprocess, sys, tempfile, urllib.error, urllib.request

from probes import Stack, free_port

STACK = """version: 1
name: NAME
components:
  predictor:
    type: model-server
    model: model/diabetes.onnx
    uses: [db, artifacts]
    log_predictions: db
  db: { type: database, engine: postgres, version: "VERSION_DB", storage: 1Gi }
  artifacts: { type: object-store, version: "VERSION_STORE", buckets: { models: {} } }
  web: { type: frontend, calls: predictor, expose: { port: PORT }WEB }
environments:
  dev: { target: compose }
"""
GOOD = {"db": "postgres:17", "artifacts": "chrislusf/seaweedfs:4.48"}
PROGRAM = {"db": "docker-entrypoint.sh", "artifacts": "weed"}
DATA = {"db": "/var/lib/postgresql/data/PG_VERSION", "artifacts": "/data/*"}
BAD = {
    "ends at once": "exit 3",
    "never healthy": "exec sleep 1000",
    "ends on its data": 'case "$*" in postgres | *server*) ls DATA && exit 3 ;; esac; PATH=${PATH#/bad:} exec PROGRAM "$@"',
}


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def spoilt(reference, service, script):
    """The service's image with a script in the place of its program."""
    container = docker("create", GOOD[service])
    path = docker("inspect", "-f", '{{range .Config.Env}}{{println .}}{{end}}', container)
    path = next((line for line in path.splitlines() if line.startswith("PATH=")), "PATH=/usr/local/bin:/usr/bin:/bin")
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "bad", PROGRAM[service])
        program.parent.mkdir(mode=0o755)
        script = script.replace("DATA", DATA[service]).replace("PROGRAM", PROGRAM[service])
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        docker("cp", str(program.parent), f"{container}:/")
    docker("commit", "--change", f"ENV PATH=/bad:{path.removeprefix('PATH=')}", container, reference)
    docker("rm", "-v", container)
    return reference


def address(stack, service):
    of = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return docker("inspect", "-f", of, f"{stack.name}-{service}-1").split()[0]


def database(host):
    """PostgreSQL answers a request for TLS with one letter."""
    with socket.create_connection((host, 5432), timeout=2) as connection:
        connection.sendall(bytes([0, 0, 0, 8, 4, 210, 22, 47]))
        assert connection.recv(1) in (b"N", b"S")


def web(url):
    try:
        urllib.request.urlopen(url, timeout=2).read()
    except urllib.error.HTTPError as refused:
        assert refused.code in (400, 403)  # an answer, for whom has no key


def main():
    port, made = free_port(), []
    good = {"VERSION_DB": "17", "VERSION_STORE": "4.48", "WEB": ""}
    with Stack(STACK, *sys.argv[1:3], PORT=str(port), **good) as stack:
        try:
            stack.write()
            stack.ours()
            bad = lambda: stack.ours(1, 8, 10)
            for service, word in (("db", "VERSION_DB"), ("artifacts", "VERSION_STORE")):
                host = address(stack, service)
                asks = {"db": lambda: database(host), "artifacts": lambda: web(f"http://{host}:8333/")}
                ask = asks[service]
                repository, version = GOOD[service].split(":")
                stack.write(**{word: f"{version}-missing"})
                stack.measure(f"{service}: image missing", "mlstack", ask, bad)
                for what, script in BAD.items():
                    stack.write(**{word: f"{version}-{stack.name}-{len(made)}"})
                    made.append(spoilt(f"{repository}:{stack.values[word]}", service, script))
                    stack.measure(f"{service}: {what}", "mlstack", ask, bad)
                stack.write(**good)
                stack.ours()
            page = lambda: web(f"http://127.0.0.1:{port}/")
            for what, image in (("image missing", f"localhost/{stack.name}/web:missing"), ("ends at once", "busybox:1")):
                stack.write(WEB=f', image: "{image}", command: [sh, -c, "exit 3"], port: 8080')
                stack.measure(f"page: {what}", "mlstack", page, bad)
        finally:
            stack.end()
            for image in made:
                docker("rmi", image)


if __name__ == "__main__":
    main()
