"""Judge hundreds of hard images and print the table of docs/explanation/light.md: `python -m benchmarks.light`."""

import argparse
import sys
import tempfile
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import clock_gettime, perf_counter, process_time, pthread_getcpuclockid

from benchmarks.light.detectors import Detector
from benchmarks.light.faults import FAULTS, HEALTHY, Bench
from safelight.devices.files.fits import fits_bytes
from safelight.light import Known, images_in, judge, measure, reference_of, sample_of

_SEEDS = (101, 202, 303)
_REAL = (4080, 4120)
_FILES = 9
_ROUNDS = 3


def rates(healthy: int, faulty: int) -> list[str]:
    """Return a row of the table for each case: how often it was called what, and by which rules."""
    benches = [Bench(Detector(seed)) for seed in _SEEDS]
    rows = [
        "| kind | what is wrong | images | good | suspect | bad | rules, and how often each spoke |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in (*HEALTHY, *FAULTS):
        qualities, rules, images = Counter[str](), Counter[str](), 0
        for bench in benches:
            count = healthy if case in HEALTHY else faulty
            said, spoken = bench.tally(case, count)
            qualities, rules, images = qualities + said, rules + spoken, images + count
        named = ", ".join(
            f"`{rule}` {count}" for rule, count in sorted(rules.items(), key=lambda pair: (-pair[1], pair[0]))
        )
        counted = " | ".join(str(qualities[quality]) for quality in ("good", "suspect", "bad"))
        rows.append(f"| {case.kind} | {case.name} | {images} | {counted} | {named} |")
    return rows


def costs() -> list[str]:
    """Return what nine files of real size cost, one after the other: time, and the peak of memory."""
    bench = Bench(Detector(_SEEDS[0], *_REAL), references=3)
    sections = bench.detector.overscan_sections
    lit = bench.taken("flat", 1)
    sample = sample_of(bench.measured(lit), Known(bench.bias), "flat")
    known = Known(bench.bias, reference_of([sample] * bench.references), lamps=("Quartz",))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.fits" for number in range(_FILES)]
        for file in files:
            file.write_bytes(fits_bytes(lit, []))

        def judge_all() -> None:
            for file in files:
                for image in images_in(file):
                    judge(measure(image.pixels, overscan=sections), "flat", known)

        began, began_cpu = perf_counter(), process_time()
        judge_all()
        took, took_cpu = perf_counter() - began, process_time() - began_cpu
        # The kernel's own work for others can't be told from the judge's: the quietest round counts.
        held_s = min(held(judge_all) for _ in range(_ROUNDS))
        # Tracing takes time, so that it has a round of its own.
        tracemalloc.start()
        judge_all()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    size = f"{_FILES} files of {_REAL[0]} x {_REAL[1]}"
    return [
        f"{size}, read and judged by every rule: {took:.1f} s, {took_cpu:.1f} s of them processor time.",
        f"Another thread, such as the event loop's, waits {1000 * held_s:.0f} ms for the interpreter at the most.",
        f"Memory at the peak: {peak / 1e6:.0f} MB.",
    ]


def held(work: Callable[[], None]) -> float:
    """Return for how long work in a thread keeps the interpreter from others at the most, s.

    Only waiting for the interpreter counts, and only processor time of the work: what other programs of the machine
    take is left out. It needs Linux.
    """
    begin, done, measured = threading.Event(), threading.Event(), threading.Event()

    def run() -> None:
        begin.wait()
        try:
            work()
        finally:
            done.set()
            measured.wait()  # the clock of a thread that has ended can't be read

    thread = threading.Thread(target=run)
    thread.start()
    clock = pthread_getcpuclockid(thread.ident or 0)
    begin.set()
    longest_s, before = 0.0, (clock_gettime(clock), perf_counter(), _scheduled_s())
    while not done.is_set():
        now = (clock_gettime(clock), perf_counter(), _scheduled_s())
        worked_s, passed_s, scheduled_s = (new - old for new, old in zip(now, before, strict=True))
        longest_s, before = max(longest_s, min(worked_s, passed_s - scheduled_s)), now
    measured.set()
    thread.join()
    return longest_s


def _scheduled_s() -> float:
    """Return for how long this thread has run or waited for a processor, s."""
    ran, waited, _ = Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()
    return (int(ran) + int(waited)) / 1e9


def main(words: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.light", description=__doc__)
    parser.add_argument("--healthy", type=int, default=40, help="healthy images of each kind and camera")
    parser.add_argument("--faulty", type=int, default=10, help="images of each fault and camera")
    parser.add_argument("--costs", action="store_true", help="only what nine files of real size cost")
    asked = parser.parse_args(words)
    table = [] if asked.costs else [*rates(asked.healthy, asked.faulty), ""]
    print("\n".join([*table, *costs()]))


if __name__ == "__main__":
    main(sys.argv[1:])
