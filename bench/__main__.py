"""Speed as ratios, side by side in one run: `python -m bench`. Absolute times drift; ratios hold.

    python -m bench                  all parts, one after another
    python -m bench walk             a walk in the page, from the click until its last frame has
                                     arrived, against the bare loop over the same walk in the same
                                     process; and from the click to the first frame, in steps
    python -m bench unet             our UNet against diffusers' UNet2DModel: the same
                                     configuration, weights and inputs
    python -m bench engines          an evaluation by ONNX Runtime against torch's, and of four
                                     callers at once against one alone
    python -m bench train            a training step of ours against diffusers' and lucidrains'
                                     loops; see bench/training.py
    python -m bench inside           an opened block of the Inside tab, and a network with a part
                                     taken away, against an evaluation of the network
    python -m bench callers          twenty programs that ask /denoise at once, against one alone,
                                     and the longest wait against the median; not among "all parts"
    python -m bench start            from `python app.py` to its first answer, and the memory at
                                     rest, against a script that only imports torch and gradio
    python -m bench growth           an evaluation against its arithmetic at the rate of a large
                                     product; walks with twice the steps, batch, size, channels
    python -m bench points           seconds until points of a plane are learnt, by the energy
                                     distance to held-out ones, against the data to themselves
    python -m bench families         how near a GAN, a VAE and a flow come to points in the same
                                     seconds; --trials tries settings of the GAN; not among "all
                                     parts"
    python -m bench memory           the page's memory while visitors come, use it and leave; not
                                     among "all parts", since it takes minutes

Each measurement is one line of JSON: `what` names the two sides as "first / second", `ratio` is
the median over the rounds of first / second (below 1, the first is faster), `ms` the median
milliseconds of each side; `memory` prints megabytes. `--help` after a part lists its sizes;
docs/bench.md explains each line.
"""

from __future__ import annotations

import os
from typing import Annotated

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before any library reads it

import typer

Rounds = Annotated[int, typer.Option(help="How often each side runs.", min=1)]
app = typer.Typer(add_completion=False, rich_markup_mode=None, help=__doc__)


@app.callback(invoke_without_command=True)
def all_parts(context: typer.Context) -> None:
    """Run all parts where none is named."""
    if context.invoked_subcommand is None:
        for part in (walk, unet, engines, train, inside, growth, points, start):
            part()


@app.command()
def walk(
    model: Annotated[str, typer.Option(help="Which of the page's models.")] = "fashion-mnist",
    label: Annotated[str, typer.Option(help="Its class; else the one it opens with.")] = "",
    images: Annotated[list[int], typer.Option(help="1, 4, 9 or 16; repeat for several.")] = [  # noqa: B006
        1,
        4,
        16,
    ],
    steps: Annotated[int, typer.Option(help="Steps of the walk.", min=1)] = 50,
    rounds: Rounds = 5,
) -> None:
    """A walk in the page against the bare loop."""
    from .walk import bench_walk

    try:
        bench_walk(model, label, images, steps, rounds)
    except ValueError as error:  # there is no such model
        raise typer.BadParameter(str(error)) from error


@app.command()
def unet(
    batch: Annotated[list[int], typer.Option(help="Images a pass; repeat for several.")] = [1, 16],  # noqa: B006
    rounds: Rounds = 5,
) -> None:
    """Our UNet against diffusers'."""
    from .unet import bench_unet

    bench_unet(batch, rounds)


@app.command()
def engines(
    model: Annotated[list[str], typer.Option(help="Names of models; repeat for several.")] = [  # noqa: B006
        "avatars",
        "fashion-mnist",
    ],
    batch: Annotated[list[int], typer.Option(help="Images at once; repeat for several.")] = [  # noqa: B006
        1,
        2,
        8,
    ],
    rounds: Rounds = 5,
) -> None:
    """ONNX Runtime against torch."""
    from .engines import bench_engines

    try:
        bench_engines(model, batch, rounds)
    except ValueError as error:  # there is no such model
        raise typer.BadParameter(str(error)) from error


@app.command()
def train(
    batch: Annotated[int, typer.Option(help="Images a step.", min=1)] = 64,
    steps: Annotated[int, typer.Option(help="Steps a round.", min=1)] = 2,
    rounds: Rounds = 5,
) -> None:
    """A training step of ours against others'."""
    from .training import bench_train

    bench_train(batch, steps, rounds)


@app.command()
def inside(
    model: Annotated[str, typer.Option(help="Which of the page's models.")] = "fashion-mnist",
    rounds: Rounds = 15,
) -> None:
    """An opened block against an evaluation."""
    from .inside import bench_inside

    try:
        bench_inside(model, rounds)
    except ValueError as error:  # there is no such model
        raise typer.BadParameter(str(error)) from error


@app.command()
def points(
    name: Annotated[list[str], typer.Option(help="Sets of points; repeat for several.")] = [  # noqa: B006
        "ring",
        "moons",
        "spiral",
        "checkerboard",
        "word",
    ],
    seconds: Annotated[float, typer.Option(help="Training of each, at most.", min=0.1)] = 15.0,
    count: Annotated[int, typer.Option(help="Points that are learnt.", min=10)] = 2000,
) -> None:
    """Seconds until points are learnt."""
    from .points import bench_points

    try:
        bench_points(name, seconds, count)
    except ValueError as error:  # there is no such set
        raise typer.BadParameter(str(error)) from error


@app.command()
def families(
    name: Annotated[list[str], typer.Option(help="Sets of points; repeat for several.")] = [  # noqa: B006
        "ring",
        "checkerboard",
    ],
    seconds: Annotated[float, typer.Option(help="Training of each, of one core.", min=0.1)] = 15.0,
    count: Annotated[int, typer.Option(help="Points that are learnt.", min=10)] = 2000,
    trials: Annotated[bool, typer.Option(help="Try settings of the GAN instead.")] = False,
) -> None:
    """A GAN, a VAE and a flow on points, after the same seconds."""
    from .families import bench_families

    try:
        bench_families(name, seconds, count, trials)
    except ValueError as error:  # there is no such set
        raise typer.BadParameter(str(error)) from error


@app.command()
def start(rounds: Rounds = 5) -> None:
    """The start of the page against a bare script's."""
    from .start import bench_start

    bench_start(rounds)


@app.command()
def growth(
    batch: Annotated[int, typer.Option(help="Images of the smaller walk.", min=1)] = 8,
    steps: Annotated[int, typer.Option(help="Its steps.", min=1)] = 4,
    side: Annotated[int, typer.Option(help="Side of the matrices.", min=1)] = 2048,
    rounds: Rounds = 5,
) -> None:
    """An evaluation against its limit, and how walks grow."""
    from .growth import bench_growth

    bench_growth(batch, steps, side, rounds)


@app.command()
def memory(
    visitors: Annotated[int, typer.Option(help="How many at once.", min=1)] = 10,
    minutes: Annotated[float, typer.Option(help="Minutes of use.", min=0)] = 10.0,
    every: Annotated[float, typer.Option(help="Seconds between two lines.", min=0.1)] = 30.0,
    steps: Annotated[int, typer.Option(help="Steps of the shorter walks.", min=1)] = 20,
    rest: Annotated[float, typer.Option(help="Seconds from the last leaving to the end.")] = 20.0,
    public: Annotated[bool, typer.Option(help="A public page, else one at home.")] = True,
    use: Annotated[
        str, typer.Option(help="What they do; what is named twice, twice as often.")
    ] = "noise,noise,chain,denoise,denoise,denoise,race,train,leave,leave",
    think: Annotated[float, typer.Option(help="Seconds between two things.", min=0)] = 0.0,
    url: Annotated[str, typer.Option(help="Of a page that runs already; else one starts.")] = "",
    pid: Annotated[int, typer.Option(help="Its process.")] = 0,
) -> None:
    """The page's memory while visitors come, use it and leave."""
    from .memory import bench_memory

    bench_memory(visitors, minutes, every, steps, rest, public, use, think, url.rstrip("/"), pid)


@app.command()
def callers(
    model: Annotated[str, typer.Option(help="Which of the page's models.")] = "avatars",
    number: Annotated[int, typer.Option(help="How many ask at once.", min=1)] = 20,
    steps: Annotated[int, typer.Option(help="Steps of each walk.", min=1)] = 10,
    rounds: Rounds = 5,
    url: Annotated[str, typer.Option(help="Of a page that runs already; else one starts.")] = "",
) -> None:
    """Programs that ask /denoise at once."""
    from .callers import bench_callers

    try:
        bench_callers(model, number, steps, rounds, url.rstrip("/"))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def load(
    sessions: Annotated[int, typer.Option(help="How many at once.", min=1)] = 50,
    minutes: Annotated[float, typer.Option(help="Minutes of use.", min=0)] = 5.0,
    think: Annotated[float, typer.Option(help="Seconds between two things.", min=0.01)] = 20.0,
    public: Annotated[bool, typer.Option(help="A public page, else one at home.")] = True,
    url: Annotated[str, typer.Option(help="Of a page that runs already; else one starts.")] = "",
    pid: Annotated[int, typer.Option(help="Its process.")] = 0,
) -> None:
    """Many sessions at once: what they wait for, and that nobody is sent another's pictures."""
    from .load import bench_load

    done = bench_load(sessions, minutes, think, public, url.rstrip("/"), pid)
    for error in sorted(set(done.errors)):
        typer.echo(error, err=True)
    if done.errors:
        raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m bench")
