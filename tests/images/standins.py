"""The command line of build.sh: which stand-ins there are, which the engine has, building and removing them."""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import archive
from parts import Missing, Sysroot
from recipes import IMAGES, TAGS
from rootfs import HERE, Root

LABEL = "dev.mlstack.test-image"
CACHES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = Path(os.environ.get("MLSTACK_IMAGE_CACHE") or CACHES / "mlstack-test-images")
NONE, CURRENT, OUTDATED, FOREIGN = "absent", "current", "outdated", "not ours"


def main() -> int:
    os.umask(0o022)
    options = _options()
    names = options.images or [name for name, recipe in IMAGES.items() if recipe.core or options.all]
    try:
        return _run(options, names)
    except (Missing, subprocess.SubprocessError, OSError) as error:
        print(f"tests/images/build.sh: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    description = "Builds stand-ins for container images and loads them into the Docker engine."
    parser = argparse.ArgumentParser(prog="build.sh", description=description)
    add = parser.add_argument
    names = f"one of {', '.join(IMAGES)} (default: all but python)"
    add("images", nargs="*", metavar="IMAGE", choices=[[], *IMAGES], help=names)
    add("-a", "--all", action="store_true", help="every image")
    add("-l", "--list", action="store_true", help="what can be built, and what the engine has")
    add("-f", "--force", action="store_true", help="build again, and replace an image of that name that is not ours")
    add("-r", "--remove", action="store_true", help="remove the stand-ins, and nothing else")
    add("-o", "--output", type=Path, metavar="DIR", help="write DIR/IMAGE.tar instead of loading it")
    add("-q", "--quiet", action="store_true", help="print errors only")
    return parser.parse_args()


def _run(options: argparse.Namespace, names: list[str]) -> int:
    if options.output:
        return _build(names, options)
    if options.list:
        return _list()
    if options.remove:
        return _remove(options.images or list(IMAGES), options.quiet)
    return _build(names, options)


def _recipe() -> str:
    """A digest of everything in this folder that decides what an image holds."""
    sources = sorted([*HERE.glob("*.py"), *HERE.glob("*.txt"), *HERE.glob("entrypoints/*")])
    digest = hashlib.sha256()
    for path in sources:
        digest.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _docker(*words: str | Path, timeout: int = 300) -> subprocess.CompletedProcess:
    return subprocess.run(["docker", *words], text=True, capture_output=True, timeout=timeout)


def _states(names: list[str]) -> dict[str, dict[str, str]]:
    """The state of each tag of each image."""
    if _docker("version", timeout=30).returncode != 0:
        raise Missing("no Docker engine answers; tests/ground.sh -y starts one")
    tags = [tag for name in names for tag in TAGS[name]]
    # Fails when one tag is unknown, and prints the others all the same.
    found = json.loads(_docker("image", "inspect", *tags).stdout or "[]")
    recipe = _recipe()
    return {name: {tag: _state(tag, name, recipe, found) for tag in TAGS[name]} for name in names}


def _state(tag: str, name: str, recipe: str, found: list[dict]) -> str:
    """A stand-in has our label and one layer: an image that was built FROM it inherits the label but has more."""
    image = next((image for image in found if tag in (image.get("RepoTags") or [])), None)
    if image is None:
        return NONE
    label = ((image["Config"] or {}).get("Labels") or {}).get(LABEL, "")
    if not label.endswith(f":{name}") or len(image["RootFS"]["Layers"]) != 1:
        return FOREIGN
    return CURRENT if label == f"{recipe}:{name}" else OUTDATED


def _list() -> int:
    for name, states in _states(list(IMAGES)).items():
        print(f"{name:<10} {', '.join(f'{tag} ({state})' for tag, state in states.items())}")
    return 0


def _remove(names: list[str], quiet: bool) -> int:
    for states in _states(names).values():
        for tag in (tag for tag, state in states.items() if state in (CURRENT, OUTDATED)):
            done = _docker("image", "rm", tag)
            if done.returncode != 0:
                raise Missing(done.stderr.strip())
            _say(quiet, f"removed {tag}")
    return 0


def _build(names: list[str], options: argparse.Namespace) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one run at a time
        todo = names if options.output else _todo(names, options)
        if not todo:
            _say(options.quiet, "stand-in images: nothing to build")
            return 0
        _check_machine()
        with tempfile.TemporaryDirectory(prefix="run.", dir=CACHE) as run:
            _build_all(todo, Path(run), options)
    return 0


def _todo(names: list[str], options: argparse.Namespace) -> list[str]:
    todo = []
    for name, states in _states(names).items():
        if FOREIGN in states.values() and not options.force:
            _say(options.quiet, f"{name}: an image of that name is there and not ours: left alone (see --force)")
        elif options.force or set(states.values()) != {CURRENT}:
            todo.append(name)
    return todo


def _check_machine():
    """The recipes name Debian 12's packages, and the PostgreSQL build links to its libraries."""
    system = platform.freedesktop_os_release()
    if (system.get("ID"), system.get("VERSION_ID")) != ("debian", "12"):
        name = system.get("PRETTY_NAME", "another system")
        raise Missing(f"stand-ins need Debian 12 and this is {name}: let the engine reach an image registry instead")
    for tool in ("apt-get", "dpkg-deb", "tar"):
        if not shutil.which(tool):
            raise Missing(f"{tool} is missing")


def _build_all(names: list[str], run: Path, options: argparse.Namespace):
    started = time.monotonic()
    _say(options.quiet, f"stand-in images: getting the parts of {', '.join(names)}")
    packages = sorted({package for name in names for package in IMAGES[name].packages.split()})
    sysroot = Sysroot(run / "sysroot", CACHE, packages)
    recipe = _recipe()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        lines = [pool.submit(_build_one, name, recipe, run, sysroot, options) for name in names]
        for line in lines:
            _say(options.quiet, line.result())
    _say(options.quiet, f"stand-in images: {len(names)} in {time.monotonic() - started:.0f} s")


def _build_one(name: str, recipe: str, run: Path, sysroot: Sysroot, options: argparse.Namespace) -> str:
    started, work = time.monotonic(), run / name
    work.mkdir()
    root = Root(work, sysroot, CACHE)
    config = IMAGES[name].fill(root)
    oci = "org.opencontainers.image"
    labels = {LABEL: f"{recipe}:{name}", f"{oci}.title": name, f"{oci}.description": "a stand-in, not upstream's"}
    target = (options.output or work) / f"{name}.tar"
    target.parent.mkdir(parents=True, exist_ok=True)
    archive.write(root, config, labels, TAGS[name], target)
    if not options.output:
        _load(target, TAGS[name])
    size = (work / "layer.tar").stat().st_size / 1e6
    shutil.rmtree(work)
    return f"{name:<10} {size:6.1f} MB {time.monotonic() - started:5.1f} s  {' '.join(TAGS[name])}"


def _load(file: Path, tags: list[str]):
    """Loads the image, and removes the one that had its names before, unless a container still uses it."""
    before = {_image_id(tag) for tag in tags}
    done = _docker("load", "-q", "-i", file)
    if done.returncode != 0:
        raise Missing(f"docker load: {done.stderr.strip()}")
    for old in before - {_image_id(tags[0]), ""}:
        _docker("image", "rm", old)


def _image_id(tag: str) -> str:
    return _docker("image", "inspect", "-f", "{{.Id}}", tag).stdout.strip()


def _say(quiet: bool, line: str):
    if not quiet:
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
