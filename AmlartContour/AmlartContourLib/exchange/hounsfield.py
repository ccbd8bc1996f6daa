"""From numbers as stored to Hounsfield units as this software keeps them: int16, nothing below air.

Invariants: -1024 is the lowest value that leaves here. Padding round the scan circle (-3024, -2000, -32768,
or a declared padding value) becomes air; what was changed is counted and said in a finding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import NotCt
from AmlartContourLib.exchange.ct_scan import AIR_HU

HIGHEST_HU = int(np.iinfo(np.int16).max)
TISSUE_HU = (-1000, 3071)  # the 12-bit scale above air; a declared padding value outside hides nothing
FAT_HU = -100  # every CT of a body shows fat or air at or below this; masks, MR and scaled images do not
LOOKS_LIKE = {
    "mask": "only whole numbers from 0 to 255, as a mask or label map has",
    "scaled": "only values from {low:g} to {high:g}, as an image scaled for a network has",
    "positive": "no value below {fat} HU, where a CT shows air and fat",
}


@dataclass(eq=False)
class HounsfieldFill:
    """Takes slices or a whole volume and keeps count over all of them."""

    lowest: float = np.inf
    highest: float = -np.inf
    below_air: int = 0
    declared: int = 0
    clipped: int = 0
    in_tissue: set[float] = field(default_factory=set)

    def to_int16(
        self, values: NDArray[Any], padding_hu: tuple[float, float] | None = None
    ) -> NDArray[np.int16]:
        """HU of any type to int16, rounded. `padding_hu`: declared padding, lowest and highest value; it is
        honoured unless it lies within the range of tissue, where it would punch holes."""
        padding = np.zeros(values.shape, dtype=np.bool_)
        if padding_hu is not None and padding_hu[0] > TISSUE_HU[1]:
            padding = (values >= padding_hu[0]) & (values <= padding_hu[1])
            self.declared += int(np.count_nonzero(padding))
        elif padding_hu is not None and padding_hu[1] > TISSUE_HU[0]:
            self.in_tissue.add(padding_hu[0])
        genuine = values[~padding] if padding.any() else values
        if genuine.size:
            self.lowest = min(self.lowest, float(genuine.min()))
            self.highest = max(self.highest, float(genuine.max()))
        self.below_air += int(np.count_nonzero(values < AIR_HU))
        self.clipped += int(np.count_nonzero((values > HIGHEST_HU) & ~padding))
        rounded = np.rint(values) if values.dtype.kind == "f" else values
        hu: NDArray[np.int16] = np.clip(rounded, AIR_HU, HIGHEST_HU).astype(np.int16)
        hu[padding] = AIR_HU
        return hu

    def findings(self) -> tuple[str, ...]:
        """What was changed, in sentences."""
        found = []
        if self.below_air:
            found.append(
                f"{self.below_air} voxels below {AIR_HU} HU (padding or noise, the lowest {self.lowest:g}) "
                "were set to air."
            )
        if self.declared:
            found.append(f"{self.declared} voxels with the declared padding value were set to air.")
        for value in sorted(self.in_tissue):
            found.append(
                f"The declared padding value, {value:g} HU, lies in the range of tissue; it was kept."
            )
        if self.clipped:
            found.append(f"{self.clipped} voxels above {HIGHEST_HU} HU were set to {HIGHEST_HU}.")
        return tuple(found)

    @property
    def holds_fat_or_air(self) -> bool:
        """False for values that cannot be HU of a body."""
        return self.lowest <= FAT_HU

    def require_ct(self, what: str, *, advice: str) -> None:
        """Raises NotCt, naming `what`, for values that cannot be the HU of a body."""
        if self.holds_fat_or_air:
            return
        whole = float(self.lowest).is_integer() and float(self.highest).is_integer()
        if self.lowest >= -20 and self.highest <= 20 and not (whole and self.lowest >= 0):
            kind = "scaled"
        elif whole and self.lowest >= 0 and self.highest <= 255:
            kind = "mask"
        else:
            kind = "positive"
        looks = LOOKS_LIKE[kind].format(low=self.lowest, high=self.highest, fat=FAT_HU)
        raise NotCt(f"{what} is no CT in Hounsfield units: it holds {looks}.", advice=advice)
