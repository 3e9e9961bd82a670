"""The recorder beside PyTorch's own optimisers, schedules and wrappers. Runs where torch is installed (`pip install
coulombgas[torch]`)."""

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.training import SpectrumRecorder, read_recording

torch = pytest.importorskip("torch")


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))


def step(optimizer, model):
    optimizer.zero_grad()
    model(torch.randn(8, 4)).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1), {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}),
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
         {"optimizer": "momentum", "momentum": 0.9, "dampening": 0.5, "nesterov": False}),
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
         {"optimizer": "nesterov", "nesterov": True, "weight_decay": 1e-3}),
        (lambda p: torch.optim.Adam(p, lr=0.1), {"optimizer": "adam", "momentum": 0.9, "second_moment": 0.999}),
        (lambda p: torch.optim.AdamW(p, lr=torch.tensor(0.1), betas=(0.8, 0.95)),
         {"optimizer": "adamw", "momentum": 0.8, "second_moment": 0.95, "weight_decay": 0.01}),
        (lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.5), {"optimizer": "rmsprop", "momentum": 0.5}),
        (lambda p: torch.optim.Adagrad(p, lr=0.1), {"optimizer": "adagrad", "momentum": None}),
    ],
)  # fmt: skip
def test_optimisers_are_read(tmp_path, model, make, expected):
    optimizer = make(model.parameters())
    with SpectrumRecorder(tmp_path / "r.zarr", every=1) as recorder:
        recorder.attach(optimizer, model, batch_size=8)
        step(optimizer, model)
    training = read_recording(tmp_path / "r.zarr").training
    for word, value in expected.items():
        assert getattr(training, word) == value
    assert training.source == f"torch.optim.{type(optimizer).__name__}"
    np.testing.assert_allclose(training.learning_rate, [0.1], rtol=1e-6)
    np.testing.assert_array_equal(training.batch_size, [8])


def test_schedules_and_changing_batches(tmp_path, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    sizes = {"now": 8}
    with SpectrumRecorder(tmp_path / "r.zarr", every=2) as recorder:
        recorder.attach(optimizer, model, batch_size=lambda _: sizes["now"], first_step=10)
        for _ in range(4):
            step(optimizer, model)
            schedule.step()
            sizes["now"] = 16
    network = read_recording(tmp_path / "r.zarr")
    assert network.steps == (12, 14)
    np.testing.assert_allclose(network.training.learning_rate, [0.5, 0.125])  # the rates that steps 12 and 14 had
    np.testing.assert_array_equal(network.training.batch_size, [16, 16])


def test_a_cycled_momentum_is_unknown(tmp_path, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=10)

    def run():
        with SpectrumRecorder(tmp_path / "r.zarr", every=1) as recorder:
            recorder.attach(optimizer, model)
            for _ in range(5):
                step(optimizer, model)
                schedule.step()

    with pytest.warns(RuntimeWarning, match="momentum changed before step 2"):
        run()
    training = read_recording(tmp_path / "r.zarr").training
    assert (training.optimizer, training.momentum) == ("momentum", None)
    assert len(set(training.learning_rate)) == 5


def groups(model, first, second, **options):
    return [{"params": model[0].parameters(), "lr": first, **options}, {"params": model[2].parameters(), "lr": second}]


def test_groups_of_other_matrices_do_not_matter(tmp_path, model):
    optimizer = torch.optim.SGD(groups(model, 0.1, 0.2, weight_decay=0.5), lr=0.3)
    with SpectrumRecorder(tmp_path / "r.zarr", select="0.*", every=1) as recorder:
        recorder.attach(optimizer, model)
        step(optimizer, model)
    training = read_recording(tmp_path / "r.zarr").training
    assert (training.learning_rate[0], training.weight_decay) == (0.1, 0.5)


def test_groups_at_several_rates_are_named(tmp_path, model):
    optimizer = torch.optim.SGD(groups(model, 0.1, 0.2), lr=0.3)
    with pytest.raises(cg.InputError, match=r"at the learning rates 0\.1, 0\.2, one for each of its 2 groups: record"):
        SpectrumRecorder(tmp_path / "r.zarr", every=1).attach(optimizer, model)


def test_groups_that_differ_elsewhere(tmp_path, model):
    """The usual two groups, with and without decay: the decay of all matrices together is then unknown."""
    decay = [{"params": [model[0].weight], "weight_decay": 0.1}, {"params": [model[2].weight], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(decay, lr=0.1)
    with SpectrumRecorder(tmp_path / "r.zarr", every=1) as recorder:
        recorder.attach(optimizer, model)
        step(optimizer, model)
    training = read_recording(tmp_path / "r.zarr").training
    assert (training.optimizer, training.weight_decay, training.momentum) == ("adamw", None, 0.9)


def test_a_given_rate_may_not_contradict(tmp_path, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(cg.InputError, match=r"`learning_rate` is 0\.1 in the optimiser: leave it out, got 0\.5"):
        SpectrumRecorder(tmp_path / "r.zarr", learning_rate=0.5).attach(optimizer, model)


def test_an_optimiser_without_a_hook(tmp_path, model):
    """Given to the recorder, which the loop calls itself."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with SpectrumRecorder(tmp_path / "r.zarr", every=1, optimizer=optimizer, batch_size=8) as recorder:
        for index in (1, 2):
            optimizer.param_groups[0]["lr"] = 0.1 / index
            recorder(index, model)
    np.testing.assert_allclose(read_recording(tmp_path / "r.zarr").training.learning_rate, [0.1, 0.05])


# importing torch.compile's backend, PyTorch 2.13 calls a function that it has deprecated itself
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is:DeprecationWarning")
def test_wrapped_models_have_their_own_names(tmp_path, model):
    wrapped = torch.nn.DataParallel(model)
    with SpectrumRecorder(tmp_path / "r.zarr", select="0.weight", every=1) as recorder:
        recorder(1, wrapped)
    assert read_recording(tmp_path / "r.zarr").names == ("0.weight",)
    compiled = torch.compile(model)  # compiles nothing until it is called
    with SpectrumRecorder(tmp_path / "s.zarr", select="0.weight", every=1) as recorder:
        recorder(1, compiled)
    assert read_recording(tmp_path / "s.zarr").names == ("0.weight",)


def per_sample(model, x, y):
    """Gradients of one sample each, in PyTorch's own words."""
    for one, other in zip(x, y, strict=True):
        loss = 0.5 * (model(one[None]) - other[None]).square().sum()
        yield torch.autograd.grad(loss, list(model.parameters()))


@pytest.mark.parametrize("way", ["autograd", "names", "vmap"])
def test_gradients_of_a_module(tmp_path, way):
    """A linear model, where the gradient of a sample is (Wx − y)xᵀ."""
    torch.manual_seed(1)
    model, x, y = torch.nn.Linear(4, 3, bias=False).double(), torch.randn(20, 4).double(), torch.randn(20, 3).double()

    def vmapped(module):
        def loss(parameters, one, other):
            return 0.5 * (torch.func.functional_call(module, parameters, one) - other).square().sum()

        parameters = {name: value.detach() for name, value in module.named_parameters()}
        return torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(parameters, x, y)

    gradient = {
        "autograd": lambda module: per_sample(module, x, y),
        "names": lambda module: ({"weight": one[0]} for one in per_sample(module, x, y)),
        "vmap": vmapped,
    }[way]
    with SpectrumRecorder(tmp_path / "r.zarr", every=1, batch_size=5, gradient=gradient) as recorder:
        recorder(1, model)
    training = read_recording(tmp_path / "r.zarr").training
    weights, x, y = model.weight.detach().numpy(), x.numpy(), y.numpy()
    residual = x @ weights.T - y
    left, _, right = np.linalg.svd(weights, full_matrices=False)
    along = (residual @ left) * (x @ right.T)
    np.testing.assert_allclose(training.noise["weight"][0], along.var(axis=0, ddof=1)[::-1] / 5, rtol=1e-6)
    flat = np.einsum("ni,nj->nij", residual, x).reshape(20, -1)
    np.testing.assert_allclose(training.noise_trace, [flat.var(axis=0, ddof=1).sum()], rtol=1e-6)


def test_gradients_must_be_those_of_all_parameters(tmp_path, model):
    def gradient(module):
        yield [torch.ones(6, 4)]

    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1, batch_size=5, gradient=gradient)
    with pytest.raises(cg.InputError, match="gave 1 array for 4 parameters: give one for each"):
        recorder(1, model)


def test_recording_leaves_the_training_as_it_is(tmp_path, model):
    """Same seeds with and without a recorder: the same weights bit for bit, and the recorded spectra those of W."""

    def run(path):
        torch.manual_seed(3)
        module = torch.nn.Linear(5, 4)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
        if path is None:
            for _ in range(6):
                optimizer.zero_grad()
                module(torch.randn(8, 5)).square().mean().backward()
                optimizer.step()
            return module.weight.detach().numpy()
        with SpectrumRecorder(path, every=2) as recorder:
            recorder.attach(optimizer, module, batch_size=8)
            for _ in range(6):
                optimizer.zero_grad()
                module(torch.randn(8, 5)).square().mean().backward()
                optimizer.step()
        return module.weight.detach().numpy()

    alone, watched = run(None), run(tmp_path / "r.zarr")
    np.testing.assert_array_equal(alone, watched)
    last = read_recording(tmp_path / "r.zarr")[-1]
    np.testing.assert_allclose(
        last.eigenvalues, np.linalg.svd(watched.astype(np.float64), compute_uv=False)[::-1] ** 2, rtol=1e-9
    )  # fmt: skip
