#!/bin/sh
# The broker drops root by itself; its folders are made its own first.
set -eu
if [ "$(id -u)" = 0 ]; then chown -R mosquitto:mosquitto /mosquitto/data /mosquitto/log || :; fi
exec "$@"
