"""What can be calibrated by name: for each model the program that makes its data and the one that a fit samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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
from coulombgas.inference._programs import (
    RuleData,
    SettingEnergies,
    SettingResponse,
    SettingTemperatures,
    common_temperature,
    energy_law,
    response_temperature,
    rule_prior,
    scaling_rule,
)
from coulombgas.inference.scaling._joint import JointSettings, joint_scaling_rule
from coulombgas.inference.scaling._rule import SAMPLER
from coulombgas.inference.spacing_laws._catalogue import CATALOGUE, PaperModel, bound
from coulombgas.inference.spacing_laws._programs import Observations, scale_prior
from coulombgas.inference.temperature._spectrum import SpectrumData, rbm_spectrum, spectrum_response, spectrum_start
from coulombgas.models import GaussianRBM
from coulombgas.spectra import group_freedom
from coulombgas.theory import learnt_groups

Program = Callable[[Any], None]
_BLOCK_SIZE = 3
_TYPICAL = {"temperature": dist.LogNormal(np.log(0.004), 0.6)}  # where the response of the paper's machine was measured
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
        name: for the table.
        maker: the program that draws parameters and data from ``template``.
        template: its argument.
        observed: names of the sites that are the data.
        program: what a fit samples.
        insert: observed data of many data sets to arguments of ``program`` with a leading axis.
        start: (truth, data) to the latent sites where chains start.
        sampler: options of ``sample_batch``.
        even: parameters of which the size alone counts.
    """

    name: str
    maker: Program
    template: Any
    observed: tuple[str, ...]
    program: Program
    insert: Callable[[dict[str, np.ndarray]], Any]
    start: Callable[[dict[str, np.ndarray], Any], dict[str, np.ndarray]]
    sampler: dict[str, Any] = field(default_factory=dict)
    even: tuple[str, ...] = ()

    def size_of(self, name: str, values: np.ndarray) -> np.ndarray:
        """Values of a parameter, without the sign if that means nothing."""
        return np.abs(values) if name in self.even else values


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
    def own(data: Observations) -> None:
        model.program(data, scale_prior() | dict(prior))

    def insert(observed: dict[str, np.ndarray]) -> Observations:
        values = next(iter(observed.values()))
        return Observations(values, np.ones((len(values), size), dtype=bool), np.full(len(values), gap))

    def start(truth: dict, data: Observations) -> dict[str, np.ndarray]:
        del truth
        starts = [model.start(values, gap) for values in data.values]
        return {name: np.array([each[name] for each in starts]) for name in starts[0]}

    careful = (
        {"dense_mass": True, "target_accept": 0.95}
        if len(start({}, insert({model.observable: _example(model, size)}))) > 1
        else {}
    )
    template = Observations(None, np.ones(size, dtype=bool), np.float64(gap))
    program = own if prior else bound(model)
    return Case(
        model.name,
        own,
        template,
        (model.observable,),
        program,
        insert,
        start,
        {"abreast": False, **careful},
        model.even,
    )


def _example(model: PaperModel, size: int) -> np.ndarray:
    shape = (1, size, _BLOCK_SIZE) if model.observable == "levels" else (1, size)
    return np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)


def _own_program(program: Program, template: Any, prior: Mapping[str, Any]) -> Case:
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

    def start(truth: dict, data: dict) -> dict[str, np.ndarray]:
        num = len(data["observed"][observed[0]])
        return {n: truth.get(n, np.ones((num, *np.shape(sites[n]["value"])))) for n in latent}

    return Case(
        getattr(program, "__name__", "program"), maker, template, observed, fitted,
        lambda values: {"observed": values, "template": repeat(template, len(values[observed[0]]))}, start,
    )  # fmt: skip


@lru_cache(maxsize=16)
def _repriored(program: Program, prior: tuple[tuple[str, Any], ...]) -> Program:
    def wrapped(data: Any) -> None:
        with Reprior(dict(prior)):
            program(data)

    return wrapped


def _with(program: Program, prior: Mapping[str, Any]) -> Program:
    return _repriored(program, tuple(prior.items())) if prior else program


def _temperature_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    freedom = np.array([1.0, 2.0, 2.0, 5.0]) * replicas
    blank = SettingEnergies(freedom, freedom, np.array([3.0, 1.0, 0.5, 2.0]), np.ones(4, dtype=bool))
    program = _with(common_temperature, prior)

    def insert(observed: dict[str, np.ndarray]) -> SettingEnergies:
        return repeat(blank, len(observed["energy"]))._replace(**observed)

    def start(truth: dict, data: SettingEnergies) -> dict[str, np.ndarray]:
        del truth
        return {"temperature": (data.energy / data.width2_per_temperature).sum(axis=1) / data.freedom.sum(axis=1)}

    return Case("temperature", program, blank._replace(energy=None), ("energy",), program, insert, start)


def paper_machine(replicas: int) -> SpectrumData:
    """Blank data of the RBM of ALP24 at α = 0.1, with its response."""
    model = GaussianRBM()
    groups = learnt_groups(model)
    response = spectrum_response(model, groups, 0.1, 0.004)
    width2 = model.width2_per_temperature(learning_rate=0.1, batch_size=16)
    sizes = np.array([len(group.modes) for group in groups])
    freedom = np.array([group_freedom(size) * replicas - (size == 1) for size in sizes], dtype=float)
    return SpectrumData(
        freedom, freedom, freedom, sizes * float(replicas), np.array([group.center for group in groups]),
        width2[[group.modes[0] for group in groups]], response.widths.temperature, response.widths.log_ratio,
        response.widths.error, response.shift, response.shift_error,
    )  # fmt: skip


def _response_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    machine = paper_machine(replicas)
    energies = SettingEnergies(
        machine.energy, machine.freedom, machine.width2_per_temperature, np.ones(len(machine.energy), dtype=bool)
    )
    blank = SettingResponse(energies, machine.grid, machine.log_ratio, machine.log_ratio_error)
    program = _with(response_temperature, _TYPICAL | dict(prior))

    def insert(observed: dict[str, np.ndarray]) -> SettingResponse:
        many = repeat(blank, len(observed["energy"]))
        return many._replace(energies=many.energies._replace(energy=observed["energy"]))

    def start(truth: dict, data: SettingResponse) -> dict[str, np.ndarray]:
        del truth
        e = data.energies
        leading = (e.energy / e.width2_per_temperature).sum(axis=1) / e.freedom.sum(axis=1)
        return {"temperature": leading, "_response_error": np.zeros(e.energy.shape)}

    template = blank._replace(energies=energies._replace(energy=None))
    return Case("response", program, template, ("energy",), program, insert, start)


def _spectrum_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    blank = paper_machine(replicas)
    program = _with(rbm_spectrum, _TYPICAL | dict(prior))

    def insert(observed: dict[str, np.ndarray]) -> SpectrumData:
        return repeat(blank, len(observed["mean"]))._replace(**observed)

    return Case(
        "spectrum", program, blank._replace(energy=None, mean=None), ("energy", "mean"), program, insert,
        lambda truth, data: spectrum_start(data),
    )  # fmt: skip


def _rule(free: tuple[bool, bool] = (True, True)) -> RuleData:
    alpha, batch = np.log(np.array(_SETTINGS, dtype=float)).T
    return RuleData(alpha, batch, np.ones(len(alpha), dtype=bool), np.array(free), np.asarray(1.0))


def _rule_start(truth: dict) -> dict[str, np.ndarray]:
    names = ("_level", "alpha_exponent", "batch_exponent", "scatter")
    return {name: np.maximum(truth[name], 0.02) if name == "scatter" else truth[name] for name in names}


def _scaling_case(replicas: int, prior: Mapping[str, Any]) -> Case:
    rule = _rule()
    error = np.full(len(_SETTINGS), replicas**-0.5)
    blank = SettingTemperatures(error, error, rule)
    program = _with(scaling_rule, prior)

    def insert(observed: dict[str, np.ndarray]) -> SettingTemperatures:
        return repeat(blank, len(observed["log_temperature"]))._replace(**observed)

    return Case(
        "scaling", program, blank._replace(log_temperature=None), ("log_temperature",), program, insert,
        lambda truth, data: _rule_start(truth), SAMPLER,
    )  # fmt: skip


def _joint_case(replicas: int, prior: Mapping[str, Any]) -> Case:
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

    def insert(observed: dict[str, np.ndarray]) -> JointSettings:
        energy = observed["energy"]
        many = repeat(blank, len(energy))
        alone = (energy / energies.width2_per_temperature).sum(axis=2) / freedom.sum(axis=1)
        return many._replace(energies=many.energies._replace(energy=energy), log_temperature=np.log(alone))

    def start(truth: dict, data: JointSettings) -> dict[str, np.ndarray]:
        return _rule_start(truth) | {"_standard": np.zeros_like(data.log_temperature)}

    return Case("joint-scaling", maker, blank, ("energy",), _with(joint_scaling_rule, prior), insert, start)


_SETTING_CASES: dict[str, Callable[[int, Mapping[str, Any]], Case]] = {
    "temperature": _temperature_case,
    "response": _response_case,
    "spectrum": _spectrum_case,
    "scaling": _scaling_case,
    "joint-scaling": _joint_case,
}
CALIBRATED = (*CATALOGUE, *_SETTING_CASES)
"""Names that :func:`calibrate` knows."""
