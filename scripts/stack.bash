# What the scripts of the stack have in common; sourced, with the checkout as the current folder.

compose_folder=interop/ex-esdb
network=ex-esdb-net
# Longer than a node takes on a loaded machine.
health_limit=${EX_ESDB_HEALTH_LIMIT:-180}

say() { printf '%s\n' "$*"; }

fail() {
    local status=$1
    shift
    printf '%s\n' "$*" >&2
    exit "$status"
}

# The comment at the head of a script is its help.
help() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
    exit 0
}

need_docker() {
    command -v docker >/dev/null || fail 1 "docker is not here: install it (Debian: docker.io and docker-compose)"
    docker version --format '{{.Server.Version}}' >/dev/null 2>&1 ||
        fail 1 "no Docker daemon answers at ${DOCKER_HOST:-its usual socket}: start it (systemctl start docker), or join the group docker"
}

# docker-compose 1.29, or Docker's own compose; what it says of its work is shown when it fails.
compose() {
    local command=(docker-compose) said
    docker compose version >/dev/null 2>&1 && command=(docker compose)
    said=$("${command[@]}" --project-directory "$compose_folder" "$@" 2>&1) || fail 1 "$said"
}

# The containers of the stack, running or not, in the order in which they start.
containers() {
    local all
    all=$(docker ps --all --filter label=com.docker.compose.project=ex-esdb --format '{{.Names}}')
    grep -E '^ex-esdb[0-9]+$' <<<"$all" | sort -V || true
    grep -Ex 'ex-esdb-gater' <<<"$all" || true
    grep -Ex 'beamlink' <<<"$all" || true
}

# How many ExESDB nodes there are: the highest number and one.
node_count() {
    local last
    last=$(containers | grep -E '^ex-esdb[0-9]+$' | tail -1)
    echo $((10#0${last#ex-esdb} + ${last:+1} + 0))
}

# The name of the Erlang node in a container.
node_of() {
    case $1 in
        beamlink) echo zz_maint_beamlink@beamlink0 ;;
        ex-esdb-gater) echo ex_esdb_gater@gater00 ;;
        *) echo "ex_esdb@node${1#ex-esdb}" ;;
    esac
}

# `running healthy`, `exited`, …
state_of() {
    docker inspect --format '{{.State.Status}}{{with .State.Health}} {{.Status}}{{end}}' "$1"
}
