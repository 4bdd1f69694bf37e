"""The playground as a static page: files that any web server serves, and no program behind them.

Noise, Schedules and Denoise run in the visitor's browser by the same modules as on the page with a
server, and so do the lessons that need no more. What is computed in Python beforehand is written
beside them: graphs of the networks, tables of weights of the walks that can be chosen, curves of
the schedules. It stands above the tabs, whose tables of controls it reads;
`python -m diffusion_core export --page FOLDER` finds it by its name.
"""

from __future__ import annotations

from .write import write_page

__all__ = ["write_page"]
