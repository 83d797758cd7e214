"""Trajectories on disk: one compressed file, or a store into which many processes record at once."""

from trajkit.storage.load import load
from trajkit.storage.probe import Probe
from trajkit.storage.sample_data import sample_data
from trajkit.storage.save import save
from trajkit.storage.store import Store

__all__ = ["Probe", "Store", "load", "sample_data", "save"]
