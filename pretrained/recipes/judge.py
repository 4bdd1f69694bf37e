"""Train the judge of Fashion-MNIST and keep it in pretrained/judge (about three minutes on a CPU).

Run from the top of the repository: python -m pretrained.recipes.judge
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torchvision.transforms import v2

from diffusion_core.data import load_dataset
from diffusion_core.device import fastest_precision
from diffusion_core.evaluation import Judge, judged

EPOCHS, BATCH, SEED = 7, 250, 0
OUT = Path(__file__).parents[1] / "judge"


def main() -> None:
    """Train on the 60,000, score once on the 10,000."""
    torch.manual_seed(SEED)
    bf16 = fastest_precision(torch.device("cpu")) == "bf16"
    train, test = load_dataset("fashion-mnist"), load_dataset("fashion-mnist", split="test")
    judge = Judge()
    steps = EPOCHS * len(train) // BATCH
    optimizer = torch.optim.SGD(
        judge.parameters(), lr=0.1, momentum=0.9, weight_decay=2e-4, nesterov=True
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    augment = v2.RandomHorizontalFlip()
    for epoch in range(EPOCHS):
        total = 0.0
        for indices in torch.randperm(len(train)).split(BATCH):
            x, y = train.batch(indices)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = judge(augment(x))
            loss = F.cross_entropy(logits.float(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}: loss {total * BATCH / len(train):.4f}", flush=True)
    judge.eval()
    x, y = test.batch(torch.arange(len(test)))
    assert y is not None
    accuracy = float((judged(judge, x)[1] == y).float().mean())
    print(f"test accuracy {accuracy:.4f}")
    if accuracy < 0.92:
        raise SystemExit("The judge must reach 0.92 on the test set; nothing was written.")
    OUT.mkdir(exist_ok=True)
    save_file(
        {k: v.contiguous() for k, v in judge.state_dict().items()}, str(OUT / "model.safetensors")
    )
    facts = {"dataset": train.name, "test_accuracy": accuracy, "epochs": EPOCHS, "seed": SEED}
    (OUT / "config.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
