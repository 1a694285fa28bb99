"""Packs a root folder as a docker-archive. The same files give the same bytes, and so the same image ID."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

from rootfs import PATH, Root

CREATED = "2020-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write(root: Root, config: dict, labels: dict[str, str], tags: list[str], target: Path):
    """Writes `target`: one layer (sorted, without times, with fixed owners), the config and the manifest."""
    layer = root.work / "layer.tar"
    _layer(root, layer)
    config = {"Env": [f"PATH={PATH}"], **config, "Labels": labels}
    image = {
        "created": CREATED,
        "architecture": ARCHITECTURES[os.uname().machine],
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
        "history": [{"created": CREATED, "created_by": "tests/images/build.sh"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": tags, "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in (("config.json", image), ("manifest.json", manifest)):
            _add_bytes(tar, name, json.dumps(content, sort_keys=True).encode())
        tar.add(layer, "layer.tar", filter=lambda info: _plain(info, {}))


def _layer(root: Root, target: Path):
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for folder, folders, files in os.walk(root.folder):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(folders + files):
                path = Path(folder, name)
                place = str(path.relative_to(root.folder))
                tar.add(path, place, recursive=False, filter=lambda info: _plain(info, root.owners))


def _plain(info: tarfile.TarInfo, owners: dict[str, int]) -> tarfile.TarInfo:
    info.mtime, info.uname, info.gname = 0, "", ""
    info.uid = info.gid = owners.get(info.name, 0)
    return info


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
