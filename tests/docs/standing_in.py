"""What stands in for what a page names but no test has: large corpora, slow models, weights.

The tables here are all that is changed between a page and what is run. Run as a program, it is the
`serbench` of a page's shell: it changes the words, and becomes the real one.
"""

import glob
import os
import re
import sys
from pathlib import Path

# a corpus that is large, or cannot be had: its names, labels and sexes, fewer speakers, tones
CORPORA = {name: f"small-{name}" for name in ("toy", "ravdess", "crema-d", "iemocap")}
# commands that need no audio, and so get the corpus itself
AS_THEY_ARE = ("protocol", "datasets", "download", "models", "features")
# a model that takes long: the same one, with these parameters and its folds in one process
LIGHT = {
    "functionals-linear": {"c": "0.01"},
    "functionals-svm": {"c": "1", "gamma": "0.001"},
    "alexnet-mel": {"epochs": "1", "width": "0.05"},
    "wave-cnn": {"epochs": "1"},
    "pepino": {"epochs": "1", "checkpoint": "{checkpoints}/whisper"},
    "qcnn": {"epochs": "1", "width": "0.25"},
    "cnn14": {"epochs": "1", "width": "0.05"},
    "mwa-ser": {"epochs": "1"},
    "audio-resnet-gru": {"epochs": "1", "width": "0.05"},
    "wav2vec2-xlsr": {"epochs": "1", "checkpoint": "{checkpoints}/wav2vec2"},
    "whisper-tiny-en": {"epochs": "1", "checkpoint": "{checkpoints}/whisper"},
    "whisper-base": {"epochs": "1", "checkpoint": "{checkpoints}/whisper"},
    "transformer": {"epochs": "1", "checkpoint": "{checkpoints}/wav2vec2"},
    "transformer-probe": {"checkpoint": "{checkpoints}/whisper"},
}
# what is added to a command: pictures take a minute a run, and nobody is there to be asked
ADDED = {
    ("report",): ["--picture", "none"],
    ("study", "report"): ["--picture", "none"],
    ("study", "run"): ["--jobs", "0"],
    ("leaderboard", "reproduce"): ["--yes"],
}
CHECKPOINTS = "SERBENCH_TEST_CHECKPOINTS"
# words in capitals that stand for the reader's own
PLACES = {"RUN": "{results}/*", "SUBMISSION": "leaderboard/submissions/*/*"}


def words(given: list[str]) -> list[str]:
    """What is run for the words after `serbench`."""
    if not given or given[0] in AS_THEY_ARE:
        return given
    if given[0] == "study" and given[2:3] and Path(given[2]).is_file():
        return [*given[:2], _study(Path(given[2])), *given[3:], *_added(given)]
    made = [_place(_renamed(word)) for word in given]
    if given[0] in ("evaluate", "bench") and "--model" in made[:-1]:
        made = _light(made)
    added = _added(given)
    return made if added[:1] and added[0] in made else [*made, *added]


def _added(given: list[str]) -> list[str]:
    return next((more for name, more in ADDED.items() if given[: len(name)] == [*name]), [])


def _study(path: Path) -> str:
    """A study of stand-ins and light models, in a folder of its own."""

    def light(names: re.Match[str]) -> str:
        text = names[0]
        for model, params in LIGHT.items():
            table = ", ".join(f"{name} = {value}" for name, value in params.items())
            text = text.replace(f'"{model}"', f'{{ name = "{model}", params = {{ {table} }} }}')
        return text

    small = path.with_name("small") / path.name
    small.parent.mkdir(exist_ok=True)
    small.write_text(re.sub(r"(?m)^model = \[.*\]$", light, source(path.read_text())))
    return str(small)


def source(text: str) -> str:
    """What is run for a block of Python: the corpora's names in its strings."""
    names = "|".join(CORPORA)
    return re.sub(rf"""(["'])({names})(["']|[_:])""", lambda m: m[1] + _renamed(m[0][1:]), text)


def _renamed(word: str) -> str:
    """A corpus's stand-in; a run of the corpus itself, where the page was given it, stays."""
    if "_" in word and any(one.name.startswith(word) for one in _results().glob("*_*")):
        return word
    names = "|".join(CORPORA)
    end = r"[_:/+\"']"
    start = r"^|/|joint:|\+"
    return re.sub(rf"({start})({names})(?=$|{end})", lambda m: m[1] + CORPORA[m[2]], word)


def _place(word: str) -> str:
    if word not in PLACES:
        return word
    found = sorted(glob.glob(PLACES[word].format(results=_results())))
    return found[0] if found else word


def _results() -> Path:
    return Path(os.environ.get("SERBENCH_RESULTS", "results"))


def _light(made: list[str]) -> list[str]:
    """With a slow model's light parameters in the place of its own."""
    light = LIGHT.get(made[made.index("--model") + 1])
    if light is None:
        return made
    places = {"checkpoints": os.environ.get(CHECKPOINTS, "")}
    kept, at = [], 0
    while at < len(made):
        option, value = made[at], made[at + 1] if at + 1 < len(made) else ""
        dropped = option == "--jobs" or (option == "--param" and value.partition("=")[0] in light)
        if not dropped:
            kept.append(option)
        at += 2 if dropped else 1
    for name, value in light.items():
        kept += ["--param", f"{name}={value.format(**places)}"]
    return [*kept, "--jobs", "0"] if made[0] == "evaluate" else kept


if __name__ == "__main__":
    program, *given = sys.argv[1:]
    os.execv(program, [program, *words(given)])
