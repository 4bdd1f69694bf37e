"""The page: a folder for each tab, and what several tabs share."""

from .importing_gradio import spare_type_stubs

spare_type_stubs()
