"""Published data sets: fetched from a server that breaks off, lies, refuses or is not there."""

from __future__ import annotations

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from studio.data import published as sets
from studio.data.download import Cancelled, Remote, fetch, missing
from studio.data.source import DataProblem

CONTENT = bytes(range(256)) * 2000


class Host:
    """Serves `files`; `cut` bytes are the most of one answer, `ranges` whether parts can be asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.ranges = True
        self.asked: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range", "")
                host.asked.append(wanted)
                content = host.files.get(self.path.rpartition("/")[2])
                if content is None:
                    self.send_error(404)
                    return
                start = int(wanted[6:-1]) if wanted and host.ranges else 0
                rest = content[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest[: host.cut])

            def log_message(self, format: str, *values: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def remote(self, name: str = "a.bin", content: bytes = CONTENT) -> Remote:
        self.files[name] = content
        return Remote((self.url + name,), len(content), hashlib.md5(content).hexdigest())


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def bring(files: tuple[Remote, ...], folder: Path) -> list[tuple[int, int, str]]:
    told: list[tuple[int, int, str]] = []
    fetch(files, folder, lambda *what: told.append(what), lambda: False)
    return told


def test_files_arrive_whole_with_progress_and_are_not_fetched_twice(
    host: Host, tmp_path: Path
) -> None:
    files = (host.remote(), host.remote("b.bin", CONTENT[:1000]))
    told = bring(files, tmp_path / "set")
    assert (tmp_path / "set" / "a.bin").read_bytes() == CONTENT
    assert not missing(files, tmp_path / "set")
    total = len(CONTENT) + 1000
    assert [one[0] for one in told] == sorted(one[0] for one in told)
    assert told[-1] == (total, total, "")
    host.asked.clear()
    bring(files, tmp_path / "set")
    assert host.asked == []


def test_a_broken_connection_goes_on_where_it_broke_off(host: Host, tmp_path: Path) -> None:
    file, host.cut = host.remote(), 100_000
    with pytest.raises(DataProblem, match=r"broke off with 412000 bytes to come.*goes on where"):
        bring((file,), tmp_path)
    assert missing((file,), tmp_path) == (file,)
    host.cut = None
    bring((file,), tmp_path)
    assert host.asked[-1] == "bytes=100000-"
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_server_without_parts_begins_again(host: Host, tmp_path: Path) -> None:
    file, host.ranges = host.remote(), False
    (tmp_path / "a.bin.part").write_bytes(b"x" * 5000)
    bring((file,), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("other", [CONTENT[::-1], CONTENT + b"more"], ids=["other", "longer"])
def test_another_file_than_announced_is_never_kept(
    host: Host, tmp_path: Path, other: bytes
) -> None:
    file = host.remote()
    host.files["a.bin"] = other
    if len(other) > len(CONTENT):
        bring((file,), tmp_path)  # what follows the announced size is not taken
        assert (tmp_path / "a.bin").read_bytes() == CONTENT
        return
    with pytest.raises(DataProblem, match="MD5"):
        bring((file,), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_second_address_serves_where_the_first_does_not(host: Host, tmp_path: Path) -> None:
    file = host.remote()
    bring((replace(file, urls=(host.url + "gone/none.bin", *file.urls)),), tmp_path)
    assert (tmp_path / "none.bin").read_bytes() == CONTENT  # under the first address's name


def test_without_a_network_a_sentence_says_so(host: Host, tmp_path: Path) -> None:
    nowhere = Remote(("http://127.0.0.1:9/a.bin",), 5, "0")
    with pytest.raises(DataProblem, match=r"no connection.*Check the network.*put the file into"):
        bring((nowhere,), tmp_path)
    host.remote()
    missing_there = Remote((host.url + "other.bin",), 5, "0")
    with pytest.raises(DataProblem, match="answered 404"):
        bring((missing_there,), tmp_path)


def test_cancelling_keeps_what_has_come(host: Host, tmp_path: Path) -> None:
    file, chunks = host.remote(), [0]

    def enough() -> bool:
        chunks[0] += 1
        return chunks[0] > 2

    with pytest.raises(Cancelled):
        fetch((file,), tmp_path, lambda *what: None, enough)
    part = tmp_path / "a.bin.part"
    assert 0 < part.stat().st_size < len(CONTENT)
    assert CONTENT.startswith(part.read_bytes())


def test_a_folder_that_cannot_be_written_is_named(host: Host, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataProblem, match=r"file.*cannot be written"):
        bring((host.remote(),), tmp_path / "file" / "set")


# ---------------------------------------------------------------------------------- what they hold


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def write_mnist(folder: Path) -> None:
    folder.mkdir(parents=True)
    for part, count in (("train", 600), ("t10k", 100)):
        labels = np.arange(count) % 10
        images = np.broadcast_to(labels[:, None, None], (count, 28, 28)) * 20
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels))


def test_the_published_division_is_kept(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    source = sets.published_sources(tmp_path)["published.mnist"]
    loaded = source.load({"validation": 100}, tmp_path)
    assert loaded.inputs.shape == (700, 1, 28, 28)
    assert loaded.parts is not None
    train, validation, test = loaded.parts
    assert (len(train), len(validation), len(test)) == (500, 100, 100)
    assert test.tolist() == list(range(600, 700))
    assert float(loaded.inputs[9].max()) == pytest.approx(180 / 255)


@pytest.mark.parametrize("each", sets.PUBLISHED, ids=lambda each: each.name)
def test_what_is_not_here_says_how_to_get_it(each: sets.Published, tmp_path: Path) -> None:
    source = sets.published_sources(tmp_path)[each.kind]
    assert source.spec.download == each.size == sum(file.size for file in each.files)
    with pytest.raises(DataProblem, match=f"Press Download.*neuroloom download {each.name}"):
        source.load({"validation": 5000}, tmp_path)
    for file in each.files:
        assert len(file.md5) == 32
        assert {url.rpartition("/")[2] for url in file.urls} == {file.name}
