//! Hosts of our own: network namespaces on a bridge 172.20.0.0/16, as ExESDB's nodes stand on theirs.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::skip::Missing;

/// A command that runs in `namespace`, if there is one.
pub(crate) fn within(namespace: Option<&Namespace>, program: &str) -> Command {
    match namespace {
        Some(namespace) => namespace.command(program),
        None => Command::new(program),
    }
}

fn ip(arguments: &[&str]) -> Result<(), Missing> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| Missing(format!("ip: {error}")))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Missing(format!(
                "ip {}: {}",
                arguments.join(" "),
                said.trim()
            )))
        }
    }
}

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
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bl{}x{number}", std::process::id());
        ip(&["netns", "add", &name])?;
        let mut bridge = Bridge {
            name: name.clone(),
            hosts: Vec::new(),
        };
        ip(&["-n", &name, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &name, "link", "set", "br0", "up"])?;
        let table = hosts_table(names);
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
        let peer = ["peer", "name", "eth0", "netns", &namespace];
        let link = ["-n", &self.name, "link", "add", &inner, "type", "veth"];
        ip(&[&link[..], &peer[..]].concat())?;
        ip(&[
            "-n", &self.name, "link", "set", &inner, "master", "br0", "up",
        ])?;
        let address = address(at);
        let with_mask = format!("{address}/16");
        ip(&[
            "-n",
            &namespace,
            "addr",
            "add",
            &with_mask,
            "brd",
            "172.20.255.255",
            "dev",
            "eth0",
        ])?;
        ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        // Multicast and limited broadcast need a route.
        ip(&["-n", &namespace, "route", "add", "default", "dev", "eth0"])?;
        let folder = format!("/etc/netns/{namespace}");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(format!("{folder}/hosts"), hosts))
            .map_err(|error| Missing(format!("{folder}: {error}")))?;
        Ok(Namespace {
            name: namespace,
            host: host.to_owned(),
            address,
        })
    }
}

fn address(at: usize) -> String {
    format!("172.20.0.{}", at + 2)
}

fn hosts_table(names: &[&str]) -> String {
    let mut table = "127.0.0.1 localhost\n".to_owned();
    for (at, name) in names.iter().enumerate() {
        table.push_str(&format!("{} {name}\n", address(at)));
    }
    table
}

impl Drop for Bridge {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().chain([&self.name]) {
            // What is left of a namespace that cannot be removed harms nobody.
            let _ = ip(&["netns", "del", namespace]);
            let _ = fs::remove_dir_all(format!("/etc/netns/{namespace}"));
        }
    }
}

/// One host: a network namespace with an interface `eth0`.
#[derive(Debug)]
pub struct Namespace {
    name: String,
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

    /// Takes the interface down.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn link_down(&self) -> Result<(), Missing> {
        ip(&["-n", &self.name, "link", "set", "eth0", "down"])
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
    }
}
