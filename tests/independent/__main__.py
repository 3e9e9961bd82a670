"""``python -m tests.independent [replicas]``: measured widths over their leading formulas, a few minutes."""

import sys

from .cases import CASES


def main(replicas: int) -> None:
    print(f"{replicas} replicas, 20 records each; s2/leading +- standard error")
    print(f"{'case':46s} {'modes':>9s} {'mean level':>10s} {'ratio':>8s} {'error':>7s}")
    for seed, case in enumerate(CASES, start=1):
        for group, (ratio, error, mean) in zip(case.groups, case.ratios(replicas=replicas, seed=seed), strict=True):
            modes = ",".join(map(str, group))
            print(f"{case.name:46s} {modes:>9s} {mean:10.4f} {ratio:8.4f} {error:7.4f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
