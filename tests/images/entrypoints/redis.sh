#!/bin/sh
# Serves redis and valkey: drops root, and answers other containers as upstream's build does.
set -eu
server=redis-server user=redis
if command -v valkey-server >/dev/null; then server=valkey-server user=valkey; fi
case ${1:-} in -* | *.conf) set -- $server "$@" ;; esac
case ${1:-} in redis-server | valkey-server) ;; *) exec "$@" ;; esac
if [ "$(id -u)" = 0 ]; then
    find . \! -user $user -exec chown $user:$user {} +
    # shellcheck disable=SC2016  # the inner shell expands them
    exec su -s /bin/sh $user -c 'exec "$0" "$@"' -- "$0" "$@"
fi
case " $* " in
    *" --protected-mode "* | *".conf "*) ;;
    *) set -- "$@" --protected-mode no ;;
esac
exec "$@"
