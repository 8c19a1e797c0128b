"""Register the perturbations of test audio."""

from collections.abc import Iterable

from serbench import Entry, hookimpl

LIBROSA = (("librosa",), "'serbench-perturbations[pitch]'")
PYROOMACOUSTICS = (("pyroomacoustics",), "'serbench-perturbations[room]'")


@hookimpl
def serbench_perturbations() -> Iterable[Entry]:
    """Register all perturbations."""
    package = "serbench_perturbations"
    return [
        Entry("noise", f"{package}.noise:Noise", "white, pink or babble noise at an SNR in dB"),
        Entry("gain", f"{package}.level:Gain", "louder or quieter, in dB"),
        Entry("clipping", f"{package}.level:Clipping", "the loudest samples cut off"),
        Entry("padding", f"{package}.level:Padding", "digital silence before and after"),
        Entry("telephone", f"{package}.channel:Telephone", "300 to 3400 Hz, sampled at 8 kHz"),
        Entry("codec", f"{package}.channel:Codec", "coded and decoded: MP3, Opus, GSM, and others"),
        Entry(
            "reverberation",
            f"{package}.room:Reverberation",
            "a room with a reverberation time, by the image-source method",
            *PYROOMACOUSTICS,
        ),
        Entry("speed", f"{package}.tempo:Speed", "resampled: tempo and pitch change together"),
        Entry("tempo", f"{package}.tempo:Tempo", "faster or slower at the same pitch", *LIBROSA),
        Entry("pitch", f"{package}.tempo:Pitch", "higher or lower at the same tempo", *LIBROSA),
    ]
