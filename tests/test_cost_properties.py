"""Properties of the costs: positive, never falling with what is bought; PUE, power and speed are counted once."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_scenarios import DESIGNS, deployments, designs, mixes, modellings, pairs, technologies
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.evaluate import evaluate
from sweeps.factors import factors
from sweeps.metrics import metrics
from sweeps.scenario import Scenario, scenario, with_constants

EXAMPLES = settings(deadline=None, max_examples=40)
BUILT = ("die_area_mm2", "bom_usd", "price_usd", "embodied_kg", "peak_power_w", "idle_power_w")
PER_TOKEN = ("facility_energy_j_per_token", "tco_usd_per_mtoken", "carbon_g_per_mtoken")
SLACK = 1e-12


@st.composite
def drawn(draw: st.DrawFn) -> Scenario:
    return scenario(draw(mixes()), draw(technologies()), draw(deployments()), draw(modellings()))


def spread(value: object) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (DESIGNS,))


def evaluated(columns: dict[str, np.ndarray], of: Scenario) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        return {name: spread(value) for name, value in evaluate(columns, of).items()}


@EXAMPLES
@given(of=drawn(), data=st.data())
def test_what_is_built_costs_something_and_more_of_it_never_less(of: Scenario, data: st.DataObject) -> None:
    pair = data.draw(pairs(of))
    less, more = evaluated(pair.less, of), evaluated(pair.more, of)
    for name in BUILT:
        assert np.all(np.isfinite(less[name]) & (less[name] > 0)), name
        assert np.all(more[name] >= less[name] * (1 - SLACK)), f"{name} falls with {pair.axis}"


@EXAMPLES
@given(of=drawn(), data=st.data())
def test_the_meter_counts_pue_once_and_capital_not_at_all(of: Scenario, data: st.DataObject) -> None:
    columns = data.draw(designs(of))
    twice = with_constants(of, {"pue": of.constants["pue"] * 2.0})
    one, other = evaluated(columns, of), evaluated(columns, twice)
    for name in BUILT:
        assert np.array_equal(one[name], other[name])
    runs = np.isfinite(one["facility_energy_j_per_token"])
    energy = one["facility_energy_j_per_token"][runs]
    assert other["facility_energy_j_per_token"][runs] == pytest.approx(2 * energy, rel=1e-12)
    bought = energy * of.constants["electricity_usd_per_j"] * 1e6
    rise = (other["tco_usd_per_mtoken"] - one["tco_usd_per_mtoken"])[runs]
    assert np.all(np.abs(rise - bought) <= 1e-9 * one["tco_usd_per_mtoken"][runs])
    emitted = energy * of.constants["grid_kg_per_j"] * 1e9
    rise = (other["carbon_g_per_mtoken"] - one["carbon_g_per_mtoken"])[runs]
    assert np.all(np.abs(rise - emitted) <= 1e-9 * one["carbon_g_per_mtoken"][runs])


@EXAMPLES
@given(of=drawn(), data=st.data())
def test_a_token_costs_less_on_a_faster_chip_of_equal_power(of: Scenario, data: st.DataObject) -> None:
    """All times and all bytes halved: the same joules per second, twice the tokens."""
    free = with_constants(of, {"compute_j_per_flop": 0.0, "link_j_per_byte": 0.0})
    known = factors(data.draw(designs(of)), free)
    half = {name: value * 0.5 if name.startswith(("prefill_", "decode_")) else value for name, value in known.items()}
    with np.errstate(all="ignore"):
        slow, fast = ({k: spread(v) for k, v in metrics(f, free).items()} for f in (known, half))
    runs = np.isfinite(slow["tco_usd_per_mtoken"]) & np.isfinite(fast["tco_usd_per_mtoken"])
    assert fast["decode_power_w"][runs] == pytest.approx(slow["decode_power_w"][runs], rel=1e-12)
    assert fast["peak_power_w"][runs] == pytest.approx(slow["peak_power_w"][runs], rel=1e-12)
    fixed = of.deployment.demand_tokens_per_s is not None  # then a faster chip waits longer, at idle power
    for name in PER_TOKEN:
        assert np.all(fast[name][runs] < slow[name][runs] * (1 + SLACK)), name
        if not fixed:
            assert fast[name][runs] == pytest.approx(0.5 * slow[name][runs], rel=1e-9), name
