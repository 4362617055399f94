"""Energy of published rows: a share of the power limit, by hand, and shares that are found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measurement_rows import PLAIN

from roofline import catalog
from roofline.accelerators import UnknownFact, find
from roofline.calibration import shipped
from roofline.model import Model
from sweeps.fit import efficiency_of, kind_of
from sweeps.measurements import Measurement, read_measurements
from sweeps.power import (
    PowerSample,
    PowerShares,
    compute_seconds,
    energy_of,
    fitted_power,
    power_samples,
    shipped_shares,
    tokens_of,
    with_measured_times,
)
from sweeps.predict import passes, subject

STEP = replace(
    PLAIN, stack_version="0.9", metric="energy_j_per_output_token", context_tokens=1000.0, batch=16.0, value=0.5
)
REQUEST = replace(STEP, phase="end_to_end", prompt_tokens=1000.0, output_tokens=100.0, context_tokens=None)


def model(name: str, hf_id: str = "") -> Model:
    return catalog.model(catalog.canonical_name(name))


def energy(row: Measurement, shares: PowerShares, seconds: float | None = None) -> tuple[float, float]:
    """Energy per output token or power, and the time it was predicted with."""
    found = subject(row, model, find)
    reached = passes(found, efficiency_of(kind_of(found), found.runtime, shipped()))
    value, bound = energy_of(found, reached, passes(found, None), shares, seconds=seconds)
    assert bound is None
    return value, float(np.asarray(reached.total("s")).reshape(-1)[0])


@pytest.mark.parametrize(("utilization", "share"), [(0.0, 0.4), (0.25, 0.6), (0.5, 0.8), (0.75, 1.0), (1.0, 1.0)])
def test_power_grows_with_the_matrix_units_up_to_the_limit(utilization: float, share: float) -> None:
    assert PowerShares(0.4, 0.8).joules(700.0, 2.0, 2.0 * utilization) == pytest.approx(2.0 * 700.0 * share)


def test_a_step_of_busy_chips_by_hand() -> None:
    """An A100 of 400 W that draws half of it for a second of 16 tokens."""
    assert energy(STEP, PowerShares(0.5, 0.0), seconds=1.0)[0] == pytest.approx(0.5 * 400 / 16)
    four = replace(STEP, devices=4, tensor_parallel=4)
    assert energy(four, PowerShares(0.5, 0.0), seconds=1.0)[0] == pytest.approx(4 * 0.5 * 400 / 16)
    replicas = replace(STEP, devices=4)
    assert energy(replicas, PowerShares(0.5, 0.0), seconds=1.0)[0] == pytest.approx(4 * 0.5 * 400 / 16)


def test_power_is_that_of_all_devices() -> None:
    row = replace(STEP, metric="power_w", devices=2, tensor_parallel=2)
    assert energy(row, PowerShares(0.25, 0.0))[0] == pytest.approx(200.0)


def test_requests_share_their_energy_among_what_they_generate() -> None:
    assert (tokens_of(STEP), tokens_of(REQUEST)) == (16.0, 1600.0)
    assert energy(REQUEST, PowerShares(0.5, 0.0), seconds=10.0)[0] == pytest.approx(0.5 * 400 * 10 / 1600)


def test_without_a_measured_time_it_is_the_predicted_one() -> None:
    value, seconds = energy(STEP, PowerShares(0.5, 0.0))
    assert value == pytest.approx(0.5 * 400 * seconds / 16)


def test_the_time_of_the_matrix_work_at_the_peaks() -> None:
    """A prompt of 1000 tokens: two operations per weight of a block and token, causal attention, one row of logits."""
    prompt = replace(PLAIN, phase="prefill", metric="ttft_s", prompt_tokens=1000.0, stack_version="0.9")
    found = subject(prompt, model, find)
    blocks = model("llama-3-8b").total_parameters - 2 * 128256 * 4096 - 65 * 4096
    flop = 2 * 1000 * blocks + 32 * 4 * 4096 * 1000 * 1001 / 2 + 2 * 128256 * 4096
    assert compute_seconds(found, passes(found, None)) == pytest.approx(flop / 312e12, rel=1e-9)
    eight = subject(replace(prompt, weight_bits=8.0, activation_bits=8.0), model, find)  # int8: twice the rate
    core = 32 * 4 * 4096 * 1000 * 1001 / 2 / 312e12  # attention stays in 16 bit
    faster = compute_seconds(eight, passes(eight, None))
    assert faster == pytest.approx((flop / 312e12 - core) / 2 + core, rel=1e-9)


def test_a_device_without_a_published_limit_says_so() -> None:
    with pytest.raises(UnknownFact, match='unknown tdp_w of "m2-ultra"'):
        energy(replace(STEP, hardware="m2-ultra", stack="llama.cpp"), shipped_shares())


def test_energies_of_runs_whose_time_was_published() -> None:
    time = replace(STEP, id="time", metric="tpot_s", value=0.02)
    (found,) = with_measured_times([STEP, time], model, find)
    assert (found.id, found.value) == (STEP.id, pytest.approx(energy(STEP, shipped_shares(), seconds=0.02)[0]))
    assert with_measured_times([STEP, replace(time, batch=8.0)], model, find) == []
    twice = replace(time, id="again", value=0.03)
    assert with_measured_times([STEP, time, twice], model, find) == []  # which of the two is not said


def test_samples_are_the_energies_of_devices_with_a_limit() -> None:
    time = replace(STEP, id="time", metric="tpot_s", value=0.02)
    dark = replace(STEP, id="dark", hardware="m2-ultra", stack="llama.cpp")
    watts = replace(STEP, id="watts", metric="power_w")
    (ours,) = power_samples([STEP, time, dark, watts], model, find, shipped())
    assert (ours.id, ours.measured, ours.tokens, ours.limit_w, ours.seconds) == (STEP.id, 0.5, 16.0, 400.0, 0.02)
    value, seconds = energy(STEP, PowerShares(0.5, 1.0))
    assert ours.predicted_s == pytest.approx(seconds)
    assert ours.joules_per_token(PowerShares(0.5, 1.0), seconds) == pytest.approx(value)
    (untimed,) = power_samples([STEP], model, find, shipped())
    assert np.isnan(untimed.seconds)


def drawn(busy: float, compute: float, wild: float = 1.0) -> list[PowerSample]:
    rng = np.random.default_rng(3)
    samples = []
    for i in range(80):
        seconds, utilization = rng.uniform(0.01, 1.0), rng.uniform(0.0, 0.6)
        one = PowerSample(f"e-{i}", "h100", 1.0, rng.uniform(1, 64), 700.0, utilization * seconds, seconds, seconds)
        value = one.joules_per_token(PowerShares(busy, compute), seconds) * (wild if i % 10 == 0 else 1.0)
        samples.append(replace(one, measured=value))
    return samples


@pytest.mark.parametrize("true", [(0.3, 0.5), (0.6, 0.2), (0.5, 0.0)])
def test_shares_that_made_the_data_are_found(true: tuple[float, float]) -> None:
    for wild, near in ((1.0, 1e-3), (10.0, 0.05)):
        found = fitted_power(drawn(*true, wild=wild))
        assert (found.busy, found.compute) == pytest.approx(true, abs=near)


def test_energies_without_a_measured_time_have_no_say() -> None:
    odd = [replace(s, measured=100 * s.measured, seconds=float("nan")) for s in drawn(0.3, 0.5)]
    assert fitted_power(drawn(0.3, 0.5) + odd) == fitted_power(drawn(0.3, 0.5))


def test_shares_stay_possible() -> None:
    found = fitted_power([replace(s, measured=1e3 * s.measured) for s in drawn(0.3, 0.5)])
    assert 0.05 <= found.busy <= 1.0
    assert 0.0 <= found.compute <= 4.0


def test_shares_need_a_measured_time() -> None:
    with pytest.raises(ValueError, match="no energy has a published time"):
        fitted_power([replace(s, seconds=float("nan")) for s in drawn(0.3, 0.5)])


def test_the_constants_table_holds_what_the_rows_give() -> None:
    """The two shares stand in one place; fitted again they are the same, and inside their bounds."""
    samples = power_samples(read_measurements().rows, model, find, shipped())
    found, table = fitted_power(samples), shipped_shares()
    assert (table.busy, table.compute) == (pytest.approx(found.busy, rel=1e-3), pytest.approx(found.compute, rel=1e-3))
    assert found.busy < 0.99
    assert 0.01 < found.compute < 3.9
