"""Captions of avatars by a grammar: synonyms, several orders of words, parts left out at random.

`describe` writes a caption of what is recorded of a picture, and of nothing else, and tells which
records it speaks of. `VOCABULARY` holds every word that the grammar can write; `Tokenizer` turns a
caption into numbers, and names each word that it does not know.

Everything is determined by the seed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import torch
from torch import Tensor

from ..conditioning import CLASS, UNSPECIFIED, AttributeNames
from ..fields import printable, shown
from ..seeding import seeded
from . import phrases
from .phrases import OPEN_PEEPS, PIXEL_ART, THUMBS, Phrases

MAX_CHARACTERS = 2000
MAX_TOKENS = 40  # the words of a caption and its end

_GLUE = "a an the and with in on of against before without wearing drawing portrait picture avatar"
_GLUE += " background backdrop skin skinned hair glasses hat cap beard earrings tinted"
_GLUE += " long short happy sad"


@dataclass(frozen=True)
class Caption:
    """A caption, and what it says.

    Attributes:
        text: The words.
        told: The records that it speaks of: the class and attributes and parts by their names,
            each with its value.
    """

    text: str
    told: dict[str, str]


class _Dice:
    """Draws that need no more of `Random` than what stays the same in all versions of Python."""

    def __init__(self, seed: tuple[object, ...]) -> None:
        self._random = Random(seeded("caption", *seed).initial_seed())

    def chance(self, p: float) -> bool:
        return self._random.random() < p

    def number(self) -> float:
        return self._random.random()

    def pick(self, values: Sequence[str]) -> str:
        return values[int(self._random.random() * len(values))]

    def shuffled(self, values: Sequence[str]) -> list[str]:
        left, found = list(values), []
        while left:
            found.append(left.pop(int(self._random.random() * len(left))))
        return found


def describe(facts: Mapping[str, str], *seed: object, told: Sequence[str] | None = None) -> Caption:
    """A caption of an avatar.

    Args:
        facts: What is recorded: "class", attributes ("head") and parts ("pixel-art hair") by their
            names, each with its value. Records without words are left out.
        seed: Of the choice of words, order, and what is left out.
        told: The names of the records to speak of, as far as they have words; None leaves some out
            at random: of half of the captions each by itself with a chance of 0.1, of the others
            with one that is itself drawn from 0 to 1.

    Raises:
        ValueError: if the class is not one of the avatars' styles.
    """
    style = facts.get(CLASS)
    if style not in phrases.NOUNS:
        known = ", ".join(phrases.NOUNS)
        raise ValueError(f"A caption is written of one of the styles {known}, not of {style!r}.")
    dice = _Dice(seed)
    leave = dice.number() if dice.chance(0.5) else 0.1
    kept = {
        name: value
        for name, value in facts.items()
        if name != CLASS and (not dice.chance(leave) if told is None else name in told)
    }
    return {OPEN_PEEPS: _person, PIXEL_ART: _pixels, THUMBS: _thumb}[style](kept, dice)


def _person(kept: dict[str, str], dice: _Dice) -> Caption:
    before, after, worn, lacking = (list[str]() for _ in range(4))
    said = {CLASS: OPEN_PEEPS}
    if face := _known(kept, "face", phrases.FACES, said):
        words, nouns = phrases.FACES[face]
        if dice.chance(0.6):
            before.append(dice.pick(words))
        else:
            after.append(dice.pick(nouns))
    if head := _known(kept, "head", phrases.HEADS, said):
        phrase, colour = dice.pick(phrases.HEADS[head]), ""
        if head in phrases.CLOTH and dice.chance(0.4):
            if value := _known(kept, "clothing", phrases.CLOTHING, said):
                colour = dice.pick(phrases.CLOTHING[value])
        elif value := _known(kept, "open-peeps headContrastColor", phrases.HAIR_COLOURS, said):
            colour = dice.pick(phrases.HAIR_COLOURS[value])
        phrase = _coloured(phrase, colour)
        (worn if head in phrases.WORN and dice.chance(0.5) else after).append(phrase)
    accessory = kept.get("accessory", "")
    if accessory == "none" and dice.chance(0.25):
        said["accessory"] = accessory
        if dice.chance(0.5):
            lacking.append("glasses")
        else:
            after.append("no glasses")
    elif accessory and accessory != "none":
        said["accessory"] = accessory
        (worn if dice.chance(0.3) else after).append(dice.pick(phrases.ACCESSORIES[accessory]))
    _skin_and_clothes(kept, said, before, after, worn, dice)
    parts = _Parts(before, after, worn, lacking, _background(kept, said, dice))
    return _put_together(parts, said, dice)


def _pixels(kept: dict[str, str], dice: _Dice) -> Caption:
    before, after, worn = (list[str]() for _ in range(3))
    said = {CLASS: PIXEL_ART}
    if mouth := kept.get(f"{PIXEL_ART} mouth"):
        said[f"{PIXEL_ART} mouth"] = mouth
        before.append("happy" if mouth.startswith("happy") else "sad")
    hair = [""]
    if name := kept.get(f"{PIXEL_ART} hair"):
        said[f"{PIXEL_ART} hair"] = name
        hair[0] = "long " if name.startswith("long") else "short "
    if value := _known(kept, f"{PIXEL_ART} hairColor", phrases.PIXEL_HAIR_COLOURS, said):
        hair.append(f"{dice.pick(phrases.PIXEL_HAIR_COLOURS[value])} ")
    if any(hair):
        after.append("".join([*hair, "hair"]))
    glasses = kept.get(f"{PIXEL_ART} glasses", "none")
    if glasses != "none":
        said[f"{PIXEL_ART} glasses"] = glasses
        tint = "tinted " if glasses.startswith("dark") else ""
        name = f"{PIXEL_ART} glassesColor"
        value = _known(kept, name, phrases.PIXEL_GLASSES_COLOURS, said)
        colour = f"{dice.pick(phrases.PIXEL_GLASSES_COLOURS[value])} " if value else ""
        (worn if dice.chance(0.3) else after).append(f"{tint}{colour}glasses")
    if kept.get(f"{PIXEL_ART} hat", "none") != "none":
        said[f"{PIXEL_ART} hat"] = kept[f"{PIXEL_ART} hat"]
        value = _known(kept, f"{PIXEL_ART} hatColor", phrases.PIXEL_HAT_COLOURS, said)
        colour = f"{dice.pick(phrases.PIXEL_HAT_COLOURS[value])} " if value else ""
        (worn if dice.chance(0.5) else after).append(f"a {colour}{dice.pick(('hat', 'cap'))}")
    for name, phrase in (("beard", "a beard"), ("accessories", "earrings")):
        if kept.get(f"{PIXEL_ART} {name}", "none") != "none":
            said[f"{PIXEL_ART} {name}"] = kept[f"{PIXEL_ART} {name}"]
            after.append(phrase)
    _skin_and_clothes(kept, said, before, after, worn, dice)
    parts = _Parts(before, after, worn, [], _background(kept, said, dice))
    return _put_together(parts, said, dice)


def _thumb(kept: dict[str, str], dice: _Dice) -> Caption:
    before, after = list[str](), list[str]()
    said = {CLASS: THUMBS}
    if value := _known(kept, f"{THUMBS} shapeColor", phrases.THUMB_COLOURS, said):
        before.append(dice.pick(phrases.THUMB_COLOURS[value]))
    if eyes := kept.get(f"{THUMBS} eyes"):
        said[f"{THUMBS} eyes"] = eyes
        after.append(dice.pick(phrases.THUMB_EYES[eyes.partition("W")[0]]))
    if value := _known(kept, f"{THUMBS} mouth", phrases.THUMB_MOUTHS, said):
        after.append(dice.pick(phrases.THUMB_MOUTHS[value]))
    parts = _Parts(before, after, [], [], _background(kept, said, dice))
    return _put_together(parts, said, dice)


def _known(
    kept: Mapping[str, str], name: str, words: Mapping[str, object], said: dict[str, str]
) -> str:
    """The value of a record that has words, noted as said; "" where there is none."""
    value = kept.get(name, "")
    if value not in words:
        return ""
    said[name] = value
    return value


def _skin_and_clothes(
    kept: dict[str, str],
    said: dict[str, str],
    before: list[str],
    after: list[str],
    worn: list[str],
    dice: _Dice,
) -> None:
    if skin := _known(kept, "skin", phrases.SKINS, said):
        word = dice.pick(phrases.SKINS[skin])
        if dice.chance(0.3):
            before.append(f"{word} skinned")
        else:
            after.append(f"{word} skin")
    if "clothing" not in said and (value := _known(kept, "clothing", phrases.CLOTHING, said)):
        word = dice.pick(phrases.CLOTHING[value])
        worn.append(_with_article(f"{word} {dice.pick(phrases.GARMENTS)}"))


def _background(kept: dict[str, str], said: dict[str, str], dice: _Dice) -> str:
    value = _known(kept, "background", phrases.BACKGROUNDS, said)
    return dice.pick(phrases.BACKGROUNDS[value]) if value else ""


@dataclass(frozen=True)
class _Parts:
    """What a caption says, by its place: before the noun, or after "with", "in" or "without"."""

    before: list[str]
    after: list[str]
    worn: list[str]
    lacking: list[str]
    background: str


def _put_together(parts: _Parts, said: dict[str, str], dice: _Dice) -> Caption:
    """Three orders: a sentence, a sentence after its background, and a list without order."""
    place = dice.pick(("background", "backdrop"))
    noun = dice.pick(phrases.NOUNS[said[CLASS]])
    if dice.chance(0.25):  # a list, which may leave out what it is a list of
        listed = [*parts.before, *parts.after, *parts.worn]
        listed += [f"without {each}" for each in parts.lacking]
        listed += [f"{parts.background} {place}"] if parts.background else []
        if len(listed) < 2 or not _shown_by(said) or dice.chance(0.7):
            listed.append(noun)
        return Caption(", ".join(dice.shuffled(listed)), said)
    if noun in phrases.WITHOUT_ARTICLE:  # which stands in no sentence with adjectives
        noun = phrases.NOUNS[said[CLASS]][0]
    sentence = _with_article(" ".join([*dice.shuffled(parts.before), noun]))
    if dice.chance(0.2):
        sentence = f"{_with_article(dice.pick(('drawing', 'portrait', 'picture')))} of {sentence}"
    clauses = [("with", parts.after), (dice.pick(("in", "wearing")), parts.worn)]
    for link, found in [*clauses[:: 1 if dice.chance(0.7) else -1], ("without", parts.lacking)]:
        if found:
            sentence += f" {link} {_listed(dice.shuffled(found))}"
    background = parts.background
    if not background:
        return Caption(sentence, said)
    kind = dice.number()
    if kind < 0.4:
        sentence += f", {background} {place}"
    elif kind < 0.75:
        link = dice.pick(("on", "before", "against"))
        sentence += f" {link} a {background} {place}"
    else:
        sentence = f"on a {background} {place}, {sentence}"
    return Caption(sentence, said)


def _shown_by(said: Mapping[str, str]) -> bool:
    """Whether something is said that only one style has, so that it need not be named."""
    return bool({"head", "face", "accessory"} & {*said})


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou8' else 'a'} {words}"


def _coloured(phrase: str, colour: str) -> str:
    """A phrase of a head with the colour of its hair or cloth."""
    if not colour:
        return phrase
    article, _, rest = phrase.partition(" ")
    return _with_article(f"{colour} {rest}") if article in ("a", "an") else f"{colour} {phrase}"


def meaning(name: str, value: str) -> str:
    """What words can tell of a record's value: the same for values that share their words.

    A caption tells of pixel-art's hair that it is long, and not which of the long ones it is.

    Args:
        name: The record's name.
        value: Its value, as recorded.
    """
    style, _, part = name.rpartition(" ")
    if part == "eyes" and style == THUMBS:
        return value.partition("W")[0]
    if style == PIXEL_ART and part in ("hair", "mouth", "glasses"):
        return value.rstrip("0123456789")
    if style == PIXEL_ART and part in ("hat", "beard", "accessories"):
        return value if value == "none" else "some"
    return value


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case: letters and digits; all else parts them."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower())


def _every_phrase() -> Iterator[str]:
    tables: list[Phrases] = [phrases.NOUNS, *phrases.ATTRIBUTES.values()]
    tables += [phrases.HAIR_COLOURS, phrases.PIXEL_HAIR_COLOURS, phrases.PIXEL_HAT_COLOURS]
    tables += [phrases.PIXEL_GLASSES_COLOURS, phrases.THUMB_COLOURS, phrases.THUMB_EYES]
    tables += [phrases.THUMB_MOUTHS, {"": phrases.GARMENTS}, {"": (_GLUE,)}]
    for table in tables:
        for each in table.values():
            yield from each


VOCABULARY: tuple[str, ...] = tuple(sorted({w for each in _every_phrase() for w in words_of(each)}))
"""Every word that `describe` can write, in alphabetical order."""


@dataclass(frozen=True)
class Tokenizer:
    """Words as numbers: its place in the vocabulary, then one for the end; -1 is nothing more.

    A caption is a condition as the core knows it, (1, 1 + K): its first number stands where a
    class does, with "end" in the place of "no class", so that the null condition is the empty
    caption. See `conditioning`.

    Attributes:
        vocabulary: The words that are known, each once.
        length: Numbers of a caption, its end among them.
    """

    vocabulary: tuple[str, ...] = VOCABULARY
    length: int = MAX_TOKENS

    @property
    def end(self) -> int:
        """The number of the end."""
        return len(self.vocabulary)

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words of a caption that are not known, each once, fit to be shown."""
        numbers = _numbers(self.vocabulary)
        found = dict.fromkeys(w for w in words_of(text) if w not in numbers)
        return tuple(shown(printable(w)) for w in found)

    def read(self, text: str) -> Tensor:
        """A caption as a condition, int64 (1, length); words that are not known are left out.

        Raises:
            ValueError: in one sentence, if it is empty, too long, or has no word that is known.
        """
        if len(text) > MAX_CHARACTERS:
            raise ValueError(
                f"The caption has {len(text):,} characters, and at most {MAX_CHARACTERS:,} are "
                "read; say it in fewer words."
            )
        words = words_of(text)
        if not words:
            raise ValueError(
                'The caption has no words; write some, like "a smiling person with an afro".'
            )
        if len(words) >= self.length:
            raise ValueError(
                f"The caption has {len(words):,} words, and at most {self.length - 1} are read; "
                "say it in fewer."
            )
        numbers = _numbers(self.vocabulary)
        known = [numbers[word] for word in words if word in numbers]
        if not known:
            raise ValueError(
                "None of the caption's words is known; write some that are, like "
                '"a smiling person with an afro".'
            )
        return self.condition(known)

    def condition(self, numbers: Sequence[int]) -> Tensor:
        """The numbers of words as a condition, int64 (1, length); of no words the empty caption.

        Raises:
            ValueError: if they do not fit.
        """
        if len(numbers) >= self.length:
            raise ValueError(f"At most {self.length - 1} words are read, got {len(numbers)}.")
        row = [*numbers, self.end]
        return torch.tensor([row + [UNSPECIFIED] * (self.length - len(row))])

    def note(self, text: str) -> str:
        """A sentence that names each word that is not known; "" where all are."""
        words = self.unknown(text)
        if not words:
            return ""
        some = ", ".join(words[:10]) + (f" and {len(words) - 10} more" if len(words) > 10 else "")
        if len(words) == 1:
            return f"The model does not know the word {some}, so it is not drawn."
        return f"The model does not know the words {some}, so they are not drawn."


@lru_cache(maxsize=16)
def _numbers(vocabulary: tuple[str, ...]) -> dict[str, int]:
    return {word: number for number, word in enumerate(vocabulary)}


def told_condition(
    told: Mapping[str, str], classes: Sequence[str], names: AttributeNames
) -> Tensor:
    """What a caption tells as a condition of class and attributes, int64 (1 + K,).

    Args:
        told: As in `Caption`; other records than class and attributes are passed over.
        classes: The names of the classes.
        names: The attributes and the names of their values.
    """
    label = classes.index(told[CLASS]) if CLASS in told else len(classes)
    values = [each.index(told[name]) if name in told else UNSPECIFIED for name, each in names]
    return torch.tensor([label, *values])
