"""Which way the axes of a model's training images ran, in three letters: LPS is DICOM's order, RAS nibabel's.

A folder does not say it, and nnU-Net feeds arrays as it finds them. A wrong guess shows a network the patient
turned or mirrored, so it is asked for and kept with the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from AmlartContourLib.contract.errors import BadSetting

LETTERS = (("L", "R"), ("P", "A"), ("S", "I"))  # towards growing x, y, z in LPS, and the other way
Signs = tuple[float, float, float]


@dataclass(frozen=True)
class Axes:
    """Letters for i, j, k: the side of the patient towards which each runs, such as "LPS". BadSetting for
    others."""

    letters: str

    def __post_init__(self) -> None:
        pairs = zip(self.letters, LETTERS, strict=False)
        if len(self.letters) != 3 or not all(letter in pair for letter, pair in pairs):
            raise BadSetting(
                f"{self.letters!r} names no axes.",
                advice="Write three letters, L or R, P or A, S or I: LPS is DICOM's order, RAS nibabel's.",
            )

    @classmethod
    def nearest(cls, direction: ArrayLike) -> Axes:
        """Of an image whose axes i, j, k are the columns of a 3x3 matrix in LPS. BadSetting where they are
        not near x, y, z in this order."""
        matrix = np.asarray(direction, dtype=float).reshape(3, 3)
        if list(np.abs(matrix).argmax(axis=0)) != [0, 1, 2]:
            raise BadSetting(
                "The image's slices are not axial, so a model trained on such images cannot be used here.",
            )
        letters = (pair[int(matrix[n, n] < 0)] for n, pair in enumerate(LETTERS))
        return cls("".join(letters))

    @property
    def signs(self) -> Signs:
        """1 for each axis that runs as in LPS, -1 for each that runs the other way."""
        x, y, z = (
            1.0 if letter == pair[0] else -1.0 for letter, pair in zip(self.letters, LETTERS, strict=True)
        )
        return x, y, z

    @property
    def is_left_handed(self) -> bool:
        """True for LAS and its like, which no geometry here can have."""
        x, y, z = self.signs
        return x * y * z < 0

    @property
    def right_handed(self) -> Signs:
        """The signs, with that of j changed where the axes are left-handed."""
        x, y, z = self.signs
        return (x, -y, z) if self.is_left_handed else (x, y, z)
