"""A block's instance: its passes one behind the other, each of them once, or step by step over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from studio.compile import scan
from studio.compile.memory import chained_saved, stepped_saved
from studio.compile.outcome import Outcome
from studio.compile.symbols import worth
from studio.compile.visit import Fault, Signal, Visited
from studio.graph.facts import NodeFacts
from studio.graph.formulas import FormulaError
from studio.graph.graph import INPUT, STATE, Graph, Node
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import runs_over_time
from studio.graph.unfold import Names, is_shared, passes, repeats, resolved

#: Walks the block's sheet with what formulas read and what arrives at its inputs; None where that would
#: open more nodes than a network can have.
Open = Callable[[Names, Mapping[str, Signal]], Outcome | None]


@dataclass(frozen=True)
class Instance:
    """A node of kind `block.NAME`, its formulas worked out."""

    project: Project
    node: Node
    spec: LayerSpec
    graph: Graph
    open: Open

    def visited(self, arrivals: Mapping[str, Signal]) -> tuple[Visited, Outcome]:
        """Return what the instance makes of what arrives, and what was found inside it."""
        shown = {port: signal.kind for port, signal in arrivals.items()}
        total = Outcome()
        leaving, fault = self._run(dict(arrivals), total)
        lead = next(iter(leaving.values()), None)
        facts = NodeFacts(
            inputs=shown,
            outputs={port: signal.kind for port, signal in leaving.items()},
            parameters=total.parameters,
            flops=total.flops,
            activation_bytes=total.activation_bytes,
            saved=total.saved,
            receptive_field=lead.field.seen if lead and lead.field else (),
        )
        return Visited(facts, tuple(leaving.items()), fault), total

    def _run(
        self, feed: dict[str, Signal], total: Outcome
    ) -> tuple[dict[str, Signal], Fault | None]:
        """Run every pass; what one gives at its outputs, the next one gets at its inputs, in order."""
        name, params = self.node.name, self.node.params
        chained = list(zip(ports_in(self.spec), ports_out(self.spec), strict=False))
        count = repeats(params)
        leaving = {give: feed[take] for take, give in chained}
        if count == 0 and len(leaving) < len(ports_out(self.spec)):
            missing = ports_out(self.spec)[len(leaving)]
            text = (
                f"{name} is left out, so nothing comes out at {missing}. Set repeat to 1 or more."
            )
            return {}, Fault(text, "params", param="repeat")
        modules = list(passes(self.project, self.project.blocks[self.spec.title], params))
        if is_shared(params):
            modules = modules * count
        told: set[tuple[str, str, Fault]] = set()
        for number, (step, names) in enumerate(modules):
            inner = self._once(names, feed)
            if isinstance(inner, Fault):
                return {}, inner
            again = number > 0 and is_shared(params)
            if again and (fault := self._grown(total, inner)):
                return {}, fault
            inner = replace(
                inner,
                troubles=[t for t in inner.troubles if (t.where, t.node, t.fault) not in told],
            )
            told.update((t.where, t.node, t.fault) for t in inner.troubles)
            if not again:
                total.take(inner, f"{step}/" if step else "")
                total.parameters += inner.parameters
            total.flops += inner.flops
            total.activation_bytes += inner.activation_bytes
            total.saved = chained_saved(total.saved, inner.saved, chained)
            leaving = inner.outputs
            if number + 1 < len(modules):
                for take, give in chained:
                    if give not in leaving:
                        text = f"{name} cannot repeat: its block gives nothing at {give}. Wire it inside."
                        return {}, None if total.errors else Fault(text, "port")
                    feed[take] = leaving[give]
        return leaving, None

    def _once(self, names: Names, feed: Mapping[str, Signal]) -> Outcome | Fault:
        """Run the block's graph once, or step by step where it holds states."""
        if not runs_over_time(self.graph):
            return self.open(names, feed) or self._endless()
        nodes = {node.id: node for node in self.graph.of_kind(INPUT)}
        for key, node in nodes.items():
            with suppress(FormulaError):  # told at the node itself
                nodes[key] = resolved(node, names)
        steps = scan.steps(self.node.name, Graph(nodes), feed)
        if isinstance(steps, Fault):
            return steps
        inner = self.open(names, steps.given)
        if inner is None:
            return self._endless()
        outputs = {port: scan.together(out, steps.length) for port, out in inner.outputs.items()}
        for state in self.graph.of_kind(STATE):
            kind = inner.nodes[state.id].outputs.get("out") if state.id in inner.nodes else None
            if kind is None:
                continue
            start = feed.get(state.name)
            if start is not None and start.kind != kind:
                text = (
                    f"{state.name} of {self.node.name} is {kind.text}, but its start is wired to "
                    f"{start.kind.text}. Make them equal."
                )
                return Fault(text, "state", state.name)
            outputs[state.name] = Signal(kind)
        sizes = {name: size for signal in feed.values() for name, size in signal.sizes}
        times = worth(steps.length, sizes)
        return replace(
            inner,
            outputs=outputs,
            flops=inner.flops * times,
            activation_bytes=inner.activation_bytes * times,
            saved=stepped_saved(inner.saved, ports_in(self.spec), times),
        )

    def _grown(self, first: Outcome, now: Outcome) -> Fault | None:
        """Return what keeps one module from being run again on what it gave."""
        for path, facts in now.nodes.items():
            before = first.nodes.get(path)
            if before is None or before.inferred == facts.inferred:
                continue
            name, value = next(
                (key, new) for key, new in facts.inferred.items() if before.inferred.get(key) != new
            )
            text = (
                f"{self.node.name} shares its weights between its passes, but {name} of a layer inside "
                f"would be {before.inferred.get(name)} in one pass and {value} in another. Turn "
                "share_weights off, or have the block give what it takes."
            )
            return Fault(text, "params", param="share_weights")
        return None

    def _endless(self) -> Fault:
        text = f"{self.node.name} opens into more layers than a network can have. Set a smaller repeat."
        return Fault(text, "params", param="repeat")


def ports_in(spec: LayerSpec) -> list[str]:
    """Return the inputs of a block's instance that its graph has, without the starts of states."""
    return [port.name for port in spec.inputs if not port.optional]


def ports_out(spec: LayerSpec) -> list[str]:
    """Return the outputs of a block's instance that its graph has, without the ends of states."""
    return [port.name for port in spec.outputs if port.type != "state"]
