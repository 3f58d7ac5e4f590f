"""The code in the documents: fenced blocks, indented blocks, and the `curl` commands in running text."""

import re
import textwrap
from dataclasses import dataclass

from harness.process import REPOSITORY


@dataclass(frozen=True)
class Block:
    """One block, or one command of a line of text."""

    document: str
    line: int
    # The language of a fenced block; "" for an indented one, "curl" for a command in running text.
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(document: str) -> list[Block]:
    """Returns the fenced and the indented blocks of a document, in its order."""
    found = []
    lines = (REPOSITORY / document).read_text().splitlines()
    index = 0
    # How far the text of the list item is indented that the line belongs to; 0 outside of lists.
    margin = 0
    while index < len(lines):
        line = lines[index]
        fence = re.match(r" *(```+)(\w*)", line)
        item = re.match(r" *(?:[-*]|\d+\.) +", line)
        indent = len(line) - len(line.lstrip())
        if fence:
            end = next(at for at in range(index + 1, len(lines)) if lines[at].strip() == fence[1])
            found.append(block(document, index + 1, fence[2], lines[index + 1:end]))
            index = end + 1
        elif line.strip() and indent >= margin + 4:
            end = next((at for at in range(index, len(lines)) if not is_within(lines, at, margin + 4)), len(lines))
            found.append(block(document, index, "", lines[index:end]))
            index = end
        else:
            if item and indent <= margin + 3:
                margin = item.end()
            elif line.strip() and indent < margin:
                margin = indent if indent == 0 else margin
            index += 1
    return found


def is_within(lines: list[str], at: int, indent: int) -> bool:
    """Whether a line belongs to an indented block: empty lines do when an indented line follows."""
    if not lines[at].strip():
        return any(line.strip() for line in lines[at:at + 2]) and lines[at + 1].startswith(" " * indent)
    return lines[at].startswith(" " * indent)


def block(document: str, before: int, language: str, lines: list[str]) -> Block:
    return Block(document, before + 1, language, textwrap.dedent("\n".join(lines)).rstrip() + "\n")


def inline_commands(document: str) -> list[Block]:
    """Returns the `curl` commands that stand between backticks in running text."""
    text = (REPOSITORY / document).read_text().splitlines()
    return [Block(document, number, "curl", command)
            for number, line in enumerate(text, 1) for command in re.findall(r"`(curl [^`]+)`", line)]
