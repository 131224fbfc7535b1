"""How Footnote's evidence model is made: pairs of public data and of sentences that are changed, and the training."""
