import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from serbench_corpora import fake_corpora
from serbench_corpora.iemocap import Iemocap, marker


def digests(root: Path) -> dict[str, str]:
    return {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*.wav")
    }


def groups_of_equals(digests: dict[str, str]) -> list[list[str]]:
    by_digest: dict[str, list[str]] = {}
    for name, digest in digests.items():
        by_digest.setdefault(digest, []).append(name)
    return sorted(sorted(names) for names in by_digest.values() if len(names) > 1)


def test_ravdess_is_48_khz_with_five_stereo_files_and_one_pair(ravdess_tree: Path) -> None:
    infos = [soundfile.info(path) for path in ravdess_tree.rglob("*.wav")]

    assert Counter((i.samplerate, i.channels, i.subtype) for i in infos) == {
        (48000, 1, "PCM_16"): 1435,
        (48000, 2, "PCM_16"): 5,
    }
    assert all(0.04 < info.duration <= 0.1 for info in infos)
    pairs = groups_of_equals(digests(ravdess_tree))
    assert pairs == [["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]]


def test_the_channels_of_a_stereo_file_differ(ravdess_tree: Path) -> None:
    samples, _ = soundfile.read(ravdess_tree / "Actor_20" / "03-01-03-01-02-01-20.wav")

    assert abs(samples[:, 0] - samples[:, 1]).max() > 0.1


def test_crema_d_has_its_silent_recording_and_its_three_pairs(crema_d_tree: Path) -> None:
    silent, rate = soundfile.read(crema_d_tree / "AudioWAV" / "1076_MTI_SAD_XX.wav")

    assert rate == 16000
    assert len(silent) > 0
    assert not silent.any()
    assert groups_of_equals(digests(crema_d_tree)) == [
        ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX"],
        ["1013_WSI_DIS_XX", "1013_WSI_SAD_XX"],
        ["1017_IWW_ANG_XX", "1017_IWW_FEA_XX"],
    ]


def test_iemocap_has_distinct_audio(iemocap_tree: Path) -> None:
    assert groups_of_equals(digests(iemocap_tree)) == []


def test_iemocap_has_its_counts_by_part_and_wearer(iemocap_tree: Path) -> None:
    corpus = Iemocap().read(iemocap_tree)
    improvised = Counter("impro" in u.dialogue for u in corpus.utterances)
    wearers_only = Counter(marker(u) == u.speaker for u in corpus.utterances)

    assert improvised == {True: 2943, False: 2588}
    # for 2750 utterances the letter behind the session is not the speaker's
    assert wearers_only == {True: 2781, False: 2750}


def test_iemocap_mixes_in_emotions_that_are_not_read(iemocap_tree: Path) -> None:
    emotions: Counter[str] = Counter()
    for path in iemocap_tree.glob("*/Session*/dialog/EmoEvaluation/Ses*.txt"):
        emotions.update(re.findall(r"^\[.*\]\t\w+\t(\w+)\t\[", path.read_text(), re.MULTILINE))

    assert {"fru", "xxx", "sur", "fea", "oth", "dis"} <= set(emotions)
    assert emotions.total() > 6_600


def test_a_tone_follows_from_its_name_alone() -> None:
    assert (fake_corpora.tone("a", 16000) == fake_corpora.tone("a", 16000)).all()
    assert len(fake_corpora.tone("a", 48000)) == pytest.approx(
        3 * len(fake_corpora.tone("a", 16000)), 3
    )
    assert fake_corpora.wav([fake_corpora.tone("a", 16000)], 16000) != fake_corpora.wav(
        [fake_corpora.tone("b", 16000)], 16000
    )
