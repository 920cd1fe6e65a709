//! I/O: what this host is called, as OTP finds out (`inet_config.erl`).

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The user that this process runs as.
pub(super) fn uid() -> u32 {
    std::fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

/// The host part of a short name (`-sname`): the hostname up to its first dot.
pub(super) fn short(hostname: &str) -> &str {
    hostname.split('.').next().unwrap_or(hostname)
}

/// The host part of a long name (`-name`): the hostname if it has a dot, else with the domain of
/// `resolv.conf`, else as `hosts` knows it. `etc` is the folder of these two files.
pub(super) fn long(hostname: &str, etc: &Path) -> Option<String> {
    if hostname.contains('.') {
        return Some(hostname.to_owned());
    }
    let read = |file| std::fs::read_to_string(etc.join(file)).unwrap_or_default();
    match domain(&read("resolv.conf")) {
        Some(domain) => Some(format!("{hostname}.{domain}")),
        None => canonical(hostname, &read("hosts")),
    }
}

fn domain(resolv_conf: &str) -> Option<&str> {
    let mut lines = resolv_conf.lines().map(str::split_whitespace);
    lines.find_map(|mut words| match words.next() {
        Some("domain" | "search") => words.next().filter(|domain| *domain != "."),
        _ => None,
    })
}

fn canonical(hostname: &str, hosts: &str) -> Option<String> {
    let lines = hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let mut named =
        lines.filter(|line| line.split_whitespace().skip(1).any(|name| name == hostname));
    let found = named.find_map(|line| {
        line.split_whitespace()
            .skip(1)
            .find(|name| name.contains('.'))
    });
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etc(resolv_conf: &str, hosts: &str) -> tempfile::TempDir {
        let etc = tempfile::tempdir().unwrap();
        std::fs::write(etc.path().join("resolv.conf"), resolv_conf).unwrap();
        std::fs::write(etc.path().join("hosts"), hosts).unwrap();
        etc
    }

    #[test]
    fn a_hostname_with_a_dot_is_the_long_name() {
        let etc = etc("search example.org\n", "");
        assert_eq!(long("node0.lan", etc.path()).as_deref(), Some("node0.lan"));
        assert_eq!(short("node0.lan"), "node0");
    }

    #[test]
    fn else_the_resolvers_domain_is_added() {
        let etc = etc(
            "nameserver 10.0.0.1\nsearch example.org other\n",
            "10.0.0.9 node0.hosts node0\n",
        );
        assert_eq!(
            long("node0", etc.path()).as_deref(),
            Some("node0.example.org")
        );
    }

    #[test]
    fn else_the_hosts_file_is_asked() {
        let etc = etc(
            "nameserver 10.0.0.1\n",
            "127.0.0.1 localhost\n10.0.0.9 node0.hosts node0 # x.y\n",
        );
        assert_eq!(long("node0", etc.path()).as_deref(), Some("node0.hosts"));
        assert_eq!(long("node1", etc.path()), None);
    }
}
