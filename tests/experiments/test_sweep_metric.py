"""The metric of a sweep: one that the training logs, and its better end."""

import pytest
from sweeping import sweep_file

from ocr_jax.errors import UserError
from tests.experiments.fixtures import read_sweep


def test_metrics_are_those_of_the_kind_of_training(tmp_path):
    for name, goal, encoder, other in [
        ("f1", "maximize", "page", "conv"),
        ("loss", "minimize", "conv", "page"),
    ]:
        found = read_sweep(
            tmp_path, metric={"name": f"validation/{name}", "goal": goal}
        )
        sweep_file.refuse_wrong_metric(found, encoder)
        with pytest.raises(UserError, match=f"metric 'validation/{name}': expected"):
            sweep_file.refuse_wrong_metric(found, other)


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        ({"name": "validation/character_accuracy"}, "maximize"),
        ({"name": "validation/exact", "goal": "minimize"}, "maximize"),
        ({"name": "train/lines_per_second"}, "maximize"),
        ({"name": "validation/cer", "goal": "maximize"}, "minimize"),
        ({"name": "train/loss", "goal": "maximize"}, "minimize"),
    ],
)
def test_a_search_for_the_worst_is_refused(tmp_path, metric, goal):
    with pytest.raises(UserError, match=f"{metric['name']} is better .* goal: {goal}"):
        sweep_file.refuse_wrong_metric(read_sweep(tmp_path, metric=metric), "conv")
