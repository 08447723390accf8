"""The prober (docs/probe.md) against a server or a client, and what it says compared with expected/."""

import difflib
import shlex
import subprocess
from pathlib import Path

from programs import Failure

EXPECTED = Path(__file__).resolve().parent / "expected"
# Seconds; the first is enough where the machine is not busy. The clients give up by themselves after 4.
PATIENCE = ["1", "2"]


def probe_server(name, path):
    """An act for a check: the stage's server is probed."""
    return lambda stage: compare(name, stage, [stage.names["uri"], "--path", path])


def probe_client(name, command):
    """An act for a check: the command is run once a connection."""

    def act(stage):
        # The prober fills in what is its own.
        filled = [part.format(**stage.names, uri="{uri}", port="{port}") for part in command]
        compare(name, stage, ["--listen", "127.0.0.1:0", "--client", shlex.join(filled)])

    return act


def compare(name, stage, args):
    file = EXPECTED / f"{name}.txt"
    expected = file.read_text() if file.exists() else ""
    for timeout in PATIENCE[-1:] if stage.write else PATIENCE:
        said = run(stage, [*args, "--timeout", timeout, "--limit", "200"])
        if said == expected:
            return
    if stage.write:
        file.write_text(said)
        return
    changes = list(difflib.unified_diff(expected.splitlines(), said.splitlines(), "expected", "found", lineterm="", n=0))
    raise Failure("\n".join([f"{file.name} is not what is found; interop/run --write writes it", *changes[2:]]))


def run(stage, args):
    command = [str(stage.names["ours"] / "probe"), *args]
    done = subprocess.run(command, cwd=stage.names["root"], capture_output=True, text=True, timeout=240)
    if done.returncode not in (0, 1):
        raise Failure(f"the prober ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout
