"""What pip says, on output that was recorded (pip 23.2, 24.2 and 26.3)."""

from __future__ import annotations

from remote.onhost.pip_output import PipOutput

COUNTING = """\
Looking in indexes: https://index.example.org/simple
Collecting numpy==2.5.5 (from -r requirements.txt (line 1))
  Downloading numpy-2.5.5-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl (15.7 MB)
Progress 0 of 15713899
Progress 7856949 of 15713899
"""


def feed(output: PipOutput, text: str, start: float = 0.0, step_s: float = 1.0) -> float:
    now = start
    for line in text.splitlines():
        output.feed(line, now)
        now += step_s
    return now


def test_a_pip_that_counts() -> None:
    output = PipOutput(total=3)
    assert output.message(0.0) == "installing: asking the package index"
    now = feed(output, COUNTING)
    assert output.message(now) == "installing numpy 2.5.5, 8 of 16 MB, 3 s left (package 1 of 3)"
    assert output.feed("Progress 15713899 of 15713899", now) is False, "no log needs it"
    assert output.left_s(now) == 0


def test_a_pip_that_does_not_count() -> None:
    output = PipOutput(total=2)
    feed(output, "Collecting torch==2.13.0\n  Downloading torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl (190.0 MB)")
    assert output.file == "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl"
    assert output.message(1.5) == "installing torch 2.13.0+cpu, 190 MB (package 1 of 2)"
    output.received(112_000_000)
    assert output.message(12.2) == "installing torch 2.13.0+cpu, 112 of 190 MB, 8 s left (package 1 of 2)"


def test_local_files_and_the_unpacking() -> None:
    output = PipOutput(total=1)
    feed(output, "Processing /wheels/python_dateutil-2.9.0-py2.py3-none-any.whl (from -r r.txt (line 1))")
    assert output.message(1.0) == "installing python-dateutil 2.9.0 (package 1 of 1)"
    feed(output, "Installing collected packages: six, tzdata, pandas", start=10.0)
    assert output.message(31.0) == "installing 3 packages: unpacking, 21 s so far"
    assert output.left_s(31.0) is None


def test_more_packages_than_were_named() -> None:
    output = PipOutput(total=1)
    feed(output, "Collecting pandas\nCollecting six>=1.5 (from pandas)")
    assert output.message(2.0) == "installing six (package 2)"


def test_why_it_failed() -> None:
    output = PipOutput(total=1)
    feed(
        output,
        "ERROR: Could not find a version that satisfies the requirement nosuch==2 (from versions: none)\n"
        "ERROR: No matching distribution found for nosuch==2",
    )
    assert output.reason("x") == "No matching distribution found for nosuch==2"
    assert PipOutput(1).reason("Killed") == "Killed"
    assert PipOutput(1).reason("") == "pip said nothing"


def test_no_network() -> None:
    output = PipOutput(total=1)
    feed(
        output,
        "Collecting numpy\nWARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) "
        "after connection broken by 'NewConnectionError'\nERROR: No matching distribution found for numpy",
    )
    assert output.reason("") == "No matching distribution found for numpy (the package index was not reachable)"
    assert output.message(3.0).endswith("the network is slow, trying again")


def test_hostile_lines_change_nothing_else() -> None:
    output = PipOutput(total=1)
    for line in ("Progress 9 of", "Downloading (x MB)", "Collecting ../x", "\x1b[2J", "Downloading x (9.9.9 MB)"):
        output.feed(line, 0.0)
    output.message(1.0)
