/**
 * The provider that JupyterLab asks for ghost text: one generation per page, used again as
 * long as what is typed agrees with it.
 *
 * Contract: `fetch` is called in the tick of the key (our debouncerDelay is 0) and resolves
 * with text or with nothing, never later than the next key; each call ends all older streams.
 * JupyterLab tells providers neither of blur, Escape, a moved cursor nor a run cell: wire.ts
 * calls `cancel` and `dismiss`. Tab is given back whenever there is no ghost to accept.
 */

import {
  Memory,
  Tempo,
  firstLine,
  firstWord,
  remainder,
  same,
  whyNot,
  type Place,
  type Trigger
} from './decide.js';
import { clearGhost, freeTab, hasGhost, insert, placeOf, surroundings } from './editor.js';
import { Generation } from './generation.js';
import type { CompletionContext, Editor, InlineItem, InlineProvider } from './jupyterlab.js';
import type { StatusStore } from './status.js';
import type { Talk } from './talk.js';

type Reply = { items: InlineItem[] };

const NOTHING = (): Reply => ({ items: [] });
const IDLE_BEFORE_AHEAD_MS = 400;
const RETRY_AFTER_ERROR_MS = 5_000;

interface Turn {
  readonly number: number;
  readonly trigger: Trigger;
  readonly context: CompletionContext;
  readonly editor: Editor;
  readonly place: Place;
}

/** A finished suggestion out of the memory, in a generation's clothes. */
type Source = Pick<Generation, 'place' | 'text' | 'done' | 'changed' | 'complete'>;

export class Ghost implements InlineProvider {
  readonly name = 'Local Assistant';
  readonly identifier = 'local-assistant';
  readonly schema = {
    default: { enabled: true, debouncerDelay: 0, timeout: 60_000, autoFillInMiddle: true }
  };
  /** Set around a call of JupyterLab's `invoke` that follows an Enter key. */
  afterEnter = false;

  private turn: Turn | null = null;
  private count = 0;
  private current: Source | null = null;
  private running: Generation | null = null;
  private ahead: Generation | null = null;
  private aheadTimer = 0;
  private retryAt = 0;
  private streams = new Map<string, { turn: Turn; source: Source }>();
  private readonly tempo = new Tempo();
  private readonly memory = new Memory();

  constructor(
    private readonly talk: Talk,
    private readonly status: StatusStore
  ) {
    status.onModel = () => {
      this.memory.clear();
      this.current = null;
    };
  }

  async fetch(_request: unknown, context: CompletionContext): Promise<Reply> {
    const trigger = context.triggerKind === 1 ? 'auto' : this.afterEnter ? 'enter' : 'invoke';
    this.streams.clear();
    clearTimeout(this.aheadTimer);
    const number = ++this.count;
    const editor = context.editor;
    const place = editor && placeOf(editor);
    if (!editor || !place || !editor.hasFocus()) {
      this.stop();
      return NOTHING();
    }
    const turn = (this.turn = { number, trigger, context, editor, place });
    if (trigger === 'auto') {
      this.tempo.key(performance.now());
    }
    if (trigger === 'invoke') {
      this.memory.forgive(place);
    }
    const source = this.reusable(turn);
    return source ? this.answer(turn, source) : this.ask(turn);
  }

  async *stream(token: string): AsyncGenerator<{ response: InlineItem }> {
    const entry = this.streams.get(token);
    while (entry && this.streams.has(token)) {
      const { turn, source } = entry;
      const rest = remainder(source.place, source.text, source.done, turn.place);
      if (rest === null) {
        return;
      }
      yield { response: { insertText: rest, isIncomplete: !source.done } };
      if (source.done) {
        this.afterShown(turn, source);
        return;
      }
      await source.changed();
    }
  }

  /** The text that is shown at the cursor now. */
  shown(): string {
    const { turn, current } = this;
    if (!turn || !current || !hasGhost(turn.editor)) {
      return '';
    }
    const now = placeOf(turn.editor);
    return (now && remainder(current.place, current.text, current.done, now)) || '';
  }

  /** Accept a part of what is shown. */
  accept(part: 'word' | 'line'): void {
    const rest = this.shown();
    if (rest && this.turn) {
      insert(this.turn.editor, part === 'word' ? firstWord(rest) : firstLine(rest));
    }
  }

  /** The user turned the ghost down; returns whether there was one. */
  dismiss(): boolean {
    const rest = this.shown();
    const { turn } = this;
    if (rest && turn) {
      this.memory.reject(turn.place, rest, performance.now());
    }
    this.cancel();
    this.current = null;
    if (rest && turn) {
      clearGhost(turn.editor);
    }
    return !!rest;
  }

  /** Stop whatever is under way; a ghost that is shown is taken away. */
  cancel(): void {
    const { turn } = this;
    this.stop();
    if (turn && hasGhost(turn.editor)) {
      clearGhost(turn.editor);
    }
  }

  private stop(): void {
    this.turn = null;
    this.streams.clear();
    clearTimeout(this.aheadTimer);
    this.running?.abort();
    this.ahead?.abort();
  }

  /** The editor of the last key, while anything is under way or shown for it. */
  get editor(): Editor | null {
    return this.turn?.editor ?? null;
  }

  /** Whether the cursor is still where the last request was made. */
  get inPlace(): boolean {
    const now = this.turn && placeOf(this.turn.editor);
    return !!now && !!this.turn && same(now, this.turn.place);
  }

  /** Return what goes on from here without a request, running or finished. */
  private reusable(turn: Turn): Source | null {
    const { place, trigger } = turn;
    const time = performance.now();
    if (trigger !== 'invoke' && this.memory.isRejected(place, time)) {
      return null;
    }
    for (const source of [this.current, this.ahead]) {
      if (!source || (source instanceof Generation && source.aborted)) {
        continue;
      }
      const rest = remainder(source.place, source.text, source.done, place);
      if (rest !== null && (rest.trim() || !source.done)) {
        if (source === this.ahead) {
          this.ahead = null;
          this.running = source as Generation;
        }
        return source;
      }
    }
    const kept = this.memory.find(place, time);
    if (kept && (kept.text || trigger !== 'invoke')) {
      return { ...kept, done: true, complete: true, changed: () => Promise.resolve() };
    }
    return null;
  }

  /** Resolve with the source's text as soon as there is some; ask anew where it disagrees. */
  private async answer(turn: Turn, source: Source): Promise<Reply> {
    if (this.running && this.running !== source) {
      this.running.abort();
    }
    this.current = source;
    for (;;) {
      const rest = remainder(source.place, source.text, source.done, turn.place);
      if (rest?.trim()) {
        return this.show(turn, source, rest);
      }
      if (rest === null || source.done) {
        const usedUp = rest === null || (source.text && !same(source.place, turn.place));
        this.hide(turn);
        return usedUp ? this.ask(turn) : NOTHING();
      }
      this.hide(turn);
      await source.changed();
      if (turn !== this.turn) {
        return NOTHING();
      }
    }
  }

  private show(turn: Turn, source: Source, rest: string): Reply {
    if (source.done) {
      this.afterShown(turn, source);
      return { items: [{ insertText: rest }] };
    }
    const token = `${this.talk.page}-${turn.number}`;
    this.streams.set(token, { turn, source });
    return { items: [{ insertText: rest, isIncomplete: true, token }] };
  }

  /** No ghost for now: Tab is free, now and after JupyterLab has drawn the used-up one. */
  private hide(turn: Turn): void {
    freeTab(turn.editor);
    setTimeout(() => {
      if (turn === this.turn && !this.streams.size && !this.shown()) {
        freeTab(turn.editor);
      }
    });
  }

  /** Make a request, after a pause in typing, unless there is a reason not to. */
  private async ask(turn: Turn): Promise<Reply> {
    const { place, trigger, editor } = turn;
    this.hide(turn);
    this.running?.abort();
    this.ahead?.abort();
    this.current = null;
    const reason = this.refusal(place, trigger);
    if (reason) {
      this.status.nothing(reason);
      return NOTHING();
    }
    await pause(this.tempo.pause(this.status.debounce, trigger));
    await Promise.all([this.running?.settled, this.ahead?.settled]);
    // An input method's word is not final: wire.ts asks at its end.
    const composing = editor.editor.composing && trigger === 'auto';
    if (turn !== this.turn || !editor.hasFocus() || !this.inPlace || composing) {
      return NOTHING();
    }
    return this.answer(turn, this.start(turn, trigger, place));
  }

  private refusal(place: Place, trigger: Trigger): string | null {
    if (this.status.paused) {
      return 'Ghost text is paused.';
    }
    if (trigger !== 'invoke') {
      if (this.memory.isRejected(place, performance.now())) {
        return 'You just turned this suggestion down.';
      }
      if (this.status.failed && performance.now() < this.retryAt) {
        return 'The last request failed; the next one is made in a moment.';
      }
    }
    return whyNot(place, trigger);
  }

  private start(turn: Turn, trigger: Trigger, place: Place): Generation {
    const question = surroundings(turn.context, turn.editor, place);
    const generation = new Generation(place, trigger, this.talk, {
      page: this.talk.page,
      trigger,
      ...question
    });
    if (trigger === 'ahead') {
      this.ahead = generation;
    } else {
      this.running = generation;
      this.status.asked(generation);
    }
    void generation.settled.then(() => this.ended(generation));
    return generation;
  }

  private ended(generation: Generation): void {
    const { end, text, place, firstText } = generation;
    if (generation.complete) {
      this.memory.keep(place, text, performance.now());
    }
    if (end?.reason === 'error' || end?.reason === 'no_model') {
      this.retryAt = performance.now() + RETRY_AFTER_ERROR_MS;
    }
    if (firstText !== null && generation.trigger !== 'ahead') {
      this.tempo.answer(firstText);
    }
    this.status.answered(generation);
    this.running = this.running === generation ? null : this.running;
    this.ahead = this.ahead === generation ? null : this.ahead;
  }

  /** A complete suggestion is shown: when the user is idle, ask for what would follow it. */
  private afterShown(turn: Turn, source: Source): void {
    const { place, editor } = turn;
    const rest = remainder(source.place, source.text, true, place);
    if (!rest || !source.complete) {
      return;
    }
    const accepted = { ...place, prefix: place.prefix + rest };
    clearTimeout(this.aheadTimer);
    this.aheadTimer = window.setTimeout(() => {
      const idle = turn === this.turn && this.inPlace && hasGhost(editor);
      const known = this.memory.find(accepted, performance.now());
      if (idle && !known && !this.running && !this.ahead && !this.status.paused) {
        this.start(turn, 'ahead', accepted);
      }
    }, IDLE_BEFORE_AHEAD_MS);
  }
}

function pause(milliseconds: number): Promise<void> {
  return milliseconds > 0
    ? new Promise(resolve => setTimeout(resolve, milliseconds))
    : Promise.resolve();
}
