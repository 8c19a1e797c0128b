// Reads the page's data: JSON with numbers as base64. All other scripts use these functions.

const contents = JSON.parse(document.getElementById("contents").textContent);

function bytes(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

function numbers(text, Kind) {
  return new Kind(bytes(text).buffer);
}

const utterances = {
  ids: contents.utterances.ids,
  speakers: contents.utterances.speakers,
  speaker: numbers(contents.utterances.speaker, Uint32Array),
};

/** The utterances of a run, test set by test set; unpacked on first use. */
function unpacked(run) {
  if (run.tested) return run.tested;
  const folds = run.folds.map((fold) => ({
    at: numbers(fold.at, Uint32Array),
    truth: bytes(fold.truth),
    prediction: bytes(fold.prediction),
    scores: numbers(fold.scores, Uint16Array),
    points: numbers(fold.points, Int16Array),
  }));
  const joined = (what, Kind) => Kind.from(folds.flatMap((fold) => Array.from(fold[what])));
  run.tested = {
    fold: Uint16Array.from(folds.flatMap((fold, at) => Array(fold.at.length).fill(at))),
    at: joined("at", Uint32Array),
    truth: joined("truth", Uint8Array),
    prediction: joined("prediction", Uint8Array),
    scores: joined("scores", Uint16Array),
    points: joined("points", Int16Array),
    surest: numbers(run.surest, Uint32Array),
  };
  return run.tested;
}

/** A tested utterance with its names and scores, by its position in the run. */
function utterance(run, place) {
  const tested = unpacked(run);
  const at = tested.at[place];
  const width = run.labels.length;
  const scores = Array.from(tested.scores.subarray(place * width, (place + 1) * width));
  return {
    place,
    id: utterances.ids[at],
    speaker: utterances.speakers[utterances.speaker[at]],
    fold: run.folds[tested.fold[place]].name,
    truth: tested.truth[place],
    prediction: tested.prediction[place],
    scores: scores.map((one) => one / contents.score),
    clip: clip(at),
  };
}

function clip(at) {
  const rest = contents.clips.rest[at];
  return rest === undefined ? null : contents.clips.start + rest;
}

/** The confusion matrix (labels x labels) of a fold as rows of counts; fold -1 is all folds. */
function confusion(run, fold) {
  const tested = unpacked(run);
  const counts = run.labels.map(() => run.labels.map(() => 0));
  tested.truth.forEach((truth, place) => {
    if (fold < 0 || tested.fold[place] === fold) counts[truth][tested.prediction[place]] += 1;
  });
  return counts;
}
