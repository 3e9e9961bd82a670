"""Models as keys of caches."""

from coulombgas.models import Model, identity


class ByIdentity:
    """A model that equals another of the same class and configuration, whatever its fields are."""

    def __init__(self, model: Model):
        self.model, self._key = model, identity(model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)
