// The selection, and the sections that depend on it.

const state = { run: 0, fold: -1, colour: "truth", cell: null, only: "mistakes", query: "", rows: PAGE, chosen: null, play: false };

const VIEWS = [
  { needs: [], show: scores },
  { needs: [], show: emotions },
  { needs: ["run", "fold", "colour", "cell"], show: output },
  { needs: ["run", "fold", "cell"], show: confusions },
  { needs: ["run", "fold", "cell", "only", "query", "rows", "chosen"], show: list },
  { needs: ["run", "fold", "cell", "only", "query", "chosen"], show: card },
  { needs: ["run"], show: learning },
  { needs: ["run"], show: calibration },
  { needs: ["run"], show: speakers },
  { needs: [], show: extraSets },
  { needs: ["run"], show: leaks },
  { needs: [], show: cost },
  { needs: ["run"], show: again },
];

/** Changes the selection, resets what depends on it, and shows the affected sections. */
function choose(change) {
  if ("run" in change) Object.assign(change, { chosen: null, cell: null, fold: -1, rows: PAGE });
  if ("fold" in change || "cell" in change || "only" in change || "query" in change) change = { rows: PAGE, chosen: null, ...change };
  const changed = Object.keys(change).filter((key) => state[key] !== change[key]);
  Object.assign(state, { play: false }, change);
  const focused = document.activeElement?.dataset.key;
  if (changed.includes("run")) controls();
  document.getElementById("fold").value = String(state.fold);
  for (const view of VIEWS) if (view.needs.some((need) => changed.includes(need))) view.show(state, choose);
  if (changed.includes("chosen")) ringed();
  // the focused element may have been replaced
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** Moves the ring to the selected point without redrawing the charts. */
function ringed() {
  for (const place of within("map").querySelectorAll(".chart")) {
    drawn.get(place).chart?.setOption({ series: [ring(unpacked(contents.runs[state.run]), Number(place.dataset.fold), state.chosen)] });
  }
}

function controls() {
  const run = contents.runs[state.run];
  const option = (run) => element("option", { value: contents.runs.indexOf(run) }, run.title);
  const grouped = (section) => element("optgroup", { label: plain(section.title) }, runsOf(section).map(option));
  const chooser = document.getElementById("run");
  fill(chooser, contents.sections.length > 1 ? contents.sections.map(grouped) : contents.runs.map(option));
  chooser.value = String(state.run);
  const folds = document.getElementById("fold");
  fill(folds, element("option", { value: -1 }, "all together"), run.folds.map((fold, at) => element("option", { value: at }, `${plain(fold.name)} (${fold.sets.test} utterances)`)));
  folds.value = String(state.fold);
  const remarks = document.getElementById("remarks");
  const section = contents.sections[run.section];
  const remark = section.scores.rows[runsOf(section).indexOf(run)].at(-1);
  remarks.hidden = remark === "-";
  fill(remarks, `Do not compare as it stands: ${remark}`);
}

function texts() {
  const count = contents.runs.length;
  fill(document.getElementById("about"), `${count} ${count === 1 ? "run" : "runs"}. Everything here is computed from stored predictions; the page loads nothing.`);
  const playable = Object.keys(contents.clips.rest).length;
  const heard = playable ? `▶ plays an utterance. The audio belongs to its owners; share it only as they allow: ${contents.licence}` : "No audio is linked: serbench report --audio DIR links it.";
  fill(document.getElementById("audio"), heard);
  fill(document.getElementById("made"), `serbench ${contents.serbench}. The paper: ${contents.paper}. Charts: Apache ECharts 6.1.0, Apache License 2.0.`);
}

function listen() {
  const on = (id, event, hear) => document.getElementById(id).addEventListener(event, hear);
  on("run", "change", (event) => choose({ run: Number(event.target.value) }));
  on("fold", "change", (event) => choose({ fold: Number(event.target.value) }));
  on("colour", "change", (event) => choose({ colour: event.target.value }));
  on("only", "change", (event) => choose({ only: event.target.value }));
  on("query", "input", (event) => choose({ query: event.target.value }));
  on("clear", "click", () => choose({ cell: null }));
  on("more", "click", () => choose({ rows: state.rows + 4 * PAGE }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { redraw(); legend(contents.runs[state.run], state); });
  addEventListener("keydown", (event) => event.key === "Escape" && choose({ chosen: null }));
  addEventListener("beforeprint", () => drawn.forEach((_, place) => draw(place)));
  document.querySelector("nav").addEventListener("click", (event) => {
    const section = document.getElementById((event.target.hash || "").slice(1));
    if (section) section.open = true;
  });
}

/** Marks the visible section in the navigation. */
function follow() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter(({ isIntersecting }) => isIntersecting)) {
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-20% 0px -75% 0px" },
  );
  document.querySelectorAll(".section").forEach((section) => watch.observe(section));
}

texts();
controls();
listen();
for (const view of VIEWS) view.show(state, choose);
follow();
document.documentElement.dataset.ready = "yes";
