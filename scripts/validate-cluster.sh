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

# What a node lists, by the beamlink in its own container.
list() { docker exec "$1" /beamlink nodes "$(node_of "$1")" 2>&1; }

# What is wrong with a node, one line each; nothing where it lists all others that run.
check() {
    local container=$1 listed other
    listed=$(list "$container") || { say "does not answer: $listed" && return; }
    for other in "${running[@]}"; do
        [ "$other" = "$container" ] || grep -qFx "$(node_of "$other")" <<<"$listed" ||
            say "does not list $(node_of "$other")"
    done
}

running=() broken=no
for container in "${all[@]}"; do
    state=$(state_of "$container")
    case $state in
        running*) running+=("$container") ;;
        *)
            broken=yes
            say "  $(node_of "$container")  is down: its container $container has $state; docker start $container"
            ;;
    esac
done
for container in "${running[@]}"; do
    while faults=$(check "$container") && [ -n "$faults" ] && ((SECONDS < wait)); do sleep 0.5; done
    if [ -n "$faults" ]; then
        broken=yes
        sed "s/^/  $(node_of "$container")  /" <<<"$faults"
    else
        say "  $(node_of "$container")  lists the $((${#running[@]} - 1)) others that run"
    fi
done
[ "$broken" = no ] || fail 1 "The cluster is not whole: ${#all[@]} nodes, see above."
say "The cluster is whole: ${#all[@]} nodes, each lists the $((${#all[@]} - 1)) others."
