from dataclasses import dataclass


@dataclass(frozen=True)
class Submitted:
    job_id: int
    raced: tuple[int, ...] = ()
