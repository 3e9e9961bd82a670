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
        "inference.scaling._rule", 'sites["scatter"] ** 2 + error**2', 'sites["scatter"] ** 2',
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
        "motion._regression", "coupling=-drift.response @ pull",
        "coupling=drift.response @ pull",
        "more noise between levels, more drift",
        "tests/motion/test_bands.py::test_more_noise_means_more_repulsion_and_so_less_of_it_in_the_drift",
    ),
    Named(
        "motion._spline", "meat / dispersion**2",
        "meat * dispersion**2",
        "scatter of replicas to the fifth power",
        "tests/motion/test_bands.py::test_clusters_that_scatter_widen_errors_by_the_root_of_their_dispersion",
    ),
    Named(
        "motion._fit", "factor = (1 + found.memory)",
        "factor = (2 + found.memory)",
        "strength of correlated noise over long times too large",
        "tests/motion/test_bands.py::test_a_warning_names_the_factor_of_the_noise_over_long_times",
    ),
    Named(
        "motion._fit", "0.5 * moves.start.size",
        "0.75 * moves.start.size",
        "told of crowded levels from three quarters on",
        "tests/motion/test_bands.py::test_a_majority_of_crowded_levels_is_told",
    ),
    Named(
        "inference.spacing_laws._compare", "_pairs(spectra, models[0],",
        "_pairs(spectra, models[1],",
        "one law alone is not scored",
        "tests/inference/test_exact_posteriors.py::test_one_law_alone_is_scored",
    ),
    Named(
        "ensembles._dyson", "indices = first + jnp.arange",
        "indices = 0 * first + jnp.arange",
        "the same noise between any two records",
        "tests/ensembles/test_dyson.py::test_noise_of_successive_records_is_independent",
    ),
)  # fmt: skip
"""Mutants that once survived every test, and their sisters; modules below ``coulombgas``."""


# Files, or tests of a file where the others take long and see no more of the module; the fastest first.
def _of(file: str, *tests: str) -> tuple[str, ...]:
    return tuple(f"tests/{file}.py::test_{name}" for name in tests)


def _but(file: str, *tests: str) -> tuple[str, ...]:
    return (f"tests/{file}.py", *(f"--deselect={one}" for one in _of(file, *tests)))


def _protocol(law: str) -> tuple[str, ...]:
    names = (
        "unit_mass_and_moments", "cdf_is_the_integral_and_icdf_inverts_it", "samples_follow_the_law_and_not_another",
    )  # fmt: skip
    return _of("laws/test_protocol", *(f"{name}[{law}]" for name in names))


_SPECTRA = (
    *_but("spectra/test_errors", "how_often_correct_smoothing_is_called_too_smooth"),
    "tests/spectra/test_numbers.py",
)
_UNFOLD = _of(
    "spectra/test_statistics", "outliers_are_left_out_at_both_ends", "levels_that_cannot_be_unfolded",
    "marchenko_pastur_unfolding_is_analytic", "diagnosis_warns_of_too_much_and_too_little_smoothing",
    "unfolding_gives_unit_spacings_and_wigner_variance",
)  # fmt: skip
_RIGIDITY = _of(
    "spectra/test_statistics", "picket_fence_is_rigid", "spectra_of_slightly_different_extent_are_averaged",
    "number_variance_is_the_exact_average_over_windows", "rigidity_of_one_window_by_least_squares",
)  # fmt: skip
_FILES = ("tests/spectra/test_others_networks.py", "tests/spectra/test_numbers.py")
_ERRORS = _but("networks/test_errors", "the_error_of_the_noise_is_its_scatter", "noise_twenty_times_as_long")
_ANALYSIS = _but(
    "networks/test_analysis", "temperature_only_where", "heavy_entries_show", "a_bulk_of_few_levels",
    "initialised_matrices", "a_random_matrix", "equipartition", "brody_exponent",
)  # fmt: skip
_TRAJECTORY = _of(
    "networks/test_analysis", "spikes_are_born_where_the_signal_crosses_the_threshold",
    "births_count_only_what_lasts", "matrices_too_small_for_a_bulk_have_no_spikes_and_no_births",
    "temperature_only_where_its_assumptions_hold",
)  # fmt: skip
_LAYER_NOISE = _of(
    "networks/test_analysis", "motion_that_is_no_diffusion_is_not_called_noise",
    "noise_is_measured_from_the_motion_of_the_levels",
)  # fmt: skip
_SPIKES = _of(
    "networks/test_spikes", "overlaps_are_those_of_the_vectors", "equal_signals_repel_and_their_intervals_know",
    "strong_spikes_hide_no_weaker_ones", "number_has_a_posterior", "outliers_scatter_as_predicted",
)  # fmt: skip
_NUMBERS = "tests/networks/test_numbers.py"
_ENTRIES = (
    *_but("networks/test_entries", "large_entries", "intervals", "independent_entries"),
    _NUMBERS,
    "tests/spectra/test_numbers.py",
)
_TAIL = _of(
    "networks/test_tail", "distances_of_tails_are_those_of_kolmogorov_and_smirnov",
    "evidence_of_each_law_is_its_likelihood_averaged_over_its_prior", "models_are_told_apart",
    "noise_gets_an_interval_that_says_so", "exponent_is_covered_at_the_nominal_rate[2.5]",
)  # fmt: skip
_BULK = _but("networks/test_bulk", "intervals_hold_the_truth_at_the_nominal_rate[128")
_DATA = _of(
    "inference/test_data_checks", "many_moving_levels_are_counted", "means_that_still_move_are_named",
    "agreement_and_a_single_group_are_silent", "agreement_of_variances_is_that_of_bartlett",
    "one_group_against_the_others", "every_group_disagrees",
    "snapshots_of_several_runs_one_after_the_other_are_found", "copies_are_counted",
    "p_values_of_order_hold_for_any_order_of_independent_replicas",
)  # fmt: skip
_CHECK_NUMBERS = "tests/inference/test_check_numbers.py"
_INFERENCE_NUMBERS = "tests/inference/test_numbers.py"
_GROUPS = (*_but("inference/test_level_groups", "tempering_leaves_the_mean_temperature"), _INFERENCE_NUMBERS)
_RELATIVE = ("tests/inference/test_relative_numbers.py", "tests/inference/test_relative.py")
_RULE_NUMBERS = "tests/inference/test_rule_numbers.py"
_RECORDINGS = (_RULE_NUMBERS, *_of(
    "inference/test_recordings", "laws_of_equal_temperature", "the_linear_rule_is_distinguished_from_others",
    "an_undecided_rule_names_the_data_that_would_decide", "the_noise_scale_has_an_interval_that_holds",
    "the_sd_of_the_noise_scale_is_the_scatter_of_the_ratio",
    "groups_that_differ_by_more_than_their_errors_widen_them_by_as_much",
))  # fmt: skip
_EXACT = ("tests/inference/test_exact_posteriors.py", _RULE_NUMBERS)
_LAWS = ("tests/inference/test_law_numbers.py", "tests/inference/test_exact_posteriors.py")
_SMALL = ("tests/motion/test_small_data.py",)
_MOTION = (
    "tests/motion/test_moves_of_levels.py",
    "tests/motion/test_numbers.py",
    "tests/motion/test_summary.py",
    "tests/motion/test_bands.py",
    *_SMALL,
    *_of(
        "motion/test_motion", "repulsion_is_that_of_the_matrix", "bad_trajectories_are_refused",
        "roughness_is_the_integral_of_the_second_derivative_squared", "levels_that_forget_between_records_are_refused",
        "the_coulomb_term_is_taken_out_of_a_pair", "coarse_and_anharmonic_records_converge",
    ),
)  # fmt: skip
_MATRIX = (
    "tests/motion/test_moves_of_levels.py",
    "tests/motion/test_numbers.py",
    *_of(
        "motion/test_level_noise", "isotropic_noise_is_measured_and_accepted", "anisotropic_noise_is_refused",
        "a_factor_two_between_levels_is_not_called_isotropic", "few_levels_get_what_they_can",
        "momentum_is_looked_through", "what_cannot_be_told_is_not_told",
    ),
)  # fmt: skip
_PARTS_OF_THEORY = _of(
    "theory/test_numbers", "one_coordinate_that_nothing_restores_and_one_that_forgets",
    "what_leaves_a_product_as_it_is_does_not_depend_on_units", "means_without_a_block",
    "weights_without_noise_are_fixed_only_where_nothing_moves_them", "newtons_method_finds_the_root_of_a_cubic",
)  # fmt: skip
_FORMS = (
    "tests/theory/test_closed_forms.py", *_of("theory/test_numbers", "widths_of_a_student_by_its_second_moments"),
)  # fmt: skip
_MATRICES = ("tests/theory/test_matrices.py", *_PARTS_OF_THEORY)
_LINEAR = (
    *_of(
        "theory/test_linear_noise", "bad_arguments_are_named", "optimisers_are_those_of_an_exact_recursion",
        "equilibrium_is_reached_when_the_square_of_the_decay_is_one_percent",
    ),
    *_of("theory/test_numbers", "one_weight_forgets_at_its_rate"),
)  # fmt: skip
_TRACY_WIDOM = (
    *_of("laws/test_tracy_widom", "published_quantiles_of_beta_1", "published_mean_and_variance"),
    *_of("laws/test_numbers", "edges_of_gaussian_and_wishart_matrices"),
    *_protocol("tracy-widom 1"),
)  # fmt: skip
PLAN: dict[str, tuple[str, ...]] = {
    "spectra._levels": (*_SPECTRA, "tests/spectra/test_levels.py"),
    "spectra._spacings": (*_SPECTRA, *_of("spectra/test_statistics", "spacing_ratio_of_exact_samples")),
    "spectra._unfold": (*_SPECTRA, *_UNFOLD),
    "spectra._rigidity": (*_SPECTRA, *_RIGIDITY),
    "spectra._reference_curves": (*_SPECTRA, *_of("spectra/test_statistics", "reference_curves_at_known_points")),
    "spectra._smoothing": (*_SPECTRA, *_UNFOLD),
    "spectra._vectors": (
        *_SPECTRA,
        *_of(
            "spectra/test_statistics",
            "layer_spectrum_agrees_with_the_singular_values_of_any_orientation",
            "random_vectors_are_not_called_localised_and_planted_ones_are",
        ),
    ),
    "spectra._gram": _but("spectra/test_gram", "levels_are_squared_singular_values[jax"),
    "spectra._entries": _ENTRIES,
    "spectra._quantised": _FILES,
    "spectra._kernels": _FILES,
    "spectra._gates": _FILES,
    "spectra._adapters": _FILES,
    "networks._spikes": (*_ERRORS, *_SPIKES, _NUMBERS),
    "networks._edge": (*_SPIKES, "tests/networks/test_edge.py"),
    "networks._tail": (*_TAIL, _NUMBERS),
    "networks._independence": _ENTRIES,
    "networks._bulk": (
        *_of(
            "networks/test_errors",
            "fits_with_several_numbers_of_spikes_mix_to_one_total",
            "effective_rows_by_the_density_of_wishart_levels",
            "heavy_entries_lower_the_logarithms_of_levels",
            "kurtosis_changes_the_scatter_of_the_logarithms_of_levels",
        ),
        *_BULK,
        _NUMBERS,
    ),
    "networks._repulsion": _of(
        "networks/test_errors", "four_spacings_are_the_fewest", "probabilities_of_repulsion_by_quadrature"
    )
    + _of(
        "networks/test_analysis",
        "brody_exponent_of_exact_samples",
        "the_same_spacings_have_the_same_posterior_to_the_last_bit",
    ),
    "networks._layer_noise": (
        *_of(
            "networks/test_errors",
            "groups_of_levels_mix_on_the_logarithmic_scale",
            "a_temperature_is_the_noise_over_twice_the_rate_and_groups_pool_by_their_errors",
            "the_temperature_of_several_layers_is_the_mean_over_their_levels_with_errors_in_quadrature",
        ),
        *_LAYER_NOISE,
    ),
    "networks._trajectory": (*_TRAJECTORY, _NUMBERS),
    "networks._analysis": (*_ANALYSIS, "tests/networks/test_edge.py", _NUMBERS),
    "networks._spacings": (*_ANALYSIS, _NUMBERS),
    "networks._training": ("tests/networks/test_window.py",),
    "inference._data_checks": (*_DATA, _CHECK_NUMBERS),
    "inference._scrutiny": (*_DATA, _CHECK_NUMBERS, "tests/inference/test_scrutiny.py"),
    "inference._level_space": ("tests/inference/test_level_space.py", _CHECK_NUMBERS),
    "inference._level_groups": _GROUPS,
    "inference.temperature._groups": _GROUPS,
    "inference.temperature._remarks": _GROUPS,
    "inference.temperature._exact": (
        *_of(
            "inference/test_numbers",
            "without_data_the_posterior_is_the_prior",
            "a_response_multiplies_the_widths_in_the_likelihood",
            "the_likelihood_of_a_whole_spectrum_is_the_integral_over_its_errors",
        ),
        "tests/inference/test_exact_temperature.py",
    ),
    "inference.temperature._spectrum": _GROUPS,
    "inference.relative._variances": _RELATIVE,
    "inference.relative._levels": _RELATIVE,
    "inference.relative._fixed_point": _RELATIVE,
    "inference.relative._agreement": _RELATIVE,
    "inference.recordings._combine": _RECORDINGS,
    "inference.recordings._noise_scale": _RECORDINGS,
    "inference.recordings._rescale": _RECORDINGS,
    "inference.recordings._verdict": _RECORDINGS,
    "motion._stationarity": ("tests/motion/test_stationarity.py",),
    "motion._level_noise": _MATRIX,
    "motion._groups": _MATRIX,
    "motion._isotropy": (*_MATRIX, "tests/motion/test_welch.py"),
    "motion._moves_of_levels": _MATRIX,
    "motion._increments": _MOTION,
    "motion._propagation": _MOTION,
    "motion._regression": _MOTION,
    "motion._spline": _MOTION,
    "motion._fit": _MOTION,
    "ensembles._dyson": ("tests/ensembles/test_dyson.py",),
    "ensembles._repulsion": _of(
        "ensembles/test_dyson",
        "force_and_curvature_are_derivatives_of_the_barrier",
        "the_proximal_step_solves_its_equation_from_any_point",
    ),
    "ensembles._dense": ("tests/ensembles/test_dense.py",),
    "ensembles._tridiagonal": ("tests/ensembles/test_tridiagonal.py",),
    "ensembles._density": ("tests/ensembles/test_density.py",),
    "ensembles._coordinates": _of("ensembles/test_gas", "coordinates_invert_and_their_volume_is_the_jacobian"),
    "ensembles._beta": (
        "tests/ensembles/test_numbers.py",
        *_of(
            "ensembles/test_beta",
            "goe_mean_spacing_at_unit_off_diagonal_variance",
            "any_beta_has_the_exact_second_moment",
            "laguerre_of_one_level_is_chi_squared",
            "jacobi_agrees_with_a_dense_manova",
            "errors_name_argument_value_and_remedy",
        ),
    ),
    "ensembles._chi": ("tests/ensembles/test_numbers.py",),
    "models._targets": (
        "tests/models/test_numbers.py",
        *_of("models/test_models", "free_scalar_field_degeneracies", "bad_arguments_are_named"),
    ),
    "models._linalg": ("tests/models/test_linalg.py", "tests/models/test_numbers.py"),
    "models._random": ("tests/models/test_random.py", "tests/models/test_numbers.py"),
    "models._rbm_chains": _of(
        "models/test_rbm_chains",
        "collapsed_step_is_the_power_series",
        "gram_matrices_of_chains_have_the_law_of_the_chains",
        "chains_remember_by_the_power_of_the_gibbs_steps",
    ),
    "models._matrix_dyson": (
        "tests/models/test_numbers.py",
        *_of(
            "models/test_models",
            "bad_arguments_are_named",
            "protocol[matrix-dyson1]",
            "gradient_vanishes_on_average_at_the_fixed_point[matrix-dyson1]",
        ),
    ),
    "models._teacher_student": (
        "tests/models/test_parts.py",
        "tests/models/test_numbers.py",
        *_of(
            "models/test_models",
            "bad_arguments_are_named",
            "protocol[teacher-student1]",
            "gradient_vanishes_on_average_at_the_fixed_point[teacher-student1]",
            "teacher_student_states_the_derived_width_and_scatter",
        ),
        *_of("training/test_layouts", "a_batch_smaller_than_the_matrix_has_the_gradient_of_the_whole_formula"),
    ),
    "models._rbm": (
        "tests/models/test_parts.py",
        "tests/models/test_numbers.py",
        *_of(
            "models/test_models",
            "bad_arguments_are_named",
            "rbm_leaves_its_domain",
            "fewer_hidden_units_learn_the_smallest_kappas",
            "gradient_vanishes_on_average_at_the_fixed_point[rbm2]",
            "gradient_vanishes_on_average_at_the_fixed_point[rbm3]",
            "gradient_vanishes_on_average_at_the_fixed_point[rbm4]",
        ),
    ),
    "models._two_layer": (
        *_FORMS[:1],
        *_of(
            "models/test_models",
            "protocol[two-layer1]",
            "gradient_vanishes_on_average_at_the_fixed_point[two-layer0]",
        ),
        *_of("training/test_layouts", "a_batch_smaller_than_the_matrix_has_the_gradient_of_the_whole_formula"),
    ),
    "laws._pair": (
        *_of("laws/test_pair", "pair_density_is_the_marginal_of_the_joint_law", "binder_cumulant_of_the_pair"),
        *_of("laws/test_numbers", "a_pair_seen_from_a_hundred_decades_away"),
        *_protocol("pair"),
    ),
    "laws._two_species": (
        *_of("laws/test_pair", "two_species_joint_law_has_unit_mass", "two_species_samples_agree_with_both_marginals"),
        *_protocol("two species spacing"),
    ),
    "laws._two_species_density": (
        *_of(
            "laws/test_pair",
            "two_species_density_is_the_marginal_of_the_joint_law",
            "two_species_cdf_with_very_different_widths",
        ),
        *_of("laws/test_numbers", "levels_of_two_species_with_a_kink_below_a_point"),
    ),
    "laws._spacing": (
        *_of(
            "laws/test_spacing",
            "surmise_is_a_chi_law",
            "quantiles_of_a_surmise_are_those_of_a_gamma_law",
            "static_and_traced_beta_agree",
        ),
        *_protocol("surmise traced beta"),
    ),
    "laws._rice": (
        *_of("laws/test_spacing", "rice_is_scipys", "rice_at_no_gap_is_the_surmise"),
        *_protocol("rice"),
        *_of("laws/test_protocol", "cdf_and_icdf_are_differentiable[rice]"),
        *_of("laws/test_numbers", "slopes_of_the_distribution_of_rice_by_differences"),
    ),
    "laws._reference": (*_of("laws/test_spacing", "brody_is_a_weibull_law"), *_protocol("brody")),
    "laws._bulk": (
        "tests/laws/test_bulk.py",
        *_of("laws/test_numbers", "the_ends_of_marchenko_pastur_are_its_first_and_last_quantiles"),
    ),
    "laws._marchenko_pastur": ("tests/laws/test_noise.py",),
    "laws._noise_edge": ("tests/laws/test_noise.py",),
    "laws._tracy_widom": _TRACY_WIDOM,
    "laws._tracy_widom_series": _TRACY_WIDOM,
    "laws._partition": (
        *_of("laws/test_coulomb_gas", "the_rbm_potential_reaches_its_wall", "quadrature_gives_mehtas_constant"),
        *_of("laws/test_numbers", "two_different_wells_by_normal_moments"),
    ),
    "laws._block": (
        *_of(
            "laws/test_block",
            "one_level_is_gaussian_and_two_are_the_pair",
            "gaussian_block_has_unit_mass",
            "laguerre_block_has_unit_mass",
            "batches_jit_and_gradients",
        ),
        *_of("laws/test_numbers", "draws_of_a_group_have_its_mean_and_width"),
    ),
    "laws._exact_partition": _of("laws/test_exact_partition", "gaussian_and_laguerre_weights_are_selbergs_integrals"),
    "theory._closed_forms": _FORMS,
    "theory._response_table": _FORMS,
    "theory._stationary": _MATRICES,
    "theory._shift": (
        *_MATRICES,
        *_of("theory/test_rule_models", "widths_and_levels_are_those_of_the_updates_by_linear_noise"),
    ),
    "theory._fixed_point": (
        *_MATRICES,
        *_LINEAR[:1],
        *_of("theory/test_numbers", "a_decay_moves_the_fixed_point_and_without_it_the_models_own_is_kept"),
    ),
    "theory._moments": (*_MATRICES, *_LINEAR),
    "theory._levels": _MATRICES,
    "theory._gauge": _MATRICES,
    "theory._optimizer_map": _MATRICES,
    "theory._linear_noise": _LINEAR,
    "inference._grid": ("tests/inference/test_grid.py", _RULE_NUMBERS),
    "inference.scaling._exact": _of("inference/test_scaling", "independent_draws_have_the_posterior_of_the_program"),
    "inference.scaling._rule": _EXACT,
    "inference.spacing_laws._criticism": (*_LAWS, _RULE_NUMBERS, "tests/inference/test_level_statistics.py"),
    "inference.spacing_laws._compare": _LAWS,
}
"""Module below ``coulombgas`` → the tests that claim it."""

LIMIT = 10
"""Mutants of each module."""
REASONS: dict[tuple[str, str], str] = {
    ("models._rbm_chains.gram_chain",
     "matmul(power, factor) + matmul(root, normals(fo... → matmul(power, factor) - matmul(root, normals(fo..."):
        "equivalent: the draws are normal, and so the same in law with the other sign",
    ("inference._grid._extent", "1e-12 → 1.5e-12"): "a margin for rounding",
    ("inference.scaling._rule.identified_exponents", "1e-06 → 1.5e-06"): "a margin for rounding",
    ("inference.spacing_laws._compare._posterior_quantiles", "7 → 8"):
        "how far the grid of a posterior reaches, in standard deviations: a choice",
    ("inference.spacing_laws._compare._posterior_quantiles", "0.5 → 0.75"):
        "a quarter of a step of 400 quantiles, 0.003 standard deviations, which the quadrature does not resolve",
    ("theory._moments._mean", "32 → 33"): "how many draws are computed at once: speed alone",
    ("models._matrix_dyson.MatrixDyson.gradient",
     "drift - trailing_ones(scale, weights) * draws → drift + trailing_ones(scale, weights) * draws"):
        "equivalent: the draws are normal, and so the same in law with the other sign",
    ("models._rbm_chains.collapsed_chain", "moved + total → moved - total"):
        "equivalent: the total is normal about zero, and so the same in law with the other sign",
    ("models._rbm_chains.gram_chain", "fold(key, 1) → fold(1, key)"): "equivalent: another stream of random numbers",
    ("models._teacher_student.TeacherStudent.gradient", "batch < self.num_modes → batch >= self.num_modes"):
        "equivalent: which of two ways to the same product is taken, speed alone",
    ("models._two_layer.TwoLayerLinear.gradient", "2 → 3"):
        "equivalent: which of two ways to the same product is taken, speed alone",
    ("ensembles._chi.gamma", "1 → 2"): "equivalent: inside the logarithm of a proposal that is refused anyway",
    ("spectra._gram._moments", "np.vdot(square, kept) → np.vdot(kept, square)"): "equivalent for real numbers",
    ("spectra._unfold._kernel", "1 → 2"): "half the window of a local mean in spectra below 14 levels: a choice",
    ("spectra._vectors._upper_quantile", "0 → 1"):
        "from which of neighbouring order statistics the tail is continued: within their scatter",
    ("spectra._entries._shuffled", "-1 → +1"):
        "open: only matrices with two levels of exactly zero would tell",
    ("networks._trajectory._follow_layer", "0 → 1"):
        "the step of a record without one, which `follow` refuses",
    ("networks._trajectory.spike_births", "1 → 2"):
        "how many spikes the last record but one has instead of the last: one seen at the last only is not born anyway",
    ("models._linalg._cholesky_loop",
     "jnp.pad(a, ((0, padding), (0, padding))) + np.d... → jnp.pad(a, ((0, padding), (0, padding))) - np.d..."):
        "equivalent: what is added to fill the last panel is cut off again",
    ("models._linalg.symmetric_eigenvalues", "-1 → +1"): "equivalent: a symmetric matrix is transposed",
    ("models._random.wishart_factor", "0 → 1"): "equivalent: another stream of random numbers",
    ("models._rbm_chains.gram_chain", "1 → 2"): "equivalent: another stream of random numbers",
    ("models._rbm_chains.collapsed_chain",
     "matmul(power, chain) + matmul(cholesky(covarian... → matmul(power, chain) - matmul(cholesky(covarian..."):
        "equivalent: the draws are normal, and so the same in law with the other sign",
    ("models._rbm_chains.naive_chain",
     "…ose(matrix), chain) + hidden_noise * hidden_std → …ose(matrix), chain) - hidden_noise * hidden_std"):
        "equivalent: the draws are normal, and so the same in law with the other sign",
    ("models._matrix_dyson.MatrixDyson.start", "0.1 → 0.15000000000000002"): "how random the starts are: a choice",
    ("models._matrix_dyson.MatrixDyson.gradient", "1 → 2"): "equivalent: a number more is drawn that nothing uses",
    ("motion._isotropy.isotropy", "2 → 3"): "from how many leading levels on these are two classes: a choice",
    ("motion._regression._better",
     "other.deviance(there.state, used) < deviance → other.deviance(there.state, used) >= deviance"):
        "which mean of two noises is taken: coverage of Wishart levels, whose test is too slow for the plan",
    ("motion._stationarity._decide", "1 → 2"):
        "one record in the number of them: less than the scatter of 500 simulated walks",
    ("motion._stationarity._reverting", "1 → 2"): "open: the bias of a memory at order 1/n",
    ("models._linalg.matmul", "inner <= _FUSE_UP_TO → inner > _FUSE_UP_TO"):
        "which of two ways to the same product is taken: speed alone",
    ("theory._levels.level_curvature", "1 → 2"):
        "a size of −2 in a reshape, where NumPy takes any negative one as the size to be found",
    ("motion._stationarity._reverting", "memory * rest[:-1] → memory / rest[:-1]"):
        "steps of the simulated null law, whose statistic is a ratio that hardly depends on their law",
    ("inference._level_groups.inflation", "0 → 1"): "equivalent: all groups of a setting have the same replicas",
    ("inference._data_checks._paired", "0.0 → 0.5"):
        "equivalent: times the number of tests, two for each level, such a p-value is 1 all the same",
    ("inference._level_space._transformations", "sigma_h2 * flat → sigma_h2 / flat"):
        "equivalent: ones give the slopes their shape",
    ("inference.temperature._groups._energies", "0 → 1"):
        "equivalent: a constant response is the same at every temperature of its grid",
    ("inference.recordings._rescale._descent", "0 → 1"): "equivalent: an exponent of exactly zero is never drawn",
    ("inference.scaling._rule.scaling_log_likelihood", "1 → 2"):
        "a size of −2 in a reshape, where NumPy takes any negative one as the size to be found",
    ("inference.relative._variances.common_weights",
     "cautious / np.diag(cautious).min() → cautious * np.diag(cautious).min()"):
        "equivalent but for rounding: the weights are divided by their sum",
    ("inference.relative._fixed_point.strays", "0.0 → 0.5"):
        "equivalent: only two settings are left, and both are given the same",
    ("inference.relative._agreement._p_values", "1e-12 → 1.5e-12"): "a margin for rounding",
    ("inference.recordings._combine.relative_log_temperatures", "1 → 2"):
        "equivalent: the weights are divided by their sum",
    ("inference.recordings._combine.fit_rule", "1e-06 → 1.5e-06"): "a margin for rounding",
    ("inference.recordings._combine.fit_rule", "1e-06 → 1.5e-06 (2)"): "a margin for rounding",
    ("inference.recordings._rescale._momenta", "1e-09 → 1.5000000000000002e-09"):
        "how near a momentum may be to 1: a margin",
    ("inference._grid._tempered", "1e-12 → 1.5e-12"): "where a search without an end is given up: a margin",
    ("inference.scaling._exact._Regression.__init__", "_FARTHEST * self.scatter_sd → _FARTHEST / self.scatter_sd"):
        "how far the grid of the scatter reaches, 6 standard deviations of its prior or more: a margin",
    ("inference.scaling._exact._Regression.__init__", "1.0 → 1.5"):
        "how far the grid of the scatter reaches, 6 standard deviations of its prior or more: a margin",
    ("inference.scaling._exact._Regression.draw_coefficients",
     "mean + root @ rng.standard_normal((len(scatter)... → mean - root @ rng.standard_normal((len(scatter)..."):
        "equivalent: the draws are normal, and so the same in law with the other sign",
    ("inference.scaling._exact._Regression.draw_coefficients", "1 → 2"): "equivalent: normal numbers that nothing uses",
    ("inference.relative._agreement._p_values",
     "1e-12 * np.einsum('sii->si', covariance) → 1e-12 / np.einsum('sii->si', covariance)"): "a margin for rounding",
    ("inference.temperature._remarks.with_input_scatter", "1000000000.0 → 1500000000.0"):
        "equivalent: the seed of the draws becomes another one",
    ("inference.temperature._remarks.with_input_scatter",
     "1000000000.0 * setting.learning_rate → 1000000000.0 / setting.learning_rate"):
        "equivalent: the seed of the draws becomes another one",
    ("inference.temperature._remarks.with_input_scatter",
     "fit.temperature_draws * np.exp(-size * rng.stan... → fit.temperature_draws / np.exp(-size * rng.stan..."):
        "equivalent: the draws are normal about zero, and so the same in law with the other sign",
    ("networks._analysis.analyse", "0.5 → 0.75"): "equivalent: the search for spikes refuses the same numbers",
    ("networks._spacings.spacing_statistics", "4 → 5"):
        "the longest window of number variance and rigidity, a quarter of the spectrum: a choice",
    ("spectra._gram._kurtosis", "1e-12 * m2 → 1e-12 / m2"): "a margin for rounding",
    ("networks._tail._bootstrap", "8 → 9"): "the fewest copies, where the levels are too many for more: a choice",
    ("inference.temperature._groups.width_problem", "1 → 2"): "equivalent: another stream of random numbers",
    ("inference.temperature._exact._of_energies", "2 → 3"):
        "how far apart the nodes of a quadrature are, whose weights go along: a margin",
    ("inference.temperature._exact.of_energies_and_means", "2 → 3"):
        "about where an even sum over many widths begins and ends: a margin",
    ("motion._propagation.repulsion", "0.2 → 0.30000000000000004"):
        "the least share of the noise that is left to crowded levels: a choice",
    ("motion._regression._stride", "1 → 2"): "how far a step goes before the next: speed alone",
    ("motion._level_noise._memory", "0.0001 → 0.00015000000000000001"):
        "how near one the momentum that is looked for may come: a choice",
    ("motion._moves_of_levels.MatrixMoves.move", "0.0 → 0.5"): "what the moves of levels are that all coincide",
    ("motion._increments._stray", "1 → 2"): "in how many parts fewer than 200 increments are looked at: a choice",
    ("motion._regression._stride", "ratio > 0.5 → ratio <= 0.5"): "how far a step goes before the next: speed alone",
    ("motion._regression._fit_noise", "…(np.float64).tiny)) - _LOG_MEAN → …(np.float64).tiny)) + _LOG_MEAN"):
        "where the search for the noise begins: speed alone",
    ("motion._fit._summary", "0.002 → 0.003"): "how far the bands are drawn: a choice",
    ("ensembles._repulsion.proximal_step", "repulsion.room(x, step) → repulsion.room(step, x)"):
        "how far a step of Newton's method goes: speed alone, for it converges anyway",
    ("ensembles._repulsion.proximal_step", "x + new → x - new"):
        "which of two steps of Newton's method is taken: speed alone, for both converge",
    ("ensembles._repulsion.proximal_step", "1 → 2"):
        "how much a step of Newton's method is damped: speed alone, for it converges anyway",
    ("ensembles._repulsion._gap_by_gap", "-1 → +1"): "where Newton's method begins: speed alone",
    ("ensembles._repulsion._gap_by_gap",
     "jnp.diff(y + push) - product / jnp.diff(start) → jnp.diff(y + push) + product / jnp.diff(start)"):
        "where Newton's method begins: speed alone",
    ("ensembles._repulsion._gap_by_gap", "2 → 3"): "where Newton's method begins: speed alone",
    ("ensembles._chi.gamma", "3 → 4"): "equivalent: a shape that is not positive gives NaN anyway",
    ("theory._closed_forms._two_layer",
     "…ined=model.trained) * np.ones((len(levels), le... → …ined=model.trained) / np.ones((len(levels), le..."):
        "equivalent: ones give the table its shape",
    ("theory._linear_noise._moments", "64 → 65"): "how many samples a mean Jacobian has at once: speed alone",
    ("theory._linear_noise._times", "1 → 2"):
        "equivalent: the end of a loop, where the highest power, which is enough, is tried once more",
    ("motion._level_noise._trouble", "1e-06 → 1.5e-06"): "a margin for rounding",
    ("laws._pair.PairDensity.sample",
     "mass + jax.random.rademacher(key_sign, shape, w... → mass - jax.random.rademacher(key_sign, shape, w..."):
        "equivalent: the sign of the half spacing is +1 or −1 with equal probability, so the law is the same",
    ("laws._pair._bracket", "2 → 3"): "equivalent: the search for a quantile starts between ends farther apart",
    ("laws._tracy_widom_series.evaluate", "1.0 → 1.5"):
        "equivalent: the distance of points between both tails, for which the formulas of the tails are not used",
    ("laws._block._log_gaps", "2 * reach(value.dtype) * unit → 2 * reach(value.dtype) / unit"):
        "a limit for spacings of more than 10¹² widths in single precision, 10¹⁰³ in double, moved by at most 16 times",
    ("laws._exact_partition._rule", "(density[1:] + density[:-1]) / 2 → (density[1:] + density[:-1]) * 2"):
        "equivalent: the running sum is divided by its last value",
    ("spectra._unfold._kernel", "4 → 5"):
        "how many widths a kernel of the smoothing reaches: moves the smooth count by a fraction of its own bias",
    ("spectra._smoothing._expected", "3 → 4"):
        "equivalent: the fewest modes of a fit, fewer than the six that twelve levels have",
    ("spectra._vectors._upper_quantile", "10 → 11"):
        "over how many order statistics the tail of few random vectors is averaged: within their scatter",
    ("spectra._gram._moments", "1 → 2"): "how many rows are summed at once: speed alone",
    ("spectra._adapters._factor", "-1 → +1"): "equivalent: α is a single number",
    ("networks._spikes._number_posterior",
     "np.array(log_mass) - max(log_mass) → np.array(log_mass) + max(log_mass)"):
        "equivalent: the masses are divided by their sum",
    ("networks._tail._exponent_draws", "1e-300 → 1.5e-300"): "a margin, in place of a sum of zero",
    ("networks._analysis._ranks", "2 → 3"): "equivalent: another stream of random numbers",
    ("laws._two_species._spacing_tails", "2.0 → 3.0"):
        "how far beyond exp(−40) of its top a density is integrated: a margin",
    ("laws._spacing._gamma_bracket", "2 → 3"):
        "equivalent: the search for a quantile starts between ends farther apart",
    ("laws._rice._mean_and_variance", "2 * math.sqrt(_LARGE) → 2 / math.sqrt(_LARGE)"):
        "equivalent: a bound of what is used only where it is larger anyway",
    ("laws._rice._smaller_tail", "1 → 2"):
        "up to where the lower tail is integrated and not the upper: a choice, for neither is small there",
    ("laws._noise_edge._bounded", "1e+100 → 1.5000000000000001e+100"):
        "how far a level counts, where the logarithm of its probability is −10¹⁵⁰ or less: a choice",
    ("laws._tracy_widom._bracket", "2 → 3"):
        "equivalent: other ends beyond every quantile, for the search between both",
    ("laws._tracy_widom._bracket", "beta == 2 → beta != 2"):
        "equivalent: another end below every quantile of a probability that float64 knows, by the margin of six",
    ("laws._partition.quadrature_log_z", "64 → 65"): "how many nodes an integral has: a choice",
    ("laws._exact_partition.exact_log_z", "(x[-1] - x[0]) / 4 → (x[-1] - x[0]) * 4"):
        "equivalent: the unit of the variable of the polynomials, which their norms have too",
    ("theory._closed_forms._rbm", "2 → 3"):
        "equivalent: the noise of a recursion of one number, whose times do not depend on it",
    ("theory._response_table.linear_share", "0 → 1"):
        "equivalent: the width over the temperature does not depend on the batch size in closed form",
    ("theory._response_table.write_response_table", "6 → 7"): "how many digits are written: a choice",
    ("theory._response_table.write_response_table", "1 → 2"): "by how many blanks the lines of a file are indented",
    ("theory._gauge._orthonormal", "1e-07 → 1.5e-07"): "a margin for rounding",
    ("theory._shift._mean_slopes", "1 → 2"):
        "a size of −2 in a reshape, where NumPy takes any negative one as the size to be found",
    ("theory._fixed_point._settle_memory", "step >= 20 → step < 20"):
        "over how many updates the statistic of a memory is averaged, 40 or 180: a choice",
    ("theory._fixed_point._newton", "seed + 17 * step → seed - 17 * step"):
        "equivalent: another stream of random numbers",
    ("theory._linear_noise._with_multiplicative", "0.001 → 0.0015"):
        "how little widths change once they are said to have converged: a choice",
}  # fmt: skip
"""(function, change) of a mutant that survives → why."""
