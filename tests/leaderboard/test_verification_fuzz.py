"""Whatever bytes a submission consists of: verifying it ends soon, with a verdict."""

import copy
import datetime
import json
import shutil
import struct

import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import serbench
from serbench.files import file_digest
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.leaderboard.verification.verdict import Verdict, verify

FOLD = "fold-01.safetensors"
SOON = datetime.timedelta(seconds=10)  # the machine may be busy; each takes some 20 ms
FAST = settings(max_examples=20, deadline=SOON, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=2000, deadline=SOON, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def made(home):
    """A valid submission, and a folder of the same name to write what was made of it."""
    run = serbench.evaluate("centroid", "tones", jobs=0)
    folder = submit(run, home / "submissions", Statements("Ada"))
    return folder, home / "tampered" / "tones" / folder.name


# ---- what is done to it ----

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["change", "insert", "delete", "cut"]),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)
TEXTS = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "../x", "/etc/passwd", "\x1b[2J", "1"])
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([-1, 2**31, 2**63, 2**64, 10**24, 10**400, 0.0, -0.0, 1e308, True]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)
PUTS = st.lists(
    st.tuples(st.lists(st.integers(0, 2**16), min_size=1, max_size=8), VALUES),
    min_size=1,
    max_size=3,
)


def _edited(data, edits):
    for kind, at, new in edits:
        at %= len(data) + 1
        rest = {"change": at + len(new), "insert": at, "delete": at + 1, "cut": len(data)}[kind]
        data = data[:at] + (b"" if kind in ("delete", "cut") else new) + data[rest:]
    return data


def _put(words, way, value):
    """Set what a way of numbers leads to, in objects and lists, to another value."""
    place = words
    for left, step in reversed(list(enumerate(reversed(way)))):
        if not isinstance(place, dict | list) or not place:
            return
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = keys[step % len(keys)]
        if not left or not isinstance(place[key], dict | list):
            place[key] = value
            return
        place = place[key]


def _fresh(made):
    source, folder = made
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    return folder


def _signed(folder):
    """The card as a forger would mend it: with the digest of the fold file as it is now."""
    card = json.loads((folder / "card.json").read_text())
    card["folds"][0]["sha256"] = file_digest(folder / FOLD)
    (folder / "card.json").write_text(json.dumps(card))


def _judged(folder, before):
    verdict = verify(folder)
    assert isinstance(verdict, Verdict)
    assert all(one.isprintable() for one in (*verdict.reasons, *verdict.flags))
    assert (verdict.status == "rejected") == (bool(verdict.reasons) and verdict.status != before)
    return verdict


# ---- properties ----


def card_of_other_bytes(made, edits):
    folder = _fresh(made)
    path = folder / "card.json"
    path.write_bytes(_edited(path.read_bytes(), edits))
    _judged(folder, "not recomputed")


def card_of_other_values(made, puts):
    folder = _fresh(made)
    card = json.loads((folder / "card.json").read_text())
    for way, value in puts:
        _put(card, way, copy.deepcopy(value))
    (folder / "card.json").write_text(json.dumps(card))
    _judged(folder, "not recomputed")


def any_json_for_a_card(made, value):
    folder = _fresh(made)
    (folder / "card.json").write_text(json.dumps(value))
    assert _judged(folder, "").status == "rejected"


def fold_of_other_bytes(made, edits):
    folder = _fresh(made)
    path = folder / FOLD
    path.write_bytes(_edited(path.read_bytes(), edits))
    _signed(folder)
    _judged(folder, "not recomputed")


def fold_of_other_facts(made, puts):
    folder = _fresh(made)
    for path in folder.glob("fold-*"):  # all alike, so that they are of one run
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["serbench"])
        for way, value in puts:
            _put(facts, way, copy.deepcopy(value))
        metadata = {"serbench": json.dumps(facts)}
        path.write_bytes(safetensors.numpy.save(safetensors.numpy.load(data), metadata))
    card = json.loads((folder / "card.json").read_text())
    for fold in card["folds"]:
        fold["sha256"] = file_digest(folder / fold["file"])
    (folder / "card.json").write_text(json.dumps(card))
    _judged(folder, "not recomputed")


def fold_of_another_header(made, puts):
    folder = _fresh(made)
    data = (folder / FOLD).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for way, value in puts:
        _put(header, way, copy.deepcopy(value))
    text = json.dumps(header).encode()
    (folder / FOLD).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    _signed(folder)
    _judged(folder, "not recomputed")


PROPERTIES = [
    (card_of_other_bytes, {"edits": EDITS}),
    (card_of_other_values, {"puts": PUTS}),
    (any_json_for_a_card, {"value": VALUES}),
    (fold_of_other_bytes, {"edits": EDITS}),
    (fold_of_other_facts, {"puts": PUTS}),
    (fold_of_another_header, {"puts": PUTS}),
]


@pytest.mark.parametrize(("holds", "drawn"), PROPERTIES)
def test_verifying_ends_with_a_verdict(made, holds, drawn):
    FAST(given(**drawn)(lambda **what: holds(made, **what)))()


@pytest.mark.slow
@pytest.mark.parametrize(("holds", "drawn"), PROPERTIES)
def test_verifying_ends_with_a_verdict_very_often(made, holds, drawn):
    LONG(given(**drawn)(lambda **what: holds(made, **what)))()
