"""Messages as bytes: msgpack for the message, raw buffers beside it for its arrays. No pickle.

A sender packs a message into a `Frame`; a receiver unpacks it and checks everything that it did not
write itself: sizes, depths, lengths, kinds of numbers. What cannot be read is a `ProtocolError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from studio.engine.pool import Pool
from studio.engine.values import ProtocolError, opener

#: Bytes of a message without its arrays; nothing inside it (a text, a list) can be longer.
MAX_BODY = 32 * 2**20
#: Bytes of one array, and the number of arrays in a message.
MAX_ARRAY = 2**31
MAX_ARRAYS = 4096
MAX_DIMENSIONS = 8
#: From this many bytes on an array goes through shared memory rather than through the pipe.
SHARED_FROM = 64 * 2**10

#: Kinds of numbers that may travel, as numpy writes them (little-endian).
DTYPES = frozenset(
    ["|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"]
)
_ARRAY = 1

Message = TypeVar("Message")


class Frame(NamedTuple):
    """A message's bytes and the buffers that go beside it."""

    body: bytes
    buffers: tuple[bytes | bytearray | memoryview, ...] = ()


class _Slot(Struct, frozen=True, array_like=True):
    """What stands in the message for an array: the buffer beside it, or a piece of shared memory."""

    dtype: str
    shape: tuple[int, ...]
    buffer: int = -1
    shared: str = ""


def pack(message: object, pool: Pool | None = None) -> Frame:
    """Return `message` as a frame; large arrays go into `pool` where there is one.

    Raises: TypeError for an array of things that are not numbers.
    """
    buffers: list[memoryview] = []

    def take_out(value: object) -> msgspec.msgpack.Ext:
        if isinstance(value, np.generic):
            value = np.asarray(value)
        if not isinstance(value, np.ndarray):
            raise TypeError(f"A message holds values and arrays, but got {type(value).__name__}.")
        array = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
        if array.dtype.str not in DTYPES:
            raise TypeError(f"Arrays of numbers can be sent, but got one of {array.dtype}.")
        raw = array.reshape(-1).view(np.uint8).data
        name = pool.put(raw) if pool is not None and raw.nbytes >= SHARED_FROM else ""
        slot = _Slot(array.dtype.str, array.shape, -1 if name else len(buffers), name)
        if not name:
            buffers.append(raw)
        return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode(slot))

    body = msgspec.msgpack.Encoder(enc_hook=take_out).encode(message)
    if len(body) > MAX_BODY:
        raise ProtocolError(f"A message may have {MAX_BODY} bytes, but this has {len(body)}.")
    return Frame(body, tuple(buffers))


class Unpacker(Generic[Message]):
    """Reads frames as messages of one type. One thread uses it at a time."""

    def __init__(self, message_type: Any, pool: Pool | None = None) -> None:
        self._pool = pool
        self._frame = Frame(b"")
        self._used: set[int] = set()
        self._open: Callable[[Any], Any] = opener(message_type)
        self._slots = msgspec.msgpack.Decoder(_Slot)
        self._messages: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
            message_type, dec_hook=self._expect_array, ext_hook=self._put_back
        )
        self._envelopes = msgspec.msgpack.Decoder(_Envelope)

    def unpack(self, frame: Frame) -> Message:
        """Return the message in `frame`; its arrays are read-only.

        Raises: ProtocolError.
        """
        if len(frame.body) > MAX_BODY or len(frame.buffers) > MAX_ARRAYS:
            raise ProtocolError(
                f"A message may have {MAX_BODY} bytes and {MAX_ARRAYS} arrays, but got "
                f"{len(frame.body)} and {len(frame.buffers)}."
            )
        self._frame, self._used = frame, set()
        try:
            message: Message = self._open(self._messages.decode(frame.body))
        except ProtocolError:
            raise
        except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, OSError) as error:
            raise ProtocolError(f"A message could not be read: {error}") from error
        except RecursionError:
            raise ProtocolError("A message could not be read: it is nested too deeply.") from None
        finally:
            self._frame = Frame(b"")
        return message

    def id_of(self, frame: Frame) -> int | None:
        """Return the id of a message that cannot be read otherwise, or None."""
        try:
            return self._envelopes.decode(frame.body).id
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None

    def _put_back(self, code: int, payload: memoryview) -> np.ndarray:
        if code != _ARRAY:
            raise ProtocolError(f"A message may hold arrays, but got an extension {code}.")
        slot = self._slots.decode(payload)
        if slot.dtype not in DTYPES:
            raise ProtocolError(f"An array of numbers was expected, but got {slot.dtype[:40]!r}.")
        if len(slot.shape) > MAX_DIMENSIONS or any(size < 0 for size in slot.shape):
            raise ProtocolError(f"An array's shape cannot be {slot.shape[:MAX_DIMENSIONS]}.")
        dtype = np.dtype(slot.dtype)
        size = math.prod(slot.shape) * dtype.itemsize
        if size > MAX_ARRAY:
            raise ProtocolError(f"An array may have {MAX_ARRAY} bytes, but got {size}.")
        raw = self._buffer(slot, size)
        if len(raw) != size:
            raise ProtocolError(f"An array of {size} bytes was expected, but got {len(raw)}.")
        array = np.frombuffer(raw, dtype).reshape(slot.shape)
        array.flags.writeable = False
        return array

    def _buffer(self, slot: _Slot, size: int) -> bytes | bytearray | memoryview:
        if slot.shared:
            if self._pool is None:
                raise ProtocolError("Shared memory was offered where there is none.")
            return self._pool.take(slot.shared, size)
        if not 0 <= slot.buffer < len(self._frame.buffers) or slot.buffer in self._used:
            raise ProtocolError(f"A message names buffer {slot.buffer}, which it does not have.")
        self._used.add(slot.buffer)
        return self._frame.buffers[slot.buffer]

    @staticmethod
    def _expect_array(kind: type, value: object) -> object:
        if kind is np.ndarray and isinstance(value, np.ndarray):
            return value
        raise ProtocolError(f"An array was expected, but got {type(value).__name__}.")


class _Envelope(Struct, frozen=True):
    """The part of a message that can be read when the rest cannot."""

    id: int
    body: msgspec.Raw = msgspec.Raw()
