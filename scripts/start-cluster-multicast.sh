#!/usr/bin/env bash
# Starts the stack of interop/ex-esdb: five ExESDB nodes one after the other, the gateway, and beamlink. What is up and has not
# changed stays as it is, so run it again at any time; what has changed is replaced node by node.
#
#   --nodes N              so many ExESDB nodes (else as many as there are, at least five); those above are removed, their
#                          volumes are not
#   --gater, --no-gater    with or without the gateway; on a terminal it asks, elsewhere it means --gater
#   --no-beamlink          without beamlink
#   --no-images            with the images that are there, without a look at what they are made from
#
# Variables: EX_ESDB_IMAGE and EX_ESDB_GATER_IMAGE in place of the fixture, EX_ESDB_ENV_FILE in place of .env.cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/stack.bash

nodes='' gater='' beamlink=yes images=yes
while [ $# -gt 0 ]; do
    case $1 in
        --nodes) nodes=${2:?how many nodes?} && shift ;;
        --nodes=*) nodes=${1#*=} ;;
        --gater) gater=yes ;;
        --no-gater) gater=no ;;
        --no-beamlink) beamlink=no ;;
        --no-images) images=no ;;
        -h | --help) help ;;
        *) fail 2 "start-cluster-multicast.sh: what is $1? See --help" ;;
    esac
    shift
done
if [ -z "$gater" ] && [ -t 0 ]; then
    read -rp 'Start the gateway (ex-esdb-gater) too? [Y/n] ' gater
    case $gater in [nN]*) gater=no ;; esac
fi

need_docker
there=$(node_count)
[ -n "$nodes" ] || nodes=$((there > 5 ? there : 5))
[[ $nodes =~ ^[1-9][0-9]?$ ]] || fail 2 "start-cluster-multicast.sh: --nodes wants a number from 1 to 99, not '$nodes'"

# The services of nodes beyond those of ex-esdb-cluster.yaml, which differ in nothing but their number.
more=$(mktemp --suffix=.yaml)
trap 'rm -f "$more"' EXIT
more_nodes() {
    local at
    say "services:"
    for ((at = 5; at < nodes; at++)); do
        say "  ex-esdb$at:"
        say "    extends: {file: '$PWD/$compose_folder/ex-esdb-cluster.yaml', service: ex-esdb0}"
        say "    container_name: ex-esdb$at"
        say "    hostname: node$at"
        say "    environment: {RELEASE_NODE: ex_esdb@node$at}"
        say "    volumes: ['ex-esdb$at-data:/data']"
    done
    say "volumes:"
    for ((at = 5; at < nodes; at++)); do say "  ex-esdb$at-data:"; done
}

files=(--file "$compose_folder/ex-esdb-cluster.yaml" --file "$compose_folder/ex-esdb-gater.yaml" --file "$compose_folder/beamlink.yaml")
if ((nodes > 5)); then
    more_nodes >"$more"
    files+=(--file "$more")
fi

# Starts one, and waits until it is healthy.
up() {
    local container=$1 begin=$SECONDS state
    compose "${files[@]}" up --detach --no-deps "$container"
    while state=$(state_of "$container"); do
        case $state in
            'running healthy') break ;;
            'running starting') ;;
            *) fail 1 "$container is $state: $(docker logs --tail 20 "$container" 2>&1)" ;;
        esac
        ((SECONDS - begin < health_limit)) || fail 1 "$container is not healthy after $health_limit s: $(
            docker inspect --format '{{range .State.Health.Log}}{{.Output}}{{end}}' "$container"
        )"
        sleep 0.2
    done
    say "  $container  $(node_of "$container")  healthy after $((SECONDS - begin)) s"
}

if [ "$images" = yes ]; then
    say "Images:"
    ./scripts/images | sed 's/^/  /'
fi
docker network inspect "$network" >/dev/null 2>&1 ||
    docker network create --driver bridge --subnet 172.20.0.0/16 "$network" >/dev/null
say "Network: $network $(docker network inspect --format '{{range .IPAM.Config}}{{.Subnet}}{{end}}' "$network")"

for ((at = there - 1; at >= nodes; at--)); do
    docker stop "ex-esdb$at" >/dev/null 2>&1 || continue
    docker rm --volumes "ex-esdb$at" >/dev/null
    say "  ex-esdb$at  removed"
done
say "Nodes:"
for ((at = 0; at < nodes; at++)); do up "ex-esdb$at"; done
[ "$gater" = no ] || up ex-esdb-gater
[ "$beamlink" = no ] || up beamlink

say "The cluster is up. To go on:"
say "  ./scripts/validate-cluster.sh"
say "  docker exec ex-esdb0 /beamlink nodes ex_esdb"
say "  docker logs --follow ex-esdb0"
say "  ./scripts/stop-cluster.sh"
