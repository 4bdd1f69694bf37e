"""Train the judge of the avatars and keep it in pretrained/judge-avatars.

Run from the top of the repository: python -m pretrained.recipes.avatars_judge. It sees real
training avatars alone, under a little noise, since generated ones are never as clean; it is scored
once on the held-out combinations. What it reads in fewer than 80 % of them is named.

It also learns what nobody can ask for: hair, hat or mouth of pixel-art, eyes of thumbs. Those heads
are dropped in the end, but features that tell such parts see when they are muddled, to which a
judge of the attributes alone would be blind.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from diffusion_core.conditioning import CLASS, AttributeNames
from diffusion_core.data import RECIPE, AvatarFile, ImageDataset, find_avatars, load_dataset
from diffusion_core.device import fastest_precision
from diffusion_core.evaluation import READABLE, WIDTHS, AttributeJudge, judged, load_judge, rights
from pretrained.recipes.avatars_choices import JUDGED_PARTS

EPOCHS, BATCH, SEED, NOISE = 4, 250, 0, 0.1
ASIDE = 0.3  # what a head counts that is dropped in the end
OUT = Path(__file__).parents[1] / "judge-avatars"


def all_said(part: str) -> tuple[Tensor, AttributeNames]:
    """Class, attributes and other parts of each avatar, int64 (N, 1 + K + P); their names.

    Raises:
        SystemExit: if the file has no parts.
    """
    file = AvatarFile.read(find_avatars(), part)
    if file.parts is None:
        raise SystemExit(f"{find_avatars()} is of an older recipe: make it again by {RECIPE}.")
    judged_parts = [k for k, (name, _) in enumerate(file.part_names) if name in JUDGED_PARTS]
    columns = np.column_stack([file.labels, file.attributes, file.parts[:, judged_parts]])
    parts = [file.part_names[k] for k in judged_parts]
    names = ((CLASS, file.class_names), *file.attribute_names, *parts)
    return torch.from_numpy(columns.astype(np.int64)), names


def loss_of(logits: list[Tensor], said: Tensor, kept: int) -> Tensor:
    """The heads' cross entropies, summed; each the mean over the images it applies to.

    Args:
        logits: The logits of each head, (B, size).
        said: The true values, (B, heads); -1 where a head does not apply.
        kept: So many heads count whole, those behind them `ASIDE`.
    """
    parts = [
        F.cross_entropy(head.float(), said[:, k], ignore_index=-1) * (1 if k < kept else ASIDE)
        for k, head in enumerate(logits)
        if bool((said[:, k] >= 0).any())
    ]
    return torch.stack(parts).sum()


def score(
    judge: AttributeJudge, test: ImageDataset, said: Tensor, names: AttributeNames
) -> dict[str, float]:
    """The share of held-out avatars of which each head says what is true, (N, heads or more)."""
    seen = torch.cat(
        [judged(judge, test.batch(part)[0])[1] for part in torch.arange(len(test)).split(2000)]
    )
    shares = rights(seen, said[:, : seen.shape[1]]).tolist()
    return {name: share for (name, _), share in zip(names, shares, strict=False)}


def main() -> None:
    """Train on the 90,000, score once on the 10,000."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    torch.manual_seed(SEED)
    bf16 = fastest_precision(torch.device("cpu")) == "bf16"
    train, test = load_dataset("avatars"), load_dataset("avatars", split="test")
    every, names = all_said("train")
    kept = 1 + len(train.attribute_names)  # what can be asked for
    judge = AttributeJudge(3, tuple(len(values) for _, values in names))
    steps = args.epochs * (len(train) // BATCH)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=4e-3, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    start = time.perf_counter()
    for epoch in range(args.epochs):
        total = 0.0
        for indices in torch.randperm(len(train))[: len(train) // BATCH * BATCH].split(BATCH):
            x, _ = train.batch(indices)
            said = every[indices]
            x = x + NOISE * torch.rand(len(x), 1, 1, 1) * torch.randn_like(x)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = judge(x)
            loss = loss_of(logits, said, kept)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            total += float(loss.detach())
        mean = total / (len(train) // BATCH)
        print(
            f"epoch {epoch + 1}: loss {mean:.4f}, {time.perf_counter() - start:.0f} s", flush=True
        )
    judge.eval()
    args.out.mkdir(parents=True, exist_ok=True)
    true, _ = all_said("test")
    shown = score(judge, test, true, names)
    judge.heads = judge.heads[:kept]
    weights = judge.state_dict()
    half = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    save_file(half, str(args.out / "model.safetensors"))
    stored = load_judge(args.out)
    assert isinstance(stored, AttributeJudge)
    share = score(stored, test, true, names)  # as it is kept, in half precision
    facts = {
        "dataset": train.name,
        "test_accuracy": sum(share.values()) / len(share),
        "features": WIDTHS[-1],
        "attributes": share,
        "epochs": args.epochs,
        "seed": SEED,
        "parts": {name: value for name, value in shown.items() if name not in share},
    }
    (args.out / "config.json").write_text(json.dumps(facts, indent=2) + "\n")
    for name, value in shown.items():
        print(f"{name}: {value:.4f}{'' if value >= READABLE else '  (too low: to be dropped)'}")


if __name__ == "__main__":
    main()
