"""Files that no program of this field would write, for each reader of files: damaged or larger than they look."""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hostile_pickles import Call

Writer = Callable[[Path], Any]
LOGITS = np.random.default_rng(0).standard_normal((3, 4, 2))
BILLION = 2**30


def raw(*parts: bytes | str) -> Writer:
    """Write these bytes as the file."""
    return lambda path: path.write_bytes(b"".join(p.encode() if isinstance(p, str) else p for p in parts))


def sparse(size: int, head: bytes = b"") -> Writer:
    """Write a file that says to be large and takes no room on the disk."""

    def write(path: Path) -> None:
        path.write_bytes(head)
        os.truncate(path, size)

    return write


# No files at all, or of no kind.
ODD: dict[str, Writer] = {
    "empty": raw(),
    "one byte": raw(b"\x93"),
    "text": raw("hello"),
    "zeros": raw(bytes(5000)),
    "noise": raw(np.random.default_rng(1).bytes(5000)),
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("gone"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a sparse terabyte": sparse(2**40),
    "a folder": os.mkdir,
}


# Arrays


def head(shape: Any, descr: Any = "<f8", version: int = 1, data: bytes = b"", text: str = "") -> bytes:
    """Make a `.npy` whose head says this, whatever follows."""
    said = (text or repr({"descr": descr, "fortran_order": False, "shape": shape})).encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(said))
    return b"\x93NUMPY" + bytes([version, 0]) + size + said + data


def npz(compression: int = zipfile.ZIP_DEFLATED, change: Callable[[bytes], bytes] = bytes, **members: bytes) -> Writer:
    """Zip these members as they stand, then change the bytes of the archive."""

    def write(path: Path) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name, content in (members or {"logits.npy": head(LOGITS.shape, data=LOGITS.tobytes())}).items():
                archive.writestr(name, content)
        path.write_bytes(change(file.getvalue()))

    return write


def bomb(name: str, before: bytes) -> Writer:
    """Write a zip of a megabyte that unpacks to a gigabyte."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
            member.write(before)
            for _ in range(1024):
                member.write(bytes(2**20))

    return write


def encrypted(archive: bytes) -> bytes:
    return archive.replace(b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0")


def flipped(archive: bytes) -> bytes:
    place = len(archive) // 2
    return archive[:place] + bytes([archive[place] ^ 255, archive[place + 1] ^ 255]) + archive[place + 2 :]


def larger(archive: bytes) -> bytes:
    """Let the last directory entry promise two gigabytes."""
    place = archive.rindex(b"PK\1\2") + 24
    return archive[:place] + struct.pack("<I", 2**31) + archive[place + 4 :]


def saved(**arrays: Any) -> Writer:
    return lambda path: np.savez(path.open("wb"), **({"logits": LOGITS} | arrays))


NPY: dict[str, bytes] = {
    "a huge shape": head((2**40, 4, 2)),
    "a shape beyond 64 bits": head((2**70, 4, 2)),
    "a product beyond 64 bits": head((2**32, 2**32, 2)),
    "a negative shape": head((-1, 4, 2)),
    "no samples, many checkpoints": head((2**60, 0, 2)),
    "no bytes, many values": head((2**40, 4, 2), "<U0"),
    "an endless tuple": head(0, text="{'descr': '<f8', 'fortran_order': False, 'shape': (3"),
    "deep brackets": head(0, text="(" * 5000),
    "a call": head(0, text="{'descr': __import__('os').getcwd()}"),
    "digits without end": head(0, text="{'shape': (" + "9" * 5000 + ",)}"),
    "unhashable keys": head(0, text="{[]: 1}"),
    "objects": head((3,), "|O", data=pickle.dumps([1, 2, 3])),
    "fields": head((3, 4, 2), [("a", "<f8")], data=LOGITS.tobytes()),
    "arrays in arrays": head((3, 4, 2), ("<f8", (2**30,))),
    "a long head": head((3, 4, 2), version=2)[:8] + b"\xff\xff\xff\xff",
    "an unknown version": head((3, 4, 2), version=9, data=LOGITS.tobytes()),
    "a second array": head(LOGITS.shape, data=LOGITS.tobytes() * 2),
    "complex": head((3, 4, 1), "<c16", data=LOGITS.tobytes()),
    "dates": head((3, 4, 2), "<M8[s]", data=LOGITS.tobytes()),
}
GOOD_NPY = head(LOGITS.shape, data=LOGITS.tobytes())
ARRAYS: dict[str, Writer] = {
    **{name: lambda folder, write=write: write(folder / "bad.npy") for name, write in ODD.items()},
    **{name: lambda folder, content=content: raw(content)(folder / "bad.npy") for name, content in NPY.items()},
    **{
        name: lambda folder, write=write: write(folder / "bad.npz")
        for name, write in {
            "a sparse array": npz(**{"logits.npy": head((2**33, 4, 2))}),
            "damaged deflate": npz(change=flipped),
            "bzip2": npz(zipfile.ZIP_BZIP2),
            "lzma": npz(zipfile.ZIP_LZMA),
            "a password": npz(change=encrypted),
            "a promise": npz(change=larger),
            "a bomb": bomb("logits.npy", head((2**27, 1, 1))),
            "no array": npz(**{"logits.npy": b"text"}),
            "one name twice": npz(**{"logits.npy": GOOD_NPY, "logits": GOOD_NPY}),
            "steps without end": saved(step=np.array([0, 1, np.inf])),
            "steps that are text": saved(step=["a", "b", "c"]),
            "too many samples": saved(sample=np.arange(9)),
            "labels of text": saved(label=list("abcd")),
            "a table of splits": saved(split=[["train"] * 2] * 2),
        }.items()
    },
    "a step beyond 64 bits": lambda folder: [
        (folder / "bad").mkdir(),
        np.save(folder / "bad" / f"step{10**30}.npy", LOGITS[0]),
    ],
    "a damaged probe": lambda folder: [np.save(folder / "a.npy", LOGITS), raw("PK\3\4")(folder / "probe.npz")],
    "runs without end": lambda folder: [np.save(folder / "a.npy", LOGITS), raw('file,"run\n')(folder / "runs.csv")],
}


# Pickles


def opcodes(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def nested(times: int, start: bytes = b")", wrap: bytes = b"\x86") -> bytes:
    """Give a tuple of itself and itself, so many times over: 2**times leaves."""
    return start + (b"2" + wrap) * times


def checkpoint(**changes: Any) -> bytes:
    log_prob = np.log([[0.7, 0.3], [0.4, 0.6]])
    return pickle.dumps([{"t": 0, "yvh": log_prob, "fv": -log_prob[[0, 1], [0, 1]]} | changes])


def matryoshka(depth: int) -> bytes:
    """Give a pickle that reads a pickle twice, which reads a pickle twice, ..."""
    inner = pickle.dumps(0)
    for _ in range(depth):
        name = b"ctorch.storage\n_load_from_bytes\n"
        inner = opcodes(b"B" + struct.pack("<I", len(inner)) + inner, b"q\0", name, b"h\0\x85R", name, b"h\0\x85R\x86")
    return inner


def equal_hashes(count: int) -> bytes:
    return opcodes(b"}(", *(pickle.dumps(i * (2**61 - 1), 2)[2:-1] + b"N" for i in range(1, count)), b"u")


BIG = np.zeros(2**17)
DEEPNETS_BYTES: dict[str, bytes] = {
    "a command": pickle.dumps(Call(os.system, "true")),
    "nested tuples as a key": opcodes(b"}", nested(100), b"Ns"),
    "nested tuples in a set": opcodes(b"\x8f(", nested(100), b"\x90"),
    "nested frozensets": opcodes(b"(", nested(100), b"\x91"),
    "nested tuples as steps": checkpoint(t=7).replace(b"K\x07", nested(60)),
    "nested lists as predictions": opcodes(b"](}\x8c\x03yvh", nested(60), b"s\x8c\x01tK\0se"),
    "keys of one hash": equal_hashes(100_000),
    "places of one hash": opcodes(b"N", *(b"p%d\n" % (i * (2**61 - 1)) for i in range(50_000))),
    "the last place of the memo": opcodes(b"Nr\xff\xff\xff\xff"),
    "bytes without end": opcodes(b"\x8e" + struct.pack("<Q", 2**62)),
    "a bytearray without end": opcodes(b"\x96" + struct.pack("<Q", 2**36)),
    "a frame without end": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",
    "an endless range": opcodes(
        b"cpandas.core.frame\nDataFrame\n)\x81}\x8c\x04_mgrcpandas.core.internals.managers\nBlockManager\n()",
        b"cpandas.core.indexes.base\n_new_Index\n(cpandas.core.indexes.range\nRangeIndex\n}(\x8c\x05startK\0",
        b"\x8c\x04stop\x8a\x07\0\0\0\0\0\0\x01\x8c\x04stepK\x01utRN\x86tRsb",
    ),
    "one array in a million rows": pickle.dumps([{"t": 0, "yvh": BIG}] * 1_000_000),
    "pickles in pickles": matryoshka(60),
    "a million brackets": opcodes(b"]" * 1_000_000 + b"a" * 999_999),
    "a list in itself": opcodes(b"]\x94h\0a"),
    "steps of 400 digits": checkpoint(t=10**400),
    "steps of a million digits": checkpoint(t=1 << 3_000_000),
    "an infinite step": checkpoint(t=np.inf),
    "steps of text": checkpoint(t="soon"),
    "predictions of text": checkpoint(yvh=np.array([["a", "b"]] * 2)),
    "predictions of dicts": checkpoint(yvh={}),
    "ragged predictions": checkpoint(yvh=[[0.1], [0.2, 0.3]]),
    "predictions of objects": checkpoint(yvh=np.array([[{}, []]] * 2, dtype=object)),
    "losses of other samples": checkpoint(fv=np.zeros(1)),
    "a reference to nothing": opcodes(b"h\x07"),
    "no checkpoint": pickle.dumps([]),
    "an empty stack": b".",
}
SCHEDULE = pickle.dumps([{"yh": np.log([[0.7, 0.3]] * 2), "yvh": np.log([[0.7, 0.3]] * 2)}])
NAMED = {
    "a batch of nothing": ('{"m":"bad","bs":0}.p', SCHEDULE),
    "a batch of text": ('{"m":"bad","bs":"many"}.p', SCHEDULE),
    "endless epochs": ('{"m":"bad","bs":1,"epochs":' + "9" * 30 + "}.p", SCHEDULE),
    "brackets in the name": ("bad{" + "[" * 200 + "}.p", checkpoint()),
}
DEEPNETS: dict[str, Writer] = {
    **{
        name: lambda folder, write=write: write(folder / '{"m":"bad"}.p')
        for name, write in {
            **ODD,
            **{name: raw(content) for name, content in DEEPNETS_BYTES.items()},
            "a zip that is no model": npz(**{"a": b"text"}),
            "a model with a password": npz(change=encrypted, **{"m/data.pkl": checkpoint()}),
            "a model in lzma": npz(zipfile.ZIP_LZMA, **{"m/data.pkl": checkpoint()}),
            "a bomb": bomb("m/data.pkl", b"\x80\x04"),
            "a bomb of a storage": bomb("m/data/0", b""),
        }.items()
    },
    **{name: lambda folder, named=named: raw(named[1])(folder / named[0]) for name, named in NAMED.items()},
}


# Dynamics of dataset cartography


def record(**changes: Any) -> str:
    return json.dumps({"guid": "a", "logits_epoch_0": [0.5, 2.0], "gold": 1} | changes) + "\n"


LINES: dict[str, Writer] = {
    "a logit of 400 digits": raw(record(logits_epoch_0=[10**400, 1])),
    "a logit of 5,000 digits": raw(record(logits_epoch_0=[7, 1]).replace("7", "7" * 5000)),
    "a class of 400 digits": raw(record(gold=10**400)),
    "a negative class": raw(record(gold=-7)),
    "an identity of 400 digits": raw(record(guid=10**400), record(guid=-1)),
    "brackets": raw("[" * 100_000),
    "brackets in a record": raw(record(guid=7).replace("7", "[" * 100_000)),
    "braces": raw('{"a":' * 100_000),
    "nested logits": raw(record(logits_epoch_0=[[[[[0.5]]]]])),
    "infinite logits": raw(record(logits_epoch_0=[np.inf, 1])),
    "all -inf": raw(record(logits_epoch_0=[-np.inf, -np.inf])),
    "logits of nothing": raw(record(logits_epoch_0=[])),
    "logits of text": raw(record(logits_epoch_0=["0.5", "1"])),
    "half a surrogate": raw(record(guid="\ud800")),
    "an identity with a NUL": raw(record(guid="a\0b")),
    "a long identity": raw(
        record(guid="a"), *[record(guid=f"{i}" + "b" * (2**20 if i == 7 else 1)) for i in range(2000)]
    ),
    "other bytes": raw(record(), b"\xff\xfe\n"),
    "UTF-16": raw(record().encode("utf-16")),
    "half a line": raw(record()[:-20]),
    "a list": raw("[1, 2, 3]\n"),
    "a number": raw("7\n"),
    "another epoch": raw(record().replace("epoch_0", "epoch_1")),
    "a class of logic": raw(record(gold=None)),
}
CARTOGRAPHY: dict[str, Writer] = {
    **{
        n: lambda folder, write=write: write(folder / "dynamics_epoch_0.jsonl") for n, write in {**ODD, **LINES}.items()
    },
    **{
        f"an epoch {name}": lambda folder, name=name: [
            raw(record())(folder / "dynamics_epoch_0.jsonl"),
            raw(record())(folder / f"dynamics_epoch_{name}.jsonl"),
        ]
        for name in ("999999999999", "9" * 200, "00", "²", "٣")
    },
}


# Tables


ROWS = pd.DataFrame(
    {
        "run": "a",
        "step": np.repeat([0, 5], 4),
        "sample": [7, 7, 8, 8] * 2,
        "class": ["x", "y"] * 4,
        "prob": [0.25, 0.75] * 4,
        "label": ["x", "x", "y", "y"] * 2,
    }
)
SPARSE = np.arange(20_000)


def columns(**changes: Any) -> Callable[[str], Writer]:
    """Change columns of a good table."""

    def of(suffix: str) -> Writer:
        table = ROWS.assign(**changes)
        return table.to_parquet if suffix == ".parquet" else lambda path: table.to_csv(path, index=False)

    return of


CHANGED: dict[str, Callable[[str], Writer]] = {
    "20,000 sparse rows": lambda suffix: (
        lambda path: (lambda t: t.to_parquet(path) if suffix == ".parquet" else t.to_csv(path, index=False))(
            pd.DataFrame({"run": "a", "step": SPARSE, "sample": SPARSE, "class": SPARSE, "prob": 1.0, "label": SPARSE})
        )
    ),
    "probabilities of text": columns(prob="high"),
    "infinite probabilities": columns(prob=np.inf),
    "steps beyond 64 bits": columns(step=np.repeat(["0", "9" * 30], 4)),
    "steps of floats": columns(step=0.5),
    "unsigned steps": columns(step=np.repeat(np.array([0, 2**64 - 1], np.uint64), 4)),
    "negative steps": columns(step=np.repeat([-5, 0], 4)),
    "an unknown label": columns(label="z"),
    "a text with a NUL": columns(note="a\0b"),
    "a slash in a name": columns(**{"optim/lr": 1}),
    "an epoch of text": columns(epoch="first"),
    "an infinite epoch": columns(epoch=np.inf),
    "a split of its own": columns(split="validation"),
    "logits beside probabilities": columns(logit=1.0),
    "gaps": columns(sample=[None, *range(7)]),
}


def parquet(**arrays: Any) -> Writer:
    """Write columns of pyarrow's own types."""

    def write(path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.table({name: made(pa) if callable(made) else made for name, made in (dict(ROWS) | arrays).items()})
        parquet.write_table(table, path)

    return write


def repeated(path: Path) -> None:
    """Write a hundred million rows that take a few kilobytes."""
    import pyarrow as pa
    from pyarrow import parquet

    block = pa.table({name: pa.array([column[0]]).take(pa.array([0] * 2**20)) for name, column in dict(ROWS).items()})
    with parquet.ParquetWriter(path, block.schema, compression="zstd") as writer:
        for _ in range(100):
            writer.write_table(block)


def damaged(old: bytes, new: bytes) -> Writer:
    def write(path: Path) -> None:
        ROWS.to_parquet(path)
        content = path.read_bytes()
        path.write_bytes(content.replace(old, new))

    return write


PARQUET: dict[str, Writer] = {
    **ODD,
    **{name: change(".parquet") for name, change in CHANGED.items() if "beyond" not in name},
    "a hundred million rows": repeated,
    "damaged types": damaged(b"int64", b"int99"),
    "damaged notes of pandas": damaged(b'"pandas_version"', b'"pandas_versio\\"'),
    "a damaged schema": damaged(b"schema", b"sch\xff\xfea"),
    "only the ends": raw("PAR1" + "PAR1"),
    "a long foot": raw(b"PAR1", bytes(100), struct.pack("<I", 2**31), b"PAR1"),
    "lists": parquet(note=lambda pa: pa.array([[1, 2]] * 8)),
    "structures": parquet(note=lambda pa: pa.array([{"a": 1}] * 8)),
    "decimals": parquet(prob=lambda pa: pa.array([1] * 8).cast(pa.decimal128(20))),
    "bytes": parquet(note=lambda pa: pa.array([b"\xff"] * 8)),
    "dates": parquet(note=lambda pa: pa.array([2**62] * 8, pa.timestamp("us"))),
    "nothing": parquet(note=lambda pa: pa.nulls(8)),
}
TEXT = ROWS.to_csv(index=False)
CSV: dict[str, Writer] = {
    **ODD,
    **{name: change(".csv") for name, change in CHANGED.items()},
    "no rows": raw(TEXT.partition("\n")[0]),
    "an open quote": raw(TEXT, '"'),
    "a row too long": raw(TEXT, "a,0,7,x,0.5,x,1,2,3\n"),
    "a row too short": raw(TEXT, "a,0\n"),
    "other bytes": raw(TEXT, b"\xff\xfe,0,7,x,0.5,x\n"),
    "UTF-16": raw(TEXT.encode("utf-16")),
    "a header twice": raw(TEXT.partition("\n")[0] + ",prob\n", TEXT.partition("\n")[2].replace("\n", ",0.5\n")),
    "an identity of 400 digits": raw(TEXT.replace(",7,", "," + "7" * 400 + ",")),
    "a probability of 5,000 digits": raw(TEXT.replace("0.25", "0." + "2" * 5000)),
    "a line without end": raw("a" * 3_000_000),
    "a hundred thousand columns": raw(",".join(f"c{i}" for i in range(100_000)) + "\n"),
    "fields without a name": raw(TEXT.partition("\n")[0] + "\n", TEXT.partition("\n")[2].replace("\n", ",1\n")),
    "a formula": raw(TEXT.replace("a,", "=cmd|' /C calc'!A0,")),
}


# The probe of a store


def description(**changes: Any) -> Writer:
    said = {"inputs": "x", "sample": [0, 1], "label": [0, 1], "split": ["test"] * 2, "class": ["0", "1"]}
    return raw(json.dumps(said | changes))


PROBE: dict[str, Writer] = {
    **ODD,
    "brackets": raw("[" * 100_000),
    "braces": raw('{"a":' * 100_000),
    "brackets in a label": description(label="X"),
    "no entries": raw("{}"),
    "a list": raw("[]"),
    "null": raw("null"),
    "NaN": raw("NaN"),
    "a billion classes": description(**{"class": BILLION}),
    "a class of 400 digits": description(label=[0, 10**400]),
    "a sample of 400 digits": description(sample=[0, 10**400]),
    "labels beyond 64 bits": description(label=[0, 2**64]),
    "labels of text": description(label=["0", "1"]),
    "labels of logic": description(label=[True, False]),
    "negative labels": description(label=[0, -1]),
    "no labels": description(label=[], sample=[], split=[]),
    "ragged labels": description(label=[[0], [1, 2]]),
    "a sample twice": description(sample=[0, 0]),
    "mixed samples": description(sample=[0, "a"]),
    "samples of nothing": description(sample=[None, None]),
    "samples of lists": description(sample=[[1], [2]]),
    "a sample with a NUL": description(sample=["a\0b", "c"]),
    "half a surrogate": description(sample=["\ud800", "c"]),
    "one split": description(split="test"),
    "an unknown split": description(split=["dev", "dev"]),
    "inputs of nothing": description(inputs=None),
    "digits without end": raw('{"label": [' + "9" * 5000 + "]}"),
    "UTF-16": raw(json.dumps({}).encode("utf-16")),
    "half of it": raw('{"inputs": "x", "label": [0'),
    "classes twice": description(**{"class": ["0", "0"]}),
}


def named(inputs: Mapping[str, Writer], name: str) -> dict[str, Writer]:
    return {key: partial(_written, write, name) for key, write in inputs.items()}


def _written(write: Writer, name: str, folder: Path) -> None:
    write(folder / name)


# For each reader: the inputs, each a function that writes into an empty folder.
INPUTS: dict[str, dict[str, Writer]] = {
    "read_arrays": ARRAYS,
    "read_deepnets": DEEPNETS,
    "read_cartography": CARTOGRAPHY,
    "read_table, CSV": named(CSV, "bad.csv"),
    "read_table, Parquet": named(PARQUET, "bad.parquet"),
    "probe.json": named(PROBE, "probe.json"),
}
# A good file of each kind, of which bytes are changed.
GOOD: dict[str, tuple[str, Writer]] = {
    "read_arrays": ("bad.npz", npz()),
    "read_deepnets": ('{"m":"bad"}.p', raw(checkpoint())),
    "read_cartography": ("dynamics_epoch_0.jsonl", raw(record(), record(guid="b"))),
    "read_table, CSV": ("bad.csv", raw(TEXT)),
    "read_table, Parquet": ("bad.parquet", ROWS.to_parquet),
    "probe.json": ("probe.json", description()),
}
