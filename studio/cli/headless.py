"""A session without a window: the engine is in this process, and waiting is all that remains."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from studio.cli.ending import JobFailed, WrongUse
from studio.engine import in_process
from studio.engine.client import Client
from studio.engine.protocol import (
    Answer,
    BuildArchitecture,
    Drawn,
    Event,
    Hello,
    Refused,
    Request,
)
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph import files
from studio.graph.catalog import UnknownKind, find_kind
from studio.graph.facts import ProjectFacts
from studio.graph.params import Value
from studio.graph.project import Project
from studio.graph.spec import Spec
from studio.paths import Paths
from studio.session.events import Noticed, SessionEvent
from studio.session.session import Session

T = TypeVar("T")
PAUSE_S = 0.004


class Headless:
    """Runs a `Session` for one command. What it notices as errors ends the command.

    >>> with Headless(paths) as studio:
    ...     studio.open(file)
    ...     facts = studio.facts()
    """

    def __init__(self, here: Paths) -> None:
        self._here = here
        self._errors: list[str] = []
        self.session = Session(self._connect, here)
        self.session.subscribe(self._listen)

    def __enter__(self) -> Headless:
        self.session.start()
        self._wait(lambda: self.session.hello)
        self._wait(lambda: self.session.catalog.layers)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.let_go()
        self.session.close()

    def _connect(self, role: str) -> Client:
        packs = tuple(str(folder) for folder in self._here.plugin_folders)
        return in_process.connect(
            Service(
                Setup(packs=packs, cache=str(self._here.cache), datasets=str(self._here.datasets))
            )
        )

    def _listen(self, event: SessionEvent) -> None:
        if isinstance(event, Noticed) and event.severity != "info":
            self._errors.append(event.text)

    @property
    def hello(self) -> Hello:
        """Who the engine is and what devices it has."""
        assert self.session.hello is not None
        return self.session.hello

    def open(self, file: Path, trust: bool | None = None) -> None:
        """Open a project file for reading; it may be open in a window at the same time.

        Code of its own is run only where the person has trusted it before, or says so now with `trust`;
        without a word on it, such a file is opened all the same, and that code is not run.

        Raises: WrongUse, when there is no such file; JobFailed, when it cannot be read or trusted.
        """
        if not file.exists():
            raise WrongUse(f"There is no file {file}. Make one with neuroloom new.")
        try:
            loaded = files.load(file, self._here.backups)
        except files.FileProblem as problem:
            raise JobFailed(str(problem)) from None
        if loaded.readonly:
            print(f"neuroloom: {loaded.readonly}", file=sys.stderr)
        self.session.new(loaded.project, str(file.resolve()))
        if trust is not None:
            self.check_trust(str(file), trust)

    def check_trust(self, name: str, trust: bool) -> None:
        """Refuse code that nobody has agreed to run; with `trust` it is, for this command only.

        Raises: JobFailed.
        """
        if trust:
            self.session.code.trust(self.session.code.untrusted, keep=False)
        pieces = self.session.code.untrusted
        if pieces:
            nodes = ", ".join(sorted({piece.node.name for piece in pieces}))
            raise JobFailed(
                f"{name} brings Python code of its own (in {nodes}), which nobody here has agreed to run. "
                "It could do whatever you can. Read it first, in the window or with a text editor; then "
                "add --trust to run it this time, or trust the file in the window."
            )

    def facts(self) -> ProjectFacts:
        """Return the shapes, cost and problems of the document as it is now."""
        self._wait(lambda: self.session.facts if self.session.settled else None)
        assert self.session.facts is not None
        return self.session.facts

    def ask(
        self,
        request: Request,
        expected: type[T],
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Return the workbench's answer.

        Raises: JobFailed, with the engine's sentence.
        """
        answers: list[Answer] = []
        refusals: list[Refused] = []
        self.session.ask(request, answers.append, refusals.append, on_event)
        self._wait(lambda: answers or refusals)
        if refusals:
            raise JobFailed(refusals[0].message)
        if not isinstance(answers[0], expected):
            raise TypeError(f"expected {expected.__name__}, received {type(answers[0]).__name__}")
        return answers[0]

    def draw(self, kind: str, params: Mapping[str, Value]) -> Project:
        """Draw an architecture into the document and return the project."""
        drawn = self.ask(BuildArchitecture(kind, dict(params)), Drawn).project
        self.session.do(self.session.as_edit(drawn, kind))
        self.raise_errors()
        return self.session.document.project

    def find(self, specs: Mapping[str, Spec], text: str, noun: str) -> str:
        """Return the kind that `text` names.

        Raises: WrongUse.
        """
        try:
            return find_kind(specs, text, noun)
        except UnknownKind as unknown:
            raise WrongUse(str(unknown.args[0])) from None

    def events(self, done: Callable[[], bool]) -> Iterator[None]:
        """Pump until `done`, yielding in between."""
        while not done():
            self.session.pump()
            yield
            time.sleep(PAUSE_S)

    def _wait(self, ready: Callable[[], object]) -> None:
        """Pump until `ready`, or until the session notices an error.

        Raises: JobFailed.
        """
        for _ in self.events(lambda: bool(ready() or self._errors)):
            pass
        self.raise_errors()

    def raise_errors(self) -> None:
        """Raise what the session has noticed since the last time.

        Raises: JobFailed.
        """
        if self._errors:
            sentence, self._errors = self._errors[0], []
            raise JobFailed(sentence)


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Turn the system's complaints about `file` into a sentence."""
    try:
        yield
    except OSError as error:
        raise JobFailed(f"{file} cannot be written: {error.strerror or error}.") from None
