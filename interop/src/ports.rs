//! Ports that are free at the moment.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A free TCP port on loopback.
///
/// # Panics
/// When there is none.
pub fn tcp() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free TCP port");
    socket.local_addr().expect("its address").port()
}

/// A free UDP port on loopback.
///
/// # Panics
/// When there is none.
pub fn udp() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free UDP port");
    socket.local_addr().expect("its address").port()
}
