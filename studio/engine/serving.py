"""The engine's side of a wire: messages in to a handler, its answers and events out. No torch."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable
from typing import Protocol

from studio.engine.arrays import Frame, Unpacker, pack
from studio.engine.pool import Pool
from studio.engine.protocol import Answer, Ask, Cancel, Event, Refused, Reply, ToEngine
from studio.engine.values import ProtocolError
from studio.engine.wires import Wire

#: Sends an answer, a refusal or an event of one request; any thread may call it.
Respond = Callable[[Answer | Refused | Event], None]


class Handler(Protocol):
    """What an engine does with requests. None of these may wait long: work is done in its threads."""

    def take(self, ask: Ask, respond: Respond) -> None:
        """Begin with a request; `respond` gets events and, last, one answer or refusal."""

    def cancel(self, number: int) -> None:
        """Give up the request with this id, if it is still under way."""

    def close(self) -> None:
        """End everything that is under way and every thread."""

    @property
    def at_work(self) -> bool:
        """Whether something would be lost if the process ended without `close`."""


def serve(
    wire: Wire,
    make_handler: Callable[[], Handler],
    pool: Pool | None = None,
    on_end: Callable[[Handler | None], None] | None = None,
) -> None:
    """Answer messages until the other side ends.

    Messages are read from the beginning, while the handler is still being made (importing torch
    takes a second), so that the end of the other side is seen at any time; `on_end` is then called
    at once, from another thread, with the handler if there is one already.
    """
    handler: Handler | None = None
    inbox: queue.SimpleQueue[ToEngine | None] = queue.SimpleQueue()

    def respond_to(number: int) -> Respond:
        return lambda body: wire.send(pack_reply(number, body, pool))

    def read() -> None:
        unpacker: Unpacker[ToEngine] = Unpacker(ToEngine, pool)
        try:
            while (frame := wire.receive()) is not None:
                try:
                    inbox.put(unpacker.unpack(frame))
                except ProtocolError as error:
                    number = unpacker.id_of(frame)
                    if number is not None:
                        respond_to(number)(Refused(str(error)))
        except ProtocolError:
            wire.close()  # the stream cannot be followed any more
        finally:
            inbox.put(None)
            if on_end is not None:
                on_end(handler)

    reader = threading.Thread(target=read, name="engine-inbox", daemon=True)
    reader.start()
    handler = make_handler()
    try:
        while (message := inbox.get()) is not None:
            if isinstance(message, Cancel):
                handler.cancel(message.id)
            else:
                respond = respond_to(message.id)
                try:
                    handler.take(message, respond)
                except Exception as error:
                    respond(failure(error))
    finally:
        handler.close()
        reader.join()


def pack_reply(number: int, body: Answer | Refused | Event, pool: Pool | None) -> Frame:
    """Return the reply as a frame; one that cannot be sent becomes a refusal that says so."""
    try:
        return pack(Reply(number, body), pool)
    except (TypeError, ValueError, OverflowError) as error:
        return pack(Reply(number, failure(error)))


def failure(error: BaseException) -> Refused:
    """Return an unexpected exception as a refusal: one sentence, and the traceback as details."""
    text = str(error).strip().splitlines()
    sentence = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    return Refused(
        f"The engine could not do this. {sentence}",
        details="".join(traceback.format_exception(error)),
    )
