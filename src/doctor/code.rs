//! The table of all that can be found.

use std::fmt::{self, Write as _};

use super::finding::Severity;

/// What a finding is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The host that the doctor runs on.
    Host,
    /// Who is heard by gossip.
    Discovery,
    /// Each node by itself.
    Nodes,
    /// All nodes beside each other.
    Whole,
    /// The stores of ExESDB.
    ExEsdb,
}

impl Section {
    /// All of them, in the order in which they are told.
    pub const ALL: [Section; 5] = [
        Section::Host,
        Section::Discovery,
        Section::Nodes,
        Section::Whole,
        Section::ExEsdb,
    ];

    /// Its name, as `--only` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Section::Host => "host",
            Section::Discovery => "discovery",
            Section::Nodes => "nodes",
            Section::Whole => "whole",
            Section::ExEsdb => "exesdb",
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Section::Host => "This host",
            Section::Discovery => "Discovery",
            Section::Nodes => "Each node",
            Section::Whole => "The whole",
            Section::ExEsdb => "ExESDB",
        }
    }

    /// The section of that name.
    pub fn named(name: &str) -> Option<Section> {
        Section::ALL
            .into_iter()
            .find(|section| section.name() == name)
    }
}

struct Entry {
    name: &'static str,
    section: Section,
    severity: Severity,
    title: &'static str,
    means: &'static str,
    remedy: &'static str,
    more: &'static str,
}

/// Makes an enum and its table. The order is that of likelihood that a finding is the root of the trouble: what breaks
/// other things stands before what is broken by it.
macro_rules! codes {
    ($($code:ident = $name:literal, $section:ident, $severity:ident {
        title: $title:literal,
        means: $means:literal,
        remedy: $remedy:literal,
        more: $more:literal $(,)?
    })*) => {
        /// What can be found. What breaks other things is less than what is broken by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// All of them, the likeliest root first.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            fn entry(self) -> Entry {
                match self {
                    $(Code::$code => Entry {
                        name: $name,
                        section: Section::$section,
                        severity: Severity::$severity,
                        title: $title,
                        means: $means,
                        remedy: $remedy,
                        more: $more,
                    },)*
                }
            }
        }
    };
}

codes! {
    CookieFileMode = "cookie-file-mode", Host, Fault {
        title: "The cookie file may be read by others",
        means: "OTP refuses a cookie file that its group or others may touch: a node that reads it does not start",
        remedy: "chmod 400 the file",
        more: "`auth:init_cookie/0` looks at the mode of `~/.erlang.cookie` and stops the node with \"Cookie file ... must be \
            accessible by owner only\" unless the bits for group and others are all off. A node that takes its cookie from \
            `-setcookie` or `RELEASE_COOKIE` does not read the file, and may hide the fault until somebody opens a remote shell.",
    }
    NameForm = "name-form", Nodes, Fault {
        title: "A long name among short ones",
        means: "a node with a short name (no dot in its host) and one with a long name never connect, whatever else is right",
        remedy: "start it with the form of the others: --sname or RELEASE_DISTRIBUTION=sname for short, --name or =name for long",
        more: "A BEAM dials only hosts whose form is that of its own name (`inet_tcp_dist:splitnode/3`); the log of the one that \
            dials says \"System running to use fully qualified hostnames\" or \"System NOT running ...\". libcluster logs \
            \"unable to connect\" at most. Releases choose by `RELEASE_DISTRIBUTION` and `RELEASE_NODE`.",
    }
    SameNameTwice = "same-name-twice", Discovery, Fault {
        title: "Two nodes have one name",
        means: "two machines gossip the same node name: peers dial whichever their resolver leads to, and the other is never reached",
        remedy: "give each node a name of its own (RELEASE_NODE, --sname, the container's hostname)",
        more: "EPMD refuses the second node of a name on one host, but on two hosts nobody does: `name@host` is resolved by \
            each peer for itself. Often both containers were given the same `hostname:` or the same fixed `RELEASE_NODE`.",
    }
    HostResolvesElsewhere = "host-resolves-elsewhere", Nodes, Fault {
        title: "A host name resolves to a wrong address",
        means: "whoever dials the node goes to another machine, or to none",
        remedy: "mend /etc/hosts, the DNS or the container's network alias for that host",
        more: "A node is dialled at the address of the host in its name, not at the address its heartbeats come from. In \
            containers the name must be the container's host name or an alias on the network that all of them share.",
    }
    HostUnresolved = "host-unresolved", Nodes, Fault {
        title: "A host name has no address",
        means: "the node cannot be dialled: the host in its name is not known to the resolver",
        remedy: "add it to the DNS or to /etc/hosts, or attach both containers to the same network",
        more: "The part behind the `@` of a node's name is looked up by whoever dials it. Docker resolves container names only \
            on networks of the user's own, never on the default bridge.",
    }
    HostSilent = "host-silent", Nodes, Fault {
        title: "A host does not answer at all",
        means: "neither EPMD nor any other port of the host says yes or no: it is down, away, or a firewall drops everything",
        remedy: "see whether the machine runs and is on the network; then its firewall",
        more: "A closed port is refused at once. Silence is a packet filter that drops, a wrong address, or a machine that is off.",
    }
    EpmdDown = "epmd-down", Nodes, Fault {
        title: "No EPMD runs on a host",
        means: "nobody can learn the node's distribution port, so nobody new can connect to it; connections that stand go on",
        remedy: "start it on that host: epmd -daemon (or beamlink epmd); the nodes there register again within some seconds, \
            or at their next start",
        more: "Each node registers with the EPMD of its own host at its start, over a connection that it keeps. From OTP 25 on \
            `erl_epmd` connects again when EPMD comes back; until then new peers get \"connection refused\" on port 4369.",
    }
    EpmdSilent = "epmd-silent", Nodes, Fault {
        title: "EPMD's port is dropped",
        means: "nothing comes back from the EPMD of the host: a firewall drops TCP 4369, or EPMD hangs",
        remedy: "let TCP 4369 pass between the nodes, or expose it from the container",
        more: "Besides 4369 the distribution ports must pass; `inet_dist_listen_min` and `_max` make their range small.",
    }
    NodeUnknown = "node-unknown", Nodes, Fault {
        title: "EPMD does not know the node",
        means: "the host is there, and no node of that name is registered: it is not running, has another name, or lost its EPMD",
        remedy: "start the node, or correct its name; `beamlink names HOST` shows who is registered",
        more: "A node that was started with `-start_epmd false`, or whose EPMD was killed and started again, may run and not be \
            registered: restart it, or call `erl_epmd:register_node/2` in it.",
    }
    StalePort = "epmd-stale-port", Nodes, Fault {
        title: "EPMD tells a wrong port",
        means: "at the port that EPMD tells, nobody listens or another node answers: the registration is older than the node",
        remedy: "restart EPMD on that host and then the node, or give the node a fixed port (inet_dist_listen_min, ERL_DIST_PORT)",
        more: "An entry outlives its node when something holds its connection to EPMD open: a forked child, a proxy, or a \
            container that forwards the port of another.",
    }
    NodeFrozen = "node-frozen", Nodes, Fault {
        title: "A node is frozen",
        means: "its port takes connections and it says nothing: the process is stopped or swapped out, or all its schedulers are busy",
        remedy: "look at the process on that host (state T or D in ps, SIGCONT, memory, a paused container); then restart it",
        more: "The kernel accepts connections for a process that is stopped, so that only the handshake shows it. Peers keep it in \
            `Node.list/0` until `net_ticktime` has passed, and calls to it hang.",
    }
    TlsOnly = "tls-only", Nodes, Fault {
        title: "A node speaks distribution over TLS only",
        means: "it answers with TLS: nodes without `-proto_dist inet_tls` can never connect to it",
        remedy: "start all nodes with the same -proto_dist",
        more: "`inet_tls_dist` and `inet_tcp_dist` do not understand each other, and neither tells EPMD which it is.",
    }
    PortFiltered = "dist-port-dropped", Nodes, Fault {
        title: "A node's distribution port is dropped",
        means: "EPMD tells the port, and connections to it come to nothing: a firewall drops them",
        remedy: "let the port pass between the nodes, or fix its range (inet_dist_listen_min and _max) and open that",
        more: "Without a range each start of a node takes any free port, so that a firewall which was right yesterday is wrong today.",
    }
    PortClosed = "dist-port-closed", Nodes, Fault {
        title: "A node's distribution port is closed",
        means: "nobody listens at the port that was given or that EPMD tells",
        remedy: "see whether the node runs, and to which interface its port is bound (inet_dist_use_interface)",
        more: "A node that binds its port to 127.0.0.1 still tells EPMD of it, and only its own host reaches it.",
    }
    CookieMismatch = "cookie-mismatch", Nodes, Fault {
        title: "A node has another cookie",
        means: "each side proves its cookie, and this one's is not ours: it can connect to nobody who has ours",
        remedy: "give it the cookie of the others: RELEASE_COOKIE, --cookie, or ~/.erlang.cookie; mind a newline at the end of a file",
        more: "The node that dials logs nothing useful; the one that is dialled logs \"Connection attempt from node ... rejected. \
            Invalid challenge reply\". A cookie is compared byte by byte. Where most nodes refuse us, it is our own that differs.",
    }
    FlagsRejected = "flags-rejected", Nodes, Fault {
        title: "A node lacks what distribution needs",
        means: "its OTP is too old, or it demands something that others do not have",
        remedy: "run OTP 25 or later everywhere",
        more: "OTP 25 made several flags mandatory (`DFLAG_DIST_MANDATORY_25`).",
    }
    NotAllowed = "not-allowed", Nodes, Fault {
        title: "A node refuses strangers",
        means: "net_kernel:allow/1 was called there: it takes connections of listed nodes only",
        remedy: "add the peer's name by net_kernel:allow/1 on that node",
        more: "The list begins empty, and stands for everybody; the first call of `net_kernel:allow/1` shuts out all others.",
    }
    NotErlang = "not-erlang", Nodes, Fault {
        title: "Something else answers at a node's port",
        means: "what listens there does not speak Erlang's distribution",
        remedy: "see what listens at that port on that host (ss -ltnp)",
        more: "A proxy, a health check or a re-used port is the usual cause.",
    }
    HandshakeFailed = "handshake-failed", Nodes, Fault {
        title: "A handshake comes to nothing",
        means: "the node was reached and no connection came of it",
        remedy: "read the log of that node: it says why it refused",
        more: "What was said at which stage stands in the evidence.",
    }
    RpcFailed = "rpc-failed", Nodes, Fault {
        title: "A node does not answer calls",
        means: "the connection stands, and a call to the node does not come back: its rpc server or its schedulers hang",
        remedy: "look at its run queues and memory, from a shell on its host",
        more: "Calls go by `erpc`, which needs a new process on the node and nothing else.",
    }
    MulticastJoin = "multicast-join", Host, Fault {
        title: "The multicast group cannot be joined",
        means: "this host cannot hear the group",
        remedy: "give the interface a route for it (ip route add 224.0.0.0/4 dev IF), or use broadcast",
        more: "A container without CAP_NET_ADMIN can join groups; a host without any route to 224.0.0.0/4 cannot.",
    }
    NoBroadcast = "no-broadcast", Whole, Fault {
        title: "An interface cannot broadcast",
        means: "gossip is set to broadcast, and the interface that leads there cannot: nobody hears this host",
        remedy: "use multicast or another interface, or give the interface a broadcast address (ip addr add ... brd +)",
        more: "Tunnels (WireGuard, tun) and the loopback have no broadcast. `ip link` shows BROADCAST among the flags of those that do. \
            libcluster ignores what `gen_udp:send` says.",
    }
    GossipPortTaken = "gossip-port-taken", Host, Fault {
        title: "The gossip port is held by a program that does not share it",
        means: "no node of this host can hear heartbeats on that port, and one that tries does not start",
        remedy: "stop that program, or use another gossip port on all nodes",
        more: "libcluster sets SO_REUSEADDR, so that several nodes of a host share the port; all of them must.",
    }
    GossipNoRoute = "gossip-no-route", Host, Fault {
        title: "No route leads to the gossip address",
        means: "the kernel refuses each heartbeat, and libcluster does not say so",
        remedy: "give the host a route for it (ip route add 224.0.0.0/4 dev IF, or a default route), or name the interface \
            (if_addr for broadcast, multicast_if for a group)",
        more: "255.255.255.255 and multicast need a route as any address does. A container on an internal network has no default route.",
    }
    OwnEchoLost = "own-echo-lost", Host, Fault {
        title: "This host does not hear itself",
        means: "what it sends to the gossip address should come back to it and does not: a firewall here drops UDP, in or out",
        remedy: "let the gossip port pass (UDP 45892) in the firewall of this host: iptables -L -n -v, nft list ruleset",
        more: "The kernel brings back to a host what it sends to a group that it has joined, and to a broadcast address, through the same \
            packet filter that heartbeats of others pass. An empty datagram was sent, which no node takes for anything; to a group it \
            does not leave the host.",
    }
    NoSuchInterface = "no-such-interface", Host, Fault {
        title: "A configured interface is not there",
        means: "no interface has the address that if_addr (EX_ESDB_CLUSTER_INTERFACE) or multicast_if names: a node with that setting \
            does not start its gossip, or speaks on no interface",
        remedy: "correct the address, or wait for the interface; 0.0.0.0 stands for all",
        more: "Addresses of containers change when they are made anew.",
    }
    DeafIfAddr = "deaf-if-addr", Host, Fault {
        title: "if_addr makes libcluster deaf",
        means: "on Linux a socket that is bound to one address gets neither multicast nor broadcast: an Elixir node with this setting \
            hears nobody, although others hear it",
        remedy: "set if_addr (EX_ESDB_CLUSTER_INTERFACE) to 0.0.0.0, and name the interface by multicast_if",
        more: "Linux delivers multicast and broadcast to sockets bound to 0.0.0.0 or to the destination itself. beamlink listens on a second \
            socket and hears all the same.",
    }
    GroupNotJoined = "group-not-joined", Host, Fault {
        title: "broadcast_only with a multicast group",
        means: "broadcast_only keeps a node from joining the group that it sends to: it does not hear other hosts",
        remedy: "set broadcast_only to false, or the address to a broadcast address",
        more: "The other way round, a broadcast address without broadcast_only, works: the kernel refuses to join what is no group, and \
            libcluster does not mind.",
    }
    AddressIsUnicast = "gossip-address-unicast", Host, Fault {
        title: "The gossip address is that of a single host",
        means: "it is neither a multicast group nor a broadcast address of this host: one host at most hears what is sent there",
        remedy: "set EX_ESDB_GOSSIP_MULTICAST_ADDR to a group (239.255.0.1), to 255.255.255.255, or to the last address of this host's network",
        more: "172.20.255.255 is the broadcast address of 172.20.0.0/16 and of no other network: it must suit the network that the \
            container is really on.",
    }
    OwnNameElsewhere = "own-name-elsewhere", Host, Fault {
        title: "The name configured here does not lead here",
        means: "the host in the name of this host's node has no address here, or that of another machine",
        remedy: "mend /etc/hosts or the DNS, or the name (RELEASE_NODE, BEAMLINK_NAME)",
        more: "Nodes of the same host dial it by that name too.",
    }
    EpmdAlien = "epmd-alien", Host, Fault {
        title: "What listens on EPMD's port is no EPMD",
        means: "nodes of this host cannot register, and nobody finds them",
        remedy: "stop what holds the port, or set ERL_EPMD_PORT on all hosts",
        more: "A proxy or a published container port at 4369 looks like an EPMD until it is asked.",
    }
    CrashingHeartbeats = "crashing-heartbeats", Discovery, Fault {
        title: "Heartbeats that crash libcluster",
        means: "datagrams begin as heartbeats do and hold no Erlang term: each one crashes the Gossip strategy of every node that reads \
            it, and sixteen within 1.5 s end its supervisor",
        remedy: "stop the sender: it is no libcluster node",
        more: "libcluster runs `binary_to_term/1` on what follows `heartbeat::`. Senders that write JSON there, or cut heartbeats off, \
            raise in every node without a secret, and in those with the same secret.",
    }
    NotAlive = "not-distributed", Discovery, Fault {
        title: "A node gossips without a name",
        means: "a BEAM that was started without --name or --sname sends heartbeats of nonode@nohost: nobody can connect to it",
        remedy: "start it with a name (RELEASE_NODE and RELEASE_DISTRIBUTION, --sname, --name)",
        more: "libcluster starts whether the node is distributed or not.",
    }
    PlainHeartbeats = "plain-heartbeats", Discovery, Fault {
        title: "A node gossips without a secret",
        means: "the others have one, and drop what is not encrypted, as it drops what is: without a line in any log",
        remedy: "give it the secret of the others (EX_ESDB_CLUSTER_SECRET, `secret:` in its topology), and restart it",
        more: "libcluster ignores whatever it cannot read. A variable that is empty or unset in one service of a compose file is \
            the usual cause.",
    }
    SecretDiffers = "secret-differs", Discovery, Fault {
        title: "A node gossips with another secret",
        means: "the others cannot read its heartbeats, nor it theirs: they never find each other, without a line in any log",
        remedy: "give it the secret of the others (EX_ESDB_CLUSTER_SECRET, `secret:` in its topology), and restart it",
        more: "Heartbeats are AES-256-CBC under the SHA-256 of the secret; what does not decrypt is dropped by libcluster silently. \
            The doctor compares fingerprints: the first four bytes of the SHA-256, never the secret.",
    }
    AddressDiffers = "gossip-address-differs", Discovery, Fault {
        title: "A node gossips at another address",
        means: "it speaks to a group that the others do not listen to",
        remedy: "give it the multicast_addr of the others (EX_ESDB_GOSSIP_MULTICAST_ADDR) and their broadcast_only, and restart it",
        more: "The defaults differ: 233.252.1.32 in libcluster 3.3 and later, 230.1.1.251 before, 239.255.0.1 in ExESDB's code, a broadcast \
            address in its guide.",
    }
    PortDiffers = "gossip-port-differs", Discovery, Fault {
        title: "A node gossips at another port",
        means: "heartbeats go to a port that the others do not listen on",
        remedy: "give it the port of the others (EX_ESDB_CLUSTER_PORT, GOSSIP_PORT; libcluster's own is 45892), and restart it",
        more: "libcluster sends to the port on which it listens.",
    }
    GossipBlocked = "gossip-blocked", Discovery, Fault {
        title: "Heartbeats do not pass",
        means: "the settings are equal, and yet heartbeats do not get through to or from this host: something drops UDP",
        remedy: "let UDP 45892 pass (iptables, nft, security groups, multicast snooping on the switch)",
        more: "Broadcast and multicast do not leave a network: nodes on two subnets never hear each other. Switches with IGMP snooping and \
            no querier forget groups after some minutes.",
    }
    NotGossiping = "not-gossiping", Whole, Fault {
        title: "A node does not gossip",
        means: "the others run libcluster's Gossip and it does not: it finds nobody and is not found, and once a connection is lost it \
            stays lost",
        remedy: "start libcluster on it with the topology of the others; where it is configured, its log says why the strategy stopped",
        more: "The node was asked: no UDP socket there belongs to a process of a module …Gossip. That its heartbeats do not come here is \
            another finding, `gossip-blocked`. A node that nobody meant to gossip, such as a shell, is left alone as long as it is \
            connected and holds no store.",
    }
    TicktimeDiffers = "net-ticktime-differs", Whole, Fault {
        title: "net_ticktime differs",
        means: "nodes disagree about how long a silent peer is alive: the impatient one drops peers that are healthy",
        remedy: "give it the net_ticktime of the others (-kernel net_ticktime N), and restart it",
        more: "OTP's documentation asks for the same value on all nodes of a cluster; the default is 60 s.",
    }
    Partitioned = "partitioned", Whole, Fault {
        title: "The cluster is in parts",
        means: "the parts do not see each other, and each takes itself for the whole",
        remedy: "mend what the findings before this one say; where there are none, see whether a firewall stands between the parts; \
            then connect one node of each side (Node.connect/1)",
        more: "All nodes named answered the doctor. Where gossip, cookies and names are right, it is the network between the parts.",
    }
    OverlappingPartition = "overlapping-partition", Whole, Fault {
        title: "An overlapping partition",
        means: "some nodes see only some of the others: with prevent_overlapping_partitions (on since OTP 25) `global` goes on \
            disconnecting nodes until the parts are apart",
        remedy: "mend the network between the nodes named, or let all of them dial each other (connect_all)",
        more: "Two nodes that cannot reach each other while a third reaches both are an overlapping partition. OTP 25's `global` \
            drops connections to make it a clean one, with a warning in the log of each.",
    }
    MissingEdge = "missing-edge", Whole, Fault {
        title: "Two healthy nodes are not connected",
        means: "calls and messages between these two fail, though each works with the others",
        remedy: "connect them (`Node.connect/1` on one of them shows why not), and see that gossip reaches both",
        more: "Causes: a firewall between these two alone, a name that only one of them resolves, `connect_all false`, or \
            `Node.disconnect/1`.",
    }
    SplitBrain = "split-brain", ExEsdb, Fault {
        title: "A store has more than one leader",
        means: "parts of the cluster write on their own: what one side stores, the other never sees",
        remedy: "stop the nodes of the smaller side, see that the network holds, and start them one after the other",
        more: "Each member is asked for its members (`khepri_cluster:members/1`) and its leader (`ra_leaderboard:lookup_leader/1`). Sides \
            are those who name the same leader. Save the data directory of a side before it is reset.",
    }
    MembersDiffer = "members-differ", ExEsdb, Fault {
        title: "Nodes disagree about the members of a store",
        means: "a node stands outside the store, or was not told of all others",
        remedy: "restart the store on the node that stands outside, when the others have a leader",
        more: "Each node is asked for `khepri_cluster:members/1`.",
    }
    NoLeader = "no-leader", ExEsdb, Fault {
        title: "A store has no leader",
        means: "nothing can be written: no majority of its members is up, or an election does not end",
        remedy: "bring up a majority of the members",
        more: "`ra_leaderboard:lookup_leader/1` says `undefined` everywhere.",
    }
    SwarmSilent = "swarm-silent", ExEsdb, Fault {
        title: "Swarm's tracker does not answer",
        means: "workers cannot be found or started: the tracker waits for a peer",
        remedy: "look for a node that hangs, or that does not answer what Swarm asks; then restart the tracker",
        more: "Swarm 3.4 asks each new node for its applications, without a time limit: one node that does not answer freezes \
            all trackers.",
    }
    KernelDiffers = "kernel-settings-differ", Whole, Hint {
        title: "Settings of the kernel differ",
        means: "prevent_overlapping_partitions and connect_all are meant to be the same on all nodes",
        remedy: "give all nodes the same value, and restart the odd one",
        more: "With `prevent_overlapping_partitions` on one side only, `global` disconnects nodes that others hold on to. \
            With `connect_all false` a node connects to those that it names, and is not told of the others.",
    }
    NearLimit = "near-limit", Nodes, Hint {
        title: "A node is near a limit",
        means: "a BEAM that reaches the limit of its atoms, processes or ports fails, by atoms at once and as a whole",
        remedy: "find what makes them; raise the limit by +t, +P or +Q",
        more: "Atoms are never collected. Node names that are made up at random leave one atom each on every node that hears of them.",
    }
    SortsFirst = "guest-sorts-first", Whole, Fault {
        title: "A guest's name sorts before those of the stores",
        means: "ExESDB makes the lowest name its coordinator: a guest that cannot be one is elected",
        remedy: "give the guest a name that sorts last, such as zz_maint_NAME",
        more: "Swarm leaves alone names that match `.+_maint_.+`.",
    }
    NotGossip = "not-gossip", Discovery, Hint {
        title: "Something else sends to the gossip port",
        means: "datagrams arrive there that are no heartbeats: libcluster drops them, beamlink too",
        remedy: "find the sender by its address, and give it another port",
        more: "Heartbeats begin with `heartbeat::`, or are whole blocks of 16 bytes that look like noise. Cut-off heartbeats come from \
            tunnels with a small MTU or from a broken relay.",
    }
    EarClosed = "cannot-listen", Discovery, Hint {
        title: "Heartbeats could not be listened for",
        means: "what is said about who is heard leaves out this address",
        remedy: "see what holds the port on this host: ss -lunp",
        more: "The doctor shares the port with libcluster nodes; a program that does not share it keeps everybody else from it.",
    }
    ClockWrong = "clock-wrong", Host, Hint {
        title: "The clock of this host is wrong",
        means: "times in logs and events mislead, and certificates are not valid",
        remedy: "set it, or let NTP set it (timedatectl)",
        more: "Distribution itself needs no clock that is right: it goes by monotonic time.",
    }
    LoopbackName = "loopback-name", Host, Hint {
        title: "The node's name leads each host to itself",
        means: "a node of another host that hears it dials its own loopback: it can only be reached from this host",
        remedy: "take a name whose host the others resolve to this host",
        more: "`name@localhost` and `name@127.0.0.1` are for clusters on one machine.",
    }
    WeakSecret = "weak-secret", Host, Hint {
        title: "The gossip secret is weak",
        means: "who guesses it can make nodes dial whatever it wants them to, and fill their atom tables for good",
        remedy: "take 32 random characters: openssl rand -base64 24",
        more: "Heartbeats are not signed, and can be tried against a list of secrets by everyone who hears them.",
    }
    WeakCookie = "weak-cookie", Host, Hint {
        title: "The cookie is weak",
        means: "who guesses it runs any code on all nodes",
        remedy: "take a long random cookie, as `mix release` makes one",
        more: "The cookie is all that keeps strangers out, and one who listens in can try out guesses at leisure: the handshake is MD5.",
    }
    SecretFileMode = "secret-file-mode", Host, Hint {
        title: "A file with a secret may be read by others",
        means: "every user of this host may read the secret in it",
        remedy: "chmod 400 the file",
        more: "A file of docker's or Kubernetes' secrets has mode 0444, and is for the container alone.",
    }
}

impl Code {
    /// Its name, as `beamlink explain` takes it.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The code of that name.
    ///
    /// ```
    /// use beamlink::doctor::Code;
    /// assert_eq!(Code::named("cookie-mismatch"), Some(Code::CookieMismatch));
    /// ```
    pub fn named(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The section that finds it.
    pub fn section(self) -> Section {
        self.entry().section
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// What it is, in some words.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// What it means, in one sentence.
    pub fn means(self) -> &'static str {
        self.entry().means
    }

    /// What to do, in one sentence.
    pub fn remedy(self) -> &'static str {
        self.entry().remedy
    }

    /// All that there is to say about it, in Markdown without a heading.
    pub fn explanation(self) -> String {
        let Entry {
            means,
            remedy,
            more,
            severity,
            section,
            ..
        } = self.entry();
        let kind = match severity {
            Severity::Fault => "fault",
            Severity::Hint => "hint",
        };
        format!(
            "*{}, {kind}.* It means: {means}.\n\nTo do: {remedy}.\n\n{more}\n",
            section.title()
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `docs/TROUBLESHOOTING.md`: all codes and what is to say about them.
pub fn troubleshooting() -> String {
    let mut text = "# Why does my cluster not form?\n\n\
        `beamlink doctor [NODE…]` looks for all of this in seconds, and names the machine. Each heading is the code of a finding, \
        the likeliest root of trouble first; `beamlink explain CODE` shows the same text. This file is generated \
        from `src/doctor/code.rs`: `beamlink explain --all`.\n\n"
        .to_owned();
    for code in Code::ALL {
        // Writing to a string does not fail.
        let _ = writeln!(text, "- [`{code}`](#{code}): {}", code.title());
    }
    for code in Code::ALL {
        let _ = write!(
            text,
            "\n## {code}\n\n**{}.** {}",
            code.title(),
            code.explanation()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        let names: HashSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::named(code.name()), Some(*code));
            for text in [code.title(), code.means(), code.remedy()] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{code}: {text}");
            }
            assert!(code.entry().more.ends_with('.'), "{code}");
        }
    }

    #[test]
    fn the_document_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/TROUBLESHOOTING.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            written,
            troubleshooting(),
            "write it again: cargo run -- explain --all > docs/TROUBLESHOOTING.md"
        );
    }
}
