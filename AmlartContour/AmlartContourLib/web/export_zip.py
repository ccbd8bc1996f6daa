"""The last export of a station as one zip, for a browser on another machine.

The address is fixed and takes nothing from a request. The zip is made on a thread, in a folder that passes,
and is sent piece by piece; so the views do not wait, and it is never in memory as a whole.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from aiohttp import web

from AmlartContourLib.contract.passing_folder import passing_folder

ADDRESS = "/export.zip"
KIND = "export-zip"
LEVEL = 1  # most files are compressed already; a CT series becomes half as large, and more would take longer
NOTHING = "There is no export of the open patient to download. Export first."
NOT_PACKED = "The zip could not be written; the exported files are as they were. Is the disk full?"

Busy = Callable[[], AbstractContextManager[None]]


class ExportZip:
    """Answers a station's requests for its last export. `folder` gives where that lies, None where there is
    none; `busy` says meanwhile that the files are packed."""

    def __init__(self, folder: Callable[[], Path | None], busy: Busy) -> None:
        self._folder = folder
        self._busy = busy

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The zip, named like the folder. 404 where there is none, 507 where it cannot be written."""
        folder = self._folder()
        if folder is None or not folder.is_dir():
            raise web.HTTPNotFound(text=NOTHING)
        with passing_folder(KIND) as passing:
            path = passing / f"{folder.name}.zip"
            try:
                with self._busy():
                    await asyncio.get_running_loop().run_in_executor(None, pack, folder, path)
            except OSError:
                raise web.HTTPInsufficientStorage(text=NOT_PACKED) from None
            sent = web.FileResponse(
                path, headers={"Content-Disposition": f'attachment; filename="{path.name}"'}
            )
            await sent.prepare(request)  # sends all of it
        return sent


def pack(folder: Path, path: Path) -> None:
    """Writes every file below a folder into a new zip, under its place in the folder. OSError where it
    cannot."""
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.write(file, file.relative_to(folder).as_posix())
