"""The one training loop for every network: stops early, keeps the best epoch, can be killed and go on."""

from __future__ import annotations

import ctypes
import math
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import nn

from emotone.augment import Augmentation
from emotone.evaluation import metrics
from emotone.files import atomic_write
from emotone.models import Network
from emotone.models.layers.standardised import Standardised
from emotone.training.batches import EpochSample, LengthBatches
from emotone.training.balance import counted, log_share
from emotone.training.examples import Epoch, Examples, Floats
from emotone.training.forward import alike, logits
from emotone.training.loss import Objective
from emotone.training.mixup import Mixture, draw
from emotone.training.optimizer import optimizer, scheduler
from emotone.training.settings import TrainingSettings

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_memory() -> None:
    """Ask glibc to keep freed memory: handing every large tensor back and forth costs a third of the speed."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            libc.mallopt(option, 2**30)


def precision_here(wanted: str) -> str:
    """`fp32` or `bf16`: what `auto` means on this machine."""
    if wanted != "auto":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu.get_capabilities().get("avx512_bf16", False) else "fp32"


class Loop:
    """The one training loop: every random choice is decided by (seed, epoch), so a resumed run is an unbroken one."""

    def __init__(
        self,
        model: Network,
        train: Examples,
        development: Examples | None,
        classes: int,
        settings: TrainingSettings,
        weights: Floats,
        seed: int,
        augmentations: Sequence[Augmentation],
        checkpoint: Path | None,
        on_epoch: Callable[[Epoch], None] | None,
        keep: Literal["best", "last"] = "best",
    ) -> None:
        if development is None and keep == "best":
            raise ValueError("without development clips no epoch is known to be the best")
        self.keep = keep
        self.train, self.development, self.settings, self.seed = train, development, settings, seed
        self.augmentations, self.checkpoint, self.on_epoch = augmentations, checkpoint, on_epoch
        self.model = model
        AcceleratorState._reset_state()  # one process may fit models of different precision one after the other
        bf16 = precision_here(settings.precision) == "bf16"
        self.accelerator = Accelerator(
            mixed_precision="bf16" if bf16 else "no",
            dataloader_config=DataLoaderConfiguration(even_batches=settings.batch_frames is None),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=_learns_in_turns(model))],
        )
        keep_memory()
        torch.manual_seed(seed)
        module = _standardised(model, train, classes)
        if bf16:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.batches = LengthBatches(
            train.values.lengths[train.rows],
            clips=settings.batch,
            frames=settings.batch_frames or sys.maxsize,
            seed=seed,
            share=self.accelerator.num_processes,
        )
        self.sample = EpochSample(train, settings.speaker_clips, seed)
        self.loader = _loader(train.rows, settings, self.batches, self.sample)
        self.optimizer = optimizer(model.parameter_groups(module.network), settings)
        steps = math.ceil(len(self.loader) / settings.accumulate / self.accelerator.num_processes)
        self.scheduler = scheduler(self.optimizer, settings, steps_per_epoch=steps)
        self.generator = self.loader.generator
        self.module, self.optimizer, self.loader = self.accelerator.prepare(module, self.optimizer, self.loader)
        self.regularised = _regularised(self._inner()) if settings.l2 else []
        self.objective = Objective(train, classes, weights, settings, self.accelerator.device)
        counts = None if development is None else counted(train, development, classes, settings.absent_class_weight)
        self.lacks: Floats | float = 0.0 if counts is None else log_share(counts)
        self.averaged = self._weights() if settings.ema else None
        self.steps = 0
        self.curve: list[Epoch] = []
        self.best: dict[str, Any] = {"score": -math.inf, "epoch": 0, "weights": self._weights()}

    def run(self) -> bool:
        """Train to the end; False when Ctrl-C came before it."""
        self._resume()
        torch.set_flush_denormal(True)  # numbers next to zero would cost a multiple of the time
        try:
            while not self._over():
                self._epoch(len(self.curve) + 1)
        except KeyboardInterrupt:
            return False
        finally:
            torch.set_flush_denormal(False)  # what else this process computes keeps them
        return True

    def best_module(self) -> nn.Module:
        """The network with the weights of its best epoch, in fp32 on the processor."""
        plain = cast(nn.Module, self.accelerator.unwrap_model(self.module, keep_fp32_wrapper=False))
        plain.load_state_dict(self.best["weights"])
        return plain.cpu().eval()

    def _inner(self) -> Standardised:
        """The module without its wrapper for several processes; bf16 stays on."""
        return cast(Standardised, self.accelerator.unwrap_model(self.module, keep_fp32_wrapper=True))

    def _over(self) -> bool:
        stale = len(self.curve) - self.best["epoch"]
        return len(self.curve) >= self.settings.epochs or 0 < self.settings.patience <= stale

    def _epoch(self, number: int) -> None:
        started = time.monotonic()
        torch.manual_seed(_epoch_seed(self.seed, number))
        self.generator.manual_seed(_epoch_seed(self.seed, number))
        self.batches.epoch = self.sample.epoch = number
        self.model.on_epoch(self._inner().network, number)
        self.module.train()
        total, clips, batches = 0.0, 0, len(self.loader)
        for batch, positions in enumerate(self.loader):
            rows = positions.cpu().numpy()
            values, lengths, mixture = self._batch(rows, number, batch)
            first = batch - batch % self.settings.accumulate
            together = min(self.settings.accumulate, batches - first)  # the last step of an epoch may have fewer
            steps = batch == first + together - 1
            with nullcontext() if steps else self.accelerator.no_sync(self.module):
                loss = self.objective(self.module(values, lengths).float(), rows, mixture)
                self.accelerator.backward((loss + self._penalty()) / together)
            if steps:
                self._step()
            total, clips = total + float(loss.detach()) * len(rows), clips + len(rows)
        rate = max(float(group["lr"]) for group in self.optimizer.param_groups)
        loss_now, uar_now = (math.nan, math.nan) if self.development is None else self._watch(self.development)
        if self.settings.scheduler == "plateau":
            self.scheduler.step(total / clips if self.development is None else loss_now)
        elif self.settings.scheduler == "cosine":
            self.scheduler.step()
        self.curve.append(Epoch(number, total / clips, loss_now, uar_now, rate, time.monotonic() - started))
        score = -loss_now if self.settings.monitor == "loss" else uar_now
        if score > self.best["score"] or self.keep == "last":
            self.best = {"score": score, "epoch": number, "weights": self._judged_weights()}
        self._save()
        if self.on_epoch is not None:
            self.on_epoch(self.curve[-1])

    def _step(self) -> None:
        if self.settings.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.module.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.averaged is not None:
            self._average(self.averaged)
        if self.settings.scheduler in ("one_cycle", "linear"):
            self.scheduler.step()

    def _batch(self, rows: NDArray[np.int64], epoch: int, batch: int) -> tuple[torch.Tensor, Any, Mixture | None]:
        values, lengths = self.train.values.padded(rows)
        rng = np.random.default_rng([self.seed, epoch, batch, self.accelerator.process_index])
        if self.augmentations:
            for place, length in enumerate(lengths):
                clip = values[place, :length]
                for augmentation in self.augmentations:
                    clip = augmentation(clip, rng, 0)
                values[place, :length] = clip
        mixture = None
        if self.settings.mixup:
            mixture = draw(len(rows), self.settings.mixup, self.settings.mixup_share, rng)
        if mixture is not None:
            values, lengths = mixture.blend(values, lengths, self._inner().mean.cpu().numpy())
        device = self.accelerator.device
        return torch.as_tensor(values, device=device), torch.as_tensor(lengths, device=device), mixture

    def _penalty(self) -> torch.Tensor | float:
        """What `l2` adds to the loss; the learning curves do not show it, so that both sides can be compared."""
        if not self.regularised:
            return 0.0
        return self.settings.l2 * torch.stack([weight.float().square().sum() for weight in self.regularised]).sum()

    def _average(self, averaged: dict[str, torch.Tensor]) -> None:
        """Move the averaged weights towards those of this step; at first faster, so that the beginning is forgotten."""
        self.steps += 1
        share = max(1 - self.settings.ema, 1 / self.steps)
        for name, weight in self._inner().state_dict().items():
            weight = weight.to(averaged[name].device)
            averaged[name].lerp_(weight, share) if weight.is_floating_point() else averaged[name].copy_(weight)

    def _watch(self, development: Examples) -> tuple[float, float]:
        """Loss and UAR on the development clips."""
        self.module.eval()
        own = self._weights() if self.averaged is not None else None
        if own is not None:
            self._inner().load_state_dict(self._judged_weights())
        scores = logits(self.module, development.values, development.rows) + self.lacks
        if own is not None:
            self._inner().load_state_dict(own)
        truth = development.labels[development.rows]
        loss = -float((development.shares(scores.shape[1]) * log_softmax(scores, axis=1)).sum(axis=1).mean())
        return loss, metrics.uar(truth, scores.argmax(axis=1))

    def _judged_weights(self) -> dict[str, torch.Tensor]:
        """A copy of the weights that development clips judge: those of the last step, or their mean over steps."""
        if self.averaged is None:
            return self._weights()
        return {name: weight.detach().cpu().clone() for name, weight in self.averaged.items()}

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: weight.detach().cpu().clone() for name, weight in self._inner().state_dict().items()}

    def _save(self) -> None:
        if self.checkpoint is None or not self.accelerator.is_main_process:
            return
        state = {
            "module": self._weights(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler is not None else None,
            "averaged": self.averaged,
            "steps": self.steps,
            "best": self.best,
            "curve": [vars(epoch) for epoch in self.curve],
        }
        with atomic_write(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def _resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.accelerator.device, weights_only=True)
        self._inner().load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.averaged, self.steps = state.get("averaged"), state.get("steps", 0)  # older ones have none
        self.best, self.curve = state["best"], [Epoch(**line) for line in state["curve"]]


def _epoch_seed(seed: int, epoch: int) -> int:
    """One number for (seed, epoch), the same everywhere."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def _learns_in_turns(model: Network) -> bool:
    """Whether some weights may stand still in some steps, which several processes must be told of."""
    return type(model).on_epoch is not Network.on_epoch


def _loader(rows: NDArray[np.int64], settings: TrainingSettings, batches: LengthBatches, sample: EpochSample) -> Any:
    """The training rows in batches: of so many clips, or of clips of like length."""
    if sample.groups:
        return torch.utils.data.DataLoader(
            cast(Any, rows), batch_size=settings.batch, sampler=sample, generator=torch.Generator(), drop_last=True
        )
    if settings.batch_frames is None:
        return torch.utils.data.DataLoader(
            cast(Any, rows), batch_size=settings.batch, shuffle=True, generator=torch.Generator(), drop_last=False
        )
    return torch.utils.data.DataLoader(cast(Any, rows), batch_sampler=batches, generator=torch.Generator())


def _standardised(model: Network, train: Examples, classes: int) -> Standardised:
    """The network behind the scaling of its training clips."""
    shape, rows = train.values.shape, train.rows if train.scaled_by is None else train.scaled_by
    mean, scale = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)
    if model.standardise != "none":
        bands = -3 if len(shape) == 3 else -1  # the channels of a picture, the bands of a sequence
        count, total, squares = 0, np.zeros(shape[bands]), np.zeros(shape[bands])
        for places in alike(train.values.lengths[rows]):
            values, lengths = train.values.padded(rows[places])
            axes = tuple(axis for axis in range(values.ndim) if axis != values.ndim + bands)
            # Padding is zero: it adds to no sum.
            frames = {2: len(values), 3: int(lengths.sum())}
            count += frames.get(values.ndim, len(values) * int(np.prod(values.shape[2:])))
            total += values.sum(axis=axes, dtype=np.float64)
            squares += np.square(values, dtype=np.float64).sum(axis=axes)
        if model.standardise == "all":
            total, squares, count = total.sum(keepdims=True), squares.sum(keepdims=True), count * shape[bands]
        mean = (total / count).astype(np.float32)
        scale = np.sqrt(np.maximum(squares / count - np.square(total / count), 1e-10)).astype(np.float32)
    beside = (1,) * (2 if len(shape) == 3 else 0)  # (channels,) must meet (channels, height, width)
    outputs, only = (classes + train.level_count, classes) if train.level_count else (classes, None)
    return Standardised(model.build(shape, outputs), mean.reshape(-1, *beside), scale.reshape(-1, *beside), only)


def _regularised(module: nn.Module) -> list[nn.Parameter]:
    """The weights that `l2` pulls on: those the network names, or all of two or more dimensions."""
    network = module.get_submodule("network")
    named = getattr(network, "regularised", None)
    chosen = named() if named is not None else [weight for weight in network.parameters() if weight.ndim > 1]
    return [weight for weight in chosen if weight.requires_grad]
