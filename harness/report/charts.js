// Latency, rate and availability of the operations in view, on the timeline's own axis.
function buckets(g, n) {
  const count = Math.max(4, Math.min(Math.floor(g.plot / 5), Math.ceil(n / 12)));
  return { count, ns: (V.to - V.from) / count, of: (t) => Math.min(count - 1, Math.floor(((t - V.from) / (V.to - V.from)) * count)) };
}

function scaleText(g, text, y) {
  g.c.fillStyle = ink.soft;
  g.c.textAlign = "right";
  g.c.fillText(text, g.gutter - 6, Math.max(7, y));
  g.c.textAlign = "left";
}

function gridLine(g, y) {
  const { c } = g;
  c.strokeStyle = ink.line;
  c.lineWidth = 1;
  c.beginPath();
  c.moveTo(g.gutter, Math.round(y) + 0.5);
  c.lineTo(g.gutter + g.plot, Math.round(y) + 0.5);
  c.stroke();
}

function percentile(sorted, permille) {
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * permille) / 1000) - 1)];
}

function drawLatencies(seen) {
  const bottom = 190, g = frame($("latencies"), bottom + AXIS), { c } = g;
  const ended = seen.filter((o) => O.type[o] < 3 && O.start[o] >= V.from);
  shade(g, 0, bottom);
  axis(g, bottom);
  if (!ended.length) return scaleText(g, "no data", bottom / 2);
  let low = Infinity, high = 1000;
  for (const o of ended) {
    const ns = Math.max(O.stop[o] - O.start[o], 1000);
    low = Math.min(low, ns);
    high = Math.max(high, ns);
  }
  const a = Math.floor(Math.log10(low)), b = Math.max(a + 1, Math.ceil(Math.log10(high)));
  const y = (ns) => bottom - ((Math.log10(Math.max(ns, 1000)) - a) / (b - a)) * (bottom - 8);
  for (let power = a; power <= b; power++) {
    gridLine(g, y(10 ** power));
    scaleText(g, took(10 ** power).replace(/\.0+ /, " "), y(10 ** power));
  }
  const size = ended.length > 5000 ? 1.5 : ended.length > 800 ? 2 : 3;
  const taken = new Uint8Array((Math.ceil(g.width) + 1) * (bottom + 2));
  for (const type of [0, 1, 2]) {
    c.fillStyle = ink[TYPE[type]];
    c.globalAlpha = type ? 0.9 : 0.55;
    taken.fill(0);
    for (const o of ended) {
      if (O.type[o] !== type) continue;
      const px = xOf(g, O.start[o]), py = y(O.stop[o] - O.start[o]);
      const cell = Math.floor(px) * (bottom + 2) + Math.floor(py);
      if (taken[cell]) continue;
      taken[cell] = 1;
      c.fillRect(px - size / 2, py - size / 2, size, size);
    }
  }
  c.globalAlpha = 1;
  const cut = buckets(g, ended.length);
  const groups = Array.from({ length: cut.count }, () => []);
  for (const o of ended) if (O.type[o] === 0) groups[cut.of(O.start[o])].push(O.stop[o] - O.start[o]);
  for (const group of groups) group.sort((p, q) => p - q);
  for (const [permille, name] of [[990, "p99"], [950, "p95"], [500, "p50"]]) {
    c.strokeStyle = ink.page;
    for (const [colour, width] of [[ink.page, 4], [ink[name], 2]]) {
      c.strokeStyle = colour;
      c.lineWidth = width;
      c.beginPath();
      let on = false;
      groups.forEach((group, n) => {
        if (!group.length) return void (on = false);
        const px = xOf(g, V.from + (n + 0.5) * cut.ns), py = y(percentile(group, permille));
        on ? c.lineTo(px, py) : c.moveTo(px - 1, py);
        if (!on) c.lineTo(px, py);
        on = true;
      });
      c.stroke();
    }
  }
}

function ends(g, seen) {
  const ended = seen.filter((o) => O.type[o] < 3 && O.stop[o] >= V.from && O.stop[o] <= V.to);
  const cut = buckets(g, ended.length);
  const counts = [0, 1, 2].map(() => new Float64Array(cut.count));
  for (const o of ended) counts[O.type[o]][cut.of(O.stop[o])]++;
  return { cut, counts, n: ended.length };
}

function drawRates(seen) {
  const bottom = 120, g = frame($("rates"), bottom + AXIS), { c } = g;
  const { cut, counts, n } = ends(g, seen);
  shade(g, 0, bottom);
  axis(g, bottom);
  if (!n) return scaleText(g, "no data", bottom / 2);
  let most = 0;
  for (let k = 0; k < cut.count; k++) most = Math.max(most, counts[0][k] + counts[1][k] + counts[2][k]);
  const perSecond = 1e9 / cut.ns, by = step(most * perSecond, 3), top = Math.max(by, Math.ceil((most * perSecond) / by) * by);
  const y = (rate) => bottom - (rate / top) * (bottom - 8);
  for (let k = 0; k < cut.count; k++) {
    const a = xOf(g, V.from + k * cut.ns), width = g.plot / cut.count;
    let rate = 0;
    for (const type of [0, 1, 2]) {
      const more = counts[type][k] * perSecond;
      c.fillStyle = ink[TYPE[type]];
      c.fillRect(a, y(rate + more), Math.max(width - 0.5, 0.5), y(rate) - y(rate + more));
      rate += more;
    }
  }
  for (let rate = 0; rate <= top * 1.001; rate += by) {
    gridLine(g, y(rate));
    scaleText(g, `${rate.toLocaleString("en", { maximumFractionDigits: 1 })}/s`, y(rate));
  }
}

function drawAvailability(seen) {
  const bottom = 90, g = frame($("availability"), bottom + AXIS), { c } = g;
  const { cut, counts, n } = ends(g, seen);
  shade(g, 0, bottom);
  axis(g, bottom);
  if (!n) return scaleText(g, "no data", bottom / 2);
  const y = (share) => bottom - share * (bottom - 8);
  for (const share of [0, 0.5, 1]) {
    gridLine(g, y(share));
    scaleText(g, `${share * 100} %`, y(share));
  }
  for (let k = 0; k < cut.count; k++) {
    const all = counts[0][k] + counts[1][k] + counts[2][k];
    if (!all) continue;
    const a = xOf(g, V.from + k * cut.ns), width = g.plot / cut.count, share = counts[0][k] / all;
    c.fillStyle = ink.ok;
    c.globalAlpha = 0.25;
    c.fillRect(a, y(share), width + 0.3, bottom - y(share));
    c.globalAlpha = 1;
    c.fillRect(a, y(share) - 1, width + 0.3, 2.5);
  }
}

function drawCharts() {
  const seen = visible();
  drawLatencies(seen);
  drawRates(seen);
  drawAvailability(seen);
}
