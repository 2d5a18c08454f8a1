"""The window's actions, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices

from studio import __version__
from studio.ui.actions import Entry
from studio.ui.prompts import Choice
from studio.ui.workspaces import EXPLAIN, WORKSPACES

if TYPE_CHECKING:
    from studio.ui.window import MainWindow

MENUS = ("File", "Edit", "View", "Graph", "Run", "Explain", "Plugins", "Help")


def entries(window: MainWindow) -> list[Entry]:
    """Return every action of the window itself; canvas and workspaces offer theirs beside them."""
    return [
        *_file(window),
        *_edit(window),
        *_view(window),
        *_run(window),
        *_plugins(window),
        *_help(window),
    ]


def _file(window: MainWindow) -> list[Entry]:
    documents, session = window.documents, window.session
    return [
        Entry("new", "File", "New", documents.new, "Ctrl+N", "Begin an empty project", "new"),
        Entry("open", "File", "Open…", documents.open, "Ctrl+O", "Open a project", "open"),
        Entry("save", "File", "Save", documents.save, "Ctrl+S", icon="save", group="save"),
        Entry("save_as", "File", "Save as…", documents.save_as, "Ctrl+Shift+S", group="save"),
        Entry(
            "use_data",
            "File",
            "Use data…",
            lambda: window.use_data(),
            "Ctrl+Shift+D",
            "Learn from a file or a folder of your own: looked over, divided, checked",
            "data",
            "export",
        ),
        Entry(
            "import",
            "File",
            "Import…",
            lambda: _import(window),
            "Ctrl+I",
            "Bring a network in from PyTorch code or an exported program",
            "arrow-right",
            "export",
        ),
        Entry(
            "import_weights",
            "File",
            "Import weights…",
            lambda: _import_weights(window),
            tip="Let the network start from a state_dict or safetensors file",
            icon="arrow-right",
            group="export",
            why_not=lambda: _why_no_weights(
                session.facts is None, bool(session.facts and session.facts.errors)
            ),
        ),
        Entry(
            "export",
            "File",
            "Export network…",
            documents.export,
            "Ctrl+E",
            "Save the network as PyTorch source, a training script, an exported program, ONNX or weights",
            "export",
            "export",
            lambda: _why_no_code(
                session.facts is None, bool(session.facts and session.facts.errors)
            ),
        ),
        Entry(
            "export_picture",
            "File",
            "Export picture…",
            lambda: _export_picture(window),
            "Ctrl+Shift+E",
            "Save the sheet as SVG, PDF or PNG",
            "image",
            "export",
            lambda: "" if window.build.canvas.scene.nodes else "The sheet is empty.",
        ),
        Entry(
            "settings",
            "File",
            "Settings…",
            window.change_settings,
            "Ctrl+,",
            "Look, disk space of runs, folders",
            "settings",
            "quit",
        ),
        Entry("quit", "File", "Quit", lambda: window.window().close(), "Ctrl+Q", group="quit"),
    ]


def _import(window: MainWindow) -> None:
    from studio.ui.importing import ImportPanel

    panel = ImportPanel(window.session, window.theme, window.documents.pick_import, window)
    panel.revealed.connect(lambda path: window.build.canvas.reveal("main", path))
    panel.show()


def _import_weights(window: MainWindow) -> None:
    from studio.ui.importing import WEIGHTS, WeightsPanel

    path = window.documents.pick_import(WEIGHTS)
    if path:
        panel = WeightsPanel(window.session, window.theme, path, window)
        panel.revealed.connect(lambda found: window.build.canvas.reveal("main", found))
        panel.show()


def _why_no_weights(unknown: bool, broken: bool) -> str:
    if unknown:
        return "The shapes are not known yet."
    return "Fix the problems first: weights go onto a network that works." if broken else ""


def _export_picture(window: MainWindow) -> None:
    from studio.ui.canvas.export_panel import ExportPanel

    pick, say = window.documents.pick_save, window.notices.show
    ExportPanel(window.session, window.build.canvas, window.theme, pick, say, window).open()


def _why_no_code(unknown: bool, broken: bool) -> str:
    if unknown:
        return "The shapes are not known yet."
    return "Fix the problems first: code is written for a network that works." if broken else ""


def _edit(window: MainWindow) -> list[Entry]:
    session = window.session
    return [
        Entry(
            "undo",
            "Edit",
            "Undo",
            session.undo,
            "Ctrl+Z",
            icon="undo",
            why_not=lambda: "" if session.document.can_undo else "There is nothing to undo.",
        ),
        Entry(
            "redo",
            "Edit",
            "Redo",
            session.redo,
            "Ctrl+Shift+Z | Ctrl+Y",
            icon="redo",
            why_not=lambda: "" if session.document.can_redo else "There is nothing to redo.",
        ),
        Entry("find", "Edit", "Find any command…", window.find_command, "Ctrl+K", group="find"),
        Entry("search", "Edit", "Search the Library", window.build.search, "/", group="find"),
    ]


def _view(window: MainWindow) -> list[Entry]:
    build = window.build
    made = [
        Entry(
            f"workspace_{name.lower()}",
            "View",
            name,
            lambda at=index: window.show_workspace(at),  # type: ignore[misc]
            f"Ctrl+{index + 1}",
            f"Show the {name} workspace",
        )
        for index, name in enumerate(WORKSPACES)
    ]
    panels = (("library", "Library"), ("inspector", "Inspector"), ("problems", "Problems"))
    made += [
        Entry(
            f"panel_{key}",
            "View",
            words,
            lambda one=key: build.toggle(getattr(build, one)),  # type: ignore[misc]
            tip=f"Show or hide the {words} panel",
            group="panels",
        )
        for key, words in panels
    ]
    made += [
        Entry(
            "code",
            "View",
            "Code",
            lambda: _code(window),
            "Ctrl+`",
            tip="Show the network as code below the canvas, or go back to the canvas",
            group="panels",
        ),
        Entry("next_panel", "View", "Next panel", window.next_panel, "F6", group="panels"),
        Entry(
            "next_problem",
            "View",
            "Next problem",
            build.problems.next,
            "F8",
            group="panels",
            why_not=lambda: "" if build.problems.rows else "There are no problems.",
        ),
        Entry(
            "previous_problem",
            "View",
            "Previous problem",
            build.problems.previous,
            "Shift+F8",
            group="panels",
            why_not=lambda: "" if build.problems.rows else "There are no problems.",
        ),
        Entry(
            "dark",
            "View",
            "Dark look",
            lambda: window.set_theme(window.theme.name != "dark"),
            group="look",
            checked=lambda: window.theme.name == "dark",
        ),
        Entry("full", "View", "Full screen", lambda: _full_screen(window), "F11", group="look"),
    ]
    return made


def _code(window: MainWindow) -> None:
    elsewhere = window.current != 0
    window.show_workspace(0)
    if not (elsewhere and window.build.shows_code):
        window.build.toggle_code()


def _run(window: MainWindow) -> list[Entry]:
    session = window.session

    def running() -> str:
        return "" if session.training == "running" else "No run is under way."

    def paused() -> str:
        return "" if session.training == "paused" else "No run is paused."

    def busy() -> str:
        under_way = session.training in ("starting", "running", "paused")
        return "" if under_way else "No run is under way."

    def steerable() -> str:
        return "" if session.training in ("running", "paused") else "No run is under way."

    def pause_or_resume() -> None:
        (session.resume if session.training == "paused" else session.pause)()

    return [
        Entry(
            "train",
            "Run",
            "Train",
            window.train,
            "Ctrl+Return | Ctrl+Enter",
            "Train this network on its data",
            "play",
            why_not=session.can_train,
        ),
        Entry("pause", "Run", "Pause", session.pause, icon="pause", why_not=running),
        Entry("resume", "Run", "Resume", session.resume, icon="play", why_not=paused),
        Entry("pause_key", "", "Pause or resume", pause_or_resume, "Space", why_not=steerable),
        Entry("step", "Run", "Take one step", session.step, icon="step", why_not=steerable),
        Entry("step_back", "Run", "Step back", session.step_back, ",", why_not=steerable),
        Entry("step_key", "", "Step", session.step, ".", why_not=steerable),
        Entry(
            "walk",
            "Run",
            "Walk through the next step",
            window.walk,
            ";",
            "Layer by layer forward, then back along the gradients; nothing changes",
            "arrow-right",
            why_not=paused,
        ),
        Entry("stop", "Run", "Stop", session.stop, icon="stop", why_not=busy),
        Entry(
            "fork",
            "Run",
            "Fork from the newest checkpoint",
            session.fork,
            "Shift+F",
            "Train this document from the shown run's weights, in a run of its own",
            why_not=session.can_fork,
        ),
        Entry(
            "folder",
            "Run",
            "Open the folder of runs",
            lambda: _open(str(session.runs_root)),
            group="folder",
            why_not=lambda: "" if session.runs_root.exists() else "There are no runs yet.",
        ),
        Entry(
            "explain",
            "Explain",
            "Explain the shown run",
            lambda: window.show_workspace(EXPLAIN),
            tip="See why it answers as it does",
        ),
    ]


def _plugins(window: MainWindow) -> list[Entry]:
    return [
        Entry("plugins", "Plugins", "Manage…", window.manage_plugins, icon="plug"),
        Entry("rescan", "Plugins", "Read the plugin folders again", window.session.rescan_packs),
    ]


def _help(window: MainWindow) -> list[Entry]:
    log = window.session.paths.log
    return [
        Entry(
            "log",
            "Help",
            "Show log",
            lambda: _open(str(log)),
            why_not=lambda: "" if log.exists() else f"There is no log at {log}.",
        ),
        Entry("about", "Help", "About Neuroloom", lambda: _about(window), group="about"),
    ]


def _about(window: MainWindow) -> None:
    versions = {"neuroloom": __version__}
    if window.session.hello is not None:
        versions |= window.session.hello.versions
    lines = [f"{name} {version}" for name, version in versions.items()]
    window.prompts.ask(
        "Neuroloom",
        "A studio for deep-learning experiments: draw networks, train them live, see why they "
        "answer as they do.\nApache-2.0. Everything stays on this computer.\n\n" + "\n".join(lines),
        (Choice("close", "Close", True),),
    )


def _full_screen(window: MainWindow) -> None:
    window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)


def _open(path: str) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(path))
