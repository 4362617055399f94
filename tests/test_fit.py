"""The fit: it finds what made the data, stays near its priors without any, and a fold never sees what it holds back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from roofline import catalog
from roofline.accelerators import find
from roofline.calibration import GLOBALS, OF_CLASS, OF_HOST, Calibration, Fitted
from roofline.model import Model
from roofline.runtimes import runtime
from sweeps.crossval import held_out, with_ranges
from sweeps.fit import (
    TERMS,
    Floats,
    Sample,
    coefficients,
    efficiency_of,
    fitted,
    fitted_keys,
    is_fitted,
    kind_of,
    predicted,
    priors,
    sample,
    terms_of,
)
from sweeps.folds import folds
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, read_measurements
from sweeps.predict import passes, subject

KINDS = (  # device, class, stack
    ("h100", "datacenter-gpu", "vllm"),
    ("a100", "datacenter-gpu", "vllm"),
    ("4090", "consumer-gpu", "vllm"),
    ("3090", "consumer-gpu", "llama.cpp"),
    ("a100", "datacenter-gpu", "llama.cpp"),
    ("m2", "apple", "llama.cpp-metal"),  # class and stack of one device
)
PHASES = ("decode", "prefill", "end_to_end")


@cache
def drawn() -> list[Sample]:
    """Samples whose terms are drawn, each of them the largest now and then."""
    rng = np.random.default_rng(5)
    samples = []
    for i in range(600):
        device, device_class, stack = KINDS[i % len(KINDS)]
        terms = 10.0 ** rng.uniform(-4.0, 0.0, len(TERMS))
        for name, unit in (("kernel_s", 1e5), ("step_s", 1e2), ("sequence_s", 1e4), ("link_latency_s", 1e5)):
            terms[TERMS.index(name)] *= unit
        samples.append(
            Sample(
                id=f"row-{i}",
                seconds=1.0,
                terms=terms,
                device=device,
                device_class=device_class,
                die_family=device,
                phase=PHASES[i % 3],
                runtime=runtime(stack),
                matrix_units=device_class != "apple",
                limit_j_per_flop={"h100": 0.7e-12, "a100": 1.3e-12}.get(device),
            )
        )
    return samples


def truth() -> Calibration:
    """A calibration unlike the priors."""
    rng = np.random.default_rng(9)
    numbers = {}
    for name, option in fitted_keys(drawn()):
        stray = 1.0 if "share" in name else float(np.exp(rng.normal(0.0, 0.5 * priors()[name].sigma)))
        stray = min(stray, 1.0) if name in ("class_compute_relative", "runtime_compute_relative") else stray
        stray = min(stray, 1.05) if name == "class_memory_relative" else stray
        value = priors()[name].value * stray
        numbers[name, option] = Fitted(value, value, value, "", "")
    numbers["compute_share", ""] = Fitted(0.7, 0.7, 0.7, "", "")
    return Calibration(numbers)


def measured(samples: list[Sample], seconds: Floats) -> list[Sample]:
    return [replace(s, seconds=float(t)) for s, t in zip(samples, seconds, strict=True)]


def test_what_made_the_data_predicts_them() -> None:
    found = fitted(measured(drawn(), predicted(drawn(), truth())), keep_all=True)
    ratio = predicted(drawn(), found) / predicted(drawn(), truth())
    assert np.abs(np.log(ratio)).max() < 0.05
    assert np.median(np.abs(np.log(ratio))) < 0.005


def test_what_made_the_data_is_found() -> None:
    """By class and stack; the numbers that an efficiency is the product of are not told apart by all data."""
    data = measured(drawn(), predicted(drawn(), truth()))
    ours, true = efficiencies(fitted(data, keep_all=True)), efficiencies(truth())
    guessed = efficiencies(Calibration({key: guess(key[0]) for key in truth().numbers}))
    for kind, values in true.items():
        assert ours[kind] == pytest.approx(values, rel=0.12), kind
        assert guessed[kind] != pytest.approx(values, rel=0.12), kind  # no merit of the priors


def guess(name: str) -> Fitted:
    return Fitted(priors()[name].value, 0.0, np.inf, "", "")


def efficiencies(calibration: Calibration) -> dict[tuple[object, ...], Floats]:
    return {s.kind: coefficients(efficiency_of(s.kind, s.runtime, calibration)) for s in drawn()}


def test_without_rows_of_an_effect_numbers_stay_where_they_start() -> None:
    none = [replace(s, terms=np.where(np.array(TERMS) == "memory_share", s.terms, 0.0)) for s in drawn()]
    found = fitted(measured(none, predicted(none, truth())))
    for name in ("kernel_s", "step_s", "half_rows", "link_share", "compute_share"):
        assert found.value(name) == pytest.approx(priors()[name].value, rel=1e-6)


def test_one_row_hardly_moves_what_holds_everywhere() -> None:
    before = Calibration({key: guess(key[0]) for key in fitted_keys(drawn()[:1])})
    one = replace(drawn()[0], seconds=1.5 * float(predicted(drawn()[:1], before)[0]))
    found = fitted([one], keep_all=True)
    assert float(predicted([one], found)[0]) > 1.1 * float(predicted([one], before)[0])
    for name in GLOBALS:
        assert abs(np.log(found.value(name) / priors()[name].value)) < 0.6 * priors()[name].sigma, name


def test_a_start_takes_the_place_of_the_priors() -> None:
    start = Calibration({**truth().numbers, ("kernel_s", ""): Fitted(9e-6, 8e-6, 1e-5, "", "")})
    found = fitted(measured(drawn()[:6], predicted(drawn()[:6], start)), start=start, keep_all=True)
    for key, fit in found.numbers.items():
        assert fit.value == pytest.approx(start.numbers[key].value, rel=1e-3), key


def test_numbers_of_one_device_are_dropped() -> None:
    data = measured(drawn(), predicted(drawn(), truth()))
    found, everything = fitted(data), fitted(data, keep_all=True)
    dropped = {key[1] for key in everything.numbers.keys() - found.numbers.keys()}
    assert dropped == {"apple", "llama.cpp-metal"}
    for key, fit in found.numbers.items():
        assert fit == everything.numbers[key]  # fitted with those that are dropped, not without


def test_numbers_of_the_whole_are_those_of_its_parts() -> None:
    data = measured(drawn(), predicted(drawn(), truth()))
    part = [s for s in data if s.device != "3090"]  # leaves the class of consumer GPUs with one device
    assert ("class_compute_relative", "consumer-gpu") not in fitted(part).numbers
    assert ("class_compute_relative", "consumer-gpu") in fitted(part, shared_by=data).numbers


def test_times_to_the_first_token_under_load_are_not_fitted() -> None:
    data = measured(drawn(), predicted(drawn(), truth()))
    waited = [replace(s, phase="prefill_serving", seconds=100.0 * s.seconds) for s in data[:60]]
    assert fitted(data + waited) == fitted(data)
    assert [is_fitted(phase) for phase in ("decode", "prefill_serving", "energy", "power")] == [True] + 3 * [False]


def test_rows_beyond_a_factor_pull_less() -> None:
    data = measured(drawn(), predicted(drawn(), truth()))
    wild = [replace(s, seconds=50.0 * s.seconds) if i % 20 == 0 else s for i, s in enumerate(data)]
    ratio = predicted(drawn(), fitted(wild, keep_all=True)) / predicted(drawn(), truth())
    assert np.median(np.abs(np.log(ratio))) < 0.05


def test_what_can_be_fitted_of_some_samples() -> None:
    keys = fitted_keys([replace(drawn()[0], runtime=runtime("sambaflow"), device_class="npu")])
    assert {key for key in keys if key[1]} == {
        *((name, "npu") for name in OF_CLASS),
        ("runtime_compute_relative", "sambaflow"),  # nothing is launched, and there is no host
    }
    for stack, names in (("sglang", {"runtime_sequence_relative"}), ("vllm", set(OF_HOST)), ("mlc", set())):
        keys = fitted_keys([replace(drawn()[0], runtime=runtime(stack))])
        assert {name for name, _ in keys if name in OF_HOST} == names


# ---- leaving out


def test_every_sample_is_predicted_once() -> None:
    data = measured(drawn(), predicted(drawn(), truth()))
    seconds, calibrations = held_out(data, folds([s.device for s in data]))
    assert len(calibrations) == 5
    assert np.isfinite(seconds).all()


def test_a_fold_never_sees_what_it_holds_back() -> None:
    """Measured values of the held rows may be anything: the fold's calibration and predictions stay."""
    data = measured(drawn(), predicted(drawn(), truth()))
    by_device = folds([s.device for s in data])
    seconds, calibrations = held_out(data, by_device)
    for number, (name, held) in enumerate(by_device.items()):
        other = [replace(s, seconds=7.0 * s.seconds) if out else s for s, out in zip(data, held, strict=True)]
        again, anew = held_out(other, {name: held})
        assert anew[0] == calibrations[number], name
        assert (again[held] == seconds[held]).all()
    # and without the change of the others there would be nothing to see:
    assert calibrations[0] != calibrations[1]


def test_ranges_span_the_folds_and_the_whole() -> None:
    def one(value: float) -> Calibration:
        return Calibration({("kernel_s", ""): Fitted(value, 0.0, np.inf, "", "")})

    ranges = with_ranges(one(3.0), [one(2.0), one(2.5), Calibration({})], "a fit")
    assert ranges == {("kernel_s", ""): Fitted(3.0, 2.0, 3.0, "s", "a fit")}


def test_folds_are_told_as_they_come() -> None:
    data = measured(drawn()[:60], predicted(drawn()[:60], truth()))
    told: list[str] = []
    held_out(data, folds([s.device for s in data]), told.append)
    assert told == ["3090", "4090", "a100", "h100", "m2"]


# ---- samples of published rows


def test_a_sample_says_what_its_row_is() -> None:
    def model(name: str, hf_id: str = "") -> Model:
        return catalog.model(catalog.canonical_name(name))

    rows = [row for row in read_measurements().rows if row.metric not in ENERGIES_OF_MEASUREMENTS][::150]
    for row in rows:
        found = subject(row, model, find)
        ours = sample(found, 0.5)
        assert (ours.id, ours.seconds, ours.device) == (row.id, 0.5, row.hardware)
        assert (ours.terms == terms_of(found)).all()
        assert ours.kind == kind_of(found)
        how = efficiency_of(ours.kind, ours.runtime, truth())
        directly = float(np.asarray(passes(found, how).total("s")).reshape(-1)[0])
        assert float(predicted([ours], truth())[0]) == pytest.approx(directly, rel=1e-12)


def test_every_prior_is_positive_and_has_a_source() -> None:
    for name, prior in priors().items():
        assert prior.value > 0, name
        assert prior.sigma > 0, name
        assert prior.source.strip(), name
