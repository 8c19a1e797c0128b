// The page of a corpus: tables, distributions, and examples with pictures and audio.

const contents = JSON.parse(document.getElementById("contents").textContent);
const MANY = 30; // speakers; the names of more have no room below a chart

function labels() {
  fill(within("labels"), scrolling(contents.tables[0], { class: "nowrap" }), contents.notes.map((note) => element("p", { class: "note" }, note)));
}

/** The utterances of each speaker and label; cells are shaded by their number. */
function matrix() {
  const largest = Math.max(...contents.counts.flat());
  const cell = (count) => {
    const made = element("td", { class: "hit count" }, count);
    made.style.setProperty("--share", (count / largest).toFixed(3));
    return made;
  };
  const rows = contents.speakers.map((speaker, at) => element("tr", {}, element("th", { scope: "row" }, speaker || "unknown"), contents.counts[at].map(cell)));
  fill(within("matrix"), element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Labels by speaker" }, element("table", { class: "matrix" }, heading(["speaker", ...contents.labels]), element("tbody", {}, rows))));
}

function distributions() {
  for (const [section, shown] of [["lengths", contents.distributions[0]], ["levels", contents.distributions[1]]]) {
    const panel = (title, make) => element("figure", {}, element("figcaption", {}, title), chart(`${shown.name}: ${title}; the tables below have the values`, make));
    fill(
      within(section),
      element("div", { class: "side" },
        panel("all utterances", () => histogram(shown)),
        panel("by label", () => boxes(shown.name, contents.labels, shown.labels, contents.colours)),
      ),
      contents.speakers.length > 1 ? panel("by speaker", () => boxes(shown.name, contents.speakers, shown.speakers)) : [],
    );
  }
}

function histogram(shown) {
  const width = shown.edges[1] - shown.edges[0];
  const bars = shown.counts.map((count, at) => [shown.edges[at] + width / 2, count]);
  return {
    grid: GRID,
    xAxis: axis(shown.name, { type: "value", min: shown.edges[0], max: shown.edges.at(-1), axisLabel: { hideOverlap: true, formatter: (value) => value.toFixed(1) } }),
    yAxis: axis("utterances", { type: "value", nameGap: 34 }),
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => tip(`${hit.value[1]} utterances`, `${(hit.value[0] - width / 2).toFixed(2)} to ${(hit.value[0] + width / 2).toFixed(2)}`) },
    series: [{ type: "bar", barWidth: "95%", data: bars, itemStyle: { color: tone("--accent") } }],
  };
}

function boxes(what, names, fives, colours) {
  const shown = names.map((name) => plain(name || "unknown"));
  const drawn = fives.map((five, at) => ({
    value: five || [],
    itemStyle: { color: colours ? `${tinted(colours[at])}b0` : tone("--panel"), borderColor: tone("--ink") },
  }));
  const rows = ["lowest", "quartile", "median", "quartile", "highest"];
  return {
    grid: { ...GRID, left: 52, bottom: 64 },
    xAxis: axis("", { type: "category", data: shown, axisLabel: { rotate: 45, interval: shown.length > MANY ? "auto" : 0, width: 70, overflow: "truncate" }, splitLine: { show: false } }),
    yAxis: axis(what, { type: "value", scale: true, nameGap: 36 }),
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => tip(shown[hit.dataIndex], pairs(rows.map((row, at) => [row, fives[hit.dataIndex][at].toFixed(2)]).reverse())) },
    series: [{ type: "boxplot", boxWidth: [3, 26], data: drawn }],
  };
}

/** A row for each speaker, a column for each label. */
function examples() {
  for (const id of ["examples", "to-examples"]) document.getElementById(id).hidden = !contents.examples.length;
  fill(document.getElementById("licence"), `The audio belongs to its owners, and is in the folder "audio" beside this page: share or publish it only as they allow${contents.licence ? `: ${plain(contents.licence)}` : ""}.`);
  const cell = (example, at) =>
    element("td", {}, example ? [
      element("img", { src: example.picture, alt: `Mel spectrogram of ${plain(example.utterance)}, ${plain(contents.labels[at])}` }),
      element("audio", { controls: true, preload: "none", src: example.audio, "aria-label": plain(example.utterance) }),
      element("small", {}, `${plain(example.utterance)}: ${example.seconds.toFixed(2)} s, ${example.level.toFixed(1)} dB`),
    ] : "-");
  const rows = contents.examples.map((speaker) =>
    element("tr", {}, element("th", { scope: "row" }, speaker.name || "unknown", element("small", {}, speaker.sex)), speaker.examples.map(cell)));
  fill(within("examples"), element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Examples" }, element("table", { class: "examples" }, heading(["speaker", ...contents.labels]), element("tbody", {}, rows))));
}

function tables() {
  fill(within("tables"), contents.tables.slice(1).flatMap((one) => [element("h3", {}, `By ${one.head[0]}`), scrolling(one, { class: "nowrap" })]));
}

function origin() {
  fill(within("about"), table({ head: ["", ""], rows: [...contents.about, ...(contents.licence ? [["Licence", contents.licence]] : [])] }, { class: "facts" }));
  fill(document.getElementById("title"), contents.title);
  fill(document.getElementById("made"), `serbench ${contents.serbench}. Charts: Apache ECharts 6.1.0, Apache License 2.0.`);
}

for (const show of [labels, matrix, distributions, examples, tables, origin]) show();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());
addEventListener("beforeprint", () => drawn.forEach((_, place) => draw(place)));
document.documentElement.dataset.ready = "yes";
