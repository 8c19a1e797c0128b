// Creates elements. Untrusted text becomes text nodes, and only here.

const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Untrusted text without invisible characters, such as those that reverse text. */
function plain(text) {
  return String(text).replace(UNSEEN, " ");
}

/** An element with attributes and children; a text among the children becomes a text node. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat().map((child) => (child instanceof Node ? child : plain(child))));
  return made;
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
function table(made, attributes = {}) {
  const rows = made.rows.map(([first, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, first), rest.map((one) => element("td", {}, one))),
  );
  return element("table", attributes, heading(made.head), element("tbody", {}, rows));
}

function heading(head) {
  return element("thead", {}, element("tr", {}, head.map((one) => element("th", { scope: "col" }, one))));
}

/** A table that scrolls if the page is too narrow. */
function scrolling(made, attributes) {
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table" }, table(made, attributes));
}

function folded(title, ...children) {
  return element("details", {}, element("summary", {}, title), ...children);
}
