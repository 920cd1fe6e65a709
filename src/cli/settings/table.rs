//! Every setting, one row each: where it may be given and what it is without.

/// How many values a setting takes, and what stands for a value in the help.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One value.
    Value(&'static str),
    /// One value that is never shown.
    Secret(&'static str),
    /// True or false; the bare flag means true.
    Switch,
    /// Any number of values: the flag again, commas in the environment, an array in the file.
    List(&'static str),
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Its place in `beamlink.toml`: `gossip.port` is `port` under `[gossip]`.
    pub(super) key: &'static str,
    /// The flag, without its dashes.
    pub(super) flag: &'static str,
    pub(super) shape: Shape,
    /// Environment variables, the first that is set wins.
    pub(super) env: &'static [&'static str],
    /// Parsed like any other value. Without one the setting may stay unset, or its default is
    /// found on the machine (`name`, `cookie`).
    pub(super) default: Option<&'static str>,
    /// Ends the sentence "… is not".
    pub(super) expects: &'static str,
    pub(super) heading: &'static str,
    pub(super) help: &'static str,
}

const NODE: &str = "Node";
const GOSSIP: &str = "Gossip (libcluster's settings)";
const REACH: &str = "Finding and being found";
const WATCH: &str = "Watch";
const RUN: &str = "Run";

const A_PORT: &str = "a port from 1 to 65535";
const A_SWITCH: &str = "true or false";
const AN_IPV4: &str = "an IPv4 address such as 172.20.255.255";

pub(super) const NAME: Setting = Setting {
    key: "name",
    flag: "name",
    shape: Shape::Value("NAME"),
    env: &["BEAMLINK_NAME", "RELEASE_NODE"],
    default: None,
    expects: "a node name",
    heading: NODE,
    help: "name@host, or a name alone to which this host is added [default: zz_maint_beamlink@<host>]",
};

pub(super) const LONG: Setting = Setting {
    key: "long",
    flag: "long",
    shape: Shape::Switch,
    env: &["BEAMLINK_LONG"],
    default: None,
    expects: A_SWITCH,
    heading: NODE,
    help: "Add the fully qualified host to a name without one [default: as the peers are named, else false]",
};

pub(super) const COOKIE: Setting = Setting {
    key: "cookie",
    flag: "cookie",
    shape: Shape::Secret("COOKIE"),
    env: &["BEAMLINK_COOKIE", "RELEASE_COOKIE", "EX_ESDB_COOKIE"],
    default: None,
    expects: "a cookie",
    heading: NODE,
    help: "The cluster's cookie; as a flag every user of this host can see it in ps [default: ~/.erlang.cookie]",
};

pub(super) const COOKIE_FILE: Setting = Setting {
    key: "cookie_file",
    flag: "cookie-file",
    shape: Shape::Value("PATH"),
    env: &["BEAMLINK_COOKIE_FILE"],
    default: None,
    expects: "a path",
    heading: NODE,
    help: "Read the cookie from this file",
};

pub(super) const HIDDEN: Setting = Setting {
    key: "hidden",
    flag: "hidden",
    shape: Shape::Switch,
    env: &["BEAMLINK_HIDDEN"],
    default: Some("false"),
    expects: A_SWITCH,
    heading: NODE,
    help: "Stand in Node.list(:hidden) only",
};

pub(super) const NET_TICKTIME: Setting = Setting {
    key: "net_ticktime",
    flag: "net-ticktime",
    shape: Shape::Value("SECS"),
    env: &["BEAMLINK_NET_TICKTIME"],
    default: Some("60"),
    expects: "a whole number of seconds from 1 to 65535",
    heading: NODE,
    help: "The cluster's net_ticktime",
};

pub(super) const NO_GOSSIP: Setting = Setting {
    key: "no_gossip",
    flag: "no-gossip",
    shape: Shape::Switch,
    env: &["BEAMLINK_NO_GOSSIP"],
    default: Some("false"),
    expects: A_SWITCH,
    heading: GOSSIP,
    help: "Neither send heartbeats nor listen for them",
};

pub(super) const GOSSIP_PORT: Setting = Setting {
    key: "gossip.port",
    flag: "gossip-port",
    shape: Shape::Value("PORT"),
    env: &[
        "BEAMLINK_GOSSIP_PORT",
        "EX_ESDB_CLUSTER_PORT",
        "GOSSIP_PORT",
    ],
    default: Some("45892"),
    expects: A_PORT,
    heading: GOSSIP,
    help: "UDP port of the heartbeats",
};

pub(super) const IF_ADDR: Setting = Setting {
    key: "gossip.if_addr",
    flag: "if-addr",
    shape: Shape::Value("ADDR"),
    env: &["BEAMLINK_IF_ADDR", "EX_ESDB_CLUSTER_INTERFACE"],
    default: Some("0.0.0.0"),
    expects: AN_IPV4,
    heading: GOSSIP,
    help: "Address to listen on",
};

pub(super) const MULTICAST_IF: Setting = Setting {
    key: "gossip.multicast_if",
    flag: "multicast-if",
    shape: Shape::Value("ADDR"),
    env: &["BEAMLINK_MULTICAST_IF"],
    default: None,
    expects: AN_IPV4,
    heading: GOSSIP,
    help: "Address of the interface that multicast uses [default: the kernel's choice]",
};

pub(super) const MULTICAST_ADDR: Setting = Setting {
    key: "gossip.multicast_addr",
    flag: "multicast-addr",
    shape: Shape::Value("ADDR"),
    env: &["BEAMLINK_MULTICAST_ADDR", "EX_ESDB_GOSSIP_MULTICAST_ADDR"],
    default: Some("233.252.1.32"),
    expects: AN_IPV4,
    heading: GOSSIP,
    help: "Where heartbeats go: a multicast or a broadcast address",
};

pub(super) const MULTICAST_TTL: Setting = Setting {
    key: "gossip.multicast_ttl",
    flag: "multicast-ttl",
    shape: Shape::Value("HOPS"),
    env: &["BEAMLINK_MULTICAST_TTL"],
    default: Some("1"),
    expects: "a number from 0 to 255",
    heading: GOSSIP,
    help: "How many routers a heartbeat may pass",
};

pub(super) const BROADCAST_ONLY: Setting = Setting {
    key: "gossip.broadcast_only",
    flag: "broadcast-only",
    shape: Shape::Switch,
    env: &["BEAMLINK_BROADCAST_ONLY"],
    default: Some("false"),
    expects: A_SWITCH,
    heading: GOSSIP,
    help: "Join no multicast group; the multicast address is a broadcast address",
};

pub(super) const SECRET: Setting = Setting {
    key: "gossip.secret",
    flag: "secret",
    shape: Shape::Secret("SECRET"),
    env: &["BEAMLINK_SECRET", "EX_ESDB_CLUSTER_SECRET"],
    default: None,
    expects: "a secret",
    heading: GOSSIP,
    help: "Encrypts the heartbeats; as a flag every user of this host can see it in ps [default: none, plain heartbeats]",
};

pub(super) const SECRET_FILE: Setting = Setting {
    key: "gossip.secret_file",
    flag: "secret-file",
    shape: Shape::Value("PATH"),
    env: &["BEAMLINK_SECRET_FILE"],
    default: None,
    expects: "a path",
    heading: GOSSIP,
    help: "Read the gossip secret from this file",
};

pub(super) const OLD_SECRET_FILE: Setting = Setting {
    key: "gossip.old_secret_file",
    flag: "old-secret-file",
    shape: Shape::Value("PATH"),
    env: &["BEAMLINK_OLD_SECRET_FILE"],
    default: None,
    expects: "a path",
    heading: GOSSIP,
    help: "While the cluster changes its secret: heartbeats go out, and are taken, under the one in this file too, as long as it is there",
};

pub(super) const PEER: Setting = Setting {
    key: "peer",
    flag: "peer",
    shape: Shape::List("NODE[=PORT]"),
    env: &["BEAMLINK_PEER"],
    default: None,
    expects: "name@host or name@host=port",
    heading: REACH,
    help: "Connect to this node, gossip or not; with a port EPMD is not asked (again for more)",
};

pub(super) const EPMD: Setting = Setting {
    key: "epmd",
    flag: "epmd",
    shape: Shape::Value("MODE"),
    env: &["BEAMLINK_EPMD"],
    default: Some("auto"),
    expects: "one of auto, external, embedded, none",
    heading: REACH,
    help: "auto: use the EPMD that is there, else be it; external: only use; embedded: only be; none: fixed ports",
};

pub(super) const EPMD_PORT: Setting = Setting {
    key: "epmd_port",
    flag: "epmd-port",
    shape: Shape::Value("PORT"),
    env: &["BEAMLINK_EPMD_PORT", "ERL_EPMD_PORT"],
    default: Some("4369"),
    expects: A_PORT,
    heading: REACH,
    help: "EPMD's port, here and on the peers",
};

pub(super) const DIST_PORT: Setting = Setting {
    key: "dist_port",
    flag: "dist-port",
    shape: Shape::Value("PORT"),
    env: &["BEAMLINK_DIST_PORT", "ERL_DIST_PORT"],
    default: None,
    expects: A_PORT,
    heading: REACH,
    help: "Port on which peers connect to us [default: any that is free]",
};

pub(super) const DIST_ADDR: Setting = Setting {
    key: "dist_addr",
    flag: "dist-addr",
    shape: Shape::Value("ADDR"),
    env: &["BEAMLINK_DIST_ADDR"],
    default: None,
    expects: "an IP address",
    heading: REACH,
    help: "Address on which peers connect to us [default: all of this host]",
};

pub(super) const STATE_DIR: Setting = Setting {
    key: "state_dir",
    flag: "state-dir",
    shape: Shape::Value("PATH"),
    env: &["BEAMLINK_STATE_DIR"],
    default: None,
    expects: "a path, or none",
    heading: REACH,
    help: "Folder that remembers when this name left its cluster, so that a restart within 10 s waits; none for no such wait [default: $XDG_RUNTIME_DIR/beamlink, else /tmp/beamlink-<uid>]",
};

pub(super) const HTTP: Setting = Setting {
    key: "http",
    flag: "http",
    shape: Shape::Value("ADDR"),
    env: &["BEAMLINK_HTTP"],
    default: None,
    expects: "an address with a port such as 127.0.0.1:4000, or a port",
    heading: WATCH,
    help: "Serve health, metrics and a page here: ADDR:PORT, or a port for this host alone [default: not at all]",
};

pub(super) const READY_WHEN: Setting = Setting {
    key: "ready_when",
    flag: "ready-when",
    shape: Shape::Value("N"),
    env: &["BEAMLINK_READY_WHEN"],
    default: Some("0"),
    expects: "a number",
    heading: WATCH,
    help: "Be ready (/readyz, /health) only while at least N visible peers are up",
};

pub(super) const OTLP: Setting = Setting {
    key: "otlp",
    flag: "otlp",
    shape: Shape::Value("URL"),
    env: &["BEAMLINK_OTLP", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    default: None,
    expects: "an address",
    heading: WATCH,
    help: "Export metrics and traces to the OpenTelemetry collector there, such as http://127.0.0.1:4318, if this beamlink was built with the feature otel [default: not at all]",
};

pub(super) const EXIT_WHEN: Setting = Setting {
    key: "exit_when",
    flag: "exit-when",
    shape: Shape::Value("N"),
    env: &["BEAMLINK_EXIT_WHEN"],
    default: None,
    expects: "a number from 1 on",
    heading: RUN,
    help: "Leave with status 0 once N peers are up",
};

pub(super) const TIMEOUT: Setting = Setting {
    key: "timeout",
    flag: "timeout",
    shape: Shape::Value("TIME"),
    env: &["BEAMLINK_TIMEOUT"],
    default: None,
    expects: "a time above 0 such as 5, 5s or 500ms",
    heading: RUN,
    help: "Leave with status 16 after this time: 5s, 500ms",
};

pub(super) const JSON: Setting = Setting {
    key: "json",
    flag: "json",
    shape: Shape::Switch,
    env: &["BEAMLINK_JSON"],
    default: Some("false"),
    expects: A_SWITCH,
    heading: RUN,
    help: "One JSON object a line on stdout for each event",
};

pub(super) const LOG: Setting = Setting {
    key: "log",
    flag: "log",
    shape: Shape::Value("FILTER"),
    env: &["BEAMLINK_LOG", "RUST_LOG"],
    default: Some("info"),
    expects: "a log filter such as info or beamlink=debug",
    heading: RUN,
    help: "What is logged on stderr",
};

pub(super) const LOG_FORMAT: Setting = Setting {
    key: "log_format",
    flag: "log-format",
    shape: Shape::Value("FORMAT"),
    env: &["BEAMLINK_LOG_FORMAT"],
    default: Some("text"),
    expects: "one of text, json",
    heading: RUN,
    help: "How log lines look: text, or json, one object a line",
};

/// `--json` of a command that asks a peer something.
pub(super) const ANSWER_JSON: Setting = Setting {
    help: "One JSON object on stdout, {\"ok\":true,\"value\":…} or {\"ok\":false,\"error\":{\"kind\":…,\"message\":…}}",
    ..JSON
};

/// `--log` of such a command, which says what goes wrong without a log.
pub(super) const QUIET_LOG: Setting = Setting {
    default: None,
    help: "Also log on stderr, for example beamlink=debug",
    ..LOG
};

/// The settings of a command that visits a peer.
pub(super) const VISIT: &[&Setting] = &[
    &COOKIE,
    &COOKIE_FILE,
    &EPMD_PORT,
    &TIMEOUT,
    &ANSWER_JSON,
    &QUIET_LOG,
];

/// The settings of a command that asks an EPMD.
pub(super) const ASK_EPMD: &[&Setting] = &[&EPMD_PORT, &TIMEOUT, &ANSWER_JSON];

/// `--secret` of a command that tries many.
pub(super) const LISTEN_SECRET: Setting = Setting {
    shape: Shape::List("SECRET"),
    help: "Try this secret too (again for more); as a flag every user of this host can see it in ps",
    ..SECRET
};

/// `--secret-file` of such a command.
pub(super) const LISTEN_SECRET_FILE: Setting = Setting {
    shape: Shape::List("PATH"),
    help: "Try the secret in this file too (again for more)",
    ..SECRET_FILE
};

/// `--json` of a command that listens.
pub(super) const LISTEN_JSON: Setting = Setting {
    help: "One JSON object a line on stdout for whoever is heard, and one for all at the end",
    ..JSON
};

/// The settings of a command that listens for heartbeats.
pub(super) const LISTEN: &[&Setting] = &[
    &GOSSIP_PORT,
    &MULTICAST_IF,
    &MULTICAST_ADDR,
    &LISTEN_SECRET,
    &LISTEN_SECRET_FILE,
    &EPMD_PORT,
    &LISTEN_JSON,
];

/// The settings of the doctor.
pub(super) const DOCTOR: &[&Setting] = &[
    &COOKIE,
    &COOKIE_FILE,
    &EPMD_PORT,
    &GOSSIP_PORT,
    &IF_ADDR,
    &MULTICAST_IF,
    &MULTICAST_ADDR,
    &MULTICAST_TTL,
    &BROADCAST_ONLY,
    &SECRET,
    &SECRET_FILE,
    &ANSWER_JSON,
];

/// The settings of a command that sends one.
pub(super) const HEARTBEAT: &[&Setting] = &[
    &GOSSIP_PORT,
    &IF_ADDR,
    &MULTICAST_IF,
    &MULTICAST_ADDR,
    &MULTICAST_TTL,
    &BROADCAST_ONLY,
    &SECRET,
    &SECRET_FILE,
    &ANSWER_JSON,
];

/// The settings of an EPMD.
pub(super) const SERVE_EPMD: &[&Setting] = &[&EPMD_PORT, &LOG];

/// Every row of `join`, in the order of the help and of `--print-config`.
pub(super) const ALL: &[&Setting] = &[
    &NAME,
    &LONG,
    &COOKIE,
    &COOKIE_FILE,
    &HIDDEN,
    &NET_TICKTIME,
    &NO_GOSSIP,
    &GOSSIP_PORT,
    &IF_ADDR,
    &MULTICAST_IF,
    &MULTICAST_ADDR,
    &MULTICAST_TTL,
    &BROADCAST_ONLY,
    &SECRET,
    &SECRET_FILE,
    &OLD_SECRET_FILE,
    &PEER,
    &EPMD,
    &EPMD_PORT,
    &DIST_PORT,
    &DIST_ADDR,
    &STATE_DIR,
    &HTTP,
    &READY_WHEN,
    &OTLP,
    &EXIT_WHEN,
    &TIMEOUT,
    &JSON,
    &LOG,
    &LOG_FORMAT,
];
