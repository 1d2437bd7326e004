/** What the states are called, and how models' names are shortened, for people. */

import type { Status } from './talk.js';

export const STATE_WORDS: Readonly<Record<string, string>> = {
  starting: 'Starting',
  ready: 'Ready',
  loading: 'Loading the model',
  generating: 'Writing',
  paused: 'Paused',
  no_fim: 'This model only continues text',
  error: 'Not available'
};

/** Return the state's name; before the first answer of the server, "starting". */
export function stateOf(status: Status | null): string {
  return status ? (status.enabled ? status.state : 'paused') : 'starting';
}

/** `hf.co/user/repo:Q4` is `repo:Q4` and `/a/b/model.gguf` is `model` on a narrow bar. */
function shortName(model: string | null | undefined): string {
  return (model ?? '').replace(/^.*[/\\]/, '').replace(/\.gguf$|:latest$/, '');
}

/** One line for the status bar. */
export function summary(status: Status | null, latency: number | null): string {
  const name = shortName(status?.model);
  switch (stateOf(status)) {
    case 'starting':
      return 'Ghost text';
    case 'loading':
      return name ? `Loading ${name}` : 'Loading';
    case 'paused':
      return 'Paused';
    case 'no_fim':
      return `${name} (no infill)`;
    case 'error':
      return 'No ghost text';
    default:
      if (!name) {
        return 'Ghost text'; // the server does not run just now
      }
      return latency === null ? name : `${name} · ${Math.round(latency)} ms`;
  }
}
