"""Laws of `read_pickle`: arrays, tensors and tables come back, and nothing in a file is run."""

import base64
import pickle
import subprocess
import sys
import zlib
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
from hostile_pickles import ATTACKS, HARMLESS, TENSOR, Call, saved, text
from hypothesis import given
from hypothesis import strategies as st

import trajkit as tk
from trajkit.importers.pickles import read_pickle

RANDOM = np.random.default_rng(0)
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
def test_read_pickle__does_not_need_the_pandas_that_wrote_the_table(packed: str, tmp_path: Path) -> None:
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
