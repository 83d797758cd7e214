"""Laws of the pool: a process that dies is reported, and the other jobs are done."""

from trajkit.zoo.pool import in_processes


def test_a_process_that_dies_is_reported_and_the_others_survive(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text("import os\ndef task(job):\n    return 10 * job if job != 1 else os._exit(9)\n")
    monkeypatch.syspath_prepend(tmp_path)
    from deadly import task

    ended = dict(in_processes(task, range(3), workers=1))
    assert isinstance(ended.pop(1), BaseException)
    assert ended == {0: 0, 2: 20}
