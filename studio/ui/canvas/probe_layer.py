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
from studio.ui.canvas.probe_card import ProbeCard
from studio.ui.canvas.probe_desk import Pin, ProbeDesk
from studio.ui.canvas.surgery_effect import EffectCard
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
        self._pulled: dict[Pin, QPoint] = {}
        self._pressed: QPointF | None = None
        self._placing = False
        self.marks = Marks(self._scene, theme)
        self._leaders = _Leaders(theme, self, self._view)
        self.effect = EffectCard(theme, self._view)
        self.effect.amended.connect(self.desk.amend)
        self.effect.healed.connect(lambda ended: self.desk.heal(*ended))
        self.effect.walked.connect(lambda by: self.desk.choose(self.desk.sample + by))
        self.desk.pinned.connect(self._on_pinned)
        self.desk.seen.connect(self.show)
        self._view.looked.connect(self.place)
        self._view.zoomed.connect(self.place)
        self._view.resized.connect(self.place)
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
        self.desk.heal(*self._operated())

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
            self._pulled.pop(pin, None)
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
        card.amended.connect(self.desk.amend)
        card.healed.connect(lambda ended: self.desk.heal(*ended))
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
        """Put every card beside its wire, apart from the others, as far as it is in sight."""
        if self._placing:
            return
        self._placing = True
        room = self._view.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        taken: list[QRect] = []
        if not self.effect.isHidden():
            self.effect.move(room.right() - self.effect.width() + 1, room.top())
            taken.append(self.effect.geometry())
        shown = set()
        for pin, card, anchor in self.anchors():
            if not self._view.rect().contains(anchor.toPoint()):
                continue
            shown.add(pin)
            box = self._beside(pin, card, anchor, room, taken)
            taken.append(box)
            card.move(box.topLeft())
        for pin, card in self.cards.items():
            card.setVisible(pin in shown)
        self._leaders.setVisible(bool(shown))
        self._leaders.setGeometry(self._view.rect())
        self._leaders.update()
        self._placing = False

    def _beside(
        self, pin: Pin, card: ProbeCard, anchor: QPointF, room: QRect, taken: list[QRect]
    ) -> QRect:
        """Return where a card belongs: right of its node, else left of it, else where there is room."""
        node = self._view.mapFromScene(self._scene.nodes[pin.end.node].rect).boundingRect()
        size = card.size()
        top = int(anchor.y()) - 40
        choices = [QPoint(node.right() + _GAP, top), QPoint(node.left() - _GAP - size.width(), top)]
        pulled = self._pulled.get(pin)
        if pulled is not None:
            choices = [choices[0] + pulled]
        boxes = [_inside(QRect(at, size), room) for at in choices]
        if pulled is not None:
            return boxes[0]
        free = [box for box in boxes if not any(box.intersects(other) for other in (*taken, node))]
        if free:
            return free[0]
        for box in boxes:
            for other in taken:
                for y in (other.bottom() + _MARGIN, other.top() - size.height() - _MARGIN):
                    moved = _inside(QRect(QPoint(box.left(), y), size), room)
                    if not any(moved.intersects(one) for one in taken):
                        return moved
        return boxes[0]

    def _pull(self, pin: Pin, by: QPoint) -> None:
        if pin not in self._pulled:
            anchor = next((at for one, _, at in self.anchors() if one == pin), None)
            if anchor is None:
                return
            node = self._view.mapFromScene(self._scene.nodes[pin.end.node].rect).boundingRect()
            usual = QPoint(node.right() + _GAP, int(anchor.y()) - 40)
            self._pulled[pin] = self.cards[pin].pos() - usual
        self._pulled[pin] += by
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


def _inside(box: QRect, room: QRect) -> QRect:
    """Return a box moved into the room; one that is too large keeps its upper left corner in sight."""
    left = max(room.left(), min(box.left(), room.right() - box.width() + 1))
    top = max(room.top(), min(box.top(), room.bottom() - box.height() + 1))
    return QRect(QPoint(left, top), box.size())
