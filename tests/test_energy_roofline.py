"""The energy roofline: operators' energies sum to the product's, curves are those of Choi et al., no mark is above."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_scenarios import deployments, designs, mixes, modellings, technologies
from flat_memory import design, request
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels.energy import flop_per_j
from sweeps.energy_roofline import PARTS, ceilings, energy_roofs, operator_energies
from sweeps.evaluate import evaluate
from sweeps.factors import factors
from sweeps.metrics import busy_static_w, phases_of
from sweeps.scenario import Deployment, Modelling, Scenario, Technology, scenario
from sweeps.space import DESIGN_COLUMNS

H100 = design(dram_bytes_per_s=3.35e12, compute_flop_per_s=989e12, sram_bytes=50e6, dram_bytes=80e9)


def h100(**modelling: object) -> Scenario:
    asked = request("llama-3-8b", prompt=1024, output=256, batch=8)
    chosen = Technology(node="4nm", dram_kind="hbm3")
    return scenario([asked], chosen, Deployment(), Modelling(**modelling))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_energies_of_operators_sum_to_those_of_their_phases(data: st.DataObject) -> None:
    drawn = scenario(data.draw(mixes()), data.draw(technologies()), data.draw(deployments()), data.draw(modellings()))
    columns = data.draw(designs(drawn))
    one = {name: columns[name][:1] for name in DESIGN_COLUMNS}
    with np.errstate(all="ignore"):
        found = operator_energies(one, drawn)
        phases = phases_of(factors(one, drawn), drawn)
    for i, workload in enumerate(drawn.workloads):
        for k, phase in enumerate(("prefill", "decode")):
            mine = [e for e in found if (e.operator.workload, e.operator.phase) == (i, phase)]
            passes = (workload.passes_per_chip, workload.decode_passes_per_chip)[k]
            expected = float(np.ravel(phases[i][k].dynamic_j)[0]) / passes
            assert math.isclose(math.fsum(e.dynamic_j for e in mine), expected, rel_tol=1e-10)
    for each in found:
        assert set(each.parts_j) == set(PARTS)
        assert math.isclose(math.fsum(each.parts_j.values()), each.dynamic_j, rel_tol=1e-12, abs_tol=1e-30)


def test_a_request_costs_what_its_operators_and_its_static_power_cost() -> None:
    of = h100(launch_overhead_s=0.0)
    found, (workload,) = operator_energies(H100, of), of.workloads
    joules = {p: math.fsum(e.total_j for e in found if e.operator.phase == p) for p in ("prefill", "decode")}
    request_j = joules["prefill"] + (workload.output_tokens - 1) * joules["decode"]
    expected = float(np.ravel(evaluate(H100, of)["energy_j_per_token"])[0])
    assert request_j / (workload.batch * workload.output_tokens) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_operator_is_above_the_roof_of_its_format(data: st.DataObject) -> None:
    drawn = scenario(data.draw(mixes()), data.draw(technologies()), data.draw(deployments()), data.draw(modellings()))
    columns = data.draw(designs(drawn))
    one = {name: columns[name][:1] for name in DESIGN_COLUMNS}
    with np.errstate(all="ignore"):
        found = operator_energies(one, drawn)
    known = [
        each
        for each in found
        if each.operator.flop
        and each.operator.dram_bytes
        and not each.operator.pim_bytes
        and math.isfinite(each.total_j)
    ]
    intensities = np.array([each.operator.flop / each.operator.dram_bytes for each in known])
    roofs = energy_roofs(one, drawn, intensities) if known else ()
    for i, each in enumerate(known):
        roof = [float(r.flop_per_j[i]) for r in roofs if each.runs_in in r.formats]
        assert not roof or each.flop_per_j <= roof[0] * (1 + 1e-12), each.operator.name


def test_choi_2013_half_of_the_best_at_the_energy_balance_and_all_of_it_far_beyond() -> None:
    """Without static power the curve is 1 / (1 + B / I) of its best, B the bytes' energy over the operations'."""
    chip = {"j_per_flop": 2e-12, "j_per_byte": 60e-12, "static_w": 0.0, "flop_per_s": 1e15, "bytes_per_s": 3e12}
    assert flop_per_j(30.0, **chip) == pytest.approx(0.5 / 2e-12, rel=1e-15)
    assert flop_per_j(np.array([90.0, 3e12]), **chip) == pytest.approx([0.75 / 2e-12, 1 / 2e-12], rel=1e-9)


def test_static_power_bends_the_energy_roofline_at_the_ridge_of_time() -> None:
    chip = {"j_per_flop": 0.0, "j_per_byte": 0.0, "static_w": 500.0, "flop_per_s": 1e15, "bytes_per_s": 2e12}
    below, ridge, above = np.asarray(flop_per_j(np.array([250.0, 500.0, 4000.0]), **chip))
    assert (below, ridge, above) == pytest.approx((1e12, 2e12, 2e12), rel=1e-12)


def test_balances_of_a_roof_are_where_bytes_and_operations_cost_the_same() -> None:
    of = h100()
    (best, *_) = energy_roofs(H100, of, np.array([1.0, 10.0]))
    rates = ceilings(H100, of)
    k = of.constants
    assert best.time_balance_flop_per_byte == rates.flop_per_s[best.formats[0]] / rates.bytes_per_s["dram"]
    spent = best.energy_balance_flop_per_byte * 0.55 * float(np.ravel(k["chip_j_per_flop"])[0])
    assert spent == pytest.approx(float(np.ravel(k["dram_j_per_byte"])[0]), rel=1e-12)


def test_ceilings_are_the_rates_of_the_machine_and_ports_without_bandwidth_are_left_out() -> None:
    rates = ceilings(H100, h100())
    assert rates.bytes_per_s["dram"] == 3.35e12
    assert "flash" not in rates.bytes_per_s
    assert rates.flop_per_s["fp16"] == 989e12
    assert rates.flop_per_s["fp8"] == 2 * 989e12
    assert float(np.ravel(busy_static_w(factors(H100, h100()), h100()))[0]) > 0
