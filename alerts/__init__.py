"""From scores to alerts: counting, evaluating, notifying.

In: `scores`. Out: `alerts`, and what the sinks of `routes.yaml` are told.

Promises: a document is counted exactly once; alerts are a function of the log, so that the same history gives the same
alerts with the same ids whoever was killed meanwhile; a transition is durable before it is sent; missing data resolves
nothing; a backlog being caught up pages nobody.

Read in this order.
Pure, time is an argument:
- counting: what a batch of scores asks Redis to do; visible time and event minute.
- windows, season, baseline: what a series counted, how fast time ticks for its group, what is normal for it.
- spread, tails, detector: how steady a series is, and how surprising a window of it.
- rules, lifecycle: when an alert opens, is told again, and ends.
- state, evaluation: the state machine over all series, and how it is packed.
- explain: the sentence, the numbers and the counterfactual that an alert carries.
- backtest, counts, counts_backtest: the same machine over a history in memory, of documents or of counts.
- budget, fit: thresholds for so many alerts a day, and the recall they cost.
Shells: aggregator (N workers), evaluator (one leader), notify and sinks; `lua/` holds one atomic script per file.
"""
