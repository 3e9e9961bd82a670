"""Run the derivations and print their index: ``python -m derivations [CHAIN …] [--tex FILE] [--readme]``."""

import argparse
import sys
import time
from os import cpu_count
from pathlib import Path

from ._framework import Chain, Result, chains
from ._index import readme, rows, summary
from ._run import run

README = Path(__file__).parent / "README.md"


def main(argv: list[str] | None = None) -> int:
    """Exit status 0 if every derivation holds, 1 if one fails, 2 for bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m derivations", description="Run and list the derivations.")
    parser.add_argument("chain", nargs="*", help="names of chains, such as wigner_surmise; all if none is given")
    parser.add_argument("--tex", metavar="FILE", type=Path, help="write the whole argument as a LaTeX document")
    parser.add_argument("--readme", action="store_true", help="write README.md of this folder; runs nothing")
    parser.add_argument("--jobs", type=int, default=min(4, cpu_count() or 1), help="processes (default: %(default)s)")
    options = parser.parse_args(argv)
    found = chains()
    unknown = [name for name in options.chain if name not in found]
    if unknown:
        parser.error(f"unknown chain {unknown[0]!r}; there are {', '.join(found)}")
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {options.jobs}")
    if options.readme:
        README.write_text(readme(found), encoding="utf-8")
        print(f"wrote {README}")
        return 0
    selected = {name: chain for name, chain in found.items() if not options.chain or name in options.chain}
    start = time.perf_counter()
    results = run(selected, options.jobs)
    report(selected, results)
    if options.tex:
        write_tex(options.tex, selected, results)
    num, failed, counts = summary(r for chain in results.values() for r in chain)
    listed = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"\n{num} derivations ({listed}), {failed} failed, {time.perf_counter() - start:.1f} s")
    return 1 if failed else 0


def report(selected: dict[str, Chain], results: dict[str, list[Result]]) -> None:
    """Print the index with times."""
    for name, chain in selected.items():
        seconds = sum(result.seconds for result in results[name])
        print(f"\n{chain.title}  [{name}, {seconds:.1f} s]")
        for result in results[name]:
            status = "FAILED" if result.failure else result.step.status
            for label, remark in rows(result.step):
                print(f"  {label:13} {status:19} {result.seconds:6.2f} s  {result.step.says}{remark}")
            if result.failure:
                print(f"    {result.step.name}: {result.failure}")


def write_tex(path: Path, selected: dict[str, Chain], results: dict[str, list[Result]]) -> None:
    """Write the LaTeX document; the folder must exist."""
    from ._tex import document

    if not path.parent.is_dir():
        raise SystemExit(f"python -m derivations: error: --tex: there is no folder {path.parent}")
    path.write_text(document(selected, results), encoding="utf-8")
    print(f"\nwrote {path}")


if __name__ == "__main__":
    sys.exit(main())
