"""Style and spelling, as pyproject.toml sets them; links out of the course; what says under which licence it all is."""
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.test_notebooks import none
from tools.notebooks import ROOT, notebooks

RUFF = ["ruff", "check", "--no-cache", "--output-format", "concise"]
CODESPELL = ["codespell_lib"]

# Where the course sends a reader: by https, but for the old home of MNIST, whose address stands as it was given out.
SITES = {"http://yann.lecun.com", "https://arxiv.org", "https://colab.research.google.com", "https://creativecommons.org",
         "https://github.com", "https://pytorch.org", "https://rasbt.github.io"}
CODE, TEXT = "[Apache-2.0](LICENSE)", "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)"
DIGITS = "https://creativecommons.org/licenses/by-sa/3.0/"


def said_by(tool: list[str], folder) -> str:
    """What a tool complains about in a folder; nothing if it is content."""
    done = subprocess.run([sys.executable, "-m", *tool, "."], cwd=folder, capture_output=True, text=True, encoding="utf-8")
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("tool", [RUFF, CODESPELL], ids=lambda tool: tool[0])
def test_the_tool_has_no_complaint(tool):
    said = said_by(tool, ROOT)
    assert not said, f"\n{said}"


@pytest.mark.parametrize("name, text, tool, complaint", [
    ("utils.py", "import os\n", RUFF, "F401"), ("utils.py", "a = b\n", RUFF, "F821"),
    ("utils.py", f"a = '{'b' * 130}'\n", RUFF, "E501"), ("notebooks/01_a.ipynb", "import os", RUFF, "F401"),
    ("utils.py", "# on teh left\n", CODESPELL, "the"),                        # codespell:ignore
    ("README.md", "A digit is recieved.\n", CODESPELL, "received"),           # codespell:ignore
    ("notebooks/01_a.ipynb", "# on teh left", CODESPELL, "the"),              # codespell:ignore
])
def test_the_tools_find_what_they_should(tmp_path, name, text, tool, complaint):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert said_by(tool, tmp_path) == ""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)])
    path.write_text(nbformat.writes(book) if path.suffix == ".ipynb" else text, encoding="utf-8")
    assert complaint in said_by(tool, tmp_path)


# ---------------------------------------------------------------- links and licences

def external(text: str) -> list[str]:
    """The addresses in a Markdown text that lead out of the course; what stands in code is no link."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return re.findall(r"\b[a-z]+://[^\s)\"'<>]+", text)


def test_links_out_of_the_course_go_to_known_sites():
    pages = {path.name: "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells
                                    if cell.cell_type == "markdown") for path in notebooks()}
    pages |= {name: (ROOT / name).read_text(encoding="utf-8")
              for name in ("README.md", "tools/book/teaching.md", "tools/book/evidence.md", ".github/CONTRIBUTING.md",
                           "data/README.md")}
    links = [(name, link) for name, text in pages.items() for link in external(text)]
    assert len(links) > 5
    none(f"{name}: {link} leads to a site that is not in SITES" for name, link in links
         if "/".join(link.split("/")[:3]) not in SITES)


def test_external_links_are_told_from_code():
    text = "[a](https://x.org/b) `http://no.org` and <http://y.org> [in](02_b.ipynb#c)\n```\nftp://no.org\n```"
    assert external(text) == ["https://x.org/b", "http://y.org"]


def test_readers_find_the_licence_of_code_text_and_digits():
    readme, data = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "data/README.md"))
    licences = " ".join(readme.partition("\nLicences:")[2].split())
    assert f"code {CODE}" in licences and f"text and pictures {TEXT}" in licences and f"]({DIGITS})" in licences
    assert f"]({DIGITS})" in data and "Yann LeCun, Corinna Cortes and Christopher J. C. Burges" in data
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
