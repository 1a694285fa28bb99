"""Fills the root file system of one image: a static busybox, named programs, and the libraries they load."""

import shutil
import subprocess
from pathlib import Path

from parts import Sysroot, wheel

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HERE = Path(__file__).resolve().parent
FOLDERS = "usr/bin usr/sbin usr/lib usr/lib64 usr/local/bin etc tmp root var run proc sys dev home".split()
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
"""
# Applets that would lie about what an image is or do harm in one.
NO_APPLET = ("dpkg", "dpkg-deb", "rpm", "init", "poweroff", "reboot", "halt")
# Loaded by name at run time, or named by programs that were linked against an older glibc.
LOADED_BY_NAME = ("nss_files", "nss_dns", "resolv", "pthread", "dl", "rt", "util")


class Root:
    """The folder that becomes the image's only layer, and the owners that its files get there."""

    def __init__(self, work: Path, sysroot: Sysroot, cache: Path):
        self.work, self.sysroot, self.cache = work, sysroot, cache
        self.folder = work / "root"
        self.owners: dict[str, int] = {}
        self._base()

    def at(self, path: str) -> Path:
        """The place of an image's absolute path in the folder."""
        return self.folder / path.lstrip("/")

    def wheel(self, name: str) -> Path:
        return wheel(name, self.cache, self.work)

    def programs(self, dest: str, *files: Path):
        """Copies programs or libraries and, from the sysroot, whatever they are linked to."""
        self.at(dest).mkdir(parents=True, exist_ok=True)
        for file in files:
            _install(file, self.at(dest) / file.name, 0o755)
        needed = {library for file in files for library in self._needs(file)}
        for library in sorted(needed):
            self._library(library)
        if needed:
            self._loader()

    def tree(self, dest: str, source: Path):
        """Copies a folder with its links and modes."""
        self.at(dest).mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{source}/.", self.at(dest)], check=True)

    def text(self, path: str, content: str, mode: int = 0o644):
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_text(content)
        self.at(path).chmod(mode)

    def entrypoint(self, path: str, script: str):
        """Copies a script from `entrypoints/`."""
        self.text(path, (HERE / "entrypoints" / script).read_text(), 0o755)

    def link(self, path: str, target: str):
        self.at(path).symlink_to(target)

    def user(self, name: str, uid: int, home: str):
        for file, entry in (("passwd", f"{name}:x:{uid}:{uid}::{home}:/sbin/nologin"), ("group", f"{name}:x:{uid}:")):
            with open(self.at(f"/etc/{file}"), "a") as lines:
                lines.write(entry + "\n")

    def owned(self, uid: int, *paths: str, mode: int = 0o755):
        """Folders that belong to the image's own user."""
        for path in paths:
            place = self.at(path)
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(mode)
            # /var/run is a link to /run, and the layer knows only the real place.
            self.owners[str(place.resolve().relative_to(self.folder.resolve()))] = uid

    def _base(self):
        for name in FOLDERS:
            self.at(name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            self.link(name, f"usr/{name}")
        self.link("/var/run", "../run")
        self.at("/tmp").chmod(0o1777)
        self.at("/root").chmod(0o700)
        self._busybox()
        self.text("/etc/passwd", PASSWD)
        self.text("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        self.text("/etc/nsswitch.conf", "hosts: files dns\n")
        self.text("/etc/os-release", 'ID=mlstack-test\nNAME="mlstack test image"\n')

    def _busybox(self):
        busybox = self.sysroot.folder / "bin/busybox"
        _install(busybox, self.at("/usr/bin/busybox"), 0o755)
        applets = subprocess.run([busybox, "--list"], text=True, capture_output=True, check=True).stdout.split()
        for applet in applets:
            if applet not in NO_APPLET and applet != "busybox":
                self.link(f"/usr/bin/{applet}", "busybox")

    def _needs(self, file: Path) -> list[Path]:
        """The sysroot's libraries that the sysroot's own loader finds for a file; none for a static program."""
        loader = self.sysroot.loader
        if subprocess.run([loader, "--verify", file], capture_output=True).returncode not in (0, 2):
            return []
        places = (file.parent.parent / "lib", self.sysroot.libraries, self.sysroot.folder / "usr/lib")
        command = [loader, "--library-path", ":".join(map(str, places)), "--list", file]
        lines = subprocess.run(command, text=True, capture_output=True, check=True).stdout.splitlines()
        found = [Path(line.split()[2]) for line in lines if " => /" in line]
        return [path for path in found if path.is_relative_to(self.sysroot.folder)]

    def _library(self, library: Path):
        place = self.at(f"/{self.sysroot.libraries.relative_to(self.sysroot.folder)}") / library.name
        if not place.exists():
            _install(library, place, 0o644)

    def _loader(self):
        loader = self.sysroot.loader
        _install(loader, self.folder / loader.relative_to(self.sysroot.folder), 0o755)
        for name in LOADED_BY_NAME:
            for library in self.sysroot.libraries.glob(f"lib{name}.so.[0-9]"):
                self._library(library)


def _install(source: Path, place: Path, mode: int):
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
    place.chmod(mode)
