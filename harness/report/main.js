// Hands on: buttons, keys, wheel, drag, pinch. window.splitbrain is for tests and for the console.
function inputs() {
  const digits = digitsFor(V.to - V.from);
  if (document.activeElement !== $("from")) $("from").value = seconds(V.from, digits);
  if (document.activeElement !== $("to")) $("to").value = seconds(V.to, digits);
}

function point(o, text) {
  V.hot = o;
  $("detail").textContent = text !== undefined ? text : o >= 0 ? sentenceOf(o) : "";
  changed();
}

function place(event) {
  const box = event.currentTarget.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function gestures(canvas, tap) {
  const down = new Map();
  let moved = false, pinch = 0;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    moved = false;
    if (event.shiftKey && down.size === 1) {
      const time = timeAt(canvas, place(event)[0]);
      V.brush = [time, time];
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event), before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse" && tap) tap(...now, false);
      return;
    }
    if (Math.abs(now[0] - before[0]) < 3 && !moved) return;
    moved = true;
    const perPixel = timeAt(canvas, 1) - timeAt(canvas, 0);
    if (down.size === 2) {
      const other = [...down].find(([id]) => id !== event.pointerId)[1];
      const apart = Math.abs(now[0] - other[0]), was = Math.abs(before[0] - other[0]);
      if (was > 5 && apart > 5) zoomAt(timeAt(canvas, (now[0] + other[0]) / 2), was / apart);
      pinch = 1;
    } else if (V.brush) {
      V.brush[1] = timeAt(canvas, now[0]);
      changed();
    } else if (!pinch) {
      pan((before[0] - now[0]) * perPixel);
    }
    down.set(event.pointerId, now);
  });
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    if (down.size === 0) pinch = 0;
    if (V.brush) {
      const [a, b] = [Math.min(...V.brush), Math.max(...V.brush)];
      V.brush = null;
      if (moved) look(a, b);
    } else if (!moved && tap && event.type === "pointerup") tap(...place(event), true);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener(
    "wheel",
    (event) => {
      // wheeling out of the whole run scrolls the page; charts below the timeline zoom with ctrl only
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        if (whole()) return;
        pan((event.deltaX / canvas.clientWidth) * (V.to - V.from));
      } else {
        if (whole() && event.deltaY > 0) return;
        if (canvas.id !== "ops" && !event.ctrlKey) return;
        zoomAt(timeAt(canvas, place(event)[0]), Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))));
      }
      event.preventDefault();
    },
    { passive: false },
  );
}

function overviewHands() {
  const canvas = $("overview");
  let begun = null;
  const timeOf = (event) => {
    const width = canvas.clientWidth, gutter = width < 600 ? 66 : 88;
    return ((place(event)[0] - gutter) / (width - gutter - PAD)) * D.end;
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    begun = { time: timeOf(event), brush: whole() };
    if (!begun.brush) pan(begun.time - (V.from + V.to) / 2);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!begun) return;
    const now = timeOf(event);
    if (!begun.brush) pan(now - (V.from + V.to) / 2);
    else if (Math.abs(now - begun.time) > D.end / 200) look(Math.min(now, begun.time), Math.max(now, begun.time));
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (begun = null));
}

const span = () => V.to - V.from;
const middle = () => (V.from + V.to) / 2;
function stepTo(by) {
  const seen = visible();
  if (!seen.length) return;
  const at = seen.indexOf(V.hot);
  point(seen[at < 0 ? 0 : (at + by + seen.length) % seen.length]);
}
const ACTIONS = {
  in: () => zoomAt(middle(), 0.5),
  out: () => zoomAt(middle(), 2),
  left: () => pan(-span() / 4),
  right: () => pan(span() / 4),
  all: () => look(0, D.end),
};
const KEYS = {
  "+": ACTIONS.in, "=": ACTIONS.in, "-": ACTIONS.out, "_": ACTIONS.out, ArrowLeft: ACTIONS.left, ArrowRight: ACTIONS.right,
  0: ACTIONS.all, Home: ACTIONS.all, n: () => stepTo(1), p: () => stepTo(-1), Escape: () => ((V.anomaly = -1), point(-1)),
};

function hands() {
  for (const name of Object.keys(ACTIONS)) $(name).addEventListener("click", ACTIONS[name]);
  $("ops").addEventListener("keydown", (event) => {
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  for (const id of ["from", "to"])
    $(id).addEventListener("change", () => {
      const [a, b] = [parseFloat($("from").value), parseFloat($("to").value)];
      if (isFinite(a) && isFinite(b)) look(a * 1e9, b * 1e9);
    });
  gestures($("ops"), (px, py, tapped) => {
    const fault = py < layout.top ? faultAt($("ops"), px, py) : undefined;
    if (fault) return point(-1, `${fault[WHAT]} (${fault[FAMILY]}), ${seconds(fault[START])}–${seconds(faultStop(fault))} s, ${fault[BITE]}`);
    const o = operationAt(px, py);
    if (o >= 0 || tapped) point(o);
  });
  for (const id of ["latencies", "rates", "availability"]) gestures($(id), null);
  if ($("nodes")) gestures($("nodes"), (px, py) => ($("node-detail").textContent = nodeAt(px, py)));
  overviewHands();
  for (const id of ["find", "outcome"]) $(id).addEventListener("input", tableSoon);
  $("table").addEventListener("toggle", tableSoon);
  $("more").addEventListener("click", () => {
    rowsShown += PAGE;
    drawTable();
  });
  $("rows").addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row) point(Number(row.dataset.operation));
  });
  for (const button of document.querySelectorAll("button.show"))
    button.addEventListener("click", () => {
      select(Number(button.dataset.anomaly));
      const { operations, marks } = D.anomalies[V.anomaly];
      if (!operations.length && marks.length && $("nodes")) return $("roles").scrollIntoView();
      $("timeline").scrollIntoView();
      $("ops").focus({ preventScroll: true });
    });
  for (const button of document.querySelectorAll("button.goto"))
    button.addEventListener("click", () => {
      const start = Number(button.dataset.start), stop = button.dataset.stop ? Number(button.dataset.stop) : D.end;
      const margin = Math.max((stop - start) * 0.25, 1e8);
      look(start - margin, stop + margin);
      $("timeline").scrollIntoView();
    });
}

function copying() {
  for (const button of document.querySelectorAll("button.copy"))
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        // without a clipboard the command is marked, ready to be copied by hand
        getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      }
    });
}

// of a long run the charts follow when the hand rests
let resting = 0;
function drawRest() {
  drawCharts();
  drawNodes();
}
function drawRestSoon() {
  if (O.n < 20000) return drawRest();
  clearTimeout(resting);
  resting = setTimeout(drawRest, 60);
}

async function begin() {
  copying();
  readColours();
  parse(await inflate($("data").textContent));
  V.from = 0;
  V.to = D.end;
  listeners.push(drawOps, drawOverview, inputs, tableSoon, drawRestSoon);
  hands();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (readColours(), changed()));
  new ResizeObserver(changed).observe($("ops"));
  changed();
}

window.splitbrain = {
  ready: begin().catch((error) => {
    const old = typeof DecompressionStream === "undefined";
    $("trouble").hidden = false;
    $("trouble").textContent = old ? "This browser is too old to unpack the operations (it lacks DecompressionStream); all else on this page reads without them." : `The operations could not be unpacked: ${error}`;
    throw error;
  }),
  visibleOps,
  zoom: (from, to) => look(from * 1e9, to * 1e9),
  select,
  window: () => [V.from / 1e9, V.to / 1e9],
  selected: () => (V.anomaly < 0 ? [] : D.anomalies[V.anomaly].ops.slice()),
  // the stretch in ns, exactly: [from, to)
  stretch: () => [V.from, V.to],
};
