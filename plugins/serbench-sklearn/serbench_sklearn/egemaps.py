"""The feature `egemaps`: the 88 functionals of eGeMAPSv02, computed by openSMILE.

openSMILE is free for private, research and educational use only, so it is an optional extra:
`pip install 'serbench-sklearn[egemaps]'`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import opensmile

Vector = npt.NDArray[np.float32]

RATE = 16_000  # Hz, the rate of every extractor's input
SHORTEST = 960  # samples: openSMILE's longest frame, 60 ms; shorter waves give no values
LOUDEST = 32767 / 32768  # openSMILE casts to 16 bits, where 1.0 would wrap round to -1.0


class Egemaps:
    """The extended Geneva minimalistic acoustic parameter set (Eyben et al. 2016), float32.

    An utterance shorter than openSMILE's longest frame, 60 ms, is padded with zeros.
    """

    version = "1"
    time_axis = None

    def __init__(self) -> None:
        self._smile = opensmile.Smile(
            feature_set=opensmile.FeatureSet.eGeMAPSv02,
            feature_level=opensmile.FeatureLevel.Functionals,
        )

    def __call__(self, waves: Sequence[Vector]) -> list[Vector]:
        """Compute one vector, shape (88,), for each wave."""
        vectors = []
        for wave in waves:
            padded = np.zeros(max(len(wave), SHORTEST), dtype=np.float32)
            padded[: len(wave)] = np.clip(wave, -1, LOUDEST)
            vectors.append(np.asarray(self._smile(padded, RATE), dtype=np.float32).ravel())
        return vectors

    @property
    def names(self) -> tuple[str, ...]:
        """The names that openSMILE gives the values, in order."""
        return tuple(self._smile.feature_names)
