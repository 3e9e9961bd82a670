"""Models that can be calibrated by name: how each generates data, and the problem that a fit draws from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.handlers import condition, trace, uncondition
from numpyro.handlers import seed as seeded
from numpyro.primitives import Messenger

from coulombgas._checks import InputError
from coulombgas.inference._grid import sample_grid
from coulombgas.inference._problem import Problem
from coulombgas.inference._programs import (
    RuleData,
    SettingEnergies,
    SettingTemperatures,
    energy_law,
    rule_prior,
    scaling_rule,
)
from coulombgas.inference.scaling._joint import JointSettings, joint_scaling_rule
from coulombgas.inference.scaling._rule import SAMPLER, rule_problem
from coulombgas.inference.spacing_laws._catalogue import CATALOGUE, PaperModel, bound
from coulombgas.inference.spacing_laws._programs import Observations, scale_prior

from ._machines import Machine, exact_machine, paper_machine

Program = Callable[[Any], None]
_BLOCK_SIZE = 3  # levels of the group model
_SETTINGS = [(alpha, batch) for alpha in (0.02, 0.05, 0.1) for batch in (4, 16, 64)]


class Reprior(Messenger):
    """Effect handler that replaces the distributions of unobserved sites."""

    def __init__(self, prior: Mapping[str, Any]):
        super().__init__()
        self.prior = prior

    def process_message(self, msg: dict) -> None:
        """Swap the distribution of a site that ``prior`` names."""
        if msg["type"] == "sample" and not msg["is_observed"] and msg["name"] in self.prior:
            msg["fn"] = self.prior[msg["name"]].expand(msg["fn"].batch_shape)


@dataclass(frozen=True)
class Case:
    """A model ready for calibration.

    Attributes:
        name: name in the table.
        simulate: ``simulate(num, seed)`` gives parameters from the prior by name and the data, a list of arrays, each
            with a leading axis of data sets.
        problem: ``problem(truth, data)`` is the very problem that a fit of these data draws from.
        even: parameters of which only the absolute value counts.
    """

    name: str
    simulate: Callable[[int, int], tuple[dict[str, np.ndarray], list[np.ndarray]]]
    problem: Callable[[dict[str, np.ndarray], list[np.ndarray]], Problem]
    even: tuple[str, ...] = ()

    def size_of(self, name: str, values: np.ndarray) -> np.ndarray:
        """Values of a parameter, without the sign if it has no meaning."""
        return np.abs(values) if name in self.even else values


def _traced(maker: Program, template: Any, observed: tuple[str, ...]) -> Callable[[int, int], tuple[dict, list]]:
    """Parameters and data from a NumPyro program, every data set at once."""

    def one(key: Any) -> dict[str, Any]:
        drawn = trace(seeded(maker, key)).get_trace(template)
        return {name: site["value"] for name, site in drawn.items() if site["type"] in ("sample", "deterministic")}

    def simulate(num: int, seed: int) -> tuple[dict, list]:
        values = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(seed), num))
        values = {name: np.asarray(value) for name, value in values.items()}
        truth = {name: value for name, value in values.items() if name not in observed}
        return truth, [values[name] for name in observed]

    return simulate


def find_case(
    model: str | Program, *, template: Any, num_observations: int, gap: float, prior: Mapping[str, Any]
) -> Case:
    """The case called ``model``, or that of a user's program.

    Raises:
        InputError: for an unknown name, or a program without template.
    """
    if not isinstance(model, str):
        if template is None:
            raise InputError("`template` is needed to calibrate a program: give the argument it is called with.")
        return _own_program(model, template, prior)
    if model in CATALOGUE:
        return _of_catalogue(CATALOGUE[model], num_observations, gap, prior)
    if model not in _SETTING_CASES:
        names = ", ".join((*CATALOGUE, *_SETTING_CASES))
        raise InputError(f"`model` must be one of {names}, got {model!r}.")
    return _SETTING_CASES[model](num_observations, prior)


def repeat(tree: Any, num: int) -> Any:
    """A tree of arrays ``num`` times, on a new leading axis."""
    return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (num, *np.shape(leaf))), tree)


def _of_catalogue(model: PaperModel, size: int, gap: float, prior: Mapping[str, Any]) -> Case:
    """The case of one of the models of the papers, sampled as by a fit."""

    def own(data: Observations) -> None:
        model.program(data, scale_prior() | dict(prior))

    example = model.start(_example(model, size)[0], gap)
    # as in the fit: gap and width, or repulsion and mean, are correlated
    careful = {"dense_mass": True, "target_accept": 0.95} if len(example) > 1 else {}
    program = own if prior else bound(model)

    def problem(truth: dict, data: list[np.ndarray]) -> Problem:
        del truth
        values = data[0]
        observations = Observations(values, np.ones((len(values), size), dtype=bool), np.full(len(values), gap))
        starts = [model.start(each, gap) for each in values]
        start = {name: np.array([each[name] for each in starts]) for name in starts[0]}
        return Problem(
            program=program, data=observations, start=start, sampler={"abreast": False, **careful},
            exact=None if set(prior) & set(model.even) else exact,
        )  # fmt: skip

    def exact(data: Observations, seed: Sequence[int], num_chains: int, num_draws: int) -> dict | None:
        even = model.even[0] if model.even else None
        start, sizes = model.start(data.values, gap), {"num_chains": num_chains, "num_draws": num_draws}
        draws = sample_grid(program, data, start, seed=seed, even=even, **sizes)
        return None if draws is None else {name: value[0] for name, value in draws.sites.items()}

    template = Observations(None, np.ones(size, dtype=bool), np.float64(gap))
    return Case(model.name, _traced(own, template, (model.observable,)), problem, model.even)


def _example(model: PaperModel, size: int) -> np.ndarray:
    shape = (1, size, _BLOCK_SIZE) if model.observable == "levels" else (1, size)
    return np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)


def _own_program(program: Program, template: Any, prior: Mapping[str, Any]) -> Case:
    """The case of a user's program: data from its observed sites, conditioned on in the fit."""
    with Reprior(prior):
        sites = trace(seeded(program, jax.random.key(0))).get_trace(template)
    latent = [name for name, site in sites.items() if site["type"] == "sample" and not site["is_observed"]]
    observed = tuple(name for name, site in sites.items() if site["type"] == "sample" and site["is_observed"])

    def maker(data: Any) -> None:
        with Reprior(prior):
            uncondition(program)(data)

    def fitted(data: dict) -> None:
        with Reprior(prior):
            condition(uncondition(program), data["observed"])(data["template"])

    def problem(truth: dict, data: list[np.ndarray]) -> Problem:
        num = len(data[0])
        start = {n: truth.get(n, np.ones((num, *np.shape(sites[n]["value"])))) for n in latent}
        both = {"observed": dict(zip(observed, data, strict=True)), "template": repeat(template, num)}
        return Problem(program=fitted, data=both, start=start)

    name = getattr(program, "__name__", "program")
    return Case(name, _traced(maker, template, observed), problem)


@lru_cache(maxsize=16)
def _repriored(program: Program, prior: tuple[tuple[str, Any], ...]) -> Program:
    def wrapped(data: Any) -> None:
        with Reprior(dict(prior)):
            program(data)

    return wrapped


def _with(program: Program, prior: Mapping[str, Any]) -> Program:
    return _repriored(program, tuple(prior.items())) if prior else program


def _machine_case(name: str, machine: Machine, prior: Mapping[str, Any]) -> Case:
    """Levels of a machine at temperatures drawn from the prior, through the data preparation of a fit."""
    law = dict(prior).get("temperature", machine.prior)

    def problem(truth: dict, data: list[np.ndarray]) -> Problem:
        del truth
        own = machine.problem(data[0])
        program = _with(own.program, {"temperature": machine.prior} | dict(prior))
        exact = None if own.exact is None or set(prior) - {"temperature"} else partial(own.exact, prior=law)
        return Problem(program=program, data=own.data, start=own.start, exact=exact)

    return Case(name, lambda num, seed: machine.simulate(num, seed, law), problem)


def _temperature_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    return _machine_case("temperature", exact_machine(replicas), prior)


def _response_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    return _machine_case("response", paper_machine(replicas, whole=False), prior)


def _spectrum_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    return _machine_case("spectrum", paper_machine(replicas, whole=True), prior)


def _rule(free: tuple[bool, bool] = (True, True)) -> RuleData:
    alpha, batch = np.log(np.array(_SETTINGS, dtype=float)).T
    return RuleData(alpha, batch, np.ones(len(alpha), dtype=bool), np.array(free), np.asarray(1.0))


def _rule_start(truth: dict, num: int) -> dict[str, np.ndarray]:
    names = ("_level", "alpha_exponent", "batch_exponent", "scatter")
    found = {name: truth.get(name, np.ones(num)) for name in names}
    return found | {"scatter": np.maximum(found["scatter"], 0.02)}


def _scaling_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    """The two-stage rule, with the exact draw that a fit uses (or by NUTS, if the prior is replaced)."""
    rule, error = _rule(), np.full(len(_SETTINGS), replicas**-0.5)
    blank = SettingTemperatures(error, error, rule)

    def problem(truth: dict, data: list[np.ndarray]) -> Problem:
        own = rule_problem(repeat(blank, len(data[0]))._replace(log_temperature=data[0]))
        if not prior:
            return own
        return Problem(
            program=_with(scaling_rule, prior), data=own.data, start=_rule_start(truth, len(data[0])), sampler=SAMPLER
        )

    template = blank._replace(log_temperature=None)
    return Case("scaling", _traced(_with(scaling_rule, prior), template, ("log_temperature",)), problem)


def _joint_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    """The scaling rule of all settings at once, from energies of two level groups in each."""
    rule, num, groups = _rule(), len(_SETTINGS), 2
    freedom = np.broadcast_to([1.0 * replicas, 2.0 * replicas], (num, groups))
    energies = SettingEnergies(freedom, freedom, np.broadcast_to([1.0, 0.5], (num, groups)), freedom > 0)
    none = np.zeros((num, 2, groups))
    error = np.sqrt(2 / freedom.sum(axis=1))
    blank = JointSettings(energies, np.tile([0.0, 1.0], (num, 1)), none, none, np.zeros((num, 0)), error, error, rule)

    def maker(data: JointSettings) -> None:
        with Reprior(prior):
            mean, scatter = rule_prior(data.rule)
        temperature: Any = numpyro.sample("temperature", dist.LogNormal(mean, scatter))
        width2 = temperature[:, None] * data.energies.width2_per_temperature
        numpyro.sample("energy", energy_law(jnp.asarray(data.energies.freedom), width2))

    def problem(truth: dict, data: list[np.ndarray]) -> Problem:
        energy = data[0]
        many = repeat(blank, len(energy))
        alone = (energy / energies.width2_per_temperature).sum(axis=2) / freedom.sum(axis=1)
        filled = many._replace(energies=many.energies._replace(energy=energy), log_temperature=np.log(alone))
        start = _rule_start(truth, len(energy)) | {"_standard": np.zeros_like(filled.log_temperature)}
        return Problem(program=_with(joint_scaling_rule, prior), data=filled, start=start)

    return Case("joint-scaling", _traced(maker, blank, ("energy",)), problem)


_SETTING_CASES: dict[str, Callable[[int, Mapping[str, Any]], Case]] = {
    "temperature": _temperature_case,
    "response": _response_case,
    "spectrum": _spectrum_case,
    "scaling": _scaling_case,
    "joint-scaling": _joint_case,
}
CALIBRATED = (*CATALOGUE, *_SETTING_CASES)
"""Names accepted by :func:`calibrate`."""
