//! The settings of the Gossip strategy, under libcluster's own names and with its defaults.

use std::net::Ipv4Addr;

use if_addrs::Ifv4Addr;

use crate::GossipSecret;

/// Where and how heartbeats travel: libcluster's configuration, key for key.
///
/// ```
/// use beamlink::{GossipSecret, gossip::Gossip};
/// let gossip = Gossip::default()
///     .multicast_addr([172, 20, 255, 255].into())
///     .secret(GossipSecret::new("dev_cluster_secret_2025"));
/// assert_eq!(gossip.port, 45892);
/// assert!(!format!("{gossip:?}").contains("dev_cluster"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gossip {
    /// The UDP port of the whole cluster: heartbeats are heard on it and sent to it.
    pub port: u16,
    /// The address to bind to. A specific one also picks the interface that heartbeats leave by.
    pub if_addr: Ipv4Addr,
    /// The address of the interface that multicast leaves by and is heard on; without it, the routing table
    /// decides where it leaves and it is heard on every interface.
    pub multicast_if: Option<Ipv4Addr>,
    /// Where heartbeats go: a multicast group, the limited broadcast address or that of a subnet.
    pub multicast_addr: Ipv4Addr,
    /// How many networks multicast may cross; 1 keeps it in the local one.
    pub multicast_ttl: u8,
    /// Joins no group. A broadcast address works with and without it.
    pub broadcast_only: bool,
    /// Encrypts heartbeats, and takes only those encrypted with the same secret.
    pub secret: Option<GossipSecret>,
    /// A secret that is on its way out, or in: heartbeats under it are taken as well, and ours go out under both.
    pub old_secret: Option<GossipSecret>,
}

impl Default for Gossip {
    fn default() -> Gossip {
        Gossip {
            port: 45892,
            if_addr: Ipv4Addr::UNSPECIFIED,
            multicast_if: None,
            multicast_addr: Ipv4Addr::new(233, 252, 1, 32),
            multicast_ttl: 1,
            broadcast_only: false,
            secret: None,
            old_secret: None,
        }
    }
}

impl Gossip {
    /// All its secrets, that of our own heartbeats first.
    pub fn secrets(&self) -> impl Iterator<Item = &GossipSecret> {
        self.secret.iter().chain(&self.old_secret)
    }

    /// Sets [`Gossip::old_secret`].
    pub fn old_secret(mut self, secret: GossipSecret) -> Gossip {
        self.old_secret = Some(secret);
        self
    }

    /// Sets [`Gossip::port`].
    pub fn port(mut self, port: u16) -> Gossip {
        self.port = port;
        self
    }

    /// Sets [`Gossip::if_addr`].
    pub fn if_addr(mut self, address: Ipv4Addr) -> Gossip {
        self.if_addr = address;
        self
    }

    /// Sets [`Gossip::multicast_if`].
    pub fn multicast_if(mut self, address: Ipv4Addr) -> Gossip {
        self.multicast_if = Some(address);
        self
    }

    /// Sets [`Gossip::multicast_addr`].
    pub fn multicast_addr(mut self, address: Ipv4Addr) -> Gossip {
        self.multicast_addr = address;
        self
    }

    /// Sets [`Gossip::multicast_ttl`].
    pub fn multicast_ttl(mut self, ttl: u8) -> Gossip {
        self.multicast_ttl = ttl;
        self
    }

    /// Sets [`Gossip::broadcast_only`].
    pub fn broadcast_only(mut self, only: bool) -> Gossip {
        self.broadcast_only = only;
        self
    }

    /// Sets [`Gossip::secret`].
    pub fn secret(mut self, secret: GossipSecret) -> Gossip {
        self.secret = Some(secret);
        self
    }

    /// What [`Gossip::multicast_addr`] is on a host with these interfaces.
    pub(crate) fn destination<'a>(
        &self,
        interfaces: impl IntoIterator<Item = &'a Ifv4Addr>,
    ) -> Destination {
        let to = self.multicast_addr;
        if to.is_multicast() {
            return Destination::Multicast;
        }
        if to.is_broadcast() {
            return Destination::LimitedBroadcast;
        }
        interfaces
            .into_iter()
            .find(|interface| is_broadcast_of(to, interface))
            .map_or(Destination::Unicast, |interface| {
                Destination::SubnetBroadcast(interface.ip)
            })
    }
}

/// Linux routes the last address of a subnet as broadcast whether or not the interface was given a
/// broadcast address, but not for prefixes longer than 30 bits (`fib_add_ifaddr`, net/ipv4/fib_frontend.c).
fn is_broadcast_of(to: Ipv4Addr, interface: &Ifv4Addr) -> bool {
    let last = interface.ip | !interface.netmask;
    interface.prefixlen < 31 && (to == last || interface.broadcast == Some(to))
}

/// What kind of address heartbeats are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A multicast group, 224.0.0.0 to 239.255.255.255.
    Multicast,
    /// 255.255.255.255: the networks the routing table picks for it, usually the default route's.
    LimitedBroadcast,
    /// The broadcast address of the interface with this address.
    SubnetBroadcast(Ipv4Addr),
    /// One host, or the broadcast address of a network this host has no interface in.
    Unicast,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(ip: [u8; 4], prefixlen: u8, broadcast: Option<[u8; 4]>) -> Ifv4Addr {
        let netmask = Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefixlen)).unwrap_or(0));
        Ifv4Addr {
            ip: ip.into(),
            netmask,
            prefixlen,
            broadcast: broadcast.map(Into::into),
        }
    }

    fn kind(to: [u8; 4]) -> Destination {
        let interfaces = [
            interface([127, 0, 0, 1], 8, None),
            interface([172, 20, 0, 7], 16, None),
            interface([10, 1, 2, 3], 24, Some([10, 1, 255, 255])),
            interface([10, 9, 9, 9], 32, None),
            interface([10, 8, 8, 9], 31, Some([10, 8, 8, 9])),
        ];
        Gossip::default()
            .multicast_addr(to.into())
            .destination(&interfaces)
    }

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(kind([233, 252, 1, 32]), Destination::Multicast);
        assert_eq!(kind([224, 0, 0, 1]), Destination::Multicast);
        assert_eq!(kind([239, 255, 255, 255]), Destination::Multicast);
        assert_eq!(kind([255; 4]), Destination::LimitedBroadcast);
        let of = |ip: [u8; 4]| Destination::SubnetBroadcast(ip.into());
        assert_eq!(kind([172, 20, 255, 255]), of([172, 20, 0, 7]));
        assert_eq!(kind([127, 255, 255, 255]), of([127, 0, 0, 1]));
        assert_eq!(kind([10, 1, 2, 255]), of([10, 1, 2, 3]));
        assert_eq!(kind([10, 1, 255, 255]), of([10, 1, 2, 3]));
        assert_eq!(kind([172, 20, 0, 255]), Destination::Unicast);
        assert_eq!(kind([172, 21, 255, 255]), Destination::Unicast);
        assert_eq!(kind([10, 9, 9, 9]), Destination::Unicast);
        assert_eq!(kind([10, 8, 8, 9]), Destination::Unicast);
    }

    #[test]
    fn defaults_are_those_of_libcluster() {
        let expected = Gossip {
            port: 45892,
            if_addr: [0; 4].into(),
            multicast_if: None,
            multicast_addr: [233, 252, 1, 32].into(),
            multicast_ttl: 1,
            broadcast_only: false,
            secret: None,
            old_secret: None,
        };
        assert_eq!(Gossip::default(), expected);
    }

    #[test]
    fn each_setter_sets_its_field() {
        let gossip = Gossip::default()
            .port(1)
            .if_addr([1, 1, 1, 1].into())
            .multicast_if([2, 2, 2, 2].into())
            .multicast_addr([239, 0, 0, 1].into())
            .multicast_ttl(9)
            .broadcast_only(true)
            .secret(GossipSecret::new("s"));
        let expected = Gossip {
            port: 1,
            if_addr: [1, 1, 1, 1].into(),
            multicast_if: Some([2, 2, 2, 2].into()),
            multicast_addr: [239, 0, 0, 1].into(),
            multicast_ttl: 9,
            broadcast_only: true,
            secret: Some(GossipSecret::new("s")),
            old_secret: None,
        };
        assert_eq!(gossip, expected);
    }
}
