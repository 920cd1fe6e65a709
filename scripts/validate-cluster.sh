#!/usr/bin/env bash
# Asks every node of the stack whom it is connected to. Status 0 when each lists all others; 1 when one does not, with the
# name of what is missing.
#
#   --wait SECONDS   how long nodes that run may take to find each other (15)
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/stack.bash

wait=15
while [ $# -gt 0 ]; do
    case $1 in
        --wait) wait=${2:?a number of seconds} && shift ;;
        -h | --help) help ;;
        *) fail 2 "validate-cluster.sh: what is $1? See --help" ;;
    esac
    shift
done

need_docker
mapfile -t all < <(containers)
[ ${#all[@]} -gt 0 ] || fail 1 "There is no cluster: run ./scripts/start-cluster-multicast.sh"

faults=()
running=()
for container in "${all[@]}"; do
    state=$(state_of "$container")
    case $state in
        running*) running+=("$container") ;;
        *) faults+=("$(node_of "$container") is down: its container $container is $state (docker start $container)") ;;
    esac
done

# What a node lists, by the beamlink in its own container.
list() { docker exec "$1" /beamlink nodes "$(node_of "$1")" 2>&1; }

# The nodes that `container` should list and does not.
missing() {
    local container=$1 listed other
    listed=$(list "$container") || { say "$listed" && return 1; }
    for other in "${running[@]}"; do
        [ "$other" = "$container" ] || grep -qFx "$(node_of "$other")" <<<"$listed" || node_of "$other"
    done
}
