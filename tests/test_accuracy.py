"""Statistics of predictions: worked by hand, against plain loops and scipy, and what no order or unit may change."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from measurement_rows import PLAIN
from naive_accuracy import naive_errors, naive_interval, naive_tau
from scipy.stats import kendalltau

from sweeps.accuracy import Prediction, absolute_errors, as_array, beats, figures, intervals, kendall_tau
from sweeps.comparison import Comparison, compare
from sweeps.measurements import Measurement, read_measurements
from sweeps.observations import observations, operator_observations, phase_of, work_of
from sweeps.operator_measurements import read_operators

POSITIVE = st.floats(1e-6, 1e6)


def array(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


def compared(
    rows: list[Measurement], values: list[float | None], bounds: list[float | None] | None = None
) -> Comparison:
    rows = [replace(row, id=f"r{i}") for i, row in enumerate(rows)]
    given_bounds = bounds or [None] * len(rows)
    predictions = [
        Prediction(row.id, value, bound, "" if value else "not modelled")
        for row, value, bound in zip(rows, values, given_bounds, strict=True)
    ]
    return compare(observations(rows, lambda name: f"class of {name}"), predictions)


# by hand


def test_figures_worked_by_hand() -> None:
    # errors 0, 0.10, 0.25, 0.5 and, where nothing was predicted, 1
    measured = array(1.0, 10.0, 4.0, 2.0, 8.0)
    predicted = array(1.0, 11.0, 3.0, 3.0, math.nan)
    found = figures(measured, predicted, measured, predicted)
    assert (found.rows, found.predicted) == (5, 4)
    assert found.mape == pytest.approx((0 + 0.10 + 0.25 + 0.5 + 1) / 5)
    assert found.median_ape == 0.25
    assert (found.within_10, found.within_25) == (0.4, 0.6)
    # pairs of (1, 10, 4, 2) and (1, 11, 3, 3): five agree, one is level in the prediction
    assert found.kendall_tau == pytest.approx(5 / math.sqrt(6 * 5))


def test_rows_that_are_not_predicted_count_as_wholly_wrong() -> None:
    found = compared([PLAIN] * 4, [PLAIN.value, None, math.inf, -1.0])
    (decode, timing) = found.totals
    assert (decode.calibrated.rows, decode.calibrated.predicted, found.predicted) == (4, 1, 1)
    assert decode.calibrated.mape == 0.75
    assert decode.calibrated.median_ape == 1.0
    assert (decode.calibrated.within_10, decode.calibrated.within_25) == (0.25, 0.25)
    assert timing.calibrated == decode.calibrated
    assert [(p.id, p.reason) for p in found.unpredicted] == [
        ("r1", "not modelled"),
        ("r2", "the prediction is no positive number: inf"),
        ("r3", "the prediction is no positive number: -1.0"),
    ]
    assert found.totals[0].bound.mape == 1.0


def test_a_rate_is_compared_and_ranked_as_the_time_it_means() -> None:
    rate = replace(PLAIN, metric="decode_tokens_per_s", value=100.0, batch=8.0)
    time = replace(PLAIN, metric="tpot_s", value=0.01, batch=8.0)
    found = compared([rate, time], [200.0, 0.005])
    assert found.errors.tolist() == [0.5, 0.5]
    rated, timed = found.observations
    assert (rated.time(100.0), timed.time(0.01)) == (0.08, 0.01)
    assert found.totals[0].calibrated.kendall_tau == 1.0
    own = compare(found.observations, found.predictions, as_times=False)
    assert own.errors.tolist() == [1.0, 0.5]
    assert own.violations == found.violations


@pytest.mark.parametrize(
    "changes, work",
    [
        ({"metric": "tpot_s"}, None),
        ({"metric": "decode_tokens_per_s", "batch": 4.0}, 4.0),
        ({"metric": "decode_tokens_per_s", "phase": "end_to_end", "batch": 4.0, "output_tokens": 32.0}, 128.0),
        ({"metric": "decode_tokens_per_s", "phase": "end_to_end", "batch": 4.0, "output_tokens": None}, 4.0),
        ({"metric": "prefill_tokens_per_s", "phase": "prefill", "batch": 2.0, "prompt_tokens": 512.0}, 1024.0),
        ({"metric": "prefill_tokens_per_s", "phase": "prefill", "batch": 2.0, "prompt_tokens": None}, 2.0),
        ({"metric": "energy_j_per_output_token"}, None),
    ],
)
def test_tokens_of_a_rate(changes: dict[str, object], work: float | None) -> None:
    assert work_of(replace(PLAIN, **changes)) == work


def test_violations_are_measurements_beyond_the_bound_whichever_way_is_better() -> None:
    rate = replace(PLAIN, metric="decode_tokens_per_s", value=100.0)
    time = replace(PLAIN, value=0.01)
    energy = replace(PLAIN, metric="energy_j_per_output_token", value=1.0)
    power = replace(PLAIN, metric="power_w", value=100.0)
    rows = [rate, rate, rate, time, time, time, energy, power, time]
    bounds = [99.95, 99.0, 101.0, 0.010005, 0.0101, 0.0099, 1.1, 110.0, None]
    found = compared(rows, [1.0] * len(rows), bounds)
    assert [found.observations[i].id for i in found.violations] == ["r1", "r4"]
    assert {part.keys["phase"]: part.bound_violations for part in found.totals} == {
        "decode": 2, "timing": 2, "energy": 0, "power": 0,
    }  # fmt: skip
    assert {part.keys["phase"] for part in found.totals if part.bound is None} == {"energy", "power"}
    assert beats(array(1.0, 1.0), array(1.0, math.nan)).tolist() == [False, False]


def test_serving_latency_and_energy_have_totals_of_their_own() -> None:
    prefill = replace(PLAIN, phase="prefill", metric="ttft_s")
    serving = replace(prefill, protocol="closed_loop_serving")
    total = replace(PLAIN, phase="end_to_end", metric="latency_s")
    rows = [
        PLAIN, prefill, serving, total, replace(PLAIN, metric="energy_j_per_output_token"),
        replace(total, metric="power_w"), replace(PLAIN, protocol="closed_loop_serving"),
    ]  # fmt: skip
    phases = ["decode", "prefill", "prefill_serving", "end_to_end", "energy", "power", "decode"]
    assert [phase_of(row) for row in rows] == phases
    found = compared(rows, [row.value for row in rows])
    assert [(part.keys["phase"], part.calibrated.rows) for part in found.totals] == [
        ("decode", 2), ("prefill", 1), ("prefill_serving", 1), ("end_to_end", 1), ("timing", 5), ("energy", 1),
        ("power", 1),
    ]  # fmt: skip
    assert all(part.calibrated.mape == 0 for part in (*found.totals, *found.groups))


def test_groups_add_up_to_totals_on_the_shipped_rows() -> None:
    rows = list(read_measurements().rows)
    found = compared(rows, [None if i % 7 == 0 else row.value * 1.2 for i, row in enumerate(rows)])
    for total in found.totals:
        if total.keys["phase"] == "timing":
            continue
        members = [group for group in found.groups if group.keys["phase"] == total.keys["phase"]]
        for count in ("rows", "predicted"):
            assert sum(getattr(g.calibrated, count) for g in members) == getattr(total.calibrated, count)
        mean = sum(g.calibrated.mape * g.calibrated.rows for g in members) / total.calibrated.rows
        assert mean == pytest.approx(total.calibrated.mape)
    keys = [tuple(group.keys.values()) for group in found.groups]
    assert len(set(keys)) == len(keys) > 25
    assert list(found.groups[0].keys) == ["stack", "phase", "protocol", "device_class"]


# ranks


def chips(values: list[float], **changes: object) -> list[Measurement]:
    return [replace(PLAIN, hardware=f"chip-{i}", value=value, **changes) for i, value in enumerate(values)]


def test_ranking_is_within_workloads_and_their_mean() -> None:
    rows = chips([1, 2, 3, 4]) + chips([1, 2, 3, 4], batch=2.0)
    # the first ranked exactly, the second wholly reversed, and far apart from each other
    found = compared(rows, [10, 20, 30, 40, 0.4, 0.3, 0.2, 0.1]).totals[0].ranking
    assert (found.workloads, found.rows, found.mean_kendall_tau) == (2, 8, 0.0)


@pytest.mark.parametrize("field", ["model", "batch", "prompt_tokens", "output_tokens", "context_tokens", "protocol"])
def test_other_work_is_another_workload(field: str) -> None:
    rows = chips([1, 2, 3, 4])
    assert compared(rows, [1.0] * 4).totals[0].ranking.workloads == 1
    rows[3] = replace(rows[3], **{field: "other" if field in ("model", "protocol") else 7.0})
    assert compared(rows, [1.0] * 4).totals[0].ranking.workloads == 0


@pytest.mark.parametrize("field", ["devices", "tensor_parallel", "stack", "weight_bits", "activation_bits", "kv_bits"])
def test_what_may_be_chosen_is_a_configuration(field: str) -> None:
    rows = [replace(PLAIN, value=1.0 + i, **{field: "abcd"[i] if field == "stack" else i + 1}) for i in range(4)]
    found = compared(rows, [1.0, 2.0, 3.0, 4.0]).totals[0].ranking
    assert (found.workloads, found.mean_kendall_tau) == (1, 1.0)
    same = [replace(PLAIN, value=1.0 + i, stack_version=str(i)) for i in range(4)]
    assert compared(same, [1.0, 2.0, 3.0, 4.0]).totals[0].ranking.workloads == 0


def test_a_workload_that_the_predictions_do_not_rank_counts_nothing() -> None:
    level = compared(chips([1, 2, 3, 4]), [5.0] * 4).totals[0]
    assert (level.ranking.workloads, level.ranking.mean_kendall_tau, level.calibrated.kendall_tau) == (1, 0.0, None)
    missing = compared(chips([1, 2, 3, 4]), [None, None, None, 1.0]).totals[0]
    assert (missing.ranking.workloads, missing.ranking.mean_kendall_tau) == (1, 0.0)
    nothing = compared(chips([1, 1, 1, 1]), [1.0, 2.0, 3.0, 4.0]).totals[0]
    assert (nothing.ranking.workloads, nothing.ranking.mean_kendall_tau) == (0, None)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_tau_is_that_of_scipy_and_of_counting_pairs(pairs: list[tuple[int, int]]) -> None:
    a, b = array(*(x for x, _ in pairs)), array(*(y for _, y in pairs))
    found = kendall_tau(a, b)
    expected = naive_tau([float(x) for x in a], [float(y) for y in b])
    assert found == (None if expected is None else pytest.approx(expected))
    if found is not None:
        assert found == pytest.approx(float(kendalltau(a, b).statistic))


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=20))
def test_tau_changes_sign_when_times_become_rates_and_only_that(pairs: list[tuple[float, float]]) -> None:
    a, b = array(*(x for x, _ in pairs)), array(*(y for _, y in pairs))
    found = kendall_tau(a, b)
    assume(found is not None and len(set(1 / a)) == len(set(a)) and len(set(1 / b)) == len(set(b)))
    assert kendall_tau(1 / a, b) == pytest.approx(-found)
    assert kendall_tau(1 / a, 1 / b) == pytest.approx(found)
    assert kendall_tau(b, a) == pytest.approx(found)


def test_tau_leaves_out_what_was_not_predicted() -> None:
    assert kendall_tau(array(1, 2, 3), array(1, math.nan, 3)) == 1.0
    assert kendall_tau(array(1, 2), array(1, math.nan)) is None
    assert kendall_tau(array(), array()) is None


# laws


@given(st.lists(st.tuples(POSITIVE, st.none() | st.floats(-1, 1e6)), min_size=1, max_size=30), st.randoms())
def test_figures_agree_with_plain_loops_in_any_order(pairs: list[tuple[float, float | None]], random: object) -> None:
    def found(given_pairs: list[tuple[float, float | None]]) -> object:
        measured, predicted = array(*(m for m, _ in given_pairs)), as_array([p for _, p in given_pairs])
        return figures(measured, predicted, measured, predicted)

    errors = naive_errors(pairs)
    result = found(pairs)
    assert result.mape == pytest.approx(sum(errors) / len(errors))
    assert result.median_ape == pytest.approx(float(np.median(errors)))
    for name, limit in (("within_10", 0.10), ("within_25", 0.25)):
        assert getattr(result, name) == sum(error <= limit for error in errors) / len(errors)
    shuffled = list(pairs)
    random.shuffle(shuffled)
    again = found(shuffled)
    assert again.mape == pytest.approx(result.mape)
    assert replace(again, mape=result.mape, kendall_tau=None) == replace(result, kendall_tau=None)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=20), st.sampled_from([2.0**-20, 0.5, 2.0**30]))
def test_errors_do_not_depend_on_the_unit(pairs: list[tuple[float, float]], unit: float) -> None:
    measured, predicted = array(*(m for m, _ in pairs)), array(*(p for _, p in pairs))
    assert np.array_equal(absolute_errors(measured, predicted), absolute_errors(measured * unit, predicted * unit))


@given(st.lists(st.floats(0, 2), min_size=1, max_size=40))
def test_intervals_hold_the_figures_and_repeat(errors: list[float]) -> None:
    ordered = np.sort(array(*errors))
    median, within = intervals(ordered, resamples=50)
    assert ordered[0] <= median.low <= median.high <= ordered[-1]
    assert 0 <= within.low <= within.high <= 1
    assert intervals(ordered, resamples=50) == (median, within)


def test_intervals_are_those_of_drawing_rows_one_by_one() -> None:
    errors = np.sort(np.random.default_rng(3).gamma(2.0, 0.1, 60))
    median, within = intervals(errors)
    slow_median = naive_interval(list(errors), lambda drawn: float(np.median(drawn)))
    slow_within = naive_interval(list(errors), lambda drawn: sum(e <= 0.25 for e in drawn) / len(drawn))
    assert (median.low, median.high) == pytest.approx(slow_median, abs=0.02)
    assert (within.low, within.high) == pytest.approx(slow_within, abs=0.04)
    assert median.low < float(np.median(errors)) < median.high


def test_intervals_narrow_with_more_rows_and_many_rows_need_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (np.sort(np.random.default_rng(3).gamma(2.0, 0.1, n)) for n in (50, 5000))
    whole = intervals(many, resamples=40)
    monkeypatch.setattr("sweeps.accuracy._MOST_DRAWS", 20_000)
    assert intervals(many, resamples=40) == whole
    assert whole[0].high - whole[0].low < 0.3 * (intervals(few)[0].high - intervals(few)[0].low)


# what goes wrong


def test_every_row_needs_the_prediction_of_its_id() -> None:
    seen = observations([PLAIN], lambda name: "x")
    for wrong in ([], [Prediction("b", 1.0, 1.0)], [Prediction("a-1", 1.0, 1.0)] * 2):
        with pytest.raises(ValueError, match="1 rows need one prediction each"):
            compare(seen, wrong)


def test_predictions_may_come_in_any_order() -> None:
    rows = chips([1, 2, 3])
    rows = [replace(row, id=row.hardware) for row in rows]
    seen = observations(rows, lambda name: "x")
    found = compare(seen, [Prediction(row.id, row.value, None) for row in reversed(rows)])
    assert found.errors.tolist() == [0, 0, 0]


def test_the_worst_rows_are_those_furthest_off_either_way() -> None:
    found = compared(chips([1.0, 1.0, 1.0, 1.0]), [1.1, 0.1, 3.0, None])
    assert [found.observations[i].id for i in found.worst(9)] == ["r1", "r2", "r0"]
    assert len(found.worst(1)) == 1


def test_operators_are_totals_by_kind() -> None:
    rows = read_operators().rows
    seen = operator_observations(rows, lambda name: "datacenter-gpu")
    found = compare(
        seen, [Prediction(row.id, row.latency_s, None) for row in rows], ("op", "stack", "hardware", "class")
    )
    assert found.totals[-1].keys == {"phase": "operators"}
    assert found.totals[-1].calibrated.rows == len(rows)
    assert sum(part.calibrated.rows for part in found.totals[:-1]) == len(rows)
    assert found.totals[-1].ranking.mean_kendall_tau == 1.0
