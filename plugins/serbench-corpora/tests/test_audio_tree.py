"""What is found below a folder, whatever people have done to it."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from serbench.contracts import About
from serbench.errors import CorpusError
from serbench_corpora import audio_tree

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 72862\n"


def identify(stem: str) -> str | None:
    return stem.upper() if re.fullmatch(r"[a-z]\d", stem, re.IGNORECASE) else None


def written(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"RIFF" + bytes(2000))
    return root


def test_audio_is_found_in_any_folder_and_any_case(tmp_path: Path) -> None:
    written(tmp_path, "a1.wav", "B2.WAV", "deep/down/c3.FLAC", "deep/c4.mp3", "readme.txt")

    assert audio_tree.audio("ours", tmp_path, identify) == {
        "A1": tmp_path / "a1.wav",
        "B2": tmp_path / "B2.WAV",
        "C3": tmp_path / "deep/down/c3.FLAC",
    }


def test_what_macos_leaves_behind_is_not_audio(tmp_path: Path) -> None:
    written(tmp_path, "a1.wav", "._a2.wav", "__MACOSX/a3.wav", ".trash/a4.wav")

    assert list(audio_tree.audio("ours", tmp_path, identify)) == ["A1"]


def test_names_that_are_none_of_the_corpus_are_left_alone(tmp_path: Path) -> None:
    written(tmp_path, "a1.wav", "interview.wav")

    assert list(audio_tree.audio("ours", tmp_path, identify)) == ["A1"]


def test_folders_that_link_in_a_circle_are_visited_once(tmp_path: Path) -> None:
    written(tmp_path, "inner/a1.wav")
    (tmp_path / "inner/again").symlink_to(tmp_path)

    assert list(audio_tree.audio("ours", tmp_path, identify)) == ["A1"]


def test_folders_to_pass_by_are_not_entered(tmp_path: Path) -> None:
    written(tmp_path, "Video/a1.wav", "a2.wav")

    assert list(audio_tree.audio("ours", tmp_path, identify, ["video"])) == ["A2"]


def test_an_utterance_that_is_there_twice_is_refused_with_both_paths(tmp_path: Path) -> None:
    written(tmp_path, "wav/a1.wav", "flac/A1.flac")

    with pytest.raises(CorpusError, match=r"A1 has two files.*wav/a1\.wav.*flac/A1\.flac.*keep"):
        audio_tree.audio("ours", tmp_path, identify)


def test_git_lfs_pointers_are_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    written(tmp_path, "a1.wav")
    (tmp_path / "a2.wav").write_text(POINTER)
    (tmp_path / "a3.wav").write_text(POINTER)

    with pytest.raises(
        CorpusError, match=r"2 of the files.*Git LFS pointers.*a2.wav.*git lfs pull"
    ):
        audio_tree.audio("ours", tmp_path, identify)


def test_a_very_short_utterance_is_not_a_pointer(tmp_path: Path) -> None:
    (tmp_path / "a1.wav").write_bytes(b"RIFF" + bytes(96))

    assert list(audio_tree.audio("ours", tmp_path, identify)) == ["A1"]


def test_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a1.wav").touch()

    with pytest.raises(CorpusError, match=r"1 of the files.*empty.*a1\.wav.*copy them again"):
        audio_tree.audio("ours", tmp_path, identify)


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "a1.wav").symlink_to(tmp_path / "annex/a1.wav")

    with pytest.raises(CorpusError, match=r"cannot read .*a1\.wav: No such file.*if it is a link"):
        audio_tree.audio("ours", tmp_path, identify)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)

    with pytest.raises(CorpusError, match=r"cannot read .*locked: Permission denied"):
        audio_tree.audio("ours", tmp_path, identify)


def test_a_missing_corpus_is_one_line_with_all_that_helps(tmp_path: Path) -> None:
    about = About("Our Corpus", "CC0", "3 MB", "https://example.org", "ask for it", "")

    message = str(audio_tree.missing("ours", tmp_path / "ours", about, "a1.wav"))

    assert "\n" not in message
    for word in ("Our Corpus", "CC0", "3 MB", "https://example.org", "ask for it"):
        assert word in message
    assert f"there is no folder {tmp_path}/ours." in message
    assert "--data DIR" in message
    assert "SERBENCH_DATA to the folder that holds ours/" in message
    assert f"no file like a1.wav under {tmp_path}." in str(
        audio_tree.missing("ours", tmp_path, about, "a1.wav")
    )


def test_differences_name_sessions_speakers_and_labels() -> None:
    expected = Counter({("1", "1F", "sad"): 3, ("1", "1M", "sad"): 2, ("2", "2F", "happy"): 5})
    found = Counter({("1", "1F", "sad"): 3, ("1", "1M", "sad"): 1, ("2", "2F", "happy"): 6})

    assert audio_tree.differences(expected, found) == (
        "session 1 has 4 of 5, 2 has 6 of 5; speaker 1M has 1 of 2, 2F has 6 of 5; "
        "label happy has 6 of 5, sad has 4 of 5"
    )
    assert audio_tree.differences(expected, expected) == ""


def test_two_errors_that_cancel_out_are_still_seen() -> None:
    expected = Counter({("", speaker, label): 1 for speaker in "ab" for label in ("happy", "sad")})
    found = Counter({("", "a", "sad"): 2, ("", "b", "happy"): 2})

    assert audio_tree.differences(expected, found) == (
        "speaker and label a happy has 0 of 1, a sad has 2 of 1, b happy has 2 of 1 and 1 more"
    )
