"""What a notebook shows of results: HTML with the numbers of the commands, without times and paths."""

from __future__ import annotations

import re
import struct
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

import dse
from dse.report.asking import whatif_text
from dse.report.explaining import explanation_text
from dse.report.picks import picks_table
from dse.report.summary import summary
from dse.runs import Run


def cells(html: str) -> list[str]:
    """The cells of all tables, as text."""
    return re.findall(r"<t[hd]>(.*?)</t[hd]>", html)


def words(text: str) -> list[str]:
    """Words of a text, or of what HTML says."""
    return unescape(re.sub(r"</?(p|b|ul|li|pre|table|thead|tbody|tr|th|td)>", " ", text)).split()


def test_a_what_if_shows_what_the_command_prints(small_run: Run) -> None:
    found = small_run.whatif(changes={"dram_bandwidth": "2x", "dram": "24 GB"})
    html = found._repr_html_()
    assert str(found) == whatif_text(found)
    shown, printed = (words(text.replace("→", "->").replace(":", " ")) for text in (html, str(found)))
    printed.remove("why")
    assert sorted(shown) == sorted(printed)
    assert cells(html)[:4] == ["", "before", "after", "change"]
    assert html.index("</table>") < html.rindex("<li>")


def test_an_inverse_question_shows_its_answer_first(small_run: Run) -> None:
    html = small_run.whatif(target="ttft <= 1 s", vary="compute")._repr_html_()
    answer = re.search(r"<b>(.*?)</b>", html)
    assert answer
    assert answer[1].startswith("ttft &lt;= 1 s: compute must be at least")
    words_tried = small_run.whatif(target="ttft <= 1 s", vary="node")._repr_html_()
    assert "meets it" in cells(words_tried)


def test_a_run_shows_its_best_designs_and_nothing_of_the_machine(small_run: Run, tmp_path: Path) -> None:
    html = small_run._repr_html_()
    table = cells(html)
    assert table[1:6] == ["best decode rate", "best energy", "best TCO", "best carbon", "knee"]
    assert str(small_run.path) not in html
    assert "designs/s" not in html
    assert all(cell in summary(small_run) for cell in table)
    assert "manifest" not in repr(small_run)


def test_a_run_without_a_front_says_why(tmp_path: Path) -> None:
    from small_run import changed

    text = changed(("ttft <= 4 s", "ttft <= 1 us"))
    run = dse.sweep(text, out=tmp_path / "none")
    assert "ttft &lt;= 1 us" in run._repr_html_()


def test_picks_show_objectives_and_why_and_are_a_table(small_run: Run) -> None:
    only = {"tco_usd_per_mtoken": 1.0}
    picks = small_run.pick(knee=True, weights=only)
    assert isinstance(picks, pd.DataFrame)
    html = picks._repr_html_()
    table = cells(html)
    assert table[:3] == ["", "by weights", "knee"]
    assert len(table) == 3 * (1 + 1 + 5 + len(small_run.objectives))
    assert all(cell in picks_table(picks, small_run) for cell in table)
    assert html.count("<li>") == 2
    pd.testing.assert_frame_equal(pd.DataFrame(picks), pd.DataFrame(dse.pick(small_run, knee=True, weights=only)))


def test_a_part_of_picks_is_a_plain_table(small_run: Run) -> None:
    picks = small_run.pick()
    assert type(picks[["pick", "why"]]) is pd.DataFrame
    assert type(picks.head(1)) is pd.DataFrame
    assert picks.attrs["units"]["decode_tokens_per_s"] == "token/second"


def test_a_row_of_a_table_is_a_design(small_run: Run) -> None:
    front = small_run.front()
    row = front.iloc[3]
    point = int(row["point"])
    changes = {"dram_bandwidth": "1.1x"}
    wanted = str(small_run.whatif(point, changes))
    assert str(small_run.whatif(front["point"].iloc[3], changes)) == wanted  # a number of NumPy
    assert str(small_run.whatif(row, changes)) == wanted
    assert str(small_run.whatif(front.iloc[[3]], changes)) == wanted
    evaluated = small_run.evaluate(front.iloc[[3]].assign(dram_bytes_per_s=123e9))
    assert small_run.whatif(evaluated, changes).before.values["dram_bytes_per_s"] == 123e9
    with pytest.raises(dse.StudyError, match="expected one row of a table, got 2"):
        small_run.whatif(front.head(2), changes)


def test_without_a_design_a_run_is_asked_about_its_knee(small_run: Run) -> None:
    knee = int(small_run.pick(knee=True)["point"].iloc[0])
    changes = {"node": "3nm"}
    assert small_run.whatif(changes=changes).point == knee
    assert dse.whatif(small_run.path, changes=changes).point == knee
    assert dse.explain(small_run).design.point == knee
    with pytest.raises(dse.StudyError, match="name one with --design"):
        dse.whatif(small_run.study, changes=changes)


def test_pictures_show_themselves(small_run: Run) -> None:
    point = int(small_run.front()["point"].iloc[0])
    for figure in (
        small_run.plot("pair"),
        small_run.plot("breakdown", small_run.front().iloc[0]),
        dse.sensitivity(small_run, point, ["price_usd"], method="tornado").plot(),
    ):
        png = figure._repr_png_()  # type: ignore[attr-defined]
        assert png.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", png[16:24])
        assert width == pytest.approx(80 * figure.get_figwidth(), abs=1)
        assert height == pytest.approx(80 * figure.get_figheight(), abs=1)


@pytest.mark.parametrize("what", ["explain", "sensitivity", "versus", "analyze"])
def test_other_results_show_what_their_command_prints(small_run: Run, what: str) -> None:
    point = int(small_run.front()["point"].iloc[0])
    found = {
        "explain": lambda: dse.explain(small_run, point, ["price_usd"]),
        "sensitivity": lambda: dse.sensitivity(small_run, point, ["price_usd"], method="tornado"),
        "versus": lambda: dse.versus(small_run, point, int(small_run.front()["point"].iloc[-1]), samples=16),
        "analyze": lambda: dse.analyze("llama-3-8b", "h100"),
    }[what]()
    html = found._repr_html_()  # type: ignore[attr-defined]
    assert html.startswith("<pre>")
    assert words(html) == words(str(found))
    if what == "explain":
        assert str(found) == explanation_text(found, sources=False)  # type: ignore[arg-type]
