// The sections that show single utterances: the output layer, confusions, the list, the card.

const PAGE = 25; // rows shown first; "Show more" adds four times as many
const PANELS = 12; // the most test sets drawn side by side
const player = element("audio", { controls: true, preload: "none" });

/** The positions in the run of the list's utterances, the most confident first. */
function listed(state) {
  const run = contents.runs[state.run];
  const tested = unpacked(run);
  const asked = state.query.trim().toLowerCase();
  return Array.from(tested.surest).filter((place) => {
    const truth = tested.truth[place];
    const prediction = tested.prediction[place];
    if (state.fold >= 0 && tested.fold[place] !== state.fold) return false;
    if (state.cell && (truth !== state.cell[0] || prediction !== state.cell[1])) return false;
    if (!state.cell && state.only === "mistakes" && truth === prediction) return false;
    if (!asked) return true;
    const at = tested.at[place];
    const speaker = utterances.speakers[utterances.speaker[at]];
    return utterances.ids[at].toLowerCase().includes(asked) || speaker.toLowerCase() === asked;
  });
}

function output(state, choose) {
  const run = contents.runs[state.run];
  const every = run.folds.map((_, at) => at);
  const folds = state.fold < 0 ? every.slice(0, PANELS) : [state.fold];
  const target = cleared(within("map"));
  target.classList.toggle("one", folds.length === 1);
  const left = every.length - folds.length;
  fill(
    target,
    folds.map((fold) => cloud(run, fold, state, choose, folds.length === 1)),
    state.fold < 0 && left ? element("p", { class: "note" }, `${left} further test sets: choose one above.`) : [],
  );
  legend(run, state);
}

function cloud(run, fold, state, choose, alone) {
  const shares = run.folds[fold].explained;
  const explained = shares[0] === null ? "all activations are the same" : `${percent(shares[0] + shares[1])} of the variance`;
  const name = `Test set ${run.folds[fold].name}`;
  const title = alone ? name : element("button", { type: "button", "data-key": `fold-${fold}`, onclick: () => choose({ fold }) }, name);
  const place = chart(
    `${name}: activations of ${run.title} on two principal components, ${explained}. The list below has the same utterances.`,
    () => cloudOptions(run, fold, state, alone),
    { size: alone ? "high" : "", heard: { click: (hit) => hit.seriesId !== "chosen" && choose({ chosen: hit.value[2], play: true }) } },
  );
  place.dataset.fold = fold;
  return element("figure", {}, element("figcaption", {}, title, element("div", { class: "note" }, explained)), place);
}

/** The groups of points that share a colour. */
function groups(run, colour) {
  if (colour !== "correct") return run.labels.map((name, at) => ({ name, colour: run.colours[at], mark: run.marks[at] })).map((one) => ({ ...one, colour: tinted(one.colour) }));
  return [{ name: "right", colour: tinted("#0072B2"), mark: "o" }, { name: "wrong", colour: "#D55E00", mark: "X" }];
}

function groupOf(tested, place, colour) {
  if (colour !== "correct") return tested[colour][place];
  return tested.truth[place] === tested.prediction[place] ? 0 : 1;
}

function cloudOptions(run, fold, state, alone) {
  const tested = unpacked(run);
  const shown = groups(run, state.colour);
  const points = shown.map(() => []);
  const faint = [];
  for (let place = tested.fold.indexOf(fold); tested.fold[place] === fold; place += 1) {
    const point = [tested.points[2 * place], tested.points[2 * place + 1], place];
    const left = state.cell && (tested.truth[place] !== state.cell[0] || tested.prediction[place] !== state.cell[1]);
    (left ? faint : points[groupOf(tested, place, state.colour)]).push(point);
  }
  const shares = run.folds[fold].explained.map((one, at) => `PC${at + 1}${one === null ? "" : ` (${percent(one)})`}`);
  const bare = (name) => axis(name, { type: "value", scale: true, nameGap: 8, axisLabel: { show: false } });
  return {
    grid: { left: 24, right: 8, top: 8, bottom: 24 },
    xAxis: bare(shares[0]),
    yAxis: bare(shares[1]),
    dataZoom: alone && matchMedia("(pointer: fine)").matches ? [{ type: "inside", xAxisIndex: 0, zoomOnMouseWheel: "ctrl" }, { type: "inside", yAxisIndex: 0, zoomOnMouseWheel: "ctrl" }] : [],
    tooltip: { ...look().tooltip, trigger: "item", formatter: (hit) => said(run, utterance(run, hit.value[2])) },
    series: [
      dots(faint, { name: "others", colour: tone("--line"), mark: "o" }, alone, { silent: true }),
      ...shown.map((group, at) => dots(points[at], group, alone)),
      ring(tested, fold, state.chosen),
    ],
  };
}

function dots(data, group, alone, more = {}) {
  return {
    type: "scatter",
    data,
    symbol: symbol(group.mark),
    symbolSize: alone ? 10 : 7,
    itemStyle: { color: group.colour, opacity: 0.85, borderColor: tone("--paper"), borderWidth: 0.5 },
    emphasis: { itemStyle: { opacity: 1, borderColor: tone("--ink"), borderWidth: 1.5 } },
    ...more,
  };
}

function ring(tested, fold, chosen) {
  const here = chosen !== null && tested.fold[chosen] === fold;
  return {
    id: "chosen",
    type: "scatter",
    silent: true,
    z: 9,
    data: here ? [[tested.points[2 * chosen], tested.points[2 * chosen + 1], chosen]] : [],
    symbol: "circle",
    symbolSize: 19,
    itemStyle: { color: "transparent", borderColor: tone("--ink"), borderWidth: 2.5 },
  };
}

function said(run, one) {
  const rows = run.labels.map((name, at) => [name, percent(one.scores[at])]);
  return tip(one.id, `speaker ${plain(one.speaker)}: ${plain(run.labels[one.truth])}, predicted as ${plain(run.labels[one.prediction])}`, pairs(rows));
}

function legend(run, state) {
  const words = { truth: "actual", prediction: "predicted", correct: "" }[state.colour];
  fill(
    document.getElementById("legend"),
    groups(run, state.colour).map((group) => element("li", {}, swatch(group.mark, group.colour), words ? `${words} ${plain(group.name)}` : group.name)),
  );
}

function confusions(state, choose) {
  const run = contents.runs[state.run];
  const counts = confusion(run, state.fold);
  const body = counts.map((row, truth) => {
    const total = row.reduce((sum, one) => sum + one, 0);
    return element("tr", {}, element("th", { scope: "row" }, run.labels[truth]), row.map((count, prediction) => cell(run, state, choose, { truth, prediction, count, total })), element("td", { class: "sum" }, String(total)));
  });
  const head = ["", ...run.labels, "all"].map((name) => element("th", { scope: "col" }, name));
  const words = `Confusion matrix, ${run.title}, ${state.fold < 0 ? "all test sets" : `test set ${run.folds[state.fold].name}`}`;
  fill(within("confusions"), element("table", { class: "matrix", "aria-label": words }, element("thead", {}, element("tr", {}, head)), element("tbody", {}, body)));
  document.getElementById("cell").replaceChildren();
}

function cell(run, state, choose, { truth, prediction, count, total }) {
  const share = total ? count / total : 0;
  const words = `${count} of ${total} ${plain(run.labels[truth])} predicted as ${plain(run.labels[prediction])}${total ? `, ${percent(share)}` : ""}`;
  const pressed = Boolean(state.cell && state.cell[0] === truth && state.cell[1] === prediction);
  const say = () => fill(document.getElementById("cell"), words);
  const button = element(
    "button",
    { type: "button", "data-key": `cell-${truth}-${prediction}`, "aria-label": words, "aria-pressed": String(pressed), title: words, onmouseenter: say, onfocus: say, onclick: () => choose({ cell: pressed ? null : [truth, prediction] }) },
    String(count),
    element("small", {}, total ? percent(share, 0) : "-"),
  );
  button.className = truth === prediction ? "hit" : "miss";
  button.style.setProperty("--share", share.toFixed(3));
  return element("td", {}, button);
}

function list(state, choose) {
  const run = contents.runs[state.run];
  const places = listed(state);
  const shown = places.slice(0, state.rows);
  const count = document.getElementById("count");
  fill(count, `${places.length} utterances, the most confident first${shown.length < places.length ? `; the first ${shown.length} are shown` : ""}.`);
  const head = ["utterance", "actual", "predicted", "confidence", "actual's score", "speaker", "test set"];
  fill(within("utterances"), places.length ? element("table", { class: "list" }, heading(head), element("tbody", {}, shown.map((place) => listRow(run, place, state, choose)))) : element("p", {}, "No utterance matches."));
  document.getElementById("more").hidden = shown.length === places.length;
  filterWords(run, state);
}

function listRow(run, place, state, choose) {
  const one = utterance(run, place);
  const verb = one.clip ? "▶ " : "";
  const button = element("button", { type: "button", "data-key": `place-${place}`, "aria-label": `${one.clip ? "Play" : "Show"} ${plain(one.id)}` }, verb, one.id);
  const wrong = one.truth !== one.prediction;
  const cells = [run.labels[one.truth], run.labels[one.prediction], percent(one.scores[one.prediction]), percent(one.scores[one.truth]), one.speaker, one.fold];
  return element(
    "tr",
    { "aria-selected": String(place === state.chosen), onclick: () => choose({ chosen: place, play: true }) },
    element("th", { scope: "row" }, button),
    cells.map((text, at) => element("td", { class: wrong && at === 1 ? "wrong" : false }, text)),
  );
}

function filterWords(run, state) {
  const clear = document.getElementById("clear");
  clear.hidden = !state.cell;
  if (state.cell) fill(clear, `× only ${plain(run.labels[state.cell[0]])} predicted as ${plain(run.labels[state.cell[1]])}`);
  document.getElementById("only").disabled = Boolean(state.cell);
}

function card(state, choose) {
  const target = document.getElementById("card");
  target.hidden = state.chosen === null;
  if (state.chosen === null) return player.pause();
  const run = contents.runs[state.run];
  const one = utterance(run, state.chosen);
  const right = one.truth === one.prediction;
  const verdict = right ? `${plain(run.labels[one.truth])}, predicted correctly` : `${plain(run.labels[one.truth])}, predicted as ${plain(run.labels[one.prediction])}`;
  fill(
    target,
    element("header", {}, element("h3", {}, one.id), element("div", {}, steps(state, choose))),
    element("p", {}, `Speaker ${plain(one.speaker)}, test set ${plain(one.fold)}: `, element("strong", { class: right ? false : "wrong" }, verdict)),
    one.clip ? player : element("p", { class: "note" }, "Its audio is not linked to this page."),
    bars(run, one),
  );
  if (one.clip && player.getAttribute("src") !== one.clip) player.setAttribute("src", one.clip);
  player.setAttribute("aria-label", `Audio of ${plain(one.id)}`);
  if (one.clip && state.play) player.play().catch(() => {}); // the browser may require another click
}

function steps(state, choose) {
  const places = listed(state);
  const at = places.indexOf(state.chosen);
  const step = (name, sign, to) =>
    element("button", { type: "button", "data-key": name, "aria-label": name, title: name, disabled: places[to] === undefined, onclick: () => choose({ chosen: places[to], play: true }) }, sign);
  const close = element("button", { type: "button", "aria-label": "close", title: "close (Escape)", onclick: () => choose({ chosen: null }) }, "×");
  return [step("previous utterance", "‹", at - 1), " ", step("next utterance", "›", at + 1), " ", close];
}

function bars(run, one) {
  const rows = run.labels.map((name, at) => {
    const bar = element("i", {});
    bar.style.width = `${100 * one.scores[at]}%`;
    bar.style.backgroundColor = tinted(run.colours[at]);
    return [element("span", { class: at === one.truth ? "true" : false }, name), bar, element("span", {}, percent(one.scores[at]))];
  });
  return element("div", { class: "bars", role: "group", "aria-label": "Scores of every emotion" }, rows.flat());
}
