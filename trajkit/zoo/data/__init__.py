"""The data of the zoo: digits, sloppy inputs, CIFAR and MNIST, folders of images."""

from trajkit.zoo.data.load_data import NAMES, Data, DataSettings, load_data, noisy_labels
from trajkit.zoo.data.source import Source, stratified_order

__all__ = ["NAMES", "Data", "DataSettings", "Source", "load_data", "noisy_labels", "stratified_order"]
