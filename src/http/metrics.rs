//! What a node measures of itself; at `/metrics` Prometheus scrapes it.
//!
//! What a BEAM with the `prometheus` library shows of its distribution has the same names, types and labels here
//! (`prometheus_vm_dist_collector.erl` of prometheus.erl), so that boards made for it show this node as well.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use beamlink::cluster::{Overview, RefusalKind, SourceView};
use beamlink::gossip::VerdictKind;
use beamlink::node::Observer;
use beamlink::runtime::{Calls, LATENCY_BOUNDS, Mailboxes, PeerUsage, Usage};

use super::View;
use super::exposition::{Exposition, Kind, Value};
use super::health::Health;

/// Addresses that are shown one by one. A sender can make addresses up; what comes from others is summed.
const SOURCES: usize = 64;
const OTHERS: &str = "others";

pub(super) async fn metrics(State(view): State<View>) -> Response {
    let overview = view.observer.overview().await;
    let text = read(&view, overview.as_ref()).text();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// All metrics, as they are now.
pub(crate) fn read(view: &View, overview: Option<&Overview>) -> Exposition {
    let observer = &view.observer;
    let runtime = observer.runtime();
    let mut page = Exposition::default();
    let own = observer.name().as_str();
    let version = [("node", own), ("version", env!("CARGO_PKG_VERSION"))];
    let (counter, gauge) = (Kind::Counter, Kind::Gauge);
    let help = "1, with the node's name and the version of beamlink.";
    page.single("beamlink_info", gauge, help, &version, 1u64);
    health(&mut page, &Health::of(view));
    distribution(&mut page, own, &runtime.peer_usage());
    handshakes(&mut page, observer);
    let counters = runtime.counters();
    let help = "Quarters of net_ticktime that passed without a frame from a connected peer.";
    let misses = counters.tick_misses();
    page.single("dist_tick_misses_total", counter, help, &[], misses);
    let help =
        "Longest time between two rounds of the loop that ticks, which should be 0.25 or less.";
    let gap = counters.longest_tick_gap().as_secs_f64();
    page.single("dist_tick_gap_max_seconds", gauge, help, &[], gap);
    gossip(&mut page, observer, overview);
    mailboxes(&mut page, runtime.mailboxes());
    let made = "Functions of peers that this node called, and how long they took.";
    calls(
        &mut page,
        "rpc_client_duration_seconds",
        made,
        &counters.made,
    );
    let help = "Those that brought no value: raised, timed out, or lost with the connection.";
    let failed = counters.made.failed();
    page.single("rpc_client_failures_total", counter, help, &[], failed);
    let served = "Functions of this node that peers called, and how long they took.";
    calls(
        &mut page,
        "rpc_server_duration_seconds",
        served,
        &counters.served,
    );
    let help = "Those that brought no value: undefined, not exported, or raised.";
    let failed = counters.served.failed();
    page.single("rpc_server_failures_total", counter, help, &[], failed);
    process(&mut page, observer);
    page
}

fn health(page: &mut Exposition, health: &Health) {
    let help = "Whether the node is ready: registered, and the wanted number of peers is up.";
    page.single("beamlink_ready", Kind::Gauge, help, &[], health.ready);
    let help = "Visible nodes that are connected.";
    page.single("beamlink_peers", Kind::Gauge, help, &[], health.peers);
    let help = "Visible nodes that must be connected for the node to be ready.";
    page.single(
        "beamlink_peers_wanted",
        Kind::Gauge,
        help,
        &[],
        health.wanted,
    );
}

type OfPeer = fn(&PeerUsage) -> u64;

fn distribution(page: &mut Exposition, own: &str, peers: &[PeerUsage]) {
    const METRICS: [(&str, &str, OfPeer); 7] = [
        // `up=3` of `pending=1`, `up_pending=2` and `up=3`.
        (
            "node_state",
            "The current state of the distribution link: pending=1, up_pending=2, up=3.",
            |_| 3,
        ),
        (
            "recv_bytes",
            "Number of bytes received by the socket.",
            |peer| peer.received,
        ),
        (
            "send_bytes",
            "Number of bytes sent from the socket.",
            |peer| peer.sent,
        ),
        (
            "send_pend_bytes",
            "Number of bytes waiting to be sent by the socket.",
            |peer| peer.waiting as u64,
        ),
        (
            "port_input_bytes",
            "The total number of bytes read from the port.",
            |peer| peer.received,
        ),
        (
            "port_output_bytes",
            "The total number of bytes written to the port.",
            |peer| peer.sent,
        ),
        (
            "node_queue_size_bytes",
            "The number of bytes in the output distribution queue: the outbox.",
            |peer| peer.waiting as u64,
        ),
    ];
    for (name, help, value) in METRICS {
        let name = format!("erlang_vm_dist_{name}");
        page.metric(&name, Kind::Gauge, help);
        for peer in peers {
            let labels = [("node", own), ("peer", peer.info.name.as_str())];
            page.sample(&labels, value(peer));
        }
    }
    let name = "dist_peer_silence_seconds";
    page.metric(
        name,
        Kind::Gauge,
        "Time since the last frame from the peer was complete.",
    );
    for peer in peers {
        let labels = [("node", own), ("peer", peer.info.name.as_str())];
        page.sample(&labels, peer.silent.as_secs_f64());
    }
}

fn handshakes(page: &mut Exposition, observer: &Observer) {
    let name = "dist_handshake_failures_total";
    page.metric(
        name,
        Kind::Counter,
        "Connections that were not made, whoever dialled, by reason.",
    );
    for kind in RefusalKind::ALL {
        page.sample(&[("reason", kind.as_str())], observer.refused(kind));
    }
}

fn gossip(page: &mut Exposition, observer: &Observer, overview: Option<&Overview>) {
    let name = "gossip_heartbeats_total";
    let help =
        "Datagrams that came to the gossip port, by what they were and where they came from.";
    page.metric(name, Kind::Counter, help);
    let totals = observer.datagrams();
    let mut sources: Vec<&SourceView> = overview.iter().flat_map(|all| &all.sources).collect();
    // Those who belong here first, so that whoever makes addresses up does not crowd them out.
    sources.sort_by_key(|source| {
        let heartbeats = source.tally.of(VerdictKind::Heartbeat);
        let trusted = heartbeats > 0 || source.tally.of(VerdictKind::OwnEcho) > 0;
        (
            !trusted,
            std::cmp::Reverse(source.tally.total()),
            source.address,
        )
    });
    sources.truncate(SOURCES);
    for kind in VerdictKind::ALL {
        let mut others = totals.of(kind);
        for source in &sources {
            let count = source.tally.of(kind);
            others = others.saturating_sub(count);
            if count > 0 {
                let address = source.address.to_string();
                let labels = [("result", kind.as_str()), ("source", &address)];
                page.sample(&labels, count);
            }
        }
        page.sample(&[("result", kind.as_str()), ("source", OTHERS)], others);
    }
    let name = "gossip_heartbeats_sent_total";
    page.metric(name, Kind::Counter, "Heartbeats of this node.");
    for (result, count) in ["sent", "failed"].into_iter().zip(observer.heartbeats()) {
        page.sample(&[("result", result)], count);
    }
}

fn mailboxes(page: &mut Exposition, all: Mailboxes) {
    let (counter, gauge) = (Kind::Counter, Kind::Gauge);
    let help = "Processes of this node.";
    page.single("beamlink_processes", gauge, help, &[], all.processes);
    let help = "Messages that wait in the mailboxes of this node's processes.";
    page.single("beamlink_mailbox_messages", gauge, help, &[], all.messages);
    let help = "Bytes that wait in the mailboxes of this node's processes.";
    page.single("beamlink_mailbox_bytes", gauge, help, &[], all.bytes);
    let help = "Bytes in the fullest mailbox.";
    page.single("beamlink_mailbox_max_bytes", gauge, help, &[], all.fullest);
    let help = "Messages that processes which live have lost, as they asked to when their mailboxes are full.";
    page.single(
        "beamlink_mailbox_dropped_total",
        counter,
        help,
        &[],
        all.dropped,
    );
}

fn calls(page: &mut Exposition, name: &str, help: &str, calls: &Calls) {
    let value = Value::Histogram {
        bounds: &LATENCY_BOUNDS,
        within: calls.within().to_vec(),
        sum: calls.time().as_secs_f64(),
    };
    page.single(name, Kind::Histogram, help, &[], value);
}

/// Under the names that all of Prometheus' clients use.
fn process(page: &mut Exposition, observer: &Observer) {
    let usage = Usage::now();
    let help = "Resident memory size in bytes.";
    let name = "process_resident_memory_bytes";
    page.single(name, Kind::Gauge, help, &[], usage.resident);
    let help = "Total user and system CPU time spent in seconds.";
    let name = "process_cpu_seconds_total";
    page.single(name, Kind::Counter, help, &[], usage.cpu.as_secs_f64());
    let help = "Time since the node was started.";
    let uptime = observer.runtime().uptime().as_secs_f64();
    page.single("beamlink_uptime_seconds", Kind::Gauge, help, &[], uptime);
}
