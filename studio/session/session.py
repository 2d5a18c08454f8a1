"""One open document, its engines and its runs: what the window and the command line both use."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from studio import extensions
from studio.engine import protocol as p
from studio.engine import runs
from studio.engine.client import Client, Ticket
from studio.graph import files
from studio.graph.catalog import Catalog
from studio.graph.document import Document
from studio.graph.edits import AnyEdit, EditRefused, SetNetworks, SetWeights
from studio.graph.facts import ProjectFacts
from studio.graph.graph import Node
from studio.graph.kinds import spec_of
from studio.graph.params import Value
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.surgery import in_place, under
from studio.paths import Paths
from studio.session import continuing
from studio.session import events as e
from studio.session.block_shelf import BlockShelf
from studio.session.history import History
from studio.session.keeping import Keeper, Recoverable
from studio.session.own_code import OwnCode
from studio.session.recall import Recall
from studio.session.space import Space, clean_up, measure
from studio.session.stored import StoredRun, put_in_bin, read_history, read_stored
from studio.session.training import Training
from studio.session.trust import TrustStore
from studio.session.watching import Watching
from studio.session.workbench import Workbench

AUTOSAVE_SECONDS = 5.0
PACKS_SECONDS = 1.0
#: Plugins are ended by the engine itself when they take too long; one that holds even the engine up
#: has it ended after this many seconds. Data may be read first, which takes its time.
PLUGINS_LIMIT_S = 120.0

Listener = Callable[[e.SessionEvent], None]
Connect = Callable[[str], Client]


class Session:
    """Everything a person can do, for whatever shows it. All of it belongs to one thread.

    `connect(role)` gives a client of a fresh engine; `pump` delivers what engines have sent. Where
    `safe`, engines run neither code of projects nor plugins of the person's, and nothing is asked about it.
    """

    def __init__(
        self,
        connect: Connect,
        paths: Paths,
        catalog: Catalog | None = None,
        runs_root: Path | None = None,
        safe: bool = False,
    ) -> None:
        self.paths = paths
        self.safe = safe
        self.runs_root = runs_root or paths.runs
        self._listeners: list[Listener] = []
        self.document = Document()
        self.code = OwnCode(self, TrustStore(paths.trusted), self._tell, asks=not safe)
        self._training = Training(connect, self._tell, self.code.consent)
        self.watching = Watching(self, self._training, lambda: self.document.project, self._tell)
        self._recall = Recall(lambda: self._training.history, self._tell)
        self._workbench = Workbench(
            connect,
            self._tell,
            lambda: self.document.project,
            catalog or Catalog(),
            self.code,
        )
        self._keeper = Keeper(paths.autosave)
        self.shelf = BlockShelf(paths.blocks, self._tell)
        self._next_save = self._next_look = 0.0
        self._packs = ""
        self._watch_document()

    # ------------------------------------------------------------------------------------ listening

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every event from now on; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self, event: e.SessionEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def pump(self, budget_s: float = 0.010) -> None:
        """Deliver what the engines sent, keep unsaved work safe, look for changed packs."""
        self._workbench.pump(budget_s)
        self._training.pump(budget_s)
        self._recall.pump()
        now = time.monotonic()
        if now >= self._next_save:
            self._next_save = now + AUTOSAVE_SECONDS
            self._autosave()
        if now >= self._next_look:
            self._next_look = now + PACKS_SECONDS
            self._look_for_packs()
            self.shelf.look()

    def start(self) -> None:
        """Start the engines; they warm up while the caller goes on."""
        self._packs = extensions.fingerprint(self.paths.plugin_folders)
        self._workbench.start()
        self._training.warm()

    # --------------------------------------------------------------------------------- the document

    def do(self, edit: AnyEdit) -> bool:
        """Apply an edit; a refused one changes nothing and is told as a sentence."""
        try:
            self.document.do(edit)
        except EditRefused as refusal:
            self._tell(e.Noticed(str(refusal), "warning"))
            return False
        return True

    def undo(self) -> None:
        """Take the last edit back."""
        self.document.undo()

    def redo(self) -> None:
        """Bring the last undone edit again."""
        self.document.redo()

    def new(self, project: Project | None = None, path: str = "") -> None:
        """Show another document, and the newest run that was started from it."""
        self._keeper.forget()
        self._keeper.release()
        self.document = Document(project, path)
        self._watch_document()
        self._workbench.forget_facts()
        self._tell(e.DocumentOpened(self.document.project, path))
        self._tell_saved()
        self._show_newest_run()

    def open(self, path: Path) -> bool:
        """Open a project file, and the newest run that was started from it.

        A file that cannot be read is told as a sentence and changes nothing.
        """
        try:
            loaded = files.load(path, self.paths.backups)
        except files.FileProblem as problem:
            self._tell(e.Noticed(str(problem), "error"))
            return False
        path = path.resolve()
        self.new(loaded.project, str(path))
        self.document.readonly = loaded.readonly
        if loaded.readonly:
            self._tell(e.Noticed(loaded.readonly, "warning"))
        other = self._keeper.claim(path)
        if other:
            self._tell(
                e.Noticed(
                    f"{path.name} is open in another Neuroloom (process {other}). "
                    "Whoever saves last wins; save here under another name to keep both.",
                    "warning",
                )
            )
        return True

    def save(self, path: Path | None = None) -> bool:
        """Save the document, to `path` or where it came from; tells why where that fails."""
        target = path or (Path(self.document.path) if self.document.path else None)
        if target is None:
            self._tell(
                e.Noticed("This project has no file yet. Choose one with Save as.", "warning")
            )
            return False
        if self.document.readonly and str(target.resolve()) == self.document.path:
            self._tell(e.Noticed(self.document.readonly, "warning"))
            return False
        try:
            files.save(self.document.project, target, self.paths.backups)
        except files.FileProblem as problem:
            self._tell(e.Noticed(str(problem), "error"))
            return False
        target = target.resolve()
        if str(target) != self.document.path:
            self._keeper.claim(target)
            self.document.readonly = ""
        self.document.mark_saved(str(target))
        self._keeper.forget()
        self._tell_saved()
        return True

    def recoverable(self) -> tuple[Recoverable, ...]:
        """Return unsaved work that an earlier session left behind."""
        return self._keeper.left_behind()

    def recover(self, item: Recoverable) -> bool:
        """Open unsaved work again, still unsaved."""
        try:
            loaded = files.load(item.file)
        except files.FileProblem as problem:
            self._tell(e.Noticed(str(problem), "error"))
            return False
        self.new(loaded.project, item.document)
        self.document.mark_unsaved()
        self._autosave()
        self._keeper.discard(item)
        self._tell_saved()
        return True

    def discard(self, item: Recoverable) -> None:
        """Let unsaved work of an earlier session go."""
        self._keeper.discard(item)

    def spec(self, node: Node) -> LayerSpec | None:
        """Return what kind of node it is; None where its plugin is missing."""
        return spec_of(node, self.catalog.layers, self.document.project)

    def _watch_document(self) -> None:
        def changed(before: Project, after: Project, title: str) -> None:
            self._tell(e.DocumentChanged(before, after, title))
            self._tell_saved()
            self.watching.follow(before, after, self.document.path)
            if _computes_otherwise(before, after):
                self._workbench.ask_facts()

        self.document.subscribe(changed)

    def _tell_saved(self) -> None:
        self._tell(e.SavedChanged(self.document.path, self.document.edited))

    def _autosave(self) -> None:
        try:
            if self.document.edited:
                self._keeper.keep(self.document.project, self.document.path)
            else:
                self._keeper.forget()
        except OSError as error:
            self._next_save = time.monotonic() + 60
            self._tell(
                e.Noticed(
                    f"Unsaved work cannot be kept safe at the moment: {error.strerror}. "
                    "Save the project yourself, to a disk with free space.",
                    "warning",
                )
            )

    # -------------------------------------------------------------------------- the workbench engine

    def ask(
        self,
        request: p.Request,
        on_answer: Callable[[p.Answer], None],
        on_refused: Callable[[p.Refused], None] | None = None,
        on_event: Callable[[p.Event], None] | None = None,
        limit_s: float = math.inf,
    ) -> Ticket:
        """Ask the workbench engine; without `on_refused` a refusal is told as a sentence.

        An engine that has not answered after `limit_s` is ended and started again.
        """
        return self._workbench.ask(request, on_answer, on_refused, on_event, limit_s)

    def look_at_data(self) -> None:
        """Have the data read again: something outside the document has changed."""
        self._workbench.ask_facts()

    def draw(self, kind: str, params: dict[str, Value] | None = None) -> None:
        """Draw an architecture: its networks replace the present ones, as one undoable step.

        Its data and recipe come with it, unless the person's own files are chosen.
        """

        def drawn(answer: p.Answer) -> None:
            assert isinstance(answer, p.Drawn)
            self.do(self.as_edit(answer.project, kind))

        spec = self.catalog.architectures.get(kind)
        doing = f"{spec.title} (plugin {spec.pack}) was drawn" if spec else f"{kind} was drawn"
        request = p.BuildArchitecture(kind, params or {})
        self.ask(request, drawn, self._blames(doing), limit_s=PLUGINS_LIMIT_S)

    def as_edit(self, project: Project, kind: str) -> SetNetworks:
        """Return the edit that puts a drawn architecture in place of the present networks."""
        own_files = self.document.project.data.kind.startswith("files.")
        recipe = {
            name: getattr(project.recipe, name)
            for name in project.recipe.__struct_fields__
            if name not in ("device", "threads", "extra")
        }
        spec = self.catalog.architectures.get(kind)
        return SetNetworks(
            project.networks,
            project.blocks,
            None if own_files else project.data,
            recipe,
            spec.title if spec else kind,
        )

    def use_trust(self) -> None:
        """Let the engine know what code it may run now, and ask it again."""
        self._workbench.tell_consent()
        self._workbench.ask_facts()

    def import_network(
        self,
        path: str,
        options: dict[str, str] | None = None,
        agreed: bool = False,
        on_refused: Callable[[p.Refused], None] | None = None,
    ) -> Ticket:
        """Bring a network in from a file or an importable Python module, as one undoable step.

        Foreign Python runs only where the person `agreed`. What became of each part is told as `ImportDone`;
        a failure changes nothing.
        """

        def came(answer: p.Answer) -> None:
            assert isinstance(answer, p.Imported)
            self.take_import(answer, Path(path).stem)

        request = p.Import(path, str(self.paths.weights), options=options or {}, agreed=agreed)
        return self.ask(request, came, on_refused)

    def take_import(self, answer: p.Imported, name: str) -> None:
        """Put what came in in the place of the present networks, and tell its report."""
        project = answer.project
        edit = SetNetworks(project.networks, project.blocks, name=name, weights=answer.weights)
        if self.do(edit):
            self._tell(e.ImportDone(name, answer.report))

    def weight_names(
        self,
        path: str,
        on_answer: Callable[[p.WeightNames], None],
        on_refused: Callable[[p.Refused], None] | None = None,
    ) -> Ticket:
        """Ask what the network learns and what a file of weights holds."""

        def came(answer: p.Answer) -> None:
            assert isinstance(answer, p.WeightNames)
            on_answer(answer)

        return self.ask(p.GetWeightNames(self.document.project, path), came, on_refused)

    def take_weights(
        self,
        path: str,
        pairs: dict[str, str],
        on_refused: Callable[[p.Refused], None] | None = None,
    ) -> Ticket:
        """Let the network start from weights of a file (its names → the file's), as one undoable step.

        What became of each weight is told as `WeightsTaken`; a failure changes nothing.
        """

        def came(answer: p.Answer) -> None:
            assert isinstance(answer, p.WeightsTaken)
            if self.do(SetWeights(answer.path)):
                self._tell(e.WeightsTaken(Path(path).name, answer.report))

        request = p.TakeWeights(self.document.project, path, str(self.paths.weights), pairs)
        return self.ask(request, came, on_refused)

    def rescan_packs(self) -> None:
        """Read the plugin folders again."""
        blames = self._blames("plugins were read")
        self.ask(p.RescanPacks(), self._workbench.take_catalog, blames, limit_s=PLUGINS_LIMIT_S)

    def _blames(self, doing: str) -> Callable[[p.Refused], None]:
        """Return what tells a refusal, and what was being done where the engine is gone."""

        def refused(answer: p.Refused) -> None:
            self._workbench.notice(answer)
            if not self._workbench.running:
                self._tell(
                    e.Noticed(
                        f"The engine ended while {doing}. Correct that plugin, or take its file out "
                        "of the plugin folder.",
                        "error",
                        answer.message,
                    )
                )

        return refused

    @property
    def catalog(self) -> Catalog:
        """Everything that can be drawn or chosen: of the last start at first, then the engine's."""
        return self._workbench.catalog

    @property
    def facts(self) -> ProjectFacts | None:
        """Shapes, cost and problems of the newest revision that was answered; None until then."""
        return self._workbench.facts

    @property
    def hello(self) -> p.Hello | None:
        """What the engine said of itself; None until it did."""
        return self._workbench.hello

    @property
    def settled(self) -> bool:
        """Whether `facts` speak of the document as it is now."""
        return self._workbench.settled

    def can_train(self) -> str:
        """Return nothing, or the sentence why training cannot start."""
        if self._training.busy:
            return "A run is under way. Stop it first."
        if self.facts is None:
            return "The shapes are not known yet. One moment."
        errors = len(self.facts.errors)
        if errors:
            return f"Fix {errors} problem{'s' if errors > 1 else ''} first."
        if not any(facts.nodes for facts in self.facts.networks.values()):
            return "There is no network yet. Drop a layer on the canvas, or draw an architecture."
        return ""

    def _look_for_packs(self) -> None:
        found = extensions.fingerprint(self.paths.plugin_folders)
        if found != self._packs and self._workbench.running:
            self._packs = found
            self.rescan_packs()

    # ------------------------------------------------------------------------------------- training

    @property
    def training(self) -> str:
        """The job's state: idle, starting, running, paused, stopping or ended."""
        return self._training.state

    @property
    def history(self) -> History:
        """What the shown run has told."""
        return self._training.history

    @property
    def job(self) -> p.Job | None:
        """The job under way or last ended here."""
        return self._training.job

    def train(self, name: str = "", live: bool = True, folder: Path | None = None) -> bool:
        """Start a run of the present document; tells why where that cannot be.

        `folder` is the run's own; without it a new one is made below `runs_root`.
        """
        reason = self.can_train()
        if reason:
            self._tell(e.Noticed(reason, "warning"))
            return False
        document = self.document.path
        name = name or (Path(document).stem if document else "untitled")
        made = self._run_folder(name, folder)
        if made is None:
            return False
        # Wire surgery is for asking a network, not for teaching it.
        project = under(self.document.project, ())
        self._training.start(project, made, name, document, live)
        return True

    def _run_folder(self, name: str, folder: Path | None = None) -> Path | None:
        try:
            if folder is None:
                return runs.new_run_folder(self.runs_root, name)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._tell(
                e.Noticed(
                    f"No run folder can be made in {folder or self.runs_root}: {error.strerror}. "
                    "Free some space: File, Settings cleans up old runs.",
                    "error",
                )
            )
            return None
        return folder

    def can_continue(self, folder: Path) -> str:
        """Return nothing, or the sentence why a stored run cannot go on."""
        if self._training.busy:
            return "A run is under way. Stop it first."
        try:
            continuing.standing(folder)
        except continuing.Refusal as refusal:
            return str(refusal)
        return ""

    def continue_run(self, folder: Path, epochs: int = 0) -> bool:
        """Go on with a stored run exactly where it stands, up to `epochs` where that is more."""
        reason = self.can_continue(folder)
        if not reason:
            try:
                job = continuing.continued(folder, epochs)
            except continuing.Refusal as refusal:
                reason = str(refusal)
        if reason:
            self._tell(e.Noticed(reason, "warning"))
            return False
        step, _ = continuing.standing(folder)
        self._training.begin(job, continuing.history_until(folder, step))
        return True

    def can_fork(self) -> str:
        """Return nothing, or the sentence why no run can be forked from the shown one."""
        history = self.history
        if self.training not in ("running", "paused"):
            if not history.folder or not runs.checkpoints(Path(history.folder)):
                return "No run with a checkpoint is shown. Train first."
            return self.can_train()
        return ""

    def fork(self, checkpoint: Path | None = None, name: str = "") -> bool:
        """Start a run of the present document with the weights of a checkpoint, where they fit.

        Without one, the shown run's newest. A run under way is stopped first, with a checkpoint.
        """
        reason = self.can_fork()
        if reason:
            self._tell(e.Noticed(reason, "warning"))
            return False
        if self._training.busy:
            self._training.when_ended(lambda: self.fork(checkpoint, name))
            self.stop()
            return True
        found = runs.newest_weights(Path(self.history.folder))
        chosen = checkpoint or (found.path if found is not None else None)
        document = self.document.path
        name = name or f"{Path(document).stem if document else 'untitled'} fork"
        folder = self._run_folder(name) if chosen is not None else None
        if chosen is None or folder is None:
            return False
        project = under(self.document.project, ())
        job = continuing.forked(chosen, project, folder, name, document, live=True)
        self._training.begin(job, History(str(folder)))
        return True

    def pause(self) -> None:
        """Hold at the next batch boundary."""
        self._training.control("pause")

    def resume(self) -> None:
        """Go on."""
        self._training.control("resume")

    def step(self) -> None:
        """Take one step, then hold."""
        self._training.control("step")

    def walk(self) -> None:
        """While paused, show the step that comes next node by node, without taking it."""
        self._training.control("walk")

    def step_back(self) -> None:
        """Go back to before the last step, then hold."""
        self._training.control("back")

    def stop(self) -> None:
        """End the run cleanly, with a checkpoint."""
        self._training.control("stop")

    def set_live(self, values: dict[str, Value]) -> None:
        """Change hyper-parameters of the running job from its next step on."""
        self._training.control("set", values)

    def watch(self, rate_hz: float) -> None:
        """Choose how often the job shows layers and samples; 0 while nobody looks."""
        self._training.watch(rate_hz)

    def look_at(self, step: int | None) -> None:
        """Show the run as it was at its stored moment nearest to `step`; None: as it is now."""
        self._recall.look_at(step)

    def keep_moments(self, megabytes: float) -> None:
        """Let the moments of runs that start from now on take so many MiB each."""
        self._training.moments_mb = megabytes

    # ----------------------------------------------------------------------------- runs and weights

    def runs(self) -> Sequence[runs.RunInfo]:
        """Return the stored runs, newest first."""
        return runs.list_runs(self.runs_root)

    def stored_runs(self) -> Sequence[StoredRun]:
        """Return the stored runs with what each was made of, newest first."""
        return [read_stored(info) for info in self.runs()]

    def stored_history(self, folder: Path) -> History:
        """Return everything that a stored run told, without showing it."""
        return read_history(runs.read_info(folder))

    def delete_run(self, folder: Path) -> bool:
        """Move a run to the bin beside the runs; the one under way is kept, in a sentence."""
        if self._training.busy and Path(self.history.folder) == folder:
            self._tell(e.Noticed("This run is under way. Stop it before deleting it.", "warning"))
            return False
        try:
            put_in_bin(folder)
        except OSError as error:
            reason = error.strerror or str(error)
            self._tell(e.Noticed(f"{folder.name} was not deleted: {reason}.", "error"))
            return False
        if Path(self.history.folder) == folder:
            self._training.job = None
            self._training.show(History())
        self._tell(e.RunsChanged())
        return True

    def space(self, budget_gb: float) -> Space:
        """Return what the runs take on the disk, and what a clean-up down to the budget would remove."""
        shown = Path(self.history.folder) if self.history.folder else None
        return measure(self.runs_root, budget_gb, shown)

    def clean_up(self, space: Space) -> bool:
        """Remove what `space` says, for good; tells why where that fails."""
        try:
            clean_up(self.runs_root, space)
        except OSError as error:
            reason = error.strerror or str(error)
            self._tell(e.Noticed(f"Not all of it could be removed: {reason}.", "error"))
            return False
        finally:
            self._tell(e.RunsChanged())
        return True

    def open_run(self, folder: Path) -> bool:
        """Show a stored run: its curves, statistics and pictures."""
        if self._training.busy:
            self._tell(e.Noticed("A run is under way. Stop it to look at another.", "warning"))
            return False
        info = runs.read_info(folder)
        if info.fault is not None:
            self._tell(e.Noticed(info.fault.message, "error"))
            return False
        history = read_history(info)
        self._training.job = runs.read_job(folder)
        self._training.show(history)
        return True

    @property
    def subject(self) -> Project:
        """The project whose weights are explained: the shown run's, else the document's.

        The document's wire surgery goes with it, as far as it has a place there.
        """
        job, document = self._training.job, self.document.project
        project = job.project if job is not None and self.history.folder else document
        operated = under(project, document.surgery)
        return under(operated, in_place(operated))

    @property
    def edited_since_run(self) -> bool:
        """Whether the document computes something else than the shown run did."""
        return bool(self.history.folder) and _computes_otherwise(
            self.subject, self.document.project
        )

    @property
    def snapshot_s(self) -> float:
        """How long the running job waited for the newest snapshot of its weights, in seconds."""
        return self._training.snapshot_s

    @property
    def probed(self) -> tuple[Project, bool]:
        """The document as its wires are looked at, and whether the shown run's weights are its own.

        They are while networks, constants and data are those of the run; else it has fresh ones.
        """
        document = self.document.project
        document = under(document, in_place(document))
        job = self._training.job
        if job is None or not self.history.folder:
            return document, False
        same = job.project.constants == document.constants and job.project.data == document.data
        return document, same and _same_networks(job.project, document)

    @property
    def graph_edited_since_run(self) -> bool:
        """Whether the document draws other networks than the shown run trained."""
        ran, now = self.subject, self.document.project
        same = ran is now or (ran.constants == now.constants and _same_networks(ran, now))
        return bool(self.history.folder) and not same

    def weights(
        self,
        on_ready: Callable[[str, int], None],
        on_refused: Callable[[p.Refused], None] | None = None,
    ) -> None:
        """Find weights to explain, as a safetensors path and a step.

        A snapshot of the running job, else the shown run's newest checkpoint, else ("", 0): fresh ones.
        """
        if self.training in ("running", "paused"):
            self._training.snapshot(
                lambda w: on_ready(w.path, w.step), on_refused or self._workbench.notice
            )
            return
        found = runs.newest_weights(Path(self.history.folder)) if self.history.folder else None
        on_ready(*((str(found.path), found.step) if found else ("", 0)))

    def _show_newest_run(self) -> None:
        """Show what the document's last training left; for one without a file, an equal network's."""
        if self._training.busy:
            return
        mine = self.document.path
        for info in self.runs():
            if info.document == mine and info.fault is None:
                job = runs.read_job(info.folder)
                if mine or (job is not None and _same_networks(job.project, self.document.project)):
                    self.open_run(info.folder)
                    return
        self._training.job = None
        self._training.show(History())

    # ------------------------------------------------------------------------------------------ end

    def close(self) -> None:
        """End the engines and give files free. Unsaved work stays recoverable unless it was let go."""
        self._keeper.release()
        self._recall.close()
        self._training.close()
        self._workbench.close()

    def let_go(self) -> None:
        """Drop unsaved work: the person said so, or there is none."""
        self._keeper.forget()


def _computes_otherwise(before: Project, after: Project) -> bool:
    """Whether shapes, cost or training may differ: not when only places, frames or notes do."""
    if before is after:
        return False
    if _beside_networks(before) != _beside_networks(after):
        return True
    return not _same_networks(before, after)


def _beside_networks(project: Project) -> Project:
    """Return what else a project computes with."""
    recipe = replace(project.recipe, breakpoints=())
    return replace(project, networks={}, blocks={}, notes="", surgery=(), recipe=recipe)


def _same_networks(one: Project, other: Project) -> bool:
    """Whether networks and blocks have equal graphs, wherever their nodes are placed."""
    graphs = [
        (
            {name: sheet.graph for name, sheet in project.networks.items()},
            {name: (block.sheet.graph, block.params) for name, block in project.blocks.items()},
        )
        for project in (one, other)
    ]
    return graphs[0] == graphs[1]
