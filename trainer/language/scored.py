"""One description against the truth: everything that its scores are, as JSON values."""

from __future__ import annotations

from typing import Any

from trainer.language.claim_scores import score_claims
from trainer.language.describer import Description
from trainer.language.equation_scores import score_equation
from trainer.language.truth import Truth


def score(said: Description, truth: Truth) -> dict[str, Any]:
    """Return each of `trainer.language.rates.FIGURES`, and what went wrong where something did."""
    written, claimed = score_equation(said.equation, truth), score_claims(said, truth)
    return {
        "parses": written.parses,
        "family": written.family,
        "parameters": written.parameters,
        "rmse": written.rmse,
        "claim_f1": claimed.f1,
        "coherent": claimed.coherent,
        "said": written.said.name.lower() if written.said is not None else "",
        "off": list(written.off),
        "rmse_share": written.rmse_share,
        "contradicted": list(claimed.contradicted),
        "problem": written.problem,
    }
