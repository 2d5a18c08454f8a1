"""Sound files, one folder a class: as a log-mel spectrogram, or as the wave itself."""

from __future__ import annotations

import struct
import wave
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from studio.data.reading import SKIP_PARAM, Attempts, check_size
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

SUFFIXES = frozenset([".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"])
#: Of one file; an hour at 48 kHz has 172 million.
_MOST_FRAMES = 200_000_000
#: Below this a power counts as silence. Units: power of a wave within ±1.
_SILENCE = 1e-6


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[n, 1, mels, frames]`, or `[n, samples, 1]` for waves."""
    folder = existing(
        params["path"], base, "A folder of sounds", "a folder with one folder a class"
    )
    groups = _files_by_class(folder)
    rate, seconds = int(params["rate"]), float(params["seconds"])
    length = max(1, round(rate * seconds))
    files = [path for paths in groups.values() for path in paths]
    check_size(4 * length * len(files), f"{len(files)} sounds of {seconds:g} s at {rate} Hz")
    attempts = Attempts(bool(params["skip_unreadable"]))
    waves = np.zeros((len(files), length), dtype=np.float32)
    kept: list[int] = []
    for position, path in enumerate(files):
        name = f"{path.parent.name}/{path.name}"
        sound = attempts.read(name, partial(_sound, path, rate))
        if sound is not None:
            waves[len(kept), : len(sound)] = sound[:length]
            kept.append(position)
    notes = attempts.finish("sounds")
    waves = waves[: len(kept)]
    labels = np.repeat(np.arange(len(groups)), [len(paths) for paths in groups.values()])[kept]
    as_image = params["features"] == "log-mel"
    if as_image:
        inputs = log_mel(waves, rate, int(params["mels"]), int(params["window"]))
    else:
        inputs = waves[:, :, None]
    return Loaded(
        title=folder.name,
        form="image" if as_image else "sequence",
        inputs=inputs,
        targets=labels.astype(np.int64),
        classes=tuple(groups),
        scale=None if as_image else (-1.0, 1.0),
        features=() if as_image else ("wave",),
        notes=(*notes, f"Every sound has {seconds:g} s at {rate} Hz; shorter ones end in silence."),
    )


def log_mel(waves: NDArray[np.float32], rate: int, mels: int, window: int) -> NDArray[np.float32]:
    """Return how loud each mel band is, in decibels, the highest band on top.

    Shapes: `[n, samples]` → `[n, 1, mels, frames]`.
    Source: Stevens, Volkmann and Newman 1937 for the scale; Davis and Mermelstein 1980 for the bands.
    """
    bands = torch.from_numpy(mel_bands(rate, mels, window))
    shape = torch.hann_window(window)
    found = []
    for part in torch.split(
        torch.from_numpy(waves), 256
    ):  # a spectrogram takes several times its wave
        spectrum = torch.stft(
            part,
            window,
            hop_length=window // 2,
            window=shape,
            return_complex=True,
            pad_mode="constant",
        )
        power = bands @ spectrum.abs().square() / float(shape.square().sum())
        found.append((10 * power.clamp(min=_SILENCE).log10()).flip(1))
    made: NDArray[np.float32] = torch.cat(found)[:, None].numpy()
    return made


def mel_bands(rate: int, mels: int, window: int) -> NDArray[np.float32]:
    """Return overlapping triangles, evenly spaced in mel. Shapes: `[mels, window // 2 + 1]`."""
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, mels + 2) / 2595) - 1)
    bins = np.linspace(0, rate / 2, window // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise DataProblem(
            f"{folder} is a file; expected a folder with one folder of sounds a class."
        )
    groups = {
        entry.name: sorted(path for path in entry.rglob("*") if path.suffix.lower() in SUFFIXES)
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith(".")
    }
    groups = {name: paths for name, paths in groups.items() if paths}
    if len(groups) < 2:
        raise DataProblem(
            f"{len(groups)} classes of sounds were found in {folder}; expected at least two folders "
            "with .wav files in them. Choose the folder that holds the classes' folders."
        )
    return groups


def _sound(path: Path, rate: int) -> NDArray[np.float32]:
    """Return one sound at a rate, its channels averaged. Raises: DataProblem."""
    mono: NDArray[np.float32]
    frames, own = _wav(path) if path.suffix.lower() == ".wav" else _other(path)
    mono = frames.mean(axis=1, dtype=np.float32)
    if own == rate or not len(mono):
        return mono
    # Averaging before picking keeps what a lower rate cannot hold from folding back into it.
    width = max(1, own // rate)
    if width > 1:
        mono = np.convolve(mono, np.full(width, 1 / width, np.float32), mode="same")
    at = np.arange(int(len(mono) * rate / own)) * (own / rate)
    placed: NDArray[np.float32] = np.interp(at, np.arange(len(mono)), mono).astype(np.float32)
    return placed


def _wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Shapes: `[frames, channels]`, within ±1."""
    try:
        with wave.open(str(path), "rb") as file:
            count, width, channels = file.getnframes(), file.getsampwidth(), file.getnchannels()
            if count > _MOST_FRAMES:
                raise DataProblem(
                    f"{path.name} says that it has {count} frames; at most {_MOST_FRAMES} are read. "
                    "Check the file, or cut it into parts."
                )
            raw, rate = file.readframes(count), file.getframerate()
    except (OSError, EOFError, ValueError, RuntimeError, struct.error, wave.Error) as error:
        raise DataProblem(
            f"{path.parent.name}/{path.name} is not a whole WAV file ({error or 'it is cut short'}). "
            f"Expected PCM. Replace or remove {path}."
        ) from None
    if len(raw) < count * width * channels:
        raise DataProblem(
            f"{path.parent.name}/{path.name} is cut short: its header announces {count} frames, but "
            f"{len(raw) // (width * channels)} follow. Replace or remove {path}."
        )
    if width == 3:  # 24 bits: widened to 32 by a zero byte below
        bytes_ = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        raw = np.pad(bytes_, ((0, 0), (1, 0))).tobytes()
    values = np.frombuffer(raw, {1: "u1", 2: "<i2"}.get(width, "<i4"))
    half = 1 << (7 if width == 1 else 15 if width == 2 else 31)
    centred = (values.astype(np.float32) - (half if width == 1 else 0)) / np.float32(half)
    return centred.reshape(-1, channels), rate


def _other(path: Path) -> tuple[NDArray[np.float32], int]:
    try:
        import soundfile
    except ImportError:
        raise DataProblem(
            f"{path.name} is no WAV file; reading it needs soundfile, which is not installed. "
            'Install it with pip install "neuroloom[audio]", or save the sounds as WAV.'
        ) from None
    try:
        if soundfile.info(path).frames > _MOST_FRAMES:
            raise DataProblem(
                f"{path.name} has more than {_MOST_FRAMES} frames. Cut it into parts."
            )
        frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise DataProblem(
            f"{path.parent.name}/{path.name} is not a whole sound file ({error}). "
            f"Replace or remove {path}."
        ) from None
    return frames, int(rate)


AUDIO = Source(
    SourceSpec(
        kind="files.audio",
        title="Sound folder",
        doc="Your own sounds: a folder holding one folder of WAV files a class; FLAC, Ogg and MP3 need soundfile.",
        form="image",
        params=(
            Param(
                "path", "path", "", required=True, help="The folder that holds the classes' folders"
            ),
            Param(
                "features",
                "choice",
                "log-mel",
                choices=("log-mel", "waveform"),
                help="A picture of pitch over time, or the wave itself",
            ),
            Param(
                "seconds", "float", 1.0, minimum=0.01, maximum=600.0, unit="s", help="Of each sound"
            ),
            Param("rate", "int", 16_000, minimum=1000, maximum=192_000, unit="Hz"),
            Param("mels", "int", 64, minimum=4, maximum=256, help="Bands of pitch (log-mel)"),
            Param(
                "window",
                "int",
                1024,
                minimum=32,
                maximum=8192,
                help="Samples of one column (log-mel)",
            ),
            SKIP_PARAM,
        ),
    ),
    _load,
)
