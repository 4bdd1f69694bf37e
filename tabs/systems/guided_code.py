"""The lines of Python that make the walk which the view "Guided diffusion" shows."""

from __future__ import annotations

from pathlib import Path

from diffusion_core.seeding import parse_seed

from ..shared.forms import parsed
from ..shared.python_needs import NEEDS
from .form import BY_BOTH, GuidedForm
from .guided_walk import CLASSIFIER


def code(form: GuidedForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: GuidedForm) -> str:
    """Python that computes `image`, uint8 (H, W, C), where the guided walk ends.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    steps, scale, seed = parsed(form, "steps"), parsed(form, "scale"), parse_seed(form.seed)
    algorithm = 1 if form.sampler == "ddpm" else 2
    name = Path(form.model).name if Path(form.model).is_absolute() else form.model
    folder = f'shipped_folder() / "{name}"' if Path(form.model).is_absolute() else repr(form.model)
    denoiser, share = "model.denoiser()", scale
    if form.guide == BY_BOTH:
        denoiser, share = f"model.denoiser({form.label!r}, {scale / 2:g})", scale / 2
    return "\n".join(
        [
            NEEDS,
            "import torch",
            "",
            "from diffusion_core.checkpoint import load_checkpoint, shipped_folder",
            "from diffusion_core.data import to_uint8",
            "from diffusion_core.denoiser import ClassifierGuidance",
            "from diffusion_core.guided_diffusion import load_classifier",
            "from diffusion_core.samplers import draw_noise, sample",
            "",
            f"model = load_checkpoint({folder})",
            f'classifier = load_classifier(shipped_folder() / "{CLASSIFIER}")',
            f"y = classifier.label({form.label!r})",
            f"plain = {denoiser}  # eps_hat(x_t)",
            f"guided = ClassifierGuidance(plain, classifier.network, y, {share:g}, "
            f"algorithm={algorithm})",
            f"generator = torch.Generator().manual_seed({seed})",
            "x_T = draw_noise((1, *model.image_shape), [generator])",
            f'walk = sample(guided, x_T, sampler="{form.sampler}", num_steps={steps},',
            "              clip_x0=model.config.clip_x0, generator=[generator])",
            "for step in walk:",
            "    look = guided.look(step.x_t, step.t)  # the gradient, and log p of all classes",
            "    print(step.t, float(look.log_probs[0, y].exp()))",
            "image = to_uint8(step.x_prev)[0]",
        ]
    )
