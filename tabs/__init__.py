"""The page: a folder for each tab, and what several tabs share."""

__all__ = ["api", "denoise", "launch_options", "noise", "schedules", "shared", "train"]
