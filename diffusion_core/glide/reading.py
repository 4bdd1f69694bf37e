"""What a caption tells, read from its words: the grammar of `captions` the other way.

Menus know an avatar by its class and the values of its attributes; a caption is free text.
`facts_in` finds in it the phrases that the grammar has for them, each as long as possible, so that
"short dreads" are not "dreads", and "light blue background" is no blue thumb. Commas part phrases,
articles do not count, and what stands after "without" or "no" is not there. What has no phrase is
not read.

What is read of a caption that `describe` wrote is what it told, by its `meaning`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ..conditioning import CLASS
from . import phrases
from .captions import words_of
from .phrases import OPEN_PEEPS, PIXEL_ART, THUMBS, Phrases

_ARTICLES = {"a", "an", "the"}
_LACKING, _THERE = {"without", "no"}, {"with", "in", "wearing", "on", "before", "against"}
_STYLES = (PIXEL_ART, THUMBS, OPEN_PEEPS)  # the noun of the rarer one is what is meant
_NO_GLASSES = "none"
MOST_WORDS = 8  # of a phrase, without articles
Words = tuple[str, ...]
Facts = Mapping[str, str]


def facts_in(text: str) -> dict[str, str]:
    """What a caption tells of an avatar.

    Args:
        text: The caption, of any length and words.

    Returns:
        The class, attributes and parts that it speaks of, by their names, each with the meaning of
        its value (see `captions.meaning`), in the order of the words but for the class, which is
        first. Where it says something twice, the first counts. A caption of which only one style
        has the attributes need not name it.
    """
    parts = [_plain(part) for part in re.split(r"[,;:.!?]", text)]
    style = next((s for s in _STYLES if any(_finds(part, _nouns(s)) for part in parts)), "")
    found: dict[str, str] = {}
    for part in parts:
        for facts in _read(part, style or OPEN_PEEPS):
            for name, value in facts.items():
                found.setdefault(name, value)
    if not style and {"head", "face", "accessory"} & set(found):
        style = OPEN_PEEPS
    return {CLASS: style, **found} if style else found


def _read(words: Words, style: str) -> Iterator[Facts]:
    """The facts of each phrase in some words."""
    table, at, lacking = _table(style), 0, False
    while at < len(words):
        size = _longest(words, at, table)
        if not size:
            lacking = (lacking or words[at] in _LACKING) and words[at] not in _THERE
        elif not lacking:
            yield table[words[at : at + size]]
        elif "accessory" in (facts := table[words[at : at + size]]):
            yield {**facts, "accessory": _NO_GLASSES}
        at += max(size, 1)


def _longest(words: Words, at: int, table: Mapping[Words, object]) -> int:
    """The number of words of the longest phrase that begins there; 0 of none."""
    most = min(len(words) - at, MOST_WORDS)
    return next((n for n in range(most, 0, -1) if words[at : at + n] in table), 0)


def _finds(words: Words, table: Mapping[Words, object]) -> bool:
    return any(_longest(words, at, table) for at in range(len(words)))


def _plain(text: str) -> Words:
    return tuple(word for word in words_of(text) if word not in _ARTICLES)


@lru_cache(maxsize=4)
def _nouns(style: str) -> dict[Words, str]:
    return {_plain(noun): style for noun in phrases.NOUNS[style]}


@lru_cache(maxsize=4)
def _table(style: str) -> dict[Words, Facts]:
    """Every phrase of a style, without articles, and what it tells."""
    of_style = {OPEN_PEEPS: _person, PIXEL_ART: _pixels, THUMBS: _thumb}[style]
    table: dict[Words, Facts] = {}
    for phrase, facts in (*of_style(), *_around("background", ("background", "backdrop"))):
        table.setdefault(_plain(phrase), facts)
    assert max(map(len, table)) <= MOST_WORDS
    return table


def _person() -> Iterator[tuple[str, Facts]]:
    for face, (before, after) in phrases.FACES.items():
        yield from ((phrase, {"face": face}) for phrase in (*before, *after))
    for head, called in phrases.HEADS.items():
        colours, name = phrases.HAIR_COLOURS, f"{OPEN_PEEPS} headContrastColor"
        if head in phrases.CLOTH:
            colours, name = phrases.CLOTHING, "clothing"
        for phrase in called:
            yield phrase, {"head": head}
            for word, value in _values(colours):
                yield f"{word} {' '.join(_plain(phrase))}", {"head": head, name: value}
    for word, value in _values(phrases.ACCESSORIES):
        yield word, {"accessory": value}
    yield from _skin_and_clothes()


def _pixels() -> Iterator[tuple[str, Facts]]:
    for mouth in ("happy", "sad"):
        yield mouth, {f"{PIXEL_ART} mouth": mouth}
    colours = [("", ""), *_values(phrases.PIXEL_HAIR_COLOURS)]
    for length in ("", "long", "short"):
        for word, value in colours:
            told = {f"{PIXEL_ART} hair": length, f"{PIXEL_ART} hairColor": value}
            if length or word:
                yield f"{length} {word} hair", {k: v for k, v in told.items() if v}
    for tint, meant in (("", "light"), ("tinted", "dark")):
        for word, value in [("", ""), *_values(phrases.PIXEL_GLASSES_COLOURS)]:
            colour = {f"{PIXEL_ART} glassesColor": value} if value else {}
            yield f"{tint} {word} glasses", {f"{PIXEL_ART} glasses": meant, **colour}
    for word, value in [("", ""), *_values(phrases.PIXEL_HAT_COLOURS)]:
        colour = {f"{PIXEL_ART} hatColor": value} if value else {}
        for hat in ("hat", "cap"):
            yield f"{word} {hat}", {f"{PIXEL_ART} hat": "some", **colour}
    yield "beard", {f"{PIXEL_ART} beard": "some"}
    yield "earrings", {f"{PIXEL_ART} accessories": "some"}
    yield from _skin_and_clothes()


def _thumb() -> Iterator[tuple[str, Facts]]:
    for name, table in (
        ("shapeColor", phrases.THUMB_COLOURS),
        ("eyes", phrases.THUMB_EYES),
        ("mouth", phrases.THUMB_MOUTHS),
    ):
        for word, value in _values(table):
            yield word, {f"{THUMBS} {name}": value}


def _skin_and_clothes() -> Iterator[tuple[str, Facts]]:
    yield from _around("skin", ("skin", "skinned"))
    yield from _around("clothing", phrases.GARMENTS)


def _around(name: str, nouns: Sequence[str]) -> Iterator[tuple[str, Facts]]:
    """An attribute's words before each of some nouns: "navy background", "navy backdrop"."""
    for word, value in _values(phrases.ATTRIBUTES[name]):
        yield from ((f"{word} {noun}", {name: value}) for noun in nouns)


def _values(table: Phrases) -> list[tuple[str, str]]:
    return [(phrase, value) for value, each in table.items() for phrase in each]
