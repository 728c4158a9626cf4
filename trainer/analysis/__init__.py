"""What finished runs amount to, read from their files alone: no torch, no data set, no checkpoint.

reading, forms      any training_results.json (or metrics.jsonl) -> `results.Results`, with what is missing named
curves, classes     convergence, overfitting, stability, gaps; recall of each class
standing            skill against every control, bars of the stages, held-out tests
advice              recommendations, each triggered by a number
analysis, report    `trainer analyze RUN`: the numbers, the page; pictures beside them
entries, comparison `trainer compare RUN...`: seeds grouped, ranked, judged; ensemble: the mean of the predictions
"""
