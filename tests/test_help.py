"""Help is there at once, and names what there is."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diffusion_core.__main__ import app
from diffusion_core.cli import COMMANDS
from diffusion_core.denoiser import PREDICTION_TYPES, THRESHOLDS
from diffusion_core.samplers import SAMPLERS, VARIANCES
from diffusion_core.schedule import SCHEDULES, SPACINGS
from diffusion_core.training import PRECISIONS, WEIGHTINGS

ROOT = Path(__file__).parents[1]
NAMED = {
    "sample": (SAMPLERS, VARIANCES, SPACINGS, THRESHOLDS),
    "train": (PREDICTION_TYPES, WEIGHTINGS, SCHEDULES, PRECISIONS),
    "evaluate": (PRECISIONS,),
}


def test_help_imports_no_torch():
    code = (
        "import runpy, sys\nsys.argv = ['diffusion_core', '--help']\n"
        "try: runpy.run_module('diffusion_core', run_name='__main__')\n"
        "except SystemExit: print(sorted({'torch', 'numpy', 'gradio'} & {*sys.modules}))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("[]\n") and "sample" in done.stdout


@pytest.mark.parametrize("command", [command.__name__ for command in COMMANDS])
def test_the_help_of_a_command_names_what_there_is(command):
    done = CliRunner().invoke(app, [command, "--help"], terminal_width=200)
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert "{" not in words
    for names in NAMED.get(command, ()):
        assert " or ".join([", ".join(names[:-1]), names[-1]]) in words
