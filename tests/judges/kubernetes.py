"""Checks every object of a folder against the schemas of Kubernetes, strictly, for every version from 1.29 on.

Prints one line a fault and ends with 1 where there is any. A kind that the schemas do not know is a fault too.
"""

import pathlib
import sys

import yaml
from kubernetes_validate import utils

OLDEST = (1, 29)
# Kinds that a cluster gets from somebody else have no schema here.
FOREIGN = ("gateway.networking.k8s.io/",)


def versions():
    known = {tuple(int(part) for part in version.split(".")[:2]) for version in utils.all_versions()}
    return sorted(version for version in known if version >= OLDEST)


def faults(path):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if document["apiVersion"].startswith(FOREIGN):
        return
    for version in (f"{major}.{minor}" for major, minor in versions()):
        try:
            utils.validate(document, version, strict=True)
        except Exception as error:  # each sort of fault has a class of its own
            place = ".".join(str(part) for part in getattr(error, "path", []))
            yield f"{path.name}: {version}: {place}: {error.message}"


files = [path for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")) if path.name != "kustomization.yaml"]
wrong = [fault for path in files for fault in faults(path)]
if wrong:
    sys.exit("\n".join(wrong))
print(f"{len(files)} objects, versions {versions()[0][1]} to {versions()[-1][1]}")
