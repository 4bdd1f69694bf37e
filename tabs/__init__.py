"""The page: a folder for each tab, and what several tabs share."""
