// What is in view: a stretch [from, to) of ns, a selected anomaly, an operation pointed at.
const V = { from: 0, to: 1, anomaly: -1, hot: -1, brush: null };
const SPAN_MIN = 1000;
const listeners = [];
const $ = (id) => document.getElementById(id);
const whole = () => V.from <= 0 && V.to >= D.end;

function look(from, to) {
  from = Math.round(from);
  to = Math.round(to);
  if (!(to - from >= SPAN_MIN)) {
    const middle = Math.round((from + to) / 2);
    from = middle - SPAN_MIN / 2;
    to = from + SPAN_MIN;
  }
  V.from = Math.max(0, Math.min(from, D.end - SPAN_MIN));
  V.to = Math.min(D.end, Math.max(to, V.from + SPAN_MIN));
  changed();
}

function pan(by) {
  const span = V.to - V.from;
  const from = Math.max(0, Math.min(V.from + by, D.end - span));
  look(from, from + span);
}

function zoomAt(time, factor) {
  const span = Math.min(Math.max((V.to - V.from) * factor, SPAN_MIN), D.end);
  const share = (time - V.from) / (V.to - V.from);
  const from = Math.max(0, Math.min(time - share * span, D.end - span));
  look(from, from + span);
}

let queued = false;
function changed() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    for (const listen of listeners) listen();
  });
}

// an operation is in view when it ran at some time of [from, to); the end of the run belongs to the last view
function inView(o) {
  return O.stop[o] >= V.from && (O.start[o] < V.to || (V.to >= D.end && O.start[o] <= V.to));
}

function visible() {
  const out = [];
  for (let o = 0; o < O.n; o++) if (inView(o)) out.push(o);
  return out;
}

function visibleOps() {
  const out = [];
  for (const o of visible()) {
    out.push(D.index[O.invoke[o]]);
    if (O.complete[o] >= 0) out.push(D.index[O.complete[o]]);
  }
  return out.sort((a, b) => a - b);
}

function select(number) {
  const anomaly = D.anomalies[number];
  if (!anomaly) throw new RangeError(`no anomaly ${number}: there are ${D.anomalies.length}`);
  V.anomaly = number;
  V.hot = -1;
  // moments of the trace need their surroundings, operations their neighbours
  const margin = Math.max((anomaly.to - anomaly.from) * 0.08, anomaly.operations.length ? 5e5 : 5e8);
  look(anomaly.from - margin, anomaly.to + margin);
}

// --- words of an operation

function digitsFor(span) {
  return span > 20e9 ? 1 : span > 1e9 ? 3 : span > 1e6 ? 6 : 9;
}
// cut, not rounded, as in the explanations, so that order is kept
const seconds = (ns, digits = 3) => (Math.floor(ns / 10 ** (9 - digits)) / 10 ** digits).toFixed(digits);
function took(ns) {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(2)} s`;
  return ns >= 1e6 ? `${(ns / 1e6).toFixed(1)} ms` : `${(ns / 1e3).toFixed(0)} µs`;
}
const textOf = (line) => (line >= 0 && D.text[line] >= 0 ? D.texts[D.text[line]] : "");
const valueOf = (o) => textOf(O.complete[o]) || textOf(O.invoke[o]);
const keyOf = (o) => D.keys[D.key[O.invoke[o]]];
const nodeOf = (o) => D.nodes[D.node[O.invoke[o]]] || (O.complete[o] >= 0 ? D.nodes[D.node[O.complete[o]]] : "");
const errorOf = (o) => (O.complete[o] >= 0 ? D.errors[D.error[O.complete[o]]] : "");
const fOf = (o) => D.fs[D.f[O.invoke[o]]];
const processOf = (o) => D.processes[D.process[O.invoke[o]]];
const indexOf = (o) => D.index[O.invoke[o]] + (O.complete[o] >= 0 ? `–${D.index[O.complete[o]]}` : "");
const outcomeOf = (o) => OUTCOME[O.type[o]] + (errorOf(o) ? ` (${errorOf(o)})` : "");
const shortOf = (o) => [fOf(o), keyOf(o), valueOf(o)].filter(Boolean).join(" ");

function sentenceOf(o) {
  const node = nodeOf(o);
  return (
    `${shortOf(o)}: process ${processOf(o)}${node ? ` to ${node}` : ""}, ` +
    `${seconds(O.start[o])}–${seconds(O.stop[o])} s (${took(O.stop[o] - O.start[o])}), ${outcomeOf(o)}; index ${indexOf(o)}`
  );
}
