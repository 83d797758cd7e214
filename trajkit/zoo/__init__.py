"""A small zoo of networks whose training is recorded: readable programs that make trajectory datasets.

Everything here needs torch and scikit-learn (`pip install "trajkit[train]"`); nothing else in trajkit does::

    python -m trajkit.zoo.digits digits.nc
"""
