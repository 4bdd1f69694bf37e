"""Where a wheel holds what lies beside the packages here: the shipped models, and app.py.

All else about the package stands in pyproject.toml. A wheel must not put folders with names as
common as `pretrained`, or a module `app`, beside the packages of others.
"""

from pathlib import Path

from setuptools import find_packages, setup

MODELS = "diffusion_core.pretrained"
HERE = Path(__file__).parent

setup(
    packages=[*find_packages(include=["diffusion_core*", "tabs*"]), MODELS],
    py_modules=["diffusion_playground.app"],
    package_dir={MODELS: "pretrained", "diffusion_playground": "."},
    package_data={
        MODELS: [f"{file.parent.name}/*" for file in HERE.glob("pretrained/*/config.json")],
        "diffusion_core.data": ["embedded/*"],
        "tabs": ["static/**/*"],
    },
    include_package_data=False,
)
