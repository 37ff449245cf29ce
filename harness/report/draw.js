// Canvases on one time axis: the overview, the operations, the nodes. Colours are the style sheet's.
let ink = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  ink = {};
  for (const name of ["page", "ink", "soft", "line", "panel", "ok", "fail", "info", "proof", "fault", "fault-shade", "leader", "candidate", "follower", "down", "paused", "unknown", "p50", "p95", "p99", "link"])
    ink[name] = style.getPropertyValue(`--${name}`).trim();
  ink.open = ink.info;
}
const FONT = "11px system-ui, sans-serif";
const AXIS = 20, FAULT_ROW = 17, PAD = 10;

function frame(canvas, height) {
  const width = canvas.clientWidth || 600;
  const scale = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  const w = Math.round(width * scale), h = Math.round(height * scale);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const c = canvas.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = FONT;
  c.textBaseline = "middle";
  c.textAlign = "left";
  const gutter = width < 600 ? 66 : 88;
  return { c, width, height, gutter, plot: width - gutter - PAD };
}
const xOf = (g, time) => g.gutter + ((time - V.from) / (V.to - V.from)) * g.plot;
const timeAt = (canvas, px) => {
  const width = canvas.clientWidth || 600, gutter = width < 600 ? 66 : 88;
  return V.from + ((px - gutter) / (width - gutter - PAD)) * (V.to - V.from);
};

function step(span, count) {
  const raw = span / count, unit = 10 ** Math.floor(Math.log10(raw));
  return unit * (raw / unit > 5 ? 10 : raw / unit > 2 ? 5 : raw / unit > 1 ? 2 : 1);
}

function axis(g, y) {
  const { c } = g;
  const by = step(V.to - V.from, Math.max(g.plot / (g.width < 600 ? 70 : 110), 2));
  const digits = Math.max(0, 9 - Math.floor(Math.log10(by) + 1e-9));
  c.fillStyle = ink.soft;
  c.strokeStyle = ink.line;
  c.lineWidth = 1;
  c.textAlign = "center";
  for (let t = Math.ceil(V.from / by) * by; t <= V.to; t += by) {
    const x = Math.round(xOf(g, t)) + 0.5;
    c.beginPath();
    c.moveTo(x, y);
    c.lineTo(x, y + 4);
    c.stroke();
    const label = `${(t / 1e9).toFixed(digits)} s`, half = c.measureText(label).width / 2;
    if (x - half >= 0 && x + half <= g.width) c.fillText(label, x, y + 12);
  }
  c.textAlign = "left";
}

const bounds = (g, start, stop) => [Math.max(g.gutter, xOf(g, start)), Math.min(g.gutter + g.plot, xOf(g, stop))];
const [NUMBER, FAMILY, START, STOP, WHAT, BITE] = [0, 1, 2, 3, 4, 5];
const faultStop = (fault) => (fault[STOP] === null ? D.end : fault[STOP]);
const faultsInView = () => D.faults.filter((fault) => fault[START] < V.to && faultStop(fault) >= V.from);

function shade(g, top, bottom) {
  const { c } = g;
  const faults = faultsInView().sort((a, b) => a[START] - b[START]);
  // one shade however many are in force: their own rows tell them apart
  c.fillStyle = ink["fault-shade"];
  let begun = -1, until = -1;
  for (const fault of [...faults, null]) {
    const [a, b] = fault ? bounds(g, fault[START], faultStop(fault)) : [Infinity, Infinity];
    if (a > until) {
      if (until >= 0) c.fillRect(begun, top, Math.max(until - begun, 1), bottom - top);
      begun = a;
    }
    until = Math.max(until, b);
  }
  if (faults.length > 8) return;
  for (const fault of faults) {
    c.strokeStyle = ink.fault;
    c.lineWidth = 1;
    c.setLineDash([3, 3]);
    c.beginPath();
    for (const time of [fault[START], faultStop(fault)]) {
      if (time < V.from || time > V.to) continue;
      const x = Math.round(xOf(g, time)) + 0.5;
      c.moveTo(x, top);
      c.lineTo(x, bottom);
    }
    c.stroke();
    c.setLineDash([]);
  }
}

function clipText(c, text, x, y, room) {
  if (room < 14 || !text) return;
  let shown = text;
  if (c.measureText(shown).width > room) {
    let keep = Math.max(1, Math.floor((shown.length * room) / c.measureText(shown).width) - 1);
    while (keep > 1 && c.measureText(`${text.slice(0, keep)}…`).width > room) keep--;
    if (keep < 3) return;
    shown = `${text.slice(0, keep)}…`;
  }
  c.fillText(shown, x, y);
}

// black or white, whichever is read better on a "#rrggbb" colour
function over(colour) {
  const n = parseInt(colour.slice(1), 16);
  return ((n >> 16) & 255) * 0.299 + ((n >> 8) & 255) * 0.587 + (n & 255) * 0.114 > 140 ? "#111111" : "#ffffff";
}

const families = () => [...new Set(D.faults.map((fault) => fault[FAMILY]))].sort();

function drawFaultRows(g) {
  const { c } = g;
  families().forEach((family, row) => {
    const y = row * FAULT_ROW;
    c.fillStyle = ink.soft;
    clipText(c, family, 0, y + FAULT_ROW / 2, g.gutter - 4);
    for (const fault of faultsInView()) {
      if (fault[FAMILY] !== family) continue;
      const [a, b] = bounds(g, fault[START], faultStop(fault));
      c.fillStyle = ink.fault;
      c.globalAlpha = fault[BITE] === "did not bite" ? 0.45 : 1;
      c.fillRect(a, y + 1, Math.max(b - a, 2), FAULT_ROW - 3);
      c.globalAlpha = 1;
      c.fillStyle = over(ink.fault);
      clipText(c, fault[WHAT], a + 4, y + FAULT_ROW / 2, b - a - 6);
    }
  });
  return families().length * FAULT_ROW;
}

// --- operations

const SINGLE_MAX = 4000;
const layout = { top: 0, row: 20, rows: 1 };

function rowsOf() {
  const rows = Math.min(D.lanes, 120);
  return { rows, height: Math.min(22, Math.max(5, Math.floor(440 / rows))) };
}
const rowOf = (o) => Math.floor((O.lane[o] * layout.rows) / D.lanes);

function drawOps() {
  const { rows, height } = rowsOf();
  layout.top = families().length * FAULT_ROW + 2;
  layout.row = height;
  layout.rows = rows;
  const bottom = layout.top + rows * height;
  const g = frame($("ops"), bottom + AXIS);
  const { c } = g;
  const seen = visible();
  shade(g, layout.top, bottom);
  drawFaultRows(g);
  c.fillStyle = ink.soft;
  const every = Math.ceil(14 / height);
  for (let row = 0; row < rows; row += every) {
    const lane = Math.ceil((row * D.lanes) / rows);
    clipText(c, `thread ${lane}`, 0, layout.top + (row + 0.5) * height, g.gutter - 4);
  }
  c.strokeStyle = ink.line;
  c.lineWidth = 1;
  c.beginPath();
  for (let row = 0; row <= rows; row += rows > 40 ? 10 : 1) {
    const y = Math.round(layout.top + row * height) + 0.5;
    c.moveTo(g.gutter, y);
    c.lineTo(g.gutter + g.plot, y);
  }
  c.stroke();
  if (seen.length > SINGLE_MAX) drawDensity(g, seen);
  else {
    // a chosen anomaly stands out: all else steps back
    const chosen = V.anomaly >= 0 ? new Set(D.anomalies[V.anomaly].operations) : null;
    for (const o of seen) {
      c.globalAlpha = chosen && chosen.size && !chosen.has(o) ? 0.3 : 1;
      drawBar(g, o, seen.length < 1200);
    }
    c.globalAlpha = 1;
  }
  if (V.anomaly >= 0) for (const o of D.anomalies[V.anomaly].operations) if (inView(o)) outline(g, o, ink.proof, 2);
  if (V.hot >= 0 && inView(V.hot)) outline(g, V.hot, ink.ink, 2);
  if (V.brush) {
    const [a, b] = bounds(g, Math.min(...V.brush), Math.max(...V.brush));
    c.strokeStyle = ink.link;
    c.lineWidth = 2;
    c.strokeRect(a, 1, b - a, bottom - 2);
  }
  axis(g, bottom);
  const n = seen.length;
  const [a, b] = [seconds(V.from, digitsFor(V.to - V.from)), seconds(V.to, digitsFor(V.to - V.from))];
  const sum = seen.length > SINGLE_MAX ? " Bars are drawn together; zoom in to see single ones." : "";
  $("shown").textContent = `${n.toLocaleString("en")} ${n === 1 ? "operation" : "operations"} from ${a} to ${b} s.${sum}`;
}

function barOf(g, o) {
  const [a, b] = bounds(g, O.start[o], O.stop[o]);
  const gap = layout.row > 8 ? 2 : 0.5;
  return [a, layout.top + rowOf(o) * layout.row + gap, Math.max(b - a, 2), layout.row - 2 * gap];
}

function drawBar(g, o, named) {
  const { c } = g;
  const [x, y, w, h] = barOf(g, o);
  const colour = ink[TYPE[O.type[o]]];
  const alpha = c.globalAlpha;
  c.fillStyle = colour;
  if (O.type[o] === 3) c.globalAlpha = alpha * 0.5;
  c.fillRect(x, y, w, h);
  c.globalAlpha = alpha;
  if (O.type[o] === 2) {
    // unknown: it may still happen later
    const tail = Math.min(26, g.gutter + g.plot - x - w);
    if (tail > 2 && xOf(g, O.stop[o]) >= g.gutter) {
      const fade = c.createLinearGradient(x + w, 0, x + w + tail, 0);
      fade.addColorStop(0, colour);
      fade.addColorStop(1, "transparent");
      c.fillStyle = fade;
      c.fillRect(x + w, y + h / 3, tail, h / 3);
    }
  }
  if (named && w > 26 && h > 11) {
    c.fillStyle = over(colour);
    clipText(c, shortOf(o), x + 3, y + h / 2, w - 6);
  }
}

function outline(g, o, colour, width) {
  const { c } = g;
  const [x, y, w, h] = barOf(g, o);
  if (colour === ink.proof) {
    c.fillStyle = ink[TYPE[O.type[o]]];
    c.fillRect(x, y, Math.max(w, 4), h);
    drawBar(g, o, true);
  }
  c.strokeStyle = colour;
  c.lineWidth = width;
  c.strokeRect(x - 1, y - 1, Math.max(w, 4) + 2, h + 2);
}

// many operations a pixel: a column of each row is split by how many of each outcome it holds, the rare ones
// kept at two pixels so that they do not vanish
function drawDensity(g, seen) {
  const { c } = g;
  const columns = Math.max(1, Math.floor(g.plot));
  const cells = new Uint16Array(layout.rows * columns * 3);
  const scale = columns / (V.to - V.from);
  for (const o of seen) {
    const first = Math.max(0, Math.min(columns - 1, Math.floor((O.start[o] - V.from) * scale)));
    const last = Math.max(first, Math.min(columns - 1, Math.floor((O.stop[o] - V.from) * scale)));
    const type = Math.min(O.type[o], 2);
    const base = rowOf(o) * columns;
    for (let x = first; x <= last; x++) cells[(base + x) * 3 + type]++;
  }
  const gap = layout.row > 8 ? 1 : 0.5, height = layout.row - 2 * gap;
  const rare = Math.min(2, height / 3);
  for (let row = 0; row < layout.rows; row++) {
    const top = layout.top + row * layout.row + gap;
    let begun = 0, last = "";
    for (let x = 0; x <= columns; x++) {
      const at = (row * columns + x) * 3;
      const [ok, fail, info] = x < columns ? [cells[at], cells[at + 1], cells[at + 2]] : [0, 0, 0];
      const all = ok + fail + info;
      const share = (n) => (n ? Math.max(rare, Math.round((n / all) * height)) : 0);
      const key = x < columns ? `${share(info)} ${share(fail)} ${ok > 0}` : "end";
      if (key === last) continue;
      if (last && last !== "0 0 false") {
        const [infos, fails, oks] = last.split(" ");
        const left = g.gutter + begun, width = x - begun;
        if (oks === "true") {
          c.fillStyle = ink.ok;
          c.fillRect(left, top, width, height);
        }
        c.fillStyle = ink.info;
        c.fillRect(left, top, width, Number(infos));
        c.fillStyle = ink.fail;
        c.fillRect(left, top + height - Number(fails), width, Number(fails));
      }
      begun = x;
      last = key;
    }
  }
}

function operationAt(px, py) {
  const canvas = $("ops"), width = canvas.clientWidth, gutter = width < 600 ? 66 : 88;
  const g = { gutter, plot: width - gutter - PAD };
  const row = Math.floor((py - layout.top) / layout.row);
  if (row < 0 || row >= layout.rows || px < gutter) return -1;
  let best = -1, near = 7;
  for (let o = 0; o < O.n; o++) {
    if (!inView(o) || rowOf(o) !== row) continue;
    const [x, , w] = barOf(g, o);
    const far = px < x ? x - px : px > x + w ? px - x - w : 0;
    // the operation that proves something wins over its neighbours
    if (far < near || (far === near && O.proof[o] > O.proof[best])) [best, near] = [o, far];
  }
  return best;
}

function faultAt(canvas, px, py) {
  const family = families()[Math.floor(py / FAULT_ROW)];
  const time = timeAt(canvas, px);
  return D.faults.find((fault) => fault[FAMILY] === family && fault[START] <= time && faultStop(fault) >= time);
}

// --- overview

function drawOverview() {
  const g = frame($("overview"), 46);
  const { c } = g;
  const columns = Math.max(1, Math.floor(g.plot));
  const counts = new Float64Array(columns), bad = new Float64Array(columns);
  for (let o = 0; o < O.n; o++) {
    const x = Math.min(columns - 1, Math.floor((O.start[o] / D.end) * columns));
    counts[x]++;
    if (O.type[o] > 0) bad[x]++;
  }
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const at = (time) => g.gutter + (time / D.end) * g.plot;
  c.fillStyle = ink["fault-shade"];
  let until = 0;
  for (const fault of [...D.faults].sort((a, b) => a[START] - b[START])) {
    const start = Math.max(at(fault[START]), until), stop = at(faultStop(fault));
    if (stop > start) c.fillRect(start, 0, Math.max(stop - start, 1), 40);
    until = Math.max(until, stop);
  }
  for (let x = 0; x < columns; x++) {
    if (!counts[x]) continue;
    const height = Math.max(2, (counts[x] / most) * 32), worse = (bad[x] / counts[x]) * height;
    c.fillStyle = ink.ok;
    c.fillRect(g.gutter + x, 40 - height, 1, height);
    c.fillStyle = ink.info;
    c.fillRect(g.gutter + x, 40 - height, 1, worse);
  }
  c.fillStyle = ink.soft;
  clipText(c, "whole run", 0, 22, g.gutter - 4);
  D.anomalies.forEach((anomaly, number) => {
    c.fillStyle = number === V.anomaly ? ink.ink : ink.proof;
    c.fillRect(at(anomaly.from), 41, Math.max(at(anomaly.to) - at(anomaly.from), 3), 5);
  });
  c.strokeStyle = ink.ink;
  c.lineWidth = 2;
  c.strokeRect(at(V.from) + 1, 1, Math.max(at(V.to) - at(V.from) - 2, 3), 39);
}

// --- nodes

const ROLE = ["leader", "candidate", "follower", "down", "paused", "unknown"];
const nodeRow = () => Math.max(6, Math.min(24, Math.floor(560 / Math.max(D.roles.length, 1))));

function drawNodes() {
  if (!$("nodes")) return;
  const row = nodeRow(), bottom = D.roles.length * row;
  const g = frame($("nodes"), bottom + AXIS);
  const { c } = g;
  D.roles.forEach(([node, spans], n) => {
    const y = n * row;
    c.fillStyle = ink.soft;
    if (row >= 12 || n % 3 === 0) clipText(c, node, 0, y + row / 2, g.gutter - 4);
    let written = -1;
    for (const [start, stop, role, term] of spans) {
      if (stop < V.from || start > V.to) continue;
      const [a, b] = bounds(g, start, stop);
      const colour = ink[ROLE[role]];
      const tall = role === 0 || role === 1 || row < 10;
      c.fillStyle = colour;
      c.fillRect(a, y + (tall ? 1 : row / 4), Math.max(b - a, role < 2 ? 2 : 1), tall ? row - 2 : row / 2);
      if (role === 3) {
        c.strokeStyle = ink.soft;
        c.lineWidth = 1;
        c.strokeRect(a + 0.5, y + row / 4, Math.max(b - a - 1, 1), row / 2);
      }
      const label = role === 3 ? "down" : role === 4 ? "paused" : term > 0 && term !== written ? (role === 0 && b - a > 56 ? `term ${term}` : String(term)) : "";
      if (label && b - a > 14 && row >= 12) {
        c.fillStyle = over(colour);
        if (c.measureText(label).width < b - a - 5) {
          c.fillText(label, a + 3, y + row / 2);
          if (role < 3) written = term;
        }
      }
    }
  });
  shade(g, 0, bottom);
  axis(g, bottom);
  if (V.anomaly >= 0) for (const [time, node] of D.anomalies[V.anomaly].marks) drawMark(g, time, D.roles.findIndex(([name]) => name === node), row);
}

// the trace events that prove the chosen anomaly
function drawMark(g, time, n, row) {
  if (n < 0 || time < V.from || time > V.to) return;
  const { c } = g;
  const x = xOf(g, time), y = (n + 0.5) * row, size = Math.min(7, row / 2);
  c.beginPath();
  c.moveTo(x, y - size);
  c.lineTo(x + size, y);
  c.lineTo(x, y + size);
  c.lineTo(x - size, y);
  c.closePath();
  c.fillStyle = ink.proof;
  c.fill();
  c.strokeStyle = ink.page;
  c.lineWidth = 1.5;
  c.stroke();
}

function nodeAt(px, py) {
  const found = D.roles[Math.floor(py / nodeRow())];
  if (!found) return "";
  const time = timeAt($("nodes"), px);
  const span = found[1].find(([start, stop]) => start <= time && time < stop);
  if (!span) return "";
  return `${found[0]}: ${ROLE[span[2]]}${span[3] ? `, term ${span[3]}` : ""}, ${seconds(span[0])}–${seconds(span[1])} s`;
}
