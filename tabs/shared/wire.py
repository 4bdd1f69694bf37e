"""All that passes between server and page: bytes as text, and every message's keys.

The page's side of the messages is static/lib/messages.js, which has a typedef for each of these; a
test holds that both name the same keys. What the keys mean stands there. Pictures are text in
base64: uint8, rows from the top, RGB or grey.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import NotRequired, TypedDict


def as_base64(values: np.ndarray | bytes) -> str:
    """The bytes of an array in C order, or bytes as they are, as text for a JSON message."""
    data = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
    return base64.b64encode(data).decode()


class PackedPoints(TypedDict):
    """Numbers of points as int16, in C order."""

    shape: list[int]
    most: float
    values: str


LARGEST_INT16 = 32_767


def packed_points(values: np.ndarray) -> PackedPoints:
    """Numbers of any shape as int16 of their largest size; an error of at most 1/65,534 of that."""
    most = float(np.abs(values).max(initial=0.0)) or 1.0
    levels = np.rint(values / most * LARGEST_INT16).astype("<i2")
    return {"shape": list(values.shape), "most": most, "values": as_base64(levels)}


def unpacked_points(text: str) -> np.ndarray:
    """Points of the plane that the page packed: int16, of which 32,767 is 1; float32 (N, 2).

    Raises:
        ValueError: if the text is no such points.
    """
    try:
        levels = np.frombuffer(base64.b64decode(text, validate=True), dtype="<i2")
        points = levels.reshape(-1, 2).astype(np.float32) / LARGEST_INT16
    except ValueError:  # binascii's own error is one
        raise ValueError("What was drawn did not arrive; clear it and draw again.") from None
    return np.clip(points, -1, 1)


class Failure(TypedDict):
    """Why a run could not begin, or broke off."""

    run: str
    error: str
    offer: NotRequired[bool]


class Frame(TypedDict):
    """One frame of a walk."""

    i: int
    t: int
    tp: int
    ab: float
    nfe: int
    ms: float
    w: dict[str, float]
    h: tuple[int, ...]
    n: dict[str, float]
    px: list[str]


class Formula(TypedDict):
    """A sampler's step as formulas.

    `terms` holds sets of formulas by the weight's name; the first set that has one for each of a
    step's weights is that step's. `letters` explains the letters.
    """

    terms: Sequence[Mapping[str, str]]
    letters: str


class Head(TypedDict):
    """What stays the same in all frames of a walk."""

    width: int
    height: int
    channels: int
    tile: tuple[int, int]
    columns: int
    images: int
    row: bool
    views: tuple[str, ...]
    steps: int
    alpha_bars: list[float]
    straight: NotRequired[bool]
    samplers: list[tuple[int, str]]
    formulas: dict[str, Formula]
    branch: int
    name: str
    seeds: str
    caption: str
    bound: str
    known: NotRequired[int]
    x0: NotRequired[str]
    hole: NotRequired[bool]


class EstimateWeights(TypedDict):
    """What the network's output at a timestep means, as weights."""

    t: int
    x0_hat: dict[str, float]
    eps_hat: dict[str, float]


class TableStep(TypedDict):
    """One step of a walk as weights; see `generation.TableStep`."""

    t: int
    t_prev: int
    alpha_bar: float
    estimate: EstimateWeights
    weights: dict[str, float]
    trial: dict[str, float] | None
    there: EstimateWeights | None


class WalkTable(TypedDict):
    """A walk without its network and its noise."""

    shape: tuple[int, int, int]
    images: int
    columns: int
    views: tuple[str, ...]
    stride: int
    piece: int
    guidance: float
    clip: float
    percentile: float
    y: list[Any]
    steps: list[TableStep]


class BrowserWalk(TypedDict):
    """A walk that the visitor's browser is to compute."""

    table: WalkTable
    runtime: str
    graph: str
    size: int
    start: str
    card: str
    link: str


class NoiseRequest(TypedDict):
    """The player's request for the noise of some steps of a walk in the browser."""

    run: str
    first: int
    count: int


class NoiseAnswer(TypedDict):
    """That noise, or why there is none."""

    values: NotRequired[str]
    error: NotRequired[str]


class PlayerMessage(TypedDict):
    """Frames of a walk, for the player."""

    run: str
    total: int
    done: bool
    first: int
    frames: list[Frame]
    card: NotRequired[str]
    link: NotRequired[str]
    note: NotRequired[str]
    head: NotRequired[Head]
    walk: NotRequired[BrowserWalk]


class KeepRequest(TypedDict):
    """The player's request for a file of a run."""

    run: str
    card: str
    kind: str
    view: str
    native: bool


class KeepAnswer(TypedDict):
    """A file for the browser to save, or why there is none."""

    name: NotRequired[str]
    type: NotRequired[str]
    data: NotRequired[str]
    error: NotRequired[str]


class CodeAnswer(TypedDict):
    """A link as a QR code, or why there is none."""

    svg: NotRequired[str]
    error: NotRequired[str]


class RecallRequest(TypedDict):
    """The player's request for the frames of a run that it showed before a reload."""

    run: str
    session: str
    first: int


class JoinRequest(TypedDict):
    """A page that shows itself to the server."""

    session: str
    token: str
    before: str
    left: bool
    reopened: bool
    uploads: list[str]


class JoinAnswer(TypedDict):
    """What the server knows of a page that has shown itself."""

    session: NotRequired[str]
    server: NotRequired[str]
    known: NotRequired[bool]
    closed: NotRequired[bool]
    kept: NotRequired[list[str]]
    minutes: NotRequired[float]
    error: NotRequired[str]


class ConnectionMessage(TypedDict):
    """What a page's connection begins with."""

    lookups: dict[str, str]


class RaceFrame(TypedDict):
    """One frame of one lane of a race."""

    lane: int
    k: int
    i: int
    t: int
    nfe: int
    ms: float
    px: list[str]


class RaceLane(TypedDict):
    """One lane of a race."""

    name: str
    steps: int
    evaluations: int
    kind: str


class RaceHead(TypedDict):
    """What stays the same in all frames of a race."""

    width: int
    height: int
    channels: int
    lanes: list[RaceLane]
    caption: str
    neighbours: NotRequired[bool]


class RaceMessage(TypedDict):
    """Frames of a race, and with the last of them the distances between the results."""

    run: str
    head: RaceHead
    frames: list[RaceFrame]
    done: NotRequired[bool]
    distances: NotRequired[list[list[float]]]
    nearest: NotRequired[list[float]]
    known: NotRequired[int]
    neighbours: NotRequired[list[str]]


class PictureAndNoiseMessage(TypedDict):
    """A picture and its noise, mixed in the browser."""

    id: str
    size: int
    channels: int
    x0: str
    eps: str


class NoiseMessage(PictureAndNoiseMessage):
    """The Noise stage's picture, noise and schedule."""

    alpha_bars: list[float]
    straight: bool
    file: str
    caption: str


class ScheduleNumbers(TypedDict):
    """One schedule, a number a timestep."""

    name: str
    alpha_bars: list[float]
    betas: list[float]
    posterior: list[float]


class CompareMessage(PictureAndNoiseMessage):
    """The Schedules stage's picture, noise and schedules."""

    schedules: list[ScheduleNumbers]


class Moments(TypedDict):
    """Mean and variance, each with its standard error."""

    mean: tuple[float, float]
    variance: tuple[float, float]


class ChainMessage(TypedDict):
    """Noising by single steps, beside noising in one jump."""

    size: int
    channels: int
    k: int
    of: int
    done: bool
    chain: str
    jump: str
    variance: float
    of_chain: Moments
    of_jump: Moments
    words: str


class GalleryRow(TypedDict):
    """One row of a gallery."""

    name: str
    cells: list[str | None]
    tone: NotRequired[str]
    tones: NotRequired[list[str]]
    numbers: NotRequired[list[str]]


class GalleryMessage(TypedDict):
    """Pictures in rows and columns."""

    run: str
    width: int
    height: int
    channels: int
    cell: NotRequired[int]
    columns: list[str]
    rows: list[GalleryRow]
    words: str
    state: str


class HoleShape(TypedDict):
    """A hole that is offered to the painter."""

    name: str
    mask: str


class HoleMessage(TypedDict):
    """The picture in which a hole is painted; the page sends it back with the mask."""

    width: int
    height: int
    channels: int
    px: str
    mask: NotRequired[str]
    shapes: NotRequired[list[HoleShape]]


class Picture(TypedDict):
    """A picture with its size."""

    width: int
    height: int
    channels: int
    px: str


class DatasetMessage(TypedDict):
    """A data set that nothing has been trained on yet."""

    run: str
    state: str
    sheet: Picture
    noise: Picture


class Milestone(TypedDict):
    """What the network made at one step of its training."""

    step: int
    walk: list[str]
    looks: list[str]


class Task(TypedDict):
    """Pictures noised to several timesteps, which every milestone takes apart."""

    width: int
    height: int
    channels: int
    times: list[int]
    clean: list[str]
    noised: list[str]


class HealthCheck(TypedDict):
    """One of the checks of a training's health."""

    name: str
    ok: bool
    words: str


class TrainingMessage(TypedDict):
    """A training as it goes."""

    run: str
    state: str
    step: int
    total: int
    T: int
    loss: list[tuple[int, float]]
    bins: list[float | None]
    first: list[float | None]
    steps: list[int]
    new: list[Milestone]
    line: str
    checks: list[HealthCheck]
    sheet: NotRequired[Picture]
    task: NotRequired[Task]
    shape: NotRequired[tuple[int, int, int]]


class TrainingFailure(TypedDict):
    """Why a training could not begin."""

    error: str


class GlossarySymbol(TypedDict):
    """One line of the glossary: `_` stands before a subscript, code between backticks."""

    symbol: str
    code: str
    words: str


class HeaderMessage(TypedDict):
    """What the page's header shows."""

    symbols: list[GlossarySymbol]


class LessonStep(TypedDict):
    """One step of a lesson, with the controls by the names that the page has for them."""

    say: str
    tab: str
    view: str
    controls: dict[str, Any]
    own: dict[str, float]
    press: list[str]
    ask: str
    choices: list[str]
    right: int
    because: str


class LessonMessage(TypedDict):
    """A lesson; without steps where it cannot be followed here, and why."""

    id: str
    title: str
    about: str
    steps: list[LessonStep]
    error: NotRequired[str]


class LessonsMessage(TypedDict):
    """The page's own lessons."""

    lessons: list[LessonMessage]


class LessonRequest(TypedDict):
    """The text of a lesson that a visitor opened."""

    text: str


class LessonAnswer(TypedDict):
    """That lesson, or why it cannot be followed."""

    lesson: NotRequired[LessonMessage]
    error: NotRequired[str]


class InsideStageMessage(TypedDict):
    """The pictures above the views of the Inside tab."""

    truth: bool
    width: int
    height: int
    channels: int
    x_t: str
    x0_hat: str
    x0: str
    apart: str
    error: float
    guess: str
    plain: str
    plain_error: float
    plain_guess: str
    t: int
    T: int
    model: str
    changed: str
    caption: str


class MapBlock(TypedDict):
    """A block on the map of a network."""

    name: str
    kind: str
    way: str
    level: int
    title: str
    sentence: str
    facts: str
    channels: int
    side: int
    work: float
    time: float
    width: int
    height: int
    picture: str


class NormMessage(TypedDict):
    """A group norm, before and after."""

    name: str
    groups: int
    most: float
    before: list[float]
    after: list[float]
    spread: list[float]


class ArithmeticMessage(TypedDict):
    """One number of a convolution, as the sum that it is."""

    name: str
    names: list[str]
    channel: int
    of: int
    row: int
    column: int
    side: int
    given: int
    inputs: list[int]
    patches: list[list[float]]
    kernels: list[list[float]]
    sums: list[float]
    others: int
    rest: float
    bias: float
    value: float


class OpenedBlock(TypedDict):
    """A block that is laid open."""

    name: str
    title: str
    sentence: str
    facts: str
    left_out: str
    width: int
    height: int
    rows: int
    columns: int
    channels: list[int]
    deviations: list[float]
    maps: list[str]
    components: str
    explained: float
    comes_in: float
    adds: NotRequired[float]
    goes_on: float
    norms: list[NormMessage]
    heads: list[str]
    most: list[float]
    vector: list[float]
    arithmetic: NotRequired[ArithmeticMessage]


class InsideMapMessage(TypedDict):
    """The map of a network at one evaluation."""

    model: str
    t: int
    words: str
    blocks: list[MapBlock]
    skips: list[list[int]]
    opened: NotRequired[OpenedBlock]


class EncodingMap(TypedDict):
    """Encodings of timesteps as a picture, and that of one timestep as numbers."""

    width: int
    of: int
    most: float
    px: str
    row: list[float]


class InsideTimestepMessage(TypedDict):
    """How a network is told its timestep, and what it does when told another."""

    t: int
    told: int
    T: int
    rows: int
    fourier: bool
    features: EncodingMap
    learnt: EncodingMap
    similarity: str
    near: list[float]
    pair: float
    curve: list[tuple[int, float]]
    error: float
    words: str


class LossPictures(TypedDict):
    """One draw of the training loss as pictures."""

    width: int
    height: int
    channels: int
    x0: str
    eps: str
    x_t: str
    output: str
    target: str
    square: str
    t: int
    alpha_bar: float
    loss: float


class WeightingMessage(TypedDict):
    """How a weighting of the loss counts draws, and the average curve."""

    name: str
    words: str
    points: list[float]
    curve: list[float]


class LayerMessage(TypedDict):
    """How far one step of the gradient moves a block."""

    name: str
    change: float


class InsideLossMessage(LossPictures):
    """The training loss, drawn by hand."""

    T: int
    kind: str
    points: list[tuple[int, float]]
    curve: list[tuple[int, float]]
    weightings: list[WeightingMessage]
    own: str
    source: str
    layers: list[LayerMessage]
    told: str


class PointsDataMessage(TypedDict):
    """Points of the plane and their noise, mixed in the browser."""

    id: str
    x0: PackedPoints
    eps: PackedPoints
    alphas: list[float]
    words: str
    drawing: bool


class PointsLearnMessage(TypedDict):
    """A network that learns points, and where its samples now land."""

    run: str
    state: str
    step: int
    of: int
    seconds: float
    data: PackedPoints
    particles: PackedPoints
    losses: list[tuple[float, float]]
    ratios: list[tuple[float, float]]
    bound: float
    recognised: float | None
    words: str


class PointsLane(TypedDict):
    """A walk of points, every step of it."""

    name: str
    kind: str
    t: list[int]
    alphas: list[float]
    sigmas: list[float]
    weights: list[dict[str, float]]
    x: PackedPoints
    x0_hat: PackedPoints
    eps_hat: PackedPoints
    noise: NotRequired[PackedPoints]
    nfe: int
    near: float
    turned: float
    error: NotRequired[float]


class PointsWalkMessage(TypedDict):
    """Walks of points from one noise, side by side."""

    id: str
    lanes: list[PointsLane]
    data: PackedPoints
    words: str


class PointsError(TypedDict):
    """How well a denoiser guesses the noise on points that it knows, and on new ones."""

    name: str
    known: float
    new: float


class PointsFieldMessage(TypedDict):
    """What is predicted all over the plane at one timestep, exactly and by a network."""

    t: int
    T: int
    alpha: float
    sigma: float
    reach: float
    side: int
    exact: PackedPoints
    learnt: NotRequired[PackedPoints]
    density: str
    density_side: int
    apart: NotRequired[str]
    apart_side: NotRequired[int]
    most_apart: NotRequired[float]
    mean_apart: NotRequired[float]
    share: NotRequired[float]
    errors: list[PointsError]
    data: PackedPoints
    words: str


class PointsPath(TypedDict):
    """Walks on one path from noise to points, and how near they end by their steps."""

    name: str
    x: PackedPoints
    alphas: list[float]
    sigmas: list[float]
    longer: float
    near: list[tuple[int, float]]


class PointsPathsMessage(TypedDict):
    """Diffusion and flow matching, trained on the same points for equal steps."""

    run: str
    state: str
    step: int
    of: int
    paths: list[PointsPath]
    data: PackedPoints
    bound: float
    words: str


class PointsFamilyPicture(TypedDict):
    """What is to be seen of one family, beside its samples."""

    field: NotRequired[str]
    lines: NotRequired[PackedPoints]
    latent: NotRequired[PackedPoints]
    told: NotRequired[PackedPoints]
    starts: NotRequired[PackedPoints]
    ends: NotRequired[PackedPoints]
    t: NotRequired[int]
    error: NotRequired[float]
    range: NotRequired[list[float]]


class PointsFamily(TypedDict):
    """One family of generative models while it learns points."""

    key: str
    title: str
    samples: PackedPoints
    ratio: float
    steps: int
    seconds: float
    parameters: int
    picture: PointsFamilyPicture


class PointsFamilyRow(TypedDict):
    """What was measured of one family on points."""

    title: str
    distance: float
    error: float
    precision: float
    recall: float
    modes: int | None
    of_modes: int | None
    evaluations: int
    microseconds: float
    likelihood: float | None
    parameters: int
    latent: int
    steps: int
    seconds: float


class PointsClaim(TypedDict):
    """A usual claim on families, and what was measured of it."""

    claim: str
    verdict: str
    figures: str


class PointsFamiliesMessage(TypedDict):
    """Five families that learn the same points."""

    run: str
    state: str
    seconds: float
    of: float
    data: PackedPoints
    families: list[PointsFamily]
    rows: list[PointsFamilyRow]
    claims: list[PointsClaim]
    words: str
    collapse: bool


class SpaceFrame(TypedDict):
    """What a step of a walk of clouds shows: B clouds of N points."""

    t: int
    signal: float
    x: PackedPoints
    x0_hat: PackedPoints


class SpaceMessage(TypedDict):
    """Some frames of a walk of clouds."""

    run: str
    state: str
    first: int
    frames: list[SpaceFrame]
    total: int
    known: int
    words: str
    card: NotRequired[str]
    note: NotRequired[str]


class PointsStrip(TypedDict):
    """Pictures in a row, of one family."""

    key: str
    title: str
    says: str
    count: int
    pictures: str


class PointsStripsRow(TypedDict):
    """What was measured of one family on pictures."""

    title: str
    evaluations: int | None
    distance: float
    precision: float
    recall: float
    milliseconds: float | None
    parameters: int | None
    bits: float | None
    seconds: float | None


class PointsStripsMessage(TypedDict):
    """Families on pictures: rows of pictures, and what was measured."""

    state: str
    words: str
    side: int
    strips: list[PointsStrip]
    rows: list[PointsStripsRow]
    claims: list[PointsClaim]


class SystemBox(TypedDict):
    """A part of a system, as it is loaded."""

    key: str
    title: str
    lines: list[str]


class GuidedLane(TypedDict):
    """One of the walks that the view "Guided diffusion" has side by side."""

    key: str
    words: str
    scale: float
    x_t: list[str]
    x0_hat: list[str]
    beliefs: list[list[float]]
    gradients: list[str]
    sizes: list[float]
    nfe: int


class GuidanceRowMessage(TypedDict):
    """One point of the measured curve."""

    kind: str
    scale: float
    accuracy: float
    distance: float
    precision: float
    recall: float


class GuidanceCurveMessage(TypedDict):
    """What guidance does, measured by kind and scale."""

    rows: list[GuidanceRowMessage]
    words: str


class GuidedMessage(TypedDict):
    """A walk that a classifier guides, and what stands beside it."""

    state: str
    run: NotRequired[str]
    lanes: NotRequired[list[GuidedLane]]
    boxes: NotRequired[list[SystemBox]]
    class_names: NotRequired[list[str]]
    curve: NotRequired[GuidanceCurveMessage]
    width: NotRequired[int]
    height: NotRequired[int]
    channels: NotRequired[int]
    t: NotRequired[list[int]]
    signal: NotRequired[list[float]]
    log_snr: NotRequired[list[float]]
    wanted: NotRequired[list[int]]
    algorithm: NotRequired[int]
    sampler: NotRequired[str]
    branch: NotRequired[int]
    card: NotRequired[str]
    file: NotRequired[str]
    caption: NotRequired[str]
    note: NotRequired[str]


class CaptionPart(TypedDict):
    """The words that a part of a walk was asked for."""

    first: int
    words: list[str]
    places: list[int]
    least: list[float]
    most: list[float]


class GlideLane(TypedDict):
    """One of the walks that the view "GLIDE" has side by side."""

    caption: str
    scale: float
    clip_scale: float
    agreement: list[float]
    parts: list[CaptionPart]
    x_t: list[str]
    x0_hat: list[str]
    maps: list[str]
    nfe: int
    card: str
    file: str


class GlideRowMessage(TypedDict):
    """How often pictures show an attribute that their captions tell."""

    name: str
    told: int
    words: float
    menus: float


class GlideResultsMessage(TypedDict):
    """How well a model that is asked in words obeys, beside menus."""

    rows: list[GlideRowMessage]
    words: str
    same: str


class ClipRowMessage(TypedDict):
    """What pictures show of their captions with one kind of guidance at one scale."""

    kind: str
    scale: float
    obedience: float
    distance: float


class ClipResultsMessage(TypedDict):
    """Guidance of a model that is asked in words, classifier-free and by a CLIP."""

    rows: list[ClipRowMessage]
    words: str


class GlideMessage(TypedDict):
    """Walks of captions, and what stands beside them."""

    state: str
    run: NotRequired[str]
    lanes: NotRequired[list[GlideLane]]
    boxes: NotRequired[list[SystemBox]]
    vocabulary: NotRequired[list[str]]
    results: NotRequired[GlideResultsMessage]
    clip_results: NotRequired[ClipResultsMessage]
    absent: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    channels: NotRequired[int]
    t: NotRequired[list[int]]
    branch: NotRequired[int]
    attends: NotRequired[bool]
    map_size: NotRequired[list[int]]
    layers: NotRequired[int]
    sampler: NotRequired[str]
    card: NotRequired[str]
    caption: NotRequired[str]
    note: NotRequired[str]


class FillingLane(TypedDict):
    """One of the walks that fill a hole."""

    title: str
    words: str
    x_t: list[str]
    x0_hat: list[str]


class DifferCount(TypedDict):
    """A number of a network, in words."""

    name: str
    words: str


class DifferFact(TypedDict):
    """A fact that a caption tells, and what a judge reads in its place."""

    words: str
    seen: str
    right: bool


class DifferRow(TypedDict):
    """One of the systems that the view "How the systems differ" compares."""

    key: str
    name: str
    told: str
    frames: list[str]
    absent: NotRequired[str]
    parameters: NotRequired[list[DifferCount]]
    size: NotRequired[str]
    count: NotRequired[int]
    evaluations: NotRequired[list[DifferCount]]
    asked: NotRequired[int]
    milliseconds: NotRequired[float]
    time: NotRequired[str]
    facts: NotRequired[list[DifferFact]]
    measured: NotRequired[str]


class DifferMessage(TypedDict):
    """One caption, drawn by all systems."""

    state: str
    run: NotRequired[str]
    rows: NotRequired[list[DifferRow]]
    progress: NotRequired[str]
    card: NotRequired[str]
    file: NotRequired[str]
    caption: NotRequired[str]
    note: NotRequired[str]


class TimelineEntry(TypedDict):
    """A paper of the time line above the systems, and what opens its view."""

    name: str
    when: str
    paper: str
    added: str
    tab: str
    shown: str
    months: int


class TimelineMessage(TypedDict):
    """The time line above the systems."""

    entries: list[TimelineEntry]
    seen: str


class UnclipItem(TypedDict):
    """One of the pictures that the view "DALL·E 2" draws together."""

    words: str
    x_t: list[str]
    x0_hat: list[str]


class PriorMessage(TypedDict):
    """The walk of a prior, from noise to an embedding."""

    t: list[int]
    distances: list[list[float]]
    similarities: list[float]
    taken: int
    scale: float
    nfe: int


class MeasuredTable(TypedDict):
    """A table of what was measured, as it is shown."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    says: str


class UnclipResultsMessage(TypedDict):
    """What was measured of prior and decoder."""

    tables: list[MeasuredTable]
    words: str


class UnclipMessage(TypedDict):
    """A drawing from words or from pictures, and what stands beside it."""

    state: str
    run: NotRequired[str]
    task: NotRequired[str]
    items: NotRequired[list[UnclipItem]]
    given: NotRequired[list[str]]
    prior: NotRequired[PriorMessage]
    boxes: NotRequired[list[SystemBox]]
    results: NotRequired[UnclipResultsMessage]
    absent: NotRequired[str]
    progress: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    channels: NotRequired[int]
    t: NotRequired[list[int]]
    card: NotRequired[str]
    file: NotRequired[str]
    caption: NotRequired[str]
    note: NotRequired[str]


class FillingMessage(TypedDict):
    """A hole that is filled twice, and what stands beside it."""

    state: str
    run: NotRequired[str]
    lanes: NotRequired[list[FillingLane]]
    boxes: NotRequired[list[SystemBox]]
    results: NotRequired[UnclipResultsMessage]
    absent: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    channels: NotRequired[int]
    t: NotRequired[list[int]]
    card: NotRequired[str]
    file: NotRequired[str]
    caption: NotRequired[str]
    note: NotRequired[str]


class ImagenItem(TypedDict):
    """One of the cascades that the view "Imagen" draws."""

    words: str
    small_x_t: list[str]
    small_x0_hat: list[str]
    condition: str
    large_x_t: list[str]
    large_x0_hat: list[str]
    saturated: list[float]
    away: float
    level: float


class LevelRowMessage(TypedDict):
    """One point of the curve of levels of augmentation."""

    level: float
    distance: float
    obedience: float


class ImagenResultsMessage(TypedDict):
    """What was measured of a cascade."""

    tables: list[MeasuredTable]
    levels: list[LevelRowMessage]
    words: str


class ImagenMessage(TypedDict):
    """A drawing of both walks, and what stands beside it."""

    state: str
    run: NotRequired[str]
    task: NotRequired[str]
    items: NotRequired[list[ImagenItem]]
    given: NotRequired[str]
    given_size: NotRequired[int]
    boxes: NotRequired[list[SystemBox]]
    results: NotRequired[ImagenResultsMessage]
    saturated_real: NotRequired[float]
    absent: NotRequired[str]
    progress: NotRequired[str]
    small: NotRequired[list[int]]
    large: NotRequired[list[int]]
    channels: NotRequired[int]
    t_small: NotRequired[list[int]]
    t_large: NotRequired[list[int]]
    card: NotRequired[str]
    file: NotRequired[str]
    caption: NotRequired[str]
    note: NotRequired[str]


class CaptionExample(TypedDict):
    """A caption to begin with."""

    name: str
    caption: str


class CaptionNoteMessage(TypedDict):
    """What stands under a field for a caption."""

    field: str
    words: list[str]
    examples: list[CaptionExample]
    note: str
