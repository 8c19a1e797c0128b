"""How a perturbation is named, and how it is applied where audio is read."""

import dataclasses

import numpy as np
import pytest
import soundfile

from serbench import processes
from serbench.errors import BadParameter, PluginError, UnknownName
from serbench.features import audio, cache, extraction, perturbation
from serbench.features.audio import Reading
from serbench.features.store import Feature, Store

RNG = np.random.default_rng(0)
PLAIN = {
    "trim_db": 60.0,
    "version": "1",
    "rate": 16000,
    "resampler": "soxr HQ",
    "channels": "mean",
}
OWN = """
import numpy as np

class Echo:
    version = "3"

    def __init__(self, *, gain: float = 0.5):
        self.gain = gain

    def __call__(self, wave, random):
        return wave * np.float32(self.gain)

NOTHING = 3
"""


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("softer", "softer"),
        ("softer:factor=0.5", "softer"),
        ("softer:factor=0.250", "softer:factor=0.25"),
    ],
)
def test_a_perturbation_has_one_spelling(text, spec):
    assert Reading(perturbation=text).perturbation == spec
    assert perturbation.find(text).spec == perturbation.find(spec).spec == spec


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("softr", UnknownName, "no perturbation 'softr'; did you mean softer?"),
        ("softer:factr=1", UnknownName, "no parameter of softer 'factr'; did you mean factor?"),
        ("softer:factor=x", BadParameter, "factor of softer is 'x', but must be float"),
        ("softer:factor=2", BadParameter, "factor is 2.0, but must be between 0 and 1"),
        ("softer:0.5", BadParameter, "a parameter is written name=value, not '0.5'"),
        ("softer:", BadParameter, "a parameter is written name=value, not ''"),
        ("softr:factor=2", UnknownName, "no perturbation 'softr'; did you mean softer?"),
        ("no_such:Echo", UnknownName, "no_such:Echo: there is no module 'no_such'"),
        ("own.Echo", UnknownName, "a perturbation of your own is written module:Name"),
    ],
)
def test_what_cannot_be_meant_is_one_line(text, error, words):
    # UnknownName is the error of a parameter's name as well, since it lists the nearest
    with pytest.raises((error, BadParameter), match=words.replace("?", r"\?")):
        Reading(perturbation=text)


def test_a_perturbation_of_ones_own_has_an_import_path_and_parameters(here):
    (here / "own.py").write_text(OWN)
    reading = Reading(perturbation="own:Echo:gain=0.25")
    assert reading.perturbation == "own:Echo:gain=0.25"
    assert Reading(perturbation="own:Echo:gain=0.5").perturbation == "own:Echo"
    version = reading.identity()["perturbation_version"]
    assert str(version).startswith("3, ")  # and a digest of the file
    (here / "own.py").write_text(OWN + "\n# changed\n")
    assert Reading.of(reading.identity()).identity()["perturbation_version"] != version
    with pytest.raises(PluginError, match="own:NOTHING is a int, not a class"):
        Reading(perturbation="own:NOTHING")


def test_a_reading_without_a_perturbation_has_the_identity_that_it_always_had():
    assert list(Reading().identity().items()) == list(PLAIN.items())
    perturbed = Reading(perturbation="softer:factor=0.1").identity()
    added = {"perturbation": "softer:factor=0.1", "perturbation_version": "1"}
    assert perturbed == {**PLAIN, **added}


@pytest.mark.parametrize("trim_db", [60.0, None])
@pytest.mark.parametrize("named", ["", "softer"])
def test_a_reading_is_made_again_from_its_identity(trim_db, named):
    reading = Reading(trim_db, perturbation=named)
    assert Reading.of(reading.identity()) == reading


def samples(length=8000):
    return (RNG.standard_normal((length, 1)) * 3000).astype(np.int16)


def test_a_wave_is_perturbed_before_silence_is_trimmed():
    padded = np.concatenate([np.zeros((16000, 1), np.int16), samples()])
    assert len(audio.wave(padded, 16000, Reading())) < 10_000
    silenced = audio.wave(padded, 16000, Reading(perturbation="softer:factor=1e-6"))
    assert len(silenced) == len(padded)  # nothing is loud enough to be kept, so nothing is cut


def test_an_utterance_is_always_perturbed_alike_and_others_differently():
    one, other = samples(), samples()

    def factor(chosen):
        plain, perturbed = (
            audio.wave(chosen, 16000, Reading(perturbation=name)) for name in ("", "softer")
        )
        return float(np.linalg.norm(perturbed) / np.linalg.norm(plain))

    assert factor(one) == factor(one.copy())
    assert abs(factor(one) - factor(other)) > 1e-4


def test_a_perturbation_that_breaks_its_contract_is_named():
    words = "perturbation deafening made an array of type float32 .* not a finite float32 wave"
    with pytest.raises(PluginError, match=words):
        audio.wave(samples(), 16000, Reading(perturbation="deafening"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    for index in range(6):
        soundfile.write(folder / f"{index}.wav", samples(), 16000, subtype="PCM_16")
    return sorted(map(str, folder.iterdir()))


def extracted(files, places, feature, at_once):
    """The arrays of a feature, in the order of the files."""
    common = {"feature": dataclasses.asdict(feature), "cache": str(places), "threads": 1}
    items = [
        {**common, "files": [(path, True) for path in files[start::at_once]]}
        for start in range(at_once)
    ]
    rows = []

    def receive(_, message):
        rows.extend(message["digests"])

    for outcome in processes.fresh(extraction.extract, items, receive, at_once=at_once, threads=1):
        assert not outcome.error, outcome.error
    digests = {row[0]: row[2] for row in rows}
    return list(Store(feature.folder(places)).read([digests[path] for path in files]))


def test_perturbed_features_are_stored_apart_and_do_not_depend_on_processes(files, tmp_path):
    plain = Feature("waveform", "1", {}, Reading().identity())
    softer = Feature("waveform", "1", {}, Reading(perturbation="softer").identity())
    places = tmp_path / "cache"
    one = extracted(files, places, softer, 1)
    two = extracted(files[::-1], tmp_path / "other", softer, 2)[::-1]
    unperturbed = extracted(files, places, plain, 2)
    assert plain.folder(places) != softer.folder(places)
    for first, second, before in zip(one, two, unperturbed, strict=True):
        assert first.tobytes() == second.tobytes()
        assert 0.44 < np.abs(first).max() / np.abs(before).max() < 0.51
    cells = [part.cells() for part in cache.parts(places) if part.kind == "features"]
    assert [(row["parameters"], row["version"]) for row in cells] == [
        ("", "1"),
        ("perturbation=softer", "1"),
    ]
