//! What the doctor found, for programs.

use beamlink::doctor::{Examined, Report};
use serde_json::{Map, Value, json};

use super::Verdict;

pub(super) fn report(report: &Report, verdict: Verdict) -> Value {
    let matrix = &report.matrix;
    let lists: Map<String, Value> = matrix
        .nodes
        .iter()
        .map(|node| {
            let listed = matrix
                .nodes
                .iter()
                .filter(|other| matrix.lists(node, other));
            let listed = listed.map(|other| other.as_str().into()).collect();
            (node.as_str().to_owned(), Value::Array(listed))
        })
        .collect();
    let heard = report.heard.nodes().iter().map(|heard| {
        json!({
            "node": heard.node.as_str(),
            "address": heard.source.ip(),
            "heartbeats": heard.times.count,
            "secret": report.secret_of(heard),
        })
    });
    let unreadable = report.heard.unreadable().iter().map(|row| {
        json!({
            "address": row.source,
            "reason": row.reason.as_str(),
            "bytes": row.length,
            "datagrams": row.times.count,
        })
    });
    json!({
        "verdict": verdict.name(),
        "seconds": report.took.as_secs_f64(),
        "findings": report.findings,
        "host": report.host,
        "nodes": report.nodes.iter().map(node).collect::<Vec<_>>(),
        "lists": lists,
        "heard": heard.collect::<Vec<_>>(),
        "unreadable": unreadable.collect::<Vec<_>>(),
    })
}

fn node(node: &Examined) -> Value {
    let stages: Map<String, Value> = node
        .reach
        .passed
        .iter()
        .map(|(stage, took)| {
            let millis = took.as_secs_f64() * 1000.0;
            (stage.name().to_lowercase(), json!(millis))
        })
        .collect();
    json!({
        "node": node.node.as_str(),
        "address": node.reach.address,
        "port": node.reach.port,
        "ms": stages,
        "stopped_at": node.reach.stopped.as_ref().map(|(stage, _)| *stage),
        "facts": node.facts,
        "exesdb": node.stores,
    })
}
