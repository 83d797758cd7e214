"""Laws of the time limit: what starts will probably end in time."""

from dataclasses import replace

from trajkit.zoo import Settings, time_limit
from trajkit.zoo.time_limit import TimeLimit

FC = Settings("fc", "sgd", 0.1, epochs=10)


def test_time_limit__judges_a_job_by_the_slowest_of_its_architecture(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time_limit.time, "time", lambda: now)
    limit = TimeLimit(samples=640, end=1100.0)
    assert limit.allows([FC] * 1000)
    limit.learn([FC], seconds=20)
    limit.learn([FC, replace(FC, seed=1)], seconds=50)  # 25 for each
    limit.learn([FC], seconds=10)
    assert limit.allows([FC] * 3)
    assert not limit.allows([FC] * 5)
    assert limit.allows([replace(FC, epochs=39)])
    assert not limit.allows([replace(FC, epochs=41)])
    assert limit.allows([replace(FC, architecture="vit", epochs=1000)])
    now = 1080.0
    assert not limit.allows([FC])
    now = 1101.0
    assert not limit.allows([replace(FC, architecture="vit")])
