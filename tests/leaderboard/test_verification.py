"""Submissions that were tampered with or are broken: each is rejected, and it is said why."""

import json
import os
import shutil
import struct

import numpy as np
import pytest
import safetensors.numpy
from typer.testing import CliRunner

import serbench
from serbench import __version__
from serbench.cli.app import app
from serbench.errors import SerbenchError
from serbench.leaderboard.submissions import submission
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.leaderboard.submissions.submission import confusion
from serbench.leaderboard.verification import reference
from serbench.leaderboard.verification import verdict as verifying
from serbench.leaderboard.verification.verdict import verify
from serbench.metrics.classification import METRICS
from serbench.results import fold_file
from serbench.results.config import Config
from serbench.results.run import read

WORDS = Statements("Ada", contact="ada@example.org", description="nearest mean", seen="no")
FIRST, SECOND, THIRD = (f"fold-0{number}.safetensors" for number in (1, 2, 3))


# ---- valid ones ----


@pytest.fixture(scope="module")
def made(home):
    """Valid submissions by name, of an imperfect model."""
    found = {
        "plain": _submitted(home),
        "seed": _submitted(home, seed=1),
        "leaky": _submitted(home, protocol="random:n=3"),
        "nested": _submitted(home, protocol="nested"),
        "merged": _submitted(home, labels="two"),
        "normalised": _submitted(home, normalise="speaker:n=3"),
    }
    shutil.copytree(next((home / "cache" / "corpora").iterdir()), home / "data" / "hushed")
    found["withheld"] = _submitted(home, "hushed")
    return found


def _submitted(home, dataset="tones", **what):
    run = serbench.evaluate("centroid", dataset, jobs=0, **what)
    for number, path in enumerate(sorted(run.folder.glob("*.safetensors"))):
        _edit(path, lambda said, arrays, seed=number: _err(said, arrays, seed))
    return submit(read(run.folder), home / "submissions", WORDS)


def _err(said, arrays, seed):
    """Make a third of the answers random."""
    for part in ("test", "validation"):
        if f"{part}.activations" in arrays:
            rng = np.random.default_rng(seed)
            scores = arrays[f"{part}.activations"]
            wrong = rng.random(len(scores)) < 1 / 3
            scores[wrong] = rng.permuted(scores[wrong], axis=1)
    if "validation.ids" in arrays:
        matrix = confusion(fold_file.scored("validation", arrays), len(said["labels"]))
        said["validation"] = {name: float(one.compute(matrix)) for name, one in METRICS.items()}


@pytest.fixture
def copied(made, tmp_path):
    """A copy of a valid submission, by its name, to tamper with."""

    def copy(name):
        folder = tmp_path / "submissions" / made[name].parent.name / made[name].name
        shutil.copytree(made[name], folder)
        return folder

    return copy


@pytest.mark.parametrize(
    "name", ["plain", "seed", "leaky", "nested", "merged", "normalised", "withheld"]
)
def test_what_submit_makes_is_recomputed(made, name):
    assert verify(made[name]) == verifying.Verdict("recomputed")


def test_without_the_corpus_withheld_truth_is_not_recomputed(made, places):
    verdict = verify(made["withheld"])  # `places` has no hushed
    assert verdict.status == "not recomputed"
    assert verdict.reasons[0].startswith("the corpus is not on this machine: no tones in ")


def test_a_corpus_that_nobody_here_knows_is_not_recomputed(copied):
    folder = elsewhere(copied("plain"))
    verdict = verify(folder)
    assert verdict.status == "not recomputed"
    assert "the corpus nowhere is not installed here" in verdict.reasons[0]


# ---- which folders are submissions ----


def a_stray_card(folder):
    (folder / "card.json").write_text("{}")


def a_stray_fold(folder):
    (folder / FIRST).touch()


def a_stray_folder(folder):
    (folder / "card.json").mkdir()


def a_dangling_link(folder):
    (folder / "card.json").symlink_to("/nowhere")


STRAY = [a_stray_card, a_stray_fold, a_stray_folder, a_dangling_link]


@pytest.mark.parametrize("up", [0, 1], ids=["beside runs", "beside corpora"])
@pytest.mark.parametrize("stray", STRAY)
def test_what_lies_beside_submissions_hides_none_and_is_named(copied, stray, up):
    folder = copied("plain")
    stray(folder.parents[up])
    found = {path: known or verify(path) for path, known in verifying.find(folder.parents[1])}
    assert found.pop(folder) == verifying.Verdict("recomputed")
    ((path, verdict),) = found.items()
    assert path.parent == folder.parents[up]
    assert verdict.status == "rejected"
    if up == 0:
        found = dict(verifying.find(folder.parent))
        assert found.keys() == {folder, path}


def test_a_submission_is_found_by_itself_and_beside_corpora(copied):
    folder = copied("plain")
    assert verifying.find(folder) == [(folder, None)]
    (folder / "reproductions").mkdir()
    a_stray_card(folder / "reproductions")
    assert verifying.find(folder) == [(folder, None)]
    assert verifying.find(folder.parent) == [(folder, None)]
    (folder.parent / "README.md").touch()
    assert verifying.find(folder.parent) == [(folder, None)]


def test_a_link_beside_submissions_is_not_followed(copied, tmp_path):
    folder = copied("plain")
    (folder.parent / "README.md").symlink_to(folder)
    found = dict(verifying.find(folder.parent))
    assert found[folder] is None
    assert "'README.md' is not a submission" in found[folder.parent / "README.md"].reasons[0]


def test_a_path_that_is_too_long_is_a_line(copied):
    path = copied("plain").parent / ("x" * 300)
    assert "cannot be read (File name too long)" in verify(path).reasons[0]
    done = CliRunner().invoke(app, ["leaderboard", "verify", str(path)])
    assert done.exit_code == 1
    assert done.exception is None or isinstance(done.exception, (SystemExit, SerbenchError))


def test_whatever_goes_wrong_with_a_submission_is_a_rejection():
    assert verifying.guarded(lambda: 1 // 0, list) == ["it cannot be checked: ZeroDivisionError"]


# ---- how to tamper ----


def _edit(path, change):
    """Change the facts and arrays of a fold file."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    facts = json.loads(header["__metadata__"]["serbench"])
    arrays = {name: array.copy() for name, array in safetensors.numpy.load(data).items()}
    change(facts, arrays)
    metadata = {"serbench": json.dumps(facts)}
    path.write_bytes(safetensors.numpy.save(arrays, metadata=metadata))


def _sign(folder):
    """Put the digests of the files as they are now on the card, as a forger would."""
    digests = {path.name: serbench.files.file_digest(path) for path in folder.glob("fold-*")}

    def change(card):
        for fold in card["folds"]:
            fold["sha256"] = digests.get(fold["file"], fold["sha256"])

    _claim(folder, change)


def _claim(folder, change):
    path = folder / "card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def _carded(folder):
    """Let `submit` count everything again and make the card anew."""
    (folder / "card.json").unlink(missing_ok=True)
    return submit(read(folder), folder.parent.parent, WORDS)


def _renamed(folder, carded=True):
    """Give the folder the name that its configuration asks for."""
    with safetensors.safe_open(folder / FIRST, "np") as file:
        config = json.loads(file.metadata()["serbench"])["config"]
    target = folder.parent.parent / config["dataset"] / Config(**config).name
    target.parent.mkdir(exist_ok=True)
    folder = folder.rename(target)
    return _carded(folder) if carded else folder


def facts(change, *names):
    """Change the facts of the files, of all where none is named; the card gets their digests."""
    return forged(lambda said, arrays: change(said), *names)


def forged(change, *names):
    def tamper(folder):
        for path in sorted(folder.glob("fold-*")):
            if path.name in (names or (path.name,)):
                _edit(path, change)
        _sign(folder)

    return tamper


def claimed(change):
    return lambda folder: _claim(folder, change)


def configured(**changes):
    """Another configuration, in a folder of its name."""

    def tamper(folder):
        facts(lambda said: _configure(said, changes))(folder)
        return _renamed(folder)

    return tamper


def _configure(said, changes):
    said["config"].update(changes)
    said["protocol"]["name"] = said["config"]["protocol"]


def elsewhere(folder):
    """A submission of a corpus that is not installed."""
    facts(lambda said: said["config"].update(dataset="nowhere"))(folder)
    folder = _renamed(folder, carded=False)
    _claim(folder, lambda card: card.update(run=folder.name, dataset="nowhere"))
    return folder


def put(key, value):
    """Set a nested key: "model.name"; or ("test.truth",) where a name has a dot."""
    *way, last = key.split(".") if isinstance(key, str) else key

    def change(words):
        for step in way:
            words = words[int(step) if isinstance(words, list) else step]
        words[int(last) if isinstance(words, list) else last] = value

    return change


def written(name, data):
    """Put these bytes into a file."""

    def tamper(folder):
        (folder / name).write_bytes(data)

    return tamper


def header(change):
    """Change the first fold file's header, with everything behind it as it was."""

    def tamper(folder):
        data = (folder / FIRST).read_bytes()
        length = int.from_bytes(data[:8], "little")
        words = json.loads(data[8 : 8 + length])
        change(words)
        text = json.dumps(words).encode()
        (folder / FIRST).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
        _sign(folder)

    return tamper


# ---- semantic ones ----


def _text(lines):
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def _ids(arrays, part="test"):
    return list(fold_file.lines(arrays[f"{part}.ids"]))


def speakers_swapped(said, arrays):
    arrays["test.speakers"] = _text(fold_file.lines(arrays["test.speakers"])[::-1])


def truths_rolled(said, arrays):
    arrays["test.truth"] = np.roll(arrays["test.truth"], 1)


def truths_as_predicted(said, arrays):
    arrays["test.truth"] = arrays["test.activations"].argmax(axis=1).astype(np.uint8)


def predicted_as_true(said, arrays):
    arrays["test.activations"] = np.eye(3, dtype=np.float32)[arrays["test.truth"]] * 9


def twice(said, arrays):
    ids = _ids(arrays)
    arrays["test.ids"] = _text([ids[0], *ids[:1], *ids[2:]])


def of_another_fold(said, arrays):
    ids = _ids(arrays)
    other = "s2" if ids[0].startswith("s1") else "s1"
    arrays["test.ids"] = _text([other + ids[0][2:], *ids[1:]])


def hardest_left_out(said, arrays):
    right = arrays["test.activations"].argmax(axis=1) == arrays["test.truth"]
    arrays["test.ids"] = _text([one for one, kept in zip(_ids(arrays), right, strict=True) if kept])
    for name in ("test.speaker", "test.truth", "test.activations"):
        arrays[name] = arrays[name][right]


def labels_reordered(said, arrays):
    said["labels"] = said["labels"][::-1]
    arrays["test.activations"] = np.ascontiguousarray(arrays["test.activations"][:, ::-1])
    arrays["test.truth"] = (2 - arrays["test.truth"]).astype(np.uint8)


def declared_clean(said):
    said["protocol"]["leaks"] = ""
    certificate_cleaned(said)


def certificate_cleaned(said):
    said["certificate"]["clean"] = True
    for pair in said["certificate"]["speakers"].values():
        pair.update(count=0, examples=[])


def recarded(change, *names):
    """As a forger would who counts everything again afterwards."""

    def tamper(folder):
        forged(change, *names)(folder)
        return _carded(folder)

    return tamper


def a_fold_given_twice(folder):
    shutil.copy(folder / FIRST, folder / SECOND)
    facts(lambda said: said["fold"].update(index=1, name="2"), SECOND)(folder)
    return _carded(folder)


def a_fold_missing(folder):
    (folder / THIRD).unlink()
    facts(lambda said: said["protocol"].update(folds=2))(folder)
    return _carded(folder)


def a_fold_missing_as_said(folder):
    (folder / THIRD).unlink()
    _claim(folder, lambda card: card["folds"].pop())


def scores_copied(folder):
    first = fold_file.read(folder / FIRST).test.activations

    def change(said, arrays):
        arrays["test.activations"] = first

    return recarded(change)(folder)


def other_protocol(folder):
    """Random folds under the name of folds of speakers."""
    facts(declared_clean)(folder)
    return configured(protocol="kfold:n=3")(folder)


def merged_labels(folder):
    return configured(labels="tones")(folder)


def seeds_mixed(folder):
    def change(said, arrays):
        said["config"]["seed"] = 1

    forged(change, SECOND)(folder)


def truth_where_licensed(folder):
    place = np.tile(np.arange(12) // 4, 2)

    def change(said, arrays):
        label = {"low": 0, "middle": 1, "high": 2}
        for part in ("test", "validation"):
            truth = [label[one.split("-")[1]] for one in _ids(arrays, part)]
            arrays[f"{part}.truth"] = np.array(truth, "u1")
        assert len(place) == len(arrays["test.truth"])

    forged(change)(folder)
    _claim(folder, put("truth", "included"))


def truth_left_out(folder):
    forged(lambda said, arrays: [arrays.pop(f"{one}.truth") for one in ("test", "validation")])(
        folder
    )
    _claim(folder, put("truth", "withheld"))


def random_weights_called_pretrained(folder):
    def change(said):
        said["config"]["params"]["weights"] = "random"
        said["model"]["pretrained"] = True

    facts(change)(folder)
    return _renamed(folder)


def checkpoint_other_than_configured(folder):
    def change(said):
        said["config"]["params"]["checkpoint"] = "org/large"
        said["model"]["checkpoint"] = "org/small"

    facts(change)(folder)
    return _renamed(folder)


def not_pretrained_called_pretrained(folder):
    facts(lambda said: said["model"].update(pretrained=False))(folder)
    _claim(folder, put("model.pretrained", True))


def moved(folder):
    return folder.rename(folder.parent / folder.name.replace("seed0", "seed7"))


def of_another_corpus(folder):
    (folder.parent.parent / "ravdess").mkdir()
    return folder.rename(folder.parent.parent / "ravdess" / folder.name)


def inventory_rounded_up(card):
    card["scores"]["f1"]["mean"] = round(card["scores"]["f1"]["mean"] + 0.005, 2)


def confusion_edited(card):
    row = card["folds"][0]["confusion"][0]
    wrong = 1 if row[1] else 2
    row[0], row[wrong] = row[0] + row[wrong], 0


def speakers_swapped_on_card(card):
    speakers = card["speakers"]
    speakers["s1"], speakers["s2"] = speakers["s2"], speakers["s1"]


def hides_what_it_sees(said, arrays):
    said["sees"] = ""


def needs_little_material(said, arrays):
    said["material"] = {**said["material"], "test": 1}


SEMANTIC = [
    (
        "sees nothing",
        "normalised",
        recarded(hides_what_it_sees),
        "says that it sees '' of its test set, not 'unlabelled utterances of the tested speaker'",
    ),
    (
        "little material",
        "normalised",
        recarded(needs_little_material),
        "says that its material is {'train': 12, 'validation': 3, 'test': 1}, not "
        "{'train': 12, 'validation': 3, 'test': 3}",
    ),
    (
        "no normalisation",
        "normalised",
        configured(normalise="none"),
        "says that it sees 'unlabelled utterances of the tested speaker' of its test set, not ''",
    ),
    ("speakers swapped", "plain", recarded(speakers_swapped), "with another speaker's name"),
    ("truths permuted", "plain", recarded(truths_rolled), ") with another label"),
    ("truths as predicted", "plain", recarded(truths_as_predicted), "with another label"),
    ("the truth as scores", "plain", recarded(predicted_as_true), "these are the true labels"),
    ("a fold given twice", "plain", a_fold_given_twice, "from outside this fold"),
    ("a fold missing", "plain", a_fold_missing, "fold 3 of the protocol is missing"),
    ("a fold missing as said", "plain", a_fold_missing_as_said, "protocol is missing"),
    ("an utterance twice", "plain", forged(twice, FIRST), ") more than once"),
    ("of another fold", "plain", forged(of_another_fold, FIRST), "1 utterance ("),
    ("the hardest left out", "plain", recarded(hardest_left_out), " set lacks "),
    ("labels reordered", "plain", recarded(labels_reordered), "low, middle, high, in this order"),
    ("rounded upwards", "plain", claimed(inventory_rounded_up), "the card's f1 (mean) is"),
    (
        "one fold's score",
        "plain",
        claimed(lambda card: card["scores"]["uar"]["folds"].__setitem__(1, 0.99)),
        "the card's uar (fold 2) is 0.99, but it comes to",
    ),
    ("pooled", "plain", claimed(put("scores.accuracy.pooled", 1.0)), "accuracy (pooled) is 1"),
    ("an interval", "plain", claimed(put("scores.f1.low", 0.99)), "the card's f1 (low) is 0.99"),
    ("undefined", "plain", claimed(put("scores.f1.mean", None)), "f1 (mean) is nan"),
    ("a score fewer", "plain", claimed(lambda card: card["scores"].pop("f1")), "have the scores"),
    ("a fold's score fewer", "plain", claimed(put("scores.f1.folds", [0.5])), "number of folds"),
    ("confusion edited", "plain", claimed(confusion_edited), "the card's counts of fold 1"),
    ("speakers of the card", "plain", claimed(speakers_swapped_on_card), "counts of speaker s1"),
    ("a speaker fewer", "plain", claimed(lambda c: c["speakers"].pop("s1")), "lacks the test sp"),
    (
        "a speaker more",
        "plain",
        claimed(lambda card: card["speakers"].update(s0=card["speakers"]["s1"])),
        "the card's speakers are not the test speakers",
    ),
    ("other protocol's folds", "leaky", other_protocol, "are not those of the protocol kfold:n=3"),
    ("a leak declared clean", "leaky", facts(declared_clean), "its protocol l"),
    ("a certificate cleaned", "leaky", facts(certificate_cleaned), "share 6 speakers"),
    (
        "a verdict cleaned",
        "leaky",
        facts(put("certificate.clean", True)),
        "verdict is not what its counts say",
    ),
    ("merged labels", "merged", merged_labels, "its labels are low, high; those of the label set"),
    ("scores copied", "plain", scores_copied, "folds 1 and 2 have the same scores on different"),
    (
        "fewer validation scores",
        "plain",
        facts(lambda said: [said["validation"].pop(name) for name in ("uar", "accuracy")]),
        "of its validation set",
    ),
    ("seeds mixed", "plain", seeds_mixed, f"{SECOND} is of another run than {FIRST}: config"),
    ("another corpus", "plain", facts(put("pins.corpus", "0" * 64)), "made from another corpus"),
    ("another data", "plain", facts(put("pins.corpus", "0" * 64), SECOND), "the corpus differs"),
    ("other folds", "plain", facts(put("pins.protocol", "0" * 64)), "its folds are not those of"),
    ("another name", "plain", moved, "the folder must be called"),
    ("another run's card", "plain", claimed(put("run", "tones_x")), "card is of the run tones_x"),
    ("another dataset", "plain", claimed(put("dataset", "toy")), "card's dataset is toy, that of"),
    ("another corpus's folder", "plain", of_another_corpus, "it belongs in the folder tones"),
    ("two protocols", "plain", facts(put("protocol.name", "loso")), "names two protocols: loso"),
    ("no such protocol", "plain", configured(protocol="best"), "there is no protocol 'best'"),
    ("a default", "leaky", configured(protocol="random:seed=0,n=3"), "is called random:n=3,seed=0"),
    ("a file", "plain", configured(protocol="file:path=/etc/passwd"), "is a file that only"),
    (
        "a table",
        "plain",
        configured(protocol="/etc/x.csv"),
        "is a file that only the submitter has",
    ),
    ("no such labels", "plain", configured(labels="all"), "there is no label set of tones 'all'"),
    (
        "a parameter",
        "plain",
        facts(put("config.dataset", "tones:x=1")),
        "there is no parameter of tones 'x'",
    ),
    ("validation F1", "nested", facts(put("validation.f1", 1.0)), "says f1 1.0 of its validation"),
    ("fold named otherwise", "plain", claimed(put("folds.0.name", "x")), "the file calls it"),
    (
        "fold renamed",
        "plain",
        recarded(lambda s, a: s["fold"].update(name="x" + s["fold"]["name"])),
        "the fold's name is 'x1', but '1' in the protocol",
    ),
    ("a larger fold", "plain", facts(put("fold.utterances.train", 99)), "the fold's utterances is"),
    ("a group", "plain", recarded(lambda s, a: s["fold"].update(group="g")), "the fold's group is"),
    ("an index", "plain", facts(put("fold.index", 7), THIRD), "says that it is fold 8"),
    ("number of folds", "plain", facts(put("protocol.folds", 9)), "says that the protocol has 9"),
    ("the checkpoint", "plain", claimed(put("model.checkpoint", "org/x")), "model's checkpoint is"),
    ("another checkpoint", "plain", checkpoint_other_than_configured, "its parameters 'org/large'"),
    ("random weights", "plain", random_weights_called_pretrained, "its parameters weights='rand"),
    ("not pretrained", "plain", not_pretrained_called_pretrained, "model's pretrained is True"),
    (
        "one fold pretrained",
        "plain",
        facts(put("model.pretrained", True), SECOND),
        "disagree on the model",
    ),
    ("parameters", "plain", claimed(put("model.parameters", 5)), "model's parameters is 5"),
    ("the model", "plain", claimed(put("model.name", "whisper")), "model's name is 'whisper'"),
    ("the version", "plain", claimed(put("serbench", "0.0.9")), "card says serbench '0.0.9'"),
    (
        "no day",
        "plain",
        claimed(put("submitted", "2026-13-45")),
        "the card has an invalid date '2026-13-45'",
    ),
    ("no time", "plain", facts(put("finished", "yesterday")), "has an invalid date 'yesterday'"),
    ("truth left out", "plain", truth_left_out, "the labels of tones are public"),
    ("truth licensed", "withheld", truth_where_licensed, "forbids sharing its labels"),
    ("no probabilities", "plain", facts(put("link", "identity")), "activations must be probab"),
]


def parameter(name, value):
    """Another configuration, in a folder of its name."""

    def tamper(folder):
        facts(put(f"config.params.{name}", value))(folder)
        return _renamed(folder)

    return tamper


def one_label(said, arrays):
    said["labels"] = ["low"]
    arrays["test.activations"] = arrays["test.activations"][:, :1].copy()
    arrays["test.truth"][:] = 0


SEMANTIC += [
    ("a parameter more", "plain", parameter("padding", 1), "no parameter of centroid 'padding'"),
    ("a value as text", "plain", parameter("nap", "0.0"), "nap of centroid is '0.0', but must be"),
    ("spelt otherwise", "plain", parameter("weights", " Random"), "parameters weights='random'"),
    (
        "a parameter more, other features",
        "plain",
        lambda f: facts(put("config.feature_version", "0"))(f) or parameter("padding", 1)(f),
        "no parameter of centroid 'padding'",
    ),
    ("a number's spelling", "plain", parameter("scale", 100), "is 100, but must be 100.0"),
    ("other features", "plain", configured(feature="mel"), "learns from crossings, not from mel"),
    (
        "a feature's parameter",
        "plain",
        configured(feature_params={"x": 1}),
        "no parameter of crossings 'x'",
    ),
    (
        "how it reads",
        "plain",
        facts(put("config.reading.x", 1)),
        "are not what `serbench evaluate` writes",
    ),
    ("a colon", "plain", facts(put("config.dataset", "tones:")), "config.dataset is 'tones:'"),
    (
        "a look-alike",
        "plain",
        facts(put("config.dataset", "t\u043enes")),
        "which is not written as it must be",
    ),
    ("one label", "plain", forged(one_label), "there is only one label"),
]

# ---- broken and hostile ones ----


def deleted(name):
    return lambda folder: (folder / name).unlink()


def truncated(folder):
    data = (folder / FIRST).read_bytes()
    (folder / FIRST).write_bytes(data[:-7])
    _sign(folder)


def huge(folder):
    with (folder / FIRST).open("wb") as file:
        file.truncate(10 * 2**30)


def linked(folder):
    (folder / FIRST).unlink()
    (folder / FIRST).symlink_to("/etc/passwd")


def card_linked(folder):
    (folder / "card.json").rename(folder.parent / "elsewhere.json")
    (folder / "card.json").symlink_to(folder.parent / "elsewhere.json")


def folder_linked(folder):
    target = folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(target)


def pipe(folder):
    (folder / FIRST).unlink()
    os.mkfifo(folder / FIRST)


def card_pipe(folder):
    (folder / "card.json").unlink()
    os.mkfifo(folder / "card.json")


def a_folder(folder):
    (folder / FIRST).unlink()
    (folder / FIRST).mkdir()


def models_too(folder):
    (folder / "models").mkdir()


def many(folder):
    for number in range(submission.MOST_FILES):
        (folder / f"fold-{number + 100}.safetensors").touch()


def records_linked(folder):
    (folder / "reproductions").symlink_to("/etc")


def a_record(data):
    def tamper(folder):
        (folder / "reproductions").mkdir()
        (folder / "reproductions" / "a.json").write_bytes(data)

    return tamper


def not_finite(said, arrays):
    arrays["test.activations"][3, 1] = np.nan


def unknown_array(said, arrays):
    arrays["weights"] = np.zeros(3, np.float32)


def doubles(said, arrays):
    arrays["test.activations"] = arrays["test.activations"].astype(np.float64)


def wide(said, arrays):
    arrays["test.activations"] = np.repeat(arrays["test.activations"], 2, axis=1)


def short(said, arrays):
    arrays["test.truth"] = arrays["test.truth"][:-1]


def no_such_label(said, arrays):
    arrays["test.truth"][0] = 3


def no_such_speaker(said, arrays):
    arrays["test.speaker"][0] = 300


def bad_names(said, arrays):
    arrays["test.ids"] = np.full_like(arrays["test.ids"], 255)


def escaping_names(said, arrays):
    arrays["test.speakers"] = _text(["\x1b]0;mine\x07", "s4"])


def long_names(said, arrays):
    arrays["test.speakers"] = _text(["s" * 300, "s4"])


DEEP = b'{"schema": ' + b"[" * 5000 + b"]" * 5000 + b"}"
MANY = b"{" + b",".join(b'"%d":0' % key for key in range(90_000)) + b',"5":0}'
BROKEN = [
    ("no card", deleted("card.json"), "it has no card.json: `serbench leaderboard submit` makes"),
    ("no JSON", written("card.json", b"{'schema': 1}"), "card.json is not JSON"),
    ("a list", written("card.json", b"[1]"), "card.json has the schema 'None'"),
    ("nothing", written("card.json", b""), "card.json is not JSON"),
    ("not UTF-8", written("card.json", b'{"schema": "\xff"}'), "card.json is not text in UTF-8"),
    ("a key twice", written("card.json", b'{"schema": 1, "schema": 1}'), "'schema' is given twice"),
    ("many keys", written("card.json", MANY), "the key '5' is given twice"),
    ("NaN", written("card.json", b'{"schema": NaN}'), "NaN is not a number in JSON"),
    ("huge float", written("card.json", b'{"schema": 1e999}'), "too long or too large"),
    ("huge int", written("card.json", b'{"schema": 1' + b"0" * 9999 + b"}"), "has 10000 digits"),
    ("deep", written("card.json", DEEP), "is nested deeper than 12 levels"),
    ("deeper", written("card.json", b"[" * 10**6), "is nested deeper than 12 levels"),
    ("half", written("card.json", b'{"schema": "\\ud800"}'), "half a character"),
    ("a large card", written("card.json", b" " * 2**21), "card.json has 2097152 bytes: at most"),
    ("a future card", claimed(put("schema", 2)), "card.json has the schema '2', this serbench re"),
    ("schema true", claimed(put("schema", True)), "card.json has the schema 'True'"),
    ("a future fold", facts(put("schema", 2), FIRST), f"{FIRST} has the schema '2'"),
    ("a key too many", claimed(put("price", 3)), "card.json has 'price', which nothing knows"),
    ("a key fewer", claimed(lambda card: card.pop("truth")), "card.json lacks truth"),
    (
        "a silent card",
        claimed(lambda card: card["model"].pop("seen_test_corpus")),
        "model lacks seen_test_corpus",
    ),
    ("no sizes", facts(put("fold.utterances", {"train": 1})), "lacks validation, test"),
    ("an empty name", claimed(put("submitter.name", " ")), "card.json: submitter.name is ' '"),
    ("a long name", claimed(put("submitter.name", "a" * 999)), "has 999 characters: at most 100"),
    ("turned about", claimed(put("submitter.name", "A\u202ebc")), "control character U+202E"),
    ("an escape", claimed(put("model.description", "\x1b[2J")), "control character U+001B"),
    ("a null", claimed(put("model.licence", "MIT\x00")), "control character U+0000"),
    ("seen", claimed(put("model.seen_test_corpus", "maybe")), "seen_test_corpus is 'maybe'"),
    (
        "a negative count",
        claimed(put("folds.0.confusion", [[-1]])),
        "must be a whole number from 0",
    ),
    ("a broken count", claimed(put("folds.0.confusion", [[1.5]])), "must be a whole number from 0"),
    ("no square", claimed(put("folds.0.confusion", [[1, 2]])), "must have 3 rows and columns"),
    ("a count too large", claimed(put("speakers.s1", [[10**12]])), "must be a whole number from 0"),
    (
        "a score as text",
        claimed(put("scores.f1.mean", "high")),
        "f1.mean must be a number, not 'high'",
    ),
    ("up", claimed(put("folds.0.file", "../../x")), "file is '../../x', which is not written as"),
    ("absolute", claimed(put("folds.0.file", "/etc/passwd")), "'/etc/passwd', which is not writt"),
    ("listed twice", claimed(lambda c: c["folds"].append(c["folds"][0])), "lists one file twice"),
    ("no folds", claimed(put("folds", [])), "is in the folder, but not on the card"),
    ("not listed", claimed(lambda card: card["folds"].pop()), f"{THIRD} is in the folder, but"),
    ("not there", deleted(SECOND), f"{SECOND} is on the card, but not in the folder"),
    ("altered", lambda f: _edit(f / FIRST, truths_rolled), "is not the file that the card lists"),
    ("truncated", truncated, "overlap, leave gaps, or end beyond the file"),
    ("10 GB", huge, "its files have 1073"),
    ("17 MB", written(FIRST, b" " * 17_000_000), "has 17000000 bytes: at most 16777216 are read"),
    ("empty", written(FIRST, b""), f"{FIRST} is not a safetensors file"),
    (
        "10 GB header",
        written(FIRST, struct.pack("<Q", 10**10) + b"{}"),
        "header would have 1000000",
    ),
    ("2 MB header", written(FIRST, struct.pack("<Q", 2**21) + b" " * 2**21), "header of 2097152"),
    (
        "header",
        written(FIRST, struct.pack("<Q", 4) + b"null"),
        f"header of {FIRST} is not a JSON object",
    ),
    ("zip", written(FIRST, b"PK\x03\x04" + b"0" * 99), "is a zip archive: archives and pickles"),
    ("pickle", written(FIRST, b"\x80\x04\x95" + b"0" * 99), "is a pickle: archives and pickles"),
    ("gzip card", written("card.json", b"\x1f\x8b\x08"), "card.json is a gzip archive"),
    ("no metadata", header(lambda h: h.pop("__metadata__")), "is not a result of serbench"),
    ("other metadata", header(put("__metadata__", {"a": "b"})), "is not a result of serbench"),
    ("facts no JSON", header(put("__metadata__", {"serbench": "{"})), f"facts of {FIRST} is not J"),
    ("facts a list", header(put("__metadata__", {"serbench": "[]"})), "has the schema 'None'"),
    (
        "beyond",
        header(put(("test.truth",), {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]})),
        "overlap, leave gaps",
    ),
    (
        "negative",
        header(put(("test.truth",), {"dtype": "U8", "shape": [9], "data_offsets": [-9, 0]})),
        "must be a whole number from 0",
    ),
    (
        "10 GB array",
        header(put(("test.truth",), {"dtype": "U8", "shape": [10**10], "data_offsets": [0, 1]})),
        "must be a whole number from 0",
    ),
    (
        "a shape",
        header(put(("test.truth",), {"dtype": "U8", "shape": [24, 0], "data_offsets": [0, 0]})),
        "must be U8 with 1 axes",
    ),
    (
        "empty array",
        header(put(("test.truth",), {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]})),
        "has offsets that do not fit its shape",
    ),
    ("unknown array", forged(unknown_array, FIRST), "has the array 'weights', which no fold file"),
    ("an array fewer", forged(lambda s, a: a.pop("test.ids"), FIRST), "lacks the array test.ids"),
    ("no truth", forged(lambda s, a: a.pop("test.truth"), FIRST), "no true labels, but the card"),
    ("doubles", forged(doubles, FIRST), "test.activations must be F32 with 2 axes"),
    ("wide", forged(wide, FIRST), "24 utterances and 3 labels make (24, 3)"),
    ("short", forged(short, FIRST), "has arrays of different lengths in its test set"),
    ("not finite", forged(not_finite, FIRST), "has activations that are not finite"),
    ("no such label", forged(no_such_label, FIRST), "a label in its test set that is not in its"),
    ("no such speaker", forged(no_such_speaker, FIRST), "has a speaker or a label"),
    ("bad names", forged(bad_names, FIRST), "has names that are not UTF-8"),
    ("escaping names", forged(escaping_names, FIRST), "control character U+001B"),
    ("long names", forged(long_names, FIRST), "has a name of 300 characters"),
    ("a fact fewer", facts(lambda said: said.pop("alone"), FIRST), f"{FIRST} lacks alone"),
    ("a fact of a kind", facts(put("alone", []), FIRST), f"{FIRST}: alone must be an object"),
    ("no labels", facts(put("labels", [])), "labels must be there, each once"),
    ("labels twice", facts(put("labels", ["a", "a", "b"])), "labels must be there, each once"),
    (
        "a bad curve",
        facts(put("curve", {"epoch": [1], "loss": [1, 2]})),
        "has an invalid learning curve",
    ),
    ("no curve", facts(put("curve", {"epoch": 5})), "has an invalid learning curve"),
    ("negative folds before", facts(put("folds_before", -1)), "folds_before must be a whole numb"),
    ("folds before as text", facts(put("folds_before", "")), "folds_before must be a whole numb"),
    ("no pin of the audio", facts(lambda said: said["pins"].pop("audio")), "pins lacks audio"),
    ("words in a curve", facts(put("curve", [{"loss": "low"}])), "loss must be a number"),
    ("no such link", facts(put("link", "cosine")), "or 'sigmoid', not 'cosine'"),
    ("a bad certificate", facts(put("certificate.audio", {})), "leakage certificate is damaged"),
    ("more in config", facts(put("config.x", 1)), "config has 'x', which nothing knows"),
    ("a link", linked, f"{FIRST}' is a link: send the file itself"),
    ("a card's link", card_linked, "card.json' is a link: send the file itself"),
    ("a folder's link", folder_linked, "is not a folder (links to folders are refused)"),
    ("a pipe", pipe, f"{FIRST} is not a regular file"),
    ("a card's pipe", card_pipe, "card.json is not a regular file"),
    ("a folder", a_folder, f"{FIRST} is not a regular file"),
    ("models", models_too, "'models' does not belong in a submission: remove it"),
    ("many", many, "contains more than 500 files"),
    (
        "an archive",
        written("fold-09.npz", b"PK\x03\x04"),
        "'fold-09.npz' does not belong in a subm",
    ),
    ("a program", written("setup.py", b"1/0"), "'setup.py' does not belong in a submission"),
    ("an odd name", written("fold\n\x1b[31m.safetensors", b""), "does not belong in a submission"),
    ("a name turned about", written("card\u202enosj.", b""), "does not belong in a submission"),
    ("a name in bytes", written(os.fsdecode(b"fold-\xff"), b""), "does not belong in a submission"),
    ("hidden", written(".card.json", b"{}"), "'.card.json' does not belong in a submission"),
    ("endless", facts(put("seconds.fit", 1e308)), "seconds.fit must be a number from 0 to 1e+09"),
    ("less than no time", facts(put("seconds.fit", -1)), "seconds.fit must be a number from 0"),
    ("memory", facts(put("peak_memory_mb", -1)), "peak_memory_mb must be a number from 0"),
    ("unseen", claimed(put("submitter.name", "A\u200bda")), "control character U+200B"),
    ("a filler", claimed(put("submitter.name", "A\u3164da")), "the invisible character U+3164"),
    ("a joiner", claimed(put("model.licence", "M\u034fIT")), "the invisible character U+034F"),
    ("a selector", claimed(put("submitter.name", "Ada\ufe0f")), "the invisible character U+FE0F"),
    ("a tag", claimed(put("submitter.name", "A\U000e0041")), "control character U+E0041"),
    ("a large note", written("note.md", b"a" * 99_999), "note.md has 99999 bytes: at most 16384"),
    ("a broken note", written("note.md", b"\xff\xfe"), "note.md is not text in UTF-8"),
    ("an escaping note", written("note.md", b"see \x1b[2J"), "control character U+001B"),
    ("records linked", records_linked, "reproductions' is a link"),
    ("a broken record", a_record(b"{"), "reproductions/a.json is not JSON"),
    ("another record", a_record(b'{"schema": 1}'), "reproductions/a.json lacks run"),
]


def _rejected(folder, words):
    verdict = verify(folder)
    assert verdict.status == "rejected"
    assert words in "\n".join(verdict.reasons)
    assert all(one.isprintable() for one in verdict.reasons)


@pytest.mark.parametrize(
    ("base", "tamper", "words"),
    [pytest.param(*case[1:], id=case[0]) for case in SEMANTIC],
)
@pytest.mark.usefixtures("made")
def test_a_submission_that_says_what_is_not_so_is_rejected(copied, base, tamper, words):
    folder = copied(base)
    _rejected(tamper(folder) or folder, words)


@pytest.mark.parametrize(
    ("tamper", "words"), [pytest.param(*case[1:], id=case[0]) for case in BROKEN]
)
def test_a_broken_or_hostile_submission_is_rejected(copied, tamper, words):
    folder = copied("plain")
    tamper(folder)
    _rejected(folder, words)


def test_of_very_many_reasons_the_first_are_told(copied):
    folder = copied("plain")
    for number in range(25):
        (folder / f"{number:02}.txt").touch()
    assert verify(folder).reasons[19:] == (
        "'19.txt' does not belong in a submission: remove it",
        "and 5 more reasons",
    )


def test_no_more_utterances_are_counted_than_memory_holds(copied, monkeypatch):
    monkeypatch.setattr(submission, "MOST_TESTED", 71)
    _rejected(copied("plain"), "its test sets have 72 utterances: at most 71")


def test_without_the_corpus_stored_truth_is_counted(copied):
    folder = elsewhere(copied("nested"))
    assert verify(folder).status == "not recomputed"
    facts(put("validation.f1", 1.0))(folder)
    _rejected(folder, "says f1 1.0 of its validation")


# ---- a protocol, without the corpus ----


def _declared(folder, dataset, protocol, folds=3):
    """The submission under another dataset's and protocol's name, and what is said of it."""

    def change(said):
        declared_clean(said)
        said["config"].update(dataset=dataset, protocol=protocol)
        said["protocol"].update(name=protocol, folds=folds)

    facts(change)(folder)
    folder = _renamed(folder, carded=False)
    _claim(folder, lambda card: card.update(run=folder.name, dataset=dataset))
    return folder


@pytest.mark.parametrize("dataset", ["hushed", "nowhere"])
@pytest.mark.parametrize(
    "protocol", ["random:n=3,seed=0", "speaker-dependent:base=kfold:n=3,parts=2"]
)
@pytest.mark.usefixtures("places")
def test_a_leak_declared_clean_is_rejected_without_the_corpus(copied, dataset, protocol):
    _rejected(_declared(copied("leaky"), dataset, protocol), "its protocol leaks (")


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("kfold:n=3", "but kfold tests every speaker once"),
        ("loso", "speakers, but loso tests one in each fold"),
    ],
)
def test_a_split_of_utterances_is_no_split_of_speakers(copied, protocol, words):
    _rejected(_declared(copied("leaky"), "nowhere", protocol), words)


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("kfold:n=4", "its files say 3 folds, but the protocol kfold:n=4 has 4"),
        ("kfold: n=3", "its protocol is called kfold:n=3 here, not kfold: n=3"),
        ("file:path=x", "its protocol is a file that only the submitter has"),
        ("speaker-dependent:base=file:path=/dev/zero,parts=2", "its protocol is a file that only"),
        ("speaker-dependent:base=/dev/zero.csv,parts=2", "its protocol is a file that only"),
    ],
)
def test_a_protocol_is_what_its_name_says_of_an_unknown_corpus_too(copied, protocol, words):
    _rejected(_declared(copied("plain"), "nowhere", protocol), words)


MADE = "speaker-dependent:base=paper,parts=2"


@pytest.mark.parametrize("name", ["random:n=6,seed=0", "serab", "paper-marker", MADE])
def test_what_leaks_on_iemocap_is_known_without_it(places, name):
    pytest.importorskip("serbench_corpora")
    leaks, folds = reference.declared("iemocap", name, places)
    assert leaks
    assert folds == {"serab": 1, "paper-marker": 10, MADE: 20}.get(name, 6)


def test_a_protocol_made_from_one_of_an_unknown_corpus_is_unknown(places):
    with pytest.raises(reference.NotAtHand, match="the corpus nowhere is not installed here"):
        reference.declared("nowhere", MADE, places)


@pytest.mark.parametrize("part", ["nowhere", "csv:theirs"])
def test_a_joint_corpus_lacks_what_one_of_its_corpora_lacks(places, part):
    with pytest.raises(reference.NotAtHand, match=part.partition(":")[2] or part):
        reference.find(f"joint:{part}+tones", "shared", "leave-one-corpus-out", places)


@pytest.mark.parametrize("spelt", ["toy:seed=0", "toy: seed=1", "nowhere:b=1,a=2"])
def test_a_corpus_has_one_name(places, spelt):
    with pytest.raises(SerbenchError, match="its dataset is called .* here, not"):
        reference.find(spelt, "toy", "loso", places)


# ---- withheld truth, without the corpus ----


def columns_moved(card):
    for row in card["folds"][0]["confusion"]:
        row[0], row[2] = row[2], row[0]


def speakers_columns_moved(card):
    for row in card["speakers"]["s1"]:
        row[0], row[2] = row[2], row[0]


def a_row_moved(card):
    """What was wrong is called right: the columns stay as they are."""
    rows = card["folds"][0]["confusion"]
    rows[0], rows[1] = rows[1], rows[0]


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (claimed(columns_moved), "the card's counts of fold 1 are not those of its predictions"),
        (claimed(speakers_columns_moved), "counts of speaker s1 are not those of the predictions"),
        (claimed(a_row_moved), "counts of folds and of speakers have different sums"),
        (claimed(lambda card: card["speakers"].pop("s1")), "the card lacks the test speaker s1"),
        (claimed(put("scores.f1.mean", 0.99)), "the card's f1 (mean) is 0.99, but it comes to"),
        (truth_where_licensed, "forbids sharing its labels"),
        (facts(put("protocol.folds", 4)), "it has 3 folds, but its protocol has 4"),
        (facts(put("certificate.clean", False)), "verdict is not what its counts say"),
        (facts(put("certificate.audio.train|test.count", 1)), "verdict is not what its counts"),
        (facts(put("certificate.audio", [])), "certificate.audio must be an object"),
        (configured(model="other"), "the model's name is 'centroid', the fold files 'other'"),
    ],
)
@pytest.mark.usefixtures("places")
def test_counts_that_no_truth_vouches_for_still_fit_the_predictions(copied, tamper, words):
    folder = copied("withheld")
    before = json.loads((folder / "card.json").read_text())
    assert verify(folder).status == "not recomputed"
    if words.startswith("the model"):  # `submit` would need the truth
        facts(lambda said: said["config"].update(model="other"))(folder)
        folder = _renamed(folder, carded=False)
        _claim(folder, lambda card: card.update({**before, "run": folder.name}))
        _sign(folder)
    else:
        tamper(folder)
    _rejected(folder, words)


def test_with_the_corpus_counts_of_withheld_truth_are_checked(copied):
    folder = copied("withheld")
    _claim(folder, a_row_moved)
    _rejected(folder, "the card's counts of fold 1 are not those of its predictions")


# ---- what only deserves a look ----


def one_hot(said, arrays):
    best = arrays["test.activations"].argmax(axis=1)
    arrays["test.activations"] = np.eye(3, dtype=np.float32)[best]


def as_probabilities(said, arrays):
    scores = np.exp(arrays["test.activations"].astype(np.float64))
    arrays["test.activations"] = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


def all_right(said, arrays):
    truth = arrays["test.truth"]
    noise = np.random.default_rng(said["fold"]["index"]).random((len(truth), 3))
    arrays["test.activations"] = (np.eye(3)[truth] + 0.5 * noise).astype(np.float32)


def says_nothing(said, arrays):
    arrays["test.activations"][:] = [3, 2, 1]


@pytest.mark.parametrize(
    ("base", "tamper", "words"),
    [
        ("plain", recarded(one_hot), "all scores are one-hot"),
        ("plain", recarded(as_probabilities), "probabilities already, but softmax is applied"),
        ("plain", recarded(all_right), "every prediction is correct"),
        ("plain", recarded(says_nothing), "all folds have the same scores, number for number"),
        ("plain", claimed(put("model.seen_test_corpus", "yes")), "learned from the test corpus"),
        ("plain", claimed(put("submitted", "2999-01-01")), "it is from the future: 2999-01-01"),
        ("plain", facts(put("versions.numpy", "1.0"), SECOND), "its folds differ in versions"),
        ("plain", facts(put("sources", {}), SECOND), "its folds differ in sources"),
        (
            "plain",
            facts(put("certificate.audio_checked", False)),
            "not checked for shared recordings",
        ),
        ("plain", facts(put("model.fine_tuned_before", "a, b")), "before, to classify a, b"),
        ("leaky", facts(put("protocol.leaks", "a bit")), "leak in other words than this"),
    ],
)
def test_what_is_odd_is_remarked(copied, base, tamper, words):
    folder = copied(base)
    tamper(folder)
    verdict = verify(folder)
    assert verdict.status == "recomputed"
    assert words in "\n".join(verdict.flags)


def test_a_later_serbench_is_remarked(copied):
    folder = copied("plain")
    facts(put("versions.serbench", "99.1"))(folder)
    _claim(folder, put("serbench", "99.1"))
    assert verify(folder).flags == (
        f"it was made with serbench 99.1, a later version than {__version__} here",
    )


# ---- the command ----


NOT_CONFIRMED = "  submitter 'Ada' as the card says, not confirmed"


def _run(*arguments):
    return CliRunner().invoke(app, ["leaderboard", "verify", *map(str, arguments)])


def test_verify_prints_a_line_each_and_fails_if_one_is_rejected(copied):
    good, bad = copied("plain"), copied("leaky")
    facts(declared_clean)(bad)
    (good.parent / "notes.txt").write_text("mine")
    done = _run(good.parent.parent)
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert (
        lines[0] == f"REJECTED {good.parent}/notes.txt: 'notes.txt' is not a submission: remove it"
    )
    assert lines[1] == f"ok recomputed {good}"
    assert lines[2] == NOT_CONFIRMED
    assert lines[3].startswith(f"REJECTED {bad}: its protocol leaks")
    assert lines[4].startswith("  fold-01.safetensors: its certificate is wrong: ")
    assert _run(good).exit_code == 0
    assert _run(good.parent).exit_code == 1


def test_verify_speaks_json(copied):
    folder = copied("plain")
    _claim(folder, put("submitted", "2999-01-01"))
    done = _run("--json", folder)
    assert json.loads(done.output) == [
        {
            "submission": str(folder),
            "status": "recomputed",
            "reasons": [],
            "flags": ["it is from the future: 2999-01-01"],
            "submitter": NOT_CONFIRMED.strip(),
        }
    ]


def test_verify_looks_in_the_usual_places(copied, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = copied("plain")
    said = f"submissions/tones/{folder.name}\n{NOT_CONFIRMED}\n"
    assert _run().output == f"ok recomputed {said}"
    (tmp_path / "leaderboard").mkdir()
    (tmp_path / "submissions").rename(tmp_path / "leaderboard" / "submissions")
    assert _run().output == f"ok recomputed leaderboard/{said}"


def test_where_nothing_was_submitted_it_says_so(tmp_path):
    done = _run(tmp_path)
    assert str(done.exception).startswith(f"there is no submission in {tmp_path}: ")


def test_names_from_strangers_are_printed_without_control_characters(tmp_path):
    (tmp_path / "tones" / "\x1b[31mrun").mkdir(parents=True)
    done = _run(tmp_path)
    assert "\x1b" not in done.output
    assert "REJECTED" in done.output
