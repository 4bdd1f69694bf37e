"""Files of strangers: what comes of one is a model that can be walked, or one sentence."""

import dataclasses
import json
import shutil
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, save_tiny
from hostile import (
    FOREIGN,
    THEIRS,
    bases,
    broken_texts,
    broken_weights,
    card_text,
    count,
    mutations,
    outcome,
    outcome_of_card,
    places,
    put,
    settings_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from diffusion_core import fields
from diffusion_core.checkpoint import load_checkpoint, weights
from diffusion_core.evaluation import best_value, default_words, read_results
from diffusion_core.schedule import make_schedule
from diffusion_core.training import TrainConfig, TrainingState
from diffusion_core.training_runs import (
    SampleHistory,
    TrainingPlan,
    TrainingProgress,
    load_history,
    read_state,
    save_history,
    write_state,
)
from diffusion_core.training_runs import history as history_module
from diffusion_core.training_runs.state import load_average
from diffusion_core.unet import UNet

FINE = {"walked", "sentence"}
ROOT = Path(__file__).parents[1]


def examples(number):
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def models_of_each_layout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    return bases(folder, THEIRS[:1])


@pytest.fixture(scope="module")
def changed(models_of_each_layout, tmp_path_factory):
    """Copies to be changed; each test leaves them as they were."""
    folder = tmp_path_factory.mktemp("changed")
    return [shutil.copytree(base, folder / base.name) for base in models_of_each_layout.values()]


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return Path(shutil.copytree(tiny_folder, tmp_path / "m"))


def change(folder, path, new):
    file = folder / "config.json"
    file.write_text(json.dumps(put(json.loads(file.read_text()), path, new)))


def refused(folder, *words):
    with pytest.raises(ValueError) as caught:
        load_checkpoint(folder, name="m")
    text = str(caught.value)
    assert all(word in text for word in words), text
    assert text.endswith(".") and "\n" not in text and not FOREIGN.search(text)
    assert str(folder.parent) not in text


@pytest.mark.parametrize("kind", [mutations, broken_texts])
def test_a_changed_configuration_is_walked_or_refused_in_a_sentence(changed, kind):
    files = [file for each in changed for file in settings_of(each)]
    texts = {file: file.read_text() for file in files}
    kept = {f: json.loads(text) if kind is mutations else text for f, text in texts.items()}

    @examples(150 if kind is mutations else 30)
    @given(st.sampled_from(files).flatmap(lambda f: st.tuples(st.just(f), kind(kept[f]))))
    def each(case):
        file, value = case
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        file.write_bytes(data)
        try:
            found = outcome(next(p for p in changed if file.is_relative_to(p)))
            assert found in FINE, (found, data[:3000])
        finally:
            file.write_text(texts[file])

    each()


def test_changed_weights_are_walked_or_refused_in_a_sentence(folder):
    file = folder / "model.safetensors"
    data = file.read_bytes()

    @examples(50)
    @given(broken_weights(data))
    def each(changed):
        file.write_bytes(changed)
        assert outcome(folder) in FINE

    each()


@pytest.mark.parametrize("kind", ["values", "text"])
def test_a_changed_run_card_is_walked_or_refused_in_a_sentence(tiny_folder, kind):
    checkpoint = load_checkpoint(tiny_folder)
    text = card_text(checkpoint)
    assert outcome_of_card(text, checkpoint) == "walked"
    values = mutations(json.loads(text)).map(json.dumps)

    @examples(100 if kind == "values" else 30)
    @given(values if kind == "values" else broken_texts(text))
    def each(changed):
        found = outcome_of_card(changed, checkpoint)
        assert found in FINE, (found, changed[:3000])

    each()


@pytest.mark.long
def test_a_thousand_changed_configurations_are_walked_or_refused(tmp_path):
    found = count(140, tmp_path)
    assert sum(found["settings"].values()) >= 1100
    assert {kind for seen in found.values() for kind in seen} <= FINE, found


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        (("sampling",), [1], ["its sampling is [1]", "an object"]),
        (("sampling",), {"sampler": ["x"]}, ["its sampling.sampler is ['x']", "ddim"]),
        (("class_names",), [[1]] * 10, ["its class_names[0] is [1]", "printable text"]),
        (("class_names", 3), "\ud800", [r"its class_names[3] is '\ud800'", "printable text"]),
        (("class_names", 3), "Bag", ["its class_names hold 'Bag' twice"]),
        (("class_names", 3), 5, ["its class_names[3] is 5", "printable text"]),
        (("unet", "norm_eps"), "x", ["its unet.norm_eps is 'x'", "a number above 0"]),
        (("unet", "norm_eps"), float("nan"), ["its unet.norm_eps is nan", "a number above 0"]),
        (("unet", "image_size"), [0, 0], ["its unet.image_size[0] is 0", "1 to 4,096"]),
        (("unet", "image_size"), [30, 30], ["image_size is (30, 30)", "multiples of 4"]),
        (("unet", "image_size"), 28, ["its unet.image_size is 28", "a list of 2"]),
        (("unet", "freq_shift"), "", ["its unet.freq_shift is ''", "a number"]),
        (("unet", "freq_shift"), 8, ["freq_shift is 8", "below 8"]),
        (("unet", "scale_shift"), "yes", ["its unet.scale_shift is 'yes'", "true or false"]),
        (("unet", "in_channels"), 4, ["its unet.in_channels is 4", "one of 1, 3"]),
        (("unet", "depth"), 4, ["its unet.depth is a setting that is not known"]),
        (("unet", "blocks_per_level"), 10**9, ["its unet.blocks_per_level is 1000000000", "64"]),
        (("unet", "norm_groups"), 32, ["16 channels are not a multiple of 32 groups"]),
        (("schedule", "name"), ["x"], ["its schedule.name is ['x']", "one of linear"]),
        (("schedule", "num_train_timesteps"), 10**9, ["num_train_timesteps is 1000000000"]),
        (("schedule",), {"name": "betas", "betas": [0.1, None]}, ["its schedule.betas[1] is None"]),
        (("schedule",), {"name": "betas"}, ["its schedule.betas is missing"]),
        (("clip_x0",), float("inf"), ["its clip_x0 is inf", "a number from 0 to 1000"]),
        (("training",), {"steps": "many"}, ["its training.steps is 'many'", "a whole number"]),
        (("notes",), "a note", ["its notes is 'a note'", "a list"]),
        (("unet",), None, ["its unet is None", "an object"]),
        (("prediction_type",), {}, ["its prediction_type is {}", "one of epsilon"]),
    ],
    ids=str,
)
def test_a_field_is_named_with_what_it_holds_and_what_it_may_hold(folder, path, new, words):
    change(folder, path, new)
    refused(folder, *words)


def test_names_of_attributes_are_checked_too(avatars_folder, tmp_path):
    folder = Path(shutil.copytree(avatars_folder, tmp_path / "m"))
    text = (folder / "config.json").read_text()
    for path, new, words in (
        (("attribute_names", 0, 0), "class", "its attribute_names hold 'class' twice"),
        (("attribute_names", 0, 1, 0), 7, "its attribute_names[0][1][0] is 7"),
        (("attribute_names", 0), "head", "its attribute_names[0] is 'head', and must be a pair"),
        (("attribute_names", 0, 1), [], "attribute_names have (0, 30, 9, ...) values"),
        (("attribute_classes",), [["hat", []]], "its attribute_classes name 'hat'"),
        (("attribute_classes",), [["head", ["dog"]]], "its attribute_classes.head name 'dog'"),
    ):
        change(folder, path, new)
        refused(folder, words)
        (folder / "config.json").write_text(text)


def test_nothing_is_built_where_the_file_holds_less_than_the_settings_ask_for(folder, monkeypatch):
    built = []
    real = UNet.__init__

    def init(self, config):
        built.append(torch.get_default_device().type)
        real(self, config)

    monkeypatch.setattr(UNet, "__init__", init)
    began = time.process_time()
    for path, new, words in (
        (("unet", "blocks_per_level"), 64, "hold 8 residual blocks, where 260 are expected"),
        (("unet", "blocks_per_level"), 10**9, "blocks_per_level"),
        (("unet", "image_size"), [20000, 20000], "image_size"),
        (("unet", "image_size"), [4096, 4096], "multiplications"),
        (("unet", "num_classes"), 99_999, "class_names"),
    ):
        text = (folder / "config.json").read_text()
        change(folder, path, new)
        refused(folder, words)
        (folder / "config.json").write_text(text)
    assert built == []
    change(folder, ("unet", "channels"), [16384, 16384])
    refused(folder, "conv_in.weight is (16, 4, 3, 3), where (16384, 4, 3, 3) is expected")
    assert set(built) == {"meta"}
    assert time.process_time() - began < 20


def test_a_thousand_million_parameters_are_refused_before_memory_is_given_to_them(
    folder, monkeypatch
):
    """A file may be sparse: it takes no space, and tells of gigabytes."""
    header = {"x": {"dtype": "F16", "shape": [10**9], "data_offsets": [0, 2 * 10**9]}}
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + 2 * 10**9)
    monkeypatch.setattr(weights, "_PIECE", 2**26)
    monkeypatch.setattr(weights, "digest_of", lambda file: "0" * 64)
    from diffusion_core.checkpoint import store

    monkeypatch.setattr(store, "digest_of", lambda file: "0" * 64)
    refused(folder, "1,000,000,000 parameters", "at most 999,999,999")


def test_numbers_that_are_not_finite_or_of_another_kind_are_refused(folder):
    file = folder / "model.safetensors"
    good = load_file(file)
    name = "mid_block.resnets.0.conv1.weight"
    for bad in (float("nan"), float("inf"), -float("inf")):
        tensors = {k: v.clone() for k, v in good.items()}
        tensors[name].view(-1)[3] = bad
        save_file(tensors, file)
        refused(folder, "NaN or Infinity", name, "diverged")
    save_file({k: v.double() for k, v in good.items()}, file)
    assert load_checkpoint(folder).weights_hash
    large = {k: v.float() for k, v in good.items()}
    large[name] = torch.full_like(large[name], 3e38)  # finite, though their sum is not
    save_file(large, file)
    assert load_checkpoint(folder).weights_hash
    save_file({k: v.to(torch.int16) if k == name else v for k, v in good.items()}, file)
    refused(folder, name, "the type I16", "F16")


def test_json_with_a_mark_at_its_beginning_is_read_as_windows_writes_it(folder):
    file = folder / "config.json"
    text = file.read_text()
    known = load_checkpoint(folder).config
    for data in (b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16"), text.encode("utf-32")):
        file.write_bytes(data)
        assert load_checkpoint(folder).config == known
    file.write_bytes(b'{"a": "\xff\xfe"}')
    refused(folder, "its config.json is broken: it is not text in UTF-8")
    file.write_text('{\n  "a": 1,\n}')
    refused(folder, "its config.json is broken: in line 3, column 1, it is not JSON")
    file.write_text("[" * 3000)
    refused(folder, "its config.json is nested too deeply")
    file.write_text('{"a": ' + "7" * 5000 + "}")
    refused(folder, "its config.json holds a number of thousands of digits")
    with open(file, "wb") as opened:
        opened.truncate(11_000_000)
    refused(folder, "at most 10,000,000 are read")


def test_a_link_out_of_the_folder_is_refused_where_visitors_are_strangers(folder, tiny_folder):
    load_checkpoint(folder, links=False)
    for name in ("model.safetensors", "config.json"):
        (folder / name).unlink()
        try:
            (folder / name).symlink_to(tiny_folder / name)
        except OSError:
            pytest.skip("this account may make no links")
        load_checkpoint(folder)  # one's own machine
        with pytest.raises(ValueError, match=f"its {name} is a link out of its folder"):
            load_checkpoint(folder, links=False)
        (folder / name).unlink()
        shutil.copyfile(tiny_folder / name, folder / name)


def test_nothing_is_unpickled(folder):
    pickle = (
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94."
    )
    (folder / "model.safetensors").write_bytes(pickle)
    refused(folder, "is broken")
    (folder / "model.safetensors").unlink()
    for name in ("model.bin", "model.pt", "model.ckpt", "pytorch_model.bin"):
        (folder / name).write_bytes(pickle)
    refused(folder, "The weights of m are pickled (model.bin), and a pickle can run code")
    for file in sorted((ROOT / "diffusion_core").rglob("*.py")) + sorted(
        (ROOT / "tabs").rglob("*.py")
    ):
        text = file.read_text(encoding="utf-8")
        assert "torch.load(" not in text and "pickle.load" not in text, file
        assert text.count("np.load(") == text.count("allow_pickle=False"), file


def history():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (8, 8, 8, 1), dtype=np.uint8)
    walks = [rng.integers(0, 255, (11, 16, 16, 1), dtype=np.uint8) for _ in range(3)]
    growth = SampleHistory(pictures, [*range(8)], pictures, [0, 8, 9], walks, [pictures] * 3)
    progress = TrainingProgress(20, 4, 1000, step=9, history=[(1, 0.5)], losses=[0.5] * 9)
    return progress, growth


def test_a_damaged_history_is_none(tmp_path, monkeypatch):
    save_history(tmp_path, *history())
    progress, growth = load_history(tmp_path)
    assert progress.step == 9 and growth.steps == [0, 8, 9]
    file = tmp_path / "history.npz"
    data = file.read_bytes()
    with np.load(file) as kept:
        arrays = {k: kept[k] for k in kept.files}
    said = json.loads(arrays["said"].tobytes())

    def written(**changes):
        np.savez_compressed(file, **{**arrays, **changes})
        return load_history(tmp_path)

    assert written(looks=arrays["looks"][:2]) is None
    assert written(walks=arrays["walks"].astype(float)) is None
    assert written(walks=np.zeros((3, 11, 16), np.uint8)) is None
    assert written(noised=np.zeros((8, 8, 8, 2), np.uint8)) is None
    monkeypatch.setattr(history_module, "MOST_BYTES", 2**22)
    assert written(more=np.zeros(2**22, np.uint8)) is None  # a few kB that unpack to megabytes
    assert written(walks=np.array([{}] * 3)) is None  # which would be unpickled

    @examples(30)
    @given(mutations(said))
    def each(values):
        text = json.dumps(values).encode()
        found = written(said=np.frombuffer(text, np.uint8))
        if found is not None:
            found[0].cut(3)
            found[1].cut(3)
            assert found[0].images_per_second >= 0 and found[0].seconds_left is not None

    each()

    @examples(30)
    @given(st.integers(0, len(data) - 1), st.integers(0, 255))
    def bytes_of_it(at, new):
        file.write_bytes(data[:at] + bytes([new]) + data[at + 1 :])
        load_history(tmp_path)

    bytes_of_it()


def test_a_damaged_state_is_refused_in_a_sentence_and_nothing_of_it_is_taken(tmp_path):
    config, schedule = TrainConfig(num_steps=5, precision="fp32"), make_schedule("linear")
    asked = {"train": dataclasses.asdict(config), "unet": {}, "data": {"content": "x"}}
    state = TrainingState.begin(config, TINY)
    path = tmp_path / "state.safetensors"
    write_state(path, asked, schedule, state, "fp32")
    assert read_state(path, asked, schedule, state) == "fp32"
    good = load_file(path)
    known = {"step": "0", "precision": "fp32", "settings": json.dumps(asked)}
    before = {k: v.clone() for k, v in state.unet.state_dict().items()}
    key = next(k for k in good if k.startswith("unet."))

    def refused_state(tensors, metadata):
        save_file(tensors, path, metadata)
        with pytest.raises(ValueError) as caught:
            read_state(path, asked, schedule, state)
        text = str(caught.value)
        assert "not a readable training state; remove it" in text or "holds a run" in text
        assert all(torch.equal(v, before[k]) for k, v in state.unet.state_dict().items())

    for change in (
        {"settings": "[" * 5000},
        {"settings": "[]"},
        {"settings": '{"train": 3}'},
        {"settings": "9" * 5000},
        {"step": "-3"},
        {"step": "many"},
        {"step": "99"},
        {"precision": "int8"},
    ):
        refused_state(good, known | change)
    refused_state({k: v for k, v in good.items() if k != "betas"}, known)
    refused_state({**good, "betas": good["betas"][:3]}, known)
    refused_state({**good, "optimizer.0.exp_avg": torch.zeros(3)}, known)
    refused_state({**good, "optimizer.x.exp_avg": torch.zeros(3)}, known)
    refused_state({**good, "optimizer.99999.step": torch.zeros(())}, known)
    data = path.read_bytes()
    for at in (0, 7, 8, 100, len(data) // 2):
        path.write_bytes(data[:at])
        with pytest.raises(ValueError, match="not a readable training state"):
            read_state(path, asked, schedule, state)
        with pytest.raises(ValueError, match="not a readable training state"):
            load_average(path, UNet(TINY))
    save_file({**good, key: good[key][:1]}, path, known)
    with pytest.raises(ValueError, match="not a readable training state"):
        read_state(path, asked, schedule, state)


def test_a_changed_plan_is_a_plan_or_one_sentence():
    text = (ROOT / "tests" / "files_of_before" / "plan.json").read_text()
    assert TrainingPlan.from_json("\ufeff" + text) == TrainingPlan.from_json(text)

    @examples(80)
    @given(mutations(json.loads(text)))
    def each(values):
        try:
            plan = TrainingPlan.from_json(json.dumps(values))
        except ValueError as error:
            assert str(error).endswith(".") and not FOREIGN.search(str(error))
        else:
            plan.to_json().encode()

    each()
    with pytest.raises(ValueError, match="no plan of a training run: it is nested"):
        TrainingPlan.from_json("[" * 100_000)


def test_changed_results_are_read_or_left_out(tmp_path):
    folder = ROOT / "pretrained" / "fashion-mnist"
    values = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    digest = values["weights"]
    (tmp_path / "results.json").write_text("\ufeff" + json.dumps(values), encoding="utf-8")
    assert read_results(tmp_path, digest) == read_results(folder, digest) is not None
    for text in ("[" * 100_000, "9" * 5000, ""):
        (tmp_path / "results.json").write_text(text)
        assert read_results(tmp_path, digest) is None

    @examples(60)
    @given(mutations(values))
    def each(changed):
        (tmp_path / "results.json").write_text(json.dumps(changed))
        found = read_results(tmp_path, digest)
        if found is not None:
            default_words(found).encode()
            best_value(found)

    each()


def test_a_value_is_quoted_shortly_and_printably():
    assert fields.shown("a" * 1000) == repr("a" * 1000)[:18] + "..." + repr("a" * 1000)[-19:]
    assert fields.shown("\ud800\n") == r"'\ud800\n'"
    assert len(fields.shown([[[[1] * 100] * 100] * 100] * 100)) < 100
    assert fields.shown(10**5000) and fields.printable("a\ud800\x07b") == r"a\ud800\x07b"
    for value, kind in (
        (True, fields.whole(0, 2)),
        (1.5, fields.whole(0, 2, floats=True)),
        (float("nan"), fields.number(-1e308, 1e308)),
        (0, fields.number(0, 1, above=True)),
        ("true", fields.flag()),
        (1, fields.one_of(("1", "2"))),
        (True, fields.one_of((1, 3))),
        ("a\nb", fields.text()),
        ([1, 2], fields.listed(fields.whole(0, 1))),
        ({1: 2}, fields.mapping()),
    ):
        with pytest.raises(ValueError, match="^x"):
            kind.check("x", value)


def test_every_place_of_a_file_is_changed_now_and_then():
    assert len(list(places({"a": [1, {"b": 2}], "c": None}))) == 5
    assert put({"a": [1]}, ("a", 0), -2) == {"a": [-2]}


def test_a_checkpoint_that_was_changed_by_its_owner_is_still_saved(tiny_folder, tmp_path):
    """The same table is asked when settings are made here, so that no file is written in vain."""
    read = load_checkpoint(tiny_folder)
    with pytest.raises(ValueError, match=r"its class_names\[0\] is 'a\\x07', and must be"):
        dataclasses.replace(read.config, class_names=("a\x07", *read.config.class_names[1:]))
    save_tiny(tmp_path / "again")
    assert load_checkpoint(tmp_path / "again").config == read.config
