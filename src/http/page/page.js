"use strict";
const SVG = "http://www.w3.org/2000/svg";
const $ = id => document.getElementById(id);
const make = (tag, text, cls) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (cls) element.className = cls;
  return element;
};
const draw = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  return element;
};
const time = s => {
  if (s == null) return "–";
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 120) return Math.round(s) + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.round(s / 3600) + " h";
  return Math.round(s / 86400) + " d";
};
const amount = n => {
  if (n == null) return "–";
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (n < 1000 || unit === "GB") return (n < 10 && unit !== "B" ? n.toFixed(1) : Math.round(n)) + " " + unit;
    n /= 1000;
  }
};
const states = {up: "connected", connecting: "connecting", down: "not connected", told_of: "told of"};
const words = {heartbeat: "heartbeats of peers", own_echo: "our own, echoed", undecryptable: "under another secret",
  encrypted_but_no_secret: "encrypted, we have no secret", plain_but_secret: "plain, we have a secret", malformed: "no heartbeat at all"};
const kept = new Map(); // what stands in the page already, by kind and key, so that focus stays where it is
let chosen = null, before = null, latest = null;

const keep = (kind, key, parent, create) => {
  const id = kind + "\n" + key;
  let element = kept.get(id);
  if (!element) {
    element = create();
    kept.set(id, element);
    parent.append(element);
  }
  element.seen = latest.at;
  return element;
};
const sweep = kind => {
  for (const [id, element] of kept)
    if (id.startsWith(kind + "\n") && element.seen !== latest.at) {
      element.remove();
      kept.delete(id);
    }
};
const rate = (node, field) => {
  const old = before && before.nodes.find(other => other.name === node.name);
  const span = before ? (latest.at - before.at) / 1000 : 0;
  return old && span > 0 && node[field] >= old[field] ? (node[field] - old[field]) / span : null;
};
const choose = name => {
  chosen = name;
  light();
};
const light = () => {
  for (const [id, element] of kept) {
    const [kind, key] = id.split("\n");
    if (kind === "row") element.classList.toggle("lit", key === chosen);
    if (kind === "edge") {
      const lit = element.ends.includes(chosen);
      element.classList.toggle("lit", lit);
      element.classList.toggle("dim", chosen !== null && !lit);
    }
  }
};
const choosing = (element, name) => {
  element.addEventListener("pointerenter", () => choose(name));
  element.addEventListener("pointerleave", () => choose(null));
  element.addEventListener("focus", () => choose(name));
  element.addEventListener("blur", () => choose(null));
};

function picture(nodes, edges, leaders, members) {
  const places = new Map(), count = nodes.length;
  nodes.forEach((node, at) => {
    const turn = 2 * Math.PI * at / count - Math.PI / 2;
    places.set(node.name, count === 1 ? [360, 250] : [360 + 255 * Math.cos(turn), 252 + 190 * Math.sin(turn)]);
  });
  for (const edge of edges) {
    const from = places.get(edge.from), to = places.get(edge.to);
    if (!from || !to) continue;
    const line = keep("edge", edge.from + " " + edge.to, $("edges"), () => {
      const line = draw("line", {});
      line.append(draw("title", {}));
      return line;
    });
    line.ends = [edge.from, edge.to];
    line.setAttribute("class", "edge" + (edge.up ? "" : " missing"));
    line.firstChild.textContent = edge.from + " – " + edge.to + (edge.up ? "" : ": missing");
    [["x1", from[0]], ["y1", from[1]], ["x2", to[0]], ["y2", to[1]]].forEach(([name, value]) => line.setAttribute(name, value));
  }
  const many = count > 12;
  for (const node of nodes) {
    const dot = keep("dot", node.name, $("dots"), () => {
      const dot = draw("g", {tabindex: 0, role: "img"});
      dot.append(draw("circle", {class: "focus", r: 27}), draw("circle", {class: "ring", r: 21}), draw("circle", {class: "core", r: 15}));
      const [name, host] = node.name.split("@");
      for (const [text, cls, y] of [[name, "name", 40], ["@" + host, "host", 56], ["★", "crown", -22]]) {
        const label = draw("text", {class: cls, y});
        label.textContent = text;
        dot.append(label);
      }
      choosing(dot, node.name);
      return dot;
    });
    const leads = leaders.has(node.name), member = members.has(node.name);
    dot.setAttribute("class", ["dot", node.state, node.own && "own", member && "member"].filter(Boolean).join(" "));
    const [x, y] = places.get(node.name);
    dot.setAttribute("transform", `translate(${x} ${y})${many ? " scale(.7)" : ""}`);
    dot.lastChild.setAttribute("visibility", leads ? "visible" : "hidden");
    const missing = edges.filter(edge => !edge.up && (edge.from === node.name || edge.to === node.name));
    const others = missing.map(edge => edge.from === node.name ? edge.to : edge.from);
    dot.setAttribute("aria-label", [node.name, node.own ? "this node" : states[node.state], node.otp && "OTP " + node.otp,
      leads && "leader", member && "store member", others.length && "not connected with " + others.join(", ")].filter(Boolean).join(", "));
  }
  sweep("edge");
  sweep("dot");
}

function table(nodes, leaders) {
  for (const node of nodes) {
    const row = keep("row", node.name, $("rows"), () => {
      const row = make("tr");
      for (const label of ["", "State", "OTP", "Up for", "Connected", "Heartbeat", "Last frame", "In", "Out", "Outbox", "Lists"]) {
        const cell = make("td");
        if (label) cell.dataset.label = label;
        row.append(cell);
      }
      choosing(row, node.name);
      return row;
    });
    const flow = field => {
      const now = rate(node, field);
      return node.state !== "up" ? "–" : now == null ? amount(node[field]) : amount(now) + "/s";
    };
    const values = [(leaders.has(node.name) ? "★ " : "") + node.name, null, node.otp || "–", time(node.uptime),
      node.own ? "–" : time(node.connected), node.heartbeat == null ? "–" : time(node.heartbeat) + " ago",
      node.silent == null ? "–" : time(node.silent) + " ago", flow("received"), flow("sent"), amount(node.outbox),
      node.lists ? node.lists.length + (node.lists.length === 1 ? " node" : " nodes") : node.refused || "–"];
    values.forEach((value, at) => {
      if (value !== null) row.cells[at].textContent = value;
    });
    const state = node.own ? "this node" : states[node.state] + (node.hidden ? ", hidden" : "");
    row.cells[1].replaceChildren(make("span", state, "tag " + node.state));
  }
  sweep("row");
  // In the order of their names, the rows that stand already left where they are.
  nodes.forEach((node, at) => {
    const row = kept.get("row\n" + node.name), there = $("rows").children[at];
    if (row !== there) $("rows").insertBefore(row, there);
  });
}

function findings(all) {
  $("count").textContent = all.length;
  $("count").className = "count" + (all.some(finding => finding.severity === "fault") ? " bad" : "");
  const box = $("findings");
  const key = JSON.stringify(all.map(finding => [finding.code, finding.subject, finding.seen]));
  if (box.key === key) return;
  box.key = key;
  if (!all.length) return box.replaceChildren(make("p", "✓ Nothing is wrong, as far as this node sees.", "fine"));
  box.replaceChildren(...all.map(finding => {
    const item = make("article", undefined, "finding" + (finding.severity === "hint" ? " hint" : ""));
    const subject = Object.values(finding.subject)[0];
    const head = make("div");
    head.append(make("b", [].concat(subject).join(" – ")), " ", make("code", finding.code));
    item.append(head, make("p", finding.seen + "."), make("p", "It means: " + finding.means + "."), make("p", "To do: " + finding.remedy + ".", "todo"));
    return item;
  }));
}

function figures(view) {
  const up = view.nodes.filter(node => node.state === "up" && !node.own && !node.hidden).length;
  const missing = view.edges.filter(edge => !edge.up).length;
  const own = view.nodes.find(node => node.own);
  const items = [[up + (view.wanted ? " / " + view.wanted : ""), "peers" + (view.wanted ? ", wanted" : ""), up < view.wanted],
    [view.edges.length - missing, "connections"], [missing, "missing", missing > 0],
    [amount(rate(own, "received")) + "/s", "received"], [amount(rate(own, "sent")) + "/s", "sent"],
    [view.calls.served, "calls served"], [time(view.uptime), "up for"]];
  items.forEach(([value, label, bad]) => {
    const name = label.split(",")[0];
    const figure = keep("figure", name, $("figures"), () => {
      const figure = make("div", undefined, "figure");
      figure.append(make("b"), make("span"));
      return figure;
    });
    figure.classList.toggle("bad", !!bad);
    figure.firstChild.textContent = String(value).startsWith("–") ? "–" : value;
    figure.lastChild.textContent = label;
  });
}

function gossip(view) {
  const rows = [["sent", view.gossip.sent, false], ["could not be sent", view.gossip.not_sent, true]];
  for (const kind in words) rows.push([words[kind], view.gossip.received[kind] || 0, kind !== "heartbeat" && kind !== "own_echo"]);
  $("gossip").replaceChildren(...rows.flatMap(([label, count, fault]) => [make("dt", label), make("dd", count, fault && count ? "bad" : "")]));
}

function stores(all) {
  $("stores-card").hidden = !all.length;
  $("legend-member").hidden = $("legend-leader").hidden = !all.length;
  $("stores").replaceChildren(...all.map(store => {
    const item = make("div", undefined, "store");
    item.append(make("b", store.name), make("div", "★ " + (store.leaders.join(", ") || "no leader"), "lead"),
      make("div", store.members.length + " members: " + store.members.join(", ")));
    return item;
  }));
}

function show(view) {
  latest = view;
  const leaders = new Set(view.stores.flatMap(store => store.leaders)), members = new Set(view.stores.flatMap(store => store.members));
  document.title = (view.findings.length ? "(" + view.findings.length + ") " : "") + view.node + " · beamlink";
  $("own").textContent = view.node;
  $("version").textContent = "beamlink " + view.version;
  $("ready").textContent = view.ready ? "ready" : "not ready";
  $("ready").className = "pill " + (view.ready ? "good" : "bad");
  $("ready").title = view.reasons.join("; ");
  figures(view);
  picture(view.nodes.filter(node => !node.hidden), view.edges, leaders, members);
  table(view.nodes, leaders);
  findings(view.findings);
  stores(view.stores);
  gossip(view);
  light();
  before = view;
}

const live = (text, cls) => {
  if ($("live").textContent !== text) $("live").textContent = text;
  $("live").className = "pill " + cls;
};
const source = new EventSource("/api/events");
source.addEventListener("cluster", event => {
  live("live", "good");
  show(JSON.parse(event.data));
});
source.onerror = () => live("lost, trying again", "bad");
