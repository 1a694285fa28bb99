#!/bin/sh
# A weed subcommand, with upstream's defaults for the common roles.
set -eu
command=${1:-help}
[ $# = 0 ] || shift
case $command in
    master) set -- -mdir=/data -volumeSizeLimitMB=1024 "$@" ;;
    volume) set -- -dir=/data -max=0 "$@" ;;
    server) set -- -dir=/data -volume.max=0 -master.volumeSizeLimitMB=1024 "$@" ;;
    mini) set -- -dir=/data "$@" ;;
esac
exec weed -logtostderr=true "$command" "$@"
