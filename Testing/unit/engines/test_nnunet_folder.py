"""An added model as an engine: what it says of itself, what it gives, and what keeps it from running."""

from __future__ import annotations

import importlib.util
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting, Cancelled, DamagedFile, TooLarge
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.engines.nnunet_folder import NnUNetFolderEngine
from inference_backend.engines.registry import Registry, listed
from inference_backend.inference import openvino_ask
from inference_backend.models.licences import ACCEPTED_FILE, accept
from inference_backend.models.pack_adding import Wish, add_model
from inference_backend.models.store import bundle_folder
from inference_backend.nnunet import contouring
from support.nnunet_folders import Folder, rule_folder, rule_state, write_checkpoint, write_json_files
from support.rising_scans import rising_scan

HU = (0.5, 100.5, 400.5)
WHAT = Folder(
    labels={"background": 0, "Bladder": 1}, spacing_mm=(3.0, 2.0, 2.0), window=(24, 32, 32), mirrors=None
)
WISH = Wish("ward", licence="Internal use", axes="LPS")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Three folds that put the bladder's border at three different HU; accepted."""
    source = rule_folder(tmp_path / "Dataset001_Ward", HU[0], WHAT)
    network = write_json_files(source, replace(WHAT, rule=True))
    for fold, hu in enumerate(HU[1:], 1):
        write_checkpoint(source, str(fold), rule_state(network, hu, WHAT), WHAT)
    return added(source)


def added(source: Path) -> Path:
    """Adds a model and accepts its licence."""
    add_model([source], WISH, lambda _f, _s: None)
    accept(bundle_folder("ward"), "Internal use", "a test")
    return bundle_folder("ward")


def contoured(scan: CtScan, told: list[tuple[float, str]] | None = None) -> Contours:
    engine = NnUNetFolderEngine("ward")
    engine.load("cpu")
    tell = (told if told is not None else []).append
    return engine.contour(
        scan, ("bladder",), lambda f, s: tell((f, s)), lambda: False, StructureSet(scan.geometry)
    )


@pytest.mark.usefixtures("ward")
def test_the_folds_make_the_spread_and_their_mean_the_contour() -> None:
    scan = rising_scan("oblique")
    told: list[tuple[float, str]] = []
    found = contoured(scan, told)
    spread = found.spread["bladder"]
    share = np.zeros(scan.geometry.shape_kji, np.uint8)
    share[spread.box.slices] = spread.share_kji
    assert spread.members == 3
    assert np.array_equal(share, np.sum([scan.hu_kji > hu for hu in HU], axis=0) * 85)
    contour = found.masks.contours["bladder"]
    assert np.array_equal(contour.mask.to_array(), scan.hu_kji > np.mean(HU))
    assert (contour.source, found.device) == (Source.MODEL, "cpu")
    fractions = [fraction for fraction, _stage in told]
    assert fractions == sorted(fractions)
    assert len({stage for _f, stage in told}) > 10


@pytest.mark.usefixtures("ward")
def test_cancel_is_heard_at_the_next_window_and_leaves_no_thread() -> None:
    scan, seen, before = rising_scan("head first"), [], threading.active_count()
    engine = NnUNetFolderEngine("ward")
    engine.load("cpu")
    with pytest.raises(Cancelled):
        engine.contour(
            scan,
            ("bladder",),
            lambda _f, stage: seen.append(stage),
            lambda: len(seen) == 3,
            StructureSet(scan.geometry),
        )
    assert len(seen) == 3
    assert threading.active_count() == before


def test_where_memory_runs_out_windows_become_smaller_and_the_user_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(rule_folder(tmp_path / "t", HU[1], replace(WHAT, window=(64, 32, 32))))
    scan = rising_scan("head first")

    def tight(network: nn.Module, _runtime: object) -> Callable[[Tensor], Tensor]:
        def ask(window: Tensor) -> Tensor:
            if window.numel() > 32**3:
                raise torch.OutOfMemoryError("out of memory")
            said: Tensor = network(window)
            return said

        return ask

    roomy = contoured(scan)
    monkeypatch.setattr(openvino_ask, "asking_sooner", tight)
    found = contoured(scan)
    assert found.masks.mask("bladder").same_voxels(roomy.masks.mask("bladder"))
    assert any("windows of 32x32x32" in finding for finding in found.findings)
    assert not any("windows of" in finding for finding in roomy.findings)


@pytest.mark.usefixtures("ward")
def test_a_scan_that_does_not_fit_in_memory_is_refused_before_the_network_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        contouring.psutil, "virtual_memory", lambda: SimpleNamespace(available=1 << 20, total=1 << 34)
    )
    told: list[tuple[float, str]] = []
    with pytest.raises(TooLarge, match=r"needs at least .* GiB"):
        contoured(rising_scan("head first"), told)
    assert len(told) == 1


def test_parts_that_give_nothing_that_is_wanted_are_not_run(tmp_path: Path) -> None:
    for number, (name, hu) in enumerate((("Bladder", 0.5), ("Uterus", 300.5)), 1):
        what = replace(WHAT, labels={"background": 0, "label": 1})
        rule_folder(tmp_path / "r" / f"Dataset{number:03}_{name}", hu, what)
    added(tmp_path / "r")
    scan = rising_scan("feet first")
    engine = NnUNetFolderEngine("ward")
    engine.load("cpu")
    tell: Callable[..., None] = lambda _f, _s: None  # noqa: E731
    one = engine.contour(scan, ("uterus",), tell, lambda: False, StructureSet(scan.geometry))
    assert list(one.timings_s) == ["Dataset002_Uterus", "expected editing"]
    both = engine.contour(scan, ("uterus", "bladder"), tell, lambda: False, StructureSet(scan.geometry))
    assert both.masks.ids == ("uterus", "bladder")
    assert both.masks.mask("uterus").same_voxels(one.masks.mask("uterus"))
    assert np.array_equal(both.masks.mask("bladder").to_array(), scan.hu_kji > 0.5)


@pytest.mark.usefixtures("ward")
def test_what_it_does_not_give_is_refused_and_so_is_an_engine_that_was_let_go() -> None:
    scan = rising_scan("head first")
    engine = NnUNetFolderEngine("ward")
    engine.load("cpu")
    for wanted, told in (("uterus", "does not give uterus"), ("bladder", "not loaded")):
        with pytest.raises(BadSetting, match=told):
            engine.contour(scan, (wanted,), lambda _f, _s: None, lambda: False, StructureSet(scan.geometry))
        engine.unload()


def test_before_its_licence_is_accepted_it_is_listed_and_does_not_run(ward: Path) -> None:
    (ward / ACCEPTED_FILE).unlink()
    info = Registry(listed()).info("ward")
    assert info is not None
    assert not info.available
    assert info.reason == "Its licence has not been accepted: Internal use."
    assert info.mend == "amlart models accept ward"
    with pytest.raises(BadSetting, match="accepted"):
        NnUNetFolderEngine("ward").load("cpu")


def test_a_licence_that_forbids_commercial_use_is_told_before_and_with_every_result(tmp_path: Path) -> None:
    source = rule_folder(tmp_path / "t", HU[1], WHAT)
    add_model([source], replace(WISH, licence="CC BY-NC 4.0", research_only=True), lambda _f, _s: None)
    accept(bundle_folder("ward"), "CC BY-NC 4.0", "a test")
    assert NnUNetFolderEngine("ward").describe().licence == "CC BY-NC 4.0 (no commercial use)"
    assert "forbids commercial use" in contoured(rising_scan("head first")).findings[0]


def test_nothing_is_fetched_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    added(rule_folder(tmp_path / "t", HU[1], WHAT))
    assert not contoured(rising_scan("head first")).masks.mask("bladder").is_empty


@pytest.mark.parametrize("library", ["torch", "safetensors"])
@pytest.mark.usefixtures("ward")
def test_a_missing_library_is_told_with_what_mends_it(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == library else real(name, *a)
    )
    info = NnUNetFolderEngine("ward").describe()
    assert info.reason == f"{library} is not installed."
    assert "pip install" in info.mend


def test_a_missing_file_and_a_changed_file_are_told(ward: Path) -> None:
    path = ward / "part-1-fold_1.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="another content"):
        NnUNetFolderEngine("ward").load("cpu")
    path.unlink()
    info = NnUNetFolderEngine("ward").describe()
    assert info.reason == f"{path.name} is missing."
    assert info.mend == "amlart models remove ward"
