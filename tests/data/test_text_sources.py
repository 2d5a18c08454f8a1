"""Text becomes tokens that are the text again when joined, the same ones each time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from test_bad_data import refusal

from studio import data
from studio.data.subwords import learn_merges
from studio.data.tokens import TOKENS_PARAM, UNKNOWN, build_tokenizer
from studio.graph.project import DataRef, Split

LINES = "the cat sat on the mat.\nThe other cat, naïve, sat too!\n" * 40
KINDS = sorted(TOKENS_PARAM.choices)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_joined_are_the_text(kind: str) -> None:
    tokenizer = build_tokenizer([LINES], kind, 200)
    tokens = tokenizer.encode(LINES)
    assert tokenizer.decode(tokens.tolist()) == LINES
    assert tokens.max() < len(tokenizer.vocabulary)
    again = build_tokenizer([LINES], kind, 200)
    assert again.vocabulary == tokenizer.vocabulary


def test_pairs_grow_together_by_how_often_they_occur() -> None:
    """The example of the paper: low, lower, newest, widest."""
    merges = learn_merges({"low": 5, "lower": 2, "newest": 6, "widest": 3}, most=14)
    assert list(merges.ranks) == [("e", "s"), ("es", "t"), ("l", "o"), ("lo", "w")]
    assert merges.cut("lowest") == ["low", "est"]
    assert "".join(merges.cut("slowest")) == "slowest"


def test_counts_stay_right_while_pairs_grow() -> None:
    """What is kept up to date step by step is what counting anew would find."""
    words = Counter(["banana", "ananas", "bandana", "cabana", "nab", "aaaa"] * 3)
    merges = learn_merges(words, most=20)
    parts = {word: list(word) for word in words}
    for pair in merges.ranks:
        counts: Counter[tuple[str, str]] = Counter()
        for word, often in words.items():
            for at in range(len(parts[word]) - 1):
                counts[parts[word][at], parts[word][at + 1]] += often
        assert counts[pair] == max(counts.values())
        for word in words:
            joined, at = [], 0
            while at < len(parts[word]):
                step = 2 if tuple(parts[word][at : at + 2]) == pair else 1
                joined.append("".join(parts[word][at : at + step]))
                at += step
            parts[word] = joined


def test_rare_words_are_unknown() -> None:
    tokenizer = build_tokenizer(["a a a b b c"], "words", 3)
    assert tokenizer.vocabulary[0] == UNKNOWN
    assert tokenizer.encode("zebra").tolist() == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_one_token_further(kind: str, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(LINES, encoding="utf-8")
    params = {"path": "t.txt", "tokens": kind, "length": 8, "stride": 5}
    dataset = data.open(DataRef("files.text", params), tmp_path)
    facts = dataset.facts
    assert (facts.form, facts.task) == ("text", "tokens")
    assert facts.classes == facts.vocabulary
    assert torch.equal(dataset.train.inputs[:, 1:], dataset.train.targets[:, :-1])
    assert dataset.train.inputs.dtype == torch.int64
    # In time: what validates was written after everything that trains.
    assert torch.equal(dataset.train.inputs[1, :3], dataset.train.inputs[0, 5:])
    assert torch.equal(dataset.validation.inputs[0, :3], dataset.train.inputs[-1, 5:])


def test_tiny_shakespeare(shared_data: Path) -> None:
    ref = DataRef("files.text", {"path": "tiny-shakespeare.txt", "length": 128})
    facts = data.open(ref, shared_data).facts
    assert len(facts.vocabulary) == 65
    assert facts.train + facts.validation == (1_115_394 - 1) // 128


def write_texts(folder: Path) -> None:
    for name, word in (("bad", "dull"), ("good", "fine")):
        (folder / name).mkdir(parents=True)
        for number in range(6):
            (folder / name / f"{number}.txt").write_text(f"A {word} film, number {number}.")


@pytest.mark.parametrize("layout", ["folders", "files", "table", "tabs"])
def test_labelled_texts_in_every_layout(layout: str, tmp_path: Path) -> None:
    write_texts(tmp_path / "folders")
    rows = [
        (path.read_text(), path.parent.name)
        for path in sorted((tmp_path / "folders").rglob("*.txt"))
    ]
    (tmp_path / "files").mkdir()
    for name in ("bad", "good"):
        lines = [text for text, label in rows if label == name]
        (tmp_path / "files" / f"{name}.txt").write_text("\n".join(lines) + "\n\n")
    for name, sign in (("table", ","), ("tabs", "\t")):
        lines = [f'"{text}"{sign}{label}' for text, label in rows]
        (tmp_path / name).write_text(f"text{sign}label\n" + "\n".join(lines))
    ref = DataRef("files.text_labels", {"path": layout}, split=Split(0, 0))
    dataset = data.open(ref, tmp_path)
    assert dataset.facts.classes == ("bad", "good")
    assert dataset.facts.balance == (6, 6)
    words = [
        "".join(dataset.facts.vocabulary[token] for token in row if token)
        for row in dataset.train.inputs.tolist()
    ]
    assert sorted(words) == sorted(" " + text.lower() for text, _ in rows)


def test_sentences_of_pang_and_lee(shared_data: Path) -> None:
    ref = DataRef("files.text_labels", {"path": "sentence-polarity"})
    facts = data.open(ref, shared_data).facts
    assert facts.classes == ("negative", "positive")
    assert facts.balance == (5331, 5331)
    assert len(facts.vocabulary) == 2000


def test_long_texts_are_cut_and_it_is_said(tmp_path: Path) -> None:
    write_texts(tmp_path / "t")
    facts = data.open(DataRef("files.text_labels", {"path": "t", "length": 3}), tmp_path).facts
    assert facts.sample.shape == (3,)
    assert "12 texts are longer than 3 tokens" in facts.notes[0]


def test_text_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"abc\xff" + bytes(range(256)) * 9)
    text = refusal(DataRef("files.text", {"path": "t.txt"}), tmp_path)
    assert "byte 3 is 0xff" in text
    assert "read it as bytes" in text
    assert data.open(DataRef("files.text", {"path": "t.txt", "tokens": "bytes"}), tmp_path)
    (tmp_path / "short.txt").write_text("too short")
    text = refusal(DataRef("files.text", {"path": "short.txt"}), tmp_path)
    assert "9 tokens" in text
    assert "at least 129" in text
    assert "is a folder" in refusal(DataRef("files.text", {"path": "."}), tmp_path)


def test_windows_that_would_not_fit(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("ab" * 500_000)
    ref = DataRef("files.text", {"path": "t.txt", "length": 8192, "stride": 1})
    assert "GiB of memory" in refusal(ref, tmp_path)


def test_a_broken_text_among_many_is_named_and_may_be_left_out(tmp_path: Path) -> None:
    write_texts(tmp_path / "t")
    (tmp_path / "t" / "good" / "3.txt").write_bytes(b"\xff\xfe\x00")
    text = refusal(DataRef("files.text_labels", {"path": "t"}), tmp_path)
    assert "3.txt is not text" in text
    assert "skip_unreadable" in text
    facts = data.open(
        DataRef("files.text_labels", {"path": "t", "skip_unreadable": True}), tmp_path
    ).facts
    assert facts.balance == (6, 5)
    assert "1 of 12 text files could not be read" in facts.notes[0]
    assert "good/3.txt" in facts.notes[0]


def test_texts_without_classes(tmp_path: Path) -> None:
    assert "Fewer than two classes" in refusal(
        DataRef("files.text_labels", {"path": "."}), tmp_path
    )
    for name in ("good", "bad"):
        (tmp_path / f"{name}.txt").write_text("fine\n" if name == "good" else "\n\n")
    assert "fewer than two of bad, good" in refusal(
        DataRef("files.text_labels", {"path": "."}), tmp_path
    )
    (tmp_path / "t.csv").write_text("text,label\n" + "fine,good\n" * 9)
    assert "at least two classes" in refusal(
        DataRef("files.text_labels", {"path": "t.csv"}), tmp_path
    )
    one = DataRef("files.text_labels", {"path": "t.csv", "text": "label"})
    assert "same column, 'label'" in refusal(one, tmp_path)


def test_hostile_names_stay_data(tmp_path: Path) -> None:
    """Classes and tokens are shown as text; nothing of a file is evaluated or followed."""
    (tmp_path / "t.csv").write_text(
        "text,label\n" + "<img src=x>,__import__('os')\n=1+1,../../etc\n" * 5
    )
    facts = data.open(DataRef("files.text_labels", {"path": "t.csv"}), tmp_path).facts
    assert set(facts.classes) == {"__import__('os')", "../../etc"}
    assert np.sum(facts.balance) == 10
