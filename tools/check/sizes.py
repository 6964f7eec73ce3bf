#!/usr/bin/env python3
"""Prints how long our files and functions are, by folder. A rough reading of the text, for people: it fails nothing."""

import re
import statistics
import subprocess
from collections import defaultdict
from pathlib import PurePath

LONG_FILE, LONG_FUNCTION = 400, 60


def functions(lines):
    """(name, lines) of what looks like a function: from its line up to a closing brace in the same column."""
    for start, line in enumerate(lines):
        match = re.match(r"^( *)(?!if|for|while|switch|namespace|struct|class|enum|else|do\b)[\w:<>,&*~ \[\]]+?(\w+)\(.*\{$", line)
        if not match:
            continue
        end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith(match.group(1) + "}")), start)
        yield match.group(2), end - start + 1


def main():
    files = subprocess.run(["git", "ls-files", "*.h", "*.cpp", "*.cuh", "*.cu", "*.py", "*.sh"], capture_output=True,
                           text=True, check=True).stdout.split()
    sizes, long_ones = defaultdict(list), []
    for path in files:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        sizes[PurePath(path).parts[0]].append(len(lines))
        if len(lines) > LONG_FILE:
            long_ones.append(f"  {path}: {len(lines)} lines")
        long_ones += [f"  {path}: {name}() has {count} lines" for name, count in functions(lines)
                      if count > LONG_FUNCTION and path.endswith((".cpp", ".h"))]
    print(f"{'folder':<12}{'files':>7}{'lines':>8}{'median':>8}{'longest':>9}")
    for folder, counts in sorted(sizes.items()):
        print(f"{folder:<12}{len(counts):>7}{sum(counts):>8}{statistics.median(counts):>8.0f}{max(counts):>9}")
    everything = [count for counts in sizes.values() for count in counts]
    print(f"{'all':<12}{len(everything):>7}{sum(everything):>8}{statistics.median(everything):>8.0f}{max(everything):>9}")
    print(f"files over {LONG_FILE} or functions over {LONG_FUNCTION} lines:", *(long_ones or ["  none"]), sep="\n")


main()
