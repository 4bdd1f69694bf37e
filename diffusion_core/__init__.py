"""The mathematics and the model of diffusion; knows nothing of the page.

To learn how it works, read these ten files, in this order:

    schedule      how much noise at each timestep, and which timesteps a walk visits
    process       the Gaussian identities between x0, eps, v and x_t
    seeding       where all randomness comes from
    conditioning  the condition of a network, as numbers and as a vector
    unet          the network
    denoiser      a network, or a data set in closed form, as (x_t, t) -> eps_hat and x0_hat
    samplers      the walks from noise to image, step by step
    inversion     the walk from an image to its noise
    inpainting    a walk that fills a hole
    training      the loss and the loop

They import nothing else from here but the type of a data set. Beside them lie `files` (written
whole or not at all), `fields` (what a file may hold) and `device` (which one computes, and how
fast). What a user of the mathematics needs stands in packages: `data`, `checkpoint`, `generation`,
`training_runs`, `evaluation`, `inspection`, `engines`, `points`, `clouds`, `families`,
`guided_diffusion`, `glide`, `clip`, `unclip`, `imagen`, `publishing`, and `cli` for the command
line.
"""

__all__ = [
    "schedule",
    "process",
    "seeding",
    "conditioning",
    "unet",
    "denoiser",
    "samplers",
    "inversion",
    "inpainting",
    "training",
    "files",
    "fields",
    "device",
    "data",
    "checkpoint",
    "clip",
    "generation",
    "glide",
    "guided_diffusion",
    "training_runs",
    "evaluation",
    "inspection",
    "engines",
    "points",
    "clouds",
    "families",
    "unclip",
    "imagen",
    "publishing",
    "cli",
]
