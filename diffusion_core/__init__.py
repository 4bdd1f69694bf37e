"""The mathematics and the model of diffusion; knows nothing of the page."""
