/**
 * Talk with our handlers in the Jupyter server: fetch, NDJSON, XSRF, abort. Decides nothing.
 *
 * Contract: `complete` never rejects. Whatever goes wrong is an `end` line with a sentence
 * for the user; an abort is an end line with the reason "aborted".
 */

import type { Trigger } from './decide.js';

export interface Cell {
  type: string;
  source: string;
}

export interface Question {
  page: string;
  trigger: Trigger;
  path: string;
  mime: string;
  kind: 'notebook' | 'file' | 'console';
  cell_type: string;
  prefix: string;
  suffix: string;
  before: Cell[];
  after: Cell[];
}

type State = 'ready' | 'loading' | 'generating' | 'paused' | 'no_fim' | 'error';

export interface Status {
  enabled: boolean;
  state: State;
  model: string | null;
  server: { kind: string | null; local: boolean } | null;
  hint: string | null;
  error: { message: string; fix: string } | null;
  last: { latency_ms: number | null; reason: string | null; message: string | null } | null;
  settings: { debounce_ms: number; max_latency_ms: number; max_tokens: number } | null;
  models?: { name: string; size: number | null; insert: boolean }[];
}

export interface End {
  type: 'end';
  reason: string;
  shown: boolean;
  message: string | null;
  status?: Status;
}

export type Line = { type: 'text'; text: string } | End;

export interface Setting {
  value: unknown;
  source: string;
  default: unknown;
  kind: 'bool' | 'int' | 'str' | 'choice';
  choices: string[] | null;
  description: string;
  min: number | null;
  max: number | null;
}

export interface Settings {
  path: string;
  values: Record<string, Setting>;
}

interface ServerSettings {
  readonly baseUrl: string;
  readonly token: string;
}

/** A refusal of the server, in words for the user. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly fix: string
  ) {
    super(message);
  }
}

const GONE = {
  message: 'The Jupyter server does not answer.',
  fix: 'Look whether it still runs, and start it again.'
};
const NOT_THERE = {
  message: 'The assistant is not part of this Jupyter server.',
  fix: 'Install it there and start Jupyter again: jupyter assistant install'
};

export class Talk {
  readonly page = Math.random().toString(36).slice(2, 12);
  /** The document asked about last: its folder may have settings of its own. */
  private path = '';

  constructor(private readonly server: ServerSettings) {}

  /** Ask for a completion and yield each line as it arrives. */
  async *complete(question: Question, signal: AbortSignal): AsyncGenerator<Line> {
    this.path = question.path;
    try {
      const reply = await this.send('POST', 'complete', question, signal);
      yield* lines(reply);
    } catch (error) {
      if (signal.aborted) {
        yield ended('aborted', null);
      } else {
        const { message, fix } = inWords(error);
        yield { ...ended('error', message), status: failed(message, fix) };
      }
    }
  }

  /** Return the state; never rejects. */
  async status(withModels = false): Promise<Status> {
    const path = encodeURIComponent(this.path);
    return this.ask('GET', `completion?path=${path}${withModels ? '&models=1' : ''}`);
  }

  /** Start the server and load the model; returns at once. */
  async warm(): Promise<Status> {
    return this.ask('POST', 'completion/warm', { path: this.path });
  }

  async settings(): Promise<Settings> {
    return (await this.send('GET', 'completion/settings')).json() as Promise<Settings>;
  }

  /** Write one line of assistant.toml; null removes it. Rejects with `Refused`. */
  async set(key: string, value: unknown): Promise<Settings> {
    const reply = await this.send('PATCH', 'completion/settings', { key, value });
    return reply.json() as Promise<Settings>;
  }

  private async ask(method: string, path: string, body?: unknown): Promise<Status> {
    try {
      return (await (await this.send(method, path, body)).json()) as Status;
    } catch (error) {
      const { message, fix } = inWords(error);
      return failed(message, fix);
    }
  }

  /** Make one request to our handlers. Rejects with `Refused`. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal
  ): Promise<Response> {
    const headers: Record<string, string> = {};
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    if (this.server.token) {
      headers['Authorization'] = `token ${this.server.token}`;
    }
    const xsrf = /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1];
    if (xsrf) {
      headers['X-XSRFToken'] = xsrf;
    }
    const reply = await fetch(`${this.server.baseUrl}local-assistant/${path}`, {
      method,
      headers,
      signal,
      cache: 'no-store',
      credentials: 'same-origin',
      body: body === undefined ? undefined : JSON.stringify(body)
    });
    if (!reply.ok) {
      throw await refusal(reply);
    }
    return reply;
  }
}

/** Yield the objects of a stream of JSON lines. */
async function* lines(reply: Response): AsyncGenerator<Line> {
  const reader = reply.body!.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const parts = rest.split('\n');
    rest = parts.pop()!;
    for (const part of parts) {
      if (part.trim()) {
        yield JSON.parse(part) as Line;
      }
    }
    if (done) {
      return;
    }
  }
}

async function refusal(reply: Response): Promise<Refused> {
  if (reply.status === 404) {
    return new Refused(NOT_THERE.message, NOT_THERE.fix);
  }
  let said: { message?: string; fix?: string } = {};
  try {
    said = (await reply.json()) as typeof said;
  } catch {
    // No JSON: a proxy's page. The status has to do.
  }
  const message = said.message || `The Jupyter server answered ${reply.status}.`;
  const fix = reply.status === 403 ? 'Log in again: reload this page.' : 'Reload this page.';
  return new Refused(message, said.fix || fix);
}

export function inWords(error: unknown): { message: string; fix: string } {
  return error instanceof Refused ? error : GONE;
}

function ended(reason: string, message: string | null): End {
  return { type: 'end', reason, shown: false, message };
}

function failed(message: string, fix: string): Status {
  return {
    enabled: true,
    state: 'error',
    model: null,
    server: null,
    hint: null,
    error: { message, fix },
    last: null,
    settings: null
  };
}
