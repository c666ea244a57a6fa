"""Registries are handed in; two of them know nothing of each other."""

from libs.telemetry.metrics import exposition, latency, process_registry


def test_a_registry_tells_its_own_numbers_and_those_of_the_process() -> None:
    ours, other = process_registry(), process_registry()
    latency(ours, "door_seconds", "how long", ("route",)).labels("/x").observe(0.003)
    text = exposition(ours).decode()
    assert 'door_seconds_count{route="/x"} 1.0' in text
    assert "process_cpu_seconds_total" in text
    assert "door_seconds" not in exposition(other).decode()
