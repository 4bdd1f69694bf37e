"""The page: one file a tab, and what several tabs share."""
