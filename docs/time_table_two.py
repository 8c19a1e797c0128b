"""Time the paper's Table II: its models M1 and M2 in all 25 folds, on noise and random weights.

Usage: python docs/time_table_two.py --device cuda --jobs 2

The corpora are look-alikes of full size whose utterances last as long as the real ones once silence
is cut; M2 has the architecture of its checkpoint. So times are those of the real thing, where no
training stops early, and scores mean nothing. Needs 3 GB in the folder for temporary files. To try
it: --folds 1 --corpora ravdess --param width=0.1 --param epochs=1
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

import serbench
from serbench import datasets, tables
from serbench.bench import workload
from serbench.evaluation.plan import make_plan
from serbench.parameters import parse_all
from serbench.results.config import Request
from serbench.results.run import Run
from serbench.settings import settings
from serbench_corpora import fake_corpora

WRITERS = {
    "ravdess": fake_corpora.write_ravdess,
    "crema-d": fake_corpora.write_crema_d,
    "iemocap": fake_corpora.write_iemocap,
}
MODELS = ("alexnet-mel", "wav2vec2-xlsr")
FULLY: dict[str, dict[str, object]] = {
    "alexnet-mel": {"patience": 10**6}
}  # a training is not stopped early
# of jonatasgrosman/wav2vec2-large-xlsr-53-english what differs from transformers' defaults
XLSR = {
    "activation_dropout": 0.05,
    "conv_bias": True,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "feat_proj_dropout": 0.05,
    "final_dropout": 0.1,
    "hidden_dropout": 0.05,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "layerdrop": 0.05,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "vocab_size": 33,
}
HEAD = ("model", "corpus", "folds", "in all", "a fold, fitting", "a fold, predicting", "precision")


def main(wanted: argparse.Namespace) -> None:
    """Write the corpora, evaluate, and print what each took."""
    rows, total = [], 0.0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["SERBENCH_CACHE"] = str(folder / "cache")
        for corpus in wanted.corpora:
            _write(corpus, folder / "data" / corpus)
        for model in wanted.models:
            for corpus in wanted.corpora:
                started = time.perf_counter()
                run = _evaluated(model, corpus, folder, wanted)
                took = time.perf_counter() - started
                total += took
                rows.append(_row(model, corpus, run, took))
                print(tables.table(HEAD, rows), flush=True)
    print(f"in all {tables.duration(total)}, features included")


def _write(corpus: str, root: Path) -> None:
    """A look-alike whose tones are replaced by noise as long as the corpus's utterances."""
    WRITERS[corpus](root)
    known = workload.lengths_of(datasets.find(corpus, settings(), root))
    files = sorted(root.rglob("*.wav"))
    random = np.random.default_rng(0)
    seconds = random.permutation(workload.trimmed(known, len(files)))
    for file, each in zip(files, seconds, strict=True):
        noise = random.normal(0, 0.1, round(each * known.rate)).astype(np.float32)
        soundfile.write(file, noise, known.rate, subtype="PCM_16")


def _evaluated(model: str, corpus: str, folder: Path, wanted: argparse.Namespace) -> Run:
    params: dict[str, object] = dict(FULLY.get(model, {}))
    if model == "wav2vec2-xlsr":
        params |= _random(folder / "xlsr")
    params |= parse_all(wanted.param)
    request = Request(model, corpus, params=params, data=folder / "data" / corpus)
    names = [fold.name for fold in make_plan(request, settings()).folds]
    return serbench.evaluate(
        model,
        corpus,
        params=request.params,
        data=request.data,
        results=folder / "results",
        device=wanted.device,
        jobs=wanted.jobs,
        folds=names[: wanted.folds],
    )


def _random(folder: Path) -> dict[str, object]:
    """M2's architecture in a folder, and the parameters that make its weights random."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor

    Wav2Vec2Config(**XLSR).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return {"checkpoint": str(folder), "weights": "random"}


def _row(model: str, corpus: str, run: Run, took: float) -> tuple[str, ...]:
    spent = [fold.facts.seconds for fold in run.folds]
    learned, predicted = (np.mean([one[what] for one in spent]) for what in ("fit", "predict"))
    return (
        model,
        corpus,
        str(len(run.folds)),
        tables.duration(took),
        f"{learned:.1f} s",
        f"{predicted:.1f} s",
        str(run.facts.model.get("precision")),
    )


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--device", default="auto", help="auto, cpu or cuda")
    asked.add_argument("--jobs", type=int, default=1, help="folds at a time")
    asked.add_argument("--corpora", nargs="+", choices=WRITERS, default=list(WRITERS))
    asked.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    asked.add_argument("--folds", type=int, help="only so many of each protocol")
    asked.add_argument("--param", action="append", default=[], help="of all models: name=value")
    return asked.parse_args()


if __name__ == "__main__":
    main(_arguments())
