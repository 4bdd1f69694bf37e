"""Which captions are true of which pictures, and the contrast that is learnt from it.

Of N captions and N pictures, of which each caption was written of one picture, the contrast asks
which belongs to which (Radford et al. 2021, section 2.3). Avatars are drawn of few parts, and many
share what a caption tells: "pixel art, brown hair" is true of every tenth. To call one of them
right and the others wrong teaches noise. So the targets are not the pairs themselves but their
posterior, given what the captions tell. A caption that is written of a picture tells some of its
facts, and which ones does not depend on their values; then by Bayes' rule

    log p(x, c) / (p(x) p(c)) = -log p(told by c)  if c is true of x,   else -∞               (A)

and the best targets are the softmax of this matrix over the pictures, which is uniform over those
of which a caption is true, and over the captions, which prefers the one that tells more. In the
mean they are what hard targets are, without their noise.

Of a hundred avatars, background, clothing, skin and head together name one; whoever knows them
finds each picture's caption, and need not look at a face. So each picture also meets a caption that
tells one fact wrong, drawn from all values alike: what is wrong is then any fact as often as any
other. Such captions belong to no picture, and take part over captions alone. Swapping a value is as
likely one way as back, so that the best logits stay those of (A).

Beside the contrast, each picture is asked for each of its facts by itself: of the captions that
tell one value and nothing else, "a smiling person", "a sad person", which is true of it. For these
(A) is the log-probability of the value, up to a constant, so that the best logits are the same
again; and no fact can hide behind others. It is what the zero-shot reading of `measures` asks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conditioning import CLASS
from ..glide import Records, describe, meaning

_OTHER = -2  # of a value that no picture of the table has


class FactTable:
    """What can be told of the pictures of a data set, as numbers.

    Args:
        records: What is recorded of them.
    """

    def __init__(self, records: Records) -> None:
        """Read all records."""
        columns: dict[str, dict[str, int]] = {}
        self.values: dict[tuple[str, str], dict[str, str]] = {}  # of a style's fact, by meaning
        rows, self._counts = [], Counter[tuple[str, ...]]()
        for i in range(len(records)):
            facts, row = records.facts(i), {}
            for name, value in facts.items():
                if name.endswith("Color") and value == "none":
                    continue  # of a thing that is not there
                meant = meaning(name, value)
                row[name] = columns.setdefault(name, {}).setdefault(meant, len(columns[name]))
                self.values.setdefault((facts[CLASS], name), {}).setdefault(meant, value)
                self._counts[facts[CLASS], name, meant] += 1
                self._counts[facts[CLASS], name] += 1
            rows.append(row)
        self._columns, self._num = columns, len(rows)
        table = [[row.get(name, -1) for name in columns] for row in rows]
        self.facts = torch.tensor(table, dtype=torch.int16)  # (N, R); -1 is not recorded

    def number(self, name: str, meant: str) -> int:
        """The number of a value of a fact, by its meaning."""
        return self._columns[name][meant]

    def column(self, name: str) -> int:
        """The column of a fact."""
        return [*self._columns].index(name)

    def told(self, captions: Sequence[Mapping[str, str]]) -> Tensor:
        """What captions tell, int16 (B, R); -1 is not told."""
        rows = [
            [
                self._columns[name].get(meaning(name, told[name]), _OTHER) if name in told else -1
                for name in self._columns
            ]
            for told in captions
        ]
        return torch.tensor(rows, dtype=torch.int16)

    def altered(self, facts: Mapping[str, str], name: str, draw: float) -> dict[str, str]:
        """Facts with another value of one of them, as the style has it; the same if it has none.

        Args:
            facts: Those of a picture.
            name: Of the fact.
            draw: A number in [0, 1), by which the value is chosen.
        """
        own = meaning(name, facts[name])
        values = [v for meant, v in self.values[facts[CLASS], name].items() if meant != own]
        other = values[int(draw * len(values))] if values else facts[name]
        # A head of another kind may have no colour of its own.
        kept = {k: v for k, v in facts.items() if name != "head" or not k.endswith("Color")}
        return {**kept, name: other}

    def surprise(self, told: Mapping[str, str]) -> float:
        """-log p(told), nats, as if the facts of a style were independent of each other."""
        style, total = told[CLASS], -math.log(self._counts[told[CLASS], CLASS] / self._num)
        for name, value in told.items():
            if name != CLASS:
                count = self._counts[style, name, meaning(name, value)]
                total -= math.log(max(count, 1) / max(self._counts[style, name], 1))
        return total


def true_of(told: Tensor, facts: Tensor) -> Tensor:
    """Whether each caption is true of each picture, bool (captions, pictures).

    Args:
        told: What captions tell, (N, R), as of `FactTable.told`.
        facts: What is recorded of pictures, (M, R).
    """
    return ((told[:, None] == -1) | (told[:, None] == facts)).all(dim=2)


@dataclass(frozen=True)
class Single:
    """A caption that tells one value of a fact and nothing else, beside the style.

    Attributes:
        style: Of the avatars that it is asked of; "" is any, for the style itself.
        fact: The name of the fact.
        meant: The meaning of the value; see `glide.meaning`.
        text: The words.
    """

    style: str
    fact: str
    meant: str
    text: str


def single_captions(table: FactTable, *seed: object) -> list[Single]:
    """A caption of each value that one can tell by itself, in words that follow from the seed.

    Values that this wording does not tell, as "no glasses" in most, are left out.
    """
    found = []
    for (style, name), meant in table.values.items():
        for each, value in meant.items():
            facts = {CLASS: style, name: value}
            caption = describe(facts, *seed, style, name, each, told=(name,))
            if name in caption.told:
                of = "" if name == CLASS else style
                found.append(Single(of, name, each, caption.text))
    return found


def naming(logits: Tensor, singles: Sequence[Single], facts: Tensor, table: FactTable) -> Tensor:
    """Cross entropy of the value of each fact of each picture, nats, their mean.

    Args:
        logits: Of the captions and pictures, (captions, pictures).
        singles: The captions.
        facts: What is recorded of the pictures, (pictures, R), as in the table.
        table: Their numbers.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for row, single in enumerate(singles):
        groups.setdefault((single.style, single.fact), []).append(row)
    styles, total, num = facts[:, table.column(CLASS)], logits.new_zeros(()), 0
    for (style, name), rows in groups.items():
        numbers = torch.tensor([table.number(name, singles[row].meant) for row in rows])
        match = numbers[:, None] == facts[:, table.column(name)]
        if style:
            match &= styles == table.number(CLASS, style)
        asked = match.any(dim=0).nonzero()[:, 0].to(logits.device)
        if len(rows) > 1 and len(asked):
            right = match.int().argmax(dim=0).to(logits.device)[asked]
            total = total + F.cross_entropy(logits[rows][:, asked].T, right, reduction="sum")
            num += len(asked)
    return total / max(num, 1)


def contrast(logits: Tensor, true: Tensor, surprise: Tensor) -> Tensor:
    """The symmetric contrastive loss, nats: the mean of both cross entropies.

    Args:
        logits: Of all pairs, (captions, pictures). The first captions were written of the pictures,
            in their order; what comes after them belongs to none.
        true: Whether a caption is true of a picture, of that shape; each of the first of its own.
        surprise: -log p(told) of each caption, (captions,).
    """
    wanted = torch.where(true, surprise[:, None].to(logits), -math.inf)  # (A)
    own = logits.shape[1]
    over_pictures = F.cross_entropy(logits[:own], wanted[:own].softmax(dim=1))
    over_captions = F.cross_entropy(logits.T, wanted.T.softmax(dim=1))
    return (over_pictures + over_captions) / 2
