"""The table of fitted numbers: what it may hold, what it means, and that the shipped one keeps to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roofline.accelerators import find
from roofline.calibration import (
    COLUMNS,
    GLOBALS,
    OF_CLASS,
    OF_HOST,
    OF_RUNTIME,
    Calibration,
    Fitted,
    as_text,
    efficiency,
    parsed,
    shipped,
)
from roofline.runtimes import runtime, runtime_of, runtimes
from sweeps.measurements import ENERGIES_OF_MEASUREMENTS, read_measurements

HEAD = ",".join(COLUMNS)
SHARES = {"compute_share": 0.8, "attention_share_relative": 0.5, "expert_share_relative": 0.25, "memory_share": 0.9}
TIMES = {"kernel_s": 4e-6, "step_s": 1e-3, "sequence_s": 5e-5, "overlapped_sequence_s": 1e-5, "link_latency_s": 3e-6}
OTHERS = {
    "half_rows": 4.0,
    "matrix_j_per_flop": 1e-12,
    "native_kernel_relative": 2.0,
    "eager_kernel_relative": 5.0,
    "link_share": 0.6,
}


def calibration(**factors: float) -> Calibration:
    """Global numbers easy to calculate with, and factors by ``name__option``."""
    numbers = {(name, ""): value for name, value in {**SHARES, **TIMES, **OTHERS}.items()}
    for key, value in factors.items():
        name, _, option = key.partition("__")
        numbers[name, option.replace("_", "-")] = value
    return Calibration({key: Fitted(value, value, value, "1", "by hand") for key, value in numbers.items()})


def test_numbers_by_hand() -> None:
    known = calibration(
        class_compute_relative__apple=0.5,
        class_memory_relative__apple=0.9,
        class_kernel_relative__apple=1.5,
        runtime_compute_relative__vllm=1.25,
        runtime_kernel_relative__vllm=0.5,
        runtime_step_relative__vllm=2.0,
        runtime_sequence_relative__vllm=3.0,
    )
    found = efficiency(known, runtime("vllm"), device_class="apple")
    assert found.gemm_slowdown == pytest.approx(1 / 0.5)  # 0.8 x 0.5 x 1.25
    assert found.attention_slowdown == pytest.approx(1 / (0.5 * 0.5))
    assert found.expert_slowdown == pytest.approx(1 / (0.5 * 0.25))
    assert found.row_slowdown == pytest.approx(4 / 0.5)
    assert found.memory_share == pytest.approx(0.81)
    assert (found.vector_share, found.link_share, found.link_latency_s) == (1.0, 0.6, 3e-6)
    assert found.kernel_s == pytest.approx(4e-6 * 1.5 * 0.5)
    assert found.step_s == pytest.approx(2e-3)
    assert found.sequence_s == pytest.approx(15e-5)


@pytest.mark.parametrize(
    ("stack", "kernel_s", "step_s", "sequence_s"),
    [
        ("other", 4e-6, 0.0, 1e-5),  # captured, its host beside it
        ("neuron", 4e-6, 0.0, 0.0),  # captured, without one
        ("mlc", 8e-6, 0.0, 0.0),  # launched natively
        ("deepspeed-mii", 20e-6, 1e-3, 5e-5),  # launched by an interpreter, host in turn
        ("sambaflow", 0.0, 0.0, 0.0),  # nothing is launched
    ],
)
def test_launches_and_hosts(stack: str, kernel_s: float, step_s: float, sequence_s: float) -> None:
    found = efficiency(calibration(), runtime(stack), device_class="npu")
    assert (found.kernel_s, found.step_s, found.sequence_s) == pytest.approx((kernel_s, step_s, sequence_s))


def test_a_pipeline_launches_nothing_whatever_its_factors_are() -> None:
    known = calibration(runtime_kernel_relative__sambaflow=9.0, class_kernel_relative__npu=9.0)
    assert efficiency(known, runtime("sambaflow"), device_class="npu").kernel_s == 0.0


def test_an_unknown_class_or_stack_has_factors_of_one() -> None:
    known = calibration(class_compute_relative__apple=0.5, runtime_compute_relative__vllm=0.5)
    found = efficiency(known, runtime("other"), device_class="a class of the year 2030")
    assert found == efficiency(calibration(), runtime("other"), device_class="")
    assert found.gemm_slowdown == pytest.approx(1 / 0.8)
    assert found.memory_share == 0.9
    assert known.value("class_compute_relative", "cpu") == 1.0


def test_no_share_exceeds_the_peak() -> None:
    known = calibration(runtime_compute_relative__vllm=2.0, class_memory_relative__apple=2.0)
    found = efficiency(known, runtime("vllm"), device_class="apple")
    assert (found.gemm_slowdown, found.memory_share) == (1.0, 1.0)


def test_no_kind_of_work_or_link_exceeds_its_peak_either() -> None:
    numbers = dict(calibration().numbers)
    for name in ("attention_share_relative", "expert_share_relative", "link_share"):
        numbers[name, ""] = replace(numbers[name, ""], value=1.5)
    found = efficiency(Calibration(numbers), runtime("other"), device_class="")
    assert (found.attention_slowdown, found.expert_slowdown, found.link_share) == (1.0, 1.0, 1.0)


def test_units_for_matrices_have_tiles_that_few_rows_leave_empty() -> None:
    assert efficiency(calibration(), runtime("other"), device_class="", matrix_units=False).row_slowdown == 0.0


@pytest.mark.parametrize(
    ("limit", "clock"), [(None, 1.0), (2e-12, 1.0), (1e-12, 1.0), (0.49e-12, 0.7), (0.25e-12, 0.5)]
)
def test_a_power_limit_lowers_the_clock(limit: float | None, clock: float) -> None:
    """Where the matrix units at their peak would draw four times the limit, the clock halves."""
    free = efficiency(calibration(), runtime("vllm"), device_class="")
    found = efficiency(calibration(), runtime("vllm"), device_class="", limit_j_per_flop=limit)
    for name in ("gemm_slowdown", "attention_slowdown", "expert_slowdown", "row_slowdown"):
        assert getattr(found, name) == pytest.approx(getattr(free, name) / clock)
    assert (found.memory_share, found.kernel_s, found.step_s) == (free.memory_share, free.kernel_s, free.step_s)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("speed,,1,1,1,1,x", 'line 3: unknown number "speed"; known: compute_share'),
        ("half_rows,,many,1,1,1,x", "line 3: value, low and high of half_rows must be numbers"),
        ("half_rows,,,,,1,x", "line 3: value, low and high of half_rows must be numbers"),
        ("half_rows,,2,3,4,1,x", "line 3: half_rows must be finite, not negative and between its low and high, got 2"),
        ("half_rows,,-2,-3,4,1,x", "line 3: half_rows must be finite"),
        ("half_rows,,nan,0,4,1,x", "line 3: half_rows must be finite"),
        ("half_rows,,inf,0,inf,1,x", "line 3: half_rows must be finite"),
        ("memory_share,,0,0,1,1,x", "line 3: memory_share must be above 0"),
        ("class_compute_relative,apple,0,0,1,1,x", "line 3: class_compute_relative must be above 0"),
        ("half_rows,apple,1,1,1,1,x", "line 3: half_rows is of all devices and stacks, its option is empty"),
        ("class_compute_relative,,1,1,1,1,x", "line 3: class_compute_relative needs an option, what it is of"),
        ("kernel_s,,1,1,1,s,x", "line 3: kernel_s is given twice"),
        ("half_rows", "line 3: value, low and high of half_rows must be numbers"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(line: str, said: str) -> None:
    with pytest.raises(ValueError) as error:
        parsed(f"{HEAD}\nkernel_s,,1e-6,1e-6,1e-6,s,x\n{line}\n")
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(column: str) -> None:
    head = ",".join(name for name in COLUMNS if name != column)
    with pytest.raises(ValueError, match=rf"line 1: .*there is no {column}$"):
        parsed(f"{head}\n")


def test_an_empty_table_says_what_it_lacks_when_asked() -> None:
    with pytest.raises(ValueError, match='the calibration has no "memory_share"'):
        parsed(f"{HEAD}\n").value("memory_share")


def test_a_written_table_is_read_back() -> None:
    known = shipped()
    again = parsed(as_text(known.numbers.items()))
    assert again == known


SHIPPED = tuple(shipped().numbers.items())


def test_the_shipped_numbers_are_few() -> None:
    assert len(SHIPPED) <= 75
    assert {name for (name, option), _ in SHIPPED if not option} == set(GLOBALS)


@pytest.mark.parametrize(("key", "fit"), SHIPPED, ids=lambda part: "-".join(part) if isinstance(part, tuple) else "")
def test_every_shipped_number_is_possible(key: tuple[str, str], fit: Fitted) -> None:
    assert fit.value > 0.0
    assert fit.low <= fit.value <= fit.high
    assert fit.unit
    assert fit.source.strip()
    if key[0].endswith("_share"):
        assert fit.value <= 1.0


def test_every_shipped_efficiency_is_physically_possible() -> None:
    """Also of pairs of class and stack that nobody has measured."""
    known = shipped()
    for stack in runtimes():
        for device_class in (*known.classes(), "unknown"):
            found = efficiency(known, stack, device_class=device_class)
            for slowdown in (found.gemm_slowdown, found.attention_slowdown, found.expert_slowdown):
                assert 1.0 <= slowdown < 100.0, (stack.name, device_class)
            for share in (found.memory_share, found.link_share, found.vector_share):
                assert 0.0 < share <= 1.0, (stack.name, device_class)
            for time in (found.kernel_s, found.step_s, found.sequence_s, found.link_latency_s, found.row_slowdown):
                assert time >= 0.0, (stack.name, device_class)


def test_no_shipped_number_is_of_one_device_only() -> None:
    used: dict[tuple[str, str], set[str]] = {}
    for row in read_measurements().rows:
        if row.metric in ENERGIES_OF_MEASUREMENTS:
            continue
        chip = find(row.hardware)
        stack = runtime_of(row.stack, row.stack_version, vendor=chip.vendor)
        for kind, option in (("class", chip.device_class), ("runtime", stack.name)):
            used.setdefault((kind, option), set()).add(chip.name)
    for name, option in shipped().numbers:
        if option:
            assert len(used[name.partition("_")[0], option]) > 1, (name, option)


def test_no_shipped_number_is_of_a_host_that_adds_nothing_or_a_launch_there_is_not() -> None:
    for name, option in shipped().numbers:
        if name in (*OF_RUNTIME, *OF_HOST):
            stack = runtime(option)
            assert stack.launch != "dataflow" or name != "runtime_kernel_relative"
            assert stack.host != "none" or name not in OF_HOST
            assert stack.host == "serial" or name != "runtime_step_relative"
        elif option:
            assert name in OF_CLASS


@pytest.mark.parametrize("key", [key for key, _ in SHIPPED], ids="-".join)
def test_every_number_has_a_say(key: tuple[str, str]) -> None:
    """Half of it changes the efficiency of some class under some stack."""
    # At less compute than shipped, so that no cap at the peak hides a change.
    numbers = {**shipped().numbers, ("compute_share", ""): Fitted(0.3, 0.3, 0.3, "1", "by hand")}
    fit = numbers[key]
    halved = Calibration({**numbers, key: replace(fit, value=0.5 * fit.value)})
    before, after = (
        [
            efficiency(known, stack, device_class=device_class, limit_j_per_flop=0.5e-12)
            for stack in runtimes()
            for device_class in (*known.classes(), "unknown")
        ]
        for known in (Calibration(numbers), halved)
    )
    assert before != after
