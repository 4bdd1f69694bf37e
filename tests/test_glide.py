"""GLIDE: captions of what is recorded, words as numbers, the network, two stages, the doors."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from conftest import TINY_AVATARS, avatars, wake
from safetensors.torch import load_file
from typer.testing import CliRunner

from diffusion_core.__main__ import app
from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.conditioning import null_condition
from diffusion_core.data import AvatarFile
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.glide import (
    MAX_TOKENS,
    VOCABULARY,
    AvatarRecords,
    CaptionedPictures,
    GlideNetworkConfig,
    MenuTargets,
    TextEncoder,
    TextEncoderConfig,
    Tokenizer,
    begun_from,
    describe,
    facts_in,
    glide_results,
    glide_shape,
    glide_training,
    is_glide,
    learn_glide,
    learn_text,
    load_glide,
    load_model,
    meaning,
    phrases,
    text_training,
    told_condition,
    words_of,
)
from diffusion_core.samplers import SAMPLERS
from diffusion_core.schedule import make_schedule
from diffusion_core.unet import UNet
from pretrained.recipes import glide as recipe
from pretrained.recipes import glide_measured as measured
from pretrained.recipes.avatars_choices import ATTRIBUTES, COLOURED_HEADS, PARTS, STYLES

SCHEDULE = make_schedule("cosine", num_train_timesteps=1000)
TOKENIZER = Tokenizer()
NAMES = tuple((name, tuple(values)) for name, values in ATTRIBUTES.items())
SMALL = {"width": 8, "layers": 1, "heads": 2, "cross_width": 8, "cross_heads": 2}


@pytest.fixture(scope="module")
def facts():
    records = recipe.ChosenRecords()
    return [records.facts(i) for i in range(1500)]


@pytest.fixture(scope="module")
def captions(facts):
    return [describe(each, i) for i, each in enumerate(facts)]


def small_network(seed=0):
    torch.manual_seed(seed)
    unet = wake(UNet(TINY_AVATARS), seed)
    return unet, begun_from(unet, glide_shape(TINY_AVATARS, len(VOCABULARY), **SMALL), seed)


@pytest.fixture(scope="module")
def words_folder(avatars_folder, tmp_path_factory):
    """The folder of a model that is asked in words, as the recipe's first stage leaves it."""
    folder = tmp_path_factory.mktemp("models") / "words"
    options = ["text", "--out", str(folder), "--init", str(avatars_folder), "--steps", "4"]
    options += ["--batch-size", "3", "--width", "8", "--layers", "1", "--save-every", "2"]
    done = CliRunner().invoke(recipe.app, options)
    assert done.exit_code == 0, done.output
    assert "step 4 of 4" in done.output
    return folder


# --- captions ---------------------------------------------------------------------------------


def test_a_caption_says_what_is_recorded_and_nothing_else(facts, captions):
    for known, caption in zip(facts, captions, strict=True):
        assert caption.told.items() <= known.items() and caption.told["class"] == known["class"]
    full = [describe(each, i, told=[*each]) for i, each in enumerate(facts[:400])]
    for known, caption in zip(facts, full, strict=False):
        for name in {"head", "face", "skin", "clothing", "background"} & {*known}:
            assert caption.told[name] == known[name], caption.text
            spoken = phrases.ATTRIBUTES[name][known[name]]
            assert any(phrase.removeprefix("a ").removeprefix("an ") in caption.text or
                       set(words_of(phrase)) - {"a", "an"} <= {*words_of(caption.text)}
                       for phrase in spoken), (name, caption)  # fmt: skip


def test_words_orders_and_what_is_left_out_change_with_the_seed_alone(facts):
    person = next(each for each in facts if each["class"] == "open-peeps")
    ten = [describe(person, i) for i in range(60)]
    assert ten == [describe(person, i) for i in range(60)]
    texts, told = {c.text for c in ten}, {frozenset(c.told) for c in ten}
    assert len(texts) > 55 and len(told) > 15
    first = {words_of(text)[0] for text in texts}
    assert {"on", "a"} <= first and any(text.count(", ") > 2 for text in texts)
    assert describe(person, 1, told=()).told == {"class": "open-peeps"}


def test_what_a_caption_tells_is_read_back_from_its_words(facts, captions):
    full = [describe(each, i, told=[*each]) for i, each in enumerate(facts[:500])]
    for caption in (*captions, *full):
        told = {name: meaning(name, value) for name, value in caption.told.items()}
        assert facts_in(caption.text) == told, caption


@pytest.mark.parametrize(
    "text, told",
    [
        ("A person without an afro, in a red shirt", {"class": "open-peeps", "clothing": "red"}),
        ("a turban without glasses and afro", {"head": "turban", "accessory": "none"}),
        ("no beard, no hair", {"head": "noHair1"}),
        ("a pixel person, no hat and with a beard", {"pixel-art beard": "some"}),
        ("pixel art of a person", {"class": "pixel-art"}),
        ("on a teal backdrop", {"background": "teal"}),
        ("an afro and a bun with an afro", {"head": "afro"}),
        ("qwertz, a woman of 40", {}),
        ("", {}),
    ],
)
def test_what_is_not_there_or_unknown_is_not_read(text, told):
    found = facts_in(text)
    if told and "class" not in told and "background" not in told:
        assert found.pop("class") in ("open-peeps", "pixel-art")
    assert found == told


def test_no_two_values_of_an_attribute_share_a_phrase():
    for table in phrases.ATTRIBUTES.values():
        every = [phrase for each in table.values() for phrase in each]
        assert len(every) == len(set(every))
    assert {name: [*table] for name, table in phrases.ATTRIBUTES.items()} == {
        name: sorted(values, key=[*phrases.ATTRIBUTES[name]].index)
        for name, values in ATTRIBUTES.items()
    }  # every value that can be drawn has words
    assert set(phrases.COLOURED) == set(COLOURED_HEADS)
    for table, part in (
        (phrases.HAIR_COLOURS, "open-peeps headContrastColor"),
        (phrases.PIXEL_HAIR_COLOURS, "pixel-art hairColor"),
        (phrases.PIXEL_HAT_COLOURS, "pixel-art hatColor"),
        (phrases.PIXEL_GLASSES_COLOURS, "pixel-art glassesColor"),
        (phrases.THUMB_COLOURS, "thumbs shapeColor"),
        (phrases.THUMB_MOUTHS, "thumbs mouth"),
    ):
        assert {*table} <= {*PARTS[part]}


def test_the_vocabulary_is_what_the_grammar_writes_and_tells_no_gender(captions):
    written = {word for caption in captions for word in words_of(caption.text)}
    assert written <= {*VOCABULARY} and 200 < len(VOCABULARY) < 500
    assert len({*VOCABULARY} - written) < 10  # none that is never written, but by chance here
    gendered = "man woman men women boy girl he she his her male female lady guy".split()
    assert not {*gendered} & {*VOCABULARY}
    assert max(len(words_of(c.text)) for c in captions) < MAX_TOKENS


def test_a_style_that_is_none_cannot_be_described():
    with pytest.raises(ValueError, match="one of the styles open-peeps, pixel-art, thumbs"):
        describe({"class": "cats"}, 0)


# --- words as numbers -------------------------------------------------------------------------


def test_a_caption_is_a_condition_and_the_empty_one_is_the_null_condition():
    y = TOKENIZER.read("A smiling person, with an AFRO!")
    known = [VOCABULARY[i] for i in y[0].tolist() if 0 <= i < TOKENIZER.end]
    assert known == ["a", "smiling", "person", "with", "an", "afro"]
    assert y.shape == (1, MAX_TOKENS) and y[0, 6] == TOKENIZER.end and (y[0, 7:] == -1).all()
    assert torch.equal(null_condition(y, TOKENIZER.end), TOKENIZER.condition([]))


def test_unknown_words_are_named_and_the_rest_is_read():
    text = "a smiling wizard with an afro and a wizard's wand"
    assert TOKENIZER.unknown(text) == ("'wizard'", "'s'", "'wand'")
    known = "a smiling with an afro and a"
    assert torch.equal(TOKENIZER.read(text), TOKENIZER.read(known))
    assert TOKENIZER.note(known) == ""
    one = TOKENIZER.note("a purple wizard")
    assert one == "The model does not know the word 'wizard', so it is not drawn."
    many = TOKENIZER.note(" ".join(f"word{i}" for i in range(30)))
    assert many.endswith("'word9' and 20 more, so they are not drawn.")


HOSTILE = {
    "": "has no words",
    " \n\t": "has no words",
    "\x00\x1b[31m": "None of the caption's words",
    "?!… —": "has no words",
    "afro " * 10_000: "has 50,000 characters",
    "a " * 999: "has 999 words, and at most 39",
    "x" * 2001: "has 2,001 characters",
    "Ärger mit 猫": "None of the caption's words",
    b"\xff\xfe\x00afro\x80".decode("latin-1"): None,  # one word that is known
    "' OR 1=1; --": "None of the caption's words",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_a_hostile_caption_gets_one_sentence(text):
    if HOSTILE[text] is None:
        assert not TOKENIZER.unknown(text) or all(
            word.isprintable() for word in TOKENIZER.unknown(text)
        )
        return
    with pytest.raises(ValueError, match=HOSTILE[text]) as caught:
        TOKENIZER.read(text)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_what_a_caption_tells_is_a_condition_of_the_menus(captions):
    for caption in captions[:200]:
        told = told_condition(caption.told, STYLES, NAMES).tolist()
        assert STYLES[told[0]] == caption.told["class"]
        for (name, values), value in zip(NAMES, told[1:], strict=True):
            assert (values[value] if value >= 0 else None) == caption.told.get(name)
    assert told_condition({}, STYLES, NAMES).tolist() == [3, -1, -1, -1, -1, -1, -1]


# --- the network ------------------------------------------------------------------------------


def test_it_begins_as_the_network_whose_weights_it_takes_over():
    """With the class's vector in place of the caption's it computes what the UNet does."""
    unet, network = small_network()
    x, t = torch.randn(2, 3, 64, 64), torch.tensor([10, 900])
    menu = torch.tensor([[0, 3, 2, 1, 0, 4, 6], [2, -1, -1, -1, -1, -1, 3]])
    y = torch.cat([TOKENIZER.read("a person with an afro"), TOKENIZER.condition([])])
    wanted = unet.class_embedding(menu, 2)
    network.text.forward = lambda y: (  # type: ignore[method-assign]
        wanted,
        torch.randn(2, 40, 8),
        y >= 0,
    )
    torch.testing.assert_close(network(x, t, y), unet(x, t, menu))
    network.cross["0"].to_out.weight.data.normal_()  # then the words count
    assert (network(x, t, y) - unet(x, t, menu)).abs().max() > 1e-3


def test_what_stands_behind_the_end_changes_nothing():
    torch.manual_seed(0)
    encoder = TextEncoder(TextEncoderConfig(len(VOCABULARY), width=16, layers=2, vector=12))
    y = TOKENIZER.read("a smiling person with an afro")
    vector, tokens, there = encoder(y)
    short = encoder(y[:, : int(there.sum())])
    torch.testing.assert_close(vector, short[0])
    torch.testing.assert_close(tokens[:, :7], short[1])
    other = encoder(TOKENIZER.read("an afro with a smiling person"))[0]
    assert (vector - other).abs().max() > 1e-3  # the order of words counts


def test_words_are_attended_to_and_the_weights_say_which():
    _, network = small_network()
    wake(network, size=0.3)
    y = TOKENIZER.read("a smiling person with an afro")
    _, words, there = network.text(y)
    layer, h = network.cross["0"], torch.randn(1, TINY_AVATARS.channels[-1], 4, 4)
    weights = layer.weights(h, words, there)
    assert weights.shape == (1, MAX_TOKENS, 4, 4)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(1, 4, 4))
    assert (weights[:, 7:] == 0).all() and (weights[:, :7] > 0).all()
    layer.heads = 1  # of one head the output is the weighted mean of the values
    mean = torch.einsum("blhw,bld->bhwd", layer.weights(h, words, there), layer.to_v(words))
    want = h + layer.to_out(mean).permute(0, 3, 1, 2)
    torch.testing.assert_close(layer(h, words, there), want)


def test_where_it_attends_follows_the_levels():
    shape = glide_shape(dataclasses.replace(TINY_AVATARS, attention_up=None), 5, **SMALL)
    levels = [i for i, yes in enumerate(shape.unet.attention) if yes]
    assert levels and {c for c in shape.places() if c} == {shape.unet.channels[-1]}
    found = 0
    unet = UNet(shape.unet)
    emb = unet.conditioning(torch.zeros(1, 3, 64, 64), torch.tensor([1]))

    def attended(h):
        nonlocal found
        assert shape.places()[found] in (None, h.shape[1])
        found += 1
        return h

    unet.evaluate(torch.zeros(1, 3, 64, 64), emb, attended)
    assert found == len(shape.places())


def test_the_avatars_network_in_words_fits_its_limits():
    """0.75 M new parameters, and 10 MiB in half precision."""
    config = load_checkpoint("pretrained/avatars").unet.config
    with torch.device("meta"):
        from diffusion_core.glide import GlideNetwork

        network = GlideNetwork(glide_shape(config, len(VOCABULARY)))
    assert network.num_new_parameters <= 750_000
    count = sum(p.numel() for p in network.parameters())
    assert 2 * count + 100_000 < 10 * 2**20
    places = network.config.places()
    assert places == [128] * 6 + [None] * 3  # at 8 × 8 alone


@pytest.mark.parametrize(
    "values, words",
    [
        ({"cross_attention": (True,)}, "for each of the UNet's levels"),
        ({"cross_heads": 3}, "not a multiple of 3 heads"),
        ({"text": TextEncoderConfig(5, vector=3)}, "size of the timestep's"),
        ({"unet": TINY_AVATARS}, "has no classes"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(values, words):
    shape = glide_shape(TINY_AVATARS, 5, **SMALL)
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(shape, **values)


def test_shapes_come_back_from_json_and_others_are_refused():
    shape = glide_shape(TINY_AVATARS, 5, **SMALL)
    values = json.loads(json.dumps(dataclasses.asdict(shape)))
    assert GlideNetworkConfig.from_dict(values) == shape
    with pytest.raises(ValueError, match="heads"):
        GlideNetworkConfig.from_dict(values | {"cross_heads": "many"})
    with pytest.raises(ValueError, match="another shape"):
        begun_from(UNet(dataclasses.replace(TINY_AVATARS, blocks_per_level=2)), shape)
    with pytest.raises(ValueError, match="multiple of 3 heads"):
        TextEncoderConfig(5, width=8, heads=3)


def test_a_network_without_a_caption_draws_as_with_the_empty_one_and_refuses_a_class():
    _, network = small_network()
    x, t = torch.randn(2, 3, 64, 64), torch.tensor([10, 900])
    empty = TOKENIZER.condition([]).expand(2, -1)
    torch.testing.assert_close(network(x, t), network(x, t, empty))
    with pytest.raises(ValueError, match="asked in words"):
        network(x, t, torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="for its end"):
        network(x, t, empty.clone().fill_(3))
    with pytest.raises(ValueError, match="one caption an image"):
        network(x, t, empty[:1])


# --- training ---------------------------------------------------------------------------------


def targets(unet):
    return MenuTargets(unet.class_embedding, STYLES, NAMES)


def text_run(folder, steps, stop=None):
    unet, network = small_network()
    config = dataclasses.replace(
        text_training(steps, batch_size=4), save_every=2, warmup_steps=1, decay_steps=0
    )
    found = []
    for step in learn_text(
        network.text,
        recipe.ChosenRecords(),
        TOKENIZER,
        targets(unet),
        SCHEDULE,
        config,
        folder=folder,
    ):
        found.append(step.loss)
        if step.step == stop:
            break
    return found


def test_the_first_stage_learns_and_goes_on_as_if_it_had_not_been_interrupted(tmp_path):
    whole = text_run(tmp_path / "whole", 40)
    assert np.mean(whole[-10:]) < 0.9 * np.mean(whole[:5])
    first = text_run(tmp_path / "parts", 40, stop=5)
    again = text_run(tmp_path / "parts", 40)
    assert first == whole[:5] and again == whole[4:]  # what came after the last save, once more
    a, b = (load_file(tmp_path / name / "text.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    with pytest.raises(ValueError, match="already did 40 steps"):
        text_run(tmp_path / "whole", 20)


def captioned(count=12):
    file = AvatarFile.embedded().first(count)
    data = avatars()
    few = dataclasses.replace(
        data,
        pictures=data.pictures[:count],
        labels=data.labels[:count],
        attributes=data.attributes[:count],
    )
    return CaptionedPictures(few, AvatarRecords(file), TOKENIZER)


def test_pictures_have_captions_of_their_own_records():
    data = captioned()
    indices = torch.tensor([0, 12, 5])
    x, labels = data.batch(indices)
    y = data.conditions(indices)
    assert x.shape == (3, 3, 64, 64) and y.shape == (3, MAX_TOKENS)
    assert torch.equal(x[0], x[1]) and labels.tolist()[0] == labels.tolist()[1]
    assert not torch.equal(y[0], y[1])  # other words for the same picture
    assert torch.equal(y, data.conditions(indices))
    assert sorted({int(i) for i in data.evenly % 12}) == list(range(12))
    facts = AvatarRecords(AvatarFile.embedded().first(3)).facts(0)
    assert facts["class"] in STYLES and facts["background"] in ATTRIBUTES["background"]
    with pytest.raises(ValueError, match="as many records"):
        CaptionedPictures(data.pictures, AvatarRecords(AvatarFile.embedded().first(3)), TOKENIZER)


def test_the_second_stage_is_the_cores_training_and_goes_on(tmp_path, cpu):
    def run(folder, stop=None, words_only=False):
        _, network = small_network()
        network.unet.requires_grad_(not words_only)
        config = dataclasses.replace(glide_training(4, batch_size=2), save_every=1)
        losses = []
        for step in learn_glide(network, captioned(), SCHEDULE, config, folder=folder):
            losses.append(step.loss)
            if step.step == stop:
                break
        return losses

    whole = run(tmp_path / "whole")
    assert run(tmp_path / "parts", 2) + run(tmp_path / "parts") == whole and len(whole) == 4
    a, b = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    begun = small_network()[1].state_dict()
    moved = {key for key in begun if not torch.equal(begun[key], a[f"unet.{key}"])}
    for part in ("cross.0.to_out.weight", "text.words.weight", "unet.conv_in.weight"):
        assert part in moved
    with pytest.raises(ValueError, match="fixed"):
        run(tmp_path / "whole", words_only=True)
    words = run(tmp_path / "words", 2, True) + run(tmp_path / "words", None, True)
    assert words[0] == whole[0] and words != whole and len(words) == 4
    c = load_file(tmp_path / "words/state.safetensors")
    moved = {key for key in begun if not torch.equal(begun[key], c[f"unet.{key}"])}
    assert {"cross.0.to_out.weight", "text.words.weight"} <= moved
    assert not any(key.startswith("unet.") for key in moved)


# --- measured ---------------------------------------------------------------------------------


def test_obedience_is_told_from_what_the_judge_reads(words_folder, avatars_folder, monkeypatch):
    """A judge that reads what the menus were asked for: they are obeyed, and words by chance."""
    words, menus = load_glide(words_folder), load_checkpoint(avatars_folder)
    drawn, sizes = [], torch.tensor([3, *(len(values) for _, values in NAMES)])

    def draw(model, num, setting, seed=0, conditions=None):
        drawn.append(conditions)
        return torch.zeros(num, 3, 64, 64), conditions, 0, 0.0

    def read(judge, images):
        chance = chance_of(len(images), sizes)
        menu = drawn[-1].shape[1] == len(sizes)
        return None, torch.where(drawn[-1] < 0, chance, drawn[-1]) if menu else chance

    monkeypatch.setattr(measured, "draw_samples", draw)
    monkeypatch.setattr(measured, "judged", read)
    rows = measured.measure(words, menus, None, 300, None)
    assert [row.attribute for row in rows] == ["class", *ATTRIBUTES]
    assert all(row.menus == 1 and measured.relative(row) == row.words for row in rows)
    by_name = {row.attribute: row for row in rows}
    assert by_name["head"].words < 0.2 and 40 < by_name["head"].told < 100

    def always_the_same(judge, images):
        return None, torch.zeros(len(images), len(sizes), dtype=torch.int64)

    monkeypatch.setattr(measured, "judged", always_the_same)
    assert measured.same(words, menus, None, 2, None) == 1
    monkeypatch.setattr(measured, "judged", lambda judge, x: (None, chance_of(len(x), sizes)))
    assert measured.same(words, menus, None, 2, None) < 0.6


def chance_of(count, sizes):
    return torch.arange(count)[:, None] % sizes


def test_what_is_measured_is_held_out_and_kept(words_folder, avatars_folder, tmp_path):
    held = measured.held_out_facts(6)
    assert held == measured.held_out_facts(6) and [f["class"] for f in held] == [*STYLES] * 2
    folder = tmp_path / "words"
    shutil.copytree(words_folder, folder)
    measured.main(folder, str(avatars_folder), num=3, ways=1, steps=2)
    values = json.loads((folder / "results.json").read_text())
    assert values["weights"] == load_glide(folder).weights_hash and values["num"] == 3
    assert {row["attribute"] for row in values["obedience"]} <= {"class", *ATTRIBUTES}
    assert 0 < values["same"]["share"] <= 1
    card, results = (folder / "README.md").read_text(), glide_results(folder)
    for row in results.rows:
        assert f"| {row.attribute} | {row.told} | {row.words:.3f} | {row.menus:.3f} |" in card
    assert "# words\n" in card and f"{results.same:.3f} of the" in card
    assert load_glide(folder).config.training["command"] in card


# --- the doors --------------------------------------------------------------------------------


def test_the_recipe_leaves_a_model_that_is_asked_in_words(words_folder, avatars_folder):
    assert is_glide(words_folder) and not is_glide(avatars_folder)
    checkpoint = load_model(words_folder)
    assert checkpoint.reads_captions and not load_model(avatars_folder).reads_captions
    values = json.loads((words_folder / "config.json").read_text())
    assert values["training"]["steps"] == 4 and "glide" in values["training"]["command"]
    known = load_checkpoint(avatars_folder).unet.state_dict()
    own = checkpoint.network.unet.state_dict()
    assert all(torch.equal(own[key], known[key]) for key in own)


def test_the_recipe_goes_on_to_pictures(words_folder, tmp_path, cpu):
    options = ["pictures", "--init", str(words_folder), "--out", str(tmp_path / "two")]
    options += ["--dataset", "avatars-3000", "--steps", "2", "--batch-size", "2"]
    done = CliRunner().invoke(recipe.app, options)
    assert done.exit_code == 0, done.output
    assert "step 2 of 2" in done.output
    values = json.loads((tmp_path / "two" / "config.json").read_text())
    assert values["training"]["before"]["steps"] == 4
    assert load_glide(tmp_path / "two").num_parameters > 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_caption_walks_with_every_sampler_and_guidance(words_folder, sampler):
    checkpoint = load_glide(words_folder)
    request = SamplingRequest(
        num_images=2, sampler=sampler, num_steps=2, guidance_scale=2.0, caption="a calm person"
    )
    (*_, end) = walk(checkpoint, request)
    assert end.x_prev.shape == (2, 3, 64, 64) and bool(torch.isfinite(end.x_prev).all())


def test_guidance_leads_away_from_the_empty_caption(words_folder):
    checkpoint = load_glide(words_folder)
    wake(checkpoint.network.requires_grad_(True)).requires_grad_(False)
    x, t = torch.randn(1, 3, 64, 64), torch.tensor([500])
    asked = {"caption": "a smiling person with an afro"}
    with_words = checkpoint.denoiser(asked).predict(x, t)[1]
    without = checkpoint.denoiser().predict(x, t)[1]
    guided = checkpoint.denoiser(asked, 3.0).predict(x, t)[1]
    torch.testing.assert_close(guided, without + 3 * (with_words - without), rtol=0, atol=1e-4)
    assert (with_words - without).abs().max() > 1e-4


def test_a_run_card_keeps_the_caption_to_the_bit(words_folder, monkeypatch):
    monkeypatch.chdir(words_folder.parent)
    checkpoint = load_glide(words_folder)
    request = SamplingRequest(num_steps=2, guidance_scale=2.0, caption='an "afro", größer\n2')
    (*_, end) = walk(checkpoint, request)
    card = RunCard.from_json(RunCard.of(checkpoint, request, None, end.x_prev).to_json())
    assert card.walk == request and card.model == "words"
    again = card.checkpoint([words_folder.parent])
    card.check(again)
    (*_, end) = walk(again, card.walk)
    assert card.compare(again, end.x_prev).endswith("to the bit.")
    plain = RunCard.of(checkpoint, SamplingRequest(num_steps=2), None, end.x_prev)
    assert "caption" not in plain.values()["walk"]  # cards of before stay as they are
    values = json.loads(card.to_json())
    values["walk"]["caption"] = "x" * 2001
    with pytest.raises(ValueError, match="caption"):
        RunCard.from_json(json.dumps(values))


def test_words_and_menus_do_not_mix(words_folder, avatars_folder):
    words, menus = load_glide(words_folder), load_checkpoint(avatars_folder)
    with pytest.raises(ValueError, match="A caption says all in words"):
        SamplingRequest(caption="afro", label="thumbs")
    with pytest.raises(ValueError, match="is not asked in words"):
        SamplingRequest(caption="afro").denoiser(menus)
    for request in (SamplingRequest(label=1), SamplingRequest(attributes=(("head", "afro"),))):
        with pytest.raises(ValueError, match="is asked in words"):
            request.denoiser(words)
    with pytest.raises(ValueError, match="has no words"):
        SamplingRequest(caption="").denoiser(words)


def test_the_command_draws_a_caption_and_names_unknown_words(words_folder, tmp_path):
    out, card = tmp_path / "out.png", tmp_path / "card.json"
    options = ["sample", "--model", str(words_folder), "--num", "1", "--steps", "2"]
    words = ["--caption", "a smiling woman with an afro", "--guidance-scale", "2"]
    done = CliRunner().invoke(app, [*options, *words, "--out", str(out), "--save-card", str(card)])
    assert done.exit_code == 0, done.output
    assert "does not know the word 'woman', so it is not drawn." in done.stderr
    assert out.stat().st_size > 0
    assert json.loads(card.read_text())["walk"]["caption"] == "a smiling woman with an afro"
    again = ["sample", "--model", str(words_folder), "--card", str(card), "--out", str(out)]
    done = CliRunner().invoke(app, again)
    assert done.exit_code == 0 and "to the bit" in done.stderr
    done = CliRunner().invoke(app, [*options, "--caption", "qwertz", "--out", str(out)])
    assert "None of the caption's words is known" in str(done.exception)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda v: v["vocabulary"].append("more"), "its vocabulary has"),
        (lambda v: v["vocabulary"].__setitem__(0, "two words"), "not one word"),
        (lambda v: v["vocabulary"].__setitem__(0, v["vocabulary"][1]), "a word twice"),
        (lambda v: v["network"]["text"].update(width=10**6), "width"),
        (lambda v: v["network"]["text"].update(width=16), "its weights are not those"),
        (lambda v: v.pop("vocabulary"), "vocabulary"),
        (lambda v: v.update(format="x"), "not of the form"),
    ],
)
def test_a_folder_that_is_something_else_gets_one_sentence(words_folder, tmp_path, change, words):
    values = json.loads((words_folder / "config.json").read_text())
    change(values)
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "model.safetensors").write_bytes((words_folder / "model.safetensors").read_bytes())
    with pytest.raises(ValueError, match=words) as caught:
        load_glide(tmp_path)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
