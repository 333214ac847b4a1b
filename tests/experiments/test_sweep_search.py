"""The search of a sweep: what it draws, and what it prunes by."""

import optuna
from sweeping import sweep_search

from tests.experiments.fixtures import read_sweep


def test_a_seed_gives_the_same_trials(tmp_path):
    sweep = read_sweep(tmp_path)

    def drawn(seed):
        study = sweep_search.open_study(sweep, tmp_path, storage=None)
        return sweep_search.draw(sweep, study.ask(), seed)

    assert drawn(1) == drawn(1) != drawn(2)


def test_hyperband_takes_its_settings_from_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(optuna.pruners, "HyperbandPruner", lambda *made_of: made_of)
    settings = {"type": "hyperband", "max_iter": 27, "s": 2, "eta": 3}
    sweep = read_sweep(tmp_path, early_terminate=settings)
    assert sweep_search.make_pruner(sweep) == (3, 27, 3)
