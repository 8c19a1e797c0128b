"""Reverberation: a room by the image-source method."""

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.signal import oaconvolve

from serbench import Wave
from serbench_perturbations.ranges import require

Floats = npt.NDArray[np.float64]

RATE = 16_000
ROOM = np.array([5.0, 4.0, 2.7])  # metres
WALL = 0.5  # least distance of talker and microphone from a wall, in metres
HEIGHTS = (1.2, 1.8)  # of both, in metres
PLACES = 8
SEED = 3382
FILTER = 40  # samples before the peak of the filter that places a sound between samples


class Reverberation:
    """Convolve the wave with an impulse response of a room.

    The room is 5 x 4 x 2.7 m. All walls absorb equally, as Sabine's formula requires for the
    reverberation time. Impulse responses are computed by the image-source method (Allen and
    Berkley 1979) of pyroomacoustics. The talker and the microphone are in one of eight pairs of
    places, drawn for each utterance. The direct sound keeps its level, and arrives after 2.5 ms,
    half the length of the filter that places it between samples; the wave grows by the decay.

    Args:
        rt60: seconds until the sound has decayed by 60 dB, from 0.15 to 1.
        distance: metres from the talker to the microphone, from 0.3 to 3.
    """

    version = "1"

    def __init__(self, *, rt60: float = 0.5, distance: float = 2.0):
        require("rt60", rt60, 0.15, 1)
        require("distance", distance, 0.3, 3)
        self._rt60, self._distance = rt60, distance

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the reverberant wave."""
        response = self.responses[random.integers(PLACES)]
        return np.asarray(oaconvolve(wave, response), dtype=np.float32)

    @cached_property
    def responses(self) -> list[Floats]:
        """The impulse responses, without the direct sound's time of flight and loss of level."""
        random = np.random.Generator(np.random.PCG64(SEED))
        return [self._response(*self._places(random)) for _ in range(PLACES)]

    def _places(self, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw the places of a talker and a microphone until both are in the room."""
        lowest = np.array([WALL, WALL, HEIGHTS[0]])
        highest = np.array([*(ROOM[:2] - WALL), HEIGHTS[1]])
        while True:
            talker, microphone = random.uniform(lowest, highest, (2, 3))
            direction = microphone - talker
            microphone = talker + direction * self._distance / np.linalg.norm(direction)
            if np.all((microphone >= lowest) & (microphone <= highest)):
                return talker, microphone

    def _response(self, talker: Floats, microphone: Floats) -> Floats:
        import pyroomacoustics

        # sums over images depend on the number of threads, which is by default that of the cores
        pyroomacoustics.constants.set("num_threads", 1)
        absorption, order = pyroomacoustics.inverse_sabine(self._rt60, ROOM)
        walls = pyroomacoustics.Material(absorption)
        room = pyroomacoustics.ShoeBox(ROOM, fs=RATE, materials=walls, max_order=order)
        room.add_source(talker)
        room.add_microphone(microphone)
        room.compute_rir()
        flight = self._distance / pyroomacoustics.constants.get("c")
        response: Floats = room.rir[0][0][round(flight * RATE) :]
        return response * self._distance  # pyroomacoustics divides by it
