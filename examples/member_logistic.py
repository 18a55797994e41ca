"""A member of your own: a logistic regression beside the LSTM and the trees.

In minhos.toml:  [user] file = "member_logistic.py".  It votes in models trained from then on.
"""

import numpy as np

from minhos import parts
from minhos.training.member import Member, Range


@parts.members("logistic", version="1")
class Logistic(Member):
    """Straight lines through the standardised features; weighs nothing in the vote where it knows nothing."""

    library = "sklearn"
    demo = standard = {"C": 0.01}
    space = {"C": Range(1e-4, 1.0, log=True)}

    def fit(self, train, validation, parameters, seed):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.model = make_pipeline(StandardScaler(), LogisticRegression(**parameters, random_state=seed))
        self.model.fit(train.rows, train.up.astype(int), logisticregression__sample_weight=train.weight)

    def p_up(self, sample):
        return self.model.predict_proba(sample.rows)[:, 1]

    def export(self, n_features):
        from skl2onnx import to_onnx

        row = np.zeros((1, n_features), dtype=np.float32)
        return to_onnx(self.model, row, options={id(self.model): {"zipmap": False}}).SerializeToString()
