"""Does a wheel hold exactly the files of the package? ``python .ci/check_wheel.py WHEEL PACKAGE``; status 1 if not."""

import sys
import zipfile
from pathlib import Path

wheel, package = sys.argv[1], Path(sys.argv[2])
with zipfile.ZipFile(wheel) as archive:
    names = {name for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info")}
files = {
    path.relative_to(package.parent).as_posix()
    for path in package.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
for missing in sorted(files - names):
    sys.stdout.write(f"missing in the wheel: {missing}\n")
for extra in sorted(names - files):
    sys.stdout.write(f"in the wheel only: {extra}\n")
sys.stdout.write(f"{len(names)} files in the wheel, {len(files)} in {package.name}\n")
sys.exit(names != files)
