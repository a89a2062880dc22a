"""Memory is bound by its budget, not by how much flows."""

import time
from pathlib import Path

from harness.pipelines import generated, pipeline
from harness.process import Process

EVENT_BYTES = 440
FEW, MANY = 50_000, 200_000
SQL_BYTES_MAX = 256 << 20


def test_four_times_the_events_take_no_more_memory(workspace):
    """With a fault in the bound the rows of all events would stay, and these take more than their payloads."""
    few, many = (peak_bytes(workspace, f"events-{count}", count) for count in (FEW, MANY))
    assert many - few < (MANY - FEW) * EVENT_BYTES / 2, f"{few >> 20} MiB for {FEW} events, {many >> 20} MiB for {MANY}"


def test_a_group_of_each_event_takes_no_more_than_its_budget(workspace):
    """So many groups that they do not fit: what the budget does not hold is spilled."""
    workspace.run(pipeline(generated(MANY), workspace.lake("shop"), name="shop"), seconds=120).succeeded()
    query = "select _id, _payload, count(*) as n from shop group by _id, _payload order by n desc limit 1"
    small, large = (peak_bytes_of(workspace.start("sql", query, "--memory", budget)) for budget in ("32MiB", "1GiB"))
    assert small < SQL_BYTES_MAX, f"{small >> 20} MiB with a budget of 32 MiB, {large >> 20} MiB where all fits"
    assert small < large


def peak_bytes(workspace, name: str, count: int) -> int:
    """What a run into a collection of its own had resident at most. Nothing but its budget makes it commit before the end."""
    through = {**pipeline(generated(count), workspace.lake(name, commit_interval="10m")), "name": name}
    peak = peak_bytes_of(workspace.start_run(through, environment={"CATCHWATER_MEMORY": "32MiB"}))
    table = workspace.table(name)
    assert table.count() == count
    return peak


def peak_bytes_of(process: Process) -> int:
    """What a process that ends by itself had resident at most."""
    peak = 0
    while process.running:
        peak = max(peak, high_water_bytes(process))
        time.sleep(0.05)
    process.wait().succeeded()
    return peak


def high_water_bytes(process: Process) -> int:
    """As the kernel counts it; 0 once the process is gone."""
    try:
        lines = Path(f"/proc/{process.popen.pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
