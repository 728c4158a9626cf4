"""Equations and descriptions of what a model saw, by rules or by a language model, and what they are worth.

    evidence      what may be known of a clip        gathering     makes it: model, detector, validation split
    describer     who turns it into a `Description`  providers/    language models and services as describers
    rules         the one that needs no model        fit           the path: observations, fit_starts, path_terms,
                                                                   reprojection, selection
    rows          clips described, and again from less or other evidence
    truth         what really happened: for those who score
    scored        one description against it         equation_scores (reading <- expression <- notation; identifying),
                                                     claim_scores (prose_claims)
    rates         of many clips, and flags           targets       what they shall reach
    described     descriptions.json                  descriptions_page, descriptions_sheet, comparison_page, tables

`trainer.describe`, `trainer.describe_stage` and `trainer.descriptions` are the verb, the stage of a run, and the verb
that compares. What a run's *analysis* says in words is `trainer.analysis.prose`.
"""
