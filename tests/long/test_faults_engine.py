"""kill -9 of the engine's processes at each moment: the client hears of it, the next is served."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local_assistant import paths
from local_assistant.engine import launch
from tests.figures import Figures
from tests.integration.engine.conftest import Own
from tests.long.moments import MOMENTS, RUNNER
from tests.long.processes import kill, living, running
from tests.waiting import until

FEW = {"temperature": 0, "num_predict": 2}
WITHOUT_MODEL = ("pulling", "creating")
FAULTS = [
    (who, moment)
    for moment in MOMENTS
    for who in ("front", "model")
    if who == "front" or moment not in WITHOUT_MODEL
]


@pytest.mark.parametrize(("who", "moment"), FAULTS)
def test_killed(own_engine: Callable[..., Own], figures: Figures, who: str, moment: str) -> None:
    own = own_engine()
    survived = False
    try:
        with MOMENTS[moment](own) as scene:
            front = own.info.pid
            kill(front if who == "front" else scene.model)
            if who == "front":
                # Also one that was stopped in the middle of a load.
                until(lambda: not running(paths.home(), RUNNER), 20)
                assert living(paths.home()) == {}
        if scene.told:
            last = scene.told[-1]
            said = "cut" in last if isinstance(last, str) else "error" in last or "status" in last
            assert said or (moment, last.get("done")) == ("shutting down", True), scene.told[-2:]
        info = launch.ensure_engine()
        # Its port, too, unless another program (here: another test's engine) has taken it.
        assert info.token == own.info.token, "what kernels were handed still opens it"
        again = own_engine()
        body = {"model": "tiny", "prompt": "a", "stream": False, "options": FEW}
        assert again.http.post("/api/generate", json=body).json()["eval_count"] == 2
        (running_front,) = running(paths.home(), "local_assistant.engine ")
        assert running_front == again.info.pid
        assert launch.stop_engine()
        until(lambda: living(paths.home()) == {}, 20)
        survived = True
    finally:
        name = f"fault: kill -9 of the engine's {who} while {moment}"
        figures(name, "survived" if survived else "FAILED", "survived", survived)
