"""sample: pictures of a checkpoint, or a run card walked again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sample(
    out: Annotated[
        str,
        typer.Option(
            metavar="<path>", help="File to write: .png, .gif, .mp4 or .npz; or FOLDER/ of PNGs."
        ),
    ],
    model: Annotated[str | None, typer.Option(help="Checkpoint folder, or Hub id.")] = None,
    cascade: Annotated[
        Path | None,
        typer.Option(help="Folder of a cascade, in place of --model; asked by --caption."),
    ] = None,
    num: Annotated[int, typer.Option(help="How many images.")] = 16,
    sampler: Annotated[str, typer.Option(help="{samplers}.")] = "ddim",
    steps: Annotated[int, typer.Option(help="Steps of the walk.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of image 0; image i uses seed + i.")] = 0,
    seed_to: Annotated[
        int | None, typer.Option(help="Last seed: the images go from seed to this one by slerp.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Class, by number or name.")] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="Attribute to draw, as NAME=VALUE; may be given several times."),
    ] = None,
    caption: Annotated[
        str | None, typer.Option(help="What to draw, in words, by a model that is asked so.")
    ] = None,
    guidance_scale: Annotated[
        float, typer.Option(help="How strongly to follow class or caption; 1 is without guidance.")
    ] = 1.0,
    classifier: Annotated[
        Path | None, typer.Option(help="Folder of a classifier that guides the walk.")
    ] = None,
    classifier_label: Annotated[
        str | None, typer.Option(help="Class that it guides to, by number or name.")
    ] = None,
    classifier_scale: Annotated[
        float, typer.Option(help="How strongly it guides; 0 is not at all.")
    ] = 0.0,
    clip: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a CLIP that guides the walk to the caption, or reads it for a cascade; "
            "else the shipped."
        ),
    ] = None,
    clip_scale: Annotated[
        float, typer.Option(help="How strongly it guides, beside --guidance-scale; 0 is not.")
    ] = 0.0,
    augmentation: Annotated[
        float | None,
        typer.Option(help="Noise in a cascade's small picture, 0 to 1; else as recommended."),
    ] = None,
    large_steps: Annotated[
        int | None, typer.Option(help="Steps of a cascade's second walk; else --steps.")
    ] = None,
    large_guidance_scale: Annotated[
        float, typer.Option(help="Guidance of a cascade's second walk; 1 is without.")
    ] = 1.0,
    eta: Annotated[float, typer.Option(help="DDIM's stochasticity, 0 to 1.")] = 0.0,
    spacing: Annotated[str, typer.Option(help="{spacings}.")] = "trailing",
    variance: Annotated[
        str | None,
        typer.Option(help="Variance of ddpm's noise: {variances}; else the model's own."),
    ] = None,
    threshold: Annotated[str, typer.Option(help="How x0 is clipped: {thresholds}.")] = ("static"),
    engine: Annotated[
        str | None,
        typer.Option(
            help="What evaluates the network: {engines}; else the run card's, or the faster one."
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            help="Run card to walk again; beside it only --out, --model, --engine, --classifier "
            "and --clip are used."
        ),
    ] = None,
    save_card: Annotated[Path | None, typer.Option(help="File to write the run card to.")] = None,
) -> None:
    """Draw samples from a checkpoint; .gif and .mp4 show the whole walk."""
    from ..checkpoint import checkpoint_folders
    from ..clip import find_clip, load_clip
    from ..device import best_device
    from ..engines import check_engine, on_engine
    from ..files import write_text
    from ..generation import RunCard, SamplingRequest, write_walk
    from ..glide import load_model
    from ..guided_diffusion import find_classifier, load_classifier

    if cascade is not None:
        from .cascade import sample_cascade

        walk = {
            "num_images": num,
            "sampler": sampler,
            "num_steps": steps,
            "eta": eta,
            "spacing": spacing,
            "guidance_scale": guidance_scale,
            "seed": seed,
            "variance": variance or "posterior",
            "threshold": threshold,
            "caption": caption,
        }
        others = {
            "model": model,
            "card": card,
            "save-card": save_card,
            "label": label,
            "attribute": attribute,
            "seed-to": None if seed_to is None else str(seed_to),
            "classifier": classifier,
            "clip-scale": clip_scale,
            "engine": engine,
        }
        large = {"num_steps": large_steps, "guidance_scale": large_guidance_scale}
        told = {name: value not in (None, [], 0.0) for name, value in others.items()}
        sample_cascade(out, cascade, clip, augmentation, large, walk, told)
        return
    given, known = None, None
    if engine is not None:
        check_engine(engine)
    if card is not None:
        known = RunCard.from_json(card.read_bytes())
        settings, given = known.walk, known.given
        checkpoint = load_model(model) if model else known.checkpoint(checkpoint_folders())
    elif model is None:
        raise ValueError("Name a checkpoint by --model FOLDER, or a run card by --card FILE.")
    else:
        checkpoint = load_model(model)
        settings = SamplingRequest(
            num_images=num,
            label=label,
            sampler=sampler,
            num_steps=steps,
            eta=eta,
            spacing=spacing,
            guidance_scale=guidance_scale,
            seed=seed,
            seed_to=seed_to,
            variance=variance or checkpoint.config.sampling.get("variance", "posterior"),
            threshold=threshold,
            attributes=tuple(_name_and_value(pair) for pair in attribute or []),
            classifier_label=classifier_label,
            classifier_scale=classifier_scale,
            caption=caption,
            clip_scale=clip_scale,
        )
    if settings.caption is not None and checkpoint.reads_captions:
        if note := checkpoint.config.tokenizer.note(settings.caption):  # type: ignore[attr-defined]
            typer.echo(note, err=True)
    checkpoint.to(best_device())
    if classifier is not None:
        checkpoint = checkpoint.guided_by(load_classifier(classifier))
    elif known is not None and known.classifier:
        checkpoint = checkpoint.guided_by(find_classifier(checkpoint_folders(), known.classifier))
    if clip is not None:
        checkpoint = checkpoint.guided_by_clip(load_clip(clip))
    elif settings.clip_scale or (known is not None and known.clip):
        weights = known.clip if known is not None else None
        checkpoint = checkpoint.guided_by_clip(find_clip(checkpoint_folders(), weights))
    if engine is None and known is not None:
        checkpoint = known.on_engine(checkpoint)
    else:
        checkpoint = on_engine(checkpoint, engine)
    result = write_walk(out, checkpoint, settings, given)
    if known is not None:
        typer.echo(known.compare(checkpoint, result), err=True)
    if save_card is not None:
        write_text(save_card, RunCard.of(checkpoint, settings, given, result).to_json() + "\n")
    typer.echo(out)


def _name_and_value(pair: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not (name and equals and value):
        raise ValueError(f"An attribute is given as NAME=VALUE, like head=afro; got {pair!r}.")
    return name, value
