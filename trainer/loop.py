"""The training loop: stages of epochs of steps, an evaluation after each epoch, a checkpoint wherever one is due."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path

from trainer import words
from trainer.checkpoint import BEST, LAST, rng_state
from trainer.errors import TrainerError
from trainer.gate import judge_gate, read_decision
from trainer.memory import within_memory
from trainer.problem import Batch, Figures
from trainer.results import CURVES_NAME
from trainer.schedule import learning_rate
from trainer.session import Session
from trainer.stages import VALIDATE
from wire.gate import RELEASE
from wire.state import Phase

CURVES_INTERVAL_S = 60.0
"""How often training_curves.png is drawn anew while the run goes on."""
DIVERGED = 10.0
"""A validation loss of so many times that of the first epoch, or of guessing, whichever is higher, ends the run."""


class Trainer:
    """Trains a session from its state to the end of its last stage, or to the gate that holds it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.saved_at = self.mark = time.monotonic()
        """When the newest checkpoint was written, and up to when `state.train_s` counts."""
        self.drawn_at = self.saved_at

    def fit(self) -> None:
        """`validate`, the gate, `full`; a resumed run goes on where it was. A run that the gate holds just ends here:
        `state.gate` says why. Raises `Interrupted`, after a checkpoint, when a signal asks us to end.
        """
        session, state, reporter = self.session, self.session.state, self.session.reporter
        reporter.update(message=words.start_line(state.step, reporter.attempt))
        reporter.start_pace(state.step)
        self.train_stage()
        if session.stage.name == VALIDATE and session.config.full_epochs and self.pass_gate():
            self.train_stage()
        reporter.update(force=True, phase=Phase.TRAIN.value, epoch_fraction=0.0)

    def train_stage(self) -> None:
        """Do the epochs of the running stage that are still to do."""
        session, state = self.session, self.session.state
        while not session.stage.over(state.history):
            self.train_epoch()
            self.finish_epoch(self.validate())

    def pass_gate(self) -> bool:
        """Judge `validate`, once a run; return whether the run goes on into `full`: it passed, or was released."""
        session, state, config = self.session, self.session.state, self.session.config
        if not state.gate:
            verdict = judge_gate(config, state.history, state.train_s)
            for check in verdict.checks:
                session.reporter.update(message=f"gate: {check.words}")
            state.gate = verdict.to_json()
        decision = None if state.gate["passed"] else read_decision(session.run)
        if decision is not None and decision.decision == RELEASE:
            state.gate |= {"released_by": decision.by, "released_at_s": decision.at_s}
        state.gate = session.ranks.of_main(state.gate)
        goes_on = state.gate["passed"] or "released_by" in state.gate
        if goes_on:
            state.stage_ends.append(state.epoch)
        self.save([LAST])
        session.reporter.update(message=words.gate_line(state.gate, decision, config.full_epochs))
        return goes_on

    def train_epoch(self) -> None:
        """Do the batches of the running epoch that are still to do."""
        session, state = self.session, self.session.state
        session.model.train()
        self.report(Phase.TRAIN)
        for batch in session.train.epoch(state.epoch, start=state.batch):
            within_memory(self.train_step, batch.to(session.device))
            if state.batch < len(session.train) and state.step % session.config.log_every == 0:
                self.log({"train_loss": state.means["train_loss"], "learning_rate": self.rate})
            self.report(Phase.TRAIN)
            self.obey()

    def train_step(self, batch: Batch) -> None:
        """One step of gradient descent."""
        session, state = self.session, self.session.state
        self.rate = session.learning_rate
        for group in session.optimiser.param_groups:
            group["lr"] = self.rate
        outputs = session.precision.forward(session.parallel, batch.inputs)
        total, further = session.problem.losses(outputs, batch)
        own = {"loss": float(total.detach()) * batch.clips, **further}
        *sums, clips = session.ranks.sum(*own.values(), batch.clips)
        if not math.isfinite(sums[0]):
            session.problem.check_batch(batch, f"batch {state.batch + 1} in epoch {state.epoch + 1}")
            raise self.diverged(f"the loss of step {state.step + 1} is not finite")
        # Gradients are averaged over the processes: so weighted, that is the mean over the clips of the whole batch.
        weighted = total * (batch.share * session.ranks.world)
        if not session.precision.descend(weighted, session.model, session.optimiser, session.config.clip_norm):
            raise self.diverged(f"the gradient of step {state.step + 1} is not finite")
        state.add(dict(zip(own, sums, strict=True)), int(clips))

    def validate(self) -> Figures:
        """Return the figures of the validation split, named as the metrics of the run."""
        session, problem = self.session, self.session.problem
        self.report(Phase.EVALUATE)
        session.ranks.share_buffers(session.model)
        figures = problem.validate(session, lambda done, total: self.tick())
        loss = figures["val_loss"]
        first = session.state.history[0]["val_loss"] if session.state.history else loss
        if not loss <= DIVERGED * max(first, problem.guess_loss) or math.isinf(loss):
            raise self.diverged(f"the validation loss is {loss:.3g}, after {first:.3g} in the first epoch")
        return figures

    def finish_epoch(self, validation: Figures) -> None:
        """Close the epoch: history, metrics line, checkpoints."""
        session, state, stage = self.session, self.session.state, self.session.stage
        figures = {
            **state.means,
            **validation,
            "learning_rate": learning_rate(session.config, stage, state.step - 1, len(session.train)),
        }
        state.epoch += 1
        state.start_epoch()
        state.history.append({"epoch": state.epoch, "step": state.step, **figures})
        self.log(figures)
        names = []
        if validation["val_loss"] < state.best_loss:
            state.best_loss, state.best_epoch = validation["val_loss"], state.epoch
            names.append(BEST)
        over = stage.over(state.history)
        if stage.checkpoint_due(state.epoch) or over:
            names.append(f"checkpoint_epoch_{state.epoch}.pt")
        self.save([*names, LAST])
        session.reporter.update(message=words.epoch_line(state.epoch, stage.end, figures, session.stage_name))
        if over and state.epoch < stage.end:
            session.reporter.update(message=stage.early_line(state.epoch))
        if time.monotonic() - self.drawn_at >= CURVES_INTERVAL_S:
            self.drawn_at = time.monotonic()
            path = Path(session.run.artifacts) / CURVES_NAME
            session.reporter.guard(CURVES_NAME, lambda: session.problem.draw_curves(path, state.history))

    def diverged(self, problem: str) -> TrainerError:
        """Return the error that ends a run whose weights are lost; its checkpoints stay as they are."""
        kept = self.session.state.history
        return TrainerError(
            f"{problem}: training has diverged; "
            + (f"the checkpoints of up to epoch {len(kept)} are kept" if kept else "no epoch was finished"),
            hint="start a new run with a lower learning_rate",
        )

    def tick(self) -> None:
        """Between two batches of an evaluation: show life, and end if asked (the epoch's steps are kept)."""
        self.session.reporter.update()
        self.obey()

    def obey(self) -> None:
        """Do what a signal to any process, or the clock, asks for: a checkpoint, or a checkpoint and the end."""
        session, stop = self.session, self.session.stop
        due = time.monotonic() - self.saved_at >= session.config.checkpoint_every_s
        number, wanted = session.ranks.largest(stop.signal or 0, stop.checkpoint_wanted or due)
        if number:
            stop.signal = signal.Signals(int(number))
            saved = self.save([LAST])
            end = stop.interrupted()
            kept = f"checkpoint at step {session.state.step}" if saved else "its checkpoint could not be written"
            session.reporter.update(message=f"{end}, {kept}")
            raise end
        if wanted:
            self.save([LAST])

    def save(self, names: list[str]) -> bool:
        """Write a checkpoint; return whether it worked. A full disk is said and survived: the next one may work."""
        session, state = self.session, self.session.state
        session.stop.checkpoint_wanted = False
        now = time.monotonic()
        state.train_s += now - self.mark
        self.mark = self.saved_at = now
        self.report(Phase.CHECKPOINT)
        rng = session.ranks.gather(rng_state())
        written = session.reporter.guard(
            LAST,
            lambda: session.checkpoints.save(names, state, session.model, session.optimiser, session.precision, rng),
        )
        saved = session.ranks.of_main(written)
        if saved:
            session.reporter.update(force=True, checkpoint=LAST, checkpoint_at_s=time.time())
        return saved

    def log(self, values: Figures) -> None:
        """Append a line to metrics.jsonl and show it as the newest progress."""
        session, state = self.session, self.session.state
        epoch = state.epoch + state.batch / len(session.train)
        state.logged_step = state.step
        session.reporter.log_metrics(state.step, epoch, values)
        session.reporter.update(metrics=values)

    def report(self, phase: Phase) -> None:
        """Tell the reporter where we are."""
        session, state, stage = self.session, self.session.state, self.session.stage
        clips = session.train.clips
        session.reporter.update(
            phase=phase.value,
            stage=session.stage_name,
            step=state.step,
            total_steps=stage.end * len(session.train),
            epoch=state.epoch,
            total_epochs=stage.end,
            epoch_fraction=state.batch / len(session.train),
            samples_done=state.epoch * clips + state.clips,
            samples_total=stage.end * clips,
        )
