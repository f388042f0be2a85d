"""Builds and runs the C++ tests, the fuzzer and the throughput table. Standard library only.

build.py [--sanitize address,undefined | thread] [--run]    C++ tests, mutations
build.py --fuzz [--seconds 60]                              libFuzzer on the decoder (needs clang++)
build.py --bench                                            GB/s of one core, level by level
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
BUILD = SOURCE.parent / "build"
CLANG_VERSIONS = range(25, 12, -1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sanitize", default="", help="sanitizers, e.g. address,undefined or thread")
    parser.add_argument("--run", action="store_true", help="run the tests after building them")
    parser.add_argument("--mutations", type=int, default=100_000, help="byte mutations of --run")
    parser.add_argument("--fuzz", action="store_true", help="build and run the fuzzer")
    parser.add_argument("--seconds", type=int, default=60, help="how long --fuzz runs")
    parser.add_argument("--bench", action="store_true", help="print the throughput table")
    options = parser.parse_args()
    if options.fuzz:
        return fuzz(options.seconds)
    folder = BUILD / f"tests-{options.sanitize.replace(',', '-') or 'plain'}"
    build(folder, options.sanitize, "FMPASS_TESTS")
    check_objects(folder, options.sanitize)
    if options.bench:
        return run([folder / "tests/fmpass_bench"])
    if options.run:
        return run([folder / "tests/fmpass_tests"]) or run([folder / "tests/fmpass_mutate", str(options.mutations)])
    return 0


def build(folder: Path, sanitize: str, what: str, compiler: str = "") -> None:
    """Configure and build `what` into `folder`; ends the program where that fails."""
    command = [tool("cmake"), "-S", SOURCE, "-B", folder, f"-D{what}=ON", f"-DFMPASS_SANITIZE={sanitize}"]
    command += ["-DCMAKE_BUILD_TYPE=RelWithDebInfo" if sanitize else "-DCMAKE_BUILD_TYPE=Release"]
    if not (folder / "CMakeCache.txt").exists():
        command += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
        command += [f"-DCMAKE_CXX_COMPILER={compiler}"] if compiler else []
    targets = ["fmpass_fuzz", "fmpass_mutate"] if what == "FMPASS_FUZZ" else ["all"]
    making = [tool("cmake"), "--build", folder, "--parallel", str(os.cpu_count() or 1), "--target", *targets]
    for step in (command, making):
        if code := run(step, quiet=True):
            sys.exit(code)


def fuzz(seconds: int) -> int:
    """Fuzz from the seeds and from what earlier runs found; a finding ends with its input on disk."""
    compiler = find_clang()
    if not compiler:
        message = "the fuzzer needs clang++ with libFuzzer; install it (Debian, Ubuntu: apt install clang) or set CXX"
        print(message, file=sys.stderr)
        return 6
    folder = BUILD / "fuzz"
    build(folder, "address,undefined,fuzzer-no-link", "FMPASS_FUZZ", compiler)
    seeds, corpus, findings = folder / "seeds", folder / "corpus", folder / "findings"
    for path in (seeds, corpus, findings):
        path.mkdir(exist_ok=True)
    if code := run([folder / "tests/fmpass_mutate", "--corpus", seeds]):
        return code
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]
    options += ["-print_final_stats=1", f"-artifact_prefix={findings}/"]
    code = run([folder / "tests/fmpass_fuzz", *options, corpus, seeds])
    print("no finding" if code == 0 else f"findings in {findings}")
    return 1 if code else 0


def find_clang() -> str:
    """The newest clang++, or "" where there is none."""
    names = [os.environ.get("CXX", ""), "clang++", *(f"clang++-{n}" for n in CLANG_VERSIONS)]
    return next((name for name in names if "clang" in name and shutil.which(name)), "")


def tool(name: str) -> str:
    """Path of cmake or ninja: on PATH, or their pip package, which is fetched into a virtual environment."""
    scripts = sysconfig.get_path("scripts")
    if found := shutil.which(name) or shutil.which(name, path=scripts):
        return found
    if sys.prefix != sys.base_prefix:
        run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name])
    if found := shutil.which(name, path=scripts):
        return found
    print(f"{name} is missing: python -m pip install {name}", file=sys.stderr)
    sys.exit(6)


def check_objects(folder: Path, sanitize: str) -> None:
    """No SIMD object may define a symbol that the linker could give to another level."""
    nm = shutil.which("nm")
    if not nm or sanitize:
        return
    for path in folder.glob("CMakeFiles/fmpass_core.dir/simd/*.o"):
        if path.name.startswith("level."):
            continue
        lines = subprocess.run([nm, "-C", path], capture_output=True, text=True, check=True).stdout.splitlines()
        shared = [line for line in lines if line[17:18] in "WVuT" or (line[17:18] in "RD" and "fm::k" not in line)]
        if shared:
            print(f"{path.name} shares symbols with other levels:", *shared, sep="\n  ", file=sys.stderr)
            sys.exit(1)


def run(command: list[object], quiet: bool = False) -> int:
    """Exit code of a command; with `quiet` its output is shown only where it fails."""
    words = [str(word) for word in command]
    if not quiet:
        return subprocess.run(words, check=False).returncode
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
