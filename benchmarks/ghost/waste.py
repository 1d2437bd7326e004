"""What the page costs, and what was generated for nobody, with the demo model.

Contract: the page's own requests and the ghost text that becomes visible are recorded in the
page. A request counts as seen when any of its text was shown; what the engine generated
beside those, and beside what was asked ahead while the typist read, nobody saw.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.ghost import trace
from benchmarks.ghost.clients import MODEL, OURS, lab_of
from benchmarks.ghost.serving import served
from benchmarks.ghost.typist import type_trace

_MAX_UNSEEN = 20
_MAX_KB = 40
_MAX_START_MS = 30
_STATIC = Path(__file__).parents[2] / "labextension" / "static"

_RECORD = """() => {
  const seen = window.requests = [];
  const original = window.fetch;
  window.fetch = async (input, init) => {
    const url = typeof input === 'string' ? input : input.url;
    const reply = await original(input, init);
    if (!url.includes('local-assistant/complete')) return reply;
    const body = init && init.body;
    const request = {
      trigger: body ? JSON.parse(body).trigger : '', text: '', generated: 0, shown: false};
    seen.push(request);
    const [ours, theirs] = reply.body.tee();
    (async () => {
      const reader = ours.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const {value, done} = await reader.read();
        if (done) return;
        const lines = (rest + value).split('\\n');
        rest = lines.pop();
        for (const line of lines.filter(line => line).map(line => JSON.parse(line))) {
          if (line.type === 'text') request.text += line.text;
          else request.generated = line.timings.generated || 0;
        }
      }
    })().catch(() => {});
    return new Response(theirs, {status: reply.status, headers: reply.headers});
  };
  new MutationObserver(() => {
    const ghosts = [...document.querySelectorAll('.jp-GhostText')]
      .filter(node => !/Spacer/.test(node.className) && node.getClientRects().length > 0);
    const text = ghosts.map(node => node.textContent).join('').trim();
    if (!text) return;
    for (const request of seen)
      if (request.text && request.text.includes(text.split('\\n')[0].trim())) request.shown = true;
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""

_TIMES = """() => ({
  modules: performance.getEntriesByType('resource')
    .filter(entry => entry.name.includes('jupyter-local-assistant/static'))
    .map(entry => new URL(entry.name).pathname.split('/').pop()),
  start: performance.getEntriesByName('local-assistant:evaluate')
    .concat(performance.getEntriesByName('local-assistant:activate'))
    .reduce((sum, entry) => sum + entry.duration, 0),
  requests: window.requests})"""


def measure(home: Path) -> list[Figure]:
    """Type the trace with the demo model, and read the page's own marks."""
    with served(home) as engine:
        engine.post("/api/copy", {"source": "assistant-demo", "destination": MODEL})
        engine.post("/api/generate", {"model": MODEL, "keep_alive": -1})
        lab = lab_of(OURS, engine.url, home / "lab")
        lab.root.mkdir(parents=True, exist_ok=True)
        (lab.root / "trace.ipynb").write_text(json.dumps(trace.notebook()), encoding="utf-8")
        with lab:
            engine.counts()
            url = f"{lab.url}/lab/tree/trace.ipynb?token={lab.token}"
            typed = type_trace(url, trace.keys(), settle_s=5, record=_RECORD, result=_TIMES)
        generated = engine.counts().generated
    page: dict[str, Any] = typed.result
    ahead = sum(r["generated"] for r in page["requests"] if r["trigger"] == "ahead")
    shown = sum(r["generated"] for r in page["requests"] if r["trigger"] != "ahead" and r["shown"])
    asked = generated - ahead
    unseen = 100 * (asked - shown) / asked if asked else 0.0
    how = f"{asked - shown} of {asked} tokens; asked ahead: {ahead} more"
    loaded = sorted({name for name in page["modules"] if name.endswith(".js")})
    size = sum((_STATIC / name).stat().st_size for name in loaded) / 1024
    return [
        Figure("generated tokens that nobody saw", unseen, _MAX_UNSEEN, "%", how),
        Figure("ghost text's part of the extension", size, _MAX_KB, "KB", f"{len(loaded)} modules"),
        Figure("module evaluation + activation", page["start"], _MAX_START_MS, "ms", "marks"),
    ]
