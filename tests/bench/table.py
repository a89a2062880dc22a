"""Tables in Markdown: they go into notes as they are."""


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """The first column is text, the others are figures."""
    everything = [headings, *rows]
    widths = [max(len(row[column]) for row in everything) for column in range(len(headings))]
    lines = ["| " + " | ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))) + " |"
             for row in everything]
    lines.insert(1, "|" + "|".join("-" * (width + 1) + ("-" if column == 0 else ":") for column, width in enumerate(widths)) + "|")
    return "\n".join(lines)
