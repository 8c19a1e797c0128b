// The style of all charts, and the only file that uses the charting library.

const SHAPES = {
  o: "M5,0A5,5,0,1,1,4.99,0Z",
  s: "M0.6,0.6H9.4V9.4H0.6Z",
  "^": "M5,0L10,9.3H0Z",
  v: "M0,0.7H10L5,10Z",
  "<": "M0,5L9.3,0V10Z",
  ">": "M0.7,0L10,5L0.7,10Z",
  D: "M5,0L10,5L5,10L0,5Z",
  d: "M5,0L8.5,5L5,10L1.5,5Z",
  X: "M2.5,0L5,2.5L7.5,0L10,2.5L7.5,5L10,7.5L7.5,10L5,7.5L2.5,10L0,7.5L2.5,5L0,2.5Z",
  P: "M3.3,0H6.7V3.3H10V6.7H6.7V10H3.3V6.7H0V3.3H3.3Z",
  "*": "M5,0L6.2,3.7H10L6.9,6L8.1,9.8L5,7.4L1.9,9.8L3.1,6L0,3.7H3.8Z",
  p: "M5,0L10,3.8L8.1,9.7H1.9L0,3.8Z",
  h: "M2.5,0.7H7.5L10,5L7.5,9.3H2.5L0,5Z",
};
const LINES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F"];
const drawn = new Map(); // a chart's element -> { chart, make }

function shape(mark) {
  return SHAPES[mark] || SHAPES.h;
}

function symbol(mark) {
  return mark === "o" ? "circle" : `path://${shape(mark)}`;
}

/** A legend's mark, as in the chart. */
function swatch(mark, colour) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  picture.setAttribute("viewBox", "0 0 10 10");
  picture.setAttribute("aria-hidden", "true");
  path.setAttribute("d", shape(mark));
  path.setAttribute("fill", colour);
  path.setAttribute("stroke", tone("--soft"));
  path.setAttribute("stroke-width", "0.5");
  picture.append(path);
  return picture;
}

/** The current value of a style sheet's colour, in light or dark mode. */
function tone(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A label's colour, lighter if it would be hard to see on a dark page. */
function tinted(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const light = 0.21 * parts[0] + 0.72 * parts[1] + 0.07 * parts[2];
  if (!matchMedia("(prefers-color-scheme: dark)").matches || light > 90) return colour;
  return `#${parts.map((part) => Math.round(part + 0.4 * (255 - part)).toString(16).padStart(2, "0")).join("")}`;
}

/** An element for a chart, which is drawn when it comes into view; `make()` returns its options. */
function chart(label, make, { size = "", heard = {} } = {}) {
  const place = element("div", { class: `chart ${size}`, role: "img", "aria-label": label });
  drawn.set(place, { make, heard, chart: null });
  seen.observe(place);
  resized.observe(place);
  return place;
}

const seen = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
  { rootMargin: "300px" },
);
const resized = new ResizeObserver((entries) => entries.forEach((entry) => drawn.get(entry.target)?.chart?.resize()));

function draw(place) {
  const entry = drawn.get(place);
  if (!entry || entry.chart || !place.clientWidth) return;
  entry.chart = echarts.init(place, null, { renderer: "canvas" });
  entry.chart.setOption({ ...look(), ...entry.make() });
  for (const [event, hear] of Object.entries(entry.heard)) {
    entry.chart.on(event, (hit) => {
      entry.chart.dispatchAction({ type: "hideTip" });
      hear(hit);
    });
  }
}

/** Redraws the drawn charts, after a change of their options or the colour scheme. */
function redraw(within = document) {
  for (const [place, entry] of drawn) {
    if (entry.chart && within.contains(place)) {
      entry.chart.setOption({ ...look(), ...entry.make() }, { notMerge: true });
    }
  }
}

/** Removes the charts of a section before it is rebuilt. */
function cleared(section) {
  for (const [place, entry] of drawn) {
    if (!section.contains(place)) continue;
    entry.chart?.dispose();
    seen.unobserve(place);
    resized.unobserve(place);
    drawn.delete(place);
  }
  return section;
}

function look() {
  return {
    animation: false,
    textStyle: { color: tone("--ink"), fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 },
    tooltip: {
      confine: true,
      backgroundColor: tone("--paper"),
      borderColor: tone("--line"),
      padding: 8,
      transitionDuration: 0,
      extraCssText: "box-shadow: 0 2px 10px rgb(0 0 0 / 25%)",
    },
  };
}

function axis(name, more = {}) {
  return {
    name,
    nameLocation: "middle",
    nameGap: 30,
    nameTextStyle: { color: tone("--soft"), fontSize: 12 },
    axisLine: { show: true, lineStyle: { color: tone("--line") } },
    axisTick: { show: false },
    axisLabel: { color: tone("--soft"), fontSize: 11, ...more.axisLabel },
    splitLine: { show: true, lineStyle: { color: tone("--line"), opacity: 0.6, width: 0.5 } },
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== "axisLabel")),
  };
}

function percents(name, more = {}) {
  return axis(name, { type: "value", min: 0, max: 100, nameGap: 34, ...more });
}

const GRID = { left: 48, right: 12, top: 12, bottom: 44 };

/** The tooltip of the point under the pointer. */
function tip(title, ...rows) {
  return element("div", { class: "tip" }, element("b", {}, title), ...rows);
}

function pairs(rows) {
  return element("table", {}, rows.map((row) => element("tr", {}, row.map((cell) => element("td", {}, cell)))));
}
