// The operations in view as a table that can be searched: the first PAGE of them, more on demand.
const PAGE = 200;
let rowsShown = PAGE;

function cell(text, kind) {
  const td = document.createElement("td");
  td.textContent = text;
  if (kind) td.className = kind;
  return td;
}

function matches(o, words, outcome) {
  if (outcome === "proof" ? !O.proof[o] : outcome !== "" && O.type[o] !== Number(outcome)) return false;
  if (!words.length) return true;
  const text = `${indexOf(o)} ${processOf(o)} ${nodeOf(o)} ${shortOf(o)} ${outcomeOf(o)}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function drawTable() {
  if (!$("table").open) return;
  const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const outcome = $("outcome").value;
  const found = visible().filter((o) => matches(o, words, outcome));
  const chosen = V.anomaly >= 0 ? new Set(D.anomalies[V.anomaly].operations) : null;
  const rows = document.createDocumentFragment();
  for (const o of found.slice(0, rowsShown)) {
    const tr = document.createElement("tr");
    tr.dataset.operation = o;
    tr.className = `${o === V.hot ? "hot " : ""}${(chosen ? chosen.has(o) : O.proof[o]) ? "proof" : ""}`;
    const last = cell(outcomeOf(o));
    const dot = document.createElement("i");
    dot.className = `dot ${TYPE[O.type[o]] === "open" ? "info" : TYPE[O.type[o]]}`;
    last.prepend(dot);
    tr.append(
      cell(indexOf(o), "num"), cell(`${seconds(O.start[o], 6)} s`, "num"), cell(O.type[o] === 3 ? "" : took(O.stop[o] - O.start[o]), "num"),
      cell(processOf(o), "num"), cell(nodeOf(o)), cell(fOf(o)), cell(keyOf(o), "data"), cell(valueOf(o), "data"), last,
    );
    rows.append(tr);
  }
  $("rows").replaceChildren(rows);
  const n = found.length, shown = Math.min(n, rowsShown);
  $("matches").textContent = n > shown ? `${n.toLocaleString("en")} found, the first ${shown.toLocaleString("en")} shown` : `${n.toLocaleString("en")} found`;
  $("more").hidden = n <= shown;
}

let waiting = 0;
function tableSoon() {
  rowsShown = PAGE;
  clearTimeout(waiting);
  waiting = setTimeout(drawTable, 60);
}
