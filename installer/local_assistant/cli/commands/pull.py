"""``jupyter assistant pull``: download models, and nothing that was not asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result, Table
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer
    from local_assistant.config import AssistantConfig
    from local_assistant.models.hub import Repository
    from local_assistant.models.plan import Plan
    from local_assistant.models.pull import Options, Outcome
    from local_assistant.server import Endpoint


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "-y", "--yes", is_flag=True, help="Do not ask: not without NAME, nor for what is too large."
)
@click.option("--list", "only_list", is_flag=True, help="Show what there is; download nothing.")
@click.option("--no-verify", is_flag=True, help="Do not load each model for a test.")
@click.option("--insecure", is_flag=True, help="Allow a registry without encryption.")
@json_option
@click.pass_obj
def command(
    renderer: Renderer,
    names: tuple[str, ...],
    yes: bool,
    only_list: bool,
    no_verify: bool,
    insecure: bool,
) -> Result:
    """Download models by NAME; without one, those of your preset, after a yes.

    NAME is a model of Ollama's library, hf.co/USER/REPO[:QUANT], the path of a .gguf file, or
    a preset. Of hf.co/USER/REPO the best quantization that fits this machine comes. A
    download that was broken off goes on where it stopped, and each model is loaded for a test.
    One that fails does not stop the others. With --json the progress comes as lines, the
    last of which is the result.
    """
    from local_assistant.config import load_config
    from local_assistant.models.plan import expand
    from local_assistant.models.pull import Options
    from local_assistant.server import find_server

    config = load_config().config
    if only_list and not names:
        raise click.UsageError("--list wants a NAME: hf.co/USER/REPO.")
    wanted = list(names) or _of_the_preset(renderer, config, yes)
    if not wanted:
        text = (Line("The models of your preset are all there.", "good"),)
        return Result({"models": [], "results": []}, text)
    endpoint = find_server(config)
    options = Options(verify=not no_verify, insecure=insecure, force=yes)
    job = _Job(renderer, config, endpoint, options)
    plans = job.plans(expand(wanted, config, endpoint))
    if only_list:
        return _listed(renderer, plans)
    try:
        outcomes = job.run(plans)
    except KeyboardInterrupt:
        if not renderer.as_json:
            renderer.note("What has come of the download is kept.")
        raise
    ready = [each.model for each in outcomes if each.model]
    whole = names[-1] if names and len(ready) == len(outcomes) else ""
    use = _use(whole, ready[-1], config, endpoint) if names and ready else None
    return _summary(renderer, outcomes, use)


class _Job:
    """One call of the command: first all is found out and asked, then it is fetched."""

    def __init__(
        self, renderer: Renderer, config: AssistantConfig, endpoint: Endpoint, options: Options
    ) -> None:
        self._renderer = renderer
        self._config = config
        self._endpoint = endpoint
        self._options = options

    def plans(self, names: Sequence[str]) -> list[tuple[str, Plan | AssistantError]]:
        return [(name, self._plan(name)) for name in names]

    def _plan(self, name: str) -> Plan | AssistantError:
        from local_assistant.cli.progress import reporting
        from local_assistant.models import plan as planning
        from local_assistant.models.progress import Progress

        try:
            with reporting(self._renderer, json_lines=True) as report:
                progress = Progress(name, report, self._options.cancel)
                insecure = self._options.insecure
                plan = planning.make(name, self._endpoint, progress, insecure=insecure)
        except AssistantError as error:
            return error
        self._show(plan)
        return plan

    def _show(self, plan: Plan) -> None:
        """Say what a file is; show what a repository offers."""
        if plan.repository is None:
            if plan.about:
                self._renderer.line(Line(f"{plan.name}: {plan.about}"))
            return
        if plan.repository.hub.tag is None:
            self._renderer.line(Line(f"{plan.name} has:", "title"))
            self._renderer.table(_table(plan.repository))

    def run(self, plans: Sequence[tuple[str, Plan | AssistantError]]) -> list[Outcome]:
        from local_assistant.models.pull import follow

        agreed = [(name, self._agreed(plan)) for name, plan in plans]
        outcomes = [self._fetch(name, plan) for name, plan in agreed]
        follow(outcomes, self._config)
        return outcomes

    def _agreed(self, plan: Plan | AssistantError) -> Plan | AssistantError:
        """Ask about what is too large for the memory; nobody there means no."""
        from local_assistant.models.pull import too_large

        if isinstance(plan, AssistantError) or plan.fit != "no" or self._options.force:
            return plan
        problem = too_large(plan)
        if self._renderer.interactive() and click.confirm(
            f"{problem.message}\nDownload it all the same?"
        ):
            return plan
        return problem

    def _fetch(self, name: str, plan: Plan | AssistantError) -> Outcome:
        from dataclasses import replace

        from local_assistant.cli.progress import reporting
        from local_assistant.models.pull import Outcome, pull_one

        if isinstance(plan, AssistantError):
            return Outcome(name, None, error=plan)
        options = replace(self._options, force=True)  # it was asked for above
        with reporting(self._renderer, json_lines=True) as report:
            return pull_one(name, self._endpoint, self._config, report, options, plan)


def _table(repository: Repository) -> Table:
    from local_assistant.setup.files import shown_bytes

    chosen = repository.chosen.quant
    rows = [
        (
            offer.quant.tag,
            shown_bytes(offer.quant.size),
            {"graphics": "GPU", "unknown": "?"}.get(offer.fit, offer.fit),
            "← this one" if offer.quant == chosen else "",
        )
        for offer in repository.offers
    ]
    return Table(("QUANT", "SIZE", "FITS", ""), rows)


def _described(repository: Repository) -> dict[str, Any]:
    chosen = repository.chosen.quant
    quants = [
        {
            "tag": offer.quant.tag,
            "size": offer.quant.size,
            "files": [file.name for file in offer.quant.files],
            "fit": offer.fit,
            "fits": offer.fits,
            "chosen": offer.quant == chosen,
        }
        for offer in repository.offers
    ]
    return {"repository": repository.name, "closed": repository.closed, "quants": quants}


def _listed(renderer: Renderer, plans: Sequence[tuple[str, Plan | AssistantError]]) -> Result:
    """Return what was found out, without a download."""
    results = []
    failed = []
    for name, plan in plans:
        if isinstance(plan, AssistantError):
            failed.append((name, plan))
            results.append({"name": name, "ok": False, "error": _error(plan)})
            continue
        if plan.repository is not None and plan.repository.hub.tag is not None:
            renderer.table(_table(plan.repository))
        said = _described(plan.repository) if plan.repository else {}
        more = {"size": plan.size, "fit": plan.fit, "about": plan.about, "source": plan.source}
        results.append({"name": name, "ok": True, **more, **said})
    _say_failures(renderer, failed)
    data: dict[str, Any] = {"results": results}
    if failed:
        data["error"] = _error(failed[0][1])
    return Result(data, ok=not failed)


def _use(name: str, model: str, config: AssistantConfig, endpoint: Endpoint) -> Line:
    """Return how to use what came: the last model for what it can do, or a preset.

    Args:
        name: what was asked for last, if all of that came.
        model: what came last.
    """
    from local_assistant.models.presets import AUTO, presets_of
    from local_assistant.server.installed import find, installed

    if name == AUTO or name in presets_of(config):
        return Line(f"Use it with: jupyter assistant use {name}")
    able: tuple[str, ...] = ()
    # It answered until now; if it does no more, what came is said all the same.
    with contextlib.suppress(AssistantError):
        found = find(model, installed(endpoint))
        able = found.capabilities if found else ()
    role = " --for embedding" if able and "completion" not in able else ""
    return Line(f"Use it with: jupyter assistant use {model}{role}")


def _summary(renderer: Renderer, outcomes: Sequence[Outcome], use: Line | None) -> Result:
    from local_assistant.setup.files import shown_bytes

    ready = [each for each in outcomes if each.model]
    failed = [(each.name, each.error) for each in outcomes if each.error]
    shown = [f"{e.model} ({shown_bytes(e.size)})" if e.size else str(e.model) for e in ready]
    lines = [Line(f"Ready: {', '.join(shown)}", "good")] if ready else []
    if use:
        lines.append(use)
    if failed and len(outcomes) > 1:
        lines.append(Line(f"Not there: {', '.join(name for name, _ in failed)}", "bad"))
    _say_failures(renderer, failed)
    data: dict[str, Any] = {
        "models": [each.model for each in ready],
        "results": [_result(each) for each in outcomes],
    }
    if failed:
        data["error"] = _error(failed[0][1])
    return Result(data, lines, ok=not failed)


def _say_failures(renderer: Renderer, failed: Sequence[tuple[str, AssistantError]]) -> None:
    if not renderer.as_json:
        for _, error in failed:
            renderer.error(error.message, error.fix)


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "ok": outcome.error is None,
        "model": outcome.model,
        "size": outcome.size,
        "about": outcome.about,
        "error": _error(outcome.error) if outcome.error else None,
    }


def _error(error: AssistantError) -> dict[str, str | None]:
    return {"message": error.message, "fix": error.fix}


def _of_the_preset(renderer: Renderer, config: AssistantConfig, yes: bool) -> list[str]:
    """Return what the preset wants and is not there, once somebody said yes."""
    from local_assistant.setup.model_step import described, models_of

    _, missing = models_of(config)
    names = [spec.name for spec in missing]
    if not missing or yes:
        return names
    what = described(missing)
    if not renderer.interactive():
        raise AssistantError(
            f"A download needs a yes, and nobody can be asked here ({what}).",
            "Run: jupyter assistant pull --yes",
        )
    if not click.confirm(f"Download {what}?"):
        raise click.Abort
    return names
