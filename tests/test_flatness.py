"""Where a resource is said not to matter, a pass takes the same time with any amount of it, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_scenarios import DESIGNS, deployments, designs, mixes, modellings, technologies
from flat_memory import request
from hypothesis import given, settings
from hypothesis import strategies as st

from roofline.flatness import RESOURCES, flat_resources
from sweeps.factors import factors, machine_of, placement_of
from sweeps.scenario import Deployment, Modelling, Scenario, Technology, scenario
from sweeps.space import DESIGN_COLUMNS, Columns


def said(least: Columns, most: Columns, of: Scenario, phase: str = "decode") -> list[np.ndarray]:
    ends = []
    with np.errstate(all="ignore"):
        for columns in (least, most):
            machine = machine_of(columns, of)
            ends.append((machine, placement_of(columns, of, of.workloads[0], machine)))
        found = flat_resources(getattr(of.workloads[0], phase), ends[0], ends[1])
    return [np.broadcast_to(mask, least[DESIGN_COLUMNS[0]].shape) for mask in found]


@st.composite
def drawn(draw: st.DrawFn) -> Scenario:
    return scenario(draw(mixes()), draw(technologies()), draw(deployments()), draw(modellings()))


@settings(deadline=None, max_examples=60)
@given(of=drawn(), data=st.data())
def test_what_is_said_to_be_flat_is_flat_to_the_last_bit(of: Scenario, data: st.DataObject) -> None:
    inside = data.draw(designs(of))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    least, most = dict(inside), dict(inside)
    for name in DESIGN_COLUMNS:
        width = 10.0 ** (rng.random(DESIGNS) * rng.choice([0.0, 0.01, 0.3, 1.5], DESIGNS))
        least[name], most[name] = inside[name] / width, inside[name] * 10.0 ** (rng.random(DESIGNS) * np.log10(width))
    for phase in ("prefill", "decode"):
        for axis, flat in zip(DESIGN_COLUMNS, said(least, most, of, phase), strict=True):
            with np.errstate(all="ignore"):
                here = factors(inside, of)[f"{phase}_s.0"]
                for other in (least, most):
                    there = factors({**inside, axis: other[axis]}, of)[f"{phase}_s.0"]
                    same = np.broadcast_to(np.asarray(here == there), flat.shape)
                    assert same[flat].all(), (phase, axis)


def box(**ends: tuple[float, float]) -> tuple[Columns, Columns]:
    least = dict(zip(DESIGN_COLUMNS, (1e11, 2e13, 8e6, 12e9, 64e9), strict=True))
    return (
        {name: np.array([ends.get(name, (value, value))[0]]) for name, value in least.items()},
        {name: np.array([ends.get(name, (value, value))[1]]) for name, value in least.items()},
    )


@pytest.mark.parametrize(
    "resource, ends, flat",
    [
        # Decode of one sequence waits for memory; only sampling has arithmetic alone, and keeps up from some rate on.
        ("compute", {"compute_flop_per_s": (5e13, 9e14)}, True),
        ("compute", {"compute_flop_per_s": (2e13, 9e14)}, False),
        ("dram_bandwidth", {"dram_bytes_per_s": (1e11, 2e11)}, False),
        # Weights of 16 GB do not fit 12 GB of DRAM: with more of it less comes from flash.
        ("dram", {"dram_bytes": (12e9, 16e9)}, False),
        ("dram", {"dram_bytes": (24e9, 96e9)}, True),
        ("flash", {"flash_bytes": (64e9, 640e9), "dram_bytes": (24e9, 24e9)}, True),
    ],
)
def test_known_cases(resource: str, ends: dict[str, tuple[float, float]], flat: bool) -> None:
    of = scenario(
        [request("llama-3-8b", prompt=64, output=64)],
        Technology(dram_kind="lpddr5x", flash_kind="nvme"),
        Deployment(),
        Modelling(),
    )
    found = dict(zip(RESOURCES, said(*box(**ends), of), strict=True))
    assert bool(found[resource][0]) is flat


def test_nothing_is_said_of_memory_that_computes() -> None:
    of = scenario(
        [request("llama-3-8b", prompt=64, output=64)],
        Technology(dram_kind="hbm3", pim="hbm-pim"),
        Deployment(),
        Modelling(),
    )
    assert not any(mask.any() for mask in said(*box(), of))
