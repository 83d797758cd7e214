"""Laws of `read_pickle`: arrays, tensors and tables come back, and nothing in a file is run."""

import pickle
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hostile_calls import Call
from hostile_pickles import ATTACKS, HARMLESS, TENSOR, saved, text
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import run_script

import trajkit as tk
from trajkit.importers.pickles import read_pickle

RANDOM = np.random.default_rng(0)
TENSORS = [TENSOR, TENSOR.T, TENSOR[1:, ::2], torch.zeros(0, 3), torch.tensor(1.5), torch.arange(5), TENSOR > 0]
TENSORS += [TENSOR.double(), TENSOR.half(), TENSOR.bfloat16(), torch.nn.Parameter(TENSOR)]
ARRAYS = [RANDOM.standard_normal((3, 4)).astype("f2"), np.asfortranarray(RANDOM.standard_normal((3, 4)))]
ARRAYS += [RANDOM.standard_normal((3, 4, 2)).transpose(2, 0, 1), np.arange(3, dtype=">i4"), np.array(["a", "βγδ"])]
ARRAYS += [np.array([1, None, "x"], dtype=object), np.zeros((0, 3)), np.array(3.0)]
ARRAYS += [np.float32(3), np.str_("ab"), np.bool_(True)]
CONTAINERS = {
    "configs": SimpleNamespace(bs=200, save_init=5, corner="normal"),
    "arguments": Namespace(lr=0.1),
    "nested": [1, (2.5, None, {"a": b"bytes"}), {3}, frozenset({4})],
    "ordered": OrderedDict(a=1, b=2),
}
TABLE = pd.DataFrame({"t": [0, 5], "opt": ["sgd", "adam"], "bn": [True, False], "lr": [0.1, 0.2], "seed": [42, 43]})
TABLE.insert(2, "yh", [np.ones((2, 3)), np.zeros((2, 3))])

WRITERS: dict[str, Callable[[Any], bytes]] = {
    "torch": saved,
    "torch before 1.6": lambda value: saved(value, old=True),
    **{f"pickle {p}": lambda value, p=p: pickle.dumps(value, p) for p in range(2, 6)},  # type: ignore[misc]
}
written_by = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


def read(raw: bytes, folder: Path) -> Any:
    path = folder / "file.p"
    path.write_bytes(raw)
    return read_pickle(path)


@written_by
def test_read_pickle__gives_tensors_as_arrays(write: Callable[[Any], bytes], tmp_path: Path) -> None:
    back = read(write({"data": [TENSORS]}), tmp_path)["data"][0]
    for array, tensor in zip(back, TENSORS, strict=True):
        wanted = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
        np.testing.assert_array_equal(array, wanted)
        assert array.dtype == wanted.dtype


@written_by
def test_read_pickle__gives_back_arrays(write: Callable[[Any], bytes], tmp_path: Path) -> None:
    for back, wanted in zip(read(write(ARRAYS), tmp_path), ARRAYS, strict=True):
        np.testing.assert_array_equal(back, wanted)
        assert np.asarray(back).dtype == np.asarray(wanted).dtype


@written_by
def test_read_pickle__gives_back_plain_containers(write: Callable[[Any], bytes], tmp_path: Path) -> None:
    wanted = CONTAINERS | {"configs": vars(CONTAINERS["configs"]), "arguments": {"lr": 0.1}}
    assert read(write(CONTAINERS), tmp_path) == wanted


@written_by
@pytest.mark.parametrize("storage", ["python", "pyarrow"])
@pytest.mark.parametrize(
    "change",
    [
        lambda table: table,
        lambda table: table.set_index("seed"),
        lambda table: pd.concat([table, table]),
        lambda table: table.iloc[::-1],
        lambda table: table[["seed", "t"]],
        lambda table: table[1:],
    ],
)
def test_read_pickle__gives_back_tables(
    write: Callable[[Any], bytes], storage: Any, change: Any, tmp_path: Path
) -> None:
    table = change(TABLE.astype({"opt": pd.StringDtype(storage)}))
    back = read(write(table), tmp_path)
    assert list(back) == list(table)
    for name in table:
        np.testing.assert_array_equal(np.stack(list(back[name])), np.stack(list(table[name])))


@pytest.mark.parametrize("version", ["1.5.3", "3.1"])
def test_read_pickle__does_not_need_the_pandas_that_wrote_the_table(version: str) -> None:
    # A table of t, seed, m, yvh and fv, by pandas 1.5.3 with numpy 1.26, and by pandas 3.1 without pyarrow.
    back = read_pickle(Path(__file__).parent / "written_by_pandas" / f"{version}.p")
    assert back.drop(columns=["yvh", "fv"]).to_dict("list") == {"t": [0, 7], "seed": [42, 42], "m": ["allcnn"] * 2}
    np.testing.assert_allclose(np.exp(back["yvh"][1]), [[0.75, 0.25], [0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(np.exp(-back["fv"][1]), [0.75, 0.75], rtol=1e-6)


def test_read_pickle__of_tensors_loads_no_torch(tmp_path: Path) -> None:
    (tmp_path / "file.p").write_bytes(saved({"yh": TENSOR}))
    code = "import sys, pathlib, trajkit.importers.pickles as p; p.read_pickle(pathlib.Path(sys.argv[1])); "
    assert "torch" not in run_script(code + "print(*sys.modules)", tmp_path / "file.p").split()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_read_pickle__runs_nothing(attack: Callable[[Path], bytes], tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    raw = attack(mark)
    with pytest.raises(tk.importers.UnsafePickleError, match=r"asks for .*nothing in it was run"):
        read(raw, tmp_path)
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:You are using `torch.load`:FutureWarning")  # torch before 2.6
@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in HARMLESS])
def test_attacks__are_real(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    raw = ATTACKS[name](mark)
    if "torch.save" in name:
        torch.load(BytesIO(raw), weights_only=False)
    else:
        pickle.loads(raw)
    assert mark.exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"\x80\x02cnumpy\nndarray\n.",
        b"\x80\x02cnumpy\nndarray\n)R.",
        # What stands for a type is asked to become another.
        b"\x80\x02cnumpy\nndarray\n(N}" + text("of") + text("x") + b"stb.",
        b"\x80\x02cnumpy\nndarray\n)R(N}" + text("of") + text("x") + b"stb.",
        b"\x80\x02]q\x00h\x00a.",  # a list that holds itself
        b"\x80\x02cnumpy\ndtype\n(" + text("O,i4") + b"\x89\x88tR.",
        pickle.dumps(np.ones(3), 2).replace(b"f8", b"V8"),
        b"\x80\x02(X\x07\x00\x00\x00storageK\x01tQ.",
        saved(TENSOR).replace(b"FloatStorage", b"LongsStorage"),
        b"\x80\x02" + b"c__builtin__\nbytearray\n" + b"J\xff\xff\xff\x7f\x85R.",
    ],
)
def test_read_pickle__refuses_files_that_hold_no_arrays(raw: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"file\.p.*(wanted a whole pickle|nothing in it was run)"):
        read(raw, tmp_path)


def storage_of(tensor: torch.Tensor) -> Any:
    return torch.storage.TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype, _internal=True)  # type: ignore[no-untyped-call]


def test_read_pickle__refuses_a_tensor_beyond_its_storage(tmp_path: Path) -> None:
    beyond = Call(torch._utils._rebuild_tensor_v2, storage_of(TENSOR), 10, (4, 3), (3, 1), False, OrderedDict())
    with pytest.raises(ValueError, match="beyond its storage"):
        read(saved(beyond), tmp_path)


@pytest.mark.parametrize("old", [False, True])
def test_read_pickle__refuses_files_cut_short(old: bool, tmp_path: Path) -> None:
    raw = saved({"data": [{"yh": TENSOR, "f": TENSOR[:, 0]}]}, old=old)
    for percent in range(0, 100, 5):
        with pytest.raises(ValueError, match=r"file\.p"):
            read(raw[: len(raw) * percent // 100], tmp_path)


@pytest.mark.parametrize("old", [False, True])
@given(st.data())
def test_read_pickle__refuses_or_reads_damaged_files(
    tmp_path_factory: pytest.TempPathFactory, old: bool, data: st.DataObject
) -> None:
    raw = bytearray(saved({"data": [{"yh": TENSOR}], "table": TABLE[["t", "lr"]]}, old=old))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=3)):
        raw[place] = data.draw(st.integers(0, 255))
    # Numbers that changed are none of its business; anything else is a ValueError.
    with suppress(ValueError):
        read(bytes(raw), tmp_path_factory.mktemp("damaged"))
