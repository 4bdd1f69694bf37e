"""The Denoise tab: the reverse process, live."""

from __future__ import annotations

import os
from collections.abc import Iterator

import gradio as gr
from gradio.context import LocalContext

from diffusion_core.schedule import SPACINGS
from diffusion_core.trajectory import MAX_SEED, Walk

from . import models
from .components import why
from .player import Run, failure, player
from .walks import NO_CLASS, Start, Stops, frames, head, settings_of

IMAGE_COUNTS = (1, 4, 16)
CONCURRENT_WALKS = 4
OWN_MODELS = not os.environ.get("SPACE_ID")  # on a Space no visitor names paths or Hub ids
OPENING = Walk(num_images=4, num_steps=25, seed=7)
SAMPLER_CHOICES = [
    ("ddim (few steps do)", "ddim"),
    ("ddpm (wants many steps)", "ddpm"),
    ("heun (two looks a step)", "heun"),
    ("dpmpp_2m (few steps do)", "dpmpp_2m"),
]
WHY = r"""
At every step the network looks at the noisy picture $x_t$ and says what noise $\hat\epsilon$ it
sees. Take it away, and what is left is its guess of the finished picture:

$$\hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\;\hat\epsilon}{\sqrt{\bar\alpha_t}}
\qquad\text{(Ho et al. 2020, eq. 15)}$$

The walk goes only a little way towards that guess, to a picture with slightly less noise, and
asks again:

$$x_{t'} = \sqrt{\bar\alpha_{t'}}\;\hat x_0 + \sqrt{1 - \bar\alpha_{t'}}\;\hat\epsilon
\qquad\text{(DDIM; Song et al. 2021, eq. 12, with } \eta = 0)$$

Early guesses are blurs: the average of all pictures that could have become this noise. Details
come last.

*Try:* keep the seed and change the number of steps from 50 to 5. Which parts of the picture stay
the same?
"""


STOPS = Stops()


def denoise(
    model: str, label: str | None, guidance: float, sampler: str, steps: float, seed: float | None,
    images: float, eta: float, spacing: str, start: Start | None, run_id: str, request: gr.Request,
) -> Iterator[object]:  # fmt: skip
    """Handler of the Denoise button: messages for the player, about 30 a second.

    The browser names the run, so that it knows its messages from those of one that it gave up.
    """
    session = request.session_hash or ""
    sign = STOPS.begin(session, run_id)
    try:
        checkpoint = models.get(model)
        x0, t_start = start.fit(checkpoint) if start else (None, None)
        settings = settings_of(
            checkpoint, label, guidance, sampler, steps, seed, images, eta, spacing, t_start
        )
        prefix = f"from {start.where} · " if start else ""
        run = Run(head(checkpoint, settings, prefix), run_id)
        for frame in frames(checkpoint, settings, x0):
            if sign.is_set():
                return
            run.add(frame)
            if run.due() and not behind(session):
                yield run.message()
        yield run.message(done=True)
    except ValueError as error:
        yield failure(str(error), run_id)
    finally:
        STOPS.end(session, run_id)


def behind(session: str) -> bool:
    """Whether the session's browser has not yet taken up what was sent to it.

    Frames then wait in the run and go out together. Gradio has no public word for this.
    """
    blocks = LocalContext.blocks.get(None)
    queue = getattr(blocks, "_queue", None)
    waiting = getattr(queue, "pending_messages_per_session", {})
    return session in waiting and waiting[session].qsize() > 2


def stop(run_id: str, request: gr.Request) -> None:
    """Handler of the Stop button; the browser says which run it means."""
    STOPS.stop(request.session_hash or "", run_id)


def opening() -> str:
    """The walk that is there when the page opens, computed at start-up."""
    choices = models.available()
    if not choices:
        sentence = "There is no checkpoint in pretrained/; train one on the command line."
        return failure(sentence, "opening")
    checkpoint = models.get(choices[0][1])
    settings = OPENING
    if checkpoint.unet.config.num_classes:
        settings = Walk(num_images=4, label=8, num_steps=25, seed=7)
    run = Run(head(checkpoint, settings, "Computed at start-up · "), "opening")
    for frame in frames(checkpoint, settings):
        run.add(frame)
    return run.message(done=True)


def begin_with(start: Start | None, model: str) -> tuple[gr.Markdown, gr.Button]:
    """Show where the walk begins: with a picture that came from the Noise tab, or with noise."""
    try:
        words = start.words(models.get(model)) if start else ""
    except ValueError as error:
        words = str(error)
    return gr.Markdown(words, visible=bool(start)), gr.Button(visible=bool(start))


def classes(model: str) -> list[str]:
    """Choices of the class menu for a model; only "none" where it cannot be read."""
    try:
        return [NO_CLASS, *models.get(model).config.class_names]
    except ValueError:
        return [NO_CLASS]


def class_menu(model: str, label: str | None) -> gr.Dropdown:
    """The class menu for another model; the choice stays where that model has it too."""
    choices = classes(model)
    if label in choices:
        return gr.Dropdown(choices)
    return gr.Dropdown(choices, value=NO_CLASS)


# The browser's part of a click: the player is told at once, before any answer of the server.
TELL_START = """(...inputs) => {
  const id = Math.random().toString(36).slice(2) + Date.now().toString(36);
  document.querySelector("#denoise-player .player").dispatchEvent(
    new CustomEvent("player:start", { detail: id }));
  return [...inputs.slice(0, -1), id];
}"""
TELL_STOP = """() => {
  const player = document.querySelector("#denoise-player .player");
  player.dispatchEvent(new Event("player:stop"));
  return player.dataset.wanted || "";
}"""


def build() -> gr.State:
    """Lay out the tab and wire it; called inside a gr.Tab.

    Returns:
        The state that holds a `Start`, or None: what the next walk begins with.
    """
    choices = models.available()
    first = choices[0][1] if choices else ""
    class_choices = classes(first)
    gr.Markdown(
        "A network that has only ever learnt to see noise in pictures turns noise into a picture. "
        "Choose a class, press Denoise, then drag along the curve.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row"]):
        with gr.Column(scale=2, min_width=300):
            model = gr.Dropdown(
                choices,
                value=first,
                label="Model",
                allow_custom_value=OWN_MODELS,
            )
            label = gr.Dropdown(
                class_choices, value=class_choices[min(9, len(class_choices) - 1)], label="Class",
                interactive=True,
            )  # fmt: skip
            with gr.Row():
                run_button = gr.Button(
                    "Denoise", variant="primary", min_width=120, elem_id="denoise-run"
                )
                stop_button = gr.Button("Stop", min_width=80)
            steps = gr.Slider(
                1, 1000, value=25, step=1, label="Steps", info="network looks, 1 to 1000"
            )
            guidance = gr.Slider(
                0, 8, value=1, step=0.1, label="Guidance",
                info="how hard to insist on the class; 1 is off, 0 ignores it",
            )  # fmt: skip
            images = gr.Radio(
                [(str(n), n) for n in IMAGE_COUNTS], value=4, label="Images", type="value"
            )
            with gr.Row():
                seed = gr.Number(
                    7, label="Seed", precision=None, info="same seed, same noise", min_width=140
                )
                another = gr.Button("New seed", min_width=80, elem_classes=["beside"])
            sampler = gr.Dropdown(SAMPLER_CHOICES, value="ddim", label="Sampler")
            with gr.Accordion("More", open=False):
                eta = gr.Slider(
                    0, 1, value=0, step=0.05, label="Eta",
                    info="noise that ddim adds on the way; 0 none, 1 as much as ddpm",
                )  # fmt: skip
                spacing = gr.Dropdown(list(SPACINGS), value="trailing", label="Spacing")
        with gr.Column(scale=5, elem_classes=["stage"]):
            start = gr.State(None)
            begins = gr.Markdown(visible=False, elem_classes=["begins"])
            forget = gr.Button("Begin with noise again", visible=False, size="sm")
            stage = player(opening(), "denoise-player")
            why(WHY)
    controls = [model, label, guidance, sampler, steps, seed, images, eta, spacing, start]
    run_id = gr.Textbox(visible=False)
    run_button.click(
        denoise, [*controls, run_id], stage, js=TELL_START, show_progress="hidden",
        concurrency_id="model", concurrency_limit=CONCURRENT_WALKS, trigger_mode="multiple",
        api_visibility="private",
    )  # fmt: skip
    stop_button.click(
        stop, run_id, js=TELL_STOP, queue=False, show_progress="hidden", api_visibility="private"
    )
    another.click(
        None, outputs=seed, js=f"() => Math.floor(Math.random() * {MAX_SEED})",
        api_visibility="private",
    )  # fmt: skip
    model.change(
        class_menu, [model, label], label, show_progress="hidden", api_visibility="private"
    )
    gr.on(
        [start.change, model.change], begin_with, [start, model], [begins, forget],
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    forget.click(lambda: None, outputs=start, show_progress="hidden", api_visibility="private")
    return start
