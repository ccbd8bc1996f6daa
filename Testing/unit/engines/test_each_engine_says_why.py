"""What keeps an engine from running, for each kind of them: a missing library, missing or changed weights, a
licence that was not accepted, too little memory. One sentence each, and all other engines go on."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from AmlartContourLib.contract.errors import AmlartError, BadSetting, DamagedFile, TooLarge
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.contract.prompt import Prompt, VoxelBox
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import StructureSet
from inference_backend.engines.protocol import Engine, PromptedEngine
from inference_backend.engines.registry import DEFAULT_ENGINE, EngineEntry, Registry, engine_at, listed
from inference_backend.models.bundle import forget_hashes
from inference_backend.models.licences import ACCEPTED_FILE, accept
from inference_backend.models.pack_adding import Wish, add_model
from inference_backend.models.pack_checking import fault_of
from inference_backend.models.store import bundle_folder
from support import few_shot_models, interactive_models, monai_bundles, prompted_models
from support.box_cohort import box_patient
from support.bundles import threshold_network, write_bundle
from support.nnunet_folders import Folder, make_folder

MODELS = "pip install 'amlart-contour[models]'"
QUIET = (lambda _f, _s: None, lambda: False)


def add_nnunet(place: Path) -> None:
    """A trained nnU-Net folder."""
    wish = Wish("it", licence="L", axes="LPS")
    add_model([make_folder(place / "trained", Folder())], wish, lambda _f, _s: None)
    accept(bundle_folder("it"), "L", "a test")


def add_monai(place: Path) -> None:
    """A MONAI bundle."""
    state = monai_bundles.network_of(monai_bundles.SEGRESNET).state_dict()
    monai_bundles.add_model(monai_bundles.write_bundle(place / "b", monai_bundles.config_of(), state), "it")


def add_own(_place: Path) -> None:
    """A bundle of the hospital's own."""
    write_bundle(bundle_folder("it"), ("bladder",), [threshold_network((0.0,), 8.0)])


@dataclass(frozen=True)
class Kind:
    """One kind of engine: how a model `it` is added, a library it needs, and what installs that. `asks`:
    whether its licence has to be accepted."""

    add: Callable[[Path], object]
    library: str
    mend: str
    asks: bool = True


KINDS = {
    "bundle": Kind(add_own, "torch", MODELS, asks=False),
    "nnU-Net": Kind(add_nnunet, "torch", MODELS),
    "UniverSeg": Kind(
        lambda place: few_shot_models.add_model(place, "it"),
        "universeg",
        "pip install --no-deps 'git+https://github.com/JJGO/UniverSeg.git'",
    ),
    "SAM": Kind(
        lambda place: prompted_models.add_model(place, "it"),
        "segment_anything",
        "pip install 'amlart-contour[sam]'",
    ),
    "nnInteractive": Kind(
        lambda place: interactive_models.add_model(place, "it"),
        "nnInteractive",
        "pip install 'amlart-contour[interactive]'",
    ),
    "MONAI": Kind(add_monai, "monai", MODELS),
}


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """A kind of engine, with a model `it` of it in a home of its own."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    found = KINDS[request.param]
    found.add(tmp_path)
    return found


def entry() -> EngineEntry:
    """Where the model's engine lives."""
    return next(one for one in listed() if one.id == "it")


def info() -> EngineInfo:
    """What the model says of itself; asserts that the default engine is none the worse."""
    infos = {one.id: one for one in Registry().infos()}
    assert infos[DEFAULT_ENGINE].title
    return infos["it"]


def without(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a library were not installed."""
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> object:
        return None if name.partition(".")[0] == library else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def weights() -> Path:
    """The model's file of weights."""
    return sorted(bundle_folder("it").glob("*.safetensors"))[0]


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(kind.library, monkeypatch)
    told = info()
    assert (told.available, told.reason, told.mend) == (
        False,
        f"{kind.library} is not installed.",
        kind.mend,
    )
    if kind.asks:
        with pytest.raises(BadSetting, match=f"{kind.library} is not installed"):
            engine_at(entry().place).load("cpu")


def test_missing_weights_are_named(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    here(kind, monkeypatch)
    name = weights().name
    weights().unlink()
    told = info()
    assert (told.available, told.reason) == (False, f"{name} is missing.")
    with pytest.raises(AmlartError, match=r"missing|cannot be read"):
        engine_at(entry().place).load("cpu")


def test_weights_with_another_hash_are_not_loaded(kind: Kind) -> None:
    content = bytearray(weights().read_bytes())
    content[-1] ^= 1
    weights().write_bytes(content)
    forget_hashes()
    if kind.asks:
        assert "has another content" in fault_of(bundle_folder("it"))
    if is_here(kind):
        with pytest.raises(DamagedFile, match="has another content"):
            engine_at(entry().place).load("cpu")


def test_a_licence_that_nobody_accepted_is_named(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kind.asks:
        pytest.skip("a bundle of the hospital's own has no licence to accept")
    here(kind, monkeypatch)
    (bundle_folder("it") / ACCEPTED_FILE).unlink()
    told = info()
    assert not told.available
    assert told.reason.startswith("Its licence has not been accepted: ")
    assert told.mend == "amlart models accept it"
    with pytest.raises(BadSetting, match="licence has not been accepted"):
        engine_at(entry().place).load("cpu")


def test_too_little_memory_ends_the_job_and_not_the_engine(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_here(kind):
        pytest.skip(f"{kind.library} is not installed")
    engine = engine_at(entry().place)
    engine.load("cpu")

    def full(*_arguments: object, **_named: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        for network in (torch.nn.Conv2d, torch.nn.Conv3d):
            patched.setattr(network, "forward", full)
        with pytest.raises((MemoryError, TooLarge)):
            work(engine)
    assert work(engine).masks.ids
    engine.unload()


def test_its_folder_works_on_another_computer_as_it_is(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, hashes, licence and who accepted it lie together: copying the folder is all."""
    here(kind, monkeypatch)
    other = tmp_path / "other" / "models" / "it"
    shutil.copytree(bundle_folder("it"), other)
    shutil.rmtree(tmp_path / "home")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "other"))
    told = info()
    assert (told.available, told.reason) == (True, "")


def work(engine: Engine) -> Contours:
    """A prompt where the engine takes one, a whole contour where not."""
    scan, truth = box_patient(3)
    given = truth.only(["bladder"])
    if isinstance(engine, PromptedEngine):
        prompt = Prompt("bladder", VoxelBox((4, 4, 4), (10, 16, 14)), inside_kji=((6, 9, 8),))
        return engine.fix(scan, prompt, *QUIET, given)
    return engine.contour(scan, ("bladder",), *QUIET, StructureSet(scan.geometry))


def is_here(kind: Kind) -> bool:
    """True where the library is installed; nnInteractive's whole one, not its client alone."""
    name = "nnInteractive.trainer" if kind.library == "nnInteractive" else kind.library
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def here(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the library were installed: what is missing beside it is what counts."""
    if is_here(kind):
        return
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: object() if name.startswith(kind.library) else real(name, package),
    )
