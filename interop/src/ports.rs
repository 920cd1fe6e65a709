//! Ports that are free, and stay so: below those that the kernel gives out for connections, and never the same twice.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

fn free(is_free: impl Fn(u16) -> bool) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 61 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (number % 10_000) as u16;
        if is_free(port) {
            return port;
        }
    }
}

/// A TCP port that is free on all addresses.
pub fn tcp() -> u16 {
    let binds = |address, port| TcpListener::bind((address, port)).is_ok();
    let no_ipv6 = !binds("::", 0);
    free(|port| binds("0.0.0.0", port) && (no_ipv6 || binds("::", port)))
}

/// A UDP port that is free on all addresses.
pub fn udp() -> u16 {
    free(|port| UdpSocket::bind(("0.0.0.0", port)).is_ok())
}
