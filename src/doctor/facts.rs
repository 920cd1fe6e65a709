//! What a node says of itself.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::asking::{Asking, address, field, nodes, ok, text};
use super::environment::Environment;
use super::strategy::{Running, Strategy};
use crate::otp::erpc::RpcError;
use crate::term::Term;
use crate::{Cookie, NodeName};

/// What a node says of itself; what it does not say is empty.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Facts {
    /// Whom it lists: `Node.list()`.
    pub nodes: Vec<NodeName>,
    /// Where the other end of each of its connections is.
    pub connections: Vec<(NodeName, IpAddr)>,
    /// Its OTP release.
    pub otp: Option<String>,
    /// Its version of Elixir.
    pub elixir: Option<String>,
    /// `net_ticktime`, in seconds.
    pub net_ticktime: Option<i64>,
    /// `prevent_overlapping_partitions`, where it was set.
    pub prevent_overlapping_partitions: Option<String>,
    /// `connect_all`, where it was set.
    pub connect_all: Option<String>,
    /// `-proto_dist`, where it was given.
    pub proto_dist: Option<String>,
    /// Its applications that run.
    pub applications: Vec<String>,
    /// What it has used up of what it may have.
    pub limits: Limits,
    /// Since its start; in JSON a number of seconds.
    #[serde(serialize_with = "as_seconds")]
    pub uptime: Option<Duration>,
    /// What kind of runtime it is by its own word: `BEAM`, or `beamlink`.
    pub machine: Option<String>,
    /// Whether it was started as a hidden node (`-hidden`): nobody lists it, and nobody should.
    pub hidden: bool,
    /// Whether a process of it runs libcluster's Gossip; `None` when that could not be asked.
    pub gossips: Option<bool>,
    /// What it gossips with, or is configured to.
    pub gossip: Option<Strategy>,
    /// The variables in its environment that ExESDB takes its gossip settings from.
    pub environment: Environment,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Its own cookie, which may differ from the one it has for a peer.
    #[serde(skip)]
    pub cookie: Option<Cookie>,
}

fn as_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// How near a node is to its limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Atoms.
    pub atoms: Option<i64>,
    /// How many it may have.
    pub atom_limit: Option<i64>,
    /// Processes.
    pub processes: Option<i64>,
    /// How many it may have.
    pub process_limit: Option<i64>,
    /// Ports.
    pub ports: Option<i64>,
    /// How many it may have.
    pub port_limit: Option<i64>,
    /// Processes that wait for a scheduler.
    pub run_queue: Option<i64>,
    /// Schedulers.
    pub schedulers: Option<i64>,
    /// Memory in bytes.
    pub memory: Option<i64>,
}

/// A network interface of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// `up`, `broadcast`, `loopback`, `multicast`, ….
    pub flags: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The masks of those, in the same order.
    pub netmasks: Vec<IpAddr>,
    /// Where it broadcasts to.
    pub broadcasts: Vec<IpAddr>,
}

impl Facts {
    /// Asks for all of it at once.
    ///
    /// # Errors
    /// The node does not answer the first of all questions.
    pub(super) async fn ask(asking: Asking<'_>) -> Result<Facts, RpcError> {
        let visible = asking.call("erlang", "nodes", vec![Term::atom("visible")]);
        let listed = visible.await?;
        let (mut facts, applications, limits, interfaces) = tokio::join!(
            Facts::of_net_kernel(asking),
            applications(asking),
            Limits::ask(asking),
            interfaces(asking),
        );
        let has = |name: &str| applications.iter().any(|known| known == name);
        let elixir = async {
            if !has("elixir") {
                return None;
            }
            let arguments = vec![Term::atom("elixir"), Term::atom("vsn")];
            text(&ok(asking
                .get("application", "get_key", arguments)
                .await?)?)
        };
        let environment = Environment::ask(asking);
        let running = asking.running_strategy();
        let (elixir, environment, running) = tokio::join!(elixir, environment, running);
        facts.elixir = elixir;
        facts.gossips = running
            .as_ref()
            .map(|running| !matches!(running, Running::None));
        facts.gossip = match running {
            Some(Running::Told(strategy)) => Some(strategy),
            Some(Running::Busy(socket)) => {
                let configured = asking.configured_strategy(&environment).await;
                configured.map(|strategy| Strategy {
                    socket: Some(socket),
                    ..strategy
                })
            }
            _ if has("libcluster") => asking.configured_strategy(&environment).await,
            _ => None,
        };
        facts.environment = environment;
        facts.nodes = nodes(&listed);
        facts.nodes.sort();
        Ok(Facts {
            applications,
            limits,
            interfaces,
            ..facts
        })
    }

    async fn of_net_kernel(asking: Asking<'_>) -> Facts {
        let (connections, otp, ticktime, overlap, kernel_all, flag_all, proto, clock, cookie) = tokio::join!(
            asking.get("net_kernel", "nodes_info", vec![]),
            asking.get("erlang", "system_info", vec![Term::atom("otp_release")]),
            asking.get("net_kernel", "get_net_ticktime", vec![]),
            asking.kernel("prevent_overlapping_partitions"),
            asking.kernel("connect_all"),
            asking.flag("connect_all"),
            asking.flag("proto_dist"),
            asking.get("erlang", "statistics", vec![Term::atom("wall_clock")]),
            asking.get("erlang", "get_cookie", vec![]),
        );
        let (machine, hidden) = tokio::join!(
            asking.get("erlang", "system_info", vec![Term::atom("machine")]),
            asking.get("init", "get_argument", vec![Term::atom("hidden")]),
        );
        let connections = connections.and_then(ok);
        let uptime = || u64::try_from(clock?.as_tuple()?.first()?.as_int()?).ok();
        Facts {
            connections: connections.map(|list| peers(&list)).unwrap_or_default(),
            otp: otp.as_ref().and_then(text),
            net_ticktime: ticktime.as_ref().and_then(seconds),
            prevent_overlapping_partitions: overlap.as_ref().and_then(text),
            connect_all: kernel_all.as_ref().and_then(text).or(flag_all),
            proto_dist: proto,
            uptime: uptime().map(Duration::from_millis),
            machine: machine.as_ref().and_then(text),
            // `{ok, [[]]}`, or `error`.
            hidden: hidden.and_then(ok).is_some(),
            cookie: cookie.as_ref().and_then(as_cookie),
            ..Facts::default()
        }
    }

    /// Whether it is a BEAM: a node of another kind, such as beamlink, names its own kind, or none.
    pub fn is_beam(&self) -> bool {
        self.machine.as_deref() == Some("BEAM")
    }

    /// Whether it runs an application by which a node is known as one that holds a store.
    pub(super) fn runs_a_store(&self) -> bool {
        ["ex_esdb", "reg_gh", "khepri"]
            .iter()
            .any(|name| self.runs(name))
    }

    /// Whether an application of that name runs there.
    pub fn runs(&self, application: &str) -> bool {
        self.applications.iter().any(|known| known == application)
    }
}

/// A cookie as the atom that it is; its characters are latin-1.
pub(super) fn as_cookie(term: &Term) -> Option<Cookie> {
    let text = term.as_atom().filter(|text| *text != "nocookie")?;
    let bytes: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char).ok()).collect();
    Some(Cookie::new(bytes?))
}

/// `60`, or `{ongoing_change_to, 60}`
fn seconds(term: &Term) -> Option<i64> {
    let last = term.as_tuple().and_then(<[Term]>::last);
    last.unwrap_or(term).as_int()
}

/// Of `net_kernel:nodes_info/0`: `[{Node, [{address, {net_address, {Ip, Port}, Host, tcp, inet}}, …]}]`
fn peers(list: &Term) -> Vec<(NodeName, IpAddr)> {
    let peer = |pair: &Term| {
        let [name, info] = pair.as_tuple()? else {
            return None;
        };
        let socket = field(info, "address")?.as_tuple()?.get(1)?;
        let ip = socket.as_tuple()?.first()?;
        Some((NodeName::new(name.as_atom()?).ok()?, address(ip)?))
    };
    let list = list.as_list().unwrap_or_default();
    list.iter().filter_map(peer).collect()
}

async fn applications(asking: Asking<'_>) -> Vec<String> {
    let list = asking
        .get("application", "which_applications", vec![])
        .await;
    let list = list.unwrap_or_else(Term::nil);
    let name = |entry: &Term| Some(entry.as_tuple()?.first()?.as_atom()?.to_owned());
    let entries = list.as_list().unwrap_or_default();
    entries.iter().filter_map(name).collect()
}

impl Limits {
    async fn ask(asking: Asking<'_>) -> Limits {
        let number = |term: Option<Term>| term.and_then(|term| term.as_int());
        let (atoms, atom_limit, processes, process_limit, ports, port_limit, schedulers) = tokio::join!(
            asking.system_info("atom_count"),
            asking.system_info("atom_limit"),
            asking.system_info("process_count"),
            asking.system_info("process_limit"),
            asking.system_info("port_count"),
            asking.system_info("port_limit"),
            asking.system_info("schedulers_online"),
        );
        let (run_queue, memory) = tokio::join!(
            asking.get("erlang", "statistics", vec![Term::atom("run_queue")]),
            asking.get("erlang", "memory", vec![Term::atom("total")]),
        );
        Limits {
            atoms,
            atom_limit,
            processes,
            process_limit,
            ports,
            port_limit,
            run_queue: number(run_queue),
            schedulers,
            memory: number(memory),
        }
    }
}

async fn interfaces(asking: Asking<'_>) -> Vec<Interface> {
    let list = asking.get("inet", "getifaddrs", vec![]).await.and_then(ok);
    let list = list.unwrap_or_else(Term::nil);
    let entries = list.as_list().unwrap_or_default();
    entries.iter().filter_map(interface).collect()
}

/// `{"eth0", [{flags, [up, …]}, {addr, {…}}, {netmask, {…}}, {broadaddr, {…}}, {addr, …}, …]}`
fn interface(entry: &Term) -> Option<Interface> {
    let [name, options] = entry.as_tuple()? else {
        return None;
    };
    let flags = field(options, "flags").and_then(Term::as_list);
    let all = |key| {
        let pairs = options.as_list().unwrap_or_default().iter();
        let found = pairs.filter_map(|pair| match pair.as_tuple()? {
            [name, value] if name.as_atom() == Some(key) => address(value),
            _ => None,
        });
        found.collect()
    };
    Some(Interface {
        name: text(name)?,
        flags: flags.unwrap_or_default().iter().filter_map(text).collect(),
        addresses: all("addr"),
        netmasks: all("netmask"),
        broadcasts: all("broadaddr"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_inet_says_of_an_interface() {
        let entry = "{\"eth0\",[{flags,[up,broadcast,running,multicast]},{addr,{172,20,0,3}},{netmask,{255,255,0,0}},\
            {broadaddr,{172,20,255,255}},{addr,{65152,0,0,0,0,0,0,1}},{netmask,{65535,65535,65535,65535,0,0,0,0}},{hwaddr,[2,0]}]}";
        let found = interface(&Term::parse_erlang(entry).unwrap()).unwrap();
        assert_eq!(found.name, "eth0");
        assert_eq!(found.addresses[0], IpAddr::from([172, 20, 0, 3]));
        assert_eq!(found.netmasks[0], IpAddr::from([255, 255, 0, 0]));
        assert_eq!(found.broadcasts, [IpAddr::from([172, 20, 255, 255])]);
        assert!(found.flags.contains(&"broadcast".to_owned()));
    }

    #[test]
    fn what_net_kernel_says_of_its_peers() {
        let list = "[{'a@h',[{owner,x},{address,{net_address,{{172,20,0,4},40112},\"h\",tcp,inet}}]},{'b@h',[{address,undefined}]}]";
        let found = peers(&Term::parse_erlang(list).unwrap());
        assert_eq!(found, [("a@h".parse().unwrap(), [172, 20, 0, 4].into())]);
        assert_eq!(
            seconds(&Term::parse_erlang("{ongoing_change_to,8}").unwrap()),
            Some(8)
        );
    }
}
