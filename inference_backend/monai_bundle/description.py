"""What a MONAI bundle that was added says of itself: monai.json, typed and strict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from AmlartContourLib.contract.messages import NAME
from inference_backend.models.card import INTENDED_USE, Card
from inference_backend.models.manifest import FORMAT, BundleFile, Manifest, NetworkChoice

MONAI_FILE = "monai.json"
WHOLE_RANGE_HU = (-2000.0, 10000.0)
AXES = r"^[LR][PA][SI]$"


@dataclass(frozen=True)
class MonaiModel(Card):
    """Everything a MONAI bundle says of itself. `gives`: catalogue id of each label that is used.
    `network`: see `models.networks`, always `monai_bundle`. `spacing_mm`: i, j, k. `window_hu`: None where
    each scan's own range is scaled. `patch_kji`, `overlap`: of its windows."""

    weights: BundleFile
    network: NetworkChoice
    gives: Mapping[str, str]
    left_out: tuple[str, ...]
    spacing_mm: tuple[float, float, float]
    window_hu: tuple[float, float] | None
    patch_kji: tuple[int, int, int]
    overlap: float
    training_data: str
    licence_text: BundleFile | None = None
    intended_use: str = INTENDED_USE

    def __post_init__(self) -> None:
        super().__post_init__()
        ids = self.structures
        if not ids or len(set(ids)) < len(ids) or not all(re.fullmatch(NAME, one) for one in ids):
            raise ValueError("it gives a structure twice, none, or one whose id is none")
        self.manifest()

    @property
    def structures(self) -> tuple[str, ...]:
        """Catalogue ids, in the order of the network's outputs."""
        return tuple(self.gives.values())

    @property
    def files(self) -> tuple[BundleFile, ...]:
        """Every file besides monai.json."""
        return (self.weights,) if self.licence_text is None else (self.weights, self.licence_text)

    @property
    def weight_bytes(self) -> int:
        """Length of the weights."""
        return self.weights.bytes

    def manifest(self, range_hu: tuple[float, float] = WHOLE_RANGE_HU) -> Manifest:
        """The same as the manifest of a bundle of one network, by which it is run. `range_hu`: of the scan,
        used where each scan's own range is scaled. ValueError where it cannot be run."""
        return Manifest(
            format=FORMAT,
            id=self.id,
            version=self.version,
            title=self.title,
            structures=self.structures,
            spacing_mm=self.spacing_mm,
            window_hu=self.window_hu or range_hu,
            network=self.network,
            members=(self.weights,),
            training_data=self.training_data,
            licence=self.licence,
            intended_use=self.intended_use,
            demonstration=False,
            patch_kji=self.patch_kji,
            overlap=self.overlap,
        )
