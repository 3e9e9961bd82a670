"""Small simulators in plain NumPy, the referee of the library: nothing here imports ``coulombgas``.

Each model has one function that starts replicas at the fixed point, trains them and returns a plain dictionary:

    eigenvalue      levels, ascending, float64: (replica, mode), or (replica, step, mode) when ``steps`` is a sequence
    learning_rate, batch_size, momentum, nesterov, weight_decay, steps, seed, and every parameter of the model

The update of every model is written in its docstring; ``python -m tests.independent`` prints measured widths over
their leading formulas.
"""

from .closure import teacher_student_ratio as teacher_student_ratio
from .epochs import epoch_batches as epoch_batches
from .epochs import epoch_variance as epoch_variance
from .epochs import whitened as whitened
from .optimizers import Optimizer as Optimizer
from .rbm import rbm_fixed_point as rbm_fixed_point
from .rbm import train_rbm as train_rbm
from .ridge import train_ridge as train_ridge
from .teacher_student import train_teacher_student as train_teacher_student
from .two_layer import train_two_layer as train_two_layer
from .widths import degenerate_width2 as degenerate_width2
from .widths import group_width2 as group_width2
from .widths import single_width2 as single_width2
