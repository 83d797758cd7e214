"""Trajectories on disk: packed in one file, or a store in which many processes record at once."""

from trajkit.storage.files import load, save
from trajkit.storage.probe import Probe
from trajkit.storage.sample_data import sample_data
from trajkit.storage.store import Store

__all__ = ["Probe", "Store", "load", "sample_data", "save"]
