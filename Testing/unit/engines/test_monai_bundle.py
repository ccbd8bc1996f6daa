"""MONAI bundles as engines, with MONAI's real networks: by a known rule against the closed form, by weights
of chance against MONAI's own transforms and network."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import ScaleIntensity, ScaleIntensityRange
from typer.testing import CliRunner

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.cli import app
from inference_backend.engines.monai_bundle import MonaiBundleEngine
from inference_backend.engines.registry import Registry, listed
from inference_backend.models.networks import build, side_multiple
from inference_backend.models.pack_checking import fault_of
from inference_backend.models.store import bundle_folder, own_packs
from inference_backend.models.wish import Wish
from inference_backend.monai_bundle.adding import Choices, add_monai
from support.hostile import Hostile
from support.monai_bundles import (
    LICENCE,
    SEGRESNET,
    SWIN,
    VISTA,
    WINDOW_HU,
    add_model,
    config_of,
    network_of,
    rule_definition,
    rule_state,
    write_bundle,
)
from support.rising_scans import SCANS, rising_scan

ABOVE_HU = 215.5


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def masks_of(scan: CtScan, *wanted: str) -> StructureSet:
    """What the added model draws."""
    engine = MonaiBundleEngine("monai")
    engine.load("cpu")
    found = engine.contour(scan, wanted, lambda _f, _s: None, lambda: False, StructureSet(scan.geometry))
    engine.unload()
    return found.masks


def block(side: int = 32) -> CtScan:
    """A scan of one window that is body throughout."""
    rng = np.random.default_rng(5)
    smooth = rng.normal(0, 1, (side // 4,) * 3).repeat(4, 0).repeat(4, 1).repeat(4, 2)
    hu = np.clip(smooth * 200 + 100, -250, 900) + rng.normal(0, 8, smooth.shape)
    return CtScan(hu.astype(np.int16), Geometry((side, side, side), (4.0, 4.0, 4.0)))


@pytest.mark.parametrize("name", list(SCANS))
def test_a_rule_goes_the_whole_way_without_a_wrong_voxel(tmp_path: Path, name: str) -> None:
    """All other channels say 0, so the bladder's is the largest where its HU are above the threshold."""
    definition = rule_definition()
    source = write_bundle(
        tmp_path / "b", config_of(definition, side=16), rule_state(definition, {1: ABOVE_HU})
    )
    add_model(source)
    scan = rising_scan(name)
    found = masks_of(scan, "bladder").mask("bladder").to_array()
    inner = np.zeros(found.shape, dtype=bool)
    margin = [int(np.ceil(8.0 / mm)) for mm in scan.geometry.spacing_kji_mm]
    inner[tuple(slice(n, -n) for n in margin)] = True
    assert inner.any()
    assert np.array_equal(found[inner], (scan.hu_kji > ABOVE_HU)[inner])


def test_of_exclusive_channels_the_largest_decides() -> None:
    arguments = {
        "network": "monai_segresnet",
        "arguments": {"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]},
        "outputs": 4, "channels": [1, 3], "exclusive": True, "axes": "RAS", "values": [0.0, 1.0],
    }  # fmt: skip
    torch.manual_seed(1)
    wrapped = build("monai_bundle", 1, 2, arguments).eval()
    x = torch.rand(1, 1, 8, 16, 8) * 2 - 1
    with torch.inference_mode():
        logits = wrapped(x)
        seen = (x + 1) / 2
        inner = wrapped.get_submodule("network")(seen.flip(3, 4).permute(0, 1, 4, 3, 2))
    largest = inner.argmax(1).permute(0, 3, 2, 1).flip(2, 3)
    assert torch.equal(logits[:, 0] > 0, largest == 1)
    assert torch.equal(logits[:, 1] > 0, largest == 3)
    assert side_multiple("monai_bundle", arguments) == 2


@pytest.mark.parametrize(
    ("definition", "side"), [(SEGRESNET, 32), pytest.param(SWIN, 64, marks=pytest.mark.slow)]
)
def test_it_draws_what_monais_own_transforms_and_network_draw(
    tmp_path: Path, definition: object, side: int
) -> None:
    network = network_of(definition)
    config = config_of(definition, side=side)
    add_model(write_bundle(tmp_path / "b", config, {"model": network.state_dict()}))
    scan = block(side)
    found = masks_of(scan, "bladder", "rectum")
    largest = monais_own(scan, network, ScaleIntensityRange(*WINDOW_HU, 0.0, 1.0, clip=True))
    for name, channel in (("bladder", 1), ("rectum", 3)):
        assert np.array_equal(found.mask(name).to_array(), largest == channel)
    assert len(np.unique(largest)) > 1, "weights of chance draw more than one thing"


def test_the_scans_own_range_is_scaled_as_monai_does(tmp_path: Path) -> None:
    network = network_of(SEGRESNET)
    config = config_of()
    config["preprocessing"]["transforms"][4] = {"_target_": "ScaleIntensityd", "minv": -1.0, "maxv": 1.0}
    add_model(write_bundle(tmp_path / "b", config, network.state_dict()))
    scan = block()
    largest = monais_own(scan, network, ScaleIntensity(-1.0, 1.0))
    assert np.array_equal(masks_of(scan, "bladder").mask("bladder").to_array(), largest == 1)


def monais_own(scan: CtScan, network: torch.nn.Module, scale: object) -> np.ndarray:
    """The largest channel of each voxel, [k, j, i], by MONAI's scaling and network on x, y, z in RAS."""
    ras = scan.hu_kji.T[::-1, ::-1][None].astype(np.float32)
    with torch.inference_mode():
        answer = network(torch.as_tensor(scale(ras.copy()))[None])[0]  # type: ignore[operator]  # a transform
    largest = answer.argmax(0).numpy()[::-1, ::-1]
    return np.ascontiguousarray(largest.T)


@pytest.mark.slow
def test_vista3d_is_asked_for_its_classes(tmp_path: Path) -> None:
    network = network_of(VISTA)
    labels = {"15": "bladder", "1": "liver", "97": "sacrum"}
    model = add_model(write_bundle(tmp_path / "b", config_of(VISTA), network.state_dict(), labels))
    assert model.terms == f"{LICENCE} (no commercial use)"
    scan = block()
    found = masks_of(scan, "bladder", "sacrum")
    seen = torch.from_numpy((scan.hu_kji.astype(np.float32) + 1000) / 2000).clip(0, 1)[None, None]
    with torch.inference_mode():
        answer = network(
            input_images=seen.flip(3, 4).permute(0, 1, 4, 3, 2), class_vector=torch.tensor([[15], [97]])
        )
    inside = (answer[:, 0] > 0).permute(0, 3, 2, 1).flip(2, 3).numpy()
    for n, name in enumerate(("bladder", "sacrum")):
        differ = np.count_nonzero(found.mask(name).to_array() != inside[n])
        assert differ <= inside[n].size * 1e-4  # sums in another order decide the rest


def test_it_is_listed_with_its_licence_and_runs_once_that_is_accepted(tmp_path: Path) -> None:
    source = write_bundle(tmp_path / "b", config_of(), network_of(SEGRESNET).state_dict())
    added = CliRunner().invoke(
        app, ["models", "add-monai", str(source), "--id", "monai", "--licence", LICENCE]
    )
    assert added.exit_code == 0, added.output
    assert "Left out" in added.output
    assert "spleen" in added.output
    info = Registry(listed()).info("monai")
    assert info is not None
    assert (info.gives, info.title, info.mend) == (
        ("bladder", "rectum"),
        "Pelvis (for tests)",
        "amlart models accept monai",
    )
    assert info.version.startswith("0.2.0+")
    with pytest.raises(BadSetting, match="licence has not been accepted"):
        MonaiBundleEngine("monai").load("cpu")
    assert (bundle_folder("monai") / "licence.txt").read_text().startswith("Apache License")
    assert "MONAI bundle" in CliRunner().invoke(app, ["models", "list", "--json"]).stdout


def test_weights_for_non_commercial_use_are_flagged(tmp_path: Path) -> None:
    terms = "NSCLv1\nThe Work may be used non-commercially only."
    source = write_bundle(tmp_path / "b", config_of(), network_of(SEGRESNET).state_dict(), licence=terms)
    assert add_model(source).research_only


def test_what_is_not_told_is_asked_for(tmp_path: Path) -> None:
    state = network_of(SEGRESNET).state_dict()
    source = write_bundle(tmp_path / "b", config_of(spacing="$[1.5] * 3"), state)
    with pytest.raises(BadSetting, match="spacing of this bundle is a program"):
        add_model(source)
    assert add_model(source, choices=Choices(spacing_mm=(3.0, 3.0, 3.0))).spacing_mm == (3.0, 3.0, 3.0)
    with pytest.raises(BadSetting, match="licence is not told"):
        add_monai(source, Wish("other", "", "T"), Choices())
    unknown = write_bundle(
        tmp_path / "u", config_of(), state, {"0": "background", "1": "a", "2": "b", "3": "c"}
    )
    with pytest.raises(InputRefused, match="None of this model's labels"):
        add_model(unknown, "u")
    assert add_model(unknown, "u", Choices({"b": "bladder"})).gives == {"b": "bladder"}


def test_a_program_in_the_weights_is_refused_and_not_run(tmp_path: Path) -> None:
    source = write_bundle(tmp_path / "b", config_of(), {"weight": Hostile(tmp_path / "ran")})
    with pytest.raises(DamagedFile, match="run code"):
        add_model(source)
    assert not (tmp_path / "ran").exists()
    assert own_packs() == ()


def test_a_zip_is_added_and_one_that_climbs_is_refused_whole(tmp_path: Path) -> None:
    source = write_bundle(tmp_path / "b", config_of(), network_of(SEGRESNET).state_dict())
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    for path in (good, bad):
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(source.rglob("*")):
                archive.write(file, Path("pelvis") / file.relative_to(source))
            if path == bad:
                archive.writestr("pelvis/../../configs/inference.json", "{}")
    with pytest.raises(DamagedFile, match="outside its folder"):
        add_model(bad)
    assert add_model(good).structures == ("bladder", "rectum")


def test_weights_that_do_not_fit_are_missing_or_changed_are_told(tmp_path: Path) -> None:
    other = network_of({**SEGRESNET, "init_filters": 16}).state_dict()
    with pytest.raises(DamagedFile, match="do not fit"):
        add_model(write_bundle(tmp_path / "b", config_of(), other))
    with pytest.raises(DamagedFile, match="does not hold a network's weights"):
        add_model(write_bundle(tmp_path / "c", config_of(), {"model": {"a": 1}}))
    gone = write_bundle(tmp_path / "d", config_of(), other)
    (gone / "models" / "model.pt").rename(gone / "models" / "model.ts")
    with pytest.raises(InputRefused, match="TorchScript"):
        add_model(gone)
    add_model(write_bundle(tmp_path / "e", config_of(), network_of(SEGRESNET).state_dict()))
    assert fault_of(bundle_folder("monai")) == ""
    path = bundle_folder("monai") / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(DamagedFile, match="another content"):
        MonaiBundleEngine("monai").load("cpu")


def test_a_missing_library_is_told_with_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(write_bundle(tmp_path / "b", config_of(), network_of(SEGRESNET).state_dict()))
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "monai" else real(n, *a))
    info = MonaiBundleEngine("monai").describe()
    assert (info.reason, info.mend) == ("monai is not installed.", "pip install 'amlart-contour[models]'")


class Evil:
    """Makes a folder when it is unpickled without restraint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)
