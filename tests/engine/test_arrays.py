"""What is packed comes out the same; what is hostile is refused in words and breaks nothing."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from studio.engine import arrays, wires
from studio.engine import protocol as p
from studio.engine.arrays import Frame, Unpacker, pack
from studio.engine.pool import Pool
from studio.engine.values import MAX_DEPTH, MAX_TEXT, ProtocolError
from studio.graph.graph import Graph, Node
from studio.graph.project import Project, Sheet

UNPACKERS = (Unpacker(p.ToEngine), Unpacker(p.Reply))
DTYPES = [np.dtype(text) for text in sorted(arrays.DTYPES)]

numbers = hnp.arrays(
    st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
plain = st.recursive(
    scalars | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


def there_and_back(message: object, kind: object, pool: Pool | None = None) -> object:
    stream = io.BytesIO()
    wires.write_frame(stream, pack(message, pool))
    stream.seek(0)
    frame = wires.read_frame(stream)
    assert frame is not None
    assert wires.read_frame(stream) is None
    return Unpacker(kind, pool).unpack(frame)


@given(numbers, numbers)
@settings(max_examples=50, deadline=None)
def test_arrays_come_out_bit_for_bit(outputs: np.ndarray, targets: np.ndarray) -> None:
    reply = p.Reply(7, p.Predictions("validation", outputs, targets))
    body = there_and_back(reply, p.Reply).body
    for sent, got in ((outputs, body.outputs), (targets, body.targets)):
        assert got.dtype == sent.dtype
        assert got.shape == sent.shape
        assert got.tobytes() == sent.tobytes()
        assert not got.flags.writeable


@given(st.dictionaries(st.text(max_size=8), plain, max_size=4))
@settings(max_examples=50, deadline=None)
def test_values_come_out_as_they_went_in(params: dict) -> None:
    node = Node("a", "torch.nn.Conv2d", "conv1", params)
    project = Project({"main": Sheet(Graph({"a": node}))})
    ask = there_and_back(p.Ask(1, p.Infer(3, project)), p.ToEngine)
    assert ask == p.Ask(1, p.Infer(3, project))
    assert repr(ask.body.project) == repr(project)  # == takes 1 for 1.0 and True


def test_strided_and_foreign_arrays_are_made_plain() -> None:
    grid = np.arange(24, dtype=">i4").reshape(4, 6)[::2, ::-1].T
    got = there_and_back(p.Reply(1, p.Predictions("test", grid, grid)), p.Reply).body.outputs
    assert got.dtype == np.dtype("<i4")
    assert got.tolist() == grid.tolist()


def test_arrays_of_objects_are_not_sent() -> None:
    with pytest.raises(TypeError, match="Arrays of numbers"):
        pack(p.Reply(1, p.Predictions("test", np.array([object()]), np.zeros(1))))


def test_large_arrays_go_through_shared_memory_and_leave_nothing(tmp_path) -> None:
    ours, theirs = Pool(tmp_path, owned=True), Pool(tmp_path, owned=False)
    large = np.arange(100_000, dtype=np.float32).reshape(10, -1)
    small = np.arange(10)
    frame = pack(p.Reply(1, p.Predictions("test", large, small)), theirs)
    assert len(list(tmp_path.iterdir())) == 1
    assert [len(memoryview(buffer)) for buffer in frame.buffers] == [small.nbytes]
    body = Unpacker(p.Reply, ours).unpack(frame).body
    assert np.array_equal(body.outputs, large)
    assert np.array_equal(body.targets, small)
    assert list(tmp_path.iterdir()) == []


def test_a_full_shared_memory_falls_back_to_the_pipe(tmp_path) -> None:
    gone = Pool(tmp_path / "gone", owned=False)
    large = np.arange(100_000, dtype=np.float32)
    frame = pack(p.Reply(1, p.Predictions("test", large, large)), gone)
    assert len(frame.buffers) == 2
    assert np.array_equal(Unpacker(p.Reply).unpack(frame).body.outputs, large)


# ------------------------------------------------------------------------------------ hostile ones


def slot(dtype="<f4", shape=(4,), buffer=0, shared="") -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(1, msgspec.msgpack.encode([dtype, shape, buffer, shared]))


def predictions(outputs: object, targets: object = None) -> bytes:
    body = {"type": "Predictions", "split": "test", "outputs": outputs, "targets": targets}
    return msgspec.msgpack.encode({"type": "Reply", "id": 1, "body": body})


GOOD = bytes(16)


@pytest.mark.parametrize(
    ("outputs", "buffers", "words"),
    [
        (slot(dtype="|O"), [GOOD], "array of numbers"),
        (slot(dtype="<f4,<f4"), [GOOD], "array of numbers"),
        (slot(dtype="x" * 100_000), [GOOD], "array of numbers"),
        (slot(shape=(-1, -4)), [GOOD], "shape"),
        (slot(shape=(1,) * 40), [GOOD], "shape"),
        (slot(shape=(2**31, 2**31)), [GOOD], "bytes"),
        (slot(shape=(5,)), [GOOD], "20 bytes was expected, but got 16"),
        (slot(shape=(3,)), [GOOD], "12 bytes was expected, but got 16"),
        (slot(buffer=1), [GOOD], "buffer 1"),
        (slot(buffer=-1), [GOOD], "buffer -1"),
        (slot(shared="a1"), [GOOD], "Shared memory"),
        ("text", [GOOD], "An array was expected"),
        (None, [GOOD], "An array was expected"),
        (msgspec.msgpack.Ext(1, b"\xc1"), [GOOD], "could not be read"),
        (msgspec.msgpack.Ext(9, b""), [GOOD], "extension 9"),
    ],
)
def test_hostile_arrays_are_refused(outputs: object, buffers: list, words: str) -> None:
    frame = Frame(predictions(outputs, slot()), tuple(buffers))
    with pytest.raises(ProtocolError, match=words):
        Unpacker(p.Reply).unpack(frame)


def test_one_buffer_is_one_array() -> None:
    with pytest.raises(ProtocolError, match="buffer 0"):
        Unpacker(p.Reply).unpack(Frame(predictions(slot(), slot()), (GOOD,)))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a", "a1/../x", "c1", "", "a" * 99])
def test_shared_memory_is_only_the_pools_own(tmp_path, name: str) -> None:
    (tmp_path / "secret").write_bytes(GOOD)
    pool = Pool(tmp_path / "pool", owned=True)
    pool.folder.mkdir()
    with pytest.raises(ProtocolError):
        Unpacker(p.Reply, pool).unpack(Frame(predictions(slot(buffer=-1, shared=name)), ()))
    assert (tmp_path / "secret").exists()


def test_shared_memory_does_not_follow_links(tmp_path) -> None:
    (tmp_path / "secret").write_bytes(GOOD)
    (tmp_path / "a1").symlink_to(tmp_path / "secret")
    frame = Frame(predictions(slot(shared="a1"), slot()), (GOOD,))
    with pytest.raises(ProtocolError):
        Unpacker(p.Reply, Pool(tmp_path, owned=True)).unpack(frame)


def nested(depth: int) -> bytes:
    project = {"data": {"params": {"a": msgspec.Raw(b"\x91" * depth + b"\x01")}}}
    body = {"type": "Infer", "revision": 1, "project": project}
    return msgspec.msgpack.encode({"type": "Ask", "id": 1, "body": body})


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 1_000_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(ProtocolError, match="deep"):
        Unpacker(p.ToEngine).unpack(Frame(nested(depth)))


def test_long_texts_and_odd_values_are_refused() -> None:
    def ask(value: object) -> Frame:
        body = {"type": "BuildArchitecture", "kind": "k", "params": {"a": value}}
        return Frame(msgspec.msgpack.encode({"type": "Ask", "id": 1, "body": body}))

    unpacker: Unpacker[p.ToEngine] = Unpacker(p.ToEngine)
    for value in ("x" * (MAX_TEXT + 1), b"bytes", {1: 2}, msgspec.msgpack.Ext(5, b"x")):
        with pytest.raises(ProtocolError):
            unpacker.unpack(ask(value))
    assert unpacker.unpack(ask("fine")).id == 1  # and it goes on working


def test_oversized_messages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MAX_BODY", 1000)
    with pytest.raises(ProtocolError, match="1000 bytes"):
        pack(p.Ask(1, p.BuildArchitecture("k" * 1000)))
    with pytest.raises(ProtocolError, match="1000 bytes"):
        Unpacker(p.ToEngine).unpack(Frame(b"x" * 1001))
    with pytest.raises(ProtocolError, match="arrays"):
        Unpacker(p.ToEngine).unpack(Frame(b"", (b"",) * (arrays.MAX_ARRAYS + 1)))


@given(st.binary(max_size=200), st.lists(st.binary(max_size=20), max_size=2))
@settings(deadline=None)
def test_any_bytes_are_refused(body: bytes, buffers: list[bytes]) -> None:
    for unpacker in UNPACKERS:
        with pytest.raises(ProtocolError):
            unpacker.unpack(Frame(body, tuple(buffers)))
        unpacker.id_of(Frame(body))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_message_with_flipped_bytes_is_read_or_refused(data: st.DataObject) -> None:
    values = np.arange(4, dtype=np.float32)
    whole = bytearray(predictions(slot(), slot(buffer=1)))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        reply = UNPACKERS[1].unpack(Frame(bytes(whole), (values.tobytes(), values.tobytes())))
    except ProtocolError:
        return
    assert isinstance(reply, p.Reply)


# ------------------------------------------------------------------------------------------ streams


def head(magic=b"NLM1", body=10, count=0, sizes=()) -> bytes:
    table = b"".join(size.to_bytes(8, "little") for size in sizes)
    return magic + body.to_bytes(4, "little") + count.to_bytes(2, "little") + table


@pytest.mark.parametrize(
    "raw",
    [
        b"Traceback (most recent call last)",
        head(body=arrays.MAX_BODY + 1),
        head(count=arrays.MAX_ARRAYS + 1),
        head(count=2, sizes=(arrays.MAX_ARRAY, 1)),
        head(count=1, sizes=(2**64 - 1,)),
    ],
)
def test_bytes_that_are_no_frame_are_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        wires.read_frame(io.BytesIO(raw + bytes(100)))


@given(st.integers(min_value=0))
@settings(deadline=None)
def test_a_cut_frame_is_the_end(cut: int) -> None:
    stream = io.BytesIO()
    wires.write_frame(stream, Frame(b"body", (b"one", b"two")))
    raw = stream.getvalue()
    assert wires.read_frame(io.BytesIO(raw[: cut % len(raw)])) is None
