"""The checkpoints that have a name of their own here: where they are, how large, whose licence.

Plain data; importing it imports nothing. A revision is pinned where independent projects pin that
commit of that repository; None is whatever main is when a run is planned, which the run records.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A published checkpoint.

    Attributes:
        name: by which it is known here: "hubert-base".
        checkpoint: its name at the hub.
        revision: the commit that it is pinned to, or None.
        parameters: of its encoder, in millions.
        licence: as its model card states it; "unknown" where the card's metadata does not.
        megabytes: to download (10^6 bytes); whisper's come with their decoder.
        pickled: at that commit the weights are known to exist only as pytorch_model.bin, which is
            converted here.
    """

    name: str
    checkpoint: str
    revision: str | None
    parameters: float
    licence: str
    megabytes: int
    pickled: bool = False


PRESETS = (
    Preset(
        "wav2vec2-xlsr",
        "jonatasgrosman/wav2vec2-large-xlsr-53-english",
        "569a6236e92bd5f7652a0420bfe9bb94c5664080",
        parameters=315.4,
        licence="apache-2.0",
        megabytes=1262,
    ),
    Preset(
        "wav2vec2-base",
        "facebook/wav2vec2-base",
        "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8",
        parameters=94.4,
        licence="apache-2.0",
        megabytes=380,
        pickled=True,
    ),
    Preset(
        "hubert-base",
        "facebook/hubert-base-ls960",
        "dba3bb02fda4248b6e082697eee756de8fe8aa8a",
        parameters=94.4,
        licence="apache-2.0",
        megabytes=378,
        pickled=True,
    ),
    Preset(
        "hubert-large",
        "facebook/hubert-large-ll60k",
        "ff022d095678a2995f3c49bab18a96a9e553f782",
        parameters=315.4,
        licence="apache-2.0",
        megabytes=1262,
        pickled=True,
    ),
    Preset(
        "wavlm-base-plus",
        "microsoft/wavlm-base-plus",
        "4c66d4806a428f2e922ccfa1a962776e232d487b",
        parameters=94.4,
        licence="unknown",
        megabytes=378,
        pickled=True,
    ),
    Preset(
        "wavlm-large",
        "microsoft/wavlm-large",
        "c1423ed94bb01d80a3f5ce5bc39f6026a0f4828c",
        parameters=315.5,
        licence="unknown",
        megabytes=1262,
        pickled=True,
    ),
    Preset(
        "data2vec-audio-base",
        "facebook/data2vec-audio-base",
        None,
        parameters=93.2,
        licence="apache-2.0",
        megabytes=373,
    ),
    Preset(
        "whisper-tiny-en",
        "openai/whisper-tiny.en",
        "87c7102498dcde7456f24cfd30239ca606ed9063",
        parameters=8.2,
        licence="apache-2.0",
        megabytes=151,
    ),
    Preset(
        "whisper-base",
        "openai/whisper-base",
        "e37978b90ca9030d5170a5c07aadb050351a65bb",
        parameters=20.6,
        licence="apache-2.0",
        megabytes=290,
    ),
    Preset(
        "whisper-small",
        "openai/whisper-small",
        "973afd24965f72e36ca33b3055d56a652f456b4d",
        parameters=88.2,
        licence="apache-2.0",
        megabytes=967,
    ),
)


def of_checkpoint(checkpoint: str) -> Preset | None:
    """The preset of that name at the hub, if there is one."""
    return next((preset for preset in PRESETS if preset.checkpoint == checkpoint), None)
