"""A server of files by HTTPS, as a program: ranges, marks, and the faults that a download meets.

    python -m support.https_files FOLDER CERTIFICATE KEY

prints its port. `/files/NAME` gives a file; `/breaks/NAME` half of what is asked for, then hangs up;
`/breaks-once/NAME` that the first time; `/leads/NAME` leads to `/files/NAME`; `/leads-out/NAME` to HTTP;
`/circle/NAME` to itself; `/long/NAME` says that it is far longer than the disk. `/asked` lists the paths that
were asked for, with their ranges.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAR_TOO_LONG = 1 << 50


class Files(BaseHTTPRequestHandler):
    """Answers by the first word of the path."""

    folder: Path
    asked: list[str]
    broken: set[str]

    def do_GET(self) -> None:
        _, way, *rest = self.path.split("/")
        name = rest[-1] if rest else ""
        if way == "asked":
            self._text("\n".join(self.asked))
            return
        self.asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
        if way == "leads":
            self._lead(f"/files/{'/'.join(rest)}")
        elif way == "leads-out":
            self._lead(f"http://127.0.0.1:{self.server.server_port}/{name}")
        elif way == "circle":
            self._lead(self.path)
        elif not (self.folder / name).is_file():
            self.send_error(404)
        else:
            self._file(way, (self.folder / name).read_bytes())

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""

    def _file(self, way: str, content: bytes) -> None:
        mark = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted.group(1)) if wanted and self.headers.get("If-Range") == mark else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", mark)
        length = FAR_TOO_LONG if way == "long" else len(content) - start
        self.send_header("Content-Length", str(length))
        self.end_headers()
        breaks = way == "breaks" or (way == "breaks-once" and self.path not in self.broken)
        self.broken.add(self.path)
        end = start + (len(content) - start) // 2 if breaks else len(content)
        self.wfile.write(content[start:end])

    def _lead(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _text(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def main(folder: str, certificate: str, key: str) -> None:
    """Serves until it is ended."""
    Files.folder, Files.asked, Files.broken = Path(folder), [], set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
