"""Laws of importers: what comes in is what was recorded, what does not fit is refused, and nothing foreign is run."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import shlex
import subprocess
import sys
import zlib
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from strategies import datasets

import trajkit as tk
from trajkit.importers.pickles import read_pickle
from trajkit.probabilities import normalize
from trajkit.schema import run_attributes

read_deepnets, read_cartography = tk.importers.read_deepnets, tk.importers.read_cartography
read_table, write_table = tk.importers.read_table, tk.importers.write_table
read_arrays, write_arrays = tk.importers.read_arrays, tk.importers.write_arrays
RANDOM = np.random.default_rng(0)


def assert_same_trajectories(a: xr.Dataset, b: xr.Dataset) -> None:
    """Demand equal sizes, identities, steps, attributes, and log-probabilities within float32."""
    assert a.sizes == b.sizes
    for name in ("run", "sample", "class", "label", "split", "step", *run_attributes(b)):
        np.testing.assert_array_equal(a[name], b[name])
        assert a[name].dtype.kind == b[name].dtype.kind
    np.testing.assert_array_equal(np.isneginf(a.log_prob), np.isneginf(b.log_prob))
    np.testing.assert_allclose(a.log_prob, b.log_prob, rtol=3e-7, atol=3e-7)


# --- pickles: what is read ----------------------------------------------------------------------------------------

TENSOR = torch.from_numpy(RANDOM.standard_normal((4, 3)).astype("f4"))
TENSORS = {
    "plain": TENSOR,
    "transposed": TENSOR.T,
    "part": TENSOR[1:, ::2],
    "double": TENSOR.double(),
    "half": TENSOR.half(),
    "bfloat16": TENSOR.bfloat16(),
    "integers": torch.arange(5),
    "flags": TENSOR > 0,
    "number": torch.tensor(1.5),
    "empty": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(TENSOR),
}
ARRAYS = [
    RANDOM.standard_normal((3, 4)).astype("f2"),
    np.asfortranarray(RANDOM.standard_normal((3, 4))),
    RANDOM.standard_normal((3, 4, 2)).transpose(2, 0, 1),
    np.arange(3, dtype=">i4"),
    np.array(["a", "βγδ"]),
    np.array([1, None, "x"], dtype=object),
    np.zeros((0, 3)),
    np.array(3.0),
    np.float32(3),
    np.str_("ab"),
    np.bool_(True),
]
CONTAINERS = {
    "configs": SimpleNamespace(bs=200, save_init=5, corner="normal"),
    "arguments": Namespace(lr=0.1),
    "nested": [1, (2.5, None, {"a": b"bytes"}), {3}, frozenset({4})],
    "ordered": OrderedDict(a=1, b=2),
}
TABLE = pd.DataFrame(
    {
        "t": [0, 5],
        "opt": ["sgd", "adam"],
        "yh": [np.ones((2, 3)), np.zeros((2, 3))],
        "bn": [True, False],
        "lr": [0.1, 0.2],
        "seed": [42, 43],
    }
)


def saved(value: Any, *, old: bool = False) -> bytes:
    stream = BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=not old)
    return stream.getvalue()


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
    assert list(back) == list(TENSORS)
    for name, tensor in TENSORS.items():
        wanted = tensor.detach().float().numpy() if name == "bfloat16" else tensor.detach().numpy()
        np.testing.assert_array_equal(back[name], wanted)
        assert back[name].dtype == wanted.dtype


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
    write: Callable[[Any], bytes], storage: Any, change: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path
) -> None:
    table = change(TABLE.astype({"opt": pd.StringDtype(storage)}))
    back = read(write(table), tmp_path)
    assert list(back) == list(table)
    for name in table:
        np.testing.assert_array_equal(np.stack(list(back[name])), np.stack(list(table[name])))


# A table of t, seed, m, yvh and fv as pandas 1.5.3 (with numpy 1.26) wrote it, and as pandas 3.1 without pyarrow did.
OF_PANDAS_1 = (
    "c-nPTX>-#s5OtEKP;*0}<-Q>;5GZFk%MGm|fVj+2gzTuXspI6?a@)+18TinYe&(0(2Vkau3?$hpLjlcrb$H*~w_2}1<=rL=t1K?Njfj`0B39?-"
    "Z6?@Vy@E0H8M!v{CA-Hk3|g;6DExu&L&2kv1#!8~LRRBZY~BnS?)1ZSXQHR;P6OYGfBTy>37ft<9dPO>fQh0TCiP}3<*g@y@L3eGmPsS-Ho{m$"
    "i7QO>re3Dx)NirMGUl<`rEa6j-Pq)zTA1jwb5gMb)9#gXz=R);U`+>W3DzxOJ;8>Om9z3zzJrY!WmUAA61mCFON2j)&5K_au!W$%WEC{q6>P0k"
    "Dic5D(8e+ZwmFMlpS{ocJyvD&@QN7&o{T?8uw7t><5KD*zDzQt)Qkh)m63N^hE$YWz%GK_R(=6{2=;nKuh-K_?(?Mb{R9V;@`6%+&`ZTW8pR<c"
    "_AtSbuGo(_`lr}2fs(U0iJ_9d5*7q*7-HBP?(!c~{KpASEZ<By<DWW<lZyWo!HDGd{=SCO`WpJB?_e~t^kap=8I}53f^!1roo>7fD&8o;#pQUH"
    "yb(n+C}}oXOJA414@OJh6o<0u2`($DD+E^st}RoIDXQxPH#F5eZl*-5Q$1tq!7T;6O>jrx?lSP60^TPW&wvvt(99HE(*~A;J|K7~P;t1xBgfk*"
    "6&F>l9uquKwIT#hJ9svU=cN@LQsr|zE;}sdCJp&49akqNUi{xJ^LW{YopxSTwj^G4MZZ>}-w?c2qKosG^p427zANdv3s4P-Ij`cqKB|M+1v$57"
    "JUD4VXW+^_s*ZLIWv_!*k`AT_YTmzvMJ%jwlPH_X^V;xB9<SI%6;7~7;DcqP!9}BqX)B*?coTt@ll*mpkay4^Xr_M@*>Zs0m!+uxKZx|6*12Fh"
    "?|2eI$6!K4F_JcB^cPI00#=JL+s2$dkbcpP*_c+7rferBI1QM?gBYzZapIJJ0p8P+um"
)
OF_PANDAS_3 = (
    "c-m!DZFkf}6wdB;3ym*`qEu0-iW*Q?i>OtR+OmQ)vgqJTe5rAgOm||l**wXl?J6svcDEH@kH5q}Am{WS`HgQfGs$kH=A6uACii*nz0aMw*Q$O("
    "<A7#nlL~q+r5$F%IDQ?KKB|^8VHk$nX{V@_W(~iavPKvSmc}&78XX$bHcK;eG3xrO7mJmNiIKS*g<iI6Z@PJ$g#K#8Tu%W^)crW`B)x{Ki92~D"
    "LYk(uXSyl#yKyGc+!rP$3o}!a>c7}$8=KhgOIX1C%w)0pFfrv+WXK*&XHw1)6=6J!y9T(M;GQAwB{*Q&6}xIz2e_}K3`8%H$b(K*BEmV`zr8iY"
    "0|bXGyQbMr<H1&|we+ui^k5qT4|&^s%9$~CpMB+gV$Y1jT>76Tcv#>O&v#uf4`q_E>zY{<`qJ|e+mI1ehIo|VF}pg%;{-=}{Z0vW+EPC^>22(a"
    "*lI4Q{YC1pvcSa52vb^L7HJr_7YfCmSUNiS&qQm8CkdV!RlTri77`rOq9r}SyD^?VfAv<8!2r(?Jj*A!*4*M!$m0Yjw2+&4ju*;Zn#1!-xfci;"
    "Bjv8(#XFUo7kJ6rUdF7YUC}7=;}|FTNha{JH^3>6ACX$rlp3!PysFfAjbM(~NA6!&?%yDIb6m&MydfFivPKqXl*K&3+hdD`GQ^crSX3dNC1}bJ"
    "`TxuMjxOsVX*-?H?%don;G8Pud4hKZE_fq<OUj>3@ZQ+pMc!02(~{<(z4PbJ-_z;NUy4JG#SU7E>Jq{G0w0X2h@!eo@L{R#M+MRTBA$8m;$sE;"
    "guoH_bPW7V0Y4}Bq697%K(mbCj2`f%g1Q7>2~bZe?kTlvc3r9M69h_aMzAtOdl}r?bL9iJ!Lo)&GiJImTX!$09TVZ`D3$B4`&ca+M<6>2B0j^%"
    "C$B>g^JDzKN2^PajIw~rA|=RF7WGXCUD@2yXGvg9vu2D1Sl3$}Y&bPJ_trRiMTOV!jZExYd6cer+B}vW4gFR=z;^^!`8Zla<2EZpzShTei}zbj"
    "UGWQ=3Vd%Hg*VYn@Pl0~7c9Y#c14nH5)9Y?LxQcMNy;09ZD*=Xdqp);{G``zhY6~+xUr0%wGS#pn&Fo|e%05&U5RKr!*6~3?i?<zMRz@OgFKN9"
    "f(qtFvRqMyKen>mYupBpuh~l"
)


@pytest.mark.parametrize("packed", [OF_PANDAS_1, OF_PANDAS_3])
def test_read_pickle__needs_not_the_pandas_that_wrote_the_table(packed: str, tmp_path: Path) -> None:
    back = read(zlib.decompress(base64.b85decode(packed)), tmp_path)
    assert back.drop(columns=["yvh", "fv"]).to_dict("list") == {"t": [0, 7], "seed": [42, 42], "m": ["allcnn"] * 2}
    np.testing.assert_allclose(np.exp(back["yvh"][1]), [[0.75, 0.25], [0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(np.exp(-back["fv"][1]), [0.75, 0.75], rtol=1e-6)


def test_read_pickle__of_tensors_loads_no_torch(tmp_path: Path) -> None:
    (tmp_path / "file.p").write_bytes(saved({"yh": TENSOR}))
    code = (
        "import sys, pathlib; from trajkit.importers.pickles import read_pickle; "
        f"read_pickle(pathlib.Path({str(tmp_path / 'file.p')!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# --- pickles: what is refused -------------------------------------------------------------------------------------


class Call:
    """Pickles as a request to call `function`."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.request = (function, args)

    def __reduce__(self) -> Any:
        return self.request


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def attribute_chain(mark: Path) -> bytes:
    """getattr(getattr(numpy.ndarray, "__class__"), ...): no name of its own but builtins.getattr, by hand."""
    reach = b"c__builtin__\ngetattr\n(cbuiltins\n__dict__\n" + text("eval") + b"tR"
    return b"\x80\x02" + reach + b"(" + text(f"open({str(mark)!r}, 'w')") + b"tR."


def dotted_name(mark: Path) -> bytes:
    """Protocol 4 walks dotted names: numpy's own import of os leads to os.system."""
    return b"\x80\x04" + text("numpy.lib._utils_impl") + text("os.system") + b"\x93" + shell(mark) + b"\x85R."


def shell(mark: Path) -> bytes:
    return text(f"touch {shlex.quote(str(mark))}")


def command(mark: Path) -> str:
    return f"touch {shlex.quote(str(mark))}"


def expression(mark: Path) -> str:
    return f"open({str(mark)!r}, 'w').close()"


def object_array(value: Any) -> Any:
    array = np.empty(1, dtype=object)
    array[0] = value
    return array


def in_zip(mark: Path) -> bytes:
    return saved({"data": [{"yh": TENSOR, "e": Call(os.system, command(mark))}]})


def load_from_bytes(mark: Path) -> bytes:
    """An allowed name whose own reading, in torch, runs what is nested in its argument."""
    inner = saved(Call(os.system, command(mark)), old=True)
    return pickle.dumps(Call(torch.storage._load_from_bytes, inner))  # type: ignore[no-untyped-call]


def evil_file(mark: Path, write: Callable[[Any], bytes] = pickle.dumps) -> str:
    path = mark.with_suffix(".evil")
    path.write_bytes(write(Call(os.system, command(mark))))
    return str(path)


def tampered_class(mark: Path) -> bytes:
    """Set an attribute of what stands for numpy.ndarray, so that the next state given to one runs a command."""
    system, ndarray = b"cposix\nsystem\n", b"cnumpy\nndarray\n"
    return b"\x80\x02" + ndarray + b"(N}" + text("__setstate__") + system + b"s" + b"tb" + ndarray + shell(mark) + b"b."


ATTACKS: dict[str, Callable[[Path], bytes]] = {
    **{f"os.system, protocol {p}": lambda m, p=p: pickle.dumps(Call(os.system, command(m)), p) for p in range(6)},  # type: ignore[misc]
    "eval": lambda m: pickle.dumps(Call(eval, expression(m))),
    "exec": lambda m: pickle.dumps(Call(exec, expression(m))),
    "subprocess": lambda m: pickle.dumps(Call(subprocess.check_call, ["touch", str(m)])),
    "mkdir": lambda m: pickle.dumps(Call(os.mkdir, str(m))),
    "in a list": lambda m: pickle.dumps([{"yh": np.ones(3), "f": [Call(os.system, command(m))]}]),
    "as a key": lambda m: pickle.dumps({Call(os.getcwd): 1, "x": Call(eval, expression(m))}),
    "in an argument": lambda m: pickle.dumps(Call(SimpleNamespace, Call(os.system, command(m)))),
    "in an object array": lambda m: pickle.dumps(object_array(Call(os.system, command(m)))),
    "in a table": lambda m: pickle.dumps(pd.DataFrame({"yh": object_array(Call(os.system, command(m)))})),
    "by torch.save": in_zip,
    "by torch.save before 1.6": lambda m: saved([TENSOR, Call(os.system, command(m))], old=True),
    "in _load_from_bytes": load_from_bytes,
    "getattr": attribute_chain,
    "a dotted name": dotted_name,
    "numpy's own exec": lambda m: pickle.dumps(Call(np.testing.runstring, expression(m), {})),
    "numpy's own unpickling": lambda m: pickle.dumps(Call(np.load, evil_file(m), None, True)),
    "pandas' own unpickling": lambda m: pickle.dumps(Call(pd.read_pickle, evil_file(m))),
    "torch's own unpickling": lambda m: pickle.dumps(
        Call(partial(torch.load, weights_only=False), evil_file(m, saved))
    ),
    "a tampered class": tampered_class,
    "opcode INST": lambda m: b"(" + shell(m) + b"iposix\nsystem\n.",
    "opcode OBJ": lambda m: b"\x80\x02(cposix\nsystem\n" + shell(m) + b"o.",
    "a persistent name": lambda m: b"\x80\x02cposix\nsystem\n" + shell(m) + b"\x85RQ.",
}
# These do nothing to plain pickle either, but must not slip through.
HARMLESS = {"getattr", "a tampered class", "opcode OBJ", "a persistent name", "in an argument"}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_read_pickle__runs_nothing(attack: Callable[[Path], bytes], tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    raw = attack(mark)
    with pytest.raises(tk.importers.UnsafePickleError, match=r"asks for .*nothing in it was run"):
        read(raw, tmp_path)
    assert not mark.exists()


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in HARMLESS])
def test_attacks__are_real(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    raw = ATTACKS[name](mark)
    if "torch.save" in name:
        torch.load(BytesIO(raw), weights_only=False)
    else:
        pickle.loads(raw)
    assert mark.exists()


def test_read_deepnets__runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    (tmp_path / '{"m":"allcnn","bs":200}.p').write_bytes(in_zip(mark))
    with pytest.raises(tk.importers.UnsafePickleError, match=r"allcnn.*posix\.system"):
        read_deepnets(tmp_path, progress_bar=False)
    assert not mark.exists()


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
def test_read_pickle__refuses_what_is_no_array(raw: bytes, tmp_path: Path) -> None:
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


# --- the reference code's files -----------------------------------------------------------------------------------

LABEL = {"train": RANDOM.integers(0, 3, 40), "test": RANDOM.integers(0, 3, 10)}


def deepnets_rows(checkpoints: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """Make checkpoints in the form of the reference code's `fit`."""
    random = np.random.default_rng(seed)
    rows = []
    for k in range(checkpoints):
        row = {}
        for split, (y, f, e) in {"train": ("yh", "f", "e"), "test": ("yvh", "fv", "ev")}.items():
            label = torch.from_numpy(LABEL[split])
            logits = torch.from_numpy(random.standard_normal((len(label), 3))) + k * torch.eye(3)[label]
            row[y] = torch.log_softmax(logits.float(), dim=1)
            row[f] = -torch.gather(row[y], 1, label.view(-1, 1))
            row[e] = (label != row[y].argmax(1)).float()
        rows.append(row)
    return rows


def write_deepnets(folder: Path, value: Any, **configuration: Any) -> Path:
    name = json.dumps({"seed": 42, "m": "allcnn", "opt": "sgd", "bs": 10, "lr": 0.1, "bn": True} | configuration)
    path = folder / f"{name.replace(' ', '')}.p"
    path.write_bytes(saved(value))
    return path


def test_read_deepnets__reads_runs_with_steps_labels_and_attributes(tmp_path: Path) -> None:
    rows = {seed: deepnets_rows(9, seed) for seed in (42, 43)}
    for seed, data in rows.items():
        value = {"data": data, "configs": SimpleNamespace(epochs=2, save_init=1, bs=10)}
        write_deepnets(tmp_path, value if seed == 42 else data[:6], seed=seed, epochs=2 if seed == 42 else 1)
    (tmp_path / '{"m":"allcnn"}_init.p').write_bytes(b"not a result")
    steps = {42: range(9), 43: range(6)}
    ds = read_deepnets(tmp_path, step=lambda configuration: list(steps[configuration["seed"]]), progress_bar=False)
    assert dict(ds.sizes) == {"run": 2, "checkpoint": 9, "sample": 50, "class": 3}
    assert ds.label.values.tolist() == [*LABEL["train"], *LABEL["test"]]
    assert ds.split.values.tolist() == ["train"] * 40 + ["test"] * 10
    assert ds.sample.values[[0, 39, 40]].tolist() == ["train-0", "train-39", "test-0"]
    assert ds.seed.values.tolist() == [42, 43]
    assert (ds.architecture.values.tolist(), ds.optimizer.values.tolist()) == (["allcnn"] * 2, ["sgd"] * 2)
    assert ds.batch_norm.dtype == bool
    for run, data in enumerate(rows.values()):
        for k in steps[42 + run]:
            wanted = torch.cat([data[k]["yh"], data[k]["yvh"]]).numpy()
            np.testing.assert_allclose(ds.log_prob[run, k], wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        tk.loss(ds.isel(run=[0])).values[0], [torch.cat([r["f"], r["fv"]]).mean() for r in rows[42]], rtol=1e-5
    )


def test_read_deepnets__takes_steps_from_the_schedule_of_the_code(tmp_path: Path) -> None:
    # 40 training samples in batches of 10: in each of the first 5 epochs 4 updates, all saved; then once an epoch.
    steps = [*range(21), 24, 28]
    write_deepnets(tmp_path, {"data": deepnets_rows(23), "configs": SimpleNamespace(epochs=7, bs=10)})
    assert read_deepnets(tmp_path, progress_bar=False).step.values[0].tolist() == steps


@pytest.mark.parametrize(
    ("batch_size", "epochs", "count", "last"), [(200, 200, 67, 50000), (500, 200, 62, 20000), (1000, 30, 49, 1500)]
)
def test_saved_steps__are_those_of_the_reference_code(batch_size: int, epochs: int, count: int, last: int) -> None:
    # Counted with the function `get_ts` of its utils/load_models.py.
    steps = tk.importers.saved_steps(batch_size, epochs)
    assert (len(steps), steps[0], steps[-1]) == (count, 0, last)


def test_read_deepnets__reads_tables_of_probabilities(tmp_path: Path) -> None:
    rows = deepnets_rows(4)
    table = pd.DataFrame({"t": [0, 3, 6, 9], "yvh": [np.exp(row["yvh"].numpy()) for row in rows]})
    write_deepnets(tmp_path, table)
    ds = read_deepnets(tmp_path, label=LABEL, probe={"test": slice(None)}, progress_bar=False)
    np.testing.assert_allclose(ds.log_prob[0], [row["yvh"].numpy() for row in rows], rtol=1e-5, atol=1e-6)
    assert ds.step.values.tolist() == [[0, 3, 6, 9]]


def test_read_deepnets__keeps_the_samples_asked_for(tmp_path: Path) -> None:
    rows = deepnets_rows(4)
    write_deepnets(tmp_path, rows)
    probe = {"test": [7, 2], "train": slice(0, 40, 20)}
    ds = read_deepnets(tmp_path, probe=probe, step=lambda _: range(4), classes=list("abc"), progress_bar=False)
    assert ds.sample.values.tolist() == ["test-7", "test-2", "train-0", "train-20"]
    assert ds.label.values.tolist() == [*LABEL["test"][[7, 2]], *LABEL["train"][[0, 20]]]
    np.testing.assert_allclose(ds.log_prob[0, 3, 1], rows[3]["yvh"][2], rtol=1e-5, atol=1e-6)
    assert ds["class"].values.tolist() == ["a", "b", "c"]


def test_read_deepnets__finds_labels_in_half_precision(tmp_path: Path) -> None:
    write_deepnets(tmp_path, [{key: value.half() for key, value in row.items()} for row in deepnets_rows(6)])
    ds = read_deepnets(tmp_path, step=lambda _: range(6), progress_bar=False)
    assert ds.label.values.tolist() == [*LABEL["train"], *LABEL["test"]]


def test_read_deepnets__tells_references_from_networks(tmp_path: Path) -> None:
    write_deepnets(tmp_path, deepnets_rows(4))
    write_deepnets(tmp_path, deepnets_rows(4), seed=0, m="geodesic", bn="na", lr="na", opt="geodesic")
    ds = read_deepnets(tmp_path, step=lambda _: range(4), progress_bar=False)
    assert dict(zip(ds.architecture.values, ds.kind.values, strict=True)) == {
        "allcnn": "network",
        "geodesic": "reference",
    }
    assert np.isnan(ds.learning_rate.values).sum() == 1


def diverging(at: int) -> list[dict[str, torch.Tensor]]:
    rows = deepnets_rows(5)
    for row in rows[at:]:
        row["yh"] = torch.full_like(row["yh"], torch.nan)
    return rows


def test_read_deepnets__cuts_diverged_runs_when_asked(tmp_path: Path) -> None:
    write_deepnets(tmp_path, diverging(3))
    with pytest.raises(tk.SchemaError, match=r"NaN predictions from checkpoint 3 on.*diverged='cut'"):
        read_deepnets(tmp_path, step=lambda _: range(5), progress_bar=False)
    ds = read_deepnets(tmp_path, step=lambda _: range(5), diverged="cut", progress_bar=False)
    assert ds.step.values.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ({"yh": 3}, {}, r"wanted a list of checkpoints .* got dict of 1"),
        ([], {}, "got list of 0"),
        ([{"yh": TENSOR}], {}, r"checkpoints 0 lack 'yvh'.*probe="),
        ([{"yh": TENSOR[0], "yvh": TENSOR}], {}, r"'yh' has the shapes \[\(3,\)\]: wanted one shape"),
        (deepnets_rows(3), {}, r"schedule gives .* wanted 3 whole numbers.*step="),
        ([row | {"t": k / 3} for k, row in enumerate(deepnets_rows(3))], {}, r"column 't' holds .*wanted 3 whole"),
        (deepnets_rows(3), {"step": lambda _: range(2)}, r"step\(configuration\) gives 2 steps"),
        (diverging(0), {"step": lambda _: range(5), "diverged": "cut"}, "NaN predictions from checkpoint 0 on"),
        ([{k: row[k] for k in ("yh", "yvh")} for row in deepnets_rows(3)], {"step": lambda _: range(3)}, "no losses"),
        ([row | {"f": 9 * row["f"]} for row in deepnets_rows(3)], {"step": lambda _: range(3)}, "losses fit no class"),
    ],
)
def test_read_deepnets__says_what_does_not_fit(value: Any, options: Any, message: str, tmp_path: Path) -> None:
    write_deepnets(tmp_path, value)
    with pytest.raises(tk.SchemaError, match=message):
        read_deepnets(tmp_path, progress_bar=False, **options)


def test_read_deepnets__refuses_runs_on_different_probes(tmp_path: Path) -> None:
    write_deepnets(tmp_path, deepnets_rows(3), seed=1)
    rows = [{key: value[:-1] for key, value in row.items()} for row in deepnets_rows(3)]
    write_deepnets(tmp_path, rows, seed=2)
    with pytest.raises(tk.SchemaError, match=r"48 samples of 3 classes, but the first run has 50"):
        read_deepnets(tmp_path, step=lambda _: range(3), progress_bar=False)


def test_read_deepnets__says_which_files_it_wants(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="JSON of the configuration"):
        read_deepnets(tmp_path, progress_bar=False)
    with pytest.raises(FileNotFoundError, match=r"no file .*gone\.p"):
        read_deepnets([tmp_path / "gone.p"], progress_bar=False)
    (tmp_path / "{seed=1}.p").write_bytes(saved([]))
    with pytest.raises(tk.SchemaError, match="wanted a name with the JSON"):
        read_deepnets(tmp_path, progress_bar=False)
    with pytest.raises(ValueError, match="probe: wanted"):
        read_deepnets(tmp_path, probe={"val": slice(None)})
    with pytest.raises(ValueError, match="diverged: wanted"):
        read_deepnets(tmp_path, diverged="drop")  # type: ignore[arg-type]


# --- dataset cartography ------------------------------------------------------------------------------------------

GUIDS = ["q17", "q3", "q99", "q4"]
GOLD = [0, 2, 1, 1]


def records(epoch: int, order: list[int], **changes: Any) -> str:
    logits = np.random.default_rng(epoch).standard_normal((4, 3))
    rows = [{"guid": GUIDS[i], f"logits_epoch_{epoch}": logits[i].tolist(), "gold": GOLD[i]} for i in order]
    return "\n".join(json.dumps(row | changes) for row in rows) + "\n"


def write_dynamics(folder: Path, orders: list[list[int]]) -> Path:
    inner = folder / "training_dynamics"
    inner.mkdir(parents=True)
    for epoch, order in enumerate(orders):
        (inner / f"dynamics_epoch_{epoch}.jsonl").write_text(records(epoch, order))
    return folder


def test_read_cartography__aligns_the_shuffled_samples_of_all_epochs(tmp_path: Path) -> None:
    write_dynamics(tmp_path, [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 0, 1]])
    ds = read_cartography(tmp_path, steps_per_epoch=5, classes=["no", "yes", "maybe"], progress_bar=False)
    assert ds.sample.values.tolist() == GUIDS
    assert ds.label.values.tolist() == GOLD
    assert ds.step.values.tolist() == [[0, 5, 10]]
    assert ds.epoch.values.tolist() == [[0, 1, 2]]
    assert set(ds.split.values) == {"train"}
    for epoch in range(3):
        wanted = normalize(np.random.default_rng(epoch).standard_normal((4, 3)))
        np.testing.assert_allclose(ds.log_prob[0, epoch], wanted, rtol=1e-6)


def test_read_cartography__reads_several_runs_on_one_probe(tmp_path: Path) -> None:
    folders = {
        "a": write_dynamics(tmp_path / "a", [[2, 1, 0, 3]]),
        "b": write_dynamics(tmp_path / "b", [[0, 1, 2, 3]] * 2),
    }
    ds = read_cartography(folders, runs={"optimizer": ["sgd", "adam"]}, progress_bar=False)
    assert ds.run.values.tolist() == ["a", "b"]
    assert ds.optimizer.values.tolist() == ["sgd", "adam"]
    np.testing.assert_array_equal(ds.log_prob[0, 0], ds.log_prob[1, 0])
    assert ds.step.values.tolist() == [[0, -1], [0, 1]]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (records(1, [0, 1, 2]), r"epoch_1\.jsonl: the samples q4 are missing"),
        (records(1, [0, 1, 2, 3, 1]), "the samples q3 appear more than once"),
        (records(1, [0, 1, 2, 3]).replace("q4", "q5"), r"q4 are missing[\s\S]*q5 are not in the first"),
        (records(1, [0, 1, 2, 3], gold=1), r"the label \('gold'\) of the samples q17, q3 differs"),
        (records(0, [0, 1, 2, 3]), r'line 1: wanted .*"logits_epoch_1"'),
        (records(1, [0, 1, 2, 3])[:-30], "line 4: wanted"),
        (records(1, [0, 1, 2, 3], gold="yes"), "gold 'yes'"),
        (records(1, [0, 1, 2, 3], logits_epoch_1=[0.0, 1.0]), "4 samples of 2 classes, but .* 4 samples of 3"),
        (records(1, [0, 1, 2, 3], logits_epoch_1=[np.nan] * 3), "NaN for 4 samples"),
        (records(1, [0, 1, 2, 3]).replace('"q17"', "17"), "'guid' holds .*'int', 'str'"),
        ("", "is empty"),
    ],
)
def test_read_cartography__says_what_does_not_fit(second: str, message: str, tmp_path: Path) -> None:
    write_dynamics(tmp_path, [[0, 1, 2, 3]])
    (tmp_path / "training_dynamics" / "dynamics_epoch_1.jsonl").write_text(second)
    with pytest.raises(tk.SchemaError, match=message):
        read_cartography(tmp_path, progress_bar=False)


def test_read_cartography__refuses_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "dynamics_epoch_0.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(tk.SchemaError, match="bytes that are not text"):
        read_cartography(tmp_path, progress_bar=False)


def test_read_cartography__misses_no_epoch(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"wanted files dynamics_epoch_0\.jsonl"):
        read_cartography(tmp_path, progress_bar=False)
    write_dynamics(tmp_path, [[0, 1, 2, 3]] * 3)
    (tmp_path / "training_dynamics" / "dynamics_epoch_1.jsonl").unlink()
    with pytest.raises(FileNotFoundError, match="lacks the epochs 1 of 0 to 2"):
        read_cartography(tmp_path, progress_bar=False)


# --- long tables and folders of arrays: there and back --------------------------------------------------------------

FORMATS: dict[str, tuple[Callable[..., Path], Callable[..., xr.Dataset]]] = {
    "runs.csv": (write_table, read_table),
    "runs.parquet": (write_table, read_table),
    "runs": (write_arrays, read_arrays),
}
in_each_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def ds() -> xr.Dataset:
    """Ragged runs with attributes of every kind, some of them missing."""
    ds = tk.simulate(runs=3, checkpoints=5, samples=6, classes=3, spread=0.1, ragged=True)
    return ds.assign_coords(
        augmentation=("run", [True, False, True]),
        learning_rate=("run", [0.1, np.nan, 1e-300]),
        optimizer=("run", ["", "Adam, β₂=0.999", 'a "quoted" one']),
        width=("run", np.array([-1, 0, 2**62])),
        nothing=("run", ["", "", ""]),
        unknown=("run", [np.nan] * 3),
    ).assign(epoch=ds.step.where(ds.step >= 0) / 10)


@in_each_format
@given(datasets(zeros=True))
def test_formats__give_back_trajectories(tmp_path_factory: pytest.TempPathFactory, name: str, ds: xr.Dataset) -> None:
    write, read = FORMATS[name]
    path = write(ds, tmp_path_factory.mktemp("trip") / name, progress_bar=False)
    assert_same_trajectories(read(path, progress_bar=False), ds)


@in_each_format
def test_formats__give_back_attributes_and_epochs(name: str, ds: xr.Dataset, tmp_path: Path) -> None:
    write, read = FORMATS[name]
    back = read(write(ds, tmp_path / name, progress_bar=False), progress_bar=False)
    assert_same_trajectories(back, ds)
    assert set(run_attributes(back)) == set(run_attributes(ds))
    np.testing.assert_array_equal(back.epoch, ds.epoch)


@in_each_format
def test_formats__give_back_text_samples_and_references(name: str, tmp_path: Path) -> None:
    ds = tk.with_references(tk.simulate(runs=2, checkpoints=4, samples=5), n_geodesic=4)
    ds = ds.assign_coords(sample=[f"cat/{i}.png" for i in range(5)])
    write, read = FORMATS[name]
    assert_same_trajectories(read(write(ds, tmp_path / name, progress_bar=False), progress_bar=False), ds)


@in_each_format
def test_formats__give_back_names_that_look_like_numbers(name: str, ds: xr.Dataset, tmp_path: Path) -> None:
    ds = ds.assign_coords({"run": ["007", "7", "nan"], "class": ["1", "01", "nan"]})
    write, read = FORMATS[name]
    assert_same_trajectories(read(write(ds, tmp_path / name, progress_bar=False), progress_bar=False), ds)


@in_each_format
def test_formats__give_back_epochs_of_which_some_are_unknown(name: str, ds: xr.Dataset, tmp_path: Path) -> None:
    ds["epoch"][0] = np.nan
    write, read = FORMATS[name]
    back = read(write(ds, tmp_path / name, progress_bar=False), progress_bar=False)
    np.testing.assert_array_equal(back.epoch, ds.epoch)


@in_each_format
@pytest.mark.parametrize("text", [["01", "1", "2"], ["True", "False", "True"], ["nan", "nan", ""], ["1", "", "2"]])
def test_formats__give_back_or_refuse_attributes_that_look_like_others(
    name: str, text: list[str], ds: xr.Dataset, tmp_path: Path
) -> None:
    ds = ds.assign_coords(version=("run", text))
    write, read = FORMATS[name]
    if name.endswith(".parquet"):
        assert_same_trajectories(read(write(ds, tmp_path / name, progress_bar=False), progress_bar=False), ds)
        return
    with pytest.raises(tk.SchemaError, match="'version' would come back from a CSV as"):
        write(ds, tmp_path / name, progress_bar=False)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_write_table__refuses_attributes_named_as_its_columns(name: str, ds: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(tk.SchemaError, match=r"\['prob'\] have the names of columns"):
        write_table(ds.assign_coords(prob=("run", [0.1, 0.2, 0.3])), tmp_path / name)


def test_write_arrays__deletes_nothing_that_it_did_not_write(ds: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"holds thesis\.tex, which this function did not write"):
        write_arrays(ds, tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


@in_each_format
def test_writers__replace_only_when_asked_and_leave_nothing_half_done(
    name: str, ds: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, read = FORMATS[name]
    path = write(ds, tmp_path / name, progress_bar=False)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write(ds, path, progress_bar=False)
    with monkeypatch.context() as patch:
        patch.setattr(xr.Dataset, "isel", broken_at_the_second_call())
        with pytest.raises(OSError, match="disk full"):
            write(ds, path, overwrite=True, progress_bar=False)
    assert os.listdir(tmp_path) == [name]
    assert_same_trajectories(read(path, progress_bar=False), ds)
    write(ds.isel(run=[1]), path, overwrite=True, progress_bar=False)
    assert read(path, progress_bar=False).sizes["run"] == 1
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write(ds, tmp_path / "no" / name, progress_bar=False)
    with pytest.raises(tk.SchemaError, match="'label' is missing"):
        write(ds.drop_vars("label"), tmp_path / f"other-{name}", progress_bar=False)


def broken_at_the_second_call() -> Callable[..., xr.Dataset]:
    calls: Iterator[int] = iter(range(99))
    isel = xr.Dataset.isel

    def broken(self: xr.Dataset, *args: Any, **kwargs: Any) -> xr.Dataset:
        if kwargs.get("run") is not None and next(calls):
            raise OSError("disk full")
        return isel(self, *args, **kwargs)

    return broken


@in_each_format
def test_formats__show_progress_when_asked_or_slow(
    name: str, ds: xr.Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, read = FORMATS[name]
    read(write(ds, tmp_path / name))
    assert capsys.readouterr() == ("", "")
    read(write(ds, tmp_path / name, overwrite=True, progress_bar=True), progress_bar=True)
    shown = capsys.readouterr().err
    assert "writing: 100%" in shown
    assert "reading: 100%" in shown


# --- long tables --------------------------------------------------------------------------------------------------


def table(**changes: Any) -> pd.DataFrame:
    """Two runs of two steps on two samples, rows in random order."""
    rows = [
        {"run": run, "step": step, "sample": sample, "class": name, "prob": p, "label": label, "seed": seed}
        for seed, run in enumerate(("a", "b"))
        for step in (0, 10)
        for sample, label in ((7, "dog"), (3, "cat"))
        for name, p in (("cat", 0.25), ("dog", 0.75))
    ]
    return pd.DataFrame(rows).assign(**changes)


def test_read_table__puts_rows_together_by_their_keys() -> None:
    ds = read_table(table(), progress_bar=False)
    other = read_table(table().sample(frac=1, random_state=1), progress_bar=False)
    assert other["sample"].values.tolist() != ds["sample"].values.tolist()
    in_order = other.sel({"run": ds.run, "sample": ds["sample"], "class": ds["class"]})
    np.testing.assert_array_equal(in_order.log_prob, ds.log_prob)
    true = [d["class"][d.label].values.tolist() for d in (other.sel(sample=ds["sample"]), ds)]
    assert true == [["dog", "cat"]] * 2
    assert ds.sample.values.tolist() == [7, 3]
    assert ds.label.values.tolist() == [1, 0]
    assert ds.step.values.tolist() == [[0, 10]] * 2
    assert ds.seed.values.tolist() == [0, 1]
    np.testing.assert_allclose(np.exp(ds.log_prob[0, 0]), [[0.25, 0.75]] * 2)


def test_read_table__takes_logits_numbered_classes_and_splits() -> None:
    logits = table().drop(columns="prob").assign(logit=np.arange(16.0), split="train")
    logits = logits.replace({"cat": 0, "dog": 1})
    ds = read_table(
        logits.assign(label=logits.label.astype(int), **{"class": logits["class"].astype(int)}), progress_bar=False
    )
    assert ds.label.values.tolist() == [1, 0]
    assert ds["class"].values.tolist() == ["0", "1"]
    assert set(ds.split.values) == {"train"}
    np.testing.assert_allclose(
        np.exp(ds.log_prob), np.broadcast_to([1 / (1 + np.e), np.e / (1 + np.e)], (2, 2, 2, 2)), rtol=1e-6
    )


def test_read_table__reads_numbers_with_gaps_and_long_columns(tmp_path: Path) -> None:
    gaps = table(seed=["", *"1" * 15])
    gaps["seed"] = gaps["seed"].where(gaps["run"] == "b", "")
    gaps.assign(note="x").to_csv(tmp_path / "gaps.csv", index=False)
    ds = read_table(tmp_path / "gaps.csv", progress_bar=False)
    assert ds.seed.values.tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert ds.attrs["source"] == "table gaps.csv"


def test_read_table__keeps_names_of_runs_and_classes_as_they_stand(tmp_path: Path) -> None:
    numbered = table().replace({"cat": "01", "dog": "1", "a": "007", "b": "nan"})
    numbered[numbered.run != "nan"].to_csv(tmp_path / "numbered.csv", index=False)
    ds = read_table(tmp_path / "numbered.csv", progress_bar=False)
    assert (ds.run.values.tolist(), ds["class"].values.tolist()) == (["007"], ["01", "1"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (table().drop(columns=["step", "label"]), r"no column 'step'[\s\S]*no column 'label'"),
        (table(logit=0.0), r"exactly one of the columns .* got \['prob', 'logit'\]"),
        (table(prob="high"), r"column 'prob' holds \w+: wanted numbers"),
        (table(step=0.5), "column 'step' holds float64: wanted whole numbers"),
        (table()[:0], "no rows"),
        (table()[1:], "run 'a': 1 of 8 rows are missing, the first for step 0, sample 7, class cat"),
        (pd.concat([table(), table()[5:6]]), "run 'a': 1 of 8 rows are repeated.* step 10, sample 7"),
        (table()[:-2], "run 'b': 2 of 8 rows are missing"),
        (table(label=["cat", "dog"] * 8), "'label' is not constant within the sample 7, 3"),
        (table(label="horse"), "'label' holds horse: wanted values of the column 'class', cat, dog"),
        (table(seed=range(16)), "'seed' is not constant within the run a, b"),
        (table(split=["train", "test"] * 8), "'split' is not constant within the sample"),
        (table(epoch=np.arange(16.0)), "'epoch' is not constant within the step 0, 10"),
        (table(prob=[np.nan, np.nan, *[0.5] * 14]), "run 'a', step 0: NaN for 1 samples"),
        (table(prob=np.nan), "run 'a', step 0: NaN for 2 samples"),
        (table(prob=0.3), "sum to 0.6"),
        (table(sample=[None, *range(15)]), "column 'sample' has gaps"),
    ],
)
def test_read_table__says_what_does_not_fit(wrong: pd.DataFrame, message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        read_table(wrong, progress_bar=False)


def test_read_table__says_what_files_it_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"ends in \.csv or \.parquet, got '\.xlsx'"):
        read_table(tmp_path / "runs.xlsx")
    with pytest.raises(FileNotFoundError, match=r"no file .*runs\.csv"):
        read_table(tmp_path / "runs.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for act in (read_table, lambda path: write_table(tk.simulate(runs=1), path)):
        with pytest.raises(ImportError, match=re.escape('pip install "trajkit[parquet]"')):
            act(tmp_path / "runs.parquet")


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_read_table__refuses_files_cut_short(name: str, ds: xr.Dataset, tmp_path: Path) -> None:
    path = write_table(ds, tmp_path / name, progress_bar=False)
    raw = path.read_bytes()
    for percent in range(0, 100, 5):
        path.write_bytes(raw[: len(raw) * percent // 100])
        with pytest.raises(ValueError, match=r"cannot read .*runs|rows are missing|the table: |sum to|NaN for"):
            read_table(path, progress_bar=False)


# --- folders of arrays --------------------------------------------------------------------------------------------

LOGITS = RANDOM.standard_normal((2, 4, 5, 3))


def test_read_arrays__reads_plain_files(tmp_path: Path) -> None:
    for run, values in zip(("adam", "sgd"), LOGITS, strict=True):
        np.save(tmp_path / f"{run}.npy", values.astype("f4"))
    ds = read_arrays(
        tmp_path, label=[0, 1, 2, 0, 1], runs={"seed": [3, 4]}, classes=list("abc"), split="train", progress_bar=False
    )
    np.testing.assert_allclose(ds.log_prob, normalize(LOGITS), rtol=1e-5, atol=1e-6)
    assert ds.run.values.tolist() == ["adam", "sgd"]
    assert ds.seed.values.tolist() == [3, 4]
    assert ds.step.values.tolist() == [[0, 1, 2, 3]] * 2
    assert set(ds.split.values) == {"train"}


def test_read_arrays__reads_one_file_for_each_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "run1").mkdir()
    for k, step in enumerate((9, 100, 20)):
        np.save(tmp_path / "run1" / f"epoch_v2_step{step}.npy", LOGITS[0, k])
    np.savez(tmp_path / "run2.npz", prob=np.exp(normalize(LOGITS[1])), step=[1, 2, 4, 8])
    ds = read_arrays(tmp_path, label=np.zeros(5, int), progress_bar=False)
    assert ds.step.values.tolist() == [[9, 20, 100, -1], [1, 2, 4, 8]]
    np.testing.assert_allclose(ds.log_prob[0, :3], normalize(LOGITS[0, [0, 2, 1]]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ds.log_prob[1], normalize(LOGITS[1]), rtol=1e-5, atol=1e-6)


def test_read_arrays__aligns_samples_that_have_identities(tmp_path: Path) -> None:
    label = np.array([0, 1, 2, 0, 1])
    order = np.array([3, 0, 4, 2, 1])
    np.savez(tmp_path / "a.npz", logits=LOGITS[0], sample=np.arange(5), label=label)
    np.savez(tmp_path / "b.npz", logits=LOGITS[0][:, order], sample=order, label=label[order])
    ds = read_arrays(tmp_path, progress_bar=False)
    np.testing.assert_array_equal(ds.log_prob[0], ds.log_prob[1])
    assert ds.label.values.tolist() == label.tolist()


PLAIN = {"logits": LOGITS[0]}
ZEROS = np.zeros(5, int)


@pytest.mark.parametrize(
    ("second", "options", "message"),
    [
        ({"logits": LOGITS[0][:, :4]}, {}, r"b\.npz: 4 samples of 3 classes, but the first run has 5 samples of 3"),
        ({"logits": LOGITS[0, 0]}, {}, r"logits is float64 \(5, 3\): wanted numbers \(checkpoint, sample, class\)"),
        ({"logits": LOGITS[0], "prob": LOGITS[0]}, {}, "wanted one of logits, log_prob, prob"),
        ({"outputs": LOGITS[0]}, {}, "holds outputs: wanted one of logits"),
        ({"logits": np.full((1, 5, 3), np.nan)}, {}, r"b\.npz, checkpoint 0: NaN for 5 samples"),
        ({"logits": np.full((1, 5, 3), -np.inf)}, {}, "infinite logits; pass form="),
        ({"prob": LOGITS[0]}, {}, "negative probabilities"),
        ({"log_prob": LOGITS[0]}, {}, "positive log-probability|sum to"),
        (PLAIN | {"step": [0, 1]}, {}, r"step has shape \(2,\): wanted \(4,\)"),
        (PLAIN | {"epoch": range(4)}, {}, r"a\.npz lack 'epoch'"),
        (PLAIN | {"sample": [0, 1, 2, 3, 9]}, {"sample": range(5)}, r"samples 4 are missing[\s\S]*9 are not"),
        (PLAIN | {"sample": [0, 1, 2, 3, 3]}, {"sample": range(5)}, "3 appear more than once"),
        (PLAIN | {"label": [1] * 5}, {}, "its label differs from that of the probe"),
        (PLAIN, {"label": None}, "the true classes are unknown"),
    ],
)
def test_read_arrays__says_what_does_not_fit(second: Any, options: Any, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **PLAIN)
    np.savez(tmp_path / "b.npz", **second)
    with pytest.raises(tk.SchemaError, match=message):
        read_arrays(tmp_path, **{"label": ZEROS, "progress_bar": False} | options)


def test_read_arrays__says_what_files_it_wants(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        read_arrays(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="no runs in"):
        read_arrays(tmp_path)
    with pytest.raises(ValueError, match="form: wanted"):
        read_arrays(tmp_path, form="softmax")  # type: ignore[arg-type]
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a" / "first.npy", LOGITS[0, 0])
    with pytest.raises(tk.SchemaError, match="whose last number is the step"):
        read_arrays(tmp_path, label=ZEROS, progress_bar=False)
    np.save(tmp_path / "b.npy", LOGITS[0])
    pd.DataFrame({"file": ["a", "c.npy"]}).to_csv(tmp_path / "runs.csv")
    with pytest.raises(tk.SchemaError, match=r"names each of a, b\.npy once; got a, c\.npy"):
        read_arrays(tmp_path, label=ZEROS, progress_bar=False)


def test_read_arrays__unpickles_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    np.save(tmp_path / "a.npy", object_array(Call(os.system, command(mark))), allow_pickle=True)
    np.savez(tmp_path / "b.npz", logits=object_array(Call(os.system, command(mark))))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(ValueError, match="without objects"):
            read_arrays(tmp_path, label=ZEROS, progress_bar=False)
        (tmp_path / name).unlink()
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Call(os.system, command(mark))))
    with pytest.raises(ValueError, match="without objects"):
        read_arrays(tmp_path, label=ZEROS, progress_bar=False)
    assert not mark.exists()


def test_read_arrays__refuses_files_cut_short(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", logits=LOGITS[0])
    raw = (tmp_path / "a.npz").read_bytes()
    for percent in range(0, 100, 5):
        (tmp_path / "a.npz").write_bytes(raw[: len(raw) * percent // 100])
        with pytest.raises(ValueError, match=r"cannot read .*a\.npz"):
            read_arrays(tmp_path, label=ZEROS, progress_bar=False)
