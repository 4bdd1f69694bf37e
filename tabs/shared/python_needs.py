"""What the Python that the page shows needs, as its first lines say it."""

NEEDS = "# Needs the playground's packages: pip install PATH_OF_ITS_FOLDER, or run this in it."
NEEDS_PICTURE = "# Needs picture.png, a picture of your own, in the folder where this runs."
