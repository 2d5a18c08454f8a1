"""What lies over the wires: the cards of probes with their leaders, chips of surgery and its effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from studio.graph.graph import End, Link
from studio.graph.surgery import Action, Intervention
from studio.session import events as e
from studio.session.session import Session
from studio.ui.canvas.node_item import NodeItem
from studio.ui.canvas.probe_card import ProbeCard
from studio.ui.canvas.probe_desk import Pin, ProbeDesk
from studio.ui.canvas.surgery_effect import EffectCard
from studio.ui.canvas.surgery_list import amend, heal
from studio.ui.canvas.surgery_marks import Marks
from studio.ui.reporting import reported
from studio.ui.theme import Theme

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas

_GAP, _MARGIN = 28, 8


class ProbeLayer(QObject):
    """Shows the desk's pins on a canvas, and brings what is done there to the desk."""

    def __init__(self, session: Session, theme: Theme, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._session, self._theme, self._canvas = session, theme, canvas
        self._view, self._scene = canvas.view, canvas.scene
        self.desk = ProbeDesk(session, self)
        self.cards: dict[Pin, ProbeCard] = {}
        #: Where the cards stand from their wires, those that the person pulled there among them.
        self._offsets: dict[Pin, QPoint] = {}
        self._pulled: set[Pin] = set()
        self._corner: QPoint | None = None
        self._pressed: QPointF | None = None
        self._placing = False
        self.marks = Marks(self._scene, theme)
        self._leaders = _Leaders(theme, self, self._view)
        self.effect = EffectCard(theme, self._view)
        self.effect.amended.connect(lambda old, new: amend(session, old, new))
        self.effect.healed.connect(lambda ended: heal(session, ended))
        self.effect.walked.connect(lambda by: self.desk.choose(self.desk.sample + by))
        self.desk.pinned.connect(self._on_pinned)
        self.desk.seen.connect(self.show)
        self._view.looked.connect(self.place)
        self._view.zoomed.connect(lambda scale: self.place_anew())
        self._view.resized.connect(self.place_anew)
        self._scene.redrawn.connect(self._on_redrawn)
        theme.changed.connect(self._on_redrawn)
        self._view.viewport().installEventFilter(self)
        self._view.installEventFilter(self)

    # --------------------------------------------------------------------------------- probing a wire

    def probe(self, link: Link | None = None) -> None:
        """Pin the chosen wire (or what leaves the chosen node); where it is pinned, go to its card."""
        end = link.source if link is not None else self._chosen()
        if end is None:
            self._canvas.hint.say("Select a wire first, or a node whose output you want to see.")
            return
        pin = Pin.of(self._canvas.sight, end)
        if pin in self.cards:
            self.cards[pin].raise_()
            self.cards[pin].setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        reason = self.desk.pin(pin)
        if reason:
            self._canvas.hint.say(reason)

    def why_not(self) -> str:
        """Return why nothing can be probed now, or ""."""
        return "" if self._chosen() is not None else "Select a wire or a node first."

    def _chosen(self) -> End | None:
        scene = self._scene
        if len(scene.selected_links) == 1:
            return scene.selected_links[0].source
        if len(scene.selection) == 1 and scene.selection[0] in scene.nodes:
            outputs = scene.nodes[scene.selection[0]].face.outputs
            return End(scene.selection[0], outputs[0].port) if outputs else None
        return None

    def why_no_surgery(self) -> str:
        """Return why nothing can be done to what is chosen, or ""."""
        end = self._chosen()
        if end is None:
            return "Select a wire or a node first."
        found = Pin.of(self._canvas.sight, end).spot(self._session.document.project)
        return "" if found is not None else "Nothing flows here yet. Connect it first."

    def why_nothing_to_heal(self) -> str:
        """Return why there is no surgery to take back, or ""."""
        return "" if self._operated() else "Nothing is changed here."

    def operate_chosen(self, action: Action) -> None:
        """Change what flows along the wire that is chosen."""
        end = self._chosen()
        if end is not None:
            self.operate(Pin.of(self._canvas.sight, end), action, None)

    def heal_chosen(self) -> None:
        """Take back all that is done to the wire that is chosen."""
        heal(self._session, self._operated())

    def _operated(self) -> tuple[Intervention, ...]:
        end = self._chosen()
        return self.desk.at(Pin.of(self._canvas.sight, end)) if end is not None else ()

    def operate(self, pin: Pin, action: Action, channel: int | None) -> None:
        """Change what flows at a pin, and show its card with what can be set there."""
        reason = self.desk.pin(pin)
        if reason:
            self._canvas.hint.say(reason)
        elif self.desk.operate(pin, action, channel) and action != "zero":
            rows = self.cards[pin].surgery.rows
            field = rows[-1].field if rows else None
            if field is not None:
                field.setFocus(Qt.FocusReason.OtherFocusReason)
                field.selectAll()

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the session."""
        for sentence in self.desk.on_event(event):
            self._canvas.hint.say(sentence)
        if isinstance(event, (e.DocumentChanged, e.DocumentOpened, e.FactsChanged)):
            self.show()

    # ------------------------------------------------------------------------------------- showing

    def _on_pinned(self) -> None:
        for pin in [pin for pin in self.cards if pin not in self.desk.pins]:
            card = self.cards.pop(pin)
            self._pulled.discard(pin)
            self._offsets.pop(pin, None)
            if card.isAncestorOf(card.focusWidget() or card):
                self._view.setFocus()
            card.hide()
            card.deleteLater()
        for pin in self.desk.pins:
            if pin not in self.cards:
                self.cards[pin] = self._make(pin)
        self.show()

    def _make(self, pin: Pin) -> ProbeCard:
        name = pin.name(self._session.document.project)
        card = ProbeCard(self._theme, name, self._view)
        card.closed.connect(lambda: self.desk.unpin(pin))
        card.left.connect(self._view.setFocus)
        card.walked.connect(lambda by: self.desk.choose(self.desk.sample + by))
        card.channel_chosen.connect(lambda channel: self.desk.choose_channel(pin, channel))
        card.operated.connect(lambda action, channel: self.operate(pin, action, channel))
        card.amended.connect(lambda old, new: amend(self._session, old, new))
        card.healed.connect(lambda ended: heal(self._session, ended))
        card.dragged.connect(lambda by: self._pull(pin, by))
        return card

    def show(self) -> None:
        """Bring cards, chips and the effect up to date."""
        desk, project = self.desk, self._session.document.project
        for pin, card in self.cards.items():
            card.show_place(desk.sample, desk.count, desk.answer)
            card.show_surgery(project, desk.at(pin))
            card.show_wire(desk.wire(pin), desk.trouble)
        self.effect.show_surgery(project)
        answer = desk.answer
        facts = self._session.facts.data if self._session.facts else None
        self.effect.show_answer(
            answer.answer if answer else None,
            facts,
            desk.sample,
            bool(answer and answer.trained),
            desk.trouble,
        )
        self.marks.show_surgery(project.surgery, self._canvas.sight)
        self.place()

    def _on_redrawn(self) -> None:
        self.marks.show_surgery(self.desk.surgery, self._canvas.sight)
        self.place()

    # -------------------------------------------------------------------------------------- placing

    def anchors(self) -> Iterator[tuple[Pin, ProbeCard, QPointF]]:
        """Return the cards of this sheet, each with the point of the view where its wire begins."""
        for pin, card in self.cards.items():
            if pin.is_on(self._canvas.sight) and pin.end.node in self._scene.nodes:
                spot = self._scene.port_pos(pin.end, True)
                yield pin, card, QPointF(self._view.mapFromScene(spot))

    def place(self) -> None:
        """Put every card beside its wire, as far as that is in sight."""
        if self._placing:
            return
        self._placing = True
        room = self._view.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        taken = self._place_effect(room)
        shown = set()
        for pin, card, anchor in self.anchors():
            if not self._view.rect().contains(anchor.toPoint()):
                continue
            shown.add(pin)
            box = inside(
                QRect(anchor.toPoint() + self._offsets.get(pin, QPoint()), card.size()), room
            )
            hides = pin not in self._pulled and any(box.intersects(other) for other in taken)
            if pin not in self._offsets or hides:
                self._offsets[pin] = self._beside(pin, card, anchor, room, taken) - anchor.toPoint()
            card.move(
                inside(QRect(anchor.toPoint() + self._offsets[pin], card.size()), room).topLeft()
            )
            taken.append(card.geometry())
        for pin, card in self.cards.items():
            card.setVisible(pin in shown)
        self._leaders.setVisible(bool(shown))
        self._leaders.setGeometry(self._view.rect())
        self._leaders.update()
        self._placing = False

    def place_anew(self) -> None:
        """Look for the best places again, but leave where they are the cards that were pulled away."""
        self._offsets = {pin: at for pin, at in self._offsets.items() if pin in self._pulled}
        self._corner = None
        self.place()

    def _place_effect(self, room: QRect) -> list[QRect]:
        """Put the surgery's card into the corner where it hides least, and keep it there."""
        if self.effect.isHidden():
            self._corner = None
            return []
        size = self.effect.size()
        if self._corner is None:
            map_ = self._canvas.minimap
            taken = [map_.geometry()] if map_.isVisible() else []
            corners = [QPoint(x, y) for y in (0, 10_000) for x in (10_000, 0)]
            boxes = [inside(QRect(at, size), room) for at in corners]
            costs = [self._hidden(box, taken) for box in boxes]
            self._corner = corners[costs.index(min(costs))]
        box = inside(QRect(self._corner, size), room)
        self.effect.move(box.topLeft())
        return [box]

    def _beside(
        self, pin: Pin, card: ProbeCard, anchor: QPointF, room: QRect, taken: list[QRect]
    ) -> QPoint:
        """Return where a card hides least: right or left of its node, level with it, higher or lower."""
        node = self._view.mapFromScene(self._scene.nodes[pin.end.node].rect).boundingRect()
        size, level = card.size(), int(anchor.y()) - 40
        heights = [level, level - size.height() // 2, level + 80 - size.height()]
        heights += [box.bottom() + _MARGIN for box in taken]
        heights += [box.top() - size.height() - _MARGIN for box in taken]
        sides = [node.right() + _GAP, node.left() - _GAP - size.width()]
        sides += [room.right() - size.width() + 1, room.left()]
        boxes = [inside(QRect(QPoint(x, y), size), room) for y in heights for x in sides]
        costs = [self._hidden(box, taken) + abs(box.top() - level) for box in boxes]
        return boxes[costs.index(min(costs))].topLeft()

    def _hidden(self, box: QRect, taken: list[QRect]) -> int:
        """Return how much of the sheet a card would hide: nodes, and above all other cards."""
        cost = 0
        for item in self._scene.items(self._view.mapToScene(box)):
            if isinstance(item, NodeItem):
                cost += _shared(box, self._view.mapFromScene(item.rect).boundingRect())
        return cost + 20 * sum(_shared(box, other) for other in taken)

    def _pull(self, pin: Pin, by: QPoint) -> None:
        self._pulled.add(pin)
        if pin in self._offsets:
            anchor = next((at for one, _, at in self.anchors() if one == pin), None)
            if anchor is not None:
                self._offsets[pin] = self.cards[pin].pos() - anchor.toPoint() + by
        self.place()

    # --------------------------------------------------------------------------------------- events

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if watched is self._view:
            if kind in (QEvent.Type.Show, QEvent.Type.Hide):
                self.desk.wake(kind == QEvent.Type.Show)
        elif kind == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            plain = event.button() == Qt.MouseButton.LeftButton and not event.modifiers()
            self._pressed = event.position() if plain else None
        elif kind == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            self._clicked(event.position())
        elif kind == QEvent.Type.Paint and self.cards and self._moved():
            self.place()
        return False

    def _moved(self) -> bool:
        """Tell whether a wire is elsewhere than its leader: while nodes are dragged nobody says so."""
        return any(self._leaders.ends.get(pin) != anchor for pin, _, anchor in self.anchors())

    def _clicked(self, at: QPointF) -> None:
        """A click on a wire of a network that works pins it."""
        pressed, self._pressed = self._pressed, None
        scene = self._scene
        if (
            pressed is None
            or (at - pressed).manhattanLength() > 3
            or len(scene.selected_links) != 1
        ):
            return
        link = scene.link_at(self._view.scene_pos(at))
        facts = self._session.facts
        if link is None or link.link != scene.selected_links[0] or facts is None or facts.errors:
            return
        pin = Pin.of(self._canvas.sight, link.link.source)
        if pin not in self.cards:
            self.desk.pin(pin)

    def close(self) -> None:
        """Ask nothing any more."""
        self.desk.close()


class _Leaders(QWidget):
    """Thin lines from the wires to their cards."""

    def __init__(self, theme: Theme, layer: ProbeLayer, host: QWidget) -> None:
        super().__init__(host)
        self._theme, self._layer = theme, layer
        self.ends: dict[Pin, QPointF] = {}
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.color
        self.ends = {}
        for pin, card, anchor in self._layer.anchors():
            self.ends[pin] = anchor
            if card.isHidden():
                continue
            box = QRectF(card.geometry())
            side = box.left() if box.center().x() > anchor.x() else box.right()
            end = QPointF(side, min(max(anchor.y(), box.top() + 12), box.bottom() - 12))
            path = QPainterPath(anchor)
            middle = (anchor.x() + end.x()) / 2
            path.cubicTo(QPointF(middle, anchor.y()), QPointF(middle, end.y()), end)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("accent"), 1.5))
            painter.drawPath(path)
            painter.setPen(QPen(colour("bg.canvas"), 1.5))
            painter.setBrush(colour("accent"))
            painter.drawEllipse(anchor, 4.5, 4.5)
        painter.end()


def _shared(one: QRect, other: QRect) -> int:
    both = one.intersected(other)
    return both.width() * both.height() if both.isValid() else 0


def inside(box: QRect, room: QRect) -> QRect:
    """Return a box moved into the room; one that is too large keeps its upper left corner in sight."""
    left = max(room.left(), min(box.left(), room.right() - box.width() + 1))
    top = max(room.top(), min(box.top(), room.bottom() - box.height() + 1))
    return QRect(QPoint(left, top), box.size())
