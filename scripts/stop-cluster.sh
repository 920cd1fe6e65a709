#!/usr/bin/env bash
# Ends the stack that start-cluster-multicast.sh started, and removes its containers and its network. The data stays, unless
# --volumes is given.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/stack.bash

volumes=no
for argument; do
    case $argument in
        --volumes) volumes=yes ;;
        -h | --help) help ;;
        *) fail 2 "stop-cluster.sh: what is $argument? See --help" ;;
    esac
done

need_docker
mapfile -t all < <(containers | tac)
if [ ${#all[@]} -gt 0 ]; then
    # All at once: nodes that go one after the other make those that are left restart their stores.
    docker stop "${all[@]}" >/dev/null
    # Volumes without a name too; those with one are the data.
    docker rm --force --volumes "${all[@]}" >/dev/null
    say "Removed: ${all[*]}"
fi
if docker network inspect "$network" >/dev/null 2>&1; then
    if docker network rm "$network" >/dev/null 2>&1; then
        say "Removed: network $network"
    else
        say "Kept: network $network, which others use"
    fi
fi
if [ "$volumes" = yes ]; then
    mapfile -t kept < <(docker volume ls --quiet --filter label=com.docker.compose.project=ex-esdb)
    [ ${#kept[@]} -eq 0 ] || say "Removed: volumes $(docker volume rm "${kept[@]}" | tr '\n' ' ')"
fi
