"""The usual way to send a scan, as a peer for benches: NIfTI files over plain FastAPI routes.

`python -m support.plain_server FOLDER PORT`. A scan comes as the body of a request, or as a form's file as
MONAI Label takes it (where python-multipart is installed), is put on the disk and read as an image. The
answer is a label map, written as .nii.gz when it is asked for, as MONAI Label does: one label per voxel, so
of structures that overlap it holds one.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import uvicorn
from fastapi import FastAPI, Request, UploadFile
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

LABELS, ANSWER = "labels.npy", "labels.nii.gz"
PIECE = 1 << 20


def has_forms() -> bool:
    """True where forms can be read."""
    return find_spec("python_multipart") is not None


def create_app(folder: Path) -> FastAPI:
    """The routes over a folder, in which `labels.npy` lies."""
    app = FastAPI()

    @app.put("/body/{name}")
    async def body(name: str, request: Request) -> int:
        with (folder / Path(name).name).open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        return await run_in_threadpool(_voxels, folder / Path(name).name)

    if has_forms():

        @app.put("/form")
        async def form(file: UploadFile) -> int:
            path = folder / Path(file.filename or "scan.nii.gz").name
            with path.open("wb") as out:
                while piece := await file.read(PIECE):
                    out.write(piece)
            return await run_in_threadpool(_voxels, path)

    @app.get("/labels")
    def labels() -> FileResponse:
        image = sitk.GetImageFromArray(np.load(folder / LABELS))
        sitk.WriteImage(image, str(folder / ANSWER), useCompression=True)
        return FileResponse(folder / ANSWER)

    return app


def _voxels(path: Path) -> int:
    return int(sitk.ReadImage(str(path)).GetNumberOfPixels())


if __name__ == "__main__":
    uvicorn.run(create_app(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
