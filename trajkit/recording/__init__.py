"""Recording trajectories from any training: into a store on disk, or in memory."""

from trajkit.recording.record import record
from trajkit.recording.record_checkpoints import record_checkpoints
from trajkit.recording.recorder import Recorder
from trajkit.recording.schedule import RecordAt

__all__ = ["RecordAt", "Recorder", "record", "record_checkpoints"]
