"""Laws of the compiled loops: they run in forked processes, and where nothing can be written to disk."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numba
import numpy as np
import pytest
from recorded_runs import run_script

import trajkit as tk

FORKED = """
    import multiprocessing, os, warnings
    import numpy as np
    import trajkit as tk
    from trajkit.distances import kernels

    # Python 3.12 warns of forks in a process with threads.
    warnings.simplefilter("ignore", DeprecationWarning)
    ds = tk.simulate(runs=2, checkpoints=8, samples=40)
    before = tk.pairwise(ds).values

    def work(_):
        return tk.pairwise(ds).values

    def check(*results):
        for result in results:
            np.testing.assert_array_equal(result, before)

    def in_child():
        check(work(None))
        # A forked child of the child, as a worker that starts workers.
        if not (grandchild := os.fork()):
            check(work(None))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0

    with kernels._LOCK:  # as if another thread was measuring
        child = multiprocessing.get_context("fork").Process(target=in_child)
        child.start()
    child.join()
    assert child.exitcode == 0, child.exitcode
    with multiprocessing.get_context("fork").Pool(2) as pool:
        check(*pool.map_async(work, range(4)).get(200))
    check(work(None))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are of POSIX")
def test_compiled__forked_processes_measure_as_their_parent_does() -> None:
    """In a process of its own: it would be killed, or hang."""
    run_script(FORKED)


UNCACHED = """
    import json, os, warnings
    from importlib.util import find_spec

    assert not os.access(os.path.dirname(find_spec("trajkit").origin), os.W_OK)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import trajkit as tk

        distance = tk.pairwise(tk.simulate(runs=2, checkpoints=4))
        tk.pairwise(tk.simulate(runs=2, checkpoints=4))
    (message,) = [str(w.message) for w in caught if "numba" in str(w.message)]
    assert "Set the environment variable NUMBA_CACHE_DIR to a folder" in message, message
    print(json.dumps(distance.values.tolist()))
"""


def _without_rights_of_root() -> None:
    """Let permissions hold for root too: prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)."""
    if os.getuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="how root gives up its rights is Linux's")
def test_compiled__a_read_only_installation_without_a_home_runs_with_one_warning(tmp_path: Path) -> None:
    package = tmp_path / "trajkit"
    shutil.copytree(Path(tk.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path, package, *package.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA", "XDG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(UNCACHED)],
        env=kept | {"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path / "none"), "NUMBA_OPT": "0"},
        preexec_fn=_without_rights_of_root,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    for path in (tmp_path, package, *package.rglob("*/")):
        path.chmod(0o755)
    assert done.returncode == 0, done.stderr[-2000:]
    wanted = tk.pairwise(tk.simulate(runs=2, checkpoints=4)).values
    np.testing.assert_allclose(json.loads(done.stdout), wanted, atol=1e-6)


@pytest.mark.skipif(not hasattr(numba.config, "CACHE_LOCATOR_CLASSES"), reason="numba before 0.62 has no such setting")
def test_compiled__other_errors_of_the_cache_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from trajkit.distances import compiled

    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "NoSuchLocator")
    with pytest.raises(RuntimeError, match="NoSuchLocator"):
        compiled._can_be_kept()
