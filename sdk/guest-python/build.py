"""Makes a component of a project: `python build.py PROJECT COMPONENT`, with a Python that has what requirements.txt names."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    import tomli as tomllib

SDK = Path(__file__).resolve().parent
KINDS = ("transform", "source", "sink")
WANTS = ("clock", "random", "state", "egress")
# Which of the folders with modules the project is: in what is said of an error they are called by their numbers.
PROJECT_NUMBER = 1
ENTRY = """
import plugin
from catchwater_plugin.exports import exports_of
from componentize_py_types import Err
from wit_world.exports import lifecycle{source}
from wit_world.imports import {imports}, types

globals().update(exports_of(
    plugin, {about!r}, dict(types=types, lifecycle=lifecycle, Err=Err{world}), dict({host}),
))
"""


def build(project: Path, component: Path) -> None:
    about = read_manifest(project)
    with tempfile.TemporaryDirectory(prefix="catchwater-plugin-") as folder:
        made = Path(folder)
        (made / "catchwater_entry.py").write_text(entry(about))
        write_world(made / "wit", about)
        paths = [made, project, SDK, *(path for path in [project / "packages"] if path.exists())]
        command = ["componentize-py", "--quiet", "--wit-path", made / "wit", "--world", "built", "componentize", "catchwater_entry",
                   *(part for path in paths for part in ("--python-path", path)), "--stub-wasi", "--output", component]
        command[0] = Path(sys.executable).parent / command[0]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{project}: no component can be made of it: {reason(done.stdout)}")
    with open(component, "ab") as file:
        file.write(interface_section())


def reason(said: str) -> str:
    """The error in what the tool says, and where in the author's files it was raised; all of it where it is another's."""
    said = said.partition("\nStack backtrace:")[0]
    error = re.search(r"^Caused by:\n\s+(?!\d+: )(.+)$", said, re.MULTILINE)
    if not error:
        return f"\n{said.strip()}"
    places = re.findall(rf'File "/{PROJECT_NUMBER}/(.+?)", line (\d+)', said)
    return f"{error[1]} ({':'.join(places[-1])})" if places and ", line " not in error[1] else error[1]


def interface_section() -> bytes:
    """The interface's version, where the host looks for it before it compiles anything: a section of the component."""
    name, version = b"catchwater:interface", b"0.1.0"
    return bytes([0, 1 + len(name) + len(version), len(name)]) + name + version


def read_manifest(project: Path) -> dict:
    """What pyproject.toml says of the plugin."""
    try:
        manifest = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    except ValueError as error:
        sys.exit(f"{project}: pyproject.toml is no TOML: {error}")
    named, own = manifest.get("project", {}), manifest.get("tool", {}).get("catchwater", {})
    about = {"name": named.get("name"), "version": named.get("version", "0.0.0"), "summary": named.get("description", ""),
             "kind": own.get("kind", "transform"), "wants": own.get("wants", [])}
    if not about["name"] or not isinstance(about["name"], str):
        sys.exit(f"{project}: pyproject.toml has no project.name: the plugin is called so")
    if about["kind"] not in KINDS:
        sys.exit(f"{project}: pyproject.toml: tool.catchwater.kind is one of {', '.join(KINDS)}, and not {about['kind']}")
    if not isinstance(about["wants"], list):
        sys.exit(f"{project}: pyproject.toml: tool.catchwater.wants is a list such as [\"clock\"], and not {about['wants']!r}")
    if unknown := [want for want in about["wants"] if want not in WANTS]:
        sys.exit(f"{project}: pyproject.toml: tool.catchwater.wants names {unknown[0]}, and there are {', '.join(WANTS)}")
    if not (project / "plugin.py").exists():
        sys.exit(f"{project}: there is no plugin.py")
    return about


def entry(about: dict) -> str:
    """The module that the component is made of: the author's class, the host, and what joins them."""
    imports = ["host", *about["wants"]]
    is_source = about["kind"] == "source"
    return ENTRY.format(about=about, imports=", ".join(imports), host=", ".join(f"{name}={name}" for name in imports),
                        source=", source" if is_source else "", world=", source=source" if is_source else "")


def write_world(wit: Path, about: dict) -> None:
    """A world with what the plugin wants and nothing else, so that nothing is imported that it does not say."""
    package = wit / "deps" / "plugin"
    package.mkdir(parents=True)
    for file in (SDK.parent / "wit").glob("*.wit"):
        (package / file.name).write_bytes(file.read_bytes())
    imports = [f"import catchwater:plugin/{name}@0.1.0;" for name in ("host", *about["wants"])]
    exports = [f"export catchwater:plugin/{name}@0.1.0;" for name in ("lifecycle", about["kind"])]
    (wit / "world.wit").write_text(f"package catchwater:built;\nworld built {{ {' '.join(imports + exports)} }}\n")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
