"""Style and spelling, as pyproject.toml sets them; links out of the course; what says under which licence it all is."""
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.test_notebooks import TEXTS, none
from tools.notebooks import ROOT

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


@pytest.mark.parametrize("tool, faults", [
    (RUFF, {"a.py": ("import os\n", "F401"), "b.py": ("a = b\n", "F821"), "c.py": (f"a = '{'b' * 130}'\n", "E501"),
            "d.ipynb": ("import os", "F401")}),
    (CODESPELL, {"a.py": ("# on teh left\n", "the"), "b.md": ("A digit is recieved.\n", "received"),      # codespell:ignore
                 "c.ipynb": ("# on teh left", "the")})], ids=["ruff", "codespell"])                        # codespell:ignore
def test_the_tool_has_no_complaint_but_finds_what_it_should(tmp_path, tool, faults):
    said = said_by(tool, ROOT)
    assert not said, f"\n{said}"
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, (text, _) in faults.items():
        if name.endswith(".ipynb"):
            text = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)]))
        (tmp_path / name).write_text(text, encoding="utf-8")
    said = said_by(tool, tmp_path)
    none(f"{tool[0]} finds no fault in {name}" for name, (_, complaint) in faults.items()
         if not re.search(rf"\b{re.escape(name)}\b.*\b{complaint}\b", said))


# ---------------------------------------------------------------- links and licences

def external(text: str) -> list[str]:
    """The addresses in a Markdown text that lead out of the course; what stands in code is no link."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return re.findall(r"\b[a-z]+://[^\s)\"'<>]+", text)


def test_links_out_of_the_course_go_to_known_sites():
    links = [(path, link) for path, text in TEXTS.items() for link in external(text)]
    assert len(links) > 5 and external("[a](https://x.org/b) `http://no.org` <http://y.org>\n```\nftp://no.org\n```") == [
        "https://x.org/b", "http://y.org"], "what stands in code is no link"
    none(f"{path.name}: {link} leads to a site that is not in SITES" for path, link in links
         if "/".join(link.split("/")[:3]) not in SITES)


def test_readers_find_the_licence_of_code_text_and_digits():
    readme, data = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "data/README.md"))
    licences = " ".join(readme.partition("\nLicences:")[2].split())
    assert f"code {CODE}" in licences and f"text and pictures {TEXT}" in licences and f"]({DIGITS})" in licences
    assert f"]({DIGITS})" in data and "Yann LeCun, Corinna Cortes and Christopher J. C. Burges" in data
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
