"""Estimates of memory."""

from glassnet.streaming import memory_estimate


def test_available_memory_is_the_minimum_of_machine_and_control_group(tmp_path, monkeypatch):
    machine = memory_estimate.available_memory()
    assert 2**20 < machine < 2**50
    (tmp_path / "max").write_text("5000\n")
    (tmp_path / "now").write_text("3000\n")
    monkeypatch.setattr(
        memory_estimate, "_CGROUP_FILES", ((str(tmp_path / "max"), str(tmp_path / "now")), ("/none", "/none"))
    )
    assert memory_estimate.available_memory() == 2000
    (tmp_path / "max").write_text("max\n")
    assert memory_estimate.available_memory() > 2**20
    (tmp_path / "max").write_text("100\n")
    assert memory_estimate.available_memory() == 0
