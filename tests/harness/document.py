"""The tables in the documents that commands fill."""

from harness.process import REPOSITORY


def fill(file: str, name: str, text: str) -> None:
    """Replaces the text between the lines `<!-- NAME begin -->` and `<!-- NAME end -->` of a file of the repository."""
    path = REPOSITORY / file
    before, begin, rest = path.read_text().partition(f"<!-- {name} begin -->\n")
    _, end, after = rest.partition(f"<!-- {name} end -->")
    assert begin and end, f"{path} lacks the lines <!-- {name} begin --> and <!-- {name} end -->"
    path.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}")
