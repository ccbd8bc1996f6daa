"""Cases contoured by a bundle and measured against their truth: one file for each case.

A case that has its file is not contoured again, so calibration and evaluation go on after any end. A file
tells which weights it was made with and is made anew for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from AmlartContourLib.contract.strict_json import Message
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.disagreement import Disagreement
from inference_backend.engines.bundle import BundleEngine
from inference_backend.engines.protocol import Engine
from inference_backend.inference.calibration import disagreements, with_disagreement
from inference_backend.inference.scan_features import scan_features
from inference_backend.inference.view import view_of
from inference_backend.models.bundle import open_bundle
from inference_backend.models.manifest import Manifest
from inference_backend.models.networks import side_multiple
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.training.kept_figures import Report, each_kept

TOLERANCES_MM = (2.0, 3.0)
JOINED: Mapping[str, tuple[str, ...]] = {
    "parametrium": ("parametrium_left", "parametrium_right"),
    "ctvp": ("cervix", "gtvp", "uterus", "vagina"),
    "ctvn": ("gtvn", "ln_pelvic", "ln_common_iliac", "ln_paraaortic"),
}


@dataclass(frozen=True)
class StructureFigures(Message):
    """One structure of one case. None where a figure has no value; `fraction` is at the structure's
    tolerance.

    `x_fraction` and `x_path_share`: disagreement of the members; `drawn_path_mm`: path of what was drawn.
    """

    structure: str
    truth_cc: float
    drawn_cc: float
    dice: float | None
    surface_dice: tuple[float | None, ...]
    fraction: float | None
    added_path_mm: float | None
    drawn_path_mm: float | None
    x_fraction: float | None = None
    x_path_share: float | None = None


@dataclass(frozen=True)
class CaseFigures(Message):
    """One case: the weights it was contoured with, the scan's features, every structure."""

    case: str
    weights: tuple[str, ...]
    features: Mapping[str, float]
    structures: tuple[StructureFigures, ...]


def weights_of(manifest: Manifest) -> tuple[str, ...]:
    """The hashes by which a case tells with which weights it was contoured."""
    return tuple(member.sha256 for member in manifest.members)


@dataclass(frozen=True, eq=False)
class Truth:
    """A scan and the contours that count as true; of structures that are not among them nothing is known."""

    scan: CtScan
    masks: Mapping[str, Mask]


ReadTruth = Callable[[], Truth]
Measure = Callable[[str, Truth], CaseFigures]


def measure_cases(
    bundle: Path, specs: Iterable[tuple[str, PhantomSpec]], out: Path, report: Report, device: str = "cpu"
) -> tuple[CaseFigures, ...]:
    """The figures of every named phantom, in order; `out` keeps one file for each.

    Raises what the engine and the phantoms raise.
    """
    names = (*open_bundle(bundle).manifest.structures, *JOINED)

    def reader(spec: PhantomSpec) -> ReadTruth:
        def read() -> Truth:
            phantom = make_phantom(spec)
            return Truth(phantom.scan, {name: phantom.truth.mask(name) for name in names})

        return read

    return measure_read(bundle, [(name, reader(spec)) for name, spec in specs], out, report, device)


def measure_read(
    bundle: Path, named: Sequence[tuple[str, ReadTruth]], out: Path, report: Report, device: str = "cpu"
) -> tuple[CaseFigures, ...]:
    """The same of cases that are read when their turn comes; one with a file is not read."""
    manifest = open_bundle(bundle).manifest

    def load() -> Measure:
        engine = BundleEngine(manifest.id, bundle)
        engine.load(device)

        def measure(name: str, truth: Truth) -> CaseFigures:
            drawn = contoured(engine, truth.scan, manifest.structures)
            return figures_of(name, weights_of(manifest), truth, drawn, _features(truth.scan, manifest))

        return measure

    return measure_each(weights_of(manifest), load, named, out, report)


def measure_each(
    weights: tuple[str, ...],
    load: Callable[[], Measure],
    named: Sequence[tuple[str, ReadTruth]],
    out: Path,
    report: Report,
) -> tuple[CaseFigures, ...]:
    """Cases by any engine; `load` is called once, before the first case without a file of these weights."""
    loaded = cache(load)

    def make(number: int) -> CaseFigures:
        name, read = named[number]
        return loaded()(name, read())

    names = [name for name, _read in named]
    return each_kept(CaseFigures, names, out, lambda found: found.weights == weights, make, report)


def contoured(engine: Engine, ct: CtScan, wanted: Sequence[str]) -> Contours:
    """What a loaded engine draws of a scan that comes without contours."""
    none = StructureSet(ct.geometry)
    return engine.contour(ct, tuple(wanted), lambda _fraction, _stage: None, lambda: False, none)


def figures_of(
    name: str, weights: tuple[str, ...], truth: Truth, drawn: Contours, features: Mapping[str, float]
) -> CaseFigures:
    """One case, of the structures whose truth is known. `features`: of the scan, without disagreement."""
    masks = {contour.structure_id: contour.mask for contour in drawn.masks}
    apart = disagreements(masks, drawn.spread, {n: catalogue()[n].tolerance_mm for n in masks})
    rows = tuple(
        _figures(structure, truth.masks[structure], mask, apart.get(structure))
        for structure, mask in _with_joined(masks).items()
        if structure in truth.masks
    )
    return CaseFigures(name, weights, with_disagreement(features, apart), rows)


def _features(ct: CtScan, manifest: Manifest) -> dict[str, float]:
    network = manifest.network
    view = view_of(ct, manifest, side_multiple(network.name, network.arguments))
    return scan_features(view.hu_kji, view.grid.spacing_kji_mm, ct.geometry)


def _with_joined(masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """The structures and the unions of those that make up a target."""
    joined = {
        whole: union([masks[part] for part in parts], masks[parts[0]].geometry)
        for whole, parts in JOINED.items()
        if all(part in masks for part in parts)
    }
    return {**masks, **joined}


def _figures(structure: str, truth: Mask, drawn: Mask, apart: Disagreement | None) -> StructureFigures:
    found = compare(
        truth,
        drawn,
        tolerance_mm=catalogue()[structure].tolerance_mm,
        extra_tolerances_mm=TOLERANCES_MM,
    )
    at = {figures.tolerance_mm: figures.surface_dice for figures in found.redraws}
    return StructureFigures(
        structure=structure,
        truth_cc=truth.volume_cc,
        drawn_cc=drawn.volume_cc,
        dice=found.overlap.dice,
        surface_dice=tuple(at[mm] for mm in TOLERANCES_MM),
        fraction=found.fraction_to_redraw,
        added_path_mm=found.path.added_mm,
        drawn_path_mm=apart.path_mm if apart else None,
        x_fraction=apart.fraction if apart else None,
        x_path_share=apart.path_share if apart else None,
    )
