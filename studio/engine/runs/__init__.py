"""Runs on disk: the folder that a job writes as it goes, and that a window or the command line reads.

`job.json` says what ran, `events.jsonl` everything it told, `status.json` how it stands,
`pictures.npz` the latest pictures, `moments/<step>.npz` what the network looked like inside at steps
spread over the run, `checkpoints/<step>.safetensors` its weights. A run is under way as long as its
writer holds `running.lock`; a writer that died has let go of it, however it died. Reading never
raises: what is cut, foreign or missing becomes a fault or is left out.
"""

from studio.engine.runs.continuing import events_until, is_continued
from studio.engine.runs.folder import (
    CHECKPOINTS,
    EVENTS,
    FORMAT,
    JOB,
    LOCK,
    PICTURES,
    SNAPSHOTS,
    STATUS,
    Circumstances,
    Found,
    RunInfo,
    new_run_folder,
    put,
    size_of,
)
from studio.engine.runs.moments import MomentWriter, moment_steps, read_moment
from studio.engine.runs.reading import (
    list_runs,
    read_circumstances,
    read_events,
    read_info,
    read_job,
    read_pictures,
)
from studio.engine.runs.weights import (
    best_weights,
    checkpoint_steps,
    checkpoints,
    folder_of,
    newest_weights,
    position,
    resumable,
)
from studio.engine.runs.writing import RunWriter, better, is_low_best

__all__ = [
    "CHECKPOINTS",
    "EVENTS",
    "FORMAT",
    "JOB",
    "LOCK",
    "PICTURES",
    "SNAPSHOTS",
    "STATUS",
    "Circumstances",
    "Found",
    "MomentWriter",
    "RunInfo",
    "RunWriter",
    "best_weights",
    "better",
    "checkpoint_steps",
    "checkpoints",
    "events_until",
    "folder_of",
    "is_continued",
    "is_low_best",
    "list_runs",
    "moment_steps",
    "new_run_folder",
    "newest_weights",
    "position",
    "put",
    "read_circumstances",
    "read_events",
    "read_info",
    "read_job",
    "read_moment",
    "read_pictures",
    "resumable",
    "size_of",
]
