"""Wires carry frames between a client and an engine: a pair of queues, or two byte streams."""

from __future__ import annotations

import contextlib
import queue
import struct
import threading
from typing import IO, Protocol

from studio.engine.arrays import MAX_ARRAY, MAX_ARRAYS, MAX_BODY, Frame
from studio.engine.values import ProtocolError

_MAGIC = b"NLM1"
_HEAD = struct.Struct("<4sIH")


class Wire(Protocol):
    """One side's end. `send` may be called from any thread and never waits for the other side."""

    def send(self, frame: Frame) -> None:
        """Put a frame on its way; after `close` or the other side's end it is dropped."""

    def receive(self) -> Frame | None:
        """Wait for the next frame; None once there is no other side any more.

        Raises: ProtocolError for bytes that are no frame; nothing can be received after it.
        """

    def close(self) -> None:
        """End the connection; a waiting `receive` returns None."""


class QueueWire:
    """One end of a pair within a process."""

    def __init__(self, inbox: queue.SimpleQueue[Frame | None]) -> None:
        self._inbox = inbox
        self._outbox = inbox
        self._closed = False

    @classmethod
    def pair(cls) -> tuple[QueueWire, QueueWire]:
        """Return two connected ends."""
        one, other = cls(queue.SimpleQueue()), cls(queue.SimpleQueue())
        one._outbox, other._outbox = other._inbox, one._inbox
        return one, other

    def send(self, frame: Frame) -> None:
        if not self._closed:
            # The receiver must not see a buffer that the sender may still write to.
            copies = tuple(bytes(buffer) for buffer in frame.buffers)
            self._outbox.put(Frame(frame.body, copies))

    def receive(self) -> Frame | None:
        frame = None if self._closed else self._inbox.get()
        if frame is None:
            self._closed = True
        return frame

    def close(self) -> None:
        self._closed = True
        self._outbox.put(None)
        self._inbox.put(None)


class StreamWire:
    """Frames over a pair of byte streams: a child's pipes, a process's own standard streams.

    A thread of its own writes, so that a window never waits for a busy engine, nor training for a
    busy window. Each stream is closed by the thread that uses it.
    """

    def __init__(self, reading: IO[bytes], writing: IO[bytes]) -> None:
        self._reading = reading
        self._writing = writing
        self._outbox: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="engine-writer", daemon=True)
        self._writer.start()

    def send(self, frame: Frame) -> None:
        self._outbox.put(frame)

    def receive(self) -> Frame | None:
        if self._reading.closed:
            return None
        frame: Frame | None = None
        try:
            frame = read_frame(self._reading)
        except OSError:
            pass  # the other side broke off, which is an end like any other
        finally:
            if frame is None:
                self._reading.close()
        return frame

    def close(self) -> None:
        """Close the writing side once what waits is written; does not wait for that."""
        self._outbox.put(None)

    def drained(self, timeout_s: float) -> bool:
        """After `close`: wait until everything is written, and tell whether it is."""
        self._writer.join(timeout_s)
        return not self._writer.is_alive()

    def _write(self) -> None:
        broken = False
        while (frame := self._outbox.get()) is not None:
            if broken:
                continue
            try:
                write_frame(self._writing, frame)
            except OSError:
                broken = True  # the reading side sees the end, and says so
        with contextlib.suppress(OSError):
            self._writing.close()


def write_frame(stream: IO[bytes], frame: Frame) -> None:
    """Write one frame and flush."""
    head = [_HEAD.pack(_MAGIC, len(frame.body), len(frame.buffers))]
    head += [struct.pack("<Q", memoryview(buffer).nbytes) for buffer in frame.buffers]
    stream.write(b"".join([*head, frame.body]))
    for buffer in frame.buffers:
        stream.write(buffer)
    stream.flush()


def read_frame(stream: IO[bytes]) -> Frame | None:
    """Read one frame; None at the end of the stream, also in the middle of a frame.

    Raises: ProtocolError for bytes that are no frame, or one that is larger than allowed.
    """
    head = _read(stream, _HEAD.size)
    if head is None:
        return None
    magic, body_size, count = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise ProtocolError(f"A frame starts with {_MAGIC!r}, but got {bytes(magic)!r}.")
    if body_size > MAX_BODY or count > MAX_ARRAYS:
        raise ProtocolError(
            f"A frame may have {MAX_BODY} bytes and {MAX_ARRAYS} arrays, "
            f"but this one has {body_size} and {count}."
        )
    table = _read(stream, 8 * count)
    if table is None:
        return None
    sizes = struct.unpack(f"<{count}Q", table)
    if sum(sizes) > MAX_ARRAY:
        raise ProtocolError(f"A frame's arrays may have {MAX_ARRAY} bytes, but have {sum(sizes)}.")
    body = _read(stream, body_size)
    buffers = [None if body is None else _read(stream, size) for size in sizes]
    if body is None or None in buffers:
        return None
    return Frame(bytes(body), tuple(buffer for buffer in buffers if buffer is not None))


def _read(stream: IO[bytes], size: int) -> bytearray | None:
    raw = bytearray(size)
    view, filled = memoryview(raw), 0
    while filled < size:
        count = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            return None
        filled += count
    return raw
