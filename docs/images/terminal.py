"""Draw what a terminal shows as an SVG: `mlstack plan --color always | python3 docs/images/terminal.py 'mlstack plan' > plan.svg`."""

import re
import sys
from html import escape

COLORS = {"1;31": "#ff7b72", "2": "#8b949e", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "35": "#d2a8ff", "36": "#79c0ff"}
STYLE = "font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre"
CELL, LINE, EDGE = 8.4, 20, 16


def draw(line: str) -> str:
    """One line, with the colours of its escape sequences."""
    parts = re.split(r"\x1b\[([0-9;]*)m", line)
    spans = [escape(parts[0])]
    for code, text in zip(parts[1::2], parts[2::2]):
        color = COLORS.get(code)
        spans.append(f'<tspan fill="{color}">{escape(text)}</tspan>' if color else escape(text))
    return "".join(spans)


def main() -> None:
    """Read the output, write the picture."""
    lines = [f"$ {sys.argv[1]}", *sys.stdin.read().rstrip("\n").split("\n")]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width = round(max(map(len, plain)) * CELL + 2 * EDGE)
    height = len(lines) * LINE + 2 * EDGE
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">')
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/><g fill="#e6edf3" style="{STYLE}">')
    for number, line in enumerate(lines):
        print(f'<text xml:space="preserve" x="{EDGE}" y="{EDGE + LINE * number + 15}">{draw(line)}</text>')
    print("</g></svg>")


if __name__ == "__main__":
    main()
