"use strict";
// Without this script the page is complete; with it, tables are sorted and filtered, and the
// address says how: a link shows the same view.

const tables = [...document.querySelectorAll("table[data-corpus]")];
const form = document.querySelector("form");
const FILTERS = ["text", "corpus", "protocol", "status"];
let sorted = null;  // { table, head, down } of the last sorted table

function value(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value.trim().toLowerCase();
  const number = cell.matches(".number, .rank") ? Number.parseFloat(text) : NaN;
  return Number.isNaN(number) ? text : number;
}

function compare(first, second) {
  // numbers come before texts when ascending
  if (typeof first === typeof second) {
    return typeof first === "number" ? first - second : first.localeCompare(second);
  }
  return typeof first === "number" ? -1 : 1;
}

function sort(table, head, down) {
  const column = head.cellIndex;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
  const empty = ([key]) => key === "-" || key === "";  // last, in both directions
  rows.sort((a, b) => empty(a) - empty(b) || (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
  table.tBodies[0].append(...rows.map(([, row]) => row));
  sorted = { table, head, down };
}

function choices(name, key) {
  const names = new Set(tables.flatMap((table) => key(table)).filter(Boolean));
  for (const choice of [...names].sort()) form.elements[name].add(new Option(choice, choice));
}

function filter() {
  const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const { corpus, protocol, status } = form.elements;
  for (const table of tables) {
    const here =
      (!corpus.value || table.dataset.corpus === corpus.value) &&
      (!protocol.value || table.dataset.protocol === protocol.value);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word));
      row.hidden = !(here && fits && (!status.value || row.dataset.status === status.value));
      shown += !row.hidden;
    }
    table.closest("article").hidden = shown === 0;
  }
  for (const section of document.querySelectorAll("section:has(table)")) {
    section.hidden = !section.querySelector("article:not([hidden])");
  }
}

function write() {
  const view = new URLSearchParams();
  for (const name of FILTERS) {
    if (form.elements[name].value) view.set(name, form.elements[name].value);
  }
  if (sorted) {
    view.set("table", sorted.table.dataset.name);
    view.set("sort", sorted.head.textContent);
    if (sorted.down) view.set("down", "1");
  }
  history.replaceState(null, "", `#${view}`);
}

function read() {
  if (location.hash && !location.hash.includes("=")) return;  // the place of a heading
  const view = new URLSearchParams(location.hash.slice(1));
  for (const name of FILTERS) {
    const field = form.elements[name];
    field.value = view.get(name) ?? "";
    if (field.selectedIndex === -1) field.value = "";  // no such choice
  }
  const table = tables.find((each) => each.dataset.name === view.get("table"));
  const heads = [...(table?.tHead.rows[0].cells ?? [])];
  const head = heads.find((each) => each.textContent === view.get("sort"));
  if (head) sort(table, head, view.has("down"));
  filter();
}

for (const table of tables) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      sort(table, head, head.getAttribute("aria-sort") === "ascending");
      write();
    });
    head.append(button);
  }
}

choices("corpus", (table) => [table.dataset.corpus]);
choices("protocol", (table) => [table.dataset.protocol]);
choices("status", (table) => [...table.tBodies[0].rows].map((row) => row.dataset.status));
form.addEventListener("input", () => {
  filter();
  write();
});
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", read);
form.hidden = false;
read();
document.documentElement.dataset.ready = "";
