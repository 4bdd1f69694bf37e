"""Where a wheel holds what lies beside the packages: the shipped models, app.py, the glossary.

All else about the package stands in pyproject.toml. A wheel must not put folders with names as
common as `pretrained`, or a module `app`, beside the packages of others.
"""

from pathlib import Path

from setuptools import find_packages, setup

MODELS = "diffusion_core.pretrained"
DOCS = "tabs.docs"  # of them the page shows the glossary
HERE = Path(__file__).parent
SHIPPED = HERE / "pretrained"
# Each model's folder, and the folder of several models that belong together.
FOLDERS = {
    folder.relative_to(SHIPPED).as_posix()
    for file in SHIPPED.glob("**/config.json")
    for folder in (file.parent, file.parent.parent)
    if folder != SHIPPED
}

setup(
    packages=[
        *find_packages(include=["diffusion_core*", "tabs*", "playground_page*"]),
        MODELS,
        DOCS,
    ],
    py_modules=["diffusion_playground.app"],
    package_dir={MODELS: "pretrained", DOCS: "docs", "diffusion_playground": "."},
    package_data={
        MODELS: [f"{folder}/*" for folder in sorted(FOLDERS)],
        "diffusion_core.data": ["embedded/*"],
        DOCS: ["glossary.md"],
        "tabs": ["static/**/*", "lessons/shipped/*.yaml"],
    },
    include_package_data=False,
)
