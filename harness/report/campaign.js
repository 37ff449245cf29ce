// The table of runs: search, filter, sort by a click on a head.
const $ = (id) => document.getElementById(id);
const body = $("runs").tBodies[0];

function filter() {
  const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of body.rows) {
    const text = row.textContent.toLowerCase();
    const fits = words.every((word) => text.includes(word)) && (!$("surprises").checked || row.dataset.state === "surprise");
    row.hidden = !fits;
    shown += fits;
  }
  $("matches").textContent = `${shown.toLocaleString("en")} of ${body.rows.length.toLocaleString("en")} shown`;
}

function sort(table, column, down) {
  const rows = [...table.tBodies[0].rows];
  const key = (row) => row.cells[column].textContent.trim();
  const number = (text) => parseFloat(text.replace(/,/g, ""));
  rows.sort((a, b) => {
    const [p, q] = [key(a), key(b)];
    const by = isNaN(number(p)) || isNaN(number(q)) ? p.localeCompare(q) : number(p) - number(q);
    return down ? -by : by;
  });
  table.tBodies[0].append(...rows);
}

for (const button of document.querySelectorAll("button.sort"))
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    sort(head.closest("table"), head.cellIndex, down);
  });
for (const id of ["find", "surprises"]) $(id).addEventListener("input", filter);
filter();
