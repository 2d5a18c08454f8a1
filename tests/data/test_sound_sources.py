"""Sounds: waves of every width, spectrograms whose bands are where the tone is, broken files named."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from test_bad_data import refusal

from studio import data
from studio.data.audio import log_mel, mel_bands
from studio.graph.project import DataRef, Split

RATE = 8000


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def write_wav(path: Path, sound: np.ndarray, width: int = 2, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.round(sound * ((1 << (8 * width - 1)) - 1)).astype(np.int64)
    if width == 1:
        whole += 128
    raw = whole.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)


def write_sounds(folder: Path) -> None:
    for name, hertz in (("high", 2000), ("low", 200)):
        for number in range(6):
            write_wav(folder / name / f"{number}.wav", tone(hertz + 10 * number))


def ref(**params: object) -> DataRef:
    return DataRef("files.audio", {"path": "s", "rate": RATE, "seconds": 0.5, **params}, split=Split(0, 0))  # fmt: skip


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_waves_of_every_width(width: int, tmp_path: Path) -> None:
    sound = tone(300)
    for name in ("a", "b"):
        write_wav(tmp_path / "s" / name / "0.wav", sound, width)
    dataset = data.open(ref(features="waveform"), tmp_path)
    assert dataset.facts.form == "sequence"
    assert dataset.facts.sample.shape == (4000, 1)
    heard = dataset.train.inputs[0, :, 0].numpy()
    assert np.abs(heard - sound).max() < 1.1 / (1 << (8 * width - 2)) + 1e-6


def test_channels_are_averaged_and_rates_agree(tmp_path: Path) -> None:
    both = np.stack([tone(200, rate=16_000), tone(200, rate=16_000) * 0.5], axis=1)
    write_wav(tmp_path / "s" / "a" / "0.wav", both.reshape(-1, 2), rate=16_000)
    write_wav(tmp_path / "s" / "b" / "0.wav", tone(200) * 0.75)
    dataset = data.open(ref(features="waveform"), tmp_path)
    first, second = (dataset.train.inputs[dataset.train.targets == kind][0] for kind in (0, 1))
    assert (first - second)[50:-50].abs().max() < 0.02


def test_a_tone_is_loudest_in_its_band(tmp_path: Path) -> None:
    write_sounds(tmp_path / "s")
    dataset = data.open(ref(mels=32, window=256), tmp_path)
    assert dataset.facts.form == "image"
    assert dataset.facts.classes == ("high", "low")
    rows = dataset.train.inputs[:, 0].mean(2).argmax(1)  # the highest band is the first row
    high, low = rows[dataset.train.targets == 0], rows[dataset.train.targets == 1]
    assert high.max() < low.min()
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 1400), 34) / 2595) - 1)
    band = 31 - int(high[0])
    assert edges[band] < 2000 < edges[band + 2]


def test_bands_cover_every_pitch_once() -> None:
    bands = mel_bands(16_000, 40, 1024)
    inner = bands[:, 20:450].sum(0)
    assert inner == pytest.approx(np.ones_like(inner), abs=1e-5)


def test_silence_has_a_floor() -> None:
    made = log_mel(np.zeros((2, 800), np.float32), RATE, 8, 128)
    assert np.isfinite(made).all()
    assert made.max() == pytest.approx(-60)


def test_a_flac_needs_an_extra_and_reads_the_same(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    write_sounds(tmp_path / "s")
    for name in ("high", "low"):
        (tmp_path / "f" / name).mkdir(parents=True)
        for number in range(6):
            sound, rate = soundfile.read(tmp_path / "s" / name / f"{number}.wav")
            soundfile.write(tmp_path / "f" / name / f"{number}.flac", sound, rate)
    waves = data.open(ref(features="waveform"), tmp_path).train.inputs
    flacs = data.open(ref(features="waveform", path="f"), tmp_path).train.inputs
    assert torch.allclose(waves, flacs, atol=1e-4)


@pytest.mark.parametrize("keep", [0, 20, 60, -400])
def test_a_broken_sound_is_named_and_may_be_left_out(keep: int, tmp_path: Path) -> None:
    write_sounds(tmp_path / "s")
    broken = tmp_path / "s" / "low" / "3.wav"
    broken.write_bytes(broken.read_bytes()[:keep])
    text = refusal(ref(), tmp_path)
    assert "low/3.wav is" in text
    assert "skip_unreadable" in text
    dataset = data.open(ref(skip_unreadable=True), tmp_path)
    assert dataset.facts.balance == (6, 5)
    assert any("low/3.wav" in note for note in dataset.facts.notes)


def test_folders_without_sounds(tmp_path: Path) -> None:
    (tmp_path / "s" / "one").mkdir(parents=True)
    assert "0 classes of sounds" in refusal(ref(), tmp_path)
    (tmp_path / "f").write_text("x")
    assert "is a file" in refusal(ref(path="f"), tmp_path)


def test_sounds_that_would_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sounds(tmp_path / "s")
    monkeypatch.setattr("studio.data.reading.LARGEST_BYTES", 1 << 20)
    assert "12 sounds of 600 s" in refusal(ref(seconds=600.0), tmp_path)
