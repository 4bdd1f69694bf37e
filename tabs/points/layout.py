"""The Points tab: points of the plane, where density, field and every path can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ..shared.code_fold import CodeFold
from ..shared.components import QUIET, component, script, why
from ..shared.forms import Controls, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from .code import code
from .data_view import build_data
from .families_pictures_view import build_pictures
from .families_view import build_families
from .field_view import build_field
from .form import BESIDE, COUNTS, DATA, MODELS, PICTURE, SAMPLERS, WORD, PointsForm
from .learn_view import build_learn
from .paths_view import build_paths
from .points_page import PointsPage
from .space_view import build_space, build_space_controls
from .walk_view import build_walk

EVENTS = "points/clicks.js"
# The views, by the names that address and markup have for them.
VIEWS = {
    "data": build_data,
    "learn": build_learn,
    "walk": build_walk,
    "field": build_field,
    "paths": build_paths,
    "families": build_families,
    "pictures": build_pictures,
    "space": build_space,
}
# The controls that stand in the address, by its names for them: NAMED of points/clicks.js.
ADDRESSED = {
    "data": "data",
    "word": "word",
    "count": "count",
    "denoiser": "model",
    "sampler": "sampler",
    "beside": "beside",
    "steps": "steps",
    "particles": "particles",
    "seed": "seed",
}
MENUS: dict[str, Any] = {
    "data": DATA,
    "denoiser": MODELS,
    "sampler": SAMPLERS,
    "beside": BESIDE,
}
WHY = r"""
Points are data like pictures, with two numbers each instead of 784, and the mathematics is the
same. The forward process mixes a point with noise:

$$x_t = \alpha_t\,x_0 + \sigma_t\,\epsilon$$

(Ho et al. 2020, eq. 4, with $\alpha_t = \sqrt{\bar\alpha_t}$, $\sigma_t = \sqrt{1 - \bar\alpha_t}$)

If the data are $N$ points and nothing else, the density of $x_t$ is a Gaussian at each of them, and
its score is known in closed form:

$$p_t(x) = \frac1N \sum_i \mathcal N(x;\, \alpha_t x_i,\, \sigma_t^2 I)$$

$$\nabla \log p_t(x) = -\frac{\epsilon^*(x, t)}{\sigma_t}$$

$$\epsilon^*(x, t) = \frac{x - \alpha_t \sum_i w_i x_i}{\sigma_t}$$

with $w_i$ the softmax of $-\lVert x - \alpha_t x_i\rVert^2 / 2\sigma_t^2$ (Karras et al. 2022,
appendix B.3). This field minimises the training loss, and a walk along it ends on the points
themselves: it has memorised. A network that cannot hold every point draws something smoother, which
may be nearer to where the points came from: it generalises. The view *Field* shows both.

A walk without fresh noise follows an ordinary differential equation, so that paths cannot cross at
one time, and it can be walked back (DDIM inversion; Song, Meng and Ermon 2021, section 4.3). With
fresh noise it follows a stochastic one with the same densities (Song et al. 2021).

Flow matching learns the velocity of a straight path,

$$x_t = (1 - t)\,x_0 + t\,\epsilon, \qquad \frac{dx_t}{dt} = \epsilon - x_0$$

(Lipman et al. 2023; Liu et al. 2023). The path of each pair is straight and of even speed; those of
the learnt field, which is their mean, bend where pairs cross. The view *Paths* measures how long
they are, and what few steps cost.

**The families.** All of them turn noise $z$ into data, and differ in what they are trained by.

A GAN's generator $G$ is to fool a discriminator $D$ that learns beside it (Goodfellow et al. 2014;
here with the non-saturating loss of its section 3):

$$L_D = -\mathrm E \log D(x) - \mathrm E \log(1 - D(G(z))), \qquad L_G = -\mathrm E \log D(G(z))$$

Nothing in it asks for all of the data: a generator that fools with few modes has done its part. A
VAE's encoder $q(z|x)$ and decoder $p(x|z)$ bound the likelihood from below (Kingma and Welling
2014, eq. 3):

$$\log p(x) \ge \mathrm E_{q(z|x)} \log p(x|z) - \mathrm{KL}\big(q(z|x)\,\Vert\,p(z)\big)$$

All data must be decoded from somewhere, so that none is left out, but what shares a place in the
latent is averaged: that is the blur. And where the encoder leads no data, the decoder has learnt
nothing, though $z$ may be drawn there. A normalizing flow $f$ can be run backwards, and has the
likelihood itself (Dinh et al. 2017, eq. 2):

$$\log p(x) = \log p_z(f(x)) + \log\left|\det \frac{\partial f}{\partial x}\right|$$

Its latent has as many numbers as the data, and it can bend the space but not tear it. Latent
diffusion (Rombach et al. 2022) learns where in a VAE's latent the data lie, by the same loss as on
points, and draws from there: its steps are cheap, and what the decoder cannot draw is lost.

*Precision* is the share of samples that lie among the data, *recall* that of data among samples.
To lie among them is to be nearer to one of them than its third neighbour is (Kynkäänniemi et al.
2019).

How near samples are to data is said by the energy distance,

$$2\,\mathrm E\lVert X - Y\rVert - \mathrm E\lVert X - X'\rVert - \mathrm E\lVert Y - Y'\rVert$$

(Székely and Rizzo 2013), over its size for data against data.

*Try:* learn from 20 points, then from 2,000, and look at the field at a small timestep. Which
network has more of the exact field? Which one guesses better on new points? Then walk with 5 steps
by ddim and by dpmpp_2m.
"""


def address_updates(query: Mapping[str, str]) -> dict[str, Any]:
    """Updates of the controls, by name, for the parameters of an address; nonsense is left out.

    Args:
        query: The address's parameters; those of the tab are read where it names this tab.
    """
    if query.get("tab") != "points":
        return {}
    updates: dict[str, Any] = {}
    for name, field in ADDRESSED.items():
        value = query.get(name, "")
        if name in MENUS:
            if value in MENUS[name]:
                updates[field] = value
        elif name == "word":
            if value:
                updates[field] = value[:60]
        elif value.isdecimal() and len(value) < 30:
            if name == "seed":
                updates[field] = value
            elif name != "count" or int(value) in COUNTS:
                updates[field] = min(int(value), 10**6)
    return updates


def from_address(request: gr.Request) -> dict[str, Any]:
    """Updates of the controls whose values stand in the page's address."""
    return address_updates(dict(request.query_params))


def shown_inputs(data: str) -> dict[str, Any]:
    """Updates of the inputs that only some data need."""
    return {
        "worded": gr.Group(visible=data == WORD),
        "pictured": gr.Group(visible=data == PICTURE),
    }


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page; this tab gives and takes nothing.
    """
    controls = Controls(PointsForm)
    points = PointsPage(page, controls)
    gr.Markdown(
        "Diffusion where all of it can be seen: every point is one picture of two numbers. Choose "
        "data, let noise take them apart, and press Train.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("data", elem_id="points-data-menu")
            with gr.Group(visible=False) as worded:
                controls.place("word")
            with gr.Group(visible=False) as pictured:
                controls.place("picture")
            controls.add("worded", worded)
            controls.add("pictured", pictured)
            controls.place("drawn")
            controls.place("count", elem_id="points-count")
            with gr.Row(elem_classes=["go"], elem_id="points-train-row"):
                controls.add("train", gr.Button("Train", variant="primary", elem_id="points-train"))
                controls.add("stop", gr.Button("Stop", elem_id="points-stop", min_width=76))
            controls.add("told", gr.HTML(elem_classes=["told"], elem_id="points-told"))
            with gr.Column(elem_id="points-walk-controls"):
                controls.place("model", elem_id="points-model")
                controls.place("sampler")
                controls.place("beside")
                controls.place("steps", elem_id="points-steps")
                controls.place("particles")
                with gr.Row():
                    controls.place("seed")
                    another = gr.Button(
                        "New noise", min_width=80, elem_classes=["beside"], elem_id="points-die"
                    )
            with gr.Column(elem_id="points-space-controls"):
                build_space_controls(points)
        with gr.Column(scale=5, elem_classes=["stage"]):
            chooser = component("points_views", "{}", "points-views", looks_like="views")
            view = controls.add("view", gr.Textbox(visible=False))
            points.seen.extend(
                event(None, None, view, js=script(EVENTS, "seenView"), api_visibility="private")
                for event in (page.select, chooser.input)
            )
            points.after.extend(points.seen)
            for name, build_view in VIEWS.items():
                with gr.Column(elem_id=f"points-view-{name}", elem_classes=["stage-view"]):
                    build_view(points)
        with gr.Column(scale=5, elem_classes=["folds"]):
            fold = CodeFold("The walk in Python", "points-code")
            why(WHY)
    points.wire()
    controls["data"].change(
        **wired(shown_inputs, [controls["data"]], controls.named("worded", "pictured")), **QUIET
    )
    fold.follow(code, controls)
    another.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    gr.on(
        [controls[name].change for name in ADDRESSED.values()],
        None,
        [controls[name] for name in ADDRESSED.values()],
        js=script(EVENTS, "writeState"),
        api_visibility="private",
    )
    page.on_address(**wired(from_address, outputs=controls.named(*ADDRESSED.values())))
