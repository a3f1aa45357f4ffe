"""Settings for all tests; pytest puts this folder on the path, so `oracle` and `scenes` can be imported anywhere."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "nbnumba",
    deadline=None,  # the first example of a kind compiles
    derandomize=True,  # the same examples in every run
    database=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("nbnumba")
