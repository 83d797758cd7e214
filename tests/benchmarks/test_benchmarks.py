"""The benchmarks run, small."""

import subprocess
import sys
from pathlib import Path


def test_benchmark__runs_and_fills_its_table() -> None:
    script = Path(__file__).parent / "bench_pairwise.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--repeat", "1"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    head, row = done.stdout.splitlines()[-3], done.stdout.splitlines()[-1]
    assert head.count("|") == row.count("|")
    assert row.startswith("| 300 | 100 | 10 | ")


def test_benchmark__embeds_trajectories_that_are_made_as_they_are_read() -> None:
    program = Path(__file__).parent / "bench_embedding.py"
    command = [sys.executable, program, "--points", "3000", "--samples", "50", "--landmarks", "200", "--slice", "600"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "3000 points" in done.stdout
    assert "GiB" in done.stdout
