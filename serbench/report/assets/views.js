// The sections on whole runs: scores, emotions, learning, calibration, speakers, cost.

/** The runs of a section, in the order of its tables' first rows. */
function runsOf(section) {
  return contents.runs.filter((run) => contents.sections[run.section] === section);
}

/** One table per section, under the section's title if there are several. */
function perSection(key, attributes) {
  return contents.sections.flatMap((section) => [...titleOf(section), scrolling(section[key], attributes)]);
}

function titleOf(section) {
  return contents.sections.length > 1 ? [element("p", { class: "note" }, section.title)] : [];
}

function scoreTable(section) {
  const runs = runsOf(section);
  const head = section.scores.head.slice(0, -1); // without the last column, remarks, which is under the name
  const first = section.scores.rows.length - section.published.length;
  const body = element("tbody", {});
  section.scores.rows.forEach((row, at) => {
    const [name, ...cells] = row.slice(0, -1);
    const further = at < runs.length ? runs[at].scores.rows.map(foldRow) : [];
    const kind = at < runs.length ? "run" : at < first ? "chance" : "paper";
    const remark = at < runs.length && row.at(-1) !== "-" ? element("span", { class: "remark" }, row.at(-1)) : [];
    body.append(scoreRow(kind, further.length ? unfolding(name, further) : name, cells, remark), ...further);
  });
  return element("table", { class: "scores" }, heading(head), body);
}

function scoreRow(kind, name, cells, remark) {
  return element("tr", { class: kind }, element("th", { scope: "row" }, name, remark), cells.map((cell) => element("td", {}, cell)));
}

function foldRow([name, size, ...cells]) {
  const row = scoreRow("more", size === "-" ? name : `${name} (${size})`, cells, []);
  row.hidden = true;
  return row;
}

/** The caveats of the paper's rows, which are the last rows of a table. */
function caveats(section) {
  if (!section.published.length) return [];
  const names = section.scores.rows.slice(-section.published.length).map((row) => row[0]);
  const items = section.published.flatMap((words, at) => (words.length ? [element("li", {}, element("strong", {}, names[at]), `: ${plain(words.join("; "))}`)] : []));
  return [
    ...(section.comparable ? [] : [element("p", { class: "note" }, "The paper's rows are for its own protocol and labels, not for these runs'.")]),
    ...(items.length ? [folded("Why the paper's rows are not directly comparable", element("ul", {}, items))] : []),
  ];
}

function scores() {
  fill(
    within("scores"),
    contents.sections.flatMap((section) => [
      element("h3", {}, section.title),
      element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Scores: ${plain(section.title)}` }, scoreTable(section)),
      ...caveats(section),
    ]),
  );
}

function unfolding(name, rows) {
  const button = element("button", { type: "button", "aria-expanded": "false" }, name);
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    for (const row of rows) row.hidden = !open;
  });
  return button;
}

function emotions() {
  const panel = (run) => element("figure", {}, element("figcaption", {}, run.title), chart(boxWords(run), () => boxes(run)));
  fill(
    cleared(within("emotions")),
    contents.sections.flatMap((section) => [
      ...titleOf(section),
      element("div", { class: contents.runs.length === 1 ? "panels one" : "panels" }, runsOf(section).map(panel)),
    ]),
  );
}

function boxWords(run) {
  const medians = run.boxes.map((one, at) => `${plain(run.labels[at])} ${one.five ? percent(one.five[2], 0) : "none"}`);
  return `Box plots of F1 by emotion, ${run.title}. Medians: ${medians.join(", ")}`;
}

function boxes(run) {
  const hundred = (values) => values.map((one) => (one === null ? NaN : 100 * one));
  const points = run.boxes.flatMap((one, at) => hundred(one.values).map((value, fold) => [at, value, fold]));
  return {
    grid: { ...GRID, left: 40, bottom: 54 },
    xAxis: axis("", { type: "category", data: run.labels.map(plain), axisLabel: { rotate: 40, interval: 0, width: 70, overflow: "truncate" }, splitLine: { show: false } }),
    yAxis: percents("F1 (%)", { nameGap: 28 }),
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => boxTip(run, hit) },
    series: [
      { type: "boxplot", boxWidth: [8, 26], data: run.boxes.map((one, at) => ({ value: one.five ? hundred(one.five) : [], itemStyle: { color: `${tinted(run.colours[at])}b0`, borderColor: tone("--ink") } })) },
      { type: "scatter", symbolSize: 5, data: points, itemStyle: { color: tone("--paper"), borderColor: tone("--ink"), borderWidth: 1 }, z: 4 },
    ],
  };
}

function boxTip(run, hit) {
  if (hit.seriesType === "scatter") {
    const [label, value, fold] = hit.value;
    return tip(run.labels[label], `test set ${run.folds[fold].name}: F1 ${value.toFixed(2)} %`);
  }
  const five = run.boxes[hit.dataIndex].five.map((one) => percent(one));
  const names = ["lowest", "quartile", "median", "quartile", "highest"];
  return tip(run.labels[hit.dataIndex], pairs(names.map((name, at) => [name, five[at]]).reverse()));
}

function learning(state) {
  const run = contents.runs[state.run];
  const target = cleared(within("learning"));
  if (!run.curves.length) return fill(target, element("p", {}, "This model reports nothing during training."));
  const unit = run.curves.some((one) => one.epochs) ? "epoch" : "setting tried";
  const losses = ["train_loss", "validation_loss"].filter((name) => run.curves.some((one) => name in one.values));
  const kinds = [["loss", losses], ["UAR on validation", ["validation_uar"]]];
  const shown = kinds.filter(([, names]) => names.some((name) => run.curves.some((one) => name in one.values)));
  fill(
    target,
    element("p", { class: "lead" }, `A line per fold${losses.length > 1 ? ", training dashed and validation solid" : ""}; a ring is the ${unit} that was kept.`),
    element("div", { class: "side" }, shown.map(([what, names]) =>
      element("figure", {}, element("figcaption", {}, what), chart(`${what} over each ${unit}, ${run.title}`, () => curveOptions(run, names, unit)))),
    ),
  );
}

function curveOptions(run, names, unit) {
  const share = names.includes("validation_uar");
  const series = run.curves.flatMap((curve, at) =>
    names.filter((name) => name in curve.values).map((name) => curveSeries(curve, name, LINES[at % LINES.length], share)),
  );
  return {
    grid: GRID,
    xAxis: axis(unit, { type: "value", minInterval: 1, min: 1, max: "dataMax", axisLabel: { hideOverlap: true } }),
    yAxis: share ? percents("UAR (%)") : axis("loss", { type: "value", scale: true, nameGap: 36 }),
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => tip(hit.seriesName, pairs([[unit, hit.value[0]], [share ? "UAR (%)" : "loss", hit.value[1].toFixed(share ? 1 : 4)]])) },
    series,
  };
}

function curveSeries(curve, name, colour, share) {
  const values = curve.values[name].map((one) => (one === null ? NaN : share ? 100 * one : one));
  const kept = name === "train_loss" ? null : curve.best;
  return {
    type: "line",
    name: `fold ${plain(curve.fold)}, ${name.replace("_", " ")}`,
    data: curve.steps.map((step, at) => ({ value: [step, values[at]], symbolSize: step === kept ? 11 : 5, symbol: step === kept ? "emptyCircle" : "circle" })),
    lineStyle: { color: colour, width: 1.6, type: name === "train_loss" ? "dashed" : "solid" },
    itemStyle: { color: colour, borderWidth: 2 },
  };
}

function calibration(state, choose) {
  const run = contents.runs[state.run];
  fill(
    cleared(within("calibration")),
    element("div", { class: "side" },
      element("figure", {}, element("figcaption", {}, `Reliability: ${run.title}`, element("div", { class: "note" }, run.reliability.words)), chart(`Accuracy by confidence, ${run.title}. ${run.reliability.words}`, () => reliability(run))),
      element("figure", {}, element("figcaption", {}, "Accuracy of the most confident utterances", element("div", { class: "note" }, "All models; the selected one is coloured. Click a line to select its model.")), chart("Accuracy over the most confident utterances, a line per model; the table below has the values", () => selective(state.run), { heard: { click: (hit) => choose({ run: hit.seriesIndex }) } })),
    ),
    element("h3", {}, "Calibration"),
    element("p", { class: "note" }, "Expected calibration error (15 bins, %), Brier score (0 to 2), negative log-likelihood (nats): all test utterances together, and mean ± std over test sets. Lower is better."),
    perSection("calibration", { class: "nowrap" }),
    element("h3", {}, "Accuracy of the most confident utterances (%)"),
    contents.sections.flatMap((section) => [...titleOf(section), scrolling(selectiveTable(section), { class: "nowrap" })]),
  );
}

function reliability(run) {
  const { confidence, accuracy, utterances: sizes } = run.reliability;
  const largest = Math.max(...sizes);
  const points = sizes.flatMap((size, at) => (size ? [[100 * confidence[at], 100 * accuracy[at], size]] : []));
  const named = (hit) => tip(`${hit.value[2]} utterances`, pairs([["confidence", `${hit.value[0].toFixed(1)} %`], ["accuracy", `${hit.value[1].toFixed(1)} %`]]));
  return {
    grid: { ...GRID, top: 16, right: 20 },
    xAxis: percents("confidence (%)", { nameGap: 28 }),
    yAxis: percents("accuracy (%)"),
    tooltip: { ...look().tooltip, trigger: "item", formatter: named },
    series: [
      { type: "line", data: [[0, 0], [100, 100]], symbol: "none", silent: true, lineStyle: { color: tone("--soft"), width: 1, type: "dotted" } },
      { type: "line", data: points, symbol: "circle", symbolSize: (value) => 5 + 17 * Math.sqrt(value[2] / largest), lineStyle: { color: tone("--accent"), width: 1.5 }, itemStyle: { color: tone("--accent"), opacity: 0.85 } },
    ],
  };
}

function selective(chosen) {
  return {
    grid: { ...GRID, top: 16, right: 20 },
    xAxis: percents("most confident utterances (%)", { nameGap: 28 }),
    yAxis: percents("accuracy (%)"),
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => tip(contents.runs[hit.seriesIndex].title, ...titleOf(contents.sections[contents.runs[hit.seriesIndex].section])) },
    series: contents.runs.map((run, at) => ({
      type: "line",
      showSymbol: false,
      triggerLineEvent: true,
      z: at === chosen ? 5 : 2,
      data: run.selective.map((one, step) => [100 * (step + 1) / run.selective.length, 100 * one]),
      lineStyle: { color: at === chosen ? tone("--accent") : tone("--soft"), width: at === chosen ? 2.5 : 1, opacity: at === chosen ? 1 : 0.55 },
      emphasis: { lineStyle: { width: 2.5, opacity: 1 } },
    })),
  };
}

function selectiveTable(section) {
  const shares = [20, 50, 80, 90, 100];
  const rows = runsOf(section).map((run) => [run.title, ...shares.map((one) => (100 * run.selective[one * run.selective.length / 100 - 1]).toFixed(2))]);
  return { head: ["model", ...shares.map((one) => `top ${one} %`)], rows };
}

function speakers(state) {
  const run = contents.runs[state.run];
  const ordered = [...run.speakers].sort((one, other) => one[1] - other[1] || (one[0] < other[0] ? -1 : 1));
  const rows = ordered.map(([name, score, size]) => [name, percent(score, 2), size]);
  fill(
    cleared(within("speakers")),
    element("figure", {}, element("figcaption", {}, run.title), chart(`UAR of ${ordered.length} test speakers, lowest first, ${run.title}; as a table below`, () => speakerOptions(run, ordered))),
    folded("As a table", scrolling({ head: ["speaker", "UAR", "utterances"], rows })),
    element("h3", {}, "By group"),
    perSection("groups", { class: "nowrap" }),
    element("h3", {}, "Gaps between groups"),
    perSection("gaps", { class: "nowrap" }),
    element("h3", {}, "Takes of the same sentence"),
    perSection("retest", { class: "nowrap" }),
    contents.sections.flatMap((section) => section.group_notes).map((note) => element("p", { class: "note" }, note)),
  );
}

function extraSets() {
  const sections = contents.sections.filter((section) => section.extra.length);
  for (const id of ["extra", "to-extra"]) document.getElementById(id).hidden = !sections.length;
  fill(
    within("extra"),
    sections.flatMap((section) => [
      ...titleOf(section),
      element("div", { class: "side" }, section.strengths.map((one) =>
        element("figure", {}, element("figcaption", {}, one.title), chart(`UAR over ${one.varied} of ${one.title}; the table below has the values`, () => strengthOptions(one))))),
      ...section.extra.flatMap((table, at) => [scrolling(table, { class: "nowrap" }), element("p", { class: "note" }, section.extra_notes[at])]),
    ]),
  );
}

function strengthOptions(shown) {
  const series = shown.lines.flatMap((line, at) => {
    const colour = LINES[at % LINES.length];
    const looks = { type: "line", name: plain(line.title), lineStyle: { color: colour, width: 1.6 }, itemStyle: { color: colour } };
    const ends = [line.values[0][0], line.values.at(-1)[0]];
    return [
      { ...looks, data: line.values.map(([strength, score]) => [strength, 100 * score]) },
      { ...looks, name: `${plain(line.title)}, as recorded`, symbol: "none", lineStyle: { color: colour, width: 1, type: "dashed" }, data: ends.map((end) => [end, 100 * line.recorded]) },
    ];
  });
  return {
    grid: GRID,
    xAxis: axis(plain(shown.varied), { type: "value", min: "dataMin", max: "dataMax" }),
    yAxis: percents("UAR (%)"),
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => tip(hit.seriesName, pairs([[plain(shown.varied), hit.value[0]], ["UAR (%)", hit.value[1].toFixed(1)]])) },
    series,
  };
}

function speakerOptions(run, ordered) {
  const [pooled, low, high] = run.uar.map((one) => (one === null ? null : 100 * one));
  const band = low === null ? {} : { markArea: { silent: true, itemStyle: { color: tone("--accent"), opacity: 0.14 }, data: [[{ yAxis: low }, { yAxis: high }]] } };
  return {
    grid: { ...GRID, bottom: 74 },
    xAxis: axis("", { type: "category", data: ordered.map(([name]) => plain(name)), axisLabel: { rotate: 90, width: 66, overflow: "truncate", hideOverlap: true }, splitLine: { show: false } }),
    yAxis: percents("UAR (%)"),
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => tip(ordered[hit.dataIndex][0], `UAR ${hit.value[1].toFixed(2)} %, ${ordered[hit.dataIndex][2]} utterances`) },
    series: [{
      type: "scatter",
      symbolSize: 8,
      itemStyle: { color: tone("--accent") },
      data: ordered.map(([, score], at) => [at, 100 * score]),
      markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: tone("--accent"), type: "solid" }, data: [{ yAxis: pooled }] },
      ...band,
    }],
  };
}

function leaks(state) {
  fill(within("leaks"), table(contents.runs[state.run].leaks, { class: "nowrap" }));
}

function cost() {
  fill(within("cost"), perSection("costs", { class: "nowrap" }));
}

function again(state) {
  const run = contents.runs[state.run];
  const [score, evaluate] = run.commands;
  fill(
    within("again"),
    element("p", {}, "The scores, from the stored predictions:"),
    element("pre", { tabindex: "0" }, score),
    element("p", {}, "The run, from the corpus (if a checkpoint is a digest, it was a local folder: give its path):"),
    element("pre", { tabindex: "0" }, evaluate),
    folded("Versions and digests", scrolling({ head: ["name", "value"], rows: run.versions }, { class: "facts" })),
    folded("Every parameter", scrolling({ head: ["name", "value"], rows: run.configuration }, { class: "facts" })),
  );
}
