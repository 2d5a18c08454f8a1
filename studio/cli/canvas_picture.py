"""`export --format`: a sheet as a picture, painted by the canvas without a window."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from studio.cli.display import qt_problem
from studio.cli.ending import FINE, JobFailed, WrongUse
from studio.cli.headless import Headless
from studio.engine.protocol import GetSamples, SampleSet
from studio.graph.graph import BLOCK, Graph
from studio.graph.project import Project
from studio.paths import Paths

FORMATS = ("svg", "pdf", "png")


def wanted(given: argparse.Namespace) -> str:
    """Return the format that is asked for, in words or by the file's ending; "" for code."""
    ending = given.output.suffix.lower().removeprefix(".")
    return given.format or (ending if ending in FORMATS and given.to is None else "")


def export(given: argparse.Namespace, here: Paths) -> int:
    """Write a sheet, or some of its nodes, as a picture."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    problem = qt_problem("A picture of the canvas")
    if problem:
        raise JobFailed(problem)
    from studio.start import make_application
    from studio.ui.canvas import export as pictures
    from studio.ui.canvas.faces import Told
    from studio.ui.canvas.knowledge import LiveStore, thumbnail_of, told_of
    from studio.ui.theme import Theme

    application = make_application()
    with Headless(here) as studio:
        studio.open(given.file)
        facts = studio.facts()
        project = studio.session.document.project
        where = sheet_named(project, given.sheet, given.file)
        sheet = project.sheet(where)
        nodes = nodes_named(sheet.graph, given.select)
        known = Told()
        if facts.data is not None and facts.data.form == "image":
            sample = studio.ask(GetSamples(project.data, "train", (0,)), SampleSet)
            known = Told(thumbnail=thumbnail_of(sample))
        sight = pictures.seen_first(project, where)
        told = told_of(project, studio.session.catalog, facts, sight, LiveStore(), known)
    theme = Theme(here.assets, given.theme)
    theme.prepare(application)
    scene = pictures.compose(sheet, told, theme, nodes)
    wish = pictures.Wish(
        format=pictures.FORMATS[FORMATS.index(wanted(given))],
        ground=not given.transparent,
        scale=given.scale,
        title=given.title or pictures.title_of(given.file.stem, where),
        caption=given.caption or pictures.caption_of(scene.sheet, None if nodes else facts, where),
    )
    try:
        pictures.save(scene, wish, given.output)
    except pictures.NotExported as why:
        raise JobFailed(str(why)) from None
    finally:
        scene.clear()
    print(given.output)
    return FINE


def sheet_named(project: Project, name: str, file: Path) -> str:
    """Return the sheet that `name` means: a network, or a block with or without its `block.`.

    Raises: WrongUse.
    """
    if name in project.networks:
        return name
    if name.removeprefix(BLOCK) in project.blocks:
        return BLOCK + name.removeprefix(BLOCK)
    known = ", ".join([*project.networks, *project.blocks])
    raise WrongUse(f"{file} has no sheet named {name!r}. It has: {known}. Choose one with --sheet.")


def nodes_named(graph: Graph, names: str) -> tuple[str, ...]:
    """Return the ids of nodes by their names, separated by commas; () for none named.

    Raises: WrongUse.
    """
    ids = {node.name: node.id for node in graph.nodes.values()}
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    missing = [name for name in chosen if name not in ids]
    if missing:
        raise WrongUse(
            f"The sheet has no node named {missing[0]!r}. It has: {', '.join(ids) or 'none'}."
        )
    return tuple(ids[name] for name in chosen)
