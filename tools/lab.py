"""How JupyterLab behaves here: it asks no questions, and to open a notebook does not change its file: python -m tools.lab

Writes two files into the environment that runs this. Without them JupyterLab asks about news on its first page, and its
autosave puts the reader's version of Python into every notebook that was opened.
"""
import json
import sys
from pathlib import Path

from tools.notebooks import VERSION, write

QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
CONFIG = f'''# Made by tools/lab.py. A notebook is saved with the version of Python that made its outputs.
import warnings


def keep_version(model, **others):
    told = (model.get("content") or {{}}).get("metadata", {{}}).get("language_info", {{}})
    if model["type"] == "notebook" and "version" in told:
        told["version"] = {VERSION!r}


warnings.filterwarnings("ignore", "Overriding existing pre_save_hook")        # JupyterLab reads this file twice
c.FileContentsManager.pre_save_hook = keep_version
'''


def settle(environment: Path) -> None:
    """Write the settings into an environment, such as .venv."""
    write(environment / "share" / "jupyter" / "lab" / "settings" / "overrides.json", json.dumps(QUIET))
    write(environment / "etc" / "jupyter" / "jupyter_server_config.py", CONFIG)


if __name__ == "__main__":
    settle(Path(sys.prefix))
