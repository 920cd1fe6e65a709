//! I/O: the sockets and group memberships of this host as Linux lists them (`/proc/net/{tcp,udp,igmp}`, proc(5)), and the
//! processes that hold them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A TCP connection that stands (`TCP_ESTABLISHED`).
pub(super) const ESTABLISHED: u8 = 1;
/// A TCP socket that listens (`TCP_LISTEN`).
pub(super) const LISTEN: u8 = 10;

/// One line of such a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SocketLine {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: u8,
    pub(super) uid: u32,
    pub(super) inode: u64,
}

/// The sockets of `kind`, `tcp` or `udp`, of IPv4 and IPv6. Empty where the system has no such list.
pub(super) fn sockets(kind: &str) -> Vec<SocketLine> {
    let lists = [kind.to_owned(), format!("{kind}6")];
    lists
        .iter()
        .map(|list| read(list))
        .flat_map(|text| text.lines().skip(1).filter_map(line).collect::<Vec<_>>())
        .collect()
}

/// As the network looks to this thread: `/proc/net` is that of the process, which may stand in another namespace.
fn read(list: &str) -> String {
    fs::read_to_string(format!("/proc/thread-self/net/{list}")).unwrap_or_default()
}

fn line(text: &str) -> Option<SocketLine> {
    let mut words = text.split_whitespace().skip(1);
    let local = address(words.next()?)?;
    let remote = address(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let mut words = words.skip(3);
    let uid = words.next()?.parse().ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    Some(SocketLine {
        local,
        remote,
        state,
        uid,
        inode,
    })
}

/// `0100007F:1F90`: words of 32 bits, each in the byte order of the machine.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words = ip.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        u32::from_str_radix(word, 16).ok().map(u32::to_ne_bytes)
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// The groups that sockets of this host have joined, each with the name of the interface (`/proc/net/igmp`).
pub(super) fn memberships() -> Vec<(String, Ipv4Addr)> {
    groups(&read("igmp"))
}

fn groups(igmp: &str) -> Vec<(String, Ipv4Addr)> {
    let mut interface = String::new();
    let mut found = Vec::new();
    for line in igmp.lines().skip(1) {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if line.starts_with(char::is_whitespace) {
            if let Ok(group) = u32::from_str_radix(first, 16) {
                found.push((interface.clone(), Ipv4Addr::from(group.to_ne_bytes())));
            }
        } else {
            interface = words
                .next()
                .unwrap_or_default()
                .trim_end_matches(':')
                .to_owned();
        }
    }
    found
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: u32,
    /// The name of its program.
    pub(super) program: String,
}

/// Who holds the sockets with these inodes, as far as we may see: without privileges, one's own processes only.
pub(super) fn holders(inodes: &[u64]) -> Vec<Holder> {
    let wanted: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let mut holders = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|pid| pid.parse().ok())
        else {
            continue;
        };
        let links = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten();
        let holds = links.flatten().any(|link| {
            let to = fs::read_link(link.path()).unwrap_or_default();
            wanted
                .iter()
                .any(|wanted| to.as_os_str() == wanted.as_str())
        });
        if holds {
            let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let program = program.trim().to_owned();
            holders.push(Holder { pid, program });
        }
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_as_linux_writes_them() {
        let tcp = "   1: 020014AC:1F90 030014AC:A3F2 01 00000000:00000000 00:00000000 00000000  1000        0 123456 1 0000000000000000 20 4 30 10 -1";
        let expected = SocketLine {
            local: "172.20.0.2:8080".parse().unwrap(),
            remote: "172.20.0.3:41970".parse().unwrap(),
            state: ESTABLISHED,
            uid: 1000,
            inode: 123_456,
        };
        assert_eq!(line(tcp), Some(expected));
        let mapped = "0000000000000000FFFF00000100007F:1111";
        assert_eq!(address(mapped), Some("127.0.0.1:4369".parse().unwrap()));
        assert_eq!(line("   1: 020014AC"), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn groups_as_linux_writes_them() {
        let igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
            1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
            2\teth0      :     2      V3\n\t\t\t\t0100FFEF     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n";
        let all_hosts = Ipv4Addr::new(224, 0, 0, 1);
        let expected = [
            ("lo".to_owned(), all_hosts),
            ("eth0".to_owned(), Ipv4Addr::new(239, 255, 0, 1)),
            ("eth0".to_owned(), all_hosts),
        ];
        assert_eq!(groups(igmp), expected);
    }

    #[test]
    fn our_own_socket_is_found_and_we_hold_it() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = socket.local_addr().unwrap();
        let lines = sockets("udp");
        let own = lines.iter().find(|line| line.local == local).unwrap();
        let holders = holders(&[own.inode]);
        assert_eq!(holders.len(), 1);
        assert_eq!(holders[0].pid, std::process::id());
    }
}
