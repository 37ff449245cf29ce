// The payload of harness/report/columns.py, back into arrays. D: the header; O: operations as arrays.
const TYPE = ["ok", "fail", "info", "open"];
const OUTCOME = ["ok", "failed: did not happen", "unknown: may happen at any later time", "never answered"];
let D = null;
const O = { n: 0 };

async function inflate(text) {
  const raw = atob(text.trim());
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function varints(bytes, count) {
  const out = new Float64Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let n = 0, unit = 1, byte;
    do {
      byte = bytes[at++];
      n += (byte & 127) * unit; // no shifts: times do not fit into 32 bits
      unit *= 128;
    } while (byte > 127);
    out[i] = n;
  }
  return out;
}

function summed(deltas) {
  let sum = 0;
  return deltas.map((z) => (sum += z % 2 ? -(z + 1) / 2 : z / 2));
}

function parse(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  D = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const columns = {};
  let at = 4 + size;
  for (const [name, length] of D.columns) {
    columns[name] = varints(bytes.subarray(at, at + length), D.count);
    at += length;
  }
  D.index = summed(columns.index);
  D.time = summed(columns.time);
  for (const name of ["process", "type", "f", "key", "value", "node", "error"]) D[name] = Int32Array.from(columns[name]);
  D.end = Math.max(D.end, 1, D.count ? D.time.reduce((a, b) => Math.max(a, b), 0) : 1);
  pair();
}

// lines to operations; texts: the number of each line's value, -1 for none
function pair() {
  const open = new Map();
  const invokes = [];
  const text = new Int32Array(D.count);
  const ends = new Int32Array(D.count).fill(-1);
  let fresh = 0;
  for (let i = 0; i < D.count; i++) {
    const p = D.process[i], begun = open.get(p), v = D.value[i];
    text[i] = v === 0 ? -1 : v === 1 ? text[begun] : v === 2 ? fresh++ : v - 3;
    if (D.type[i] === 0) {
      open.set(p, i);
      invokes.push(i);
    } else if (begun !== undefined) {
      // the invocation stays known: a later line of this process may refer to its value
      if (ends[begun] < 0) ends[begun] = i;
    }
  }
  D.text = text;
  const n = (O.n = invokes.length);
  O.invoke = Int32Array.from(invokes);
  O.complete = new Int32Array(n);
  O.start = new Float64Array(n);
  O.stop = new Float64Array(n);
  O.type = new Uint8Array(n);
  O.lane = new Int32Array(n);
  O.proof = new Uint8Array(n);
  const lanes = D.processes.map((name) => (/^\d+$/.test(name) ? Number(name) % D.lanes : -1));
  for (let p = 0; p < lanes.length; p++) if (lanes[p] < 0) lanes[p] = D.lanes++;
  D.byIndex = new Map();
  for (let o = 0; o < n; o++) {
    const i = O.invoke[o], e = ends[i];
    O.complete[o] = e;
    O.start[o] = D.time[i];
    O.stop[o] = e < 0 ? D.end : D.time[e];
    O.type[o] = e < 0 ? 3 : D.type[e] - 1;
    O.lane[o] = lanes[D.process[i]];
    D.byIndex.set(D.index[i], o);
    if (e >= 0) D.byIndex.set(D.index[e], o);
  }
  for (const anomaly of D.anomalies) {
    anomaly.operations = [...new Set(anomaly.ops.map((index) => D.byIndex.get(index)).filter((o) => o !== undefined))];
    for (const o of anomaly.operations) O.proof[o] = 1;
  }
}
