//! Hosts of our own: network namespaces on a bridge 172.20.0.0/16, as ExESDB's nodes stand on theirs.

use std::fs::{self, File};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::link::Link;
use crate::skip::Missing;

/// A command that runs in `namespace`, if there is one.
pub(crate) fn within(namespace: Option<&Namespace>, program: &str) -> Command {
    match namespace {
        Some(namespace) => namespace.command(program),
        None => Command::new(program),
    }
}

/// Does `work` in a thread of its own that is in `namespace`: what it opens stays there.
pub(crate) fn inside<T: Send>(
    namespace: &str,
    work: impl FnOnce() -> T + Send,
) -> Result<T, Missing> {
    let path = format!("/run/netns/{namespace}");
    let missing = |error: &dyn std::error::Error| Missing(format!("{path}: {error}"));
    let file = File::open(&path).map_err(|error| missing(&error))?;
    let entered = || setns(&file, CloneFlags::CLONE_NEWNET).map(|()| work());
    match thread::scope(|scope| scope.spawn(entered).join()) {
        Ok(done) => done.map_err(|error| missing(&error)),
        Err(panic) => resume_unwind(panic),
    }
}

pub(crate) fn ip(arguments: &[&str]) -> Result<String, Missing> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<String, Missing> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| Missing(format!("{program}: {error}")))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Missing(format!(
                "{program} {}: {}",
                arguments.join(" "),
                said.trim()
            )))
        }
    }
}

/// Namespaces are named after the process that makes them, so that another can tell which are left over.
const PREFIX: &str = "bl";

/// A bridge in a namespace of its own, to which hosts are connected.
#[derive(Debug)]
pub struct Bridge {
    name: String,
    hosts: Vec<String>,
}

impl Bridge {
    /// A bridge with a host for each of `names`, at 172.20.0.2 and up. Each knows the others by their names.
    ///
    /// # Errors
    /// Where namespaces cannot be made: they need root.
    pub fn new(names: &[&str]) -> Result<(Bridge, Vec<Namespace>), Missing> {
        Bridge::with(names, address)
    }

    /// The same, but the hosts know each other by IPv6 addresses (fd00:20::2 and up) alone. They have IPv4 ones, too,
    /// for heartbeats.
    ///
    /// # Errors
    /// As [`Bridge::new`].
    pub fn ipv6(names: &[&str]) -> Result<(Bridge, Vec<Namespace>), Missing> {
        let made = Bridge::with(names, ipv6_address)?;
        for host in &made.1 {
            let address = format!("{}/64", ipv6_address(host.at));
            // Nobody else can have it, so nobody is asked.
            ip(&[
                "-n", &host.name, "addr", "add", &address, "dev", "eth0", "nodad",
            ])?;
        }
        Ok(made)
    }

    fn with(
        names: &[&str],
        known_by: fn(usize) -> String,
    ) -> Result<(Bridge, Vec<Namespace>), Missing> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        remove_leftovers();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}x{number}", std::process::id());
        ip(&["netns", "add", &name])?;
        let mut bridge = Bridge {
            name: name.clone(),
            hosts: Vec::new(),
        };
        ip(&["-n", &name, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &name, "link", "set", "br0", "up"])?;
        let table = hosts_table(names, known_by);
        let mut namespaces = Vec::new();
        for (at, host) in names.iter().enumerate() {
            namespaces.push(bridge.connect(host, at, &table)?);
        }
        Ok((bridge, namespaces))
    }

    fn connect(&mut self, host: &str, at: usize, hosts: &str) -> Result<Namespace, Missing> {
        let namespace = format!("{}n{at}", self.name);
        let inner = format!("v{at}");
        ip(&["netns", "add", &namespace])?;
        self.hosts.push(namespace.clone());
        let mac = mac(at).map(|byte| format!("{byte:02x}")).join(":");
        let peer = ["peer", "name", "eth0", "address", &mac, "netns", &namespace];
        let link = ["-n", &self.name, "link", "add", &inner, "type", "veth"];
        ip(&[&link[..], &peer[..]].concat())?;
        ip(&[
            "-n", &self.name, "link", "set", &inner, "master", "br0", "up",
        ])?;
        let address = address(at);
        add_address(&namespace, &address)?;
        ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        // Multicast and limited broadcast need a route.
        ip(&["-n", &namespace, "route", "add", "default", "dev", "eth0"])?;
        let folder = format!("/etc/netns/{namespace}");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(format!("{folder}/hosts"), hosts))
            // No name server: a name that is not in the table fails at once.
            .and_then(|()| fs::write(format!("{folder}/resolv.conf"), ""))
            .map_err(|error| Missing(format!("{folder}: {error}")))?;
        Ok(Namespace {
            name: namespace,
            bridge: self.name.clone(),
            at,
            host: host.to_owned(),
            address,
        })
    }
}

fn address(at: usize) -> String {
    format!("172.20.0.{}", at + 2)
}

fn ipv6_address(at: usize) -> String {
    format!("fd00:20::{:x}", at + 2)
}

fn add_address(namespace: &str, address: &str) -> Result<(), Missing> {
    let with_mask = format!("{address}/16");
    let add = ["-n", namespace, "addr", "add", &with_mask];
    ip(&[&add[..], &["brd", "172.20.255.255", "dev", "eth0"]].concat()).map(drop)
}

/// The address of an interface, as it stands in frames.
pub(crate) type Mac = [u8; 6];

/// Locally administered, with the address on the bridge in it.
fn mac(at: usize) -> Mac {
    let [.., high, low] = (at + 2).to_be_bytes();
    [2, 0, 172, 20, high, low]
}

fn hosts_table(names: &[&str], address: fn(usize) -> String) -> String {
    let mut table = "127.0.0.1 localhost\n".to_owned();
    for (at, name) in names.iter().enumerate() {
        table.push_str(&format!("{} {name}\n", address(at)));
    }
    table
}

impl Drop for Bridge {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().chain([&self.name]) {
            remove(namespace);
        }
    }
}

/// Ends what still runs in a namespace of ours, such as the EPMD that a BEAM started, and removes it.
fn remove(namespace: &str) {
    // What is left of a namespace that cannot be removed harms nobody.
    let pids = ip(&["netns", "pids", namespace]).unwrap_or_default();
    for pid in pids.split_whitespace() {
        let _ = run("kill", &["-s", "KILL", pid]);
    }
    let _ = ip(&["netns", "del", namespace]);
    let _ = fs::remove_dir_all(format!("/etc/netns/{namespace}"));
}

/// Removes the namespaces of processes that are no more: a killed test drops nothing.
fn remove_leftovers() {
    let Ok(namespaces) = fs::read_dir("/run/netns") else {
        return;
    };
    for entry in namespaces.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('x'));
        let owner = owner.and_then(|(pid, _)| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            remove(&name);
        }
    }
}

/// One host: a network namespace with an interface `eth0`.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    bridge: String,
    at: usize,
    host: String,
    address: String,
}

impl Namespace {
    /// The name of the host, as the others know it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its address on the bridge.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A command that runs on this host.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Does `work` on this host, in a thread of its own: the sockets that it opens stay there.
    ///
    /// # Errors
    /// Where the namespace cannot be entered: it takes root.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Missing> {
        inside(&self.name, work)
    }

    /// Puts a wire between this host and its bridge that can be made bad at any time; `seed` decides the fates of the
    /// frames. There may be one at a time. Nodes that run notice nothing of it.
    ///
    /// # Errors
    /// Where there is no `/dev/net/tun`, and what `ip` says.
    pub fn impair(&self, seed: u64) -> Result<Link, Missing> {
        Link::new(&self.bridge, self.at, seed)
    }

    /// Its table of hosts: an address and a name a line.
    ///
    /// # Errors
    /// When it is gone.
    pub fn hosts(&self) -> Result<String, Missing> {
        let path = self.hosts_path();
        fs::read_to_string(&path).map_err(|error| Missing(format!("{path}: {error}")))
    }

    /// Gives it another table of hosts. What runs there reads it at its next look-up.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_hosts(&self, table: &str) -> Result<(), Missing> {
        let path = self.hosts_path();
        // In its place: what runs there has this very file mounted.
        fs::write(&path, table).map_err(|error| Missing(format!("{path}: {error}")))
    }

    fn hosts_path(&self) -> String {
        format!("/etc/netns/{}/hosts", self.name)
    }

    /// Takes the interface down, gives it another address, and takes it up again. The tables of hosts are left as they
    /// are.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn readdress(&mut self, address: &str) -> Result<(), Missing> {
        self.link_down()?;
        ip(&["-n", &self.name, "addr", "flush", "dev", "eth0"])?;
        add_address(&self.name, address)?;
        self.address = address.to_owned();
        self.link_up()
    }

    pub(crate) fn mac(&self) -> Mac {
        mac(self.at)
    }

    /// From now on this host takes `host` to be at `address`, `None` for where it is.
    ///
    /// # Errors
    /// When the table of hosts cannot be written.
    pub fn resolve(&self, host: &str, address: Option<&str>) -> Result<(), Missing> {
        let path = format!("/etc/netns/{}/hosts", self.name);
        let wrong = |error| Missing(format!("{path}: {error}"));
        let table = fs::read_to_string(&path).map_err(wrong)?;
        // All lines of a name count, so that the right one is set aside meanwhile.
        const ASIDE: &str = "#was ";
        const WRONG: &str = " #";
        let kept = table.lines().filter(|line| !line.ends_with(WRONG));
        let mut table: Vec<String> = kept
            .map(|line| line.trim_start_matches(ASIDE).to_owned())
            .collect();
        if let Some(address) = address {
            for line in &mut table {
                if line.split(' ').nth(1) == Some(host) {
                    line.insert_str(0, ASIDE);
                }
            }
            table.push(format!("{address} {host}{WRONG}"));
        }
        fs::write(&path, table.join("\n") + "\n").map_err(wrong)
    }

    /// Takes the interface down.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn link_down(&self) -> Result<(), Missing> {
        ip(&["-n", &self.name, "link", "set", "eth0", "down"]).map(drop)
    }

    /// Takes the interface up again.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn link_up(&self) -> Result<(), Missing> {
        ip(&["-n", &self.name, "link", "set", "eth0", "up"])?;
        ip(&[
            "-n", &self.name, "route", "replace", "default", "dev", "eth0",
        ])
        .map(drop)
    }
}
