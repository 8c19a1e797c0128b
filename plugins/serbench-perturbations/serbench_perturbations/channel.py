"""What a wave loses on its way: a telephone's band, lossy codecs."""

import io
from typing import Any, Literal, NamedTuple

import numpy as np

from serbench import BadParameter, MissingRequirement, Wave
from serbench_perturbations.ranges import require

RATE = 16_000
NARROW = 8000  # sampling rate of telephones, in Hz
BAND = (300.0, 3400.0)  # Hz; ITU-T G.712
ORDER = 4


class Telephone:
    """Limit the band to 300-3400 Hz, as telephones do, and sample at 8 kHz.

    The band is that of ITU-T G.712, cut by a Butterworth filter of order 4 (-3 dB at both ends, 24
    dB per octave). The wave is resampled to 16 kHz again.

    Args:
        codec: what codes the speech: G.711 (mu-law, a-law), GSM 06.10 full rate (gsm), or none.
    """

    version = "1"

    def __init__(self, *, codec: Literal["none", "mu-law", "a-law", "gsm"] = "none"):
        self._codec = None if codec == "none" else Codec(format=codec)

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the narrowband wave, as long as before."""
        import soxr
        from scipy.signal import butter, sosfilt

        band = butter(ORDER, BAND, "bandpass", fs=NARROW, output="sos")
        narrow = sosfilt(band, soxr.resample(wave, RATE, NARROW)).astype(np.float32)
        if self._codec:
            narrow = self._codec.transcode(narrow)
        return fitted(soxr.resample(narrow, NARROW, RATE), len(wave))


class Format(NamedTuple):
    """How libsndfile writes a codec."""

    container: str
    subtype: str
    rate: int = RATE
    bitrates: tuple[int, ...] = ()  # in kbit/s, that can be chosen


MP3 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # MPEG-2 layer III at 16 kHz
MP3_DELAY = 576 + 529  # samples, of LAME and of the decoder
FORMATS = {
    "mp3": Format("MP3", "MPEG_LAYER_III", bitrates=MP3),
    "opus": Format("OGG", "OPUS", bitrates=tuple(range(6, 257))),
    "vorbis": Format("OGG", "VORBIS"),
    "gsm": Format("WAV", "GSM610", NARROW),
    "mu-law": Format("WAV", "ULAW", NARROW),
    "a-law": Format("WAV", "ALAW", NARROW),
    "g721": Format("AU", "G721_32", NARROW),
}


class Codec:
    """Code and decode the wave with libsndfile; samples beyond full scale are clipped.

    mp3, opus and vorbis code at 16 kHz. gsm (GSM 06.10 full rate, 13 kbit/s), mu-law, a-law (both
    G.711, 64 kbit/s) and g721 (32 kbit/s) code at 8 kHz, without the band of a telephone.

    Args:
        format: the codec.
        bitrate: kbit/s of mp3 (8, 16, 24, 32, 40, ..., 160, constant) and opus (6 to 256); null is
            32 for these. Other codecs have no choice.
        quality: quality of vorbis, from 0 to 1; null is 0.1. Other codecs have none.
    """

    version = "1"

    def __init__(
        self,
        *,
        format: Literal["mp3", "opus", "vorbis", "gsm", "mu-law", "a-law", "g721"] = "mp3",
        bitrate: int | None = None,
        quality: float | None = None,
    ):
        import soundfile

        self._format = chosen = FORMATS[format]
        self._level: float | None = None  # of compression, from 0 to 1
        if bitrate is not None and not chosen.bitrates:
            raise BadParameter(f"the bitrate of {format} cannot be set; that of mp3 and opus can")
        if quality is not None and format != "vorbis":
            raise BadParameter(f"the quality of {format} cannot be set; that of vorbis can")
        if chosen.bitrates:
            bitrate = 32 if bitrate is None else bitrate
            lowest, highest = chosen.bitrates[0], chosen.bitrates[-1]
            if bitrate not in chosen.bitrates:
                listed = f"from {lowest} to {highest}"
                if format == "mp3":
                    listed = f"one of {', '.join(map(str, MP3))}"
                raise BadParameter(f"bitrate of {format} is {bitrate}, but must be {listed}")
            # libsndfile refuses MP3 at a level of 1
            self._level = min((highest - bitrate) / (highest - lowest), 0.9999)
        if format == "vorbis":
            quality = 0.1 if quality is None else quality
            require("quality", quality, 0, 1)
            self._level = 1 - quality
        if chosen.subtype not in soundfile.available_subtypes(chosen.container):
            raise MissingRequirement(
                f"the installed libsndfile {soundfile.__libsndfile_version__} does not write "
                f"{format}: pip install --upgrade soundfile"
            )

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the decoded wave, as long as before."""
        if self._format.rate == RATE:
            return self.transcode(wave)
        import soxr

        narrow = self.transcode(soxr.resample(wave, RATE, self._format.rate))
        return fitted(soxr.resample(narrow, self._format.rate, RATE), len(wave))

    def transcode(self, wave: Wave) -> Wave:
        """Code and decode a wave of the codec's own sampling rate."""
        import soundfile

        container, subtype, rate, _ = self._format
        options: dict[str, Any] = {}
        if self._level is not None:
            options["compression_level"] = self._level
        if container == "MP3":
            options["bitrate_mode"] = "CONSTANT"
        with io.BytesIO() as file:
            soundfile.write(file, wave, rate, subtype, format=container, **options)
            file.seek(0)
            decoded, _ = soundfile.read(file, dtype="float32")
        if container == "MP3" and len(decoded) > len(wave):  # no room for a header with the delay
            decoded = decoded[MP3_DELAY:]
        return fitted(decoded, len(wave))


def fitted(wave: Wave, samples: int) -> Wave:
    """Cut a wave at its end, or add silence, so that it has this length."""
    return np.pad(wave[:samples], (0, max(0, samples - len(wave))))
