"""Early-stopping training loop for every network."""

from __future__ import annotations

import ctypes
import math
import pickle
import platform
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
from emotone.errors import ModelError
from emotone.evaluation import metrics
from emotone.files import atomic_write
from emotone.models import Network
from emotone.models.layers.standardised import Standardised
from emotone.training.balance import class_mask, class_weights, log_mask
from emotone.training.batches import EpochBatches
from emotone.training.early_stopping import EarlyStopping
from emotone.training.examples import Epoch, Examples, Floats
from emotone.training.forward import logits
from emotone.training.histories import draw_histories
from emotone.training.loss import Loss, l2_penalty, l2_weights
from emotone.training.mixup import Mixture, draw
from emotone.training.optimizer import make_optimizer, make_schedule
from emotone.training.scaling import standardised
from emotone.training.settings import TrainingSettings

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, AttributeError),
    pickle.UnpicklingError,
)
"""What loading a damaged checkpoint raises."""


def keep_memory() -> None:
    """Ask glibc to keep freed memory: returning every large tensor to the system costs a third of the speed."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            libc.mallopt(option, 2**30)


def precision_here(setting: str) -> str:
    """`fp32` or `bf16`: the setting, or what `auto` is on this machine."""
    if setting != "auto":
        return setting
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu.get_capabilities().get("avx512_bf16", False) else "fp32"


class Loop:
    """Training of one network.

    Every random choice depends on (seed, epoch), so that a resumed run equals an unbroken one.

    Args:
        model: settings of the network.
        train: training clips.
        development: clips that select the best epoch; None only with `keep="last"`.
        classes: number of classes.
        settings: of the training.
        seed: of the first weights and of every random choice.
        keep: whether the weights of the best epoch are kept, or those of the last.
        augmentations: applied to training batches only.
        checkpoint: file to resume from, written after every epoch; None: no file.
        on_epoch: called after every epoch.
    """

    def __init__(
        self,
        model: Network,
        train: Examples,
        development: Examples | None,
        classes: int,
        settings: TrainingSettings,
        *,
        seed: int,
        keep: Literal["best", "last"] = "best",
        augmentations: Sequence[Augmentation] = (),
        checkpoint: Path | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> None:
        if development is None and keep == "best":
            raise ValueError('keep="best" needs development clips; pass them or keep="last"')
        self.model, self.train, self.development = model, train, development
        self.settings, self.seed = settings, seed
        self.augmentations, self.checkpoint, self.on_epoch = augmentations, checkpoint, on_epoch
        bf16 = precision_here(settings.precision) == "bf16"
        self.accelerator = _accelerator(model, settings, bf16)
        keep_memory()
        torch.manual_seed(seed)
        module = standardised(model, train, classes)
        if bf16:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.batches = EpochBatches(train, settings, seed, self.accelerator.num_processes)
        self.optimizer = make_optimizer(model.parameter_groups(module.network), settings)
        steps = math.ceil(len(self.batches.loader) / settings.accumulate / self.accelerator.num_processes)
        self.schedule = make_schedule(self.optimizer, settings, steps_per_epoch=steps)
        self.module, self.optimizer, self.batches.loader = self.accelerator.prepare(
            module, self.optimizer, self.batches.loader
        )
        self.l2_weights = l2_weights(self._inner().network) if settings.l2 else []
        weights = class_weights(train.class_counts(classes), settings.class_weights)
        self.loss = Loss(train, classes, weights, settings, self.accelerator.device)
        mask = None if development is None else class_mask(train, development, classes, settings.absent_class_weight)
        self.log_mask: Floats | float = 0.0 if mask is None else log_mask(mask)
        """Added to the scores of development clips, for classes that their corpus lacks."""
        self.averaged = self._weights() if settings.ema else None
        self.steps = 0
        self.curve: list[Epoch] = []
        self.best = EarlyStopping(settings, keep, self._weights())

    def run(self) -> bool:
        """Train to the end; False if Ctrl-C stopped it."""
        self._resume()
        torch.set_flush_denormal(True)  # denormal numbers would be several times slower
        try:
            while not self.best.over(len(self.curve)):
                self._epoch(len(self.curve) + 1)
        except KeyboardInterrupt:
            return False
        finally:
            torch.set_flush_denormal(False)
        return True

    def best_module(self) -> nn.Module:
        """The network with the kept weights, in fp32 on the CPU."""
        plain = cast(nn.Module, self.accelerator.unwrap_model(self.module, keep_fp32_wrapper=False))
        plain.load_state_dict(self.best.weights)
        return plain.cpu().eval()

    def _epoch(self, number: int) -> None:
        """One epoch: train, evaluate, step the schedule, keep the weights if they are the best, save a checkpoint."""
        started = time.monotonic()
        train_loss = self._train_epoch(number)
        rate = max(float(group["lr"]) for group in self.optimizer.param_groups)
        loss, uar = (math.nan, math.nan) if self.development is None else self._evaluate(self.development)
        if self.settings.scheduler == "plateau":
            self.schedule.step(train_loss if self.development is None else loss)
        elif self.settings.scheduler == "cosine":
            self.schedule.step()
        self.curve.append(Epoch(number, train_loss, loss, uar, rate, time.monotonic() - started))
        if self.best.improves(self.curve[-1]):
            self.best.weights = self._evaluated_weights()
        self._save()
        if self.on_epoch is not None:
            self.on_epoch(self.curve[-1])

    def _train_epoch(self, number: int) -> float:
        """Train one epoch; the mean loss over clips."""
        torch.manual_seed(_epoch_seed(self.seed, number))
        self.batches.start(number, _epoch_seed(self.seed, number))
        self.model.on_epoch(self._inner().network, number)
        self.module.train()
        total, clips, batches = 0.0, 0, len(self.batches.loader)
        for batch, positions in enumerate(self.batches.loader):
            rows = positions.cpu().numpy()
            inputs, mixture = self._batch(rows, number, batch)
            first = batch - batch % self.settings.accumulate
            accumulated = min(self.settings.accumulate, batches - first)  # the last step of an epoch may have fewer
            steps = batch == first + accumulated - 1
            with nullcontext() if steps else self.accelerator.no_sync(self.module):
                outputs = self.module(*inputs).float()
                members = outputs.unbind(1) if outputs.ndim == 3 else (outputs,)
                loss = torch.stack([self.loss(member, rows, mixture) for member in members]).sum()
                # the learning curve leaves the penalty out, so that it compares to the development loss
                self.accelerator.backward((loss + l2_penalty(self.l2_weights, self.settings.l2)) / accumulated)
            if steps:
                self._step()
            total, clips = total + float(loss.detach()) / len(members) * len(rows), clips + len(rows)
        return total / clips

    def _batch(
        self, rows: NDArray[np.int64], epoch: int, batch: int
    ) -> tuple[tuple[torch.Tensor, ...], Mixture | None]:
        """The inputs of the network for these rows, and how they are mixed.

        Inputs: (batch, frames, ...) values and (batch,) lengths, both augmented; and (batch, batch) weights of
        histories, with `training.histories`.
        """
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
            values, lengths = mixture.mix(values, lengths, self._inner().mean.cpu().numpy())
        inputs: tuple[NDArray[Any], ...] = (values, lengths)
        if self.settings.histories:
            recordings = rows if self.train.recordings is None else self.train.recordings[rows]
            inputs += (draw_histories(self.train.labels[rows], recordings, lengths, self.settings, rng),)
        return tuple(torch.as_tensor(array, device=self.accelerator.device) for array in inputs), mixture

    def _step(self) -> None:
        """One step of the optimizer, of the averaged weights, and of a schedule by steps."""
        if self.settings.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.module.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.averaged is not None:
            self._average(self.averaged)
        if self.settings.scheduler in ("one_cycle", "linear"):
            self.schedule.step()

    def _average(self, averaged: dict[str, torch.Tensor]) -> None:
        """Exponential moving average of the weights; a plain mean in the first steps, to forget the initial ones."""
        self.steps += 1
        share = max(1 - self.settings.ema, 1 / self.steps)
        for name, weight in self._inner().state_dict().items():
            weight = weight.to(averaged[name].device)
            averaged[name].lerp_(weight, share) if weight.is_floating_point() else averaged[name].copy_(weight)

    def _evaluate(self, development: Examples) -> tuple[float, float]:
        """Loss and UAR on the development clips."""
        self.module.eval()
        current = self._weights() if self.averaged is not None else None
        if current is not None:
            self._inner().load_state_dict(self._evaluated_weights())
        scores = logits(self.module, development.values, development.rows) + self.log_mask
        if current is not None:
            self._inner().load_state_dict(current)
        truth, targets = development.labels[development.rows], development.distributions(scores.shape[1])
        loss = -float((targets * log_softmax(scores, axis=1)).sum(axis=1).mean())
        return loss, metrics.uar(truth, scores.argmax(axis=1))

    def _inner(self) -> Standardised:
        """The module without its wrapper for several processes; bf16 stays on."""
        return cast(Standardised, self.accelerator.unwrap_model(self.module, keep_fp32_wrapper=True))

    def _evaluated_weights(self) -> dict[str, torch.Tensor]:
        """A copy of the weights that are evaluated and kept: those of the last step, or their moving average."""
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
            "schedule": self.schedule.state_dict() if self.schedule is not None else None,
            "averaged": self.averaged,
            "steps": self.steps,
            "best": self.best.state_dict(),
            "curve": [vars(epoch) for epoch in self.curve],
        }
        with atomic_write(self.checkpoint) as temporary:
            try:
                torch.save(state, temporary)
            except RuntimeError as problem:  # how torch reports a full disk
                raise OSError(f"{self.checkpoint}: cannot be written ({problem}); is the disk full?") from problem

    def _resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        try:
            state = torch.load(self.checkpoint, map_location=self.accelerator.device, weights_only=True)
            self._inner().load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.schedule is not None:
                self.schedule.load_state_dict(state["schedule"])
            self.averaged, self.steps = state["averaged"], state["steps"]
            self.best.load_state_dict(state["best"])
            self.curve = [Epoch(**line) for line in state["curve"]]
        except _UNREADABLE as problem:
            reason = " ".join(str(problem).split())[:200]
            raise ModelError(
                f"{self.checkpoint}: damaged or of another version ({reason}); make it again: delete it, and run the "
                "same command"
            ) from problem


def _accelerator(model: Network, settings: TrainingSettings, bf16: bool) -> Accelerator:
    """Device, precision and processes of a training."""
    AcceleratorState._reset_state()  # one process may fit models of different precision one after the other
    some_weights_rest = type(model).on_epoch is not Network.on_epoch  # several processes must know
    return Accelerator(
        mixed_precision="bf16" if bf16 else "no",
        dataloader_config=DataLoaderConfiguration(even_batches=settings.batch_frames is None),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=some_weights_rest)],
    )


def _epoch_seed(seed: int, epoch: int) -> int:
    """One number for (seed, epoch), the same everywhere."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
