"""Laws of how much memory is free."""

from pathlib import Path

from trajkit.workspace import available_memory


def test_available_memory__heeds_the_limit_of_a_container(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 200000\n")
    assert available_memory(tmp_path) == 500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) > 1_000_000
