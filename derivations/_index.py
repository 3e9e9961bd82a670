"""The index of all derivations: one row for each equation, as text and as the README of this folder."""

from collections.abc import Iterable, Iterator, Mapping

from ._framework import Chain, Result, Step

README_HEAD = """# Derivations

Every row is one equation: what it says, how far it is proved, and the function that does it.
`python -m derivations` runs all of them, prints this index with the times and fails if one fails;
`python -m derivations --tex derivations.tex` writes the whole argument as a LaTeX document;
`python -m derivations --readme` writes this file.

| status | means |
| --- | --- |
| proved | exact symbolic zeros, the last one after subtracting what `coulombgas.symbolic` states |
| numerically proved | 50-digit agreement at 20 random points, where SymPy cannot reach the zero |
| definition | introduces a quantity; consequences are checked where there are some |
| corrected | true only under an assumption that the paper leaves unsaid, which the row names |

ALP24 is arXiv:2407.16427, PFLA24 arXiv:2412.20496. "identified" tells how the content of a number is known where
it is not by that number alone.
"""


def rows(step: Step) -> Iterator[tuple[str, str]]:
    """(equation, remark) for each row of one step."""
    remarks = [f"{word} {text}" for word, text in (("Note:", step.note), ("Identified", step.identified)) if text]
    remark = (" " + ". ".join(r[0].upper() + r[1:] for r in remarks) + ".") if remarks else ""
    for label in step.labels:
        yield label, remark


def readme(chains: Mapping[str, Chain]) -> str:
    """The index as Markdown, without times."""
    parts = [README_HEAD]
    for name, chain in chains.items():
        parts.append(
            f"\n## {chain.title} (`{name}.py`)\n\n| equation | says | status | function |\n| --- | --- | --- | --- |\n"
        )
        for step in chain.steps:
            for label, remark in rows(step):
                says = _escape(step.says + remark)
                parts.append(f"| {label} | {says} | {step.status} | `{step.function.__name__}` |\n")
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
