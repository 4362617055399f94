"""What is sent to a worker: the scenarios where they are known, and the same numbers come back."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from small_run import changed

import dse
from dse.plan import problem_of
from sweeps.chunks import GridChunks, Work

# A worker: it takes the work, does the first chunk of it, and says what it had to import.
WORK = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    done = pickle.load(file)(0)
with open(sys.argv[2], "wb") as file:
    pickle.dump(done.tally.front.finish(), file)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(("axis", "alone"), [("batch: 1", True), ("batch: [1, 4]", False)])
def test_a_worker_needs_no_study_where_the_scenarios_are_known(axis: str, alone: bool, tmp_path: Path) -> None:
    """What it imports is most of its start."""
    grid = GridChunks.of(problem_of(dse.load(changed(("batch: 1", axis)))), rows=True)
    sent = tmp_path / "work"
    sent.write_bytes(pickle.dumps(Work(grid, None)))
    come = tmp_path / "come"
    told = subprocess.run(
        [sys.executable, "-c", WORK, str(sent), str(come)], check=True, capture_output=True, text=True
    )
    assert ("dse" not in told.stdout.split()) == alone
    here, there = Work(grid, None)(0).tally.front.finish(), pickle.loads(come.read_bytes())
    assert [column.tobytes() for column in there] == [column.tobytes() for column in here]
