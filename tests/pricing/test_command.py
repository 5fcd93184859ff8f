"""The command line: public and stable."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pricing.command import main
from tests.pricing.builders import cdr_json, component, element, period, tariff_json

TARIFF = tariff_json(element(component("ENERGY", 0.25, 10)))
CDR = cdr_json(period(3600, ENERGY=20, TIME=True))
SESSION = {
    "start": "2024-01-01T00:00:00Z",
    "end": "2024-01-01T01:00:00Z",
    "readings": [[0, 1000], [3600, 21000]],
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    written = {}
    for name, content in (("tariff", TARIFF), ("cdr", CDR), ("session", SESSION)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content))
        written[name] = str(path)
    return written


def run(*arguments: str) -> tuple[int, Any]:
    out = io.StringIO()
    code = main(arguments, out)
    return code, json.loads(out.getvalue())


@pytest.mark.parametrize("source", ["cdr", "session"])
def test_rate_prices_one_session(files: dict[str, str], source: str) -> None:
    where = ["--timezone", "Europe/Amsterdam", "--explain"]
    code, answer = run("rate", "--tariff", files["tariff"], f"--{source}", files[source], *where)

    assert code == 0
    assert answer["total"] == {"net": "5.00", "tax": "0.50", "gross": "5.50"}
    assert answer["exact"] == {"net": "5", "gross": "5.5"}
    assert set(answer["components"]) == {"ENERGY", "TIME", "PARKING_TIME", "FLAT", "RESERVATION"}
    assert answer["billed"] == {"energy_wh": 20000, "time_s": 0, "parking_s": 0, "reservation_s": 0}
    assert answer["lines"][0]["passed_over"] == []


def test_rate_says_what_is_missing(files: dict[str, str]) -> None:
    assert run("rate", "--tariff", files["tariff"], "--timezone", "UTC")[1]["field"] == "session"
    assert run("rate", "--session", files["session"], "--timezone", "UTC")[1]["field"] == "tariff"
    code, answer = run("rate", "--tariff", files["tariff"], "--cdr", files["cdr"])
    assert (code, answer["field"]) == (1, "timezone")
    code, answer = run("rate", "--tariff", "/nowhere.json", "--cdr", files["cdr"], "--timezone", "UTC")
    assert code == 1
    assert "nowhere" in answer["error"]


def test_batch_answers_line_by_line_and_goes_on_after_an_error(tmp_path: Path) -> None:
    lines: list[Any] = [
        {"id": "a", "tariff": TARIFF, "cdr": CDR, "timezone": "UTC"},
        {"id": "b", "cdr": CDR, "timezone": "UTC"},
        {"id": "c", "tariff": TARIFF, "session": SESSION, "timezone": "UTC", "reservation_expired": 3},
        {"id": 1.5, "tariff": TARIFF, "session": SESSION, "timezone": "UTC"},
        {"id": "e", "tariff": TARIFF, "timezone": "UTC"},
    ]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n\n".join([*map(json.dumps, lines), "{", "[]", "[" * 100_000]) + "\n")
    out = io.StringIO()

    assert main(["rate", "--batch", str(path)], out) == 0
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["id"] for answer in answers] == ["a", "b", "c", "1.5", "e", None, None, None]
    assert answers[0]["total"]["gross"] == "5.50"
    fields = [answer.get("field") for answer in answers]
    assert fields == [None, "tariff", "reservation_expired", None, "session", "case", "case", "case"]


def test_deep_json_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(600):
        deep = [deep]
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps({"id": 7, "tariff": {**TARIFF, "x": deep}, "cdr": CDR, "timezone": "UTC"}))
    out = io.StringIO()
    main(["rate", "--batch", str(path)], out)

    answer = json.loads(out.getvalue())
    assert (answer["id"], answer["field"]) == (7, "case")


def test_batch_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    case = json.dumps({"id": 1, "tariff": TARIFF, "cdr": CDR, "timezone": "UTC"})
    monkeypatch.setattr(sys, "stdin", io.StringIO(case))

    assert run("rate", "--batch", "-")[1]["total"]["gross"] == "5.50"


def test_the_module_runs(monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    monkeypatch.setattr(sys, "argv", ["pricing", "lint", files["tariff"]])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("pricing", run_name="__main__")
    assert ended.value.code == 0


def test_batch_reads_standard_input_as_a_process() -> None:
    case = json.dumps({"id": 1, "tariff": TARIFF, "cdr": CDR, "timezone": "Europe/Amsterdam"})
    done = subprocess.run(
        [sys.executable, "-m", "pricing", "rate", "--batch", "-"],
        input=case,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert json.loads(done.stdout)["total"]["gross"] == "5.50"


def many_cases(tmp_path: Path) -> str:
    """More answers than a pipe and Python's buffer hold."""
    path = tmp_path / "cases.jsonl"
    case = json.dumps({"id": 1, "tariff": TARIFF, "cdr": CDR, "timezone": "UTC"})
    path.write_text(f"{case}\n" * 300)
    return str(path)


def test_a_reader_that_has_read_enough_ends_it_quietly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pricing", "rate", "--batch", many_cases(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["total"]["gross"] == "5.50"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("what", ["answers", "the last answer"])
def test_a_reader_that_is_gone_is_no_error_of_the_input(
    tmp_path: Path, files: dict[str, str], what: str
) -> None:
    """Also when all of it fitted the buffer, and the pipe is only found broken at the end."""
    arguments = ["lint", files["tariff"]] if what != "answers" else ["rate", "--batch", many_cases(tmp_path)]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:  # closing it may not raise either
        assert main(arguments, out) == 141


def test_quote_prices_a_plan(files: dict[str, str]) -> None:
    plan = ["quote", "--tariff", files["tariff"], "--timezone", "Europe/Amsterdam"]
    when = ["--start", "2026-11-22T18:00:00+01:00"]

    code, answer = run(*plan, *when, "--energy-kwh", "30", "--power-kw", "11", "--parked-minutes", "10")
    assert (code, answer["total"]["gross"]) == (0, "8.25")
    assert answer["unpriced"] == {"TIME": 9819, "PARKING_TIME": 600}
    assert run(*plan, *when, "--energy-kwh", "0", "--power-kw", "0")[1]["total"]["gross"] == "0.00"
    for kwh, kw, field in (
        ("1", "0", "power_w"),
        ("-1", "1", "energy_kwh"),
        ("0.0001", "1", "energy_kwh"),
        ("999999", "0.001", "energy_wh"),
    ):
        assert run(*plan, *when, f"--energy-kwh={kwh}", "--power-kw", kw)[1]["field"] == field


def test_lint_lists_findings(files: dict[str, str]) -> None:
    code, answer = run("lint", files["tariff"], "--power-kw", "22")

    assert (code, answer) == (0, {"findings": []})
    assert run("lint", files["tariff"])[1] == {"findings": []}


def test_a_file_that_is_not_json_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(b"\xff\xfe\x00")
    assert run("lint", str(path))[0] == 1
    path.write_text("{")
    assert run("lint", str(path))[1]["field"] == "tariff"
