"""The index of all derivations: one row for each equation, as text and as the README of this folder."""

from collections.abc import Iterable, Iterator, Mapping

from ._framework import STATUSES, Chain, Result, Step

README_HEAD = """# Derivations

Every row is one equation: its statement, its status, the functions of `coulombgas.symbolic` that the derivation
calls, and the function that proves it. `python -m derivations` runs all of them, prints this index with the times and
fails if one of them fails; `python -m derivations --tex derivations.tex` writes the whole argument as a LaTeX document;
`python -m derivations --readme` writes this file.

<!-- rows -->
"""
README_PAPERS = """
ALP24 is arXiv:2407.16427, PFLA24 arXiv:2412.20496, AHLP24 arXiv:2411.13512. The texts of the papers were not available
when the derivations were written, only the contents of each number or range of numbers. If a row is identified as one
of a range, the content of the range is known, but not which number belongs to which formula. Rows of PFLA24 and AHLP24
have no numbers for the same reason.
"""


def rows(step: Step) -> Iterator[tuple[str, str]]:
    """(equation, remark) for each row of one step."""
    numerical = f"To {step.digits} digits at {step.points} point{'s' * (step.points > 1)}" if step.digits else ""
    remarks = [
        f"{word}{text}"
        for word, text in (("Note: ", step.note), ("Identified ", step.identified), ("", numerical))
        if text
    ]
    remark = (" " + ". ".join(r[0].upper() + r[1:] for r in remarks) + ".") if remarks else ""
    for label in step.labels:
        yield label, remark


def statuses(chains: Mapping[str, Chain]) -> str:
    """The table of statuses, with the number of derivations for each, as Markdown."""
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    for chain in chains.values():
        for step in chain.steps:
            counts[step.status] += 1
    lines = ["| status | means | derivations |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {name} | {means} | {counts[name]} |" for name, means in STATUSES.items())]) + "\n"


def readme(chains: Mapping[str, Chain]) -> str:
    """The index as Markdown, without times."""
    parts = [README_HEAD, "\n", statuses(chains), README_PAPERS]
    for name, chain in chains.items():
        parts.append(
            f"\n## {chain.title} (`{name}.py`)\n\n"
            "| equation | says | status | of the library | function |\n| --- | --- | --- | --- | --- |\n"
        )
        for step in chain.steps:
            used = ", ".join(f"`{item}`" for item in step.library)
            for label, remark in rows(step):
                says = _escape(step.says + remark)
                parts.append(f"| {label} | {says} | {step.status} | {used} | `{step.function.__name__}` |\n")
    return "".join(parts)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def numbered(chains: Mapping[str, Chain], paper: str) -> dict[int, list[Step]]:
    """The steps that belong to each equation number of one paper."""
    found: dict[int, list[Step]] = {}
    for chain in chains.values():
        for step in chain.steps:
            if step.paper == paper:
                for number in step.equations:
                    found.setdefault(int(number), []).append(step)
    return dict(sorted(found.items()))


def summary(results: Iterable[Result]) -> tuple[int, int, dict[str, int]]:
    """Numbers of steps, of failures, and of steps with each status."""
    results = list(results)
    counts: dict[str, int] = {}
    for result in results:
        counts[result.step.status] = counts.get(result.step.status, 0) + 1
    return len(results), sum(bool(r.failure) for r in results), counts
