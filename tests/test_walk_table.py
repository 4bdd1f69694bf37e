"""The table of a walk: who follows it with the network and the noise comes where it comes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from conftest import last, save_tiny

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.denoiser import PREDICTION_TYPES, dynamic_threshold, network_output
from diffusion_core.generation import (
    InitialImage,
    NoiseOfWalk,
    SamplingRequest,
    SamplingRun,
    conditions,
    table_of,
)
from diffusion_core.samplers import SAMPLERS, weighed
from diffusion_core.schedule import FlowSchedule

BRANCH = SamplingRequest(parent=SamplingRequest(), branch_step=2)


def follow(checkpoint, settings, given=None):
    """What a program does with the table that knows no sampler."""
    run = SamplingRun(checkpoint, settings, given)
    noise, y = NoiseOfWalk(run.beginning()), conditions(checkpoint, settings)
    limit, w = settings.clip_limit(checkpoint), settings.guidance_scale

    def estimate(x, at):
        both = torch.cat([x, x]) if w != 1 else x
        t = torch.full((len(both),), at.t)
        output = network_output(checkpoint.unet, checkpoint.unet.config, both, t, y)
        if w != 1:
            with_condition, without = output.chunk(2)
            output = without + w * (with_condition - without)
        x0_hat = weighed(at.x0_hat, {"x_t": x, "output": output})
        if limit and settings.threshold == "dynamic":
            x0_hat = limit * dynamic_threshold(x0_hat / limit)
        elif limit:
            x0_hat = x0_hat.clamp(-limit, limit)
        return x0_hat, weighed(at.eps_hat, {"x_t": x, "output": output, "x0_hat": x0_hat})

    x, before = run.beginning().x_t, None
    for index, row in enumerate(table_of(checkpoint, settings)):
        x0_hat, eps_hat = estimate(x, row.estimate)
        pictures = {"x_t": x, "x0_hat": x0_hat, "eps_hat": eps_hat, "x0_before": before}
        if "noise" in row.weights:
            pictures["noise"] = torch.from_numpy(noise.piece(index, 1)[0])
        if row.trial:
            pictures["eps_there"] = estimate(weighed(row.trial, pictures), row.there)[1]
        x, before = weighed(row.weights, pictures), x0_hat
    return x, last(run).x_prev


@pytest.mark.parametrize("sampler", SAMPLERS)
@torch.no_grad()
def test_it_comes_where_the_walk_comes(sampler, tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    request = SamplingRequest(num_images=2, label=3, sampler=sampler, num_steps=6, seed=5)
    others = [request]
    if sampler == "ddim":
        others = [
            dataclasses.replace(request, eta=0.6, threshold="dynamic", guidance_scale=3.0),
            dataclasses.replace(request, label=None, seed_to=9, num_images=3, spacing="karras"),
            dataclasses.replace(request, clip_x0=False),
        ]
    if sampler == "ddpm":
        others.append(dataclasses.replace(request, variance="beta"))
    for settings in others:
        torch.testing.assert_close(*follow(checkpoint, settings), atol=2e-5, rtol=0)


@torch.no_grad()
def test_it_holds_whatever_the_network_predicts_and_is_asked_for(tmp_path, avatars_folder):
    for kind in PREDICTION_TYPES:
        checkpoint = load_checkpoint(save_tiny(tmp_path / kind, prediction_type=kind))
        settings = SamplingRequest(num_steps=4, t_start=700, label=1)
        given = InitialImage(torch.zeros(1, 1, 28, 28))
        torch.testing.assert_close(*follow(checkpoint, settings, given), atol=2e-5, rtol=0)
    straight = FlowSchedule(1000)
    flow = dataclasses.replace(
        checkpoint,
        schedule=straight,
        config=dataclasses.replace(
            checkpoint.config,
            prediction_type="velocity",
            schedule={"name": "flow", "num_train_timesteps": 1000},
        ),
    )
    for sampler in SAMPLERS:
        settings = SamplingRequest(sampler=sampler, num_steps=4, label=1)
        torch.testing.assert_close(*follow(flow, settings), atol=2e-5, rtol=0)
    avatars = load_checkpoint(avatars_folder)
    name, values = avatars.config.attribute_names[0]
    asked = SamplingRequest(num_steps=3, label=0, attributes=((name, values[1]),))
    for settings in (asked, dataclasses.replace(asked, attributes=(), guidance_scale=2.0)):
        assert conditions(avatars, settings).shape[1] == 1 + len(avatars.attributes)
        torch.testing.assert_close(*follow(avatars, settings), atol=2e-5, rtol=0)


def test_noise_comes_in_pieces_as_the_walk_draws_it(tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    settings = SamplingRequest(num_images=2, sampler="ddpm", num_steps=5, seed=3)
    run = SamplingRun(checkpoint, settings)
    noise = NoiseOfWalk(run.beginning())
    assert noise.nbytes == 2 * 28 * 28 * 4
    drawn = torch.stack([step.noise for step in run if step.noise is not None]).numpy()
    for first, count in ((0, 2), (2, 2), (0, 3), (3, 1)):
        assert (noise.piece(first, count) == drawn[first : first + count]).all()


@pytest.mark.parametrize("settings", [SamplingRequest(resample=2), BRANCH])
def test_what_needs_more_than_weights_is_refused(tiny_folder, settings):
    with pytest.raises(ValueError, match="is no table of weights"):
        table_of(load_checkpoint(tiny_folder), settings)
