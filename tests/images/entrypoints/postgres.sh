#!/bin/sh
# First start: initdb, role, database and /docker-entrypoint-initdb.d; then the server.
# As upstream, the temporary server of the first start listens on the Unix
# socket only, so a health check without "-h 127.0.0.1" turns healthy too early.
set -eu

note() { echo "docker-entrypoint: $*"; }
fail() { echo "Error: $*" >&2; exit 1; }

# setting VARIABLE DEFAULT: its value, or the content of the file that VARIABLE_FILE names.
setting() {
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    if [ -n "$value" ] && [ -n "$file" ]; then fail "both $1 and $1_FILE are set (but are exclusive)"; fi
    if [ -n "$file" ]; then value=$(cat "$file"); fi
    printf %s "${value:-$2}"
}

as_postgres() {
    mkdir -p "$PGDATA" /var/run/postgresql
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres:postgres {} +
    chmod 700 "$PGDATA"
    chmod 1777 /var/run/postgresql
    # shellcheck disable=SC2016  # the inner shell expands them
    exec su -s /bin/sh postgres -c 'exec "$0" "$@"' -- "$0" "$@"
}

check_password() {
    if [ -z "$password" ] && [ "$method" != trust ]; then
        fail 'Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".'
    fi
}

# shellcheck disable=SC2120  # called through eval, which splits POSTGRES_INITDB_ARGS as upstream does
init_cluster() {
    umask 077
    printf '%s\n' "$password" > /tmp/.password
    # The clients of this build look in /tmp, everybody else's in /var/run/postgresql.
    initdb --username="$user" --pwfile=/tmp/.password -c listen_addresses='*' \
        -c unix_socket_directories=/var/run/postgresql,/tmp "$@" || { rm -f /tmp/.password; exit 1; }
    rm -f /tmp/.password
    umask 022
    printf '\nhost all all all %s\n' "${method:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
}

sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" "$@"; }

run_shell() {
    note "running $1"
    # shellcheck disable=SC1090  # whatever the user mounted
    if [ -x "$1" ]; then "$1"; else . "$1"; fi
}

run_scripts() {
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh) run_shell "$script" ;;
            *.sql) note "running $script"; sql --dbname "$database" -f "$script" ;;
            *.sql.gz) note "running $script"; gunzip -c "$script" | sql --dbname "$database" ;;
            */\*) ;;
            *) note "ignoring $script" ;;
        esac
    done
}

first_start() {
    password=$(setting POSTGRES_PASSWORD '') user=$(setting POSTGRES_USER postgres)
    database=$(setting POSTGRES_DB "$user") arguments=$(setting POSTGRES_INITDB_ARGS '')
    method=${POSTGRES_HOST_AUTH_METHOD:-}
    check_password
    eval "init_cluster $arguments"
    note 'starting a temporary server (Unix socket only)'
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w -s start
    export PGPASSWORD="$password" POSTGRES_USER="$user" POSTGRES_DB="$database"
    if [ "$database" != postgres ]; then
        echo 'CREATE DATABASE :"db";' | sql --dbname postgres -q --set db="$database"
    fi
    run_scripts
    unset PGPASSWORD
    pg_ctl -D "$PGDATA" -m fast -w -s stop
    note 'PostgreSQL init process complete; ready for start up.'
}

case ${1:-postgres} in -*) set -- postgres "$@" ;; esac
if [ "$1" != postgres ]; then exec "$@"; fi
for argument in "$@"; do
    case $argument in -C | '-?' | --help | --version | -V | --describe-config) exec "$@" ;; esac
done
if [ "$(id -u)" = 0 ]; then as_postgres "$@"; fi
mkdir -p "$PGDATA"
chmod 700 "$PGDATA" 2>/dev/null || :
if [ -s "$PGDATA/PG_VERSION" ]; then
    note 'PostgreSQL Database directory appears to contain a database; Skipping initialization'
else
    first_start
fi
exec "$@"
