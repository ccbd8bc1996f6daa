"""A MONAI bundle's configuration is data here: what it says is read, and what it would run is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, TooLarge
from inference_backend.monai_bundle.safe_config import CONFIG_BYTES, Config, read_config
from inference_backend.monai_bundle.source import Source, read_source
from support.monai_bundles import SWIN, VISTA, config_of, scaling, write_bundle


def source(tmp_path: Path, config: dict[str, Any], name: str = "bundle") -> Source:
    """What is read of a bundle with this configuration."""
    return read_source(write_bundle(tmp_path / name, config, {}))


def with_step(step: dict[str, Any], at: int = 4) -> dict[str, Any]:
    """The usual configuration with another step in the place of one."""
    config = copy.deepcopy(config_of())
    config["preprocessing"]["transforms"][at] = step
    return config


def test_a_published_form_is_read(tmp_path: Path) -> None:
    found = source(tmp_path, config_of(spacing=(1.5, 1.5, 2.0)))
    assert (found.title, found.version) == ("Pelvis (for tests)", "0.2.0")
    assert (found.network, found.outputs, found.exclusive) == ("monai_segresnet", 4, True)
    assert found.labels == {"urinary_bladder": 1, "spleen": 2, "rectum": 3}
    assert found.window == (32, 32, 32)
    picture = found.picture
    assert (picture.axes, picture.spacing_mm) == ("RAS", (1.5, 1.5, 2.0))
    assert (picture.window_hu, picture.values) == ((-1000.0, 1000.0), (0.0, 1.0))


def test_vista3d_is_known_by_the_one_expression_of_its_bundle(tmp_path: Path) -> None:
    config = config_of(VISTA)
    config["preprocessing_transforms"] = config["preprocessing"]["transforms"]
    config["preprocessing"] = {"_target_": "Compose", "transforms": "$@preprocessing_transforms "}
    config["inferer"]["_target_"] = "scripts.inferer.Vista3dInferer"
    found = source(tmp_path, config)
    assert (found.network, found.exclusive) == ("vista3d", False)


def test_classes_that_vista3d_never_asks_for_are_left_out(tmp_path: Path) -> None:
    labels = {"0": "background", "15": "bladder", "18": "rectum", "128": "bone lesion"}
    found = read_source(write_bundle(tmp_path / "b", config_of(VISTA), {}, labels))
    assert found.labels == {"bladder": 15}


def test_arguments_of_older_releases_are_dropped(tmp_path: Path) -> None:
    arguments = source(tmp_path, config_of(SWIN)).arguments
    assert "img_size" not in arguments
    assert arguments["feature_size"] == 12


def test_the_scans_own_range_is_scaled_where_the_bundle_does_so(tmp_path: Path) -> None:
    config = with_step({"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True})
    config["preprocessing"]["transforms"].append({"_target_": "ScaleIntensityd", "minv": -1.0, "maxv": 1.0})
    picture = source(tmp_path, config).picture
    assert (picture.window_hu, picture.values) == (None, (-1.0, 1.0))


def test_a_spacing_that_is_a_program_is_left_to_the_user(tmp_path: Path) -> None:
    found = source(tmp_path, config_of(spacing="$[1.5, 1.5, 1.5] if @highres else [3.0, 3.0, 3.0]"))
    assert found.picture.spacing_mm is None


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (config_of("$__import__('os').system('touch /tmp/ran')"), "is a program"),
        (config_of("$monai.networks.nets.vista3d132(in_channels=@a) or evil()"), "is a program"),
        (config_of({"_target_": "os.system", "command": "true"}), "Its network is system"),
        (config_of({"_target_": "UNETR"}), "Its network is UNETR"),
        (config_of({"_target_": "SegResNet", "init_filters": "$open('x')"}), "is a program"),
        (config_of({"_target_": "SegResNet", "in_channels": 4}), "does not see one picture"),
        (config_of("@network_def"), "refers to itself"),
        (config_of("@nothing"), "which it does not hold"),
        (config_of(inferer={"_target_": "SlidingWindowInferer", "roi_size": "$[96]*3"}), "is a program"),
        (config_of(inferer={"_target_": "my.Inferer", "roi_size": [8, 8, 8]}), "inferer is not known"),
        (config_of(inferer={"_target_": "SlidingWindowInferer"}), "is not understood"),
        (config_of(postprocessing={"transforms": []}), "does not say how channels"),
        (config_of(preprocessing="$prepare()"), "is no list of steps"),
        (with_step({"_target_": "RandFlipd"}), "the step RandFlipd"),
        (with_step({"_target_": "EnsureTyped"}), "scaled in no way"),
        (with_step({"_target_": "NormalizeIntensityd"}), "scaled in no way"),
        (with_step({**scaling(), "clip": False}), "without a limit"),
        (with_step({**scaling(), "a_min": "$-1000"}), "is a program"),
    ],
)
def test_what_is_a_program_or_not_known_is_refused_by_name(
    tmp_path: Path, config: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputRefused, match=told):
        source(tmp_path, config)


def test_no_bundle_several_and_yaml_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="There is no MONAI bundle"):
        read_source(tmp_path)
    one = write_bundle(tmp_path / "one", config_of(), {})
    (one / "configs" / "inference.json").rename(one / "configs" / "inference.yaml")
    with pytest.raises(InputRefused, match="has no configs"):
        read_source(tmp_path)
    write_bundle(tmp_path / "two", config_of(), {})
    with pytest.raises(InputRefused, match="several"):
        read_source(tmp_path)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "inference.json"
    for text in (b"[", b"[1]", b"[" * 100_000):
        path.write_bytes(text)
        with pytest.raises(DamagedFile):
            read_config(path)
    path.write_bytes(b" " * (CONFIG_BYTES + 1))
    with pytest.raises(TooLarge):
        read_config(path)


def test_references_are_followed_to_plain_values_alone() -> None:
    config = Config("c", json.loads('{"a": {"b": [1, 2]}, "c": "@a#b#1", "d": ["$@c"], "e": "@d#0"}'))
    assert config.get("d") == [2]
    assert config.get("e") == 2
    with pytest.raises(InputRefused, match="is a program"):
        Config("c", {"a": "%other.json"}).get("a")
