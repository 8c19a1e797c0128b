// Creates elements. Untrusted text becomes text nodes, and only here.

const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Untrusted text without invisible characters, such as those that reverse text. */
function plain(text) {
  return String(text).replace(UNSEEN, " ");
}

/** An element with attributes and children; a text among the children becomes a text node. */
function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.flat().map((child) => (child instanceof Node ? child : plain(child))));
  return node;
}

function fill(target, ...children) {
  target.replaceChildren(...children.flat());
}

function within(section, selector = ".content") {
  return document.querySelector(`#${section} ${selector}`);
}

function percent(share, digits = 1) {
  return share === null || Number.isNaN(share) ? "-" : `${(100 * share).toFixed(digits)} %`;
}

/** A table of text; the first cell of a row is its heading. */
function table(data, attributes = {}) {
  const rows = data.rows.map(([first, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, first), rest.map((cell) => element("td", {}, cell))),
  );
  return element("table", attributes, heading(data.head), element("tbody", {}, rows));
}

function heading(head) {
  return element("thead", {}, element("tr", {}, head.map((title) => element("th", { scope: "col" }, title))));
}

/** A table that scrolls if the page is too narrow. */
function scrolling(data, attributes) {
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table" }, table(data, attributes));
}

function folded(title, ...children) {
  return element("details", {}, element("summary", {}, title), ...children);
}
