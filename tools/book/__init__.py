"""The course as a web book: `python -m tools.book` builds it."""


def anchor(heading: str) -> str:
    """The address of a heading, as JupyterLab makes it and the course's links use it."""
    return heading.replace(" ", "-")
