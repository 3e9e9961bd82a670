"""The mutants and the tests of :mod:`tests.mutation_numerical`: which module is claimed by which tests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """A change of one line, by its text, and the test that must notice it."""

    module: str
    old: str
    new: str
    what: str
    test: str


NAMED = (
    Named(
        "inference.temperature._groups", "padded([group.freedom * tempering for group in setting.groups])",
        "padded([group.freedom for group in setting.groups])",
        "degrees of freedom not divided by the inflation",
        "tests/inference/test_level_groups.py::test_tempering_divides_energies_and_freedom_alike",
    ),
    Named(
        "inference.temperature._groups", "padded([group.energy * tempering for group in setting.groups])",
        "padded([group.energy for group in setting.groups])",
        "energies not divided by the inflation",
        "tests/inference/test_level_groups.py::test_tempering_divides_energies_and_freedom_alike",
    ),
    Named(
        "motion._increments", "+ rounding) / 4 / self.updates",
        "+ rounding) / 2 / self.updates",
        "noise of other levels twice as strong",
        "tests/motion/test_small_data.py::test_one_mode_of_two_knows_the_noise_of_the_other",
    ),
    Named(
        "models._two_layer", "trailing_ones(exact / self.balance, first)",
        "trailing_ones(exact * self.balance, first)",
        "start of the first layer with the balance the other way round",
        "tests/theory/test_closed_forms.py::test_the_start_of_an_unbalanced_pair",
    ),
    Named(
        "models._two_layer", "trailing_ones(exact.T * self.balance, second)",
        "trailing_ones(exact.T / self.balance, second)",
        "start of the second layer with the balance the other way round",
        "tests/theory/test_closed_forms.py::test_the_start_of_an_unbalanced_pair",
    ),
    Named(
        "theory._closed_forms", "levels[None, :], model.balance, trained=model.trained",
        "levels[None, :], 1 / model.balance, trained=model.trained",
        "rates of an unbalanced pair with the exponents exchanged",
        "tests/theory/test_closed_forms.py::test_one_layer_of_an_unbalanced_pair",
    ),
    Named(
        "inference.spacing_laws._criticism", "np.float64(chosen.gap / data.scale)",
        "np.float64(chosen.gap)",
        "known gap not in the units of the data",
        "tests/inference/test_exact_posteriors.py::test_predictive_checks_of_a_known_gap_in_any_unit",
    ),
    Named(
        "inference._level_groups", "expected = 2.0 * sum",
        "expected = 4.0 * sum",
        "scatter of the energies expected twice as large",
        "tests/inference/test_level_groups.py::test_tempering_divides_energies_and_freedom_alike",
    ),
    Named(
        "inference._level_groups", "* len(self.levels) - (self.size == 1)",
        "* len(self.levels)",
        "a single mode with one degree of freedom too many",
        "tests/inference/test_level_groups.py::test_energies_follow_chi_squared_of_their_freedom",
    ),
    Named(
        "inference._level_groups", "np.var(scores, ddof=1)",
        "np.var(scores, ddof=0)",
        "variance of the energies divided by n",
        "tests/inference/test_level_groups.py::test_tempering_divides_energies_and_freedom_alike",
    ),
    Named(
        "theory._closed_forms", "rates = evaluate(symbolic.rbm_relaxation, *pair, model.mu2, 1.0, numbers=hidden)",
        "rates = evaluate(symbolic.rbm_relaxation, *pair, model.mu2, 1.0)",
        "rates of the surrogate without σ_h²",
        "tests/theory/test_closed_forms.py::test_a_surrogate_in_other_units_of_the_hidden_variance",
    ),
    Named(
        "theory._closed_forms", "variance = evaluate(symbolic.rbm_variance, *pair, 1.0, numbers=hidden)",
        "variance = evaluate(symbolic.rbm_variance, *pair, 1.0)",
        "variance of the surrogate without σ_h²",
        "tests/theory/test_closed_forms.py::test_a_surrogate_in_other_units_of_the_hidden_variance",
    ),
    Named(
        "theory._response_table", "log_ratio - _log_factors(model, temperature)",
        "log_ratio + _log_factors(model, temperature)",
        "finite rate of the table with the wrong sign",
        "tests/theory/test_closed_forms.py::test_the_table_and_the_theory_of_its_rate_make_the_widths_that_were_measured",
    ),
    Named(
        "theory._response_table", "(theory.width2_per_temperature / leading - 1) / (reference",
        "-(theory.width2_per_temperature / leading - 1) / (reference",
        "shift at another rate with the wrong sign",
        "tests/theory/test_closed_forms.py::test_what_a_finite_rate_adds_to_levels_without_memory_is_in_proportion_to_it",
    ),
    Named(
        "inference.scaling._rule", 'np.sqrt(sites["scatter"] ** 2 + error**2))',
        'sites["scatter"])',
        "error of the predicted temperature left out",
        "tests/inference/test_exact_posteriors.py::test_a_prediction_is_no_sharper_than_the_error_of_what_is_predicted",
    ),
    Named(
        "spectra._levels", "tolerance * np.abs(points).max()",
        "tolerance * points.max()",
        "nearness relative to the largest, not the largest size",
        "tests/spectra/test_errors.py::test_nearness_of_negative_levels_is_relative_to_their_size",
    ),
    Named(
        "spectra._unfold", "sliding_window_view(gaps[1 : last + window], window)",
        "sliding_window_view(gaps[0 : last + window - 1], window)",
        "local mean spacing with the gap itself",
        "tests/spectra/test_errors.py::test_a_level_stands_apart_by_the_spacings_inside_and_not_by_its_own",
    ),
    Named(
        "networks._repulsion", "np.log(cdf[-1] / (grid.size - 1))",
        "np.log(cdf[-1] * 4 / (grid.size - 1))",
        "prior of Brody's exponent not normalised",
        "tests/networks/test_errors.py::test_probabilities_of_repulsion_by_quadrature",
    ),
    Named(
        "inference.temperature._spectrum", "[group.levels.size * tempering for group in setting.groups]",
        "[len(group.levels) * tempering for group in setting.groups]",
        "mean of a group counts replicas, not levels",
        "tests/inference/test_level_groups.py::test_the_mean_of_a_group_counts_all_its_levels",
    ),
    Named(
        "spectra._rigidity", "np.clip(extent // (4 * length), 1, _BLOCKS)",
        "np.clip(extent // (length / 4), 1, 10**9)",
        "blocks shorter than a window",
        "tests/spectra/test_errors.py::test_block_errors_of_one_spectrum_are_its_scatter",
    ),
    Named(
        "spectra._rigidity", "means.std(ddof=1) / np.sqrt(means.size)",
        "means.std(ddof=1) / np.sqrt(2 * means.size)",
        "error of a mean too small by √2",
        "tests/spectra/test_errors.py::test_block_errors_of_one_spectrum_are_its_scatter",
    ),
    Named(
        "networks._spikes", "var_long = 2 / rows *",
        "var_long = 2 / columns *",
        "rows and columns exchanged (long side)",
        "tests/networks/test_errors.py::test_outliers_scatter_by_both_sides",
    ),
    Named(
        "networks._spikes", "var_short = 2 / columns *",
        "var_short = 2 / rows *",
        "rows and columns exchanged (short side)",
        "tests/networks/test_errors.py::test_outliers_scatter_by_both_sides",
    ),
    Named(
        "networks._spikes", "(square * mean_square - mean) / rows",
        "(square * mean_square - mean) / columns",
        "rows and columns exchanged (covariance)",
        "tests/networks/test_errors.py::test_outliers_scatter_by_both_sides",
    ),
    Named(
        "networks._spikes", "position, variance, rows, columns) * rows * variance)",
        "position, variance, rows, columns) * columns * variance)",
        "strength of a signal by columns",
        "tests/networks/test_errors.py::test_outliers_of_a_matrix_twenty_times_as_long_as_wide",
    ),
    Named(
        "networks._spikes", "overlap_long=1 - (ratio + ell)",
        "overlap_long=1 - (1 / ratio + ell)",
        "overlap with the aspect the other way round",
        "tests/networks/test_errors.py::test_outliers_of_a_matrix_twenty_times_as_long_as_wide",
    ),
    Named(
        "spectra._spacings", "covariance[0] + 2 * sum(covariance[1:])",
        "covariance[0] + sum(covariance[1:])",
        "correlation of neighbouring ratios counted once",
        "tests/spectra/test_errors.py::test_the_error_of_a_spacing_ratio_knows_that_ratios_share_spacings",
    ),
    Named(
        "inference.temperature._remarks", "2 / (group.freedom * share) + error**2)",
        "2 / (group.freedom * share))",
        "error of the response left out of the agreement",
        "tests/inference/test_level_groups.py::test_groups_agree_within_the_errors_of_their_response",
    ),
    Named(
        "inference.spacing_laws._compare", "{name: jnp.exp(u)})[0] + u)(grid)",
        "{name: jnp.exp(u)})[0])(grid)",
        "Jacobian of the logarithm forgotten",
        "tests/inference/test_exact_posteriors.py::test_the_width_of_pairs_is_an_inverse_chi",
    ),
    Named(
        "motion._regression", "np.clip(1 - leverage, 0.1, 1.0)",
        "1.0",
        "leverage of the drift forgotten",
        "tests/motion/test_small_data.py::test_a_drift_that_takes_much_of_few_data_leaves_the_noise_whole",
    ),
    Named(
        "ensembles._dyson", "indices = first + jnp.arange",
        "indices = 0 * first + jnp.arange",
        "the same noise between any two records",
        "tests/ensembles/test_dyson.py::test_noise_of_successive_records_is_independent",
    ),
)  # fmt: skip
"""Mutants that once survived every test, and their sisters; modules below ``coulombgas``."""

_INFERENCE = ("tests/inference/test_level_groups.py", "tests/inference/test_exact_posteriors.py")
_SPECTRA = ("tests/spectra/test_errors.py", "tests/spectra/test_levels.py", "tests/spectra/test_statistics.py")
_NETWORKS = ("tests/networks/test_errors.py", "tests/networks/test_spikes.py", "tests/networks/test_analysis.py")
_THEORY = ("tests/theory/test_closed_forms.py", "tests/theory/test_statements.py", "tests/theory/test_response.py")
_MODELS = ("tests/models/test_models.py", "tests/theory/test_closed_forms.py")
_LAWS = ("tests/laws/test_protocol.py",)
PLAN: dict[str, tuple[str, ...]] = {
    "spectra._levels": _SPECTRA[:2],
    "spectra._spacings": _SPECTRA,
    "spectra._unfold": _SPECTRA,
    "spectra._rigidity": _SPECTRA,
    "spectra._marchenko_pastur": _SPECTRA[2:],
    "spectra._reference_curves": _SPECTRA[2:],
    "spectra._smoothing": _SPECTRA[2:],
    "spectra._vectors": _SPECTRA[2:],
    "inference._level_groups": (*_INFERENCE[:1], "tests/inference/test_fit.py"),
    "inference._level_space": ("tests/inference/test_level_space.py",),
    "inference._data_checks": ("tests/inference/test_data_checks.py",),
    "inference.temperature._groups": (*_INFERENCE[:1], "tests/inference/test_fit.py"),
    "inference.temperature._remarks": (*_INFERENCE[:1], "tests/inference/test_fit.py"),
    "inference.scaling._exact": (_INFERENCE[1], "tests/inference/test_scaling.py"),
    "inference.scaling._rule": (_INFERENCE[1], "tests/inference/test_scaling.py"),
    "inference.spacing_laws._criticism": (_INFERENCE[1], "tests/inference/test_criticism.py"),
    "inference.spacing_laws._compare": (_INFERENCE[1], "tests/inference/test_criticism.py"),
    "inference.relative._variances": ("tests/inference/test_relative.py",),
    "networks._layer_noise": (_NETWORKS[0], _NETWORKS[2]),
    "networks._repulsion": (_NETWORKS[0], _NETWORKS[2]),
    "networks._spikes": _NETWORKS[:2],
    "networks._edge": (_NETWORKS[1],),
    "networks._bulk": ("tests/networks/test_bulk.py",),
    "networks._tail": ("tests/networks/test_tail.py",),
    "networks._trajectory": (_NETWORKS[2],),
    "motion._increments": ("tests/motion",),
    "motion._propagation": ("tests/motion",),
    "motion._regression": ("tests/motion",),
    "motion._spline": ("tests/motion",),
    "motion._fit": ("tests/motion",),
    "theory._closed_forms": (*_THEORY, "tests/theory/test_linear_noise.py"),
    "theory._response_table": _THEORY,
    "theory._ensembles": _THEORY,
    "theory._stationary": ("tests/theory/test_linear_noise.py",),
    "theory._shift": ("tests/theory/test_linear_noise.py",),
    "models._linalg": ("tests/models/test_linalg.py",),
    "models._two_layer": _MODELS,
    "models._matrix_dyson": (*_MODELS, "tests/theory/test_linear_noise.py"),
    "models._teacher_student": (*_MODELS, "tests/theory/test_linear_noise.py"),
    "models._rbm_chains": ("tests/models/test_rbm_chains.py",),
    "ensembles._dyson": ("tests/ensembles/test_dyson.py",),
    "ensembles._repulsion": ("tests/ensembles/test_dyson.py",),
    "ensembles._beta": ("tests/ensembles/test_beta.py",),
    "ensembles._dense": ("tests/ensembles/test_dense.py",),
    "ensembles._tridiagonal": ("tests/ensembles/test_tridiagonal.py", "tests/ensembles/test_beta.py"),
    "ensembles._density": ("tests/ensembles/test_density.py",),
    "laws._pair": ("tests/laws/test_pair.py", *_LAWS),
    "laws._spacing": ("tests/laws/test_spacing.py", *_LAWS),
    "laws._rice": ("tests/laws/test_spacing.py", "tests/laws/test_pair.py"),
    "laws._bulk": ("tests/laws/test_bulk.py",),
    "laws._block": ("tests/laws/test_block.py",),
    "laws._tails": ("tests/laws/test_tracy_widom.py",),
}
"""Module below ``coulombgas`` → the tests that claim it."""
