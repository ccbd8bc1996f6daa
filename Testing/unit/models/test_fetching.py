"""Fetching weights from a real HTTPS server in a process of its own, whole and broken; and published weights
that become engines that way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused, TooLarge
from AmlartContourLib.contract.home import HOME_VARIABLE
from inference_backend.cli import app
from inference_backend.models.fetching import CHUNK, Fetched, Wanted, fetch
from inference_backend.models.licences import accepted
from inference_backend.models.pack import read_pack
from inference_backend.models.published import PUBLISHED, found_here, published, require_here
from inference_backend.models.store import bundle_folder, own_packs
from support.nnunet_folders import Folder, make_folder

TESTING = Path(__file__).parents[2]
CONTENT = os.urandom(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FAST = published("totalsegmentator:total-3mm")


@dataclass(frozen=True)
class Server:
    """The server's process: where it is, what it gives, and the certificate that it is trusted by."""

    url: str
    folder: Path
    certificate: Path

    def asked(self) -> list[str]:
        """Paths with their ranges, in order."""
        answer = requests.get(f"{self.url}/asked", verify=str(self.certificate), timeout=20)
        return answer.text.splitlines()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a certificate that signs itself, for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    place = tmp_path_factory.mktemp("https")
    certificate, key, folder = place / "cert.pem", place / "key.pem", place / "files"
    folder.mkdir()
    (folder / "weights.zip").write_bytes(CONTENT)
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=files"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    command = [sys.executable, "-m", "support.https_files", str(folder), str(certificate), str(key)]
    with subprocess.Popen(command, cwd=TESTING, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Server(f"https://127.0.0.1:{port}", folder, certificate)
        process.terminate()


@pytest.fixture(autouse=True)
def _without_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own server is asked, whatever proxies this machine has; and a home of its own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def get(server: Server, way: str, folder: Path, **changes: object) -> Fetched:
    """Fetches the file in one of the server's ways."""
    wanted = Wanted(f"{server.url}/{way}/weights.zip", ca_file=server.certificate, **changes)  # type: ignore[arg-type]
    return fetch(wanted, folder / "weights.zip", lambda _f, _s: None)


@pytest.mark.parametrize("way", ["files", "leads"])
def test_a_file_comes_whole_with_its_hash(server: Server, tmp_path: Path, way: str) -> None:
    told: list[float] = []
    wanted = Wanted(f"{server.url}/{way}/weights.zip", DIGEST, ca_file=server.certificate)
    found = fetch(wanted, tmp_path / "weights.zip", lambda f, _s: told.append(f))
    assert (found.sha256, found.bytes, found.path.read_bytes()) == (DIGEST, len(CONTENT), CONTENT)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["weights.zip"]


def test_a_download_that_broke_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    found = get(server, "breaks-once", tmp_path)
    assert found.sha256 == DIGEST
    first, second = [line for line in server.asked() if "breaks-once" in line]
    assert first == "/breaks-once/weights.zip"
    start = int(second.partition(" bytes=")[2].rstrip("-"))
    assert len(CONTENT) // 2 - CHUNK <= start <= len(CONTENT) // 2


def test_a_later_command_goes_on_too_and_what_came_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="broke or was not made") as told:
        get(server, "breaks", tmp_path)
    assert "goes on where it was" in told.value.advice
    part = tmp_path / "weights.zip.part"
    came = part.stat().st_size
    assert len(CONTENT) // 2 - CHUNK <= came < len(CONTENT)
    assert part.read_bytes() == CONTENT[:came]
    mark = tmp_path / "weights.zip.part.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "url": f"{server.url}/files/weights.zip"}))
    assert get(server, "files", tmp_path).sha256 == DIGEST
    assert f"/files/weights.zip bytes={came}-" in server.asked()


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights.zip.part").write_bytes(b"of an older file")
    mark = {"url": f"{server.url}/files/weights.zip", "mark": '"older"'}
    (tmp_path / "weights.zip.part.json").write_text(json.dumps(mark))
    assert get(server, "files", tmp_path).sha256 == DIGEST


def test_another_hash_is_refused_and_the_file_removed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="is not what it must be"):
        get(server, "files", tmp_path, sha256="0" * 64)
    assert list(tmp_path.glob("weights*")) == []


def test_a_file_beyond_the_limit_or_the_disk_is_not_fetched(server: Server, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="are the most"):
        get(server, "files", tmp_path, limit=1000)
    with pytest.raises(TooLarge, match="free on the disk"):
        get(server, "long", tmp_path, limit=1 << 60)
    assert list(tmp_path.glob("weights*")) == []


def test_a_server_that_cannot_be_trusted_is_not_asked(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be trusted"):
        fetch(Wanted(f"{server.url}/files/weights.zip"), tmp_path / "weights.zip", lambda _f, _s: None)


@pytest.mark.parametrize(
    ("way", "told"),
    [("leads-out", "by https only"), ("circle", "without end"), ("nothing", "answers 404")],
)
def test_a_way_that_leads_nowhere_is_told(server: Server, tmp_path: Path, way: str, told: str) -> None:
    name = "gone.zip" if way == "nothing" else "weights.zip"
    wanted = Wanted(f"{server.url}/{way}/{name}", ca_file=server.certificate)
    with pytest.raises((BadSetting, InputRefused), match=told):
        fetch(wanted, tmp_path / name, lambda _f, _s: None)


def test_plain_http_and_a_missing_server_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="by https only"):
        fetch(Wanted("http://127.0.0.1:9/w.zip"), tmp_path / "w.zip", lambda _f, _s: None)
    with pytest.raises(InputRefused, match="broke or was not made"):
        fetch(Wanted("https://127.0.0.1:9/w.zip"), tmp_path / "w.zip", lambda _f, _s: None)


def test_a_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(InputRefused, match="proxy does not lead"):
        fetch(Wanted("https://weights.example/w.zip"), tmp_path / "w.zip", lambda _f, _s: None)


def put_published(server: Server, tmp_path: Path) -> str:
    """The zip of TotalSegmentator's 3 mm task on the server, with small random weights; its hash."""
    name = FAST.folders[0]
    trained = tmp_path / "made" / name / "nnUNetTrainer_4000epochs_NoMirroring__nnUNetPlans__3d_fullres"
    make_folder(trained, Folder(labels={"background": 0, "spleen": 1, "urinary_bladder": 2}))
    target = server.folder / f"{name}.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(trained.rglob("*")):
            archive.write(path, path.relative_to(tmp_path / "made"))
    return hashlib.sha256(target.read_bytes()).hexdigest()


def test_published_weights_are_fetched_added_and_their_licence_accepted(
    server: Server, tmp_path: Path
) -> None:
    digest = put_published(server, tmp_path)
    words = ["models", "download", FAST.name, "--id", "total", "--mirror", f"{server.url}/files"]
    words += ["--ca-file", str(server.certificate), "--by", "Dr A"]
    asked = CliRunner().invoke(app, words, input="n\n")
    assert asked.exit_code != 0
    assert "Apache-2.0" in asked.output
    assert own_packs() == ()
    done = CliRunner().invoke(app, words, input="y\n")
    assert done.exit_code == 0, done.output
    pack, given = read_pack(bundle_folder("total")), accepted(bundle_folder("total"))
    assert pack.structures == ("bladder",)
    assert (pack.origins[0].sha256, pack.origins[0].expected) == (digest, False)
    assert "its publisher gives none" in done.output.replace("\n", " ")
    assert given is not None
    assert given.by == "Dr A"
    text = (bundle_folder("total") / "licence.txt").read_text()
    assert "https://www.apache.org/licenses/LICENSE-2.0" in text
    assert not list((tmp_path / "home" / "downloads").iterdir())
    again = CliRunner().invoke(app, [*words, "--accept-licence"])
    assert again.exit_code != 0


def test_a_hash_that_is_told_is_required(server: Server, tmp_path: Path) -> None:
    digest = put_published(server, tmp_path)
    words = ["models", "download", FAST.name, "--id", "total", "--mirror", f"{server.url}/files"]
    words += ["--ca-file", str(server.certificate), "--accept-licence"]
    file = f"{FAST.folders[0]}.zip"
    for hashes in (f"{file}={'0' * 64}", f"other.zip={digest}", "nonsense"):
        assert CliRunner().invoke(app, [*words, "--sha256", hashes]).exit_code != 0
        assert own_packs() == ()
    assert CliRunner().invoke(app, [*words, "--sha256", f"{file}={digest}"]).exit_code == 0
    assert read_pack(bundle_folder("total")).origins[0].expected


def test_weights_that_lie_where_their_program_keeps_them_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH", raising=False)
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path / "total"))
    with pytest.raises(InputRefused, match="is not on this machine"):
        require_here(FAST)
    for name in FAST.folders:
        trained = tmp_path / "total" / "nnunet" / "results" / name / "nnUNetTrainer__nnUNetPlans__3d_fullres"
        make_folder(trained, Folder(labels={"background": 0, "urinary_bladder": 1}))
    assert len(found_here(FAST)) == 1
    listed = CliRunner().invoke(app, ["models", "published", "--json"])
    assert {row["name"]: row["here"] for row in json.loads(listed.stdout)["published"]}[FAST.name]
    added = CliRunner().invoke(app, ["models", "add", FAST.name, "--id", "total"])
    assert added.exit_code == 0, added.output
    pack = read_pack(bundle_folder("total"))
    assert pack.licence.startswith("Apache-2.0")
    assert pack.licence_text is not None


def test_cads_comes_under_the_licence_of_the_set_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADS_WEIGHTS_PATH", str(tmp_path / "cads"))
    for kept_in in ("open", "research"):
        for name in published("cads:open").folders:
            place = tmp_path / "cads" / kept_in / name / "nnUNetTrainerNoMirroring__nnUNetPlans__3d_fullres"
            labels = {"background": 0, "rectum" if "556" in name else f"other_{name}": 1}
            make_folder(place, Folder(labels=labels, mirrors=None))
    for kept_in in ("open", "research"):
        added = CliRunner().invoke(app, ["models", "add", f"cads:{kept_in}", "--id", kept_in])
        assert added.exit_code == 0, added.output
    terms = {one: read_pack(bundle_folder(one)).terms for one in ("open", "research")}
    assert terms["open"] == "CC BY-SA 4.0 (CADS, open weights)"
    assert terms["research"].endswith("(no commercial use)")


def test_every_published_set_says_its_licence_and_comes_by_https() -> None:
    for one in PUBLISHED:
        assert one.licence
        assert all(one.url(folder).startswith("https://github.com/") for folder in one.folders)
    assert published("cads:research").research_only
    with pytest.raises(BadSetting, match="No published weights"):
        published("totalsegmentator:heart")


@pytest.mark.peer
def test_totalsegmentators_own_list_names_the_same_files() -> None:
    pytest.importorskip("totalsegmentator", reason="TotalSegmentator is not installed")
    from totalsegmentator.map_tasks_config import TASK_ID_WEIGHTS_CONFIGS

    theirs = {row["foldername"]: row.get("version") for row in TASK_ID_WEIGHTS_CONFIGS.values()}
    ours = {
        folder: one.release for one in PUBLISHED if "totalsegmentator" in one.name for folder in one.folders
    }
    assert ours.items() <= theirs.items()
