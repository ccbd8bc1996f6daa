"""Where models are found: the embedded bundle inside the package, and those of the user's own folder.

Nothing is downloaded here. A folder below `models/` of the backend's home is a bundle where it holds a
manifest, an added model where it holds one of `ADDED_FILES`; the folder's name is the engine's id, so it is
known without reading anything.
"""

from __future__ import annotations

import re
from pathlib import Path

from AmlartContourLib.contract.home import default_home
from AmlartContourLib.contract.messages import NAME
from inference_backend.few_shot.description import FEW_SHOT_FILE
from inference_backend.interactive.description import INTERACTIVE_FILE
from inference_backend.models.manifest import MANIFEST_FILE
from inference_backend.models.pack import PACK_FILE
from inference_backend.monai_bundle.description import MONAI_FILE
from inference_backend.prompted.description import PROMPTED_FILE

EMBEDDED_ID = "amlart-demo"
EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
MODELS_FOLDER = "models"
ADDED_FILES = (PACK_FILE, FEW_SHOT_FILE, PROMPTED_FILE, INTERACTIVE_FILE, MONAI_FILE)


def bundle_folder(bundle_id: str, home: Path | None = None) -> Path:
    """The folder of a bundle, whether or not it is there."""
    if bundle_id == EMBEDDED_ID:
        return EMBEDDED_FOLDER
    return (home or default_home()) / MODELS_FOLDER / bundle_id


def own_bundles(home: Path | None = None) -> tuple[str, ...]:
    """Ids of the bundles in the user's own folder, in order."""
    return _folders_with(MANIFEST_FILE, home)


def own_packs(home: Path | None = None) -> tuple[str, ...]:
    """Ids of the added models in the user's own folder, in order."""
    return tuple(sorted({name for file in ADDED_FILES for name in _folders_with(file, home)}))


def described_by(folder: Path) -> str:
    """Which of `ADDED_FILES` describes the added model in a folder; pack.json where there is none."""
    return next((name for name in ADDED_FILES if (folder / name).is_file()), PACK_FILE)


def _folders_with(name: str, home: Path | None) -> tuple[str, ...]:
    models = (home or default_home()) / MODELS_FOLDER
    try:
        folders = sorted(path for path in models.iterdir() if (path / name).is_file())
    except OSError:
        return ()
    names = (folder.name for folder in folders if not folder.is_symlink())
    return tuple(name for name in names if re.fullmatch(NAME, name) and name != EMBEDDED_ID)
