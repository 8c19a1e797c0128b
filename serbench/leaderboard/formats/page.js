"use strict";
// Without this script the page is complete; with it, tables are sorted and filtered.

const tables = [...document.querySelectorAll("table")];
const form = document.querySelector("form");

function value(row, column) {
  const cell = row.cells[column];
  const text = cell.textContent.trim().toLowerCase();
  const number = cell.matches(".number, .rank") ? Number.parseFloat(cell.dataset.value ?? text) : NaN;
  return Number.isNaN(number) ? text : number;
}

function compare(first, second) {
  // numbers come before texts when ascending
  if (typeof first === typeof second) {
    return typeof first === "number" ? first - second : first.localeCompare(second);
  }
  return typeof first === "number" ? -1 : 1;
}

function sort(table, head) {
  const column = head.cellIndex;
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
  const empty = ([key]) => key === "-" || key === "";  // last, in both directions
  rows.sort((a, b) => empty(a) - empty(b) || (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

for (const table of tables) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head));
    head.append(button);
  }
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

choices("corpus", (table) => [table.dataset.corpus]);
choices("protocol", (table) => [table.dataset.protocol]);
choices("status", (table) => [...table.tBodies[0].rows].map((row) => row.dataset.status));
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
document.documentElement.dataset.ready = "";
