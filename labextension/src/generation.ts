/**
 * One request to the server and the text that has arrived for it.
 *
 * Contract: the text only grows. `settled` resolves when the connection is closed, whatever
 * the reason; nothing here rejects.
 */

import type { Place, Trigger } from './decide.js';
import type { End, Question, Talk } from './talk.js';

export class Generation {
  text = '';
  end: End | null = null;
  /** Milliseconds to the first text; null before it. */
  firstText: number | null = null;
  readonly settled: Promise<void>;
  private readonly controller = new AbortController();
  private wake: (() => void)[] = [];

  constructor(
    readonly place: Place,
    readonly trigger: Trigger,
    talk: Talk,
    question: Question
  ) {
    this.settled = this.run(talk, question);
  }

  get done(): boolean {
    return this.end !== null;
  }

  /** Whether its text is what the model wanted to say, and may be used again. */
  get complete(): boolean {
    const reason = this.end?.reason ?? '';
    return KEEPABLE.has(reason) || (reason === 'time' && !!this.text);
  }

  get aborted(): boolean {
    return this.controller.signal.aborted;
  }

  abort(): void {
    this.controller.abort();
  }

  /** Resolve with the next text, or the end. */
  changed(): Promise<void> {
    return this.done ? Promise.resolve() : new Promise(resolve => this.wake.push(resolve));
  }

  private async run(talk: Talk, question: Question): Promise<void> {
    const started = performance.now();
    for await (const line of talk.complete(question, this.controller.signal)) {
      if (line.type === 'end') {
        this.end = line;
        break;
      }
      this.firstText ??= performance.now() - started;
      this.text += line.text;
      this.notify();
    }
    this.end ??= { type: 'end', reason: 'error', shown: false, message: CUT_SHORT };
    this.notify();
  }

  private notify(): void {
    const waiting = this.wake;
    this.wake = [];
    waiting.forEach(resolve => resolve());
  }
}

const CUT_SHORT = 'The answer was cut short: the Jupyter server closed the connection.';
const KEEPABLE = new Set(['stop', 'line', 'block', 'suffix', 'repeat', 'limit', 'empty']);
