"""Command-line options that all benches share."""

import argparse
from pathlib import Path

from harness.document import fill
from harness.process import RELEASE


def parser(description: str, document: str) -> argparse.ArgumentParser:
    """Returns a parser that knows `--binary`, and `--write`, which puts the bench's table into `document`."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--binary", type=Path, default=RELEASE, help="the program to measure; the release build by default")
    made.add_argument("--write", action="store_true", help=f"put the table into {document}")
    made.set_defaults(document=document)
    return made


def publish(chosen: argparse.Namespace, name: str, text: str) -> None:
    """Prints a table, and with `--write` puts it into the document under its name."""
    print(text)
    if chosen.write:
        fill(chosen.document, name, text)
