// The legend: only what this trace contains, in groups, drawn with the same functions as the picture.
"use strict";

/** A group: its title, and for each entry a name and the colour of a box, or the kinds of event that share a sign. */
const LEGEND = [
  ["loop", [["asleep", "wait"], ["note", "note"], ["admit", "admit"], ["read pass", "read"], ["write pass", "write"], ["datagrams", "datagrams"]]],
  ["thread", [["blocked in read", "blocked-read"], ["blocked in write", "blocked-write"]]],
  ["kernel", [["event", ["flags_reported", "woken_by"]], ["readable", "readable"], ["writable", "writable"], ["unread bytes", "unread"], ["unacknowledged bytes", "unacknowledged"]]],
  ["calls", [["read", ["read", "discarded", "datagram_received", "proxy_header"]], ["write", ["wrote", "datagram_replied", "banner_sent"]], ["WouldBlock", ["read_would_block", "write_would_block"]]]],
  ["held", [["pending", "pending"], ["paused", ["read_paused", "accept_paused"]], ["resumed", ["read_resumed", "accept_resumed"]], ["yielded", ["yielded"]]]],
  ["life", [["accepted", ["accepted"]], ["peer's FIN", ["peer_finished"]], ["our FIN", ["fin_sent"]], ["stop", ["stopping"]], ["Draining", "draining"], ["Lingering", "lingering"], ["closed", ["closed"]], ["refused, failed", ["refused", "accept_failed", "datagram_refused", "reply_lost", "receive_failed", "proxy_header_missing"]]]],
];

/** Whether a box of the legend stands for anything in this trace. */
function occurs(colour) {
  const anyCall = (name) => lanes.some(({ calls }) => calls.some(([, , call]) => call === name));
  const anyPhase = (name) => connections.some(({ phases }) => phases.some(([, , phase]) => phase === name));
  switch (colour) {
    case "wait":
      return steps.length > 0;
    case "note":
    case "admit":
    case "read":
    case "write":
      return !isThreads && steps.length > 0;
    case "datagrams":
      return steps.some(({ phases }) => phases.some(([, name]) => name === "datagrams"));
    case "blocked-read":
    case "blocked-write":
      return anyCall(colour.replace("blocked-", ""));
    case "draining":
      return anyPhase("Draining");
    case "lingering":
      return anyPhase("Lingering");
    default:
      return connections.some((lane) => lane[colour]?.length > 0);
  }
}

function legendSign(what) {
  const sign = document.createElement("canvas");
  [sign.width, sign.height] = [16 * devicePixelRatio, 14 * devicePixelRatio];
  const own = pen;
  pen = sign.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  if (typeof what === "string") {
    fill(what, 1, 3, 14, 8);
  } else {
    const { group } = kinds.find(({ name }) => what.includes(name));
    pen.fillStyle = pen.strokeStyle = colours[group];
    pen.lineWidth = 1.4;
    if (group === "in" && what[0] === "read") pen.fillRect(6, 1, 4, 7);
    else if (what[0] === "wrote") pen.fillRect(6, 6, 4, 7);
    else drawSign(what[0], 8, 7, 4, what[0] === "accepted" ? 1 : 5, 12);
  }
  pen = own;
  return sign;
}

function showLegend() {
  const has = (what) => (typeof what === "string" ? occurs(what) : kinds.some(({ name }) => what.includes(name)));
  const groups = LEGEND.map(([title, entries]) => [title, entries.filter(([, what]) => has(what))]);
  byId("legend").replaceChildren(...groups.filter(([, entries]) => entries.length > 0).map(([title, entries]) => {
    const item = document.createElement("li");
    const heading = document.createElement("b");
    heading.textContent = title;
    item.append(heading);
    for (const [name, what] of entries) {
      const entry = document.createElement("span");
      entry.append(legendSign(what), name);
      item.append(entry);
    }
    return item;
  }));
}
